//! A process that stops waits for what was asked for, and for nobody who keeps it waiting.

use chrono::TimeDelta;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::wire::{HTTP2, Wire};
use crate::support::{Socket, TestApp};

#[tokio::test]
async fn nobody_keeps_a_process_from_stopping() {
    let app = TestApp::start_with(&[("DRAIN_SECONDS", "2")]).await;
    let live = b"GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n";
    let half =
        b"POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{";
    let kinds: [&[u8]; 5] = [b"", b"GET / HTTP/1.1\r\nho", half, live, HTTP2];
    let mut wires = Vec::new();
    for says in kinds.iter().cycle().take(65) {
        let mut wire = Wire::connect(&app).await;
        wire.say(says).await;
        wires.push(wire);
    }
    app.request(Method::GET, "/health/live").send().await.unwrap();
    // It ends without an error only if all was done within DRAIN_SECONDS.
    app.stop().await;
    for mut wire in wires {
        wire.rest().await;
    }
}

#[tokio::test]
async fn it_says_that_it_stops_before_it_does() {
    let app = TestApp::start_with(&[("DRAIN_DELAY_SECONDS", "3"), ("DRAIN_SECONDS", "2")]).await;
    let member = app.member("Olga").await;
    let mut before = app.socket(&member).await;
    app.app.leaving.cancel();
    let ready = app.request(Method::GET, "/health/ready").send().await.unwrap();
    assert_eq!(ready.status(), 503);
    let ready: Value = ready.json().await.unwrap();
    assert_eq!(ready["checks"]["process"], "draining");
    // Until everybody has heard it, all goes on.
    app.app.clock.advance(TimeDelta::milliseconds(2_999));
    app.run(&member, "{ viewer { id } }", json!({})).await;
    let mut meanwhile = Socket::open(&app.url, Some(&member.token)).await;
    meanwhile.assert_heard().await;
    before.assert_heard().await;

    app.app.clock.advance(TimeDelta::milliseconds(1));
    for socket in [&mut before, &mut meanwhile] {
        assert_eq!(socket.closed().await.0, 1012);
    }
    app.stop().await;
}
