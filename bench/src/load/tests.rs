use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::{get, post};
use plant_care_prove::figures::{Latencies, float};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::open::{Schedule, Waited, latencies};
use super::{Ask, Asks, Closed, Open};
use crate::usage::Processes;

/// A server that counts what it was asked; it ends with the set.
async fn server() -> (SocketAddr, Arc<AtomicU64>, JoinSet<()>) {
    let asked = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&asked);
    let router = Router::new()
        .route(
            "/fine",
            get(async move || {
                counted.fetch_add(1, Ordering::SeqCst);
                "{\"data\":{\"plant\":\"Figaro\"}}"
            }),
        )
        .route("/echo", post(async |body: String| body))
        .route(
            "/busy",
            get(async || (StatusCode::SERVICE_UNAVAILABLE, "come back later")),
        );
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move { axum::serve(listener, router).await.unwrap() });
    (address, asked, tasks)
}

fn own() -> Processes {
    let own = std::process::id();
    Processes {
        server: Some(own),
        postmaster: own,
    }
}

fn closed(connections: usize) -> Closed {
    Closed {
        connections,
        warm_up: Duration::ZERO,
        time: Duration::from_millis(200),
    }
}

#[tokio::test]
async fn a_closed_loop_counts_all_but_the_last_answer_of_each_connection() {
    let (address, asked, _server) = server().await;
    let asks = Asks::new(address, [Ask::get("/fine")], "Figaro").unwrap();
    let served = closed(3).run(&asks, own()).await.unwrap();
    // The last answer of each came when time was up.
    assert_eq!(asked.load(Ordering::SeqCst), served.requests + 3);
    assert_eq!(served.latencies.count() as u64, served.requests);
    assert_eq!(served.bytes, served.requests * 27);
    assert!(served.peak_kib.unwrap() > 0);
    assert!((served.rate() - 5.0 * float(served.requests)).abs() < 1e-6);
}

#[tokio::test]
async fn an_open_loop_asks_just_as_often_as_it_was_told() {
    let (address, asked, _server) = server().await;
    let asks = Asks::new(address, [Ask::get("/fine")], "Figaro").unwrap();
    let open = Open {
        rate: 500.0,
        time: Duration::from_millis(100),
    };
    let waited = open.run(&asks).await.unwrap();
    assert_eq!((waited.count(), asked.load(Ordering::SeqCst)), (50, 50));
}

#[tokio::test]
async fn requests_are_asked_in_turn() {
    let (address, _, _server) = server().await;
    let echo = |number| Ask::post("/echo", &json!({ "data": number }));
    let asks = Asks::new(address, [echo(1), echo(2)], "data").unwrap();
    let answers = asks.answers(3).await.unwrap();
    assert_eq!(answers, ["{\"data\":1}", "{\"data\":2}", "{\"data\":1}"]);
    assert!(Asks::new(address, [], "data").is_err());
}

#[tokio::test]
async fn a_wrong_answer_fails_the_run_and_is_told() {
    let (address, _, _server) = server().await;
    let no_plant = json!({ "data": { "plant": null } });
    let errors = json!({ "data": { "plant": "Figaro" }, "errors": [{ "message": "no species" }] });
    for (ask, told) in [
        (Ask::get("/busy"), "status 503: come back later"),
        (
            Ask::post("/echo", &no_plant),
            "no Figaro: {\"data\":{\"plant\":null}}",
        ),
        (Ask::post("/echo", &errors), "no species"),
    ] {
        let asks = Asks::new(address, [ask], "Figaro").unwrap();
        let reason = closed(1).run(&asks, own()).await.unwrap_err().to_string();
        assert!(reason.contains(told), "{reason}");
        let open = Open {
            rate: 100.0,
            time: Duration::from_mins(1),
        };
        let reason = open.run(&asks).await.unwrap_err().to_string();
        assert!(reason.contains(told), "{reason}");
    }
}

#[test]
fn a_schedule_is_steady_and_ends() {
    let open = Open {
        rate: 4.0,
        time: Duration::from_secs(1),
    };
    let schedule = Schedule::new(1_000_000, open);
    let moments: Vec<_> = (0..5).map(|number| schedule.moment(number)).collect();
    assert_eq!(
        moments,
        [
            Some(1_000_000),
            Some(1_250_000),
            Some(1_500_000),
            Some(1_750_000),
            None
        ]
    );
}

#[test]
fn a_stall_is_seen_by_all_who_were_to_ask_meanwhile() {
    // One connection, a request each 10 ms for two seconds, answers within 1 ms, and a stall of one second.
    let open = Open {
        rate: 100.0,
        time: Duration::from_secs(2),
    };
    let schedule = Schedule::new(0, open);
    let mut free = 0;
    let mut waited = Vec::new();
    let mut sent_and_answered = Vec::new();
    for due in (0..).map_while(|number| schedule.moment(number)) {
        let sent = due.max(free);
        let answered = if (500_000..1_500_000).contains(&sent) {
            1_500_000
        } else {
            sent + 1000
        };
        waited.push(Waited { due, answered });
        sent_and_answered.push(answered - sent);
        free = answered;
    }
    let waited = latencies(waited);
    assert!(
        waited.percentile(99) > 900.0 && waited.percentile(60) > 100.0,
        "{waited:?}"
    );
    // Counted from when they were sent, it was one slow answer of two hundred.
    let told = Latencies::new(sent_and_answered);
    assert!((told.percentile(99) - 1.0).abs() < 1e-9, "{told:?}");
}
