//! The proofs of the live layer in short: real processes, whose order, completeness and memory are judged, and no time.
//! `make prove` runs them in full.

use clap::Parser as _;
use plant_care_prove::Cli;

/// Runs a proof on the database that the tests run on.
async fn prove(arguments: &[&str]) -> serde_json::Value {
    let server = crate::support::server_of_databases();
    let mut line = vec![
        "plant-care-prove",
        "--bin",
        env!("CARGO_BIN_EXE_plant-care"),
        "--lenient",
    ];
    match &server {
        Some(url) => line.extend(["--postgres", url]),
        None => line.push("--sqlite"),
    }
    line.extend(arguments);
    plant_care_prove::run(Cli::parse_from(line)).await.unwrap()
}

#[tokio::test]
async fn every_subscriber_sees_each_event_once_through_kills_and_resumes() {
    let proved = prove(&[
        "kills",
        "--kills",
        "2",
        "--resumes",
        "30",
        "--subscribers",
        "24",
        "--requests",
        "3",
        "--rate",
        "30",
    ])
    .await;
    assert_eq!(proved["kills"], 2);
    assert!(proved["resumes"].as_u64().unwrap() >= 30, "{proved}");
    assert!(proved["events"].as_u64().unwrap() > 0, "{proved}");
}

#[tokio::test]
async fn wake_ups_that_are_cut_off_lose_nothing() {
    if crate::support::server_of_databases().is_none() {
        // SQLite has no such connections; there the processes are killed oftener.
        let proved = prove(&[
            "kills",
            "--kills",
            "4",
            "--resumes",
            "8",
            "--subscribers",
            "8",
            "--requests",
            "2",
        ])
        .await;
        assert_eq!(proved["kills"], 4);
        return;
    }
    let proved = prove(&[
        "kills",
        "--kills",
        "0",
        "--cut-listen",
        "3",
        "--resumes",
        "8",
        "--subscribers",
        "16",
        "--requests",
        "2",
    ])
    .await;
    assert!(proved["listen_cut"].as_u64().unwrap() >= 3, "{proved}");
}

#[tokio::test]
async fn what_a_writer_committed_arrives_though_it_died_before_its_wake_up() {
    let proved = prove(&["dead-writer", "--rounds", "2"]).await;
    assert_eq!(proved["killed_before_the_wake_up_left"], 2);
}

#[tokio::test]
async fn a_peer_that_stops_costs_no_memory_and_comes_back_to_all_of_it() {
    let proved = prove(&[
        "slow",
        "--rounds",
        "1",
        "--quiet-seconds",
        "1",
        "--stop-seconds",
        "3",
        "--subscribers",
        "10",
        "--rate",
        "5",
        "--entries",
        "400",
    ])
    .await;
    assert_eq!(proved["resumed_whole"], 1);
}

#[tokio::test]
async fn all_who_are_dropped_at_once_come_back_to_all_they_missed() {
    let proved = prove(&["storm", "--sockets", "60", "--streams", "3", "--events", "20"]).await;
    assert_eq!(proved["deliveries"], 1200);
}

#[tokio::test]
async fn a_stream_reaches_all_its_subscribers() {
    let proved = prove(&[
        "fan-out",
        "--subscribers",
        "40",
        "--rate",
        "5",
        "--seconds",
        "2",
        "--warm-up",
        "1",
        "--rounds",
        "1",
    ])
    .await;
    assert_eq!(proved["ours"]["delivered"], proved["ours"]["offered"]);
}

#[tokio::test]
async fn connections_that_wait_take_little() {
    let proved = prove(&[
        "idle",
        "--connections",
        "200",
        "--members",
        "4",
        "--warm-up",
        "20",
    ])
    .await;
    assert_eq!(proved["connections"], 200);
}

#[tokio::test]
async fn a_long_replay_and_a_slow_stream_share_a_socket() {
    let proved = prove(&["fairness", "--entries", "1000", "--seconds", "2", "--rate", "3"]).await;
    assert_eq!(proved["slow_events"], 6);
    assert!(proved["replays"].as_u64().unwrap() >= 1, "{proved}");
}

#[tokio::test]
async fn what_is_more_than_can_be_served_is_told_to_come_back() {
    let proved = prove(&[
        "overload",
        "--unpinned",
        "--seconds",
        "3",
        "--capacity-seconds",
        "1",
        "--rounds",
        "1",
        "--members",
        "8",
        "--in-flight",
        "40",
    ])
    .await;
    for kind in ["logins", "feeds"] {
        assert!(proved[kind]["accepted"].as_u64().unwrap() > 0, "{proved}");
        assert!(proved[kind]["refused"].as_u64().unwrap() > 0, "{proved}");
    }
}

#[tokio::test]
async fn who_hangs_up_leaves_nothing_half_done() {
    let proved = prove(&["hang-up", "--mutations", "120", "--at-once", "8"]).await;
    assert_eq!(proved["comments"], 120);
    assert_eq!(proved["open_transactions"], 0);
}

#[tokio::test]
async fn a_disk_that_fails_loses_nothing_that_was_acknowledged() {
    if crate::support::server_of_databases().is_some() {
        return;
    }
    let faults = [
        "full-disk",
        "--fault",
        "quota",
        "--fault",
        "gone",
        "--writes",
        "10",
    ];
    let proved = prove(&faults).await;
    assert_eq!(proved["faults"].as_array().unwrap().len(), 2, "{proved}");
}

#[tokio::test]
async fn hostile_peers_of_every_kind_cost_members_nothing_and_little_memory() {
    let proved = prove(&[
        "hostile",
        "--peers",
        "54",
        "--members",
        "6",
        "--rate",
        "10",
        "--seconds",
        "3",
        "--warm-up",
        "1",
        "--rounds",
        "1",
    ])
    .await;
    assert_eq!(proved["failed"], 0, "{proved}");
    assert!(proved["asked"].as_u64().unwrap() > 0, "{proved}");
}

#[tokio::test]
async fn the_search_for_the_worst_document_finds_only_what_is_bounded() {
    let proved = prove(&[
        "worst",
        "--documents",
        "40",
        "--repeat",
        "1",
        "--max-statements",
        "2000",
        "--entries",
        "10",
        "--text",
        "200",
        "--seconds",
        "30",
    ])
    .await;
    assert!(proved["tried"].as_u64().unwrap() >= 40, "{proved}");
    assert!(proved["accepted"].as_u64().unwrap() >= 10, "{proved}");
    let refused = |attack: &str| {
        let known = proved["known"].as_array().unwrap();
        let told = known.iter().find(|told| told["attack"] == attack).unwrap();
        told["refused"].clone()
    };
    assert_eq!(refused("possible types of interfaces"), "INTROSPECTION_COST");
    assert_eq!(
        refused("one scalar, 490 times"),
        serde_json::Value::Null,
        "it is one"
    );
}
