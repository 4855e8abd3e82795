//! A collector that is not there, or takes its time.

use std::time::Duration;

use serde_json::json;
use tokio::net::TcpListener;

use crate::support::TestApp;

#[tokio::test]
async fn without_its_collector_the_server_answers_and_counts_what_is_lost() {
    let app = TestApp::start_with(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")]).await;
    let member = app.member("Olga").await;
    app.run(&member, "{ viewer { id } }", json!({})).await;
    let dropped = r#"plant_care_telemetry_dropped_total{signal="spans"}"#;
    app.until_metric(dropped, |dropped| dropped > 0).await;
    app.run(&member, "{ viewer { id } }", json!({})).await;
}

#[tokio::test]
async fn a_collector_that_never_answers_holds_the_end_up_for_five_seconds_at_most() {
    // Accepts connections and says nothing.
    let mute = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", mute.local_addr().unwrap());
    let app = TestApp::start_with(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &address)]).await;
    app.member("Olga").await;
    let telemetry = std::sync::Arc::clone(&app.app.telemetry);
    tokio::time::timeout(Duration::from_secs(7), telemetry.stop())
        .await
        .expect("it stops without the collector");
}
