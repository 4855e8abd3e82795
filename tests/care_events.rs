//! The main job: an owner sees her plant being watered, and nothing is lost when she comes back.

#[cfg(test)]
mod gaps;
#[cfg(test)]
mod processes;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{Story, TestApp, error_code, text};

/// What opening, accepting and starting have put into a timeline.
const BEGINNING: i64 = 3;

#[tokio::test]
async fn an_owner_sees_each_act_of_care_once_and_in_order() {
    let app = TestApp::start().await;
    let story = Story::in_progress(&app).await;
    let mut socket = app.socket(&story.owner).await;
    socket.follow(&story.request, None).await;
    let (before, _) = socket.replay().await;
    let kinds: Vec<_> = before
        .iter()
        .map(|told| text(&told["event"]["__typename"]))
        .collect();
    assert_eq!(kinds, ["RequestPublished", "RequestAccepted", "CareStarted"]);

    let mut cursors = Vec::new();
    for number in 1..=5 {
        let payload = story.water(number * 100).await;
        let told = socket.told().await;
        assert_eq!(told["event"]["id"], payload["event"]["id"]);
        assert_eq!(told["cursor"], payload["cursor"]);
        assert_eq!(told["event"]["seq"], 3 + number);
        assert_eq!(told["event"]["amountMl"], number * 100);
        assert_eq!(told["event"]["actor"]["displayName"], "Carl");
        cursors.push(text(&told["cursor"]));
    }

    let mut again = app.socket(&story.owner).await;
    again.follow(&story.request, Some(&cursors[2])).await;
    let (missed, position) = again.replay().await;
    assert_eq!(numbers(&missed), [7, 8]);
    assert_eq!(position, cursors[4]);

    let payload = story.water(600).await;
    assert_eq!(again.told().await["cursor"], payload["cursor"]);
}

#[tokio::test]
async fn an_act_that_is_sent_twice_is_recorded_and_told_once() {
    let app = TestApp::start().await;
    let story = Story::in_progress(&app).await;
    let mut socket = app.socket(&story.owner).await;
    socket.follow(&story.request, None).await;
    socket.replay().await;

    let input = json!({ "careRequestId": story.request, "plantId": story.plants[0], "kind": "WATER",
        "amountMl": 200, "idempotencyKey": "monday" });
    let fields = "cursor event { id seq occurredAt recordedAt }";
    let first = app
        .done(&story.caretaker, "recordCare", input.clone(), fields)
        .await;
    let second = app
        .done(&story.caretaker, "recordCare", input.clone(), fields)
        .await;
    assert_eq!(first, second);

    let mut other = input.clone();
    other["amountMl"] = json!(300);
    assert_eq!(
        app.refused(&story.caretaker, "recordCare", other.clone()).await,
        "IDEMPOTENCY_CONFLICT"
    );
    other["idempotencyKey"] = json!("tuesday");
    let third = app.done(&story.caretaker, "recordCare", other, fields).await;

    assert_eq!(socket.told().await["cursor"], first["cursor"]);
    assert_eq!(socket.told().await["cursor"], third["cursor"]);
    assert_eq!(third["event"]["seq"], BEGINNING + 2);
}

#[tokio::test]
async fn acts_that_are_sent_twice_at_the_same_moment_are_recorded_once() {
    let app = TestApp::start().await;
    let story = Story::in_progress(&app).await;
    let input = json!({ "careRequestId": story.request, "plantId": story.plants[0], "kind": "MIST",
        "idempotencyKey": "once" });
    let send = || {
        app.done(
            &story.caretaker,
            "recordCare",
            input.clone(),
            "cursor event { id }",
        )
    };
    let answers = join_all((0..8).map(|_| send())).await;
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    let mut socket = app.socket(&story.owner).await;
    socket.follow(&story.request, None).await;
    let (events, _) = socket.replay().await;
    assert_eq!(numbers(&events), [1, 2, 3, 4]);
}

