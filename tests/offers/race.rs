//! What is accepted at the same moment: one request is given to one caretaker.

use futures_util::future::join_all;
use plant_care::entity::event::EventKind;
use plant_care::entity::offer::OfferStatus;
use plant_care::entity::{CareRequestId, UserId, assignment, care_request, event};
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _};
use serde_json::{Value, json};

use super::{of, sent, told, with_owner};
use crate::support::story::open_request;
use crate::support::{Member, Story, TestApp, key};

#[tokio::test(flavor = "multi_thread")]
async fn of_twenty_offers_accepted_at_once_one_is() {
    let app = TestApp::start().await;
    let replica = app.replica().await;
    let story = Story::open(&app).await;
    let members = join_all((0..20).map(|_| app.member("Carl"))).await;
    let offers = join_all(members.iter().map(|member| story.offer(member))).await;
    let winner = race(&story, &[&app, &replica], &offers).await;
    assert_eq!(
        app.feed(&members[winner]).await,
        told(&[("RequestAccepted", "NOTICE")])
    );
    for (number, member) in members.iter().enumerate().filter(|(number, _)| *number != winner) {
        assert_eq!(
            app.feed(member).await,
            told(&[("OfferDeclined", "NOTICE")]),
            "{number}"
        );
    }
    assert_given_once(&story, &members[winner], 20).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offer_accepted_twenty_times_at_once_is_accepted_once() {
    let app = TestApp::start().await;
    let replica = app.replica().await;
    let story = Story::open(&app).await;
    let offer = story.offer(&story.caretaker).await;
    race(&story, &[&app, &replica], &vec![offer; 20]).await;
    assert_eq!(
        app.feed(&story.caretaker).await,
        told(&[("RequestAccepted", "NOTICE")])
    );
    assert_given_once(&story, &story.caretaker, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_acceptances_at_once_do_not_give_a_caretaker_more_than_she_can_take() {
    let app = TestApp::start().await;
    let story = Story::open(&app).await;
    let mut accepting = Vec::new();
    for name in ["Rita", "Ruth"] {
        let owner = app.member(name).await;
        let plants = join_all((0..11).map(|_| app.plant(&owner, "Fern"))).await;
        let request = open_request(&app, &owner, &plants).await;
        let story = Story {
            request,
            ..with_owner(&story, &owner)
        };
        accepting.push((story.offer(&story.caretaker).await, owner));
    }
    let answers = join_all(
        accepting
            .iter()
            .map(|(offer, owner)| app.mutate(owner, "acceptOffer", of(offer), "careRequest { id }")),
    )
    .await;
    let won = answers
        .iter()
        .filter(|answer| answer["userErrors"] == json!([]))
        .count();
    assert_eq!(won, 1, "{answers:?}");
    let lost = answers
        .iter()
        .filter(|answer| answer["userErrors"][0]["code"] == "CONFLICT")
        .count();
    assert_eq!(lost, 1, "{answers:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offer_is_accepted_or_taken_back_but_not_both() {
    let app = TestApp::start().await;
    let story = Story::open(&app).await;
    for _ in 0..5 {
        let member = app.member("Carl").await;
        let offer = story.offer(&member).await;
        let answers = join_all([
            app.mutate(&story.owner, "acceptOffer", of(&offer), ""),
            app.mutate(&member, "withdrawOffer", of(&offer), ""),
        ])
        .await;
        let refused: Vec<_> = answers
            .iter()
            .filter_map(|answer| answer["userErrors"][0]["code"].as_str())
            .collect();
        assert_eq!(refused, ["ILLEGAL_MOVE"], "{answers:?}");
        if answers[0]["userErrors"] == json!([]) {
            assert_eq!(story.status().await, "ASSIGNED");
            story.does(&member, "withdrawFromCare").await;
        }
        assert_eq!(story.status().await, "OPEN");
    }
    app.assert_whole_log().await;
}

/// Has the owner accept all offers at once, through one process and another; checks that one was accepted
/// and all others lost, and says which.
async fn race(story: &Story<'_>, processes: &[&TestApp], offers: &[String]) -> usize {
    let accepting = offers.iter().zip(processes.iter().cycle());
    let answers = join_all(accepting.map(|(offer, process)| {
        process.mutate(
            &story.owner,
            "acceptOffer",
            of(offer),
            "cursor careRequest { status }",
        )
    }))
    .await;
    let (won, lost): (Vec<_>, Vec<_>) =
        (0..answers.len()).partition(|number| answers[*number]["userErrors"] == json!([]));
    assert_eq!(won.len(), 1, "{answers:?}");
    assert_eq!(answers[won[0]]["careRequest"]["status"], "ASSIGNED");
    for number in lost {
        let answer = &answers[number];
        assert_eq!(answer["userErrors"][0]["code"], "CONFLICT", "{answer}");
        assert_eq!(
            (&answer["cursor"], &answer["careRequest"]),
            (&Value::Null, &Value::Null)
        );
    }
    won[0]
}

/// Checks in the database that the request was given to one caretaker, once and in full.
async fn assert_given_once(story: &Story<'_>, winner: &Member, offers: usize) {
    let app = story.app;
    let (request, winner) = (key::<CareRequestId>(&story.request), key::<UserId>(&winner.id));
    let row = care_request::Entity::find_by_id(request)
        .one(app.rows())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(row.status, care_request::CareRequestStatus::Assigned);
    assert_eq!((row.caretaker_id, row.version), (Some(winner), 2));

    let sent = sent(story).await;
    assert_eq!(sent.len(), offers);
    for offer in sent {
        let status = if offer.caretaker_id == winner {
            OfferStatus::Accepted
        } else {
            OfferStatus::Declined
        };
        assert_eq!((offer.status, offer.version), (status, 2));
    }

    let events = event::Entity::find()
        .filter(event::Column::CareRequestId.eq(request))
        .all(app.rows())
        .await
        .unwrap();
    let count = |kind| events.iter().filter(|event| event.kind == kind).count();
    assert_eq!(count(EventKind::RequestAccepted), 1);
    assert_eq!(count(EventKind::OfferDeclined), offers - 1);
    assert_eq!(
        story.timeline(&story.owner).await,
        ["RequestPublished", "RequestAccepted"]
    );

    let assignments = assignment::Entity::find().all(app.rows()).await.unwrap();
    assert_eq!(assignments.len(), 1);
    assert_eq!(assignments[0].caretaker_id, winner);
    assert_eq!(assignments[0].ended_event_id, None);
    app.assert_whole_log().await;
}
