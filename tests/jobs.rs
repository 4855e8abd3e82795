//! What time does to care requests.

use chrono::TimeDelta;
use futures_util::future::join_all;
use plant_care::domain::care_request::timed;
use plant_care::entity::care_request::{CareMode, CareRequestStatus};
use plant_care::entity::{CareRequestId, care_request};
use sea_orm::{EntityTrait as _, IntoActiveModel as _};
use serde_json::{Value, json};

use crate::support::story::{create, open_request, request_input};
use crate::support::{Story, TestApp, key, nodes, text};

/// The newest entry of a request's timeline.
async fn last_event(story: &Story<'_>) -> Value {
    let query = "query($id: ID!) { careRequest(id: $id) {
        timeline(last: 1) { edges { node { __typename actor { id } occurredAt } } } } }";
    let data = story
        .app
        .run(&story.owner, query, json!({ "id": story.request }))
        .await;
    let last = nodes(&data["careRequest"]["timeline"]).next();
    last.cloned().unwrap()
}

fn by_time(kind: &str, at: &str) -> Value {
    json!({ "__typename": kind, "actor": null, "occurredAt": format!("{at}.000000Z") })
}

/// Lets a time pass and checks that the one step is taken at its very end, and is not taken again.
async fn due_after(story: &mut Story<'_>, time: TimeDelta, from: &str, to: &str) {
    let second = TimeDelta::seconds(1);
    assert_eq!(story.pass(time - second).await, 0, "too early");
    assert_eq!(story.status().await, from);
    assert_eq!(story.pass(second).await, 1, "not taken");
    assert_eq!(story.status().await, to);
    let happened = story.timeline(&story.owner).await.len();
    assert_eq!(timed::run(&story.app.app).await.unwrap(), 0, "taken again");
    assert_eq!(story.timeline(&story.owner).await.len(), happened);
}

async fn feeds_end_with(story: &Story<'_>, kind: &str, level: &str) {
    for member in [&story.owner, &story.caretaker] {
        let last = story.app.feed(member).await.pop();
        assert_eq!(last, Some((kind.to_owned(), level.to_owned())));
    }
}

/// A request that is open from 1 June to 7 June in a time zone.
async fn open_in<'a>(app: &'a TestApp, zone: &str) -> Story<'a> {
    let mut story = Story::open(app).await;
    story.does(&story.owner, "cancelCareRequest").await;
    let mut input = request_input(&story.plants);
    input["timezone"] = json!(zone);
    story.request = create(app, &story.owner, input).await;
    story
}

#[tokio::test]
async fn a_request_that_nobody_took_expires_when_its_first_day_has_ended_where_it_is() {
    // It is 9:00 of 1 June in UTC.
    for (zone, hours, minutes, at) in [
        ("UTC", 15, 0, "2026-06-02T00:00:00"),
        ("Pacific/Honolulu", 25, 0, "2026-06-02T10:00:00"),
        ("America/New_York", 19, 0, "2026-06-02T04:00:00"),
        ("Asia/Kolkata", 9, 30, "2026-06-01T18:30:00"),
        ("Pacific/Auckland", 3, 0, "2026-06-01T12:00:00"),
    ] {
        let app = TestApp::start().await;
        let mut story = open_in(&app, zone).await;
        let offer = story.offer(&story.caretaker).await;
        let time = TimeDelta::minutes(hours * 60 + minutes);
        due_after(&mut story, time, "OPEN", "EXPIRED").await;
        assert_eq!(last_event(&story).await, by_time("RequestExpired", at), "{zone}");
        feeds_end_with(&story, "RequestExpired", "WARNING").await;
        let query = "query($id: ID!) { node(id: $id) { ... on Offer { status } } }";
        let data = app.run(&story.caretaker, query, json!({ "id": offer })).await;
        assert_eq!(data["node"]["status"], "EXPIRED");
        app.assert_whole_log().await;
    }
}

