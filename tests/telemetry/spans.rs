//! Spans, as a collector gets them.

use std::collections::BTreeMap;

use serde_json::json;

use super::{comment_at, run_at, traceparent};
use crate::support::collector::{Collector, Seen};
use crate::support::{Socket, Story, TestApp};

const SERVER: i32 = 2;
const CLIENT: i32 = 3;

/// A server that sends all spans there are, and who takes them.
async fn observed() -> (TestApp, Collector) {
    let (collector, address) = Collector::start().await;
    let settings = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", address.as_str()),
        ("RESOLVER_SPANS_RATIO", "1"),
        ("OTEL_SERVICE_NAME", "plant-care-test"),
    ];
    (TestApp::start_with(&settings).await, collector)
}

/// The names of the spans above one, from its parent to the first that the collector has.
fn above(collector: &Collector, span: &Seen) -> Vec<String> {
    let by_id: BTreeMap<_, _> = collector
        .spans()
        .into_iter()
        .map(|span| (span.id.clone(), span))
        .collect();
    let mut names = Vec::new();
    let mut at = span;
    while let Some(parent) = by_id.get(&at.parent) {
        assert_eq!(parent.trace, span.trace);
        names.push(parent.name.clone());
        at = parent;
    }
    names
}

#[tokio::test]
async fn a_request_is_one_trace_from_the_caller_to_the_database() {
    let (app, collector) = observed().await;
    let story = Story::in_progress(&app).await;
    let (header, trace, span) = traceparent(11);
    let query =
        "query Mine { careRequests(first: 5) { edges { node { title caretaker { displayName } } } } }";
    run_at(&app, &story.owner, &header, query, json!({})).await;
    let server = collector
        .span("the request", |seen| seen.trace == trace && seen.kind == SERVER)
        .await;
    assert_eq!(server.name, "POST /graphql");
    assert_eq!(server.parent, span);
    assert_eq!(server.attributes["http.response.status_code"], "200");
    assert_eq!(server.resource["service.name"], "plant-care-test");
    let operation = collector
        .span("the operation", |seen| {
            seen.trace == trace && seen.name == "query"
        })
        .await;
    assert_eq!(operation.attributes["graphql.operation.name"], "Mine");
    assert_eq!(operation.attributes["user.id"].len(), 36);
    let statement = collector
        .span("a statement", |seen| {
            seen.trace == trace && seen.name == "SELECT care_requests"
        })
        .await;
    assert_eq!(statement.kind, CLIENT);
    let system = if crate::support::server_of_databases().is_some() {
        "postgresql"
    } else {
        "sqlite"
    };
    assert_eq!(statement.attributes["db.system.name"], system);
    assert_eq!(statement.attributes["db.collection.name"], "care_requests");
    assert_eq!(
        above(&collector, &statement),
        ["Query.careRequests", "query", "POST /graphql"]
    );
    // A plain column has none, nor has what belongs to a page.
    let resolvers: Vec<_> = collector
        .spans()
        .into_iter()
        .filter(|seen| seen.trace == trace)
        .collect();
    assert!(
        resolvers
            .iter()
            .all(|seen| seen.name != "CareRequest.title" && seen.name != "CareRequestConnection.edges")
    );
}

#[tokio::test]
async fn a_batch_is_linked_to_the_fields_that_asked() {
    let (app, collector) = observed().await;
    let (story, other) = (Story::in_progress(&app).await, Story::open(&app).await);
    let (header, trace, _) = traceparent(12);
    let query = "query($mine: ID!, $other: ID!) { mine: careRequest(id: $mine) { caretaker { id } }
        other: careRequest(id: $other) { owner { id } } }";
    let ids = json!({ "mine": story.request, "other": other.request });
    run_at(&app, &story.owner, &header, query, ids).await;
    let batch = collector
        .span("the batch", |seen| {
            seen.trace == trace && seen.name == "GraphQL DataLoader Batch User"
        })
        .await;
    let asked: Vec<_> = collector
        .spans()
        .into_iter()
        .filter(|seen| batch.links.contains(&(seen.trace.clone(), seen.id.clone())))
        .map(|seen| seen.name)
        .collect();
    let mut asked: Vec<_> = asked.iter().map(String::as_str).collect();
    asked.sort_unstable();
    assert_eq!(asked, ["CareRequest.caretaker", "CareRequest.owner"]);
    assert_eq!(batch.attributes["graphql.dataloader.batch.size"], "2");
}

