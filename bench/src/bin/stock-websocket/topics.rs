//! Publishes to, and follows, topics in memory: `care:<id of the request>` and `board`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_graphql::futures_util::{Stream, stream};
use serde::Deserialize;
use tokio::sync::broadcast::{self, Receiver, Sender, error::RecvError};

use crate::schema::{BoardRequestChanged, CareEventDelivered, CareRecorded, CareRequest};

/// Events that a subscriber may be behind.
const BEHIND: usize = 4096;
/// The topic of the board.
pub(crate) const BOARD: &str = "board";

/// What is published.
#[derive(Debug, Deserialize)]
pub(crate) struct Published {
    topic: String,
    event: Event,
}

/// An event, as it is posted.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Event {
    #[serde(rename_all = "camelCase")]
    Board {
        cursor: String,
        care_request: CareRequest,
    },
    Care {
        cursor: String,
        #[serde(flatten)]
        event: CareRecorded,
    },
}

/// What is told to the followers of a topic.
#[derive(Clone, Debug)]
pub(crate) enum Told {
    Care(CareEventDelivered),
    Board(BoardRequestChanged),
}

/// All topics that are followed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Topics(Arc<Mutex<HashMap<String, Sender<Told>>>>);

impl Topics {
    pub(crate) fn publish(&self, Published { topic, event }: Published) {
        let told = match event {
            Event::Board { cursor, care_request } => {
                Told::Board(BoardRequestChanged { cursor, care_request })
            }
            Event::Care { cursor, event } => Told::Care(CareEventDelivered {
                cursor,
                event: event.into(),
            }),
        };
        if let Some(sender) = self.topics().get(&topic) {
            // Its followers may be gone.
            drop(sender.send(told));
        }
    }

    /// What is published to a topic from now on.
    pub(crate) fn follow(&self, topic: String) -> impl Stream<Item = Told> + use<> {
        let receiver = self
            .topics()
            .entry(topic)
            .or_insert_with(|| broadcast::channel(BEHIND).0)
            .subscribe();
        stream::unfold(receiver, next)
    }

    fn topics(&self) -> MutexGuard<'_, HashMap<String, Sender<Told>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn next(mut receiver: Receiver<Told>) -> Option<(Told, Receiver<Told>)> {
    loop {
        match receiver.recv().await {
            Ok(told) => return Some((told, receiver)),
            // What it has missed is missing in the figures.
            Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return None,
        }
    }
}
