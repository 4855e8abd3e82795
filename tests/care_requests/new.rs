//! What a new request may be, and that a plant is promised once.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::story::{create, draft, open_request, request_input};
use crate::support::{Member, Story, TestApp};

/// The code and the field of each reason for which a request is not made.
async fn refusals(app: &TestApp, owner: &Member, input: Value) -> Vec<(String, String)> {
    let payload = app
        .mutate(owner, "createCareRequest", input, "careRequest { id }")
        .await;
    let errors = payload["userErrors"].as_array().unwrap();
    assert_eq!(payload["careRequest"].is_null(), !errors.is_empty());
    errors
        .iter()
        .map(|error| {
            let field = error["field"][0].as_str().unwrap_or_default();
            (error["code"].as_str().unwrap().to_owned(), field.to_owned())
        })
        .collect()
}

fn only(code: &str, field: &str) -> Vec<(String, String)> {
    vec![(code.to_owned(), field.to_owned())]
}

#[tokio::test]
async fn every_wrong_field_is_told_at_once() {
    let app = TestApp::start().await;
    let owner = app.member("Olga").await;
    let plants = [app.plant(&owner, "Fern").await];
    let mut input = request_input(&plants);
    input["title"] = json!("  ");
    input["endsOn"] = json!("2026-05-31");
    input["timezone"] = json!("Mars/Olympus");
    input["approxCell"] = json!("u09tv");
    input["instructions"] = json!("x".repeat(4001));
    let told: Vec<_> = ["title", "endsOn", "timezone", "approxCell", "instructions"]
        .iter()
        .flat_map(|field| only("VALIDATION", field))
        .collect();
    assert_eq!(refusals(&app, &owner, input).await, told);
    let data = app
        .run(&owner, "{ careRequests { totalCount } }", json!({}))
        .await;
    assert_eq!(data["careRequests"]["totalCount"], 0);
}

#[tokio::test]
async fn a_value_out_of_bounds_is_refused_and_one_within_is_not() {
    let app = TestApp::start().await;
    let owner = app.member("Olga").await;
    let plants = [app.plant(&owner, "Fern").await];
    for (field, wrong, right) in [
        ("title", json!("x".repeat(121)), json!("é".repeat(120))),
        ("endsOn", json!("2027-06-02"), json!("2027-06-01")),
        ("approxCell", json!("u09tva"), json!("u09tvw")),
        ("instructions", json!("x".repeat(4001)), json!("x".repeat(4000))),
        ("timezone", json!("GMT+25"), json!("Asia/Tokyo")),
        ("startsOn", json!("2026-05-31"), json!("2026-06-01")),
    ] {
        let mut input = request_input(&plants);
        input[field] = wrong;
        let told = refusals(&app, &owner, input.clone()).await;
        assert_eq!(told, only("VALIDATION", field));
        input[field] = right;
        let story = create(&app, &owner, input).await;
        app.done(&owner, "cancelCareRequest", json!({ "careRequestId": story }), "")
            .await;
    }
}

#[tokio::test]
async fn a_request_starts_today_or_later_where_it_is() {
    let app = TestApp::start().await;
    let owner = app.member("Olga").await;
    let plants = [app.plant(&owner, "Fern").await];
    // At 9:00 of 1 June in UTC it is 22:00 of 31 May in Pago Pago, and 23:00 of 1 June in Kiritimati.
    let mut input = request_input(&plants);
    (input["startsOn"], input["timezone"]) = (json!("2026-05-31"), json!("Pacific/Kiritimati"));
    assert_eq!(
        refusals(&app, &owner, input.clone()).await,
        only("VALIDATION", "startsOn")
    );
    input["timezone"] = json!("Pacific/Pago_Pago");
    let request = create(&app, &owner, input.clone()).await;
    app.done(
        &owner,
        "cancelCareRequest",
        json!({ "careRequestId": request }),
        "",
    )
    .await;

    // A draft may be of any day, but is published in time.
    input["timezone"] = json!("UTC");
    input["publish"] = json!(false);
    let request = create(&app, &owner, input).await;
    let payload = app
        .mutate(
            &owner,
            "publishCareRequest",
            json!({ "careRequestId": request }),
            "",
        )
        .await;
    assert_eq!(payload["userErrors"][0]["code"], "VALIDATION");
    assert_eq!(payload["userErrors"][0]["field"], json!(["startsOn"]));
}

