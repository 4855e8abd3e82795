//! The life of a care request.

mod board;
mod moves;
mod new;
mod once;

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::support::story::{create, draft, request_input};
use crate::support::{Story, TestApp, nodes, text};

const STATUS: &str = "cursor careRequest { status urgent caretaker { displayName } }";

/// The pairs as a feed tells them.
fn told(kinds: &[(&str, &str)]) -> Vec<(String, String)> {
    kinds
        .iter()
        .map(|(kind, level)| ((*kind).to_owned(), (*level).to_owned()))
        .collect()
}

#[tokio::test]
async fn a_request_goes_from_a_draft_to_its_completion() {
    let app = TestApp::start().await;
    let story = Story::at(&app, "DRAFT").await;
    let (owner, caretaker) = (&story.owner, &story.caretaker);
    assert!(story.timeline(owner).await.is_empty());

    let step = async |member, mutation: &str, input: Value| {
        let payload = app.done(member, mutation, input, STATUS).await;
        text(&payload["cursor"]);
        (
            text(&payload["careRequest"]["status"]),
            payload["careRequest"]["caretaker"]["displayName"].clone(),
        )
    };
    assert_eq!(
        step(owner, "publishCareRequest", story.input()).await,
        ("OPEN".to_owned(), Value::Null)
    );
    let offer = story.offer(caretaker).await;
    for (member, mutation, input, status) in [
        (owner, "acceptOffer", json!({ "offerId": offer }), "ASSIGNED"),
        (caretaker, "startCare", story.input(), "IN_PROGRESS"),
        (caretaker, "endCare", story.input(), "AWAITING_CONFIRM"),
        (owner, "confirmCare", story.input(), "COMPLETED"),
    ] {
        if mutation == "endCare" {
            story.water(250).await;
        }
        let expected = (status.to_owned(), json!("Carl"));
        assert_eq!(step(member, mutation, input).await, expected, "{mutation}");
    }
    assert_eq!(
        story.timeline(owner).await,
        [
            "RequestPublished",
            "RequestAccepted",
            "CareStarted",
            "CareRecorded",
            "CareEnded",
            "CareConfirmed"
        ]
    );
    assert_eq!(
        app.feed(owner).await,
        told(&[
            ("OfferReceived", "NOTICE"),
            ("CareStarted", "NOTICE"),
            ("CareRecorded", "INFO"),
            ("CareEnded", "NOTICE")
        ])
    );
    assert_eq!(
        app.feed(caretaker).await,
        told(&[("RequestAccepted", "NOTICE"), ("CareConfirmed", "NOTICE")])
    );
    app.assert_whole_log().await;
}

#[tokio::test]
async fn what_was_asked_for_is_what_is_shown() {
    let app = TestApp::start().await;
    let story = Story::open(&app).await;
    story.does(&story.owner, "cancelCareRequest").await;
    let [fern, cactus] = [&story.plants[0], &story.plants[1]];
    let input = json!({
        "plantIds": [cactus, fern], "title": " Easter ", "mode": "AT_CARETAKER", "startsOn": "2026-07-01",
        "endsOn": "2026-07-31", "timezone": "Europe/Paris", "instructions": " Gently. ", "approxCell": "U09TVW",
    });
    let fields =
        "cursor careRequest { title mode status urgent startsOn endsOn timezone instructions approxCell
        createdAt owner { displayName } caretaker { id } plants { name } }";
    let payload = app.done(&story.owner, "createCareRequest", input, fields).await;
    assert_eq!(
        payload,
        json!({ "cursor": null, "userErrors": [], "careRequest": {
            "title": "Easter", "mode": "AT_CARETAKER", "status": "DRAFT", "urgent": false,
            "startsOn": "2026-07-01", "endsOn": "2026-07-31", "timezone": "Europe/Paris",
            "instructions": "Gently.", "approxCell": "u09tvw", "createdAt": "2026-06-01T09:00:00.000000Z",
            "owner": { "displayName": "Olga" }, "caretaker": null,
            "plants": [{ "name": "Cactus" }, { "name": "Fern" }],
        } })
    );
}

