//! The protocol `graphql-transport-ws`, frame by frame: what a client may rely on, whatever it sends.

#[cfg(test)]
mod deadlines;
#[cfg(test)]
mod drain;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod messages;
#[cfg(test)]
mod operations;
#[cfg(test)]
mod sessions;
#[cfg(test)]
mod slow;

use serde_json::json;

use crate::support::{Raw, Socket, TestApp};

#[tokio::test]
async fn whoever_speaks_another_protocol_is_told_so() {
    let app = TestApp::start().await;
    for protocol in [None, Some("graphql-ws"), Some("chat, mqtt")] {
        let mut raw = Raw::connect(&app.url, protocol).await;
        assert_eq!(
            raw.closed().await,
            (4406, "Subprotocol not acceptable".to_owned()),
            "{protocol:?}"
        );
    }
    let mut raw = Raw::connect(&app.url, Some("chat, graphql-transport-ws")).await;
    raw.say(json!({ "type": "ping" })).await;
    assert_eq!(raw.frame().await.unwrap().1, br#"{"type":"pong"}"#);
}

#[tokio::test]
async fn a_connection_is_initialised_once() {
    let app = TestApp::start().await;
    let member = app.member("Olga").await;
    for mut socket in [app.socket(&member).await, Socket::open(&app.url, None).await] {
        socket.send(json!({ "type": "connection_init" })).await;
        assert_eq!(
            socket.closed().await,
            (4429, "Too many initialisation requests".to_owned())
        );
    }
    // Both before the first was answered.
    let mut socket = Socket::connect(&app.url).await;
    socket.send(json!({ "type": "connection_init" })).await;
    socket.send(json!({ "type": "connection_init" })).await;
    assert_eq!(socket.message().await["type"], "connection_ack");
    assert_eq!(socket.closed().await.0, 4429);
}

#[tokio::test]
async fn nothing_is_run_before_the_connection_is_acknowledged() {
    let app = TestApp::start().await;
    let mut socket = Socket::connect(&app.url).await;
    socket.subscribe("1", "{ __typename }", json!({})).await;
    assert_eq!(socket.closed().await, (4401, "Unauthorized".to_owned()));
}

#[tokio::test]
async fn a_token_that_is_no_good_is_refused() {
    let app = TestApp::start().await;
    let member = app.member("Olga").await;
    let damaged = format!("{}x", member.token);
    for authorization in [
        format!("Bearer {damaged}"),
        "Bearer".to_owned(),
        format!("Basic {}", member.token),
        member.token.clone(),
    ] {
        let mut socket = Socket::connect(&app.url).await;
        let payload = json!({ "authorization": authorization });
        socket
            .send(json!({ "type": "connection_init", "payload": payload }))
            .await;
        assert_eq!(
            socket.closed().await,
            (4403, "the token is not valid".to_owned()),
            "{authorization}"
        );
    }
    // The header's usual spelling is as good.
    let mut socket = Socket::connect(&app.url).await;
    let payload = json!({ "Authorization": format!("Bearer {}", member.token) });
    socket
        .send(json!({ "type": "connection_init", "payload": payload }))
        .await;
    assert_eq!(socket.message().await, json!({ "type": "connection_ack" }));
    socket.subscribe("1", "{ viewer { id } }", json!({})).await;
    assert_eq!(
        socket.message().await["payload"]["data"]["viewer"]["id"],
        member.id
    );
}

#[tokio::test]
async fn a_ping_is_answered_with_its_payload_at_any_time() {
    let app = TestApp::start().await;
    let mut socket = Socket::connect(&app.url).await;
    socket.assert_heard().await;
    socket.send(json!({ "type": "ping" })).await;
    assert_eq!(socket.message().await, json!({ "type": "pong" }));
    // A pong that nobody asked for is no mistake.
    socket
        .send(json!({ "type": "pong", "payload": { "a": 1 } }))
        .await;
    socket.send(json!({ "type": "connection_init" })).await;
    assert_eq!(socket.message().await, json!({ "type": "connection_ack" }));
    socket.assert_heard().await;
}

#[tokio::test]
async fn pages_of_foreign_origins_are_refused() {
    let app = TestApp::start().await;
    let refused = Socket::refused_to(&app.url, &[("Origin", "https://evil.example")]).await;
    assert_eq!(refused, 403);
    let own = [("Origin", app.url.as_str())];
    Socket::connect_with(&app.url, &own)
        .await
        .unwrap()
        .assert_heard()
        .await;
}
