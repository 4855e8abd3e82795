//! Idempotency keys: what is sent again does not happen again.

use futures_util::future::join_all;
use plant_care::entity::{care_record, event, idempotency_key};
use sea_orm::EntityTrait as _;
use serde_json::{Value, json};

use crate::support::story::request_input;
use crate::support::{Member, Story, TestApp, text};

fn keyed(mut input: Value, key: &str) -> Value {
    input["idempotencyKey"] = json!(key);
    input
}

fn watering(story: &Story<'_>, amount_ml: i32) -> Value {
    json!({
        "careRequestId": story.request, "plantId": story.plants[0], "kind": "WATER", "amountMl": amount_ml,
    })
}

async fn events(app: &TestApp) -> usize {
    event::Entity::find().all(app.rows()).await.unwrap().len()
}

/// Runs a mutation twice under one key and checks that it happened once; gives its answer.
async fn twice(app: &TestApp, member: &Member, mutation: &str, input: Value, fields: &str) -> Value {
    let input = keyed(input, "the same for all");
    let before = events(app).await;
    let first = app.done(member, mutation, input.clone(), fields).await;
    let after = events(app).await;
    assert!(after > before, "{mutation} appends no event");
    let second = app.done(member, mutation, input, fields).await;
    assert_eq!(first, second, "{mutation}");
    assert_eq!(events(app).await, after, "{mutation}");
    first
}

#[tokio::test]
async fn a_whole_life_in_which_everything_is_sent_twice_happens_once() {
    let app = TestApp::start().await;
    let story = Story::open(&app).await;
    let (owner, caretaker, other) = (&story.owner, &story.caretaker, app.member("Dora").await);
    let plants = [app.plant(owner, "Palm").await];
    let request = "cursor careRequest { id status }";
    let offer = "offer { id status }";

    let made = twice(&app, owner, "createCareRequest", request_input(&plants), request).await;
    let id = json!({ "careRequestId": made["careRequest"]["id"] });
    twice(&app, owner, "cancelCareRequest", id, request).await;

    let sent = twice(&app, &other, "sendOffer", story.input(), offer).await;
    let input = json!({ "offerId": sent["offer"]["id"] });
    twice(&app, &other, "withdrawOffer", input, offer).await;
    let sent = story.offer(&other).await;
    twice(&app, owner, "declineOffer", json!({ "offerId": sent }), offer).await;
    let sent = story.offer(caretaker).await;
    twice(&app, owner, "acceptOffer", json!({ "offerId": sent }), request).await;
    twice(&app, caretaker, "startCare", story.input(), request).await;
    let record = "cursor event { __typename id seq }";
    twice(&app, caretaker, "recordCare", watering(&story, 100), record).await;
    let comment = json!({ "careRequestId": story.request, "body": "All is well." });
    twice(&app, caretaker, "addComment", comment, "cursor comment { id }").await;
    twice(&app, caretaker, "endCare", story.input(), request).await;
    twice(&app, owner, "confirmCare", story.input(), request).await;

    let story = Story::at(&app, "DRAFT").await;
    twice(&app, &story.owner, "publishCareRequest", story.input(), request).await;
    story.assign(&story.caretaker).await;
    twice(
        &app,
        &story.caretaker,
        "withdrawFromCare",
        story.input(),
        "cursor careRequest { id urgent }",
    )
    .await;
    story.assign(&story.caretaker).await;
    story.does(&story.caretaker, "startCare").await;
    twice(&app, &story.owner, "endCareEarly", story.input(), request).await;
    app.assert_whole_log().await;
}