#[tokio::test]
async fn a_member_finds_her_requests_by_part_and_state() {
    let app = TestApp::start().await;
    let story = Story::in_progress(&app).await;
    let (owner, caretaker) = (&story.owner, &story.caretaker);
    let plant = app.plant(caretaker, "Palm").await;
    let own = draft(&app, caretaker, &[plant]).await;
    let found = async |member, filter: &str| -> Vec<String> {
        let query = format!("{{ careRequests{filter} {{ totalCount edges {{ node {{ id }} }} }} }}");
        let data = app.run(member, &query, json!({})).await;
        let ids: Vec<_> = nodes(&data["careRequests"])
            .map(|request| text(&request["id"]))
            .collect();
        assert_eq!(data["careRequests"]["totalCount"], ids.len());
        ids
    };
    let (request, own) = (story.request.as_str(), own.as_str());
    assert_eq!(found(caretaker, "").await, [own, request]);
    assert_eq!(found(caretaker, "(as: OWNER)").await, [own]);
    assert_eq!(found(caretaker, "(as: CARETAKER)").await, [request]);
    assert_eq!(found(caretaker, "(status: [IN_PROGRESS, OPEN])").await, [request]);
    assert_eq!(found(owner, "").await, [request]);
    assert!(found(owner, "(as: CARETAKER)").await.is_empty());
    assert!(found(owner, "(status: [])").await.is_empty());
    assert!(found(&app.member("Sam").await, "").await.is_empty());
}

#[tokio::test]
async fn an_owner_cancels_until_the_care_has_started() {
    let app = TestApp::start().await;
    for (status, events) in [("DRAFT", 1), ("OPEN", 2), ("ASSIGNED", 3)] {
        let story = Story::at(&app, status).await;
        let offer = match status {
            "OPEN" => Some(story.offer(&story.caretaker).await),
            _ => None,
        };
        let payload = app
            .done(&story.owner, "cancelCareRequest", story.input(), STATUS)
            .await;
        assert_eq!(payload["careRequest"]["status"], "CANCELLED");
        let timeline = story.timeline(&story.owner).await;
        assert_eq!(timeline.len(), events, "{status}");
        assert_eq!(timeline.last().unwrap(), "RequestCancelled");
        let last = app.feed(&story.caretaker).await.pop();
        match status {
            "OPEN" => {
                assert_eq!(last, told(&[("OfferDeclined", "NOTICE")]).pop());
                let query = "query($id: ID!) { node(id: $id) { ... on Offer { status } } }";
                let data = app.run(&story.caretaker, query, json!({ "id": offer })).await;
                assert_eq!(data["node"]["status"], "DECLINED");
            }
            "ASSIGNED" => assert_eq!(last, told(&[("RequestCancelled", "WARNING")]).pop()),
            _ => {}
        }
    }
    app.assert_whole_log().await;
}

#[tokio::test]
async fn a_caretaker_who_withdraws_leaves_an_urgent_request_to_others() {
    let app = TestApp::start().await;
    for status in ["ASSIGNED", "IN_PROGRESS"] {
        let story = Story::at(&app, status).await;
        let payload = app
            .done(&story.caretaker, "withdrawFromCare", story.input(), STATUS)
            .await;
        assert_eq!(
            payload["careRequest"],
            json!({ "status": "OPEN", "urgent": true, "caretaker": null })
        );
        assert_eq!(
            app.feed(&story.owner).await.pop(),
            told(&[("CaretakerWithdrew", "CRITICAL")]).pop()
        );
        let timeline = story.timeline(&story.owner).await;
        assert_eq!(timeline.last().unwrap(), "CaretakerWithdrew");

        let next = app.member("Dora").await;
        story.assign(&next).await;
        story.does(&next, "startCare").await;
        assert_eq!(story.status().await, "IN_PROGRESS");
        assert_eq!(
            app.refused(&story.caretaker, "withdrawFromCare", story.input())
                .await,
            "NOT_ALLOWED"
        );
    }
}

#[tokio::test]
async fn an_owner_who_is_back_early_ends_the_care() {
    let app = TestApp::start().await;
    let story = Story::in_progress(&app).await;
    let payload = app
        .done(&story.owner, "endCareEarly", story.input(), STATUS)
        .await;
    assert_eq!(payload["careRequest"]["status"], "COMPLETED");
    assert_eq!(payload["careRequest"]["caretaker"]["displayName"], "Carl");
    assert_eq!(
        app.feed(&story.caretaker).await.pop(),
        told(&[("EndedEarly", "NOTICE")]).pop()
    );
    assert_eq!(story.timeline(&story.owner).await.last().unwrap(), "EndedEarly");
}

