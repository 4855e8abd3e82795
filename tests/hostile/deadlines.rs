//! How long each kind of peer may keep a connection.

use serde_json::json;

use crate::support::wire::{self, HTTP2, Wire};
use crate::support::{Raw, TestApp, raw, until};

use super::{a_second_passes, large};

const LIVE: &str = "GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n";

async fn given_up(app: &TestApp, with: &str) -> i64 {
    let series = format!("plant_care_connections_given_up_total{{reason=\"{with}\"}}");
    app.metrics().await.value(&series)
}

#[tokio::test]
async fn who_does_not_say_what_it_wants_is_closed_after_ten_seconds() {
    for begins in ["", "G", "GET /health/live HTTP/1.1\r\nhost: x\r\n"] {
        let app = TestApp::start().await;
        let mut wire = Wire::connect(&app).await;
        wire.say(begins).await;
        let ended = wire.ends(&app, 12, async |_, _| {}).await;
        assert!((10..=11).contains(&ended.after), "{begins:?}: {ended:?}");
        assert_eq!(given_up(&app, "head").await, 1);
    }
}

#[tokio::test]
async fn a_line_every_six_seconds_gives_no_more_time() {
    let app = TestApp::start().await;
    let mut wire = Wire::connect(&app).await;
    wire.say("GET /health/live HTTP/1.1\r\n").await;
    let ended = wire.ends(&app, 12, async |wire, second| {
        if second % 6 == 0 {
            wire.say("x-more: 1\r\n").await;
        }
    });
    assert!((10..=11).contains(&ended.await.after));
    // Nor does it in a later request.
    let mut wire = Wire::connect(&app).await;
    wire.say(LIVE).await;
    assert_eq!(wire.answer().await.0, 200);
    wire.say("GET /health/live HTTP/1.1\r\n").await;
    let ended = wire.ends(&app, 12, async |wire, second| {
        if second % 6 == 0 {
            wire.say("x-more: 1\r\n").await;
        }
    });
    assert!((10..=11).contains(&ended.await.after));
    assert_eq!(given_up(&app, "head").await, 2);
}