#[tokio::test]
async fn a_page_and_then_a_subscription_after_it_miss_nothing() {
    let app = TestApp::start().await;
    let story = Story::in_progress(&app).await;
    for number in 1..=4 {
        story.water(number).await;
    }
    let page = timeline(&app, &story, json!({ "first": 5 })).await;
    assert_eq!(page["edges"].as_array().unwrap().len(), 5);
    let end = text(&page["pageInfo"]["endCursor"]);
    story.water(5).await;
    let mut socket = app.socket(&story.owner).await;
    socket.follow(&story.request, Some(&end)).await;
    let (events, position) = socket.replay().await;
    assert_eq!(numbers(&events), [6, 7, 8]);

    // A page after the end is empty, and still says where it ends.
    let empty = timeline(&app, &story, json!({ "after": position })).await;
    assert_eq!(empty["edges"], json!([]));
    assert_eq!(empty["pageInfo"]["endCursor"], position);
    let payload = story.water(6).await;
    let mut later = app.socket(&story.owner).await;
    later.follow(&story.request, Some(&position)).await;
    let (events, _) = later.replay().await;
    assert_eq!(numbers(&events), [9]);
    assert_eq!(events[0]["cursor"], payload["cursor"]);
}

#[tokio::test]
async fn the_page_of_a_timeline_in_which_nothing_has_happened_yet_can_be_followed() {
    let app = TestApp::start().await;
    let mut story = Story::open(&app).await;
    let plants = vec![app.plant(&story.owner, "Aloe").await];
    let mut input = crate::support::story::request_input(&plants);
    input["publish"] = json!(false);
    let draft = app
        .done(
            &story.owner,
            "createCareRequest",
            input,
            "cursor careRequest { id }",
        )
        .await;
    assert_eq!(draft["cursor"], Value::Null, "a draft is not told of");
    story.request = text(&draft["careRequest"]["id"]);

    let page = timeline(&app, &story, json!({})).await;
    assert_eq!(page["edges"], json!([]));
    let end = text(&page["pageInfo"]["endCursor"]);
    let published = app
        .done(&story.owner, "publishCareRequest", story.input(), "cursor")
        .await;
    let mut socket = app.socket(&story.owner).await;
    socket.follow(&story.request, Some(&end)).await;
    let (events, _) = socket.replay().await;
    assert_eq!(numbers(&events), [1]);
    assert_eq!(events[0]["cursor"], published["cursor"]);
}

#[tokio::test]
async fn subscribers_who_join_while_others_write_see_every_number_once() {
    const WRITERS: i64 = 5;
    const EACH: i64 = 10;
    let app = TestApp::start().await;
    let story = Story::in_progress(&app).await;
    let end = BEGINNING + WRITERS * EACH;
    let dense: Vec<_> = (1..=end).collect();
    let writers_who_join_half_way = (0..WRITERS).map(|writer| {
        let (app, story) = (&app, &story);
        async move {
            for _ in 0..=writer {
                story.water(1).await;
            }
            let mut socket = app.socket(&story.owner).await;
            socket.follow(&story.request, None).await;
            for _ in writer + 1..EACH {
                story.water(1).await;
            }
            socket.numbers_until(end).await
        }
    });
    for numbers in join_all(writers_who_join_half_way).await {
        assert_eq!(numbers, dense);
    }
}

#[tokio::test]
async fn a_replay_of_several_blocks_is_whole() {
    let app = TestApp::start().await;
    let story = Story::in_progress(&app).await;
    for _ in 0..15 {
        water_many(&app, &story).await;
    }
    let end = BEGINNING + 300;
    let mut socket = app.socket(&story.owner).await;
    socket.follow(&story.request, None).await;
    let (events, _) = socket.replay().await;
    assert_eq!(numbers(&events), (1..=end).collect::<Vec<_>>());

    // From the end of a block, where the next read begins.
    let block = text(&events[99]["cursor"]);
    let mut socket = app.socket(&story.owner).await;
    socket.follow(&story.request, Some(&block)).await;
    let (events, _) = socket.replay().await;
    assert_eq!(numbers(&events), (101..=end).collect::<Vec<_>>());
}

