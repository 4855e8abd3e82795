//! A process whose descriptors somebody else takes.

use serde_json::json;
use tokio::net::TcpStream;

use super::program::{Program, Server};
use crate::support::client;
use crate::support::socket::PATIENCE;

/// Descriptors of the process, of which it needs some for itself.
const FILES: u32 = 96;

async fn answers(url: &str) -> bool {
    let asked = client()
        .post(format!("{url}/graphql"))
        .json(&json!({ "query": "{ __typename }" }));
    asked.send().await.is_ok_and(|answer| answer.status() == 200)
}

async fn crowd(server: &Server, count: usize) -> Vec<TcpStream> {
    let address = server.url.strip_prefix("http://").unwrap();
    let mut silent = Vec::new();
    for _ in 0..count {
        silent.push(TcpStream::connect(address).await.unwrap());
    }
    silent
}

#[tokio::test]
async fn who_takes_all_descriptors_takes_nothing_from_operators_and_nothing_for_good() {
    let program = Program::new()
        .await
        .with(&[("DRAIN_SECONDS", "4")])
        .with_files(FILES);
    let server = Server::start(program).await;
    let silent = crowd(&server, 200).await;
    let operators = client();
    let refused = async || {
        let asked = operators.get(format!("{}/metrics", server.management));
        let metrics = asked.send().await.unwrap();
        assert_eq!(metrics.status(), 200);
        let text = metrics.text().await.unwrap();
        let refused = |reason: &str| {
            let series = format!("plant_care_connections_refused_total{{reason=\"{reason}\"}} ");
            let line = text.lines().find_map(|line| line.strip_prefix(series.as_str()));
            line.expect("a series").parse::<f64>().unwrap()
        };
        refused("total") + refused("system")
    };
    let until_refused = async { while refused().await == 0.0 {} };
    let waited = tokio::time::timeout(PATIENCE, until_refused);
    waited.await.expect("somebody is refused");
    for _ in 0..5 {
        refused().await;
    }
    drop(silent);
    let answered = async {
        while !answers(&server.url).await {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, answered)
        .await
        .expect("it serves again");

    // Nor do they keep it from ending, in time and well.
    let silent = crowd(&server, 64).await;
    let ran = server.terminate().await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    for part in ["accepting connections", "accepting operators' connections"] {
        let fails = ran.out.matches(&format!("{part} fails")).count();
        assert!(fails <= 1, "it is said once of each listener: {}", ran.out);
    }
    drop(silent);
}
