//! Those who have, or had, a part in a care request: each sees her own part.

use serde_json::{Value, json};

use crate::support::{Member, Story, TestApp, error_code, nodes, text};

/// The numbers and kinds of what a member reads in a request's timeline.
async fn read(story: &Story<'_>, member: &Member) -> Vec<(i64, String)> {
    let query = "query($id: ID!) { careRequest(id: $id) {
        timeline { totalCount edges { node { __typename seq } } } } }";
    let data = story.app.run(member, query, json!({ "id": story.request })).await;
    let timeline = &data["careRequest"]["timeline"];
    let events: Vec<_> = nodes(timeline)
        .map(|event| (event["seq"].as_i64().unwrap(), text(&event["__typename"])))
        .collect();
    assert_eq!(timeline["totalCount"], events.len());
    events
}

fn events(events: &[(i64, &str)]) -> Vec<(i64, String)> {
    events
        .iter()
        .map(|(seq, kind)| (*seq, (*kind).to_owned()))
        .collect()
}

async fn comment(story: &Story<'_>, body: &str) -> String {
    let mut input = story.input();
    input["body"] = json!(body);
    let payload = story
        .app
        .done(&story.owner, "addComment", input, "comment { id } cursor")
        .await;
    text(&payload["comment"]["id"])
}

#[tokio::test]
async fn a_caretaker_reads_all_of_the_timeline_while_she_has_the_request() {
    let app = TestApp::start().await;
    let story = Story::in_progress(&app).await;
    story.water(300).await;
    assert_eq!(
        read(&story, &story.caretaker).await,
        read(&story, &story.owner).await
    );
    assert_eq!(read(&story, &story.caretaker).await.len(), 4);
    story.does(&story.caretaker, "endCare").await;
    story.does(&story.owner, "confirmCare").await;
    comment(&story, "Thank you!").await;
    assert_eq!(read(&story, &story.caretaker).await.len(), 7);
}

#[tokio::test]
async fn a_former_caretaker_reads_her_own_time_and_no_more() {
    let app = TestApp::start().await;
    let story = Story::in_progress(&app).await;
    story.water(300).await;
    story.does(&story.caretaker, "withdrawFromCare").await;
    let hers = events(&[
        (2, "RequestAccepted"),
        (3, "CareStarted"),
        (4, "CareRecorded"),
        (5, "CaretakerWithdrew"),
    ]);
    assert_eq!(read(&story, &story.caretaker).await, hers);

    let next = app.member("Dora").await;
    let note = comment(&story, "Who comes now?").await;
    story.assign(&next).await;
    story.does(&next, "startCare").await;
    assert_eq!(read(&story, &story.caretaker).await, hers);
    assert_eq!(read(&story, &next).await.len(), 8);

    let query = "query($id: ID!) { careRequest(id: $id) { status caretaker { id } instructions
        comments { totalCount } offers { totalCount edges { node { caretaker { id } } } } } }";
    let data = app
        .run(&story.caretaker, query, json!({ "id": story.request }))
        .await;
    let offer = json!({ "node": { "caretaker": { "id": story.caretaker.id } } });
    assert_eq!(
        data["careRequest"],
        json!({
            "status": "IN_PROGRESS", "caretaker": null, "instructions": null,
            "comments": { "totalCount": 0 }, "offers": { "totalCount": 1, "edges": [offer] },
        })
    );
    let data = app
        .run(
            &story.caretaker,
            "query($id: ID!) { node(id: $id) { id } }",
            json!({ "id": note }),
        )
        .await;
    assert_eq!(data["node"], Value::Null);

    // Given it a second time, she reads both of her times.
    story.does(&next, "withdrawFromCare").await;
    story.assign(&story.caretaker).await;
    story.does(&story.caretaker, "withdrawFromCare").await;
    let mut both = hers;
    both.extend(events(&[(10, "RequestAccepted"), (11, "CaretakerWithdrew")]));
    assert_eq!(read(&story, &story.caretaker).await, both);
}