#[tokio::test]
async fn an_urgent_request_stays_open_until_its_last_day_has_ended() {
    for (zone, hours) in [("UTC", 0), ("Pacific/Honolulu", 10), ("Pacific/Auckland", -12)] {
        let app = TestApp::start().await;
        let mut story = open_in(&app, zone).await;
        story.assign(&story.caretaker).await;
        story.does(&story.caretaker, "withdrawFromCare").await;
        let time = TimeDelta::days(6) + TimeDelta::hours(15 + hours);
        due_after(&mut story, time, "OPEN", "EXPIRED").await;
        assert_eq!(last_event(&story).await["__typename"], "RequestExpired");
    }
}

#[tokio::test]
async fn care_that_was_not_started_in_two_days_is_looked_for_again() {
    for (zone, hours, at) in [
        ("UTC", 39, "2026-06-03T00:00:00"),
        ("Pacific/Honolulu", 49, "2026-06-03T10:00:00"),
        ("Pacific/Auckland", 27, "2026-06-02T12:00:00"),
    ] {
        let app = TestApp::start().await;
        let mut story = open_in(&app, zone).await;
        story.assign(&story.caretaker).await;
        due_after(&mut story, TimeDelta::hours(hours), "ASSIGNED", "OPEN").await;
        assert_eq!(last_event(&story).await, by_time("RequestReopened", at));
        feeds_end_with(&story, "RequestReopened", "WARNING").await;
        let query = "query($id: ID!) { careRequest(id: $id) { urgent caretaker { id } } }";
        let data = app.run(&story.owner, query, json!({ "id": story.request })).await;
        assert_eq!(data["careRequest"], json!({ "urgent": true, "caretaker": null }));
        // Who was passed over reads her time and no more.
        let next = app.member("Dora").await;
        story.assign(&next).await;
        assert_eq!(
            story.timeline(&story.caretaker).await,
            ["RequestAccepted", "RequestReopened"]
        );
        let code = app.refused(&story.caretaker, "startCare", story.input()).await;
        assert_eq!(code, "NOT_ALLOWED");
    }
}

#[tokio::test]
async fn care_that_nobody_ended_ends_a_day_after_the_last() {
    for (zone, hours, at) in [
        ("UTC", 0, "2026-06-09T00:00:00"),
        ("Pacific/Honolulu", 10, "2026-06-09T10:00:00"),
        ("Pacific/Auckland", -12, "2026-06-08T12:00:00"),
    ] {
        let app = TestApp::start().await;
        let mut story = open_in(&app, zone).await;
        story.assign(&story.caretaker).await;
        story.does(&story.caretaker, "startCare").await;
        let time = TimeDelta::days(7) + TimeDelta::hours(15 + hours);
        due_after(&mut story, time, "IN_PROGRESS", "AWAITING_CONFIRM").await;
        assert_eq!(last_event(&story).await, by_time("CareEnded", at));
        feeds_end_with(&story, "CareEnded", "NOTICE").await;
        // Three days from here on, whatever the days were.
        due_after(&mut story, TimeDelta::hours(72), "AWAITING_CONFIRM", "COMPLETED").await;
        feeds_end_with(&story, "CareConfirmed", "NOTICE").await;
        app.assert_whole_log().await;
    }
}

#[tokio::test]
async fn silence_confirms_after_three_days() {
    let app = TestApp::start().await;
    let mut story = Story::at(&app, "AWAITING_CONFIRM").await;
    due_after(&mut story, TimeDelta::hours(72), "AWAITING_CONFIRM", "COMPLETED").await;
    assert_eq!(
        last_event(&story).await,
        by_time("CareConfirmed", "2026-06-04T09:00:00")
    );
    feeds_end_with(&story, "CareConfirmed", "NOTICE").await;
}

#[tokio::test]
async fn time_leaves_drafts_and_what_has_ended_alone() {
    for status in ["DRAFT", "COMPLETED", "CANCELLED", "EXPIRED"] {
        let app = TestApp::start().await;
        let mut story = Story::at(&app, status).await;
        assert_eq!(story.pass(TimeDelta::days(400)).await, 0, "{status}");
        assert_eq!(story.status().await, status);
    }
}

