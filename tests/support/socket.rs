//! A websocket that speaks `graphql-transport-ws`, frame by frame.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

/// How long a test waits for a message before it fails: far longer than any takes.
const PATIENCE: Duration = Duration::from_secs(20);

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
        let mut request = format!("{}/graphql", url.replace("http", "ws"))
            .into_client_request()
            .unwrap();
        request
            .headers_mut()
            .insert("Sec-WebSocket-Protocol", "graphql-transport-ws".parse().unwrap());
        Self(tokio_tungstenite::connect_async(request).await.unwrap().0)
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
        let query = "subscription($id: ID!, $after: String) { careEvents(careRequestId: $id, after: $after) {
            __typename
            ... on CareEventDelivered { cursor event { __typename id seq actor { displayName }
                ... on CareRecorded { taskKind amountMl note } ... on CommentAdded { comment { body } } } }
            ... on StreamCaughtUp { cursor } ... on StreamPosition { cursor }
            ... on StreamGap { from to reason } ... on StreamEnded { reason } } }";
        self.subscribe("1", query, json!({ "id": request, "after": after }))
            .await;
    }

    /// The next frame that is a message.
    pub(crate) async fn message(&mut self) -> Value {
        match self.frame().await {
            Message::Text(text) => serde_json::from_str(&text).unwrap(),
            frame => panic!("not a message: {frame:?}"),
        }
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
        let mut message = self.message().await;
        assert_eq!(message["type"], "next", "{message}");
        assert_eq!(message["payload"].get("errors"), None, "{message}");
        let data = message["payload"]["data"].as_object_mut().expect("an object");
        data.values_mut().next().expect("one field").take()
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
