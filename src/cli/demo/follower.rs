//! A reader of one request's timeline who keeps her place.

use serde_json::{Value, json};
use url::Url;

use super::screen::EVENT;
use crate::client::{Client, ClientError, Subscription};

/// What a follower is told.
#[derive(Clone, Debug)]
pub(in crate::cli) enum Told {
    /// An event.
    Event(Value),
    /// The replay has reached the present.
    CaughtUp,
    /// Nothing but the position.
    Position,
    /// Entries are not to be had.
    Gap(String),
    /// There will be no more.
    Ended(String),
}

/// Follows a request, and remembers the last cursor it was told.
pub(in crate::cli) struct Follower {
    client: Client,
    request: String,
    /// The position after what was told last.
    pub(in crate::cli) cursor: Option<String>,
    subscription: Option<Subscription>,
}

impl Follower {
    /// A follower from a position on, who is not connected yet.
    pub(in crate::cli) fn new(client: Client, request: String, cursor: Option<String>) -> Self {
        Self {
            client,
            request,
            cursor,
            subscription: None,
        }
    }

    /// Connects, and goes on where it was.
    pub(in crate::cli) async fn connect(&mut self) -> Result<(), ClientError> {
        let query = format!(
            "subscription($id: ID!, $after: String) {{ careEvents(careRequestId: $id, after: $after) {{ __typename
                ... on CareEventDelivered {{ cursor event {{ {EVENT} }} }}
                ... on StreamCaughtUp {{ cursor }} ... on StreamPosition {{ cursor }}
                ... on StreamGap {{ to gap: reason }} ... on StreamEnded {{ end: reason }} }} }}"
        );
        let variables = json!({ "id": self.request, "after": self.cursor });
        self.subscription = Some(self.client.subscribe(&query, variables).await?);
        Ok(())
    }

    /// Cuts the connection, as a lost network does: without a word to the server.
    pub(in crate::cli) fn cut(&mut self) {
        self.subscription = None;
    }

    /// Whether there is a connection.
    pub(in crate::cli) fn connected(&self) -> bool {
        self.subscription.is_some()
    }

    /// The next thing it is told; while it is not connected, nothing ever.
    pub(in crate::cli) async fn next(&mut self) -> Result<Told, ClientError> {
        let Some(subscription) = &mut self.subscription else {
            return std::future::pending().await;
        };
        let Some(mut data) = subscription.next().await? else {
            return Err(ClientError::Closed {
                code: None,
                reason: "the server has completed the subscription".to_owned(),
            });
        };
        let mut message = data["careEvents"].take();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let cursor = message["cursor"].as_str().or_else(|| message["to"].as_str());
        if let Some(cursor) = cursor {
            self.cursor = Some(cursor.to_owned());
        }
        Ok(match message["__typename"].as_str() {
            Some("CareEventDelivered") => Told::Event(message["event"].take()),
            Some("StreamCaughtUp") => Told::CaughtUp,
            Some("StreamGap") => Told::Gap(text(&message["gap"])),
            Some("StreamEnded") => Told::Ended(text(&message["end"])),
            _ => Told::Position,
        })
    }
}

/// The GraphQL endpoint of the server at an address.
pub(in crate::cli) fn endpoint(server: &Url) -> Url {
    let mut url = server.clone();
    let path = server.path().trim_end_matches('/');
    if !path.ends_with("/graphql") {
        url.set_path(&format!("{path}/graphql"));
    }
    url
}