#[tokio::test]
async fn a_follower_is_told_what_time_does() {
    // Else her token would expire before the day does.
    let app = TestApp::start_with(&[("ACCESS_TOKEN_MINUTES", "1440")]).await;
    let story = Story::open(&app).await;
    let mut socket = app.socket(&story.owner).await;
    socket.follow(&story.request, None).await;
    assert_eq!(socket.replay().await.0.len(), 1);
    assert_eq!(app.pass(TimeDelta::hours(16)).await, 1);
    let told = socket.told().await;
    assert_eq!(told["event"]["__typename"], "RequestExpired");
    assert_eq!(told["event"]["actor"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_take_each_step_once() {
    let app = TestApp::start().await;
    let replica = app.replica().await;
    let story = Story::open(&app).await;
    let mut requests = vec![story.request.clone()];
    for _ in 0..11 {
        let plant = app.plant(&story.owner, "Palm").await;
        requests.push(open_request(&app, &story.owner, &[plant]).await);
    }
    app.app.clock.advance(TimeDelta::days(1));
    let runs = [&app, &replica, &app, &replica].map(|process| timed::run(&process.app));
    let taken: usize = join_all(runs).await.into_iter().map(Result::unwrap).sum();
    assert_eq!(taken, 12);
    let owner = app.login(&story.owner).await;
    for request in requests {
        let story = Story {
            request,
            owner: owner.clone(),
            ..story.clone()
        };
        assert_eq!(
            story.timeline(&owner).await,
            ["RequestPublished", "RequestExpired"]
        );
    }
    assert_eq!(app.feed(&owner).await.len(), 12);
    app.assert_whole_log().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_and_time_do_not_both_end_a_request() {
    for _ in 0..3 {
        let app = TestApp::start().await;
        let mut story = Story::open(&app).await;
        app.app.clock.advance(TimeDelta::hours(23));
        story.owner = app.login(&story.owner).await;
        // Its first day is over, and she cancels at the same moment.
        let (run, payload) = tokio::join!(
            timed::run(&app.app),
            app.mutate(&story.owner, "cancelCareRequest", story.input(), "")
        );
        let (status, event) = match run.unwrap() {
            0 => ("CANCELLED", "RequestCancelled"),
            _ => ("EXPIRED", "RequestExpired"),
        };
        assert_eq!(payload["userErrors"] == json!([]), status == "CANCELLED");
        assert_eq!(story.status().await, status);
        assert_eq!(story.timeline(&story.owner).await, ["RequestPublished", event]);
        app.app.clock.advance(TimeDelta::hours(1));
    }
}

#[tokio::test]
async fn many_requests_that_wait_do_not_keep_others_waiting() {
    let app = TestApp::start().await;
    let story = Story::open(&app).await;
    let known = care_request::Entity::find_by_id(key::<CareRequestId>(&story.request))
        .one(app.rows())
        .await
        .unwrap()
        .unwrap();
    // Left by their caretakers, they look for others for a month to come.
    let waiting = (0..1001).map(|_| {
        care_request::Model {
            id: CareRequestId(app.app.clock.new_id()),
            mode: CareMode::AtOwner,
            status: CareRequestStatus::Open,
            starts_on: known.starts_on - TimeDelta::days(1),
            ends_on: known.ends_on + TimeDelta::days(30),
            urgent: true,
            ..known.clone()
        }
        .into_active_model()
    });
    care_request::Entity::insert_many(waiting)
        .exec_without_returning(app.rows())
        .await
        .unwrap();
    assert_eq!(app.pass(TimeDelta::days(1)).await, 1);
    let owner = app.login(&story.owner).await;
    let query = "query($id: ID!) { careRequest(id: $id) { status } }";
    let data = app.run(&owner, query, json!({ "id": story.request })).await;
    assert_eq!(text(&data["careRequest"]["status"]), "EXPIRED");
}

#[tokio::test]
async fn who_takes_a_request_that_has_begun_has_two_days_to_start() {
    let app = TestApp::start().await;
    let mut story = Story::in_progress(&app).await;
    story.pass(TimeDelta::days(4)).await;
    story.does(&story.caretaker, "withdrawFromCare").await;
    let other = app.member("Petra").await;
    story.assign(&other).await;
    assert_eq!(story.pass(TimeDelta::days(1)).await, 0, "reopened at once");
    assert_eq!(story.status().await, "ASSIGNED");
}