#[tokio::test]
async fn care_starts_no_earlier_than_the_day_before_in_the_requests_time_zone() {
    // The 2nd begins in Auckland at 12:00 of the 1st in UTC, in Honolulu at 10:00 of the 2nd.
    for (zone, hours) in [("UTC", 15), ("Pacific/Auckland", 3), ("Pacific/Honolulu", 25)] {
        let app = TestApp::start().await;
        let mut story = Story::open(&app).await;
        story.does(&story.owner, "cancelCareRequest").await;
        let mut input = request_input(&story.plants);
        (input["startsOn"], input["timezone"]) = (json!("2026-06-03"), json!(zone));
        story.request = create(&app, &story.owner, input).await;
        story.assign(&story.caretaker).await;

        story.pass(TimeDelta::hours(hours) - TimeDelta::seconds(1)).await;
        let code = app.refused(&story.caretaker, "startCare", story.input()).await;
        assert_eq!(code, "ILLEGAL_MOVE", "{zone}");
        assert_eq!(story.status().await, "ASSIGNED");
        app.pass(TimeDelta::seconds(1)).await;
        story.does(&story.caretaker, "startCare").await;
        assert_eq!(story.status().await, "IN_PROGRESS", "{zone}");
    }
}

#[tokio::test]
async fn care_is_recorded_for_the_requests_plants_and_a_time_that_was() {
    let app = TestApp::start().await;
    let story = Story::in_progress(&app).await;
    let other = app.plant(&story.owner, "Palm").await;
    let input = |change: fn(&mut Value, &str)| {
        let mut input =
            json!({ "careRequestId": story.request, "plantId": story.plants[0], "kind": "WATER" });
        change(&mut input, &other);
        input
    };
    for (input, field) in [
        (input(|input, other| input["plantId"] = json!(other)), "plantId"),
        (input(|input, _| input["amountMl"] = json!(-1)), "amountMl"),
        (input(|input, _| input["amountMl"] = json!(100_001)), "amountMl"),
        (input(|input, _| input["note"] = json!("x".repeat(2001))), "note"),
        (
            input(|input, _| input["occurredAt"] = json!("2026-06-01T09:05:01Z")),
            "occurredAt",
        ),
        (
            input(|input, _| input["occurredAt"] = json!("2026-06-01T08:54:59Z")),
            "occurredAt",
        ),
    ] {
        let payload = app
            .mutate(&story.caretaker, "recordCare", input, "cursor event { id }")
            .await;
        assert_eq!(payload["userErrors"][0]["code"], "VALIDATION");
        assert_eq!(payload["userErrors"][0]["field"], json!([field]));
        assert_eq!(
            (&payload["cursor"], &payload["event"]),
            (&Value::Null, &Value::Null)
        );
    }
    // Whoever looks after the plants now has done nothing for them before she came.
    let began = story.app.app.clock.now();
    for (language, words) in [
        ("en", "This is before the care began."),
        ("fr", "C’est avant le début de la garde."),
    ] {
        app.app.clock.advance(TimeDelta::minutes(6));
        app.sql(&format!(
            "UPDATE users SET locale = '{}'",
            language.to_uppercase()
        ))
        .await;
        let mut early = input(|_, _| {});
        early["occurredAt"] = json!(began - TimeDelta::minutes(6));
        let payload = app.mutate(&story.caretaker, "recordCare", early, "").await;
        assert_eq!(payload["userErrors"][0]["message"], words);
        assert_eq!(payload["userErrors"][0]["field"], json!(["occurredAt"]));
    }
    let before = input(|input, _| {
        input["occurredAt"] = json!("2026-06-01T11:04:00+02:00");
        input["note"] = json!("Soil was dry.");
    });
    let fields =
        "event { occurredAt recordedAt plant { name } ... on CareRecorded { taskKind amountMl note } }";
    let payload = app.done(&story.caretaker, "recordCare", before, fields).await;
    assert_eq!(
        payload["event"],
        json!({
            "occurredAt": "2026-06-01T09:04:00.000000Z", "recordedAt": "2026-06-01T09:12:00.000000Z",
            "plant": { "name": "Fern" }, "taskKind": "WATER", "amountMl": null, "note": "Soil was dry.",
        })
    );
    assert_eq!(story.timeline(&story.owner).await.len(), 4);
}