#[tokio::test]
async fn single_events_are_readable_to_a_former_caretaker_as_the_timeline_is() {
    let app = TestApp::start().await;
    let story = Story::in_progress(&app).await;
    story.does(&story.caretaker, "withdrawFromCare").await;
    comment(&story, "Who comes now?").await;
    let query = "query($id: ID!) { careRequest(id: $id) { timeline { edges { node { id } } } } }";
    let data = app.run(&story.owner, query, json!({ "id": story.request })).await;
    let mut readable = Vec::new();
    for event in nodes(&data["careRequest"]["timeline"]) {
        let query = "query($id: ID!) { node(id: $id) { id } }";
        let data = app
            .run(&story.caretaker, query, json!({ "id": event["id"] }))
            .await;
        readable.push(data["node"]["id"] == event["id"]);
    }
    assert_eq!(readable, [false, true, true, true, false]);
}

#[tokio::test]
async fn a_caretaker_who_withdraws_is_told_so_and_nothing_after_it() {
    let app = TestApp::start().await;
    let story = Story::in_progress(&app).await;
    let mut socket = app.socket(&story.caretaker).await;
    socket.follow(&story.request, None).await;
    assert_eq!(socket.replay().await.0.len(), 3);
    story.does(&story.caretaker, "withdrawFromCare").await;
    comment(&story, "Who comes now?").await;
    let ended = json!({ "__typename": "StreamEnded", "endReason": "ACCESS_LOST" });
    let told = socket.told().await;
    assert_eq!(told["event"]["__typename"], "CaretakerWithdrew");
    assert_eq!(socket.told().await, ended);
    assert_eq!(socket.message().await, json!({ "type": "complete", "id": "1" }));

    // Who comes back is told what was hers, and that it has ended.
    socket.follow(&story.request, None).await;
    for kind in ["RequestAccepted", "CareStarted", "CaretakerWithdrew"] {
        assert_eq!(socket.told().await["event"]["__typename"], kind);
    }
    assert_eq!(socket.told().await, ended);
    assert_eq!(socket.message().await["type"], "complete");
    socket.follow(&story.request, Some(&text(&told["cursor"]))).await;
    assert_eq!(socket.told().await, ended);
    assert_eq!(socket.message().await["type"], "complete");
}

#[tokio::test]
async fn a_former_caretaker_does_nothing_more() {
    let app = TestApp::start().await;
    let story = Story::in_progress(&app).await;
    story.does(&story.caretaker, "withdrawFromCare").await;
    for change in ["startCare", "endCare", "withdrawFromCare"] {
        let code = app.refused(&story.caretaker, change, story.input()).await;
        assert_eq!(code, "NOT_ALLOWED", "{change}");
    }
    let mut input = story.input();
    input["body"] = json!("I am sorry.");
    assert_eq!(
        app.refused(&story.caretaker, "addComment", input).await,
        "NOT_ALLOWED"
    );
    let input = json!({ "careRequestId": story.request, "plantId": story.plants[0], "kind": "WATER" });
    assert_eq!(
        app.refused(&story.caretaker, "recordCare", input).await,
        "NOT_ALLOWED"
    );
}

#[tokio::test]
async fn an_offerer_sees_her_own_offer_and_not_who_was_chosen() {
    let app = TestApp::start().await;
    let story = Story::open(&app).await;
    let other = app.member("Dora").await;
    let (hers, chosen) = (story.offer(&other).await, story.offer(&story.caretaker).await);
    let query = "query($id: ID!) { careRequest(id: $id) { status caretaker { id }
        offers { totalCount edges { node { id } } } timeline { totalCount } comments { totalCount } } }";
    let seen = async || app.run(&other, query, json!({ "id": story.request })).await["careRequest"].take();
    let mut expected = json!({
        "status": "OPEN", "caretaker": null, "timeline": { "totalCount": 0 }, "comments": { "totalCount": 0 },
        "offers": { "totalCount": 1, "edges": [{ "node": { "id": hers } }] },
    });
    assert_eq!(seen().await, expected);

    app.done(&story.owner, "acceptOffer", json!({ "offerId": chosen }), "")
        .await;
    expected["status"] = json!("ASSIGNED");
    assert_eq!(seen().await, expected);
    let node = "query($id: ID!) { node(id: $id) { id } }";
    let data = app.run(&other, node, json!({ "id": chosen })).await;
    assert_eq!(data["node"], Value::Null);
    let data = app.run(&other, node, json!({ "id": hers })).await;
    assert_eq!(data["node"]["id"], hers);

    let mut socket = app.socket(&other).await;
    socket.follow(&story.request, None).await;
    let refusal = socket.refusal().await;
    assert_eq!(error_code(&refusal), "NOT_FOUND");
}
