//! A websocket that speaks `graphql-transport-ws`, frame by frame.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

/// How long a test waits for a message before it fails: far longer than any takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// An open websocket whose `connection_init` was acknowledged.
pub(crate) struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    /// Connects and initialises, with a token or without.
    pub(crate) async fn open(url: &str, token: Option<&str>) -> Self {
        let mut socket = Self::connect(url).await;
        let payload = token.map_or(
            json!({}),
            |token| json!({ "authorization": format!("Bearer {token}") }),
        );
        socket
            .send(json!({ "type": "connection_init", "payload": payload }))
            .await;
        assert_eq!(socket.message().await["type"], "connection_ack");
        socket
    }

    /// Connects and says nothing.
    pub(crate) async fn connect(url: &str) -> Self {
        Self::connect_with(url, &[]).await.unwrap()
    }

    /// Connects with some headers, or does not.
    pub(crate) async fn connect_with(url: &str, headers: &[(&'static str, &str)]) -> Result<Self, Error> {
        let mut request = format!("{}/graphql", url.replace("http", "ws")).into_client_request()?;
        let protocol = ("Sec-WebSocket-Protocol", "graphql-transport-ws");
        for (name, value) in headers.iter().chain([&protocol]) {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        Ok(Self(tokio_tungstenite::connect_async(request).await?.0))
    }

    /// Tries to connect with some headers, and gives the status with which it was refused.
    pub(crate) async fn refused_to(url: &str, headers: &[(&'static str, &str)]) -> u16 {
        match Self::connect_with(url, headers).await {
            Err(Error::Http(response)) => response.status().as_u16(),
            Err(error) => panic!("not refused but failed: {error}"),
            Ok(_) => panic!("not refused"),
        }
    }

    /// Closes the connection and waits until the server has, too.
    pub(crate) async fn close(mut self) {
        self.0.close(None).await.unwrap();
        while let Some(Ok(_)) = self.0.next().await {}
    }

    /// Sends a frame as it is.
    pub(crate) async fn send_frame(&mut self, frame: Message) {
        self.0.send(frame).await.unwrap();
    }

    /// Sends a frame that the server may refuse before it has it.
    pub(crate) async fn try_send(&mut self, frame: Message) {
        if let Err(error) = self.0.send(frame).await {
            assert!(matches!(error, Error::Io(_)), "{error}");
        }
    }

    /// Sends a message.
    pub(crate) async fn send(&mut self, message: Value) {
        self.0.send(Message::text(message.to_string())).await.unwrap();
    }

    /// Starts an operation under an id.
    pub(crate) async fn subscribe(&mut self, id: &str, query: &str, variables: Value) {
        let payload = json!({ "query": query, "variables": variables });
        self.send(json!({ "id": id, "type": "subscribe", "payload": payload }))
            .await;
    }

    /// Follows a request's timeline as the operation `1`.
    pub(crate) async fn follow(&mut self, request: &str, after: Option<&str>) {
        self.follow_as("1", request, after).await;
    }

    /// Follows a request's timeline under an id.
    pub(crate) async fn follow_as(&mut self, id: &str, request: &str, after: Option<&str>) {
        let query = "subscription($id: ID!, $after: String) { careEvents(careRequestId: $id, after: $after) {
            __typename
            ... on CareEventDelivered { cursor event { __typename id seq actor { displayName }
                ... on CareRecorded { taskKind amountMl note } ... on CommentAdded { comment { body } } } }
            ... on StreamCaughtUp { cursor } ... on StreamPosition { cursor }
            ... on StreamGap { from to reason } ... on StreamEnded { endReason: reason } } }";
        self.subscribe(id, query, json!({ "id": request, "after": after }))
            .await;
    }

    /// Follows the member's feed as the operation `1`.
    pub(crate) async fn follow_feed(&mut self, after: Option<&str>, min_level: Option<&str>) {
        let query = "subscription($after: String, $minLevel: FeedLevel) { myFeed(after: $after, minLevel: $minLevel) {
            __typename
            ... on FeedEventDelivered { cursor level event { __typename id seq actor { displayName } } }
            ... on FeedReadMoved { unread }
            ... on StreamCaughtUp { cursor } ... on StreamPosition { cursor }
            ... on StreamGap { from to reason } ... on StreamEnded { endReason: reason } } }";
        self.subscribe("1", query, json!({ "after": after, "minLevel": min_level }))
            .await;
    }

    /// The connection itself.
    pub(crate) fn into_inner(self) -> WebSocketStream<MaybeTlsStream<TcpStream>> {
        self.0
    }

    /// The next frame that is a message; pings of the connection itself are answered by the library.
    pub(crate) async fn message(&mut self) -> Value {
        serde_json::from_str(&self.frame_that_tells().await).unwrap()
    }

    /// The [`message`](Self::message) as it stands.
    pub(crate) async fn frame_that_tells(&mut self) -> String {
        loop {
            match self.frame().await {
                Message::Text(text) => return text.to_string(),
                Message::Ping(_) => {}
                frame => panic!("not a message: {frame:?}"),
            }
        }
    }

    /// Why the server closed the connection: the code and the reason of the next frame.
    pub(crate) async fn closed(&mut self) -> (u16, String) {
        match self.frame().await {
            Message::Close(Some(frame)) => (frame.code.into(), frame.reason.to_string()),
            frame => panic!("not closed: {frame:?}"),
        }
    }

    /// [`closed`](Self::closed), after whatever pings came before.
    pub(crate) async fn closed_after_pings(&mut self) -> (u16, String) {
        loop {
            match self.frame().await {
                Message::Ping(_) => {}
                Message::Close(Some(frame)) => return (frame.code.into(), frame.reason.to_string()),
                frame => panic!("not closed: {frame:?}"),
            }
        }
    }

    /// Asks whether the server hears: whatever was sent before, it has taken.
    pub(crate) async fn assert_heard(&mut self) {
        self.send(json!({ "type": "ping", "payload": { "still": "there" } }))
            .await;
        let pong = json!({ "type": "pong", "payload": { "still": "there" } });
        assert_eq!(self.message().await, pong);
    }

    /// The next frame.
    pub(crate) async fn frame(&mut self) -> Message {
        let frame = tokio::time::timeout(PATIENCE, self.0.next())
            .await
            .expect("a frame in time");
        frame.expect("the socket is open").expect("a whole frame")
    }

    /// The next thing that a subscription tells: the value of its one field.
    pub(crate) async fn told(&mut self) -> Value {
        self.told_by().await.1
    }

    /// The next thing that some subscription tells, and the subscription's id.
    pub(crate) async fn told_by(&mut self) -> (String, Value) {
        let mut message = self.message().await;
        assert_eq!(message["type"], "next", "{message}");
        assert_eq!(message["payload"].get("errors"), None, "{message}");
        let id = super::text(&message["id"]);
        let data = message["payload"]["data"].as_object_mut().expect("an object");
        (id, data.values_mut().next().expect("one field").take())
    }

    /// The refusal of a subscription: the `errors` of its one message.
    pub(crate) async fn refusal(&mut self) -> Value {
        let message = self.message().await;
        let errors = match message["type"].as_str() {
            Some("next") => {
                assert_eq!(self.message().await["type"], "complete");
                message["payload"]["errors"].clone()
            }
            Some("error") => message["payload"].clone(),
            _ => panic!("not a refusal: {message}"),
        };
        json!({ "errors": errors })
    }

    /// Events until the one with a number has come: the numbers, in the order in which they came.
    pub(crate) async fn numbers_until(&mut self, last: i64) -> Vec<i64> {
        let mut numbers = Vec::new();
        while numbers.last() != Some(&last) {
            let told = self.told().await;
            match told["__typename"].as_str() {
                Some("CareEventDelivered") => numbers.push(told["event"]["seq"].as_i64().expect("a number")),
                Some("StreamCaughtUp") => {}
                _ => panic!("unexpected: {told}"),
            }
        }
        numbers
    }

    /// What a subscription tells until it has caught up: the events, and the cursor then.
    pub(crate) async fn replay(&mut self) -> (Vec<Value>, String) {
        let mut events = Vec::new();
        loop {
            let told = self.told().await;
            if told["__typename"] == "StreamCaughtUp" {
                return (events, super::text(&told["cursor"]));
            }
            events.push(told);
        }
    }
}
