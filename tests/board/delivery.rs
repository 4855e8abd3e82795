//! `delivery`: every change, or the newest of each request and no more than the client can take.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{changed, follow, left, listed, publish};
use crate::support::{Story, TestApp, error_code};

fn latest(per_second: impl Into<Value>) -> Value {
    json!({ "delivery": { "mode": "LATEST", "maxPerSecond": per_second.into() } })
}

#[tokio::test]
async fn the_newest_of_each_request_is_told_and_how_many_were_left_out() {
    let app = TestApp::start().await;
    let story = Story::open(&app).await;
    let mut every = follow(&app, &story.owner, json!({})).await;
    let mut socket = follow(&app, &story.caretaker, latest(1)).await;
    listed(&mut every).await;
    assert_eq!(listed(&mut socket).await.0, [story.request.as_str()]);

    story.assign(&story.caretaker).await;
    let told = socket.told().await;
    assert_eq!(
        (left(&told), &told["skipped"]),
        (story.request.clone(), &json!(0))
    );
    // Within the same second: open, taken, open, and another between.
    story.does(&story.caretaker, "withdrawFromCare").await;
    story.assign(&story.caretaker).await;
    let other = publish(&app, &story.owner, None).await;
    story.does(&story.caretaker, "withdrawFromCare").await;
    for _ in 0..5 {
        every.told().await;
    }
    socket.assert_heard().await;

    app.app.clock.advance(TimeDelta::seconds(1));
    let told = socket.told().await;
    assert_eq!((changed(&told), &told["skipped"]), (other, &json!(0)));
    socket.assert_heard().await;
    app.app.clock.advance(TimeDelta::milliseconds(999));
    socket.assert_heard().await;
    app.app.clock.advance(TimeDelta::milliseconds(1));
    let told = socket.told().await;
    assert_eq!(
        (changed(&told), &told["skipped"]),
        (story.request.clone(), &json!(2))
    );

    // Whoever comes back with it has missed nothing.
    let mut after = latest(100);
    after["after"] = told["cursor"].clone();
    let mut again = follow(&app, &story.caretaker, after).await;
    assert_eq!(listed(&mut again).await.0, [""; 0]);
}

#[tokio::test]
async fn a_faster_client_is_told_sooner() {
    let app = TestApp::start().await;
    let story = Story::open(&app).await;
    let mut socket = follow(&app, &story.caretaker, latest(100)).await;
    listed(&mut socket).await;
    for _ in 0..3 {
        let request = publish(&app, &story.owner, None).await;
        assert_eq!(changed(&socket.told().await), request);
        app.app.clock.advance(TimeDelta::milliseconds(10));
    }
    // Without a number it is one in a second.
    let mut socket = follow(
        &app,
        &story.caretaker,
        json!({ "delivery": { "mode": "LATEST" } }),
    )
    .await;
    listed(&mut socket).await;
    let requests = [
        publish(&app, &story.owner, None).await,
        publish(&app, &story.owner, None).await,
    ];
    assert_eq!(changed(&socket.told().await), requests[0]);
    app.app.clock.advance(TimeDelta::milliseconds(999));
    socket.assert_heard().await;
    app.app.clock.advance(TimeDelta::milliseconds(1));
    assert_eq!(changed(&socket.told().await), requests[1]);
}

#[tokio::test]
async fn every_change_is_told_at_once_by_default() {
    let app = TestApp::start().await;
    let story = Story::open(&app).await;
    let every = json!({ "delivery": { "mode": "EVERY" } });
    for variables in [every, json!({ "delivery": null })] {
        let mut socket = follow(&app, &story.caretaker, variables).await;
        listed(&mut socket).await;
        for _ in 0..3 {
            story.assign(&story.caretaker).await;
            let told = socket.told().await;
            assert_eq!(
                (left(&told), &told["skipped"]),
                (story.request.clone(), &json!(0))
            );
            story.does(&story.caretaker, "withdrawFromCare").await;
            let told = socket.told().await;
            assert_eq!(
                (changed(&told), &told["skipped"]),
                (story.request.clone(), &json!(0))
            );
        }
        socket.assert_heard().await;
    }
}

#[tokio::test]
async fn a_delivery_that_is_none_is_refused() {
    let app = TestApp::start().await;
    let member = app.member("Olga").await;
    for delivery in [
        json!({ "mode": "EVERY", "maxPerSecond": 1 }),
        json!({ "mode": "LATEST", "maxPerSecond": 0 }),
        json!({ "mode": "LATEST", "maxPerSecond": 101 }),
        json!({ "mode": "LATEST", "maxPerSecond": -1 }),
    ] {
        let mut socket = follow(&app, &member, json!({ "delivery": delivery })).await;
        assert_eq!(error_code(&socket.refusal().await), "BAD_REQUEST", "{delivery}");
    }
    for per_second in [json!(1), json!(100), json!(null)] {
        let mut socket = follow(&app, &member, latest(per_second)).await;
        assert_eq!(listed(&mut socket).await.0, [""; 0]);
    }
}
