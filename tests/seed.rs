//! Demonstration data: complete, believable, the same each time.

use std::collections::{BTreeMap, HashSet};

use plant_care::app::App;
use plant_care::config::{Config, Environment};
use plant_care::entity::care_request::CareRequestStatus;
use plant_care::entity::offer::OfferStatus;
use plant_care::entity::{
    assignment, care_record, care_request, care_request_plant, comment, event, idempotency_key, offer, plant,
    session, stream, stream_entry, user,
};
use plant_care::seed::{self, Logins};
use sea_orm::{EntityTrait as _, Iterable as _, PaginatorTrait as _};
use serde_json::json;

use crate::support::{Member, TestApp, data, text};

#[tokio::test]
async fn the_demonstration_is_complete_and_a_second_run_changes_nothing() {
    let app = TestApp::start().await;
    let logins = seed::run(&app.app).await.unwrap();

    let before = counts(&app).await;
    assert_eq!(before["users"], 30);
    assert_eq!(before["plants"], 120);
    assert_eq!(before["care_requests"], 40);
    assert!(
        before["comments"] > 80 && before["care_records"] > 200,
        "{before:?}"
    );
    app.assert_whole_log().await;

    let requests = care_request::Entity::find().all(app.rows()).await.unwrap();
    let states: HashSet<_> = requests.iter().map(|request| request.status).collect();
    // Nobody can dispute yet.
    let reachable = CareRequestStatus::iter().filter(|status| *status != CareRequestStatus::Disputed);
    assert_eq!(states, reachable.collect());
    assert_eq!(requests.iter().filter(|request| request.urgent).count(), 3);
    let offers = offer::Entity::find().all(app.rows()).await.unwrap();
    for status in OfferStatus::iter() {
        assert!(offers.iter().any(|offer| offer.status == status), "{status:?}");
    }
    let events = event::Entity::find().all(app.rows()).await.unwrap();
    let now = app.app.clock.now();
    let days: HashSet<_> = events
        .iter()
        .map(|event| event.recorded_at.date_naive())
        .collect();
    assert!(days.len() > 35 && days.contains(&now.date_naive()), "{days:?}");
    assert!(events.iter().all(|event| event.recorded_at < now));

    let again = seed::run(&app.app).await.unwrap();
    assert_eq!(again.to_string(), logins.to_string());
    assert_eq!(counts(&app).await, before);
    app.stop().await;
}

#[tokio::test]
async fn a_newcomer_logs_in_and_sees_care_at_once() {
    let app = TestApp::start().await;
    let logins = seed::run(&app.app).await.unwrap();
    assert!(logins.in_progress);
    let (owner, caretaker) = members(&app, &logins).await;

    let mut socket = app.socket(&owner).await;
    socket.follow(&logins.request, None).await;
    let (events, _) = socket.replay().await;
    assert!(events.len() > 20, "{events:?}");

    let query = "query($id: ID!) { careRequest(id: $id) { status title plants { id } } feed { unread } }";
    let seen = app.run(&owner, query, json!({ "id": logins.request })).await;
    assert_eq!(seen["careRequest"]["status"], "IN_PROGRESS");
    assert_eq!(seen["careRequest"]["title"], logins.title);
    assert!(seen["feed"]["unread"].as_i64().unwrap() > 0);
    let plant = &seen["careRequest"]["plants"][0]["id"];
    let input =
        json!({ "careRequestId": logins.request, "plantId": plant, "kind": "WATER", "amountMl": 200 });
    let done = app
        .done(&caretaker, "recordCare", input, "cursor event { id }")
        .await;
    assert_eq!(socket.told().await["event"]["id"], done["event"]["id"]);
    app.stop().await;
}

#[tokio::test]
async fn a_run_that_was_interrupted_is_finished_by_the_next() {
    let app = TestApp::start().await;
    tokio::select! {
        biased;
        () = many_events(&app) => {}
        _ = seed::run(&app.app) => panic!("not interrupted"),
    }
    let half = counts(&app).await;
    assert!(half["events"] < 400, "{half:?}");

    seed::run(&app.app).await.unwrap();
    app.assert_whole_log().await;
    let whole = TestApp::start().await;
    seed::run(&whole.app).await.unwrap();
    assert_eq!(counts(&app).await, counts(&whole).await);
    app.stop().await;
    whole.stop().await;
}

#[tokio::test]
async fn there_is_no_demonstration_in_production() {
    let app = TestApp::start().await;
    let mut config = Config::clone(&app.app.config);
    config.environment = Environment::Production;
    let production = App {
        config: config.into(),
        ..app.app.clone()
    };
    assert!(matches!(
        seed::run(&production).await,
        Err(seed::Error::Production)
    ));
    assert_eq!(counts(&app).await["users"], 0);
    app.stop().await;
}

/// Rows of each table.
async fn counts(app: &TestApp) -> BTreeMap<&'static str, u64> {
    macro_rules! counts {
        ($($name:literal $entity:ident),* $(,)?) => {
            BTreeMap::from([$(($name, $entity::Entity::find().count(app.rows()).await.unwrap())),*])
        };
    }
    counts! {
        "users" user, "sessions" session, "plants" plant, "care_requests" care_request,
        "care_request_plants" care_request_plant, "offers" offer, "assignments" assignment,
        "care_records" care_record, "comments" comment, "events" event, "streams" stream,
        "stream_entries" stream_entry, "idempotency_keys" idempotency_key,
    }
}

/// Returns when the demonstration is well under way.
async fn many_events(app: &TestApp) {
    while event::Entity::find().count(app.rows()).await.unwrap() < 150 {
        tokio::task::yield_now().await;
    }
}

async fn members(app: &TestApp, logins: &Logins) -> (Member, Member) {
    (
        login(app, &logins.owner, logins.password).await,
        login(app, &logins.caretaker, logins.password).await,
    )
}

async fn login(app: &TestApp, email: &str, password: &str) -> Member {
    let query = "mutation($input: LoginInput!) { login(input: $input) {
        session { accessToken refreshToken user { id } } userErrors { message } } }";
    let input = json!({ "email": email, "password": password });
    let session = data(app.send(None, query, json!({ "input": input })).await)["login"]["session"].take();
    Member {
        id: text(&session["user"]["id"]),
        email: email.to_owned(),
        token: text(&session["accessToken"]),
        refresh_token: text(&session["refreshToken"]),
    }
}