#[tokio::test]
async fn two_streams_on_one_socket_and_two_sockets_on_one_stream_do_not_mix() {
    let app = TestApp::start().await;
    let story = Story::in_progress(&app).await;
    let fig = app.plant(&story.owner, "Fig").await;
    let other = crate::support::story::open_request(&app, &story.owner, &[fig]).await;
    let mut owner = app.socket(&story.owner).await;
    owner.follow_as("fern", &story.request, None).await;
    let (fern, _) = owner.replay().await;
    owner.follow_as("fig", &other, None).await;
    let (fig, _) = owner.replay().await;
    assert_eq!((fern.len(), fig.len()), (3, 1));
    let mut caretaker = app.socket(&story.caretaker).await;
    caretaker.follow(&story.request, None).await;
    caretaker.replay().await;

    let watered = story.water(100).await;
    let comment = json!({ "careRequestId": other, "body": "Nobody yet?" });
    let commented = app.done(&story.owner, "addComment", comment, "cursor").await;
    let mut told = [owner.told_by().await, owner.told_by().await];
    told.sort_by(|one, other| one.0.cmp(&other.0));
    assert_eq!(
        (told[0].0.as_str(), &told[0].1["cursor"]),
        ("fern", &watered["cursor"])
    );
    assert_eq!(
        (told[1].0.as_str(), &told[1].1["cursor"]),
        ("fig", &commented["cursor"])
    );
    assert_eq!(caretaker.told().await["cursor"], watered["cursor"]);

    // The caretaker was told nothing of the other request: her next message is of her own.
    let watered = story.water(100).await;
    assert_eq!(caretaker.told().await["cursor"], watered["cursor"]);
}

#[tokio::test]
async fn a_cursor_of_another_stream_is_refused() {
    let app = TestApp::start().await;
    let story = Story::in_progress(&app).await;
    let fig = app.plant(&story.owner, "Fig").await;
    let other = crate::support::story::open_request(&app, &story.owner, &[fig]).await;
    let cursor = text(&story.water(100).await["cursor"]);
    let mut socket = app.socket(&story.owner).await;
    for (request, cursor) in [(&other, cursor.as_str()), (&story.request, "5")] {
        socket.follow(request, Some(cursor)).await;
        let refusal = socket.refusal().await;
        assert_eq!(error_code(&refusal), "INVALID_CURSOR", "{refusal}");
    }
}

/// The numbers of events that were told.
fn numbers(told: &[Value]) -> Vec<i64> {
    told.iter()
        .map(|told| told["event"]["seq"].as_i64().unwrap())
        .collect()
}

/// A page of a request's timeline, as its owner reads it.
async fn timeline(app: &TestApp, story: &Story<'_>, page: Value) -> Value {
    let query = "query($id: ID!, $first: Int, $after: String) { careRequest(id: $id) {
        timeline(first: $first, after: $after) { edges { cursor node { id seq } } pageInfo { endCursor } } } }";
    let mut variables = page;
    variables["id"] = json!(story.request);
    app.run(&story.owner, query, variables).await["careRequest"]["timeline"].take()
}

/// Has the caretaker water twenty times with one document.
async fn water_many(app: &TestApp, story: &Story<'_>) {
    let fields = (0..20)
        .map(|number| format!("water{number}: recordCare(input: $input) {{ userErrors {{ message }} }}"))
        .collect::<Vec<_>>();
    let query = format!("mutation($input: RecordCareInput!) {{ {} }}", fields.join(" "));
    let input = json!({ "careRequestId": story.request, "plantId": story.plants[0], "kind": "WATER" });
    let data = app.run(&story.caretaker, &query, json!({ "input": input })).await;
    assert_eq!(data["water19"]["userErrors"], json!([]));
}
