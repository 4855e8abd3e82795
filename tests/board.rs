//! The board: what is open, near a place or anywhere, and each change of it.

#[cfg(test)]
mod delivery;
#[cfg(test)]
mod resumption;
#[cfg(test)]
mod sharing;

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::support::story::{create, draft, request_input};
use crate::support::{Member, Socket, Story, TestApp, text};

const BOARD: &str = "subscription($near: NearInput, $after: String, $delivery: DeliveryInput) {
    openCareRequests(near: $near, after: $after, delivery: $delivery) {
        __typename
        ... on BoardRequestChanged { cursor skipped careRequest { id status } }
        ... on BoardRequestLeft { cursor skipped careRequestId }
        ... on StreamCaughtUp { cursor } ... on StreamPosition { cursor }
        ... on StreamGap { from to reason } ... on StreamEnded { endReason: reason } } }";

const PARIS: &str = "u09tvw";
const VERSAILLES: &str = "u09t27";
const BERLIN: &str = "u33db8";

/// Follows the board as the operation `1`.
async fn follow(app: &TestApp, member: &Member, variables: Value) -> Socket {
    let mut socket = app.socket(member).await;
    socket.subscribe("1", BOARD, variables).await;
    socket
}

/// What is listed until the stream has caught up: the requests, and the cursor then.
async fn listed(socket: &mut Socket) -> (Vec<String>, String) {
    let (told, cursor) = socket.replay().await;
    (told.iter().map(changed).collect(), cursor)
}

/// The request of a `BoardRequestChanged`, which is open.
fn changed(told: &Value) -> String {
    assert_eq!(told["__typename"], "BoardRequestChanged", "{told}");
    assert_eq!(told["careRequest"]["status"], "OPEN", "{told}");
    text(&told["careRequest"]["id"])
}

/// The request of a `BoardRequestLeft`.
fn left(told: &Value) -> String {
    assert_eq!(told["__typename"], "BoardRequestLeft", "{told}");
    text(&told["careRequestId"])
}

/// Publishes a request for a new plant, at a place or at none.
async fn publish(app: &TestApp, owner: &Member, cell: Option<&str>) -> String {
    let mut input = request_input(&[app.plant(owner, "Fern").await]);
    input["approxCell"] = json!(cell);
    create(app, owner, input).await
}

#[tokio::test]
async fn what_is_open_is_listed_and_then_each_change_told() {
    let app = TestApp::start().await;
    let story = Story::open(&app).await;
    let taken = Story::assigned(&app).await;
    let second = publish(&app, &story.owner, None).await;
    let reader = app.member("Rosa").await;
    let mut socket = follow(&app, &reader, json!({})).await;
    let (open, _) = listed(&mut socket).await;
    assert_eq!(open, [story.request.clone(), second.clone()], "oldest first");

    let third = publish(&app, &story.owner, None).await;
    assert_eq!(changed(&socket.told().await), third);
    story.assign(&story.caretaker).await;
    assert_eq!(left(&socket.told().await), story.request);
    story.does(&story.caretaker, "withdrawFromCare").await;
    assert_eq!(changed(&socket.told().await), story.request, "it is open again");
    let cancel = json!({ "careRequestId": second });
    app.done(&story.owner, "cancelCareRequest", cancel, "").await;
    assert_eq!(left(&socket.told().await), second);
    // What happens to requests that are not on the board, and offers, are not the board's.
    taken.does(&taken.caretaker, "startCare").await;
    story.offer(&reader).await;
    let fourth = publish(&app, &reader, None).await;
    assert_eq!(changed(&socket.told().await), fourth, "her own, too");
}

#[tokio::test]
async fn a_request_that_expires_leaves_the_board() {
    let app = TestApp::start_with(&[("ACCESS_TOKEN_MINUTES", "1440")]).await;
    let story = Story::open(&app).await;
    let mut socket = follow(&app, &story.caretaker, json!({})).await;
    assert_eq!(listed(&mut socket).await.0, [story.request.as_str()]);
    assert_eq!(app.pass(TimeDelta::hours(16)).await, 1);
    assert_eq!(left(&socket.told().await), story.request);
}

#[tokio::test]
async fn a_draft_is_nobodys_business() {
    let app = TestApp::start().await;
    let story = Story::open(&app).await;
    let mut socket = follow(&app, &story.caretaker, json!({})).await;
    let (_, start) = listed(&mut socket).await;
    let plants = [app.plant(&story.owner, "Palm").await];
    let secret = draft(&app, &story.owner, &plants).await;
    let input = json!({ "careRequestId": secret });
    app.done(&story.owner, "cancelCareRequest", input, "").await;
    let later = draft(&app, &story.owner, &plants).await;
    let input = json!({ "careRequestId": later });
    app.done(&story.owner, "publishCareRequest", input, "").await;
    let told = socket.told().await;
    assert_eq!(changed(&told), later);

    // Nor for those who come back.
    let mut again = follow(&app, &story.caretaker, json!({ "after": start })).await;
    let (missed, position) = listed(&mut again).await;
    assert_eq!(missed, [later]);
    assert_eq!(told["cursor"], position);
}

#[tokio::test]
async fn who_looks_near_a_place_is_told_of_that_place_alone() {
    let app = TestApp::start().await;
    let story = Story::open(&app).await;
    let versailles = publish(&app, &story.owner, Some(VERSAILLES)).await;
    let berlin = publish(&app, &story.owner, Some(BERLIN)).await;
    let near = |cell| json!({ "near": { "cell": cell, "radiusKm": 50 } });
    let mut paris = follow(&app, &story.caretaker, near(PARIS)).await;
    assert_eq!(listed(&mut paris).await.0, [versailles.as_str()]);
    let mut anywhere = follow(&app, &story.caretaker, json!({})).await;
    assert_eq!(
        listed(&mut anywhere).await.0.len(),
        3,
        "with one that names no place"
    );

    for request in [&berlin, &story.request, &versailles] {
        let input = json!({ "careRequestId": request });
        app.done(&story.owner, "cancelCareRequest", input, "").await;
        assert_eq!(&left(&anywhere.told().await), request);
    }
    assert_eq!(left(&paris.told().await), versailles, "and of no other");
    publish(&app, &story.owner, Some(BERLIN)).await;
    publish(&app, &story.owner, None).await;
    let here = publish(&app, &story.owner, Some(PARIS)).await;
    assert_eq!(changed(&paris.told().await), here);
}

#[tokio::test]
async fn a_place_that_is_none_is_refused() {
    let app = TestApp::start().await;
    let member = app.member("Olga").await;
    for near in [
        json!({ "cell": "paris!", "radiusKm": 50 }),
        json!({ "cell": PARIS, "radiusKm": 0 }),
        json!({ "cell": PARIS, "radiusKm": 501 }),
    ] {
        let mut socket = follow(&app, &member, json!({ "near": near })).await;
        let refusal = socket.refusal().await;
        assert_eq!(crate::support::error_code(&refusal), "BAD_REQUEST", "{near}");
    }
}
