//! The owner who looks on: she prints what arrives, and keeps account of it.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::follower::{Follower, Told};
use super::people::{Person, text};
use super::screen::Screen;
use super::{CliError, Pace};
use crate::client::ClientError;

/// How long an event may take to arrive before something is wrong.
const PATIENCE: Duration = Duration::from_secs(10);

/// An event's number in the timeline, and its id.
type Place = (Option<i64>, String);

/// Follows the request of one round.
pub(super) struct Witness<'a> {
    pub(super) screen: &'a Screen,
    pace: Pace,
    follower: Follower,
    request: String,
    /// The ids of the events in the order in which they came, with their numbers.
    seen: Vec<Place>,
    /// From sending each act to its arrival.
    pub(super) latencies: Vec<Duration>,
    /// The server's time of the last event.
    pub(super) time: Option<String>,
}

impl<'a> Witness<'a> {
    /// Follows a request from the beginning.
    pub(super) async fn of(
        owner: &Person,
        request: &str,
        screen: &'a Screen,
        pace: Pace,
    ) -> Result<Self, CliError> {
        let follower = Follower::new(owner.client.clone(), request.to_owned(), None);
        let mut witness = Self {
            screen,
            pace,
            follower,
            request: request.to_owned(),
            seen: Vec::new(),
            latencies: Vec::new(),
            time: None,
        };
        witness.connect().await?;
        Ok(witness)
    }

    /// Connects where she was, and shows what she has missed: so many events.
    pub(super) async fn connect(&mut self) -> Result<usize, CliError> {
        self.follower.connect().await?;
        let before = self.seen.len();
        let deadline = Instant::now() + PATIENCE;
        loop {
            match soon(deadline, self.follower.next()).await? {
                Told::Event(event) => self.arrived(&event, "missed")?,
                Told::CaughtUp => return Ok(self.seen.len() - before),
                told => Self::other(&told)?,
            }
        }
    }

    /// Loses her connection.
    pub(super) fn cut(&mut self) {
        self.follower.cut();
    }

    /// Has somebody do something that is in the timeline, and waits until she has seen it, if she can.
    pub(super) async fn sees(
        &mut self,
        act: impl Future<Output = Result<Value, ClientError>>,
    ) -> Result<Value, CliError> {
        let sent = Instant::now();
        let mut act = std::pin::pin!(act);
        let mut payload = None;
        loop {
            let written = payload.as_ref().map(|payload: &Value| payload["cursor"].as_str());
            if let Some(cursor) = written
                && (!self.follower.connected() || cursor == self.follower.cursor.as_deref())
            {
                return Ok(payload.take().unwrap_or_default());
            }
            tokio::select! {
                answer = &mut act, if payload.is_none() => payload = Some(answer?),
                told = soon(sent + PATIENCE, self.follower.next()) => match told? {
                    Told::Event(event) => {
                        let latency = sent.elapsed();
                        self.latencies.push(latency);
                        self.arrived(&event, &format!("{} ms", latency.as_millis()))?;
                    }
                    told => Self::other(&told)?,
                },
            }
        }
    }

    /// Time to read. Whatever arrives in it that nobody sent is shown, too, and found in the end.
    pub(super) async fn pause(&mut self, milliseconds: u64) -> Result<(), CliError> {
        let until = Instant::now() + self.pace.of(milliseconds);
        loop {
            tokio::select! {
                () = tokio::time::sleep_until(until) => return Ok(()),
                told = self.follower.next() => match told? {
                    Told::Event(event) => self.arrived(&event, "?")?,
                    told => Self::other(&told)?,
                },
            }
        }
    }

    /// Compares what she saw with what the server has, and says how many events it was.
    pub(super) async fn account(&self, owner: &Person) -> Result<usize, CliError> {
        let query = "query($id: ID!) { careRequest(id: $id) { timeline(first: 100) {
            totalCount edges { node { id seq } } } } }";
        let data = owner.client.run(query, json!({ "id": self.request })).await?;
        let timeline = &data["careRequest"]["timeline"];
        let stored: Vec<_> = timeline["edges"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|edge| (edge["node"]["seq"].as_i64(), text(&edge["node"]["id"])))
            .collect();
        if !whole(&self.seen, &stored, timeline["totalCount"].as_u64()) {
            let numbers: Vec<_> = self.seen.iter().map(|(seq, _)| seq.unwrap_or(0)).collect();
            return Err(CliError::Domain(format!(
                "the live timeline was not whole: {} events are stored, and what arrived was {numbers:?}",
                stored.len()
            )));
        }
        Ok(stored.len())
    }

    fn arrived(&mut self, event: &Value, remark: &str) -> Result<(), CliError> {
        self.seen.push((event["seq"].as_i64(), text(&event["id"])));
        self.time = Some(text(&event["recordedAt"]));
        Ok(self.screen.event(event, remark, false)?)
    }

    fn other(told: &Told) -> Result<(), CliError> {
        match told {
            Told::Gap(reason) => Err(CliError::Domain(format!("the server told of a gap: {reason}"))),
            Told::Ended(reason) => Err(CliError::Domain(format!("the stream ended: {reason}"))),
            _ => Ok(()),
        }
    }
}

/// Whether what was seen is all that is stored, in its order, each once, and numbered from 1 without a hole.
fn whole(seen: &[Place], stored: &[Place], total: Option<u64>) -> bool {
    let dense = seen.iter().zip(1..).all(|((seq, _), n)| *seq == Some(n));
    dense && seen == stored && total == u64::try_from(stored.len()).ok()
}

async fn soon<T>(
    deadline: Instant,
    work: impl Future<Output = Result<T, ClientError>>,
) -> Result<T, CliError> {
    match tokio::time::timeout_at(deadline, work).await {
        Ok(outcome) => Ok(outcome?),
        Err(_) => Err(CliError::Domain(format!(
            "an event did not arrive within {} seconds",
            PATIENCE.as_secs()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hole_a_double_a_swap_and_a_missing_end_are_all_found() {
        let places = |numbers: &[i64]| -> Vec<Place> {
            numbers.iter().map(|n| (Some(*n), format!("event {n}"))).collect()
        };
        let stored = places(&[1, 2, 3]);
        assert!(whole(&places(&[1, 2, 3]), &stored, Some(3)));
        for broken in [
            &[1, 3][..],
            &[1, 2, 2, 3],
            &[2, 1, 3],
            &[1, 2],
            &[1, 2, 3, 4],
            &[],
        ] {
            assert!(!whole(&places(broken), &stored, Some(3)), "{broken:?}");
        }
        assert!(!whole(&stored, &stored, Some(4)));
    }
}
