//! Messages that are none of the protocol's.

use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use crate::support::raw::TEXT;
use crate::support::{Raw, Socket, TestApp};

/// What the server says to a frame, before and after `connection_init`.
async fn refusals(app: &TestApp, frame: &Message) -> [(u16, String); 2] {
    let member = app.member("Olga").await;
    let mut sockets = vec![Socket::connect(&app.url).await];
    sockets.push(app.socket(&member).await);
    let mut refusals = Vec::new();
    for socket in &mut sockets {
        socket.send_frame(frame.clone()).await;
        refusals.push(socket.closed().await);
    }
    refusals.try_into().unwrap()
}

#[tokio::test]
async fn what_is_no_message_closes_the_connection_and_says_why() {
    let app = TestApp::start_with(&[("LIMIT_REGISTRATIONS_PER_ADDRESS", "100")]).await;
    for (message, says) in [
        ("", "not understood"),
        ("{", "not understood"),
        ("[]", "not understood"),
        (r#"{"type":7}"#, "not understood"),
        (r#"{"id":"1"}"#, "type"),
        (r#"{"type":"start","id":"1"}"#, "no message of the type"),
        (r#"{"type":"connection_init","payload":[]}"#, "not an object"),
        (r#"{"type":"subscribe","payload":{"query":"{a}"}}"#, "no id"),
        (
            r#"{"type":"subscribe","id":7,"payload":{"query":"{a}"}}"#,
            "not understood",
        ),
        (
            r#"{"type":"subscribe","id":"","payload":{"query":"{a}"}}"#,
            "id is empty",
        ),
        (r#"{"type":"subscribe","id":"1"}"#, "no payload"),
        (r#"{"type":"subscribe","id":"1","payload":{}}"#, "no query"),
        (
            r#"{"type":"subscribe","id":"1","payload":{"query":7}}"#,
            "query must be a string",
        ),
        (
            r#"{"type":"subscribe","id":"1","payload":{"query":"{a}","variables":7}}"#,
            "variables must be an object",
        ),
        (r#"{"type":"complete"}"#, "no id"),
    ] {
        for (code, reason) in refusals(&app, &Message::text(message)).await {
            assert_eq!(code, 4400, "{message}");
            assert!(reason.contains(says), "{message}: {reason}");
            assert!(reason.len() <= 123, "{message}");
        }
    }
}

#[tokio::test]
async fn binary_messages_are_refused() {
    let app = TestApp::start().await;
    let frame = Message::binary(br#"{"type":"ping"}"#.to_vec());
    for refusal in refusals(&app, &frame).await {
        assert_eq!(refusal, (4400, "Messages are text, not binary.".to_owned()));
    }
}

#[tokio::test]
async fn frames_that_are_none_are_refused() {
    let app = TestApp::start().await;
    let mut raw = Raw::connect(&app.url, Some("graphql-transport-ws")).await;
    raw.send(TEXT, b"\xff\xfe").await;
    let (code, reason) = raw.closed().await;
    assert_eq!(code, 4400);
    assert!(reason.starts_with("This is no message: "), "{reason}");
}

#[tokio::test]
async fn a_reason_fits_a_close_frame_whatever_was_sent() {
    let app = TestApp::start().await;
    let kind = "é".repeat(500);
    let message = Message::text(json!({ "type": kind }).to_string());
    for (code, reason) in refusals(&app, &message).await {
        assert_eq!(code, 4400);
        assert!(matches!(reason.len(), 120..=123), "{reason}");
    }
}

#[tokio::test]
async fn a_message_of_64_kib_is_taken_and_a_larger_one_is_not() {
    let app = TestApp::start().await;
    // Some longer than the limit, some longer than what is read at all.
    for (bytes, fits) in [
        (64 * 1024, true),
        (64 * 1024 + 1, false),
        (300 * 1024, false),
        (2 * 1024 * 1024, false),
    ] {
        let mut socket = Socket::connect(&app.url).await;
        let ping = r#"{"type":"ping"}"#;
        let message = format!("{ping}{}", " ".repeat(bytes - ping.len()));
        // It may be refused before it was sent to its end.
        socket.try_send(Message::text(message)).await;
        if fits {
            assert_eq!(socket.message().await, json!({ "type": "pong" }));
        } else {
            let too_large = (4400, "A message is larger than 65536 bytes.".to_owned());
            assert_eq!(socket.closed().await, too_large, "{bytes}");
        }
    }
}