#[tokio::test]
async fn the_plants_are_some_of_the_owners_each_once() {
    let app = TestApp::start().await;
    let (owner, other) = (app.member("Olga").await, app.member("Rita").await);
    let (fern, foreign) = (app.plant(&owner, "Fern").await, app.plant(&other, "Palm").await);
    let made = async |plants: &[String]| refusals(&app, &owner, request_input(plants)).await;
    assert_eq!(made(&[]).await, only("VALIDATION", "plantIds"));
    assert_eq!(
        made(&[fern.clone(), fern.clone()]).await,
        only("VALIDATION", "plantIds")
    );
    assert_eq!(
        made(&vec![fern.clone(); 51]).await,
        only("VALIDATION", "plantIds")
    );
    assert_eq!(
        made(&[fern.clone(), foreign.clone()]).await,
        only("NOT_FOUND", "plantIds")
    );
    // That others may see a plant does not make it theirs to give.
    open_request(&app, &other, std::slice::from_ref(&foreign)).await;
    assert_eq!(
        made(std::slice::from_ref(&foreign)).await,
        only("NOT_FOUND", "plantIds")
    );
    app.sql("UPDATE plants SET status = 'DEAD' WHERE name = 'Fern'")
        .await;
    assert_eq!(
        made(std::slice::from_ref(&fern)).await,
        only("VALIDATION", "plantIds")
    );
}

#[tokio::test]
async fn a_plant_is_in_one_request_for_a_day() {
    let app = TestApp::start().await;
    for status in ["DRAFT", "OPEN", "ASSIGNED", "IN_PROGRESS", "AWAITING_CONFIRM"] {
        let story = Story::at(&app, status).await;
        let owner = &story.owner;
        let palm = app.plant(owner, "Palm").await;
        let plants = [palm, story.plants[1].clone()];
        for (first, last) in [
            ("2026-06-01", "2026-06-01"),
            ("2026-06-07", "2026-06-20"),
            ("2026-06-03", "2026-06-04"),
            ("2026-06-01", "2026-06-30"),
        ] {
            let mut input = request_input(&plants);
            (input["startsOn"], input["endsOn"]) = (json!(first), json!(last));
            let told = refusals(&app, owner, input).await;
            assert_eq!(told, only("CONFLICT", "plantIds"), "{status} {first} {last}");
        }
        let mut input = request_input(&plants);
        (input["startsOn"], input["endsOn"]) = (json!("2026-06-08"), json!("2026-06-09"));
        create(&app, owner, input).await;
        // Her other plant, and the days before the first, are free.
        let mut input = request_input(&plants[..1]);
        input["publish"] = json!(false);
        create(&app, owner, input).await;
    }
}

#[tokio::test]
async fn a_plant_whose_request_has_ended_is_free() {
    for status in ["COMPLETED", "CANCELLED"] {
        let app = TestApp::start().await;
        let story = Story::at(&app, status).await;
        open_request(&app, &story.owner, &story.plants).await;
    }
    let app = TestApp::start().await;
    let story = Story::at(&app, "EXPIRED").await;
    draft(&app, &story.owner, &story.plants).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_ten_requests_for_a_plant_at_once_one_is_made() {
    let app = TestApp::start().await;
    let replica = app.replica().await;
    let owner = app.member("Olga").await;
    let plants = [app.plant(&owner, "Fern").await];
    let both = [&app, &replica];
    let told = join_all(
        both.iter()
            .cycle()
            .take(10)
            .map(|process| refusals(process, &owner, request_input(&plants))),
    )
    .await;
    let made = told.iter().filter(|told| told.is_empty()).count();
    let busy = told
        .iter()
        .filter(|told| **told == only("CONFLICT", "plantIds"))
        .count();
    assert_eq!((made, busy), (1, 9), "{told:?}");
    app.assert_whole_log().await;
}
