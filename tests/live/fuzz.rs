//! Whatever is sent, nothing panics, nothing fails inside, and every refusal has a code.

mod inputs;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::{Request, header};
use futures_util::{SinkExt as _, StreamExt as _};
use plant_care::entity::{CareRequestId, UserId};
use plant_care::graphql::Api;
use plant_care::live::{Cursor, Stream};
use plant_care::transport::server;
use plant_care::transport::websocket::message::FromClient;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use tower::ServiceExt as _;

use self::inputs::{document, mutated, value};
use crate::support::{Dice, Member, Socket, Story, TestApp, care_stream, dice};

static PANICS: AtomicUsize = AtomicUsize::new(0);

fn count_panics() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        PANICS.fetch_add(1, Ordering::SeqCst);
        before(panic);
    }));
}

/// Checks that nothing has panicked and that the server still answers.
async fn assert_well(app: &TestApp, member: &Member) {
    assert_eq!(PANICS.load(Ordering::SeqCst), 0, "something panicked");
    let data = app.run(member, "{ viewer { id } }", json!({})).await;
    assert_eq!(data["viewer"]["id"], member.id);
}

/// How many inputs there are of one kind.
fn times(short: usize, full: usize) -> usize {
    if dice::in_full() { full } else { short }
}

#[test]
fn no_message_and_no_cursor_makes_a_parser_panic() {
    for seed in dice::seeds(1, 1) {
        let mut dice = Dice::new(seed);
        let streams = [
            Stream::Board,
            Stream::Care(CareRequestId(uuid::Uuid::from_u128(7))),
            Stream::User(UserId(uuid::Uuid::from_u128(9))),
        ];
        for _ in 0..times(3_000, 600_000) {
            let text = message(&mut dice, "cursor");
            match FromClient::read(&text) {
                Ok(read) => assert!(serde_json::from_str::<&RawValue>(&text).is_ok(), "{read:?}"),
                Err(refusal) => assert!(!refusal.is_empty()),
            }
            let stream = *dice.of(&streams);
            let tail = dice.number().to_be_bytes();
            let seq = dice.between(0, i64::MAX - 1);
            let cursor = Cursor { stream, seq, tail }.encode();
            let damaged = mutated(&mut dice, cursor.as_bytes());
            let damaged = String::from_utf8_lossy(&damaged);
            for of in streams {
                // What is understood is what it says, and nothing else.
                if let Some(read) = Cursor::decode(&damaged, of) {
                    assert_eq!((read.stream, read.encode()), (of, damaged.to_string()));
                    assert!(read.seq >= 0);
                }
            }
        }
    }
}

#[tokio::test]
async fn no_body_makes_the_server_fail() {
    count_panics();
    let app = TestApp::start().await;
    let story = Story::in_progress(&app).await;
    let router = server::router(Api::new(app.app.clone()).unwrap());
    for seed in dice::seeds(1, 1) {
        let mut dice = Dice::new(seed);
        for _ in 0..times(1_500, 350_000) {
            let body = body(&mut dice, &story.request);
            assert_answered(&router, &story.owner, &mut dice, body).await;
        }
    }
    assert_well(&app, &story.owner).await;
}

/// Sends a body, and checks that the answer is one of ours.
async fn assert_answered(router: &Router, member: &Member, dice: &mut Dice, body: Vec<u8>) {
    let mut request = Request::post("/graphql").header(header::HOST, "localhost");
    if !dice.once_in(20) {
        request = request.header(header::CONTENT_TYPE, "application/json");
    }
    if dice.once_in(2) {
        request = request.header(header::AUTHORIZATION, format!("Bearer {}", member.token));
    }
    if dice.once_in(2) {
        request = request.header(header::ACCEPT, "application/graphql-response+json");
    }
    let mut request = request.body(Body::from(body.clone())).unwrap();
    let address: SocketAddr = "127.0.0.1:1".parse().unwrap();
    request.extensions_mut().insert(ConnectInfo(address));
    let shown = String::from_utf8_lossy(&body);
    let response = router.clone().oneshot(request).await.unwrap();
    let status = response.status();
    assert!(!status.is_server_error(), "{status}: {shown}");
    let answer = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    let answer: Value =
        serde_json::from_slice(&answer).unwrap_or_else(|_| panic!("not JSON, {status}: {shown}"));
    assert_coded(&answer["errors"], &shown);
    assert!(
        status.is_success() || answer["errors"].is_array(),
        "{status} without a word: {shown}"
    );
}

