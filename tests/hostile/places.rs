//! How many connections there may be, and of whom.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::support::wire::{self, Wire};
use crate::support::{Socket, TestApp, error_code, until};

const LIVE: &str = "GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n";
const PROXY: (&str, &str) = ("CLIENT_ADDRESS_HEADER", "X-Forwarded-For");

async fn production(settings: &[(&str, &str)]) -> TestApp {
    let key = STANDARD.encode([7; 32]);
    let usual = [
        ("ENVIRONMENT", "production"),
        ("SECRET_KEY", key.as_str()),
        ("ENCRYPTION_KEY", key.as_str()),
    ];
    TestApp::start_with(&[&usual, settings].concat()).await
}

fn refused(app: &TestApp, reason: &str) -> i64 {
    app.counted(&format!(
        "plant_care_connections_refused_total{{reason=\"{reason}\"}}"
    ))
}

#[tokio::test]
async fn an_address_has_so_many_connections_whatever_they_are_for() {
    let app = production(&[("LIMIT_CONNECTIONS_PER_ADDRESS", "3")]).await;
    let mut inside = vec![Wire::connect(&app).await, Wire::connect(&app).await];
    let mut socket = Socket::connect(&app.url).await;
    let mut beyond = Wire::knock(&app.url).await;
    let (status, head, body) = beyond.answer().await;
    assert!(status == 503 && head.contains("retry-after: 2"), "{head}");
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(error_code(&body), "LIMIT_EXCEEDED");
    assert_eq!(
        body["errors"][0]["extensions"]["limit"],
        "CONNECTIONS_PER_ADDRESS"
    );
    assert!(beyond.rest().await.is_empty(), "it is closed");
    assert_eq!(refused(&app, "address"), 1);

    // Those that are there stay, and operators are not among them.
    socket.assert_heard().await;
    inside[0].say(LIVE).await;
    assert_eq!(inside[0].answer().await.0, 200);
    assert_eq!(app.metrics().await.value("plant_care_connections"), 3);
    inside.pop();
    until("there is a place", || wire::open(&app) == 2).await;
    let mut again = Wire::connect(&app).await;
    again.say(LIVE).await;
    assert_eq!(again.answer().await.0, 200);
    // A websocket's place is given back, too.
    drop(socket);
    until("there is a place", || wire::open(&app) == 2).await;
}

#[tokio::test]
async fn on_ones_own_machine_there_are_as_many_as_one_likes() {
    let app = TestApp::start_with(&[("LIMIT_CONNECTIONS_PER_ADDRESS", "1")]).await;
    let _first = Wire::connect(&app).await;
    let mut second = Wire::connect(&app).await;
    second.say(LIVE).await;
    assert_eq!(second.answer().await.0, 200);
}

#[tokio::test]
async fn who_comes_by_a_proxy_counts_as_herself() {
    let app = TestApp::start_with(&[PROXY, ("LIMIT_CONNECTIONS_PER_ADDRESS", "2")]).await;
    let from = |address: &'static str| [("x-forwarded-for", address)];
    let mut hers = vec![];
    for _ in 0..2 {
        hers.push(Socket::connect_with(&app.url, &from("192.0.2.1")).await.unwrap());
    }
    assert_eq!(Socket::refused_to(&app.url, &from("192.0.2.1")).await, 503);
    assert_eq!(refused(&app, "address"), 1);
    let mut others = Socket::connect_with(&app.url, &from("192.0.2.2")).await.unwrap();
    others.assert_heard().await;
    for socket in &mut hers {
        socket.assert_heard().await;
    }
    // What is answered is not counted any more.
    for _ in 0..5 {
        let live = app
            .request(reqwest::Method::GET, "/health/live")
            .header("x-forwarded-for", "192.0.2.3");
        assert_eq!(live.send().await.unwrap().status(), 200);
    }
    let before = wire::open(&app);
    hers.pop();
    until("she has a place", || wire::open(&app) < before).await;
    Socket::connect_with(&app.url, &from("192.0.2.1")).await.unwrap();
}

#[tokio::test]
async fn only_a_proxy_is_believed_about_whose_a_request_is() {
    let proxies = ("TRUSTED_PROXIES", "192.0.2.0/24,2001:db8::1");
    let app = TestApp::start_with(&[PROXY, proxies, ("LIMIT_CONNECTIONS_PER_ADDRESS", "1")]).await;
    let mut sockets = Vec::new();
    for _ in 0..2 {
        let headers = [("x-forwarded-for", "198.51.100.1")];
        sockets.push(Socket::connect_with(&app.url, &headers).await.unwrap());
    }
    for socket in &mut sockets {
        socket.assert_heard().await;
    }
}

#[tokio::test]
async fn nobody_keeps_members_out_by_not_saying_who_she_is() {
    let app = TestApp::start_with(&[("LIMIT_ANONYMOUS_SOCKETS", "2")]).await;
    let member = app.member("Olga").await;
    let mut first = Socket::open(&app.url, None).await;
    let mut second = Socket::open(&app.url, None).await;
    let mut hers = app.socket(&member).await;
    assert_eq!(first.closed().await, (1013, "try again later".to_owned()));
    assert_eq!(refused(&app, "anonymous"), 1);
    // She has left that place to another.
    let mut third = Socket::open(&app.url, None).await;
    for socket in [&mut second, &mut hers, &mut third] {
        socket.assert_heard().await;
    }
    assert_eq!(app.app.hub.control.listeners.connections(), 3);
}
