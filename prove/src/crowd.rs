//! A crowd of subscribers that look on, measure and check.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::failure::{Result, ensure, fail};
use crate::figures::{Clock, Latencies};
use crate::message::{Kind, Message, Topic};
use crate::socket::Socket;

/// Connections that are being made at once.
pub const DOOR: usize = 128;
const FOR_EVER: u64 = u64::MAX;
const AT_ONCE: u64 = 0;

/// Where a subscriber begins.
#[derive(Clone, Debug)]
pub struct Place {
    /// Which server.
    pub server: SocketAddr,
    /// As whom.
    pub token: String,
    /// What.
    pub topic: Topic,
    /// After which place.
    pub after: Option<String>,
    /// The number of the entry at that place.
    pub seq: u64,
}

/// Whether entries come as 1, 2, 3.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sequence {
    /// The newest number.
    pub last: u64,
    /// How many came.
    pub events: u64,
    /// How many were left out.
    pub holes: u64,
    /// How many came again, or late.
    pub doubles: u64,
}

impl Sequence {
    /// One that goes on after a number.
    pub fn after(last: u64) -> Self {
        Self {
            last,
            ..Self::default()
        }
    }

    /// An entry came.
    pub fn saw(&mut self, seq: u64) {
        self.events += 1;
        if seq <= self.last {
            self.doubles += 1;
            return;
        }
        self.holes += seq - self.last - 1;
        self.last = seq;
    }

    /// Whether nothing is wrong with it.
    pub fn is_whole(&self) -> bool {
        self.holes == 0 && self.doubles == 0
    }
}

/// One delivery, in microseconds.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// When its writer was to send it.
    pub scheduled: u64,
    /// From then to its receipt.
    pub latency: u64,
    /// From the server's `recordedAt`, which is before its commit, to its receipt.
    pub since_recorded: u64,
}

/// What one subscriber saw.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// The order of what came.
    pub sequence: Sequence,
    /// Each delivery that told when it was scheduled.
    pub samples: Vec<Sample>,
    /// Where it would come back.
    pub cursor: Option<String>,
    /// The last event, whole.
    pub event: String,
    /// Why it did not stay to the end, if it did not.
    pub lost: Option<String>,
}

/// Subscribers that have caught up and stay.
#[derive(Debug)]
pub struct Crowd {
    tasks: JoinSet<Tally>,
    goal: watch::Sender<u64>,
}

impl Crowd {
    /// Gathers it: each subscriber has caught up when this ends.
    pub async fn gather(places: Vec<Place>, clock: Clock) -> Result<Self> {
        let door = Arc::new(Semaphore::new(DOOR));
        let (goal, goals) = watch::channel(FOR_EVER);
        let (ready, mut readies) = mpsc::unbounded_channel();
        let count = places.len();
        let mut tasks = JoinSet::new();
        for place in places {
            let (door, ready, goals) = (Arc::clone(&door), ready.clone(), goals.clone());
            tasks.spawn(async move {
                let mut tally = Tally {
                    sequence: Sequence::after(place.seq),
                    ..Tally::default()
                };
                if let Err(reason) = stay(&place, &door, &ready, goals, clock, &mut tally).await {
                    tally.lost = Some(reason.to_string());
                }
                tally
            });
        }
        drop(ready);
        let crowd = Self { tasks, goal };
        crowd.all_ready(count, &mut readies).await
    }

    async fn all_ready(mut self, count: usize, readies: &mut mpsc::UnboundedReceiver<()>) -> Result<Self> {
        let mut ready = 0;
        while ready < count {
            tokio::select! {
                biased;
                Some(()) = readies.recv() => ready += 1,
                Some(left) = self.tasks.join_next() => {
                    let why = left?.lost.unwrap_or_default();
                    return fail(format!("a subscriber of {count} did not catch up: {why}"));
                }
            }
        }
        Ok(self)
    }