#[tokio::test]
async fn a_head_is_as_large_as_it_may_be() {
    let app = TestApp::start().await;
    let mut wire = Wire::connect(&app).await;
    let many = "x-more: 0123456789012345678901234567890123456789\r\n".repeat(90);
    wire.say(format!("GET /health/live HTTP/1.1\r\nhost: x\r\n{many}\r\n"))
        .await;
    assert_eq!(wire.answer().await.0, 200);
    let long = "x".repeat(70_000);
    wire.try_say(format!("GET /health/live?{long} HTTP/1.1\r\nhost: x\r\n\r\n"))
        .await;
    let refused = wire.rest().await;
    assert!(
        refused.is_empty() || refused.starts_with(b"HTTP/1.1 4"),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_body_has_to_come() {
    let half = "POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 4000\r\n\r\n{";
    // Nothing more, or a byte a second: neither is ever whole.
    for trickles in [false, true] {
        let app = TestApp::start().await;
        let mut wire = Wire::connect(&app).await;
        wire.say(half).await;
        let ended = wire
            .ends(&app, 14, async |wire, _| {
                if trickles {
                    wire.try_say(" ").await;
                }
            })
            .await;
        assert!((9..=12).contains(&ended.after), "{trickles}: {ended:?}");
        assert!(
            ended.heard.is_empty() || ended.heard.starts_with(b"HTTP/1.1 4"),
            "{ended:?}"
        );
        assert_eq!(given_up(&app, "body").await, 1);
    }
}

#[tokio::test]
async fn a_body_on_a_slow_line_comes_to_its_end() {
    let app = TestApp::start().await;
    let mut wire = Wire::connect(&app).await;
    let body = format!("{:60000}", "{\"query\":\"{ __typename }\"}");
    wire.say(format!(
        "POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    ))
    .await;
    for piece in body.as_bytes().chunks(2_000) {
        wire.say(piece).await;
        a_second_passes(&app).await;
    }
    assert_eq!(wire.answer().await.0, 200);
}

#[tokio::test]
async fn a_connection_over_which_nothing_is_asked_is_kept_for_a_while() {
    let app = TestApp::start().await;
    let mut wire = Wire::connect(&app).await;
    wire.say(LIVE).await;
    assert_eq!(wire.answer().await.0, 200);
    app.app.clock.advance(chrono::TimeDelta::seconds(70));
    wire.say(LIVE).await;
    assert_eq!(wire.answer().await.0, 200, "it is good for another");
    let ended = wire.ends(&app, 77, async |_, _| {}).await;
    assert!((75..=76).contains(&ended.after), "{ended:?}");
    assert_eq!(given_up(&app, "idle").await, 1);
}

#[tokio::test]
async fn one_that_speaks_http2_is_no_exception() {
    let half = wire::frame(1, 0, 1, &wire::headers(&[(":method", "GET")]));
    // It asks nothing, asks half of something, or only whether we are there.
    for (begins, each) in [
        (vec![], vec![]),
        (half, vec![]),
        (vec![], wire::frame(6, 0, 0, &[7; 8])),
    ] {
        let app = TestApp::start().await;
        let mut wire = Wire::connect(&app).await;
        wire.say([HTTP2, &begins].concat()).await;
        let ended = wire
            .ends(&app, 78, async |wire, _| {
                wire.try_say(&each).await;
            })
            .await;
        assert!((75..=77).contains(&ended.after), "{ended:?}");
        assert_eq!(given_up(&app, "idle").await, 1);
    }
}

#[tokio::test]
async fn http2_is_answered() {
    let app = TestApp::start().await;
    let mut wire = Wire::connect(&app).await;
    let asks = [
        (":method", "GET"),
        (":scheme", "http"),
        (":path", "/health/live"),
        (":authority", "x"),
    ];
    wire.say([HTTP2, &wire::frame(1, 5, 1, &wire::headers(&asks))].concat())
        .await;
    let mut body = Vec::new();
    while body.is_empty() {
        let head = wire.hear(9).await;
        let length = usize::from(head[1]) * 256 + usize::from(head[2]);
        let payload = wire.hear(length).await;
        if head[3] == 0 {
            body = payload;
        }
    }
    assert_eq!(body, br#"{"status":"live"}"#);
}

#[tokio::test]
async fn an_answer_has_to_be_taken() {
    let app = TestApp::start().await;
    let large = large(&app).await;
    let get = format!("GET {large} HTTP/1.1\r\nhost: x\r\n\r\n").into_bytes();
    // With HTTP/2 a peer may also just not say that it takes more: its window is a byte.
    let window = wire::frame(4, 0, 0, &[0, 4, 0, 0, 0, 1]);
    let fields = [
        (":method", "GET"),
        (":scheme", "http"),
        (":path", large.as_str()),
        (":authority", "x"),
    ];
    let asks = wire::frame(1, 5, 1, &wire::headers(&fields));
    for asks in [get, [HTTP2, &window, &asks].concat()] {
        let app = TestApp::start().await;
        let mut wire = Wire::connect(&app).await;
        wire.say(&asks).await;
        let ended = wire.ends(&app, 22, async |_, _| {}).await;
        assert!((10..=21).contains(&ended.after), "{ended:?}");
        assert_eq!(given_up(&app, "write").await, 1);
    }
}

/// How many pings are taken from one who does not read, of whom it is known who she is or not.
async fn pings_taken(app: &TestApp, token: Option<&str>) -> usize {
    const PINGS: usize = 500_000;
    let before = wire::accepted(app);
    let mut peer = if let Some(token) = token {
        Raw::open(&app.url, token).await
    } else {
        let mut peer = Raw::connect(&app.url, Some("graphql-transport-ws")).await;
        peer.say(json!({ "type": "connection_init" })).await;
        peer
    };
    until("it is let in", || wire::accepted(app) > before).await;
    let tasks = tokio_util::task::TaskTracker::new();
    // Were it read, and its pongs kept, this would go on to its end: 60 MB.
    let pouring = tasks.spawn(async move {
        for ping in 0..PINGS {
            if !peer.try_send(raw::PING, &[7; 125]).await {
                return ping;
            }
        }
        PINGS
    });
    let listeners = &app.app.hub.control.listeners;
    let mut seconds = 0;
    while listeners.connections() > 0 {
        seconds += 1;
        assert!(seconds < 200, "it is kept for ever");
        a_second_passes(app).await;
    }
    let poured = pouring.await.unwrap();
    assert!(poured < PINGS / 10, "{poured} pings were read");
    poured
}

#[tokio::test]
async fn who_pings_and_does_not_read_is_not_read_either() {
    let app = TestApp::start_with(&[("ACCESS_TOKEN_MINUTES", "1440")]).await;
    let member = app.member("Olga").await;
    let of_member = pings_taken(&app, Some(&member.token)).await;
    let of_stranger = pings_taken(&app, None).await;
    // Nearly all of what is taken of a stranger is what the systems on both sides keep of what was not read.
    assert!(of_stranger * 2 < of_member, "{of_stranger} and {of_member}");
    assert_eq!(given_up(&app, "write").await, 2);
}
