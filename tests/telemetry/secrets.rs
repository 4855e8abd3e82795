//! What must never be told: passwords, tokens, addresses, and whatever members write.

use serde_json::json;

use crate::support::collector::Collector;
use crate::support::{Logs, PASSWORD, Story, TestApp};

#[tokio::test]
async fn no_secret_is_in_a_log_line_a_span_or_a_metric() {
    const MARKED: &str = "pansy-7f3a91";
    let logs = Logs::catch_all();
    let (collector, address) = Collector::start().await;
    let settings = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", address.as_str()),
        ("RESOLVER_SPANS_RATIO", "1"),
    ];
    let app = TestApp::start_with(&settings).await;
    let story = Story::in_progress(&app).await;
    let comment = json!({ "careRequestId": story.request, "body": MARKED });
    app.done(&story.owner, "addComment", comment, "comment { body }")
        .await;
    let owner = app.login(&story.owner).await;
    let query = format!(
        "query($a: String) {{ viewer {{ id email {MARKED2}: displayName }} careRequests(after: $a) {{ totalCount }} }}",
        MARKED2 = "pansy_7f3a91"
    );
    app.send(Some(&owner.token), &query, json!({ "a": MARKED })).await;
    app.send(Some(&format!("{MARKED}-token")), "{ viewer { id } }", json!({}))
        .await;
    let mut socket = app.socket(&owner).await;
    socket.follow(&story.request, None).await;
    socket.replay().await;
    app.request(reqwest::Method::GET, &format!("/{MARKED}?{MARKED}={MARKED}"))
        .send()
        .await
        .unwrap();
    app.app.telemetry.stop().await;
    let spans = format!("{:?}", collector.spans());
    let metrics = app.metrics().await.0;
    let logged = logs.text();
    assert!(spans.contains("addComment") && metrics.contains("addComment") && logged.contains("POST"));
    let secrets = [
        MARKED,
        "pansy_7f3a91",
        PASSWORD,
        &story.owner.email,
        &story.owner.token,
        &owner.token,
        &owner.refresh_token,
        "Olga",
    ];
    for (place, text) in [
        ("a span", &spans),
        ("a metric", &metrics),
        ("a log line", &logged),
    ] {
        for secret in secrets {
            assert!(!text.contains(secret), "{secret} is in {place}");
        }
    }
}
