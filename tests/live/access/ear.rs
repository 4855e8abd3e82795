//! A connection whose messages are kept, while its test does something else.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use tokio_tungstenite::tungstenite::Message;

use crate::support::{Socket, text};

/// How long an ear waits for what must come.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(20);

#[derive(Default)]
struct Heard {
    /// By the operation's id, in order.
    told: BTreeMap<String, Vec<Value>>,
    closed: Option<(u16, String)>,
}

pub(super) struct Ear {
    heard: Arc<Mutex<Heard>>,
    news: watch::Receiver<()>,
    say: mpsc::UnboundedSender<Value>,
    begun: Mutex<Vec<String>>,
}

impl Ear {
    pub(super) fn over(socket: Socket) -> Self {
        let (say, mut said) = mpsc::unbounded_channel::<Value>();
        let (tell, news) = watch::channel(());
        let heard: Arc<Mutex<Heard>> = Arc::default();
        let hearing = Arc::clone(&heard);
        let (mut sink, mut stream) = socket.into_inner().split();
        #[expect(clippy::disallowed_methods, reason = "a client is no part of the process")]
        tokio::spawn(async move {
            while let Some(message) = said.recv().await {
                // A connection that the server has closed takes no more.
                if sink
                    .send(Message::Text(message.to_string().into()))
                    .await
                    .is_err()
                {
                    return;
                }
            }
        });
        #[expect(clippy::disallowed_methods, reason = "a client is no part of the process")]
        tokio::spawn(async move {
            while let Some(Ok(frame)) = stream.next().await {
                match frame {
                    Message::Text(message) => {
                        let message: Value = serde_json::from_str(&message).unwrap();
                        let id = text(&message["id"]);
                        hearing.lock().unwrap().told.entry(id).or_default().push(message);
                    }
                    Message::Close(Some(frame)) => {
                        hearing.lock().unwrap().closed = Some((frame.code.into(), frame.reason.to_string()));
                    }
                    _ => {}
                }
                tell.send_replace(());
            }
        });
        Self {
            heard,
            news,
            say,
            begun: Mutex::default(),
        }
    }

    pub(super) fn feed(&self) {
        let query =
            "subscription { myFeed { __typename ... on FeedEventDelivered { cursor event { seq } } } }";
        self.subscribe("feed", query, &json!({}));
    }

    pub(super) fn follow(&self, id: &str, request: &str) {
        let query = "subscription($id: ID!) { careEvents(careRequestId: $id) { __typename
            ... on CareEventDelivered { cursor event { id seq } } ... on StreamEnded { reason } } }";
        self.subscribe(id, query, &json!({ "id": request }));
    }

    fn subscribe(&self, id: &str, query: &str, variables: &Value) {
        self.begun.lock().unwrap().push(id.to_owned());
        let payload = json!({ "query": query, "variables": variables });
        // Whoever was suspended tries in vain.
        let _sent = self
            .say
            .send(json!({ "id": id, "type": "subscribe", "payload": payload }));
    }

    /// What it was told so far, by the operation's id.
    pub(super) fn told(&self) -> BTreeMap<String, Vec<Value>> {
        self.heard.lock().unwrap().told.clone()
    }

    /// The code and reason with which it is closed.
    pub(super) async fn closed(&self) -> (u16, String) {
        self.until(|heard| heard.closed.is_some()).await;
        self.heard.lock().unwrap().closed.clone().unwrap()
    }

    /// Waits until each timeline has ended or come to entry `last`, and the feed to entry `feed`.
    pub(super) async fn until_answered(&self, last: i64, feed: i64) {
        let begun = self.begun.lock().unwrap().clone();
        self.until(|heard| {
            begun.iter().all(|id| {
                let told = heard.told.get(id).map(Vec::as_slice).unwrap_or_default();
                let end = told.last().map(|message| &message["type"]);
                let wanted = if id == "feed" { feed } else { last };
                let is_at_end = wanted == 0 || super::numbers(told).any(|seq| seq == wanted);
                is_at_end || end.is_some_and(|kind| kind == "complete" || kind == "error")
            })
        })
        .await;
        let told = self.told();
        let has_ended = |message: &Value| message["type"] != "next";
        assert!(
            !told.get("feed").is_some_and(|told| told.iter().any(has_ended)),
            "her feed lives on"
        );
    }

    async fn until(&self, is_so: impl Fn(&Heard) -> bool) {
        let mut news = self.news.clone();
        let waiting = async {
            while !is_so(&self.heard.lock().unwrap()) {
                news.changed().await.expect("the connection is open");
            }
        };
        let waited = tokio::time::timeout(PATIENCE, waiting).await;
        assert!(waited.is_ok(), "not told in time: {:?}", self.told());
    }
}
