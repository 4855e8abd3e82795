//! Where events come from.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use chrono::{DateTime, Days, Utc};
use plant_care_prove::api::{Api, Care, Member};
use plant_care_prove::failure::{Failure, Result};
use plant_care_prove::fan_out::{another, publish};
use plant_care_prove::figures::Clock;
use plant_care_prove::message::{Topic, note};
use plant_care_prove::pace::{self, Pace, Written};
use serde_json::{Value, json};

/// Where the requests of the board are: near none of those that the benchmark's data has.
pub const CELL: &str = "gcpvj0";
/// What the caretaker of such a request should know.
pub const INSTRUCTIONS: &str = "Water them twice a week, the fern every day.";

/// Where events come from.
#[derive(Clone, Debug)]
pub enum Source {
    /// Acts of care, recorded over HTTP on each of these requests in turn.
    Care(Arc<[Arc<Care>]>),
    /// Requests, published over HTTP.
    Board(Arc<Board>),
    /// An event that was seen, handed to a peer again and again.
    Posted(Event),
    /// The message in which it was seen, handed to the raw broadcast.
    Bytes(String),
}

/// Who publishes requests: each is for the same plant on another day.
#[derive(Debug)]
pub struct Board {
    /// Whose they are.
    pub owner: Member,
    /// For which plant.
    pub plant: String,
    /// How many there were.
    pub days: AtomicU64,
}

/// An event as a peer takes it, made of the message in which Plant Care told it.
#[derive(Clone, Debug)]
pub struct Event {
    topic: String,
    message: String,
}

impl Source {
    /// Writes at a pace; what a peer is handed is numbered on after `seq`.
    pub async fn write(
        &self,
        api: &Api,
        server: SocketAddr,
        pace: Pace,
        (clock, seq): (Clock, u64),
    ) -> Result<Written> {
        match self {
            Self::Care(cares) => {
                let mut cares = cares.iter().cycle().cloned();
                let written = pace::each(pace, clock, |moment| {
                    let (api, care) = (api.clone(), cares.next());
                    async move {
                        let care = care.ok_or_else(|| Failure::new("there is no request"))?;
                        Ok(api.record(server, &care, &note(moment, 32), None).await?)
                    }
                });
                written.await
            }
            Self::Board(board) => {
                let mut written = pace::each(pace, clock, |moment| {
                    let (api, board) = (api.clone(), Arc::clone(board));
                    async move { board.publish(&api, server, &note(moment, 32)).await }
                })
                .await?;
                written.last = seq + written.count;
                Ok(written)
            }
            Self::Posted(event) => {
                // In order, so over one connection; and over its own: one that was left alone for some seconds is closed by
                // a server just when it is used again.
                let own = Api::new()?;
                let written = pace::in_turn(pace, clock, seq, async |seq, moment| {
                    own.post(server, "/publish", &event.document(seq, moment)?).await
                });
                written.await
            }
            Self::Bytes(message) => publish(server, message, pace, clock, seq).await,
        }
    }
}

impl Board {
    /// Publishes a request with a title: how many there have been.
    pub async fn publish(&self, api: &Api, server: SocketAddr, title: &str) -> Result<u64> {
        let number = self.days.fetch_add(1, Ordering::Relaxed);
        let day = DateTime::<Utc>::from(SystemTime::now()).date_naive() + Days::new(number + 1);
        let input = json!({ "plantIds": [self.plant], "title": title, "mode": "AT_OWNER", "timezone": "UTC",
            "startsOn": day, "endsOn": day, "approxCell": CELL, "instructions": INSTRUCTIONS, "publish": true });
        let fields = "careRequest { id }";
        api.mutate(server, Some(&self.owner), "createCareRequest", input, fields)
            .await?;
        Ok(number + 1)
    }
}

impl Event {
    /// The event of a message, for the subscribers of a topic.
    pub fn new(topic: &Topic, message: &str) -> Self {
        let topic = match topic {
            Topic::Care(id) | Topic::Heavy(id, _) => format!("care:{id}"),
            Topic::Board(_) | Topic::Feed => "board".to_owned(),
        };
        Self {
            topic,
            message: message.to_owned(),
        }
    }

    /// What is posted: the same event with another number, where it has one, and another moment.
    pub fn document(&self, seq: u64, moment: u64) -> Result<Value> {
        if self.topic == "board" {
            let mut document = self.same()?;
            document["event"]["careRequest"]["title"] = json!(note(moment, 32));
            return Ok(document);
        }
        let message = another(&self.message, seq, moment)?;
        let topic = self.topic.clone();
        Self { topic, message }.same()
    }

    /// What is posted, with nothing changed.
    pub fn same(&self) -> Result<Value> {
        let mut message: Value = serde_json::from_str(&self.message)?;
        let data = &mut message["payload"]["data"];
        let event = if self.topic == "board" {
            let told = data["openCareRequests"].take();
            let request = &told["careRequest"];
            // Its instructions are there, and for its owner alone: the peer is to look at who follows.
            json!({ "cursor": told["cursor"], "careRequest": { "id": request["id"], "title": request["note"],
                "createdAt": request["recordedAt"], "instructions": INSTRUCTIONS, "ownerId": "somebody" } })
        } else {
            let mut told = data["careEvents"].take();
            let mut event = told["event"].take();
            event["cursor"] = told["cursor"].take();
            event
        };
        Ok(json!({ "topic": self.topic, "event": event }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CARE: &str = r#"{"type":"next","id":"1","payload":{"data":{"careEvents":{"__typename":"CareEventDelivered","cursor":"c1","event":{"id":"e1","seq":5,"recordedAt":"2026-11-23T08:00:00Z","note":"t=7 ............................"}}}}}"#;
    const BOARD: &str = r#"{"type":"next","id":"1","payload":{"data":{"openCareRequests":{"__typename":"BoardRequestChanged","cursor":"c1","careRequest":{"id":"r1","recordedAt":"2026-11-23T08:00:00Z","note":"t=7 ............................","instructions":null}}}}}"#;

    #[test]
    fn a_peer_is_handed_the_event_of_a_message() {
        let event = Event::new(&Topic::Care("q7".to_owned()), CARE);
        let wanted = json!({ "topic": "care:q7", "event": { "id": "e1", "seq": 6,
            "recordedAt": "2026-11-23T08:00:00Z", "note": note(8, 32), "cursor": "c1" } });
        assert_eq!(event.document(6, 8).unwrap(), wanted);
        assert_eq!(event.same().unwrap()["event"]["seq"], 5);
    }

    #[test]
    fn what_is_handed_for_the_board_has_instructions_that_strangers_do_not_see() {
        let event = Event::new(&Topic::Board(CELL), BOARD);
        let wanted = json!({ "topic": "board", "event": { "cursor": "c1", "careRequest": { "id": "r1",
            "title": note(8, 32), "createdAt": "2026-11-23T08:00:00Z", "instructions": INSTRUCTIONS,
            "ownerId": "somebody" } } });
        assert_eq!(event.document(6, 8).unwrap(), wanted);
        assert_eq!(
            event.same().unwrap()["event"]["careRequest"]["title"],
            note(7, 32)
        );
    }
}
