//! Offers: who may send, answer and take them back.

mod race;

use plant_care::entity::offer::OfferStatus;
use plant_care::entity::{CareRequestId, offer};
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _};
use serde_json::{Value, json};

use crate::support::story::{open_request, request_input};
use crate::support::{Member, Story, TestApp, key, nodes, text};

fn of(offer: &str) -> Value {
    json!({ "offerId": offer })
}

fn told(kinds: &[(&str, &str)]) -> Vec<(String, String)> {
    kinds
        .iter()
        .map(|(kind, level)| ((*kind).to_owned(), (*level).to_owned()))
        .collect()
}

#[tokio::test]
async fn nobody_offers_to_take_her_own_request() {
    let app = TestApp::start().await;
    let story = Story::open(&app).await;
    assert_eq!(
        app.refused(&story.owner, "sendOffer", story.input()).await,
        "NOT_ALLOWED"
    );
    assert!(sent(&story).await.is_empty());
}

#[tokio::test]
async fn an_offer_reaches_the_owner_and_not_the_timeline() {
    let app = TestApp::start().await;
    let story = Story::open(&app).await;
    let mut input = story.input();
    input["message"] = json!("  I live next door. ");
    let offer = app
        .done(
            &story.caretaker,
            "sendOffer",
            input,
            "offer { id status message }",
        )
        .await["offer"]
        .take();
    assert_eq!(offer["status"], "SENT");
    let query = "query($id: ID!) { careRequest(id: $id) {
        offers { totalCount edges { node { id message caretaker { displayName } } } } } }";
    let data = app.run(&story.owner, query, json!({ "id": story.request })).await;
    let offers = &data["careRequest"]["offers"];
    assert_eq!(offers["totalCount"], 1);
    assert_eq!(
        nodes(offers).next().unwrap(),
        &json!({ "id": offer["id"], "message": "I live next door.", "caretaker": { "displayName": "Carl" } })
    );
    assert_eq!(app.feed(&story.owner).await, told(&[("OfferReceived", "NOTICE")]));
    assert_eq!(app.feed(&story.caretaker).await, []);
    assert_eq!(story.timeline(&story.owner).await, ["RequestPublished"]);
}

#[tokio::test]
async fn a_member_has_one_live_offer_for_a_request() {
    let app = TestApp::start().await;
    let story = Story::open(&app).await;
    let first = story.offer(&story.caretaker).await;
    let again = || app.refused(&story.caretaker, "sendOffer", story.input());
    assert_eq!(again().await, "CONFLICT");

    app.done(&story.caretaker, "withdrawOffer", of(&first), "").await;
    let second = story.offer(&story.caretaker).await;
    assert_eq!(again().await, "CONFLICT");

    app.done(&story.owner, "declineOffer", of(&second), "").await;
    story.offer(&story.caretaker).await;
    let statuses: Vec<_> = sent(&story).await.iter().map(|offer| offer.status).collect();
    assert_eq!(
        statuses,
        [OfferStatus::Withdrawn, OfferStatus::Declined, OfferStatus::Sent]
    );
    app.assert_whole_log().await;
}

#[tokio::test]
async fn an_offer_is_answered_once() {
    let app = TestApp::start().await;
    let story = Story::open(&app).await;
    let (declined, withdrawn) = (app.member("Dora").await, app.member("Wim").await);
    let declined = (story.offer(&declined).await, declined);
    let withdrawn = (story.offer(&withdrawn).await, withdrawn);
    let payload = app
        .done(
            &story.owner,
            "declineOffer",
            of(&declined.0),
            "offer { id status }",
        )
        .await;
    assert_eq!(
        payload["offer"],
        json!({ "id": declined.0, "status": "DECLINED" })
    );
    let payload = app
        .done(
            &withdrawn.1,
            "withdrawOffer",
            of(&withdrawn.0),
            "offer { id status }",
        )
        .await;
    assert_eq!(
        payload["offer"],
        json!({ "id": withdrawn.0, "status": "WITHDRAWN" })
    );
    for (offer, sender) in [&declined, &withdrawn] {
        assert_eq!(
            app.refused(&story.owner, "acceptOffer", of(offer)).await,
            "ILLEGAL_MOVE"
        );
        assert_eq!(
            app.refused(&story.owner, "declineOffer", of(offer)).await,
            "ILLEGAL_MOVE"
        );
        assert_eq!(
            app.refused(sender, "withdrawOffer", of(offer)).await,
            "ILLEGAL_MOVE"
        );
    }
    assert_eq!(story.status().await, "OPEN");
    assert_eq!(app.feed(&declined.1).await, told(&[("OfferDeclined", "NOTICE")]));
    assert_eq!(app.feed(&withdrawn.1).await, []);
    assert_eq!(
        app.feed(&story.owner).await,
        told(&[
            ("OfferReceived", "NOTICE"),
            ("OfferReceived", "NOTICE"),
            ("OfferWithdrawn", "INFO")
        ])
    );
}

