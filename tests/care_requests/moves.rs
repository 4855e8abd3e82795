//! The moves that a request's state does not allow.

use plant_care::entity::{CareRequestId, care_request, event};
use sea_orm::EntityTrait as _;
use serde_json::json;

use crate::support::{Story, TestApp, key};

const STATES: [&str; 8] = [
    "DRAFT",
    "OPEN",
    "ASSIGNED",
    "IN_PROGRESS",
    "AWAITING_CONFIRM",
    "COMPLETED",
    "CANCELLED",
    "EXPIRED",
];

/// What the owner does, and in which states she may.
const OWNERS: [(&str, &[&str]); 4] = [
    ("publishCareRequest", &["DRAFT"]),
    ("cancelCareRequest", &["DRAFT", "OPEN", "ASSIGNED"]),
    ("endCareEarly", &["IN_PROGRESS"]),
    ("confirmCare", &["AWAITING_CONFIRM"]),
];

/// What the caretaker does, and in which states she may.
const CARETAKERS: [(&str, &[&str]); 5] = [
    ("startCare", &["ASSIGNED"]),
    ("recordCare", &["IN_PROGRESS"]),
    ("endCare", &["IN_PROGRESS"]),
    ("withdrawFromCare", &["ASSIGNED", "IN_PROGRESS"]),
    ("sendOffer", &[]),
];

/// The request's row, and how many events there are.
async fn rows(story: &Story<'_>) -> (care_request::Model, usize) {
    let rows = story.app.rows();
    let request = care_request::Entity::find_by_id(key::<CareRequestId>(&story.request))
        .one(rows)
        .await
        .unwrap()
        .unwrap();
    (request, event::Entity::find().all(rows).await.unwrap().len())
}

#[tokio::test]
async fn a_move_that_the_state_does_not_allow_is_refused_and_changes_nothing() {
    for status in STATES {
        let app = TestApp::start().await;
        let story = Story::at(&app, status).await;
        let before = rows(&story).await;
        let owners = OWNERS.iter().map(|action| (&story.owner, action));
        let caretakers = CARETAKERS.iter().map(|action| (&story.caretaker, action));
        let has_caretaker = before.0.caretaker_id.is_some();
        for (member, (mutation, legal)) in owners.chain(caretakers.filter(|_| has_caretaker)) {
            if legal.contains(&status) {
                continue;
            }
            let mut input = story.input();
            if *mutation == "recordCare" {
                (input["plantId"], input["kind"]) = (json!(story.plants[0]), json!("WATER"));
            }
            let code = app.refused(member, mutation, input).await;
            assert_eq!(code, "ILLEGAL_MOVE", "{mutation} {status}");
        }
        assert_eq!(rows(&story).await, before, "{status}");
    }
}

#[tokio::test]
async fn a_refused_move_says_in_which_state_the_request_is() {
    let app = TestApp::start().await;
    let story = Story::at(&app, "CANCELLED").await;
    let payload = app
        .mutate(
            &story.owner,
            "cancelCareRequest",
            story.input(),
            "careRequest { id }",
        )
        .await;
    assert_eq!(
        payload,
        json!({ "careRequest": null, "userErrors": [{
            "code": "ILLEGAL_MOVE", "field": null,
            "message": "This cannot be done while the request is cancelled.",
        }] })
    );
}

#[tokio::test]
async fn an_offer_is_sent_and_accepted_only_while_the_request_is_open() {
    for status in STATES.into_iter().filter(|status| *status != "OPEN") {
        let app = TestApp::start().await;
        let mut story = Story::open(&app).await;
        let other = app.member("Dora").await;
        let offer = story.offer(&other).await;
        // The offer's request goes where it must no longer be accepted.
        let code = match status {
            "DRAFT" => continue,
            "CANCELLED" => {
                story.does(&story.owner, "cancelCareRequest").await;
                "ILLEGAL_MOVE"
            }
            "EXPIRED" => {
                story.pass(chrono::TimeDelta::days(1)).await;
                "ILLEGAL_MOVE"
            }
            _ => {
                story.assign(&story.caretaker).await;
                match status {
                    "IN_PROGRESS" => story.does(&story.caretaker, "startCare").await,
                    "AWAITING_CONFIRM" => {
                        story.does(&story.caretaker, "startCare").await;
                        story.does(&story.caretaker, "endCare").await;
                    }
                    "COMPLETED" => {
                        story.does(&story.caretaker, "startCare").await;
                        story.does(&story.owner, "endCareEarly").await;
                    }
                    _ => {}
                }
                // Somebody else has it: the loser's answer.
                "CONFLICT"
            }
        };
        assert_eq!(story.status().await, status);
        let before = rows(&story).await;
        let input = json!({ "offerId": offer });
        assert_eq!(
            app.refused(&story.owner, "acceptOffer", input.clone()).await,
            code,
            "{status}"
        );
        let other = app.login(&other).await;
        for mutation in ["withdrawOffer", "sendOffer"] {
            let input = if mutation == "sendOffer" {
                story.input()
            } else {
                input.clone()
            };
            assert_eq!(
                app.refused(&other, mutation, input).await,
                "ILLEGAL_MOVE",
                "{status}"
            );
        }
        assert_eq!(
            app.refused(&story.owner, "declineOffer", input).await,
            "ILLEGAL_MOVE"
        );
        assert_eq!(rows(&story).await, before, "{status}");
    }
}

#[tokio::test]
async fn nobody_else_makes_a_partys_moves() {
    let app = TestApp::start().await;
    let story = Story::in_progress(&app).await;
    for (mutation, _) in OWNERS {
        let code = app.refused(&story.caretaker, mutation, story.input()).await;
        assert_eq!(code, "NOT_ALLOWED", "{mutation}");
    }
    for (mutation, _) in CARETAKERS {
        let mut input = story.input();
        if mutation == "recordCare" {
            (input["plantId"], input["kind"]) = (json!(story.plants[0]), json!("WATER"));
        }
        let code = app.refused(&story.owner, mutation, input).await;
        assert_eq!(code, "NOT_ALLOWED", "{mutation}");
    }
    assert_eq!(story.status().await, "IN_PROGRESS");
}