#[tokio::test]
async fn an_operation_over_a_websocket_belongs_to_the_connections_trace() {
    let (app, collector) = observed().await;
    let member = app.member("Olga").await;
    let (header, trace, span) = traceparent(13);
    let mut socket = Socket::connect(&app.url).await;
    let payload = json!({ "authorization": format!("Bearer {}", member.token), "traceparent": header });
    socket
        .send(json!({ "type": "connection_init", "payload": payload }))
        .await;
    assert_eq!(socket.message().await["type"], "connection_ack");
    socket.subscribe("1", "{ viewer { id } }", json!({})).await;
    socket.message().await;
    let server = collector
        .span("the operation", |seen| seen.trace == trace && seen.kind == SERVER)
        .await;
    assert_eq!(
        (server.name.as_str(), &server.parent),
        ("websocket operation", &span)
    );
    let query = collector
        .span("the query", |seen| seen.trace == trace && seen.name == "query")
        .await;
    assert_eq!(above(&collector, &query), ["websocket operation"]);
}

#[tokio::test]
async fn an_event_is_linked_to_what_caused_it_also_on_another_replica() {
    let (app, collector) = observed().await;
    let replica = app.replica().await;
    let story = Story::in_progress(&app).await;
    let mut socket = replica.socket(&story.owner).await;
    socket.follow(&story.request, None).await;
    socket.replay().await;
    let (header, trace, _) = traceparent(14);
    comment_at(&app, &story, &header).await;
    socket.told().await;
    let event = collector
        .span("the event", |seen| {
            seen.name == "GraphQL Subscription Event" && seen.links.iter().any(|(linked, _)| *linked == trace)
        })
        .await;
    assert_ne!(event.trace, trace);
    assert_eq!(event.parent, "");
    assert_eq!(event.attributes["graphql.selection.field.name"], "careEvents");
    let mutation = collector
        .span("the mutation", |seen| seen.id == event.links[0].1)
        .await;
    assert_eq!(mutation.trace, trace);
    replica.stop().await;
}

#[tokio::test]
async fn what_fails_on_our_side_is_an_error_and_a_wrong_question_is_not() {
    let (app, collector) = observed().await;
    let member = app.member("Olga").await;
    for (number, broken) in [(15, false), (16, true)] {
        if broken {
            app.sql("DROP TABLE comments").await;
        }
        let (header, trace, _) = traceparent(number);
        let query = if broken {
            "{ node(id: \"Q29tbWVudDowMTllODM4YS0wMGMwLTc0NTAtODQzZS04YTViZWIxNmUxOTM\") { id } }"
        } else {
            "{ nonsense }"
        };
        let answer = run_at(&app, &member, &header, query, json!({})).await;
        let operation = collector
            .span("the operation", |seen| {
                seen.trace == trace && seen.name == "query"
            })
            .await;
        let code = answer["errors"][0]["extensions"]["code"]
            .as_str()
            .unwrap_or("none");
        assert_eq!(
            operation
                .attributes
                .get("error.type")
                .map_or("none", String::as_str),
            code,
            "{answer}"
        );
        assert_eq!(operation.failed, code == "INTERNAL", "{answer}");
    }
}

#[tokio::test]
async fn what_is_answered_with_events_belongs_to_the_requests_trace_and_what_was_at_hand_has_no_span() {
    let (app, collector) = observed().await;
    let story = Story::in_progress(&app).await;
    let (header, trace, _) = traceparent(17);
    let token = format!("Bearer {}", story.owner.token);
    let body = json!({ "query": "{ careRequests(first: 5) { edges { node { owner { displayName } } } } }" });
    let request = app.request(reqwest::Method::POST, "/graphql").json(&body);
    let request = request
        .header("accept", "text/event-stream")
        .header("authorization", &token)
        .header("traceparent", &header);
    let told = request.send().await.unwrap().text().await.unwrap();
    assert!(told.contains("Olga"), "{told}");
    let resolver = collector
        .span("the resolver", |seen| {
            seen.trace == trace && seen.name == "Query.careRequests"
        })
        .await;
    assert_eq!(above(&collector, &resolver), ["query", "POST /graphql"]);
    // Owners were loaded with the page.
    assert!(
        collector
            .spans()
            .iter()
            .all(|seen| seen.name != "CareRequest.owner")
    );
}
