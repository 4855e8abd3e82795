//! `/metrics`: true values, in the format that is asked for, and as many series as there may be.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::TimeDelta;
use plant_care::app::App;
use plant_care::clock::Clock;
use plant_care::config::Config;
use serde_json::{Value, json};

use super::{comment_at, traceparent};
use crate::support::{Dice, Story, TestApp};

/// Counters and gauges of what the members of a story did.
const STORY: [(&str, i64); 14] = [
    (r#"plant_care_user_registrations_total{user_type="member"}"#, 2),
    (r#"plant_care_plant_creations_total{owner_type="member"}"#, 2),
    (r#"plant_care_care_requests_total{action="created"}"#, 1),
    (r#"plant_care_care_requests_total{action="published"}"#, 1),
    (r#"plant_care_care_requests_total{action="offered"}"#, 1),
    (r#"plant_care_care_requests_total{action="accepted"}"#, 1),
    (r#"plant_care_care_requests_total{action="start"}"#, 1),
    (r#"plant_care_care_requests_total{action="end"}"#, 1),
    (r#"plant_care_care_requests_total{action="confirmed"}"#, 1),
    (r#"plant_care_care_requests_total{action="cancelled"}"#, 0),
    (r#"plant_care_comments_created_total{kind="comment"}"#, 1),
    (r#"plant_care_comments_created_total{kind="advice"}"#, 0),
    ("plant_care_active_users", 2),
    ("plant_care_plants_in_care", 0),
];

#[tokio::test]
async fn what_members_do_is_counted_once() {
    let app = TestApp::start().await;
    let before = app.metrics().await;
    for (series, _) in STORY {
        assert!(before.value(series) == 0, "{series} is there from the start");
    }
    let story = Story::in_progress(&app).await;
    let comment = json!({ "careRequestId": story.request, "body": "Hello.", "idempotencyKey": "once" });
    for _ in 0..2 {
        app.done(&story.owner, "addComment", comment.clone(), "").await;
    }
    story.does(&story.caretaker, "endCare").await;
    story.does(&story.owner, "confirmCare").await;
    // The gauges may be a second old.
    app.app.clock.advance(TimeDelta::seconds(2));
    let after = app.metrics().await;
    for (series, expected) in STORY {
        assert!(
            after.value(series) == expected,
            "{series} is {}",
            after.value(series)
        );
    }
    let calls = |field| {
        after.value(&format!(
            r#"graphql_resolver_calls_total{{type="Mutation",field="{field}"}}"#
        ))
    };
    assert!(calls("addComment") == 2 && calls("endCare") == 1);
}

#[tokio::test]
async fn the_gauges_are_right_at_once_after_a_restart_and_on_every_replica() {
    let app = TestApp::start().await;
    Story::in_progress(&app).await;
    let replica = app.replica().await;
    let metrics = replica.metrics().await;
    assert!(metrics.value("plant_care_active_users") == 2);
    assert!(metrics.value("plant_care_plants_in_care") == 2);
    assert!(metrics.value(r#"plant_care_dependency_up{part="database"}"#) == 1);
    replica.stop().await;
    app.app.clock.advance(TimeDelta::minutes(16));
    let later = app.replica().await;
    assert!(later.metrics().await.value("plant_care_active_users") == 0);
    later.stop().await;
}

#[tokio::test]
async fn every_call_of_a_resolver_is_counted_whatever_type_it_is_of() {
    let app = TestApp::start().await;
    let story = Story::in_progress(&app).await;
    story.water(1).await;
    story.water(2).await;
    let query = "query Twice($id: ID!) {
        careRequest(id: $id) { ...all again: owner { id } plants { name } }
        other: careRequest(id: $id) { title @skip(if: true) timeline(first: 10) { edges { node {
            id ... on CareRecorded { actor { displayName } } } } } } }
        fragment all on CareRequest { owner { displayName } }";
    let before = app.metrics().await;
    let data = app.run(&story.owner, query, json!({ "id": story.request })).await;
    let after = app.metrics().await;
    let more = |of_type: &str, field: &str| {
        let series = format!(r#"graphql_resolver_calls_total{{type="{of_type}",field="{field}"}}"#);
        after.value(&series) - before.value(&series)
    };
    for (of_type, field, calls) in [
        ("Query", "careRequest", 2),
        ("CareRequest", "owner", 2),
        ("CareRequest", "plants", 1),
        ("CareRequest", "title", 0),
        ("CareRequest", "timeline", 1),
        ("Plant", "name", 2),
        ("User", "displayName", 3),
        ("User", "id", 1),
        ("CareEventConnection", "edges", 1),
        ("CareRecorded", "id", 2),
        ("CareRecorded", "actor", 2),
        ("RequestPublished", "id", 1),
    ] {
        assert!(
            more(of_type, field) == calls,
            "{of_type}.{field}: {}",
            more(of_type, field)
        );
    }
    // What was asked for besides is not told.
    assert!(!data.to_string().contains('$'), "{data}");
    let wrong = "{ careRequests(first: 1, after: \"x\") { totalCount } }";
    app.send(Some(&story.owner.token), wrong, json!({})).await;
    let errors = app.metrics().await;
    assert!(errors.value(r#"graphql_resolver_errors_total{type="Query",field="careRequests"}"#) == 1);
}

#[tokio::test]
async fn a_delivery_names_the_trace_of_the_mutation() {
    let app = TestApp::start_with(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")]).await;
    let story = Story::in_progress(&app).await;
    let mut socket = app.socket(&story.owner).await;
    socket.follow(&story.request, None).await;
    socket.replay().await;
    let (header, trace, _) = traceparent(7);
    comment_at(&app, &story, &header).await;
    socket.told().await;
    socket.assert_heard().await;
    let metrics = app.metrics().await;
    let labels = r#"{field="careEvents",stage="commit_to_socket"#;
    assert!(metrics.value(&format!("plant_care_live_delivery_seconds_count{labels}\"}}")) == 1);
    let mut buckets = metrics.0.lines();
    let exemplar = buckets
        .find(|line| line.starts_with("plant_care_live_delivery_seconds_bucket") && line.contains(&trace));
    assert!(exemplar.is_some(), "{}", metrics.0);
    assert!(metrics.value(r#"plant_care_live_subscriptions{field="careEvents"}"#) == 1);
    assert!(metrics.value(r#"plant_care_live_connections{transport="websocket"}"#) == 1);
    drop(socket);
    let ended = r#"plant_care_live_subscriptions_ended_total{field="careEvents",reason="client"}"#;
    app.until_metric(ended, |ended| ended == 1).await;
}

#[tokio::test]
async fn the_format_is_the_one_that_is_asked_for() {
    let app = TestApp::start().await;
    app.member("Olga").await;
    let open = app.metrics().await.0;
    assert!(open.ends_with("# EOF\n"));
    assert!(open.contains("# TYPE plant_care_user_registrations counter\n"));
    let address = format!("{}/metrics", app.management.as_ref().unwrap());
    let response = reqwest::get(address).await.unwrap();
    let content_type = response.headers()["content-type"].to_str().unwrap().to_owned();
    assert_eq!(content_type, "text/plain; version=0.0.4; charset=utf-8");
    let plain = response.text().await.unwrap();
    assert!(plain.contains("# TYPE plant_care_user_registrations_total counter\n"));
    assert!(!plain.contains("# EOF") && !plain.contains("trace_id"));
    // It is never public.
    let public = app
        .request(reqwest::Method::GET, "/metrics")
        .send()
        .await
        .unwrap();
    assert_eq!(public.status(), 404);
}

#[tokio::test]
async fn without_observability_there_is_no_management_listener() {
    let app = TestApp::start_with(&[("ENABLE_OBSERVABILITY", "false")]).await;
    assert!(app.management.is_none());
    app.member("Olga").await;
}

/// The settings of a server that strangers can reach.
fn production(key: &str) -> [(&'static str, &str); 5] {
    [
        ("ENVIRONMENT", "production"),
        ("SECRET_KEY", key),
        ("ENCRYPTION_KEY", key),
        ("METRICS_OPERATION_NAMES", "Viewer"),
        ("LIMIT_REGISTRATIONS_PER_ADDRESS", "1000"),
    ]
}

#[tokio::test]
async fn strangers_add_no_series() {
    let key = STANDARD.encode([7; 32]);
    let app = TestApp::start_with(&production(&key)).await;
    let member = app.member("Olga").await;
    let mut dice = Dice::new(4);
    let ask = async |dice: &mut Dice| {
        let word = format!("{:016x}", dice.number());
        let query = format!("query Q{word} {{ a{word}: viewer {{ id b{word}: displayName }} }}");
        let authorization = match dice.below(3) {
            0 => format!("Bearer {word}"),
            1 => word.clone(),
            _ => format!("Bearer {}", member.token),
        };
        app.post(&[("authorization", &authorization)], &query, json!({}))
            .await;
        let wrong = format!("query {word} {{ {word} }}");
        app.send(None, &wrong, json!({ (word.as_str()): word })).await;
        let method = reqwest::Method::from_bytes(format!("M{}", &word[..8]).as_bytes()).unwrap();
        app.request(method, &format!("/{word}")).send().await.unwrap();
    };
    for _ in 0..3 {
        ask(&mut dice).await;
    }
    app.run(&member, "query Viewer { viewer { id } }", json!({}))
        .await;
    let before = app.metrics().await;
    let rounds = if crate::support::dice::in_full() {
        10_000
    } else {
        150
    };
    for _ in 0..rounds {
        ask(&mut dice).await;
    }
    let after = app.metrics().await;
    let new: Vec<_> = after.series().difference(&before.series()).cloned().collect();
    assert_eq!(new, Vec::<String>::new());
    let named = r#"graphql_server_request_duration_seconds_count{operation_type="query",operation_name="Viewer",outcome="ok"}"#;
    assert!(after.value(named) == 1);
    assert!(after.series().len() < 3_000, "{} series", after.series().len());
}

/// The names, types and labels that dashboards, rules and documentation build on.
#[tokio::test]
async fn what_is_documented_is_what_is_shown() {
    let app = TestApp::start().await;
    let story = Story::in_progress(&app).await;
    story.water(1).await;
    let text = app.metrics().await.0;
    let file = std::fs::read_to_string("observability/metrics.json").unwrap();
    let documented: Value = serde_json::from_str(&file).unwrap();
    let mut shown: BTreeMap<String, (String, BTreeSet<String>)> = BTreeMap::new();
    for line in text.lines() {
        if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|line| line.split_once(' ')) {
            let suffix = if kind == "counter" { "_total" } else { "" };
            shown.insert(format!("{name}{suffix}"), (kind.to_owned(), BTreeSet::new()));
        } else if let (Some(open), Some(close)) = (line.find('{'), line.find('}'))
            && !line.starts_with('#')
        {
            let series = &line[..open];
            let name = ["_bucket", "_sum", "_count"]
                .iter()
                .find_map(|suffix| {
                    series
                        .strip_suffix(suffix)
                        .filter(|name| shown.contains_key(*name))
                })
                .unwrap_or(series);
            let labels = line[open + 1..close]
                .split("\",")
                .filter_map(|label| label.split_once('='));
            let of_name = &mut shown.get_mut(name).unwrap_or_else(|| panic!("{name}")).1;
            of_name.extend(
                labels
                    .map(|(label, _)| label.to_owned())
                    .filter(|label| label != "le"),
            );
        }
    }
    let metrics = documented["metrics"].as_array().unwrap().iter();
    let metrics = metrics.filter(|metric| metric["external"] != true);
    let promised: BTreeMap<String, (String, BTreeSet<String>)> = metrics
        .map(|metric| {
            let labels = metric["labels"].as_object().unwrap().keys().cloned().collect();
            let text = |key: &str| metric[key].as_str().unwrap().to_owned();
            (text("name"), (text("type"), labels))
        })
        .collect();
    assert_eq!(shown, promised);
}

#[tokio::test]
async fn the_log_level_is_only_changed_by_directives() {
    let app = TestApp::start().await;
    let address = format!("{}/log-level", app.management.as_ref().unwrap());
    let client = reqwest::Client::new();
    for wrong in ["", "a=b=c"] {
        let answer = client.put(&address).body(wrong).send().await.unwrap();
        assert_eq!(answer.status(), 400, "{wrong:?}");
        assert!(answer.text().await.unwrap().contains("filter directives"));
    }
    // This process's log is its tests'.
    let answer = client.put(&address).body("debug").send().await.unwrap();
    assert_eq!(answer.status(), 500);
}

#[tokio::test]
async fn a_process_starts_without_what_it_cannot_send_to() {
    let (config, folder) =
        crate::support::config(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")]).await;
    let app = App::build(Config::clone(&config), Clock::system(), true)
        .await
        .unwrap();
    app.telemetry.stop().await;
    app.stop.cancel();
    app.halt.cancel();
    app.database.close().await.unwrap();
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn a_statement_that_stores_several_things_is_known_by_the_first() {
    let app = TestApp::start().await;
    let story = Story::in_progress(&app).await;
    story.water(1).await;
    let series =
        r#"plant_care_database_query_duration_seconds_count{operation="INSERT",table="care_records"}"#;
    assert_eq!(app.metrics().await.value(series), 1);
}