    /// Waits until each has seen an entry of this number, or `patience` is over, and ends it.
    pub async fn leave(mut self, goal: u64, patience: Duration) -> Result<Vec<Tally>> {
        let mut tallies = Vec::with_capacity(self.tasks.len());
        self.goal.send_replace(goal.max(1));
        let all = async {
            while let Some(tally) = self.tasks.join_next().await {
                tallies.push(tally?);
            }
            Result::Ok(())
        };
        if let Ok(ended) = timeout(patience, all).await {
            ended?;
        }
        self.goal.send_replace(AT_ONCE);
        while let Some(tally) = self.tasks.join_next().await {
            tallies.push(tally?);
        }
        Ok(tallies)
    }
}

async fn stay(
    place: &Place,
    door: &Semaphore,
    ready: &mpsc::UnboundedSender<()>,
    mut goals: watch::Receiver<u64>,
    clock: Clock,
    tally: &mut Tally,
) -> Result<()> {
    let permit = door.acquire().await?;
    let mut socket = Socket::open(place.server, &place.token).await?;
    socket
        .subscribe("1", &place.topic.payload(place.after.as_deref()))
        .await?;
    let mut waiting = Some(permit);
    loop {
        if tally.sequence.last >= *goals.borrow_and_update() {
            return Ok(());
        }
        let text = tokio::select! {
            text = socket.text() => text?,
            changed = goals.changed() => { changed?; continue; }
        };
        let message = Message::read(&text);
        match message.kind {
            Kind::Event => tally.saw(&message, clock),
            Kind::CaughtUp if waiting.take().is_some() => ready.send(())?,
            Kind::Position | Kind::ReadMoved | Kind::Other => {}
            _ => return fail(format!("unexpected: {text}")),
        }
    }
}

impl Tally {
    fn saw(&mut self, message: &Message<'_>, clock: Clock) {
        // Where entries have no numbers it can only be counted how many came.
        self.sequence.saw(message.seq().unwrap_or(self.sequence.last + 1));
        if let Some(scheduled) = message.scheduled() {
            let now = clock.micros();
            self.samples.push(Sample {
                scheduled,
                latency: now.saturating_sub(scheduled),
                since_recorded: now.saturating_sub(message.recorded().unwrap_or(now)),
            });
        }
        if self.event.is_empty() {
            message.text.clone_into(&mut self.event);
        }
        self.cursor = message.cursor().map(ToOwned::to_owned);
    }
}

/// Fails unless each stayed to the end and saw all up to `goal` in order.
pub fn check(tallies: &[Tally], goal: u64) -> Result<()> {
    if let Some(why) = tallies.iter().find_map(|tally| tally.lost.as_ref()) {
        let count = tallies.iter().filter(|tally| tally.lost.is_some()).count();
        return fail(format!(
            "{count} of {} subscribers were lost: {why}",
            tallies.len()
        ));
    }
    let broken = tallies.iter().find(|tally| !tally.sequence.is_whole());
    ensure(broken.is_none(), || {
        format!("a stream was not whole: {:?}", broken.map(|tally| tally.sequence))
    })?;
    let late = tallies.iter().filter(|tally| tally.sequence.last < goal).count();
    ensure(late == 0, || {
        format!(
            "{late} of {} subscribers did not get all {goal} entries",
            tallies.len()
        )
    })
}

/// The latencies of the deliveries that were scheduled within a time: since then, and since `recordedAt`.
pub fn latencies(tallies: &[Tally], from: u64, to: u64) -> (Latencies, Latencies) {
    let samples = tallies
        .iter()
        .flat_map(|tally| &tally.samples)
        .filter(|sample| (from..to).contains(&sample.scheduled));
    let (scheduled, recorded) = samples
        .map(|sample| (sample.latency, sample.since_recorded))
        .unzip();
    (Latencies::new(scheduled), Latencies::new(recorded))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_and_doubles_are_counted() {
        let mut sequence = Sequence::after(4);
        for seq in [5, 6, 6, 9, 8, 10] {
            sequence.saw(seq);
        }
        assert_eq!((sequence.last, sequence.events), (10, 6));
        assert_eq!((sequence.holes, sequence.doubles), (2, 2));
        assert!(!sequence.is_whole());
    }
}