fn assert_coded(errors: &Value, input: &str) {
    for error in errors.as_array().into_iter().flatten() {
        let code = error["extensions"]["code"].as_str();
        let code = code.unwrap_or_else(|| panic!("no code: {error} for {input}"));
        assert_ne!(code, "INTERNAL", "{error} for {input}");
    }
}

#[tokio::test]
async fn no_frame_makes_the_server_fail() {
    count_panics();
    let app = TestApp::start().await;
    let story = Story::in_progress(&app).await;
    let cursor = story.water(1).await["cursor"].as_str().unwrap().to_owned();
    assert!(!care_stream(&story.request).is_empty());
    for seed in dice::seeds(1, 1) {
        let mut dice = Dice::new(seed);
        let mut socket = app.socket(&story.owner).await.into_inner();
        for _ in 0..times(1_000, 50_000) {
            let frame = match dice.below(20) {
                0 => Message::Binary(value(&mut dice, 2).to_string().into_bytes().into()),
                1 => Message::Ping(vec![7; dice.below(100)].into()),
                _ => Message::Text(message(&mut dice, &cursor).into()),
            };
            let shown = frame.to_string();
            // It answers a ping, or it closes with a code.
            let ping = json!({ "type": "ping", "payload": "end" }).to_string();
            let both = [frame, Message::Text(ping.into())].map(Ok);
            let is_open = socket
                .send_all(&mut futures_util::stream::iter(both))
                .await
                .is_ok();
            if !heard(&mut socket, &shown).await || !is_open {
                let fresh: Socket = app.socket(&story.owner).await;
                socket = fresh.into_inner();
            }
        }
        socket.close(None).await.ok();
    }
    assert_well(&app, &story.owner).await;
}

type Wire = tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>;

/// Reads until the pong: whether the connection is still open.
async fn heard(socket: &mut Wire, input: &str) -> bool {
    while let Some(Ok(frame)) = socket.next().await {
        match frame {
            Message::Text(text) => {
                let Ok(answer) = serde_json::from_str::<Value>(&text) else {
                    // A pong gives back what the ping carried, and JSON has numbers that are none of Rust's.
                    assert!(
                        text.starts_with(r#"{"type":"pong","#),
                        "not JSON: {text} for {input}"
                    );
                    continue;
                };
                assert_coded(&answer["payload"]["errors"], input);
                if answer["type"] == "error" {
                    assert_coded(&answer["payload"], input);
                }
                if answer == json!({ "type": "pong", "payload": "end" }) {
                    return true;
                }
            }
            Message::Close(frame) => {
                let code = u16::from(frame.expect("a close says why").code);
                assert!((4400..4500).contains(&code), "{code} for {input}");
            }
            _ => {}
        }
    }
    false
}

/// A message of the protocol, more or less.
fn message(dice: &mut Dice, cursor: &str) -> String {
    let kinds = [
        "connection_init",
        "subscribe",
        "subscribe",
        "complete",
        "ping",
        "pong",
        "next",
    ];
    let kind = *dice.of(&kinds);
    let payload = match dice.below(4) {
        0 => value(dice, 3),
        1 => json!({ "query": document(dice, cursor), "variables": value(dice, 2) }),
        _ => json!({ "query": document(dice, cursor) }),
    };
    let message = json!({ "type": kind, "id": format!("{}", dice.below(5)), "payload": payload }).to_string();
    match dice.below(3) {
        0 => message,
        1 => String::from_utf8_lossy(&mutated(dice, message.as_bytes())).into_owned(),
        _ if dice.once_in(3) => value(dice, 4).to_string(),
        _ => message,
    }
}

/// The body of a request, more or less.
fn body(dice: &mut Dice, request: &str) -> Vec<u8> {
    let query = document(dice, request);
    let body = match dice.below(5) {
        0 => json!({ "query": query, "variables": value(dice, 3), "operationName": value(dice, 1) }),
        1 => json!({ "query": query, "extensions": value(dice, 3) }),
        2 => value(dice, 4),
        3 => json!([{ "query": query }]),
        _ => json!({ "query": query, "variables": { "id": request, "n": dice.number() } }),
    };
    let body = body.to_string().into_bytes();
    match dice.below(12) {
        0 => (0..dice.below(200))
            .map(|_| dice.number().to_le_bytes()[0])
            .collect(),
        1 => "[".repeat(dice.below(3_000)).into_bytes(),
        2..6 => mutated(dice, &body),
        _ => body,
    }
}