#[tokio::test]
async fn another_input_under_a_used_key_is_refused() {
    let app = TestApp::start().await;
    let story = Story::in_progress(&app).await;
    let done = watering(&story, 100);
    app.done(&story.caretaker, "recordCare", keyed(done, "monday"), "")
        .await;
    let other = keyed(watering(&story, 200), "monday");
    let payload = app
        .mutate(&story.caretaker, "recordCare", other, "cursor event { id }")
        .await;
    assert_eq!(payload["userErrors"][0]["code"], "IDEMPOTENCY_CONFLICT");
    assert_eq!(payload["userErrors"][0]["field"], json!(["idempotencyKey"]));
    assert_eq!(
        (&payload["cursor"], &payload["event"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(story.timeline(&story.owner).await.len(), 4);
    let blank = keyed(watering(&story, 100), " ");
    let payload = app.mutate(&story.caretaker, "recordCare", blank, "").await;
    assert_eq!(payload["userErrors"][0]["code"], "VALIDATION");
    assert_eq!(payload["userErrors"][0]["field"], json!(["idempotencyKey"]));
}

#[tokio::test]
async fn a_key_is_its_members_and_its_mutations_own() {
    let app = TestApp::start().await;
    let story = Story::in_progress(&app).await;
    let comment = json!({ "careRequestId": story.request, "body": "All is well." });
    let mut comments = Vec::new();
    for member in [&story.owner, &story.caretaker] {
        let input = keyed(comment.clone(), "k");
        let payload = app
            .done(member, "addComment", input, "comment { id author { id } }")
            .await;
        assert_eq!(payload["comment"]["author"]["id"], member.id);
        comments.push(text(&payload["comment"]["id"]));
    }
    assert_ne!(comments[0], comments[1]);
    app.done(
        &story.caretaker,
        "recordCare",
        keyed(watering(&story, 100), "k"),
        "",
    )
    .await;
    assert_eq!(
        story.timeline(&story.owner).await[3..],
        ["CommentAdded", "CommentAdded", "CareRecorded"]
    );
}

#[tokio::test]
async fn a_refused_mutation_leaves_its_key_unused() {
    let app = TestApp::start().await;
    let story = Story::assigned(&app).await;
    let input = keyed(watering(&story, 100), "monday");
    let refused = app.refused(&story.caretaker, "recordCare", input.clone()).await;
    assert_eq!(refused, "ILLEGAL_MOVE");
    story.does(&story.caretaker, "startCare").await;
    app.done(&story.caretaker, "recordCare", input.clone(), "").await;
    // What was done is told again, even when it could not be done any more.
    story.does(&story.caretaker, "endCare").await;
    app.done(&story.caretaker, "recordCare", input, "").await;
    assert_eq!(story.timeline(&story.owner).await.len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_key_sent_ten_times_at_once_is_one_event_and_ten_equal_answers() {
    let app = TestApp::start().await;
    let replica = app.replica().await;
    let story = Story::in_progress(&app).await;
    let input = keyed(watering(&story, 100), "monday");
    let both = [&app, &replica];
    let answers = join_all(both.iter().cycle().take(10).map(|process| {
        process.done(
            &story.caretaker,
            "recordCare",
            input.clone(),
            "cursor event { __typename id seq recordedAt }",
        )
    }))
    .await;
    assert_eq!(answers[0]["event"]["seq"], 4);
    text(&answers[0]["cursor"]);
    for answer in &answers {
        assert_eq!(answer, &answers[0]);
    }
    let records = care_record::Entity::find().all(app.rows()).await.unwrap();
    let keys = idempotency_key::Entity::find().all(app.rows()).await.unwrap();
    assert_eq!((records.len(), keys.len()), (1, 1));
    assert_eq!(keys[0].result_id, Some(records[0].id.0));
    assert_eq!(story.timeline(&story.owner).await.len(), 4);
    assert_eq!(
        app.feed(&story.owner)
            .await
            .iter()
            .filter(|(kind, _)| kind == "CareRecorded")
            .count(),
        1
    );
    app.assert_whole_log().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_inputs_under_one_key_at_once_one_is_done() {
    let app = TestApp::start().await;
    let story = Story::in_progress(&app).await;
    let answers = join_all((1..=6).map(|number| {
        let input = keyed(watering(&story, number % 2), "monday");
        app.mutate(&story.caretaker, "recordCare", input, "event { id }")
    }))
    .await;
    let done = answers
        .iter()
        .filter(|answer| answer["userErrors"] == json!([]))
        .count();
    let conflicts = answers
        .iter()
        .filter(|answer| answer["userErrors"][0]["code"] == "IDEMPOTENCY_CONFLICT")
        .count();
    assert_eq!((done, conflicts), (3, 3), "{answers:?}");
    assert_eq!(story.timeline(&story.owner).await.len(), 4);
}
