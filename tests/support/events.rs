//! A response of server-sent events, piece by piece.

use std::time::Duration;

use reqwest::{RequestBuilder, Response};
use serde_json::Value;

/// How long a test waits for an event before it fails: far longer than any takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// An open stream of events.
pub(crate) struct Events {
    response: Response,
    read: String,
}

/// One event, or a comment.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Event {
    pub(crate) name: String,
    pub(crate) id: Option<String>,
    pub(crate) data: String,
    pub(crate) comment: bool,
}

impl Event {
    /// The value of the one field that it tells.
    pub(crate) fn told(&self) -> Value {
        let mut answer: Value = serde_json::from_str(&self.data).unwrap();
        assert_eq!(answer.get("errors"), None, "{answer}");
        let data = answer["data"].as_object_mut().expect("an object");
        data.values_mut().next().expect("one field").take()
    }
}

impl Events {
    /// Opens a stream, which must be one.
    pub(crate) async fn open(request: RequestBuilder) -> Self {
        let response = request
            .header("accept", "text/event-stream")
            .send()
            .await
            .unwrap();
        assert_eq!(response.status().as_u16(), 200);
        assert_eq!(
            response.headers()["content-type"],
            "text/event-stream; charset=utf-8"
        );
        let read = String::new();
        Self { response, read }
    }

    /// The next event or comment; none if the stream has ended.
    pub(crate) async fn any(&mut self) -> Option<Event> {
        loop {
            if let Some((block, rest)) = self.read.split_once("\n\n") {
                let event = parse(block);
                self.read = rest.to_owned();
                return Some(event);
            }
            let chunk = tokio::time::timeout(PATIENCE, self.response.chunk())
                .await
                .expect("an event in time")
                .unwrap()?;
            self.read.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    /// The next event; none if the stream has ended.
    pub(crate) async fn next(&mut self) -> Option<Event> {
        loop {
            let event = self.any().await?;
            if !event.comment {
                return Some(event);
            }
        }
    }

    /// What the next event tells.
    pub(crate) async fn told(&mut self) -> Value {
        self.next().await.expect("an event").told()
    }
}

fn parse(block: &str) -> Event {
    let mut event = Event {
        comment: true,
        ..Event::default()
    };
    for line in block.lines() {
        let (field, value) = line.split_once(':').expect("a field");
        let value = value.trim_start().to_owned();
        match field {
            "event" => (event.name, event.comment) = (value, false),
            "id" => event.id = Some(value),
            "data" => event.data = value,
            _ => {}
        }
    }
    event
}