#[tokio::test]
async fn only_the_owner_answers_and_only_the_sender_takes_back() {
    let app = TestApp::start().await;
    let story = Story::open(&app).await;
    let (other, stranger) = (app.member("Dora").await, app.member("Sam").await);
    let offer = story.offer(&story.caretaker).await;
    story.offer(&other).await;
    for (member, mutation, code) in [
        (&story.owner, "withdrawOffer", "NOT_ALLOWED"),
        (&story.caretaker, "acceptOffer", "NOT_ALLOWED"),
        (&story.caretaker, "declineOffer", "NOT_ALLOWED"),
        (&other, "acceptOffer", "NOT_FOUND"),
        (&other, "declineOffer", "NOT_FOUND"),
        (&other, "withdrawOffer", "NOT_FOUND"),
        (&stranger, "acceptOffer", "NOT_FOUND"),
        (&stranger, "declineOffer", "NOT_FOUND"),
        (&stranger, "withdrawOffer", "NOT_FOUND"),
    ] {
        assert_eq!(
            app.refused(member, mutation, of(&offer)).await,
            code,
            "{mutation}"
        );
    }
    assert!(
        sent(&story)
            .await
            .iter()
            .all(|offer| offer.status == OfferStatus::Sent)
    );
}

#[tokio::test]
async fn an_acceptance_declines_all_other_offers_and_tells_their_senders() {
    let app = TestApp::start().await;
    let story = Story::open(&app).await;
    let others = [app.member("Dora").await, app.member("Emil").await];
    for other in &others {
        story.offer(other).await;
    }
    let chosen = story.offer(&story.caretaker).await;
    let fields = "cursor careRequest { status caretaker { displayName }
        offers { edges { node { status caretaker { displayName } } } } }";
    let payload = app.done(&story.owner, "acceptOffer", of(&chosen), fields).await;
    let request = &payload["careRequest"];
    assert_eq!(request["status"], "ASSIGNED");
    assert_eq!(request["caretaker"]["displayName"], "Carl");
    let offers: Vec<_> = nodes(&request["offers"])
        .map(|offer| (text(&offer["caretaker"]["displayName"]), text(&offer["status"])))
        .collect();
    assert_eq!(
        offers,
        told(&[("Dora", "DECLINED"), ("Emil", "DECLINED"), ("Carl", "ACCEPTED")])
    );
    for other in &others {
        assert_eq!(app.feed(other).await, told(&[("OfferDeclined", "NOTICE")]));
    }
    assert_eq!(
        app.feed(&story.caretaker).await,
        told(&[("RequestAccepted", "NOTICE")])
    );
    assert_eq!(
        story.timeline(&story.owner).await,
        ["RequestPublished", "RequestAccepted"]
    );
    app.assert_whole_log().await;
}

#[tokio::test]
async fn a_caretaker_is_given_no_more_plants_than_she_can_take_on_a_day() {
    let app = TestApp::start().await;
    let story = Story::open(&app).await;
    let owner = app.member("Rita").await;
    let mut plants = Vec::new();
    for number in 1..=21 {
        plants.push(app.plant(&owner, &format!("Fern {number}")).await);
    }
    let too_many = Story {
        request: open_request(&app, &owner, &plants).await,
        ..with_owner(&story, &owner)
    };
    let offer = too_many.offer(&story.caretaker).await;
    assert_eq!(app.refused(&owner, "acceptOffer", of(&offer)).await, "CONFLICT");
    assert_eq!(too_many.status().await, "OPEN");
    too_many.does(&owner, "cancelCareRequest").await;

    // Exactly what she can take, on the same days and on later ones.
    let just_enough = Story {
        request: open_request(&app, &owner, &plants[..20]).await,
        ..with_owner(&story, &owner)
    };
    just_enough.assign(&story.caretaker).await;
    let offer = story.offer(&story.caretaker).await;
    assert_eq!(
        app.refused(&story.owner, "acceptOffer", of(&offer)).await,
        "CONFLICT"
    );
    let mut later = request_input(&plants[..20]);
    (later["startsOn"], later["endsOn"]) = (json!("2026-06-08"), json!("2026-06-09"));
    let later = app
        .done(&owner, "createCareRequest", later, "careRequest { id }")
        .await;
    let later = Story {
        request: text(&later["careRequest"]["id"]),
        ..with_owner(&story, &owner)
    };
    later.assign(&story.caretaker).await;

    just_enough.does(&story.caretaker, "withdrawFromCare").await;
    app.done(&story.owner, "acceptOffer", of(&offer), "").await;
    assert_eq!(story.status().await, "ASSIGNED");
}

/// The same plants and caretaker under another owner, for a request of hers.
fn with_owner<'a>(story: &Story<'a>, owner: &Member) -> Story<'a> {
    Story {
        app: story.app,
        owner: owner.clone(),
        caretaker: story.caretaker.clone(),
        plants: story.plants.clone(),
        request: String::new(),
    }
}

/// The rows of the request's offers, oldest first.
async fn sent(story: &Story<'_>) -> Vec<offer::Model> {
    let mut offers = offer::Entity::find()
        .filter(offer::Column::CareRequestId.eq(key::<CareRequestId>(&story.request)))
        .all(story.app.rows())
        .await
        .unwrap();
    offers.sort_by_key(|offer| offer.id);
    offers
}
