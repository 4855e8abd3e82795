//! Accounts: becoming a member, and what is told to whom.

mod secrets;
mod sessions;
mod sockets;
mod throttle;

use plant_care::entity::{UserId, user};
use sea_orm::EntityTrait as _;
use serde_json::{Value, json};

use crate::support::{Member, PASSWORD, Story, TestApp, data, key, text};

const REGISTER: &str = "mutation($input: RegisterInput!) { register(input: $input) {
    session { accessToken user { id } }
    userErrors { code message field } } }";
const LOGIN: &str = "mutation($input: LoginInput!) { login(input: $input) {
    session { accessToken refreshToken expiresAt user { id } } userErrors { code message field } } }";

fn ada() -> Value {
    json!({ "email": "ada@example.org", "password": PASSWORD, "displayName": "Ada" })
}

async fn register(app: &TestApp, headers: &[(&str, &str)], input: Value) -> Value {
    let (status, answer) = app.post(headers, REGISTER, json!({ "input": input })).await;
    assert_eq!(status, 200);
    data(answer)["register"].take()
}

async fn login(app: &TestApp, email: &str, password: &str) -> Value {
    let input = json!({ "email": email, "password": password });
    data(app.send(None, LOGIN, json!({ "input": input })).await)["login"].take()
}

/// The status of an operation that any member may run, and its error's code.
async fn knock(app: &TestApp, token: &str) -> (u16, Value) {
    let bearer = format!("Bearer {token}");
    let (status, answer) = app
        .post(&[("authorization", &bearer)], "{ viewer { id } }", json!({}))
        .await;
    (status, answer["errors"][0]["extensions"]["code"].clone())
}

fn welcome() -> (u16, Value) {
    (200, Value::Null)
}

fn turned_away() -> (u16, Value) {
    (401, json!("UNAUTHENTICATED"))
}

async fn row(app: &TestApp, member: &str) -> user::Model {
    user::Entity::find_by_id(key::<UserId>(member))
        .one(app.rows())
        .await
        .unwrap()
        .unwrap()
}

#[tokio::test]
async fn who_registers_is_a_member_and_logged_in() {
    let app = TestApp::start().await;
    let mut input = ada();
    (input["email"], input["displayName"]) = (json!(" Ada@Example.ORG "), json!(" Ada "));
    input["timezone"] = json!("Europe/Paris");
    let payload = register(&app, &[], input).await;
    assert_eq!(payload["userErrors"], json!([]));
    let id = &payload["session"]["user"]["id"];
    assert_eq!(
        knock(&app, &text(&payload["session"]["accessToken"])).await,
        welcome()
    );
    let query =
        "{ viewer { id displayName email locale timezone role capacityPlants botanistStatus createdAt } }";
    let answer = app
        .send(payload["session"]["accessToken"].as_str(), query, json!({}))
        .await;
    assert_eq!(
        data(answer)["viewer"],
        json!({
            "id": id, "displayName": "Ada", "email": "ada@example.org", "locale": "EN", "timezone": "Europe/Paris",
            "role": "MEMBER", "capacityPlants": 20, "botanistStatus": "NONE",
            "createdAt": "2026-06-01T09:00:00.000000Z",
        })
    );
}

#[tokio::test]
async fn every_wrong_field_of_a_registration_is_told_at_once() {
    let app = TestApp::start().await;
    let input = json!({
        "email": "ada@nowhere", "password": "seven77", "displayName": " ", "timezone": "Mars/Olympus",
    });
    let payload = register(&app, &[], input).await;
    let error =
        |field: &str, message: &str| json!({ "code": "VALIDATION", "field": [field], "message": message });
    assert_eq!(
        payload,
        json!({ "session": null, "userErrors": [
            error("email", "This is not an e-mail address."),
            error("password", "At least 8 characters are needed."),
            error("displayName", "This must not be empty."),
            error("timezone", "This is not a time zone; Europe/Paris is one."),
        ] })
    );
    for (field, wrong) in [
        ("password", "x".repeat(201)),
        ("displayName", "x".repeat(81)),
        ("email", format!("{}@example.org", "x".repeat(243))),
        ("email", "a\u{7}da@example.org".to_owned()),
    ] {
        let mut input = ada();
        input[field] = json!(wrong);
        let payload = register(&app, &[], input).await;
        assert_eq!(payload["userErrors"][0]["code"], "VALIDATION", "{wrong}");
        assert_eq!(payload["userErrors"][0]["field"], json!([field]));
        assert_eq!(payload["userErrors"][1], Value::Null);
    }
    assert!(user::Entity::find().all(app.rows()).await.unwrap().is_empty());
}

#[tokio::test]
async fn an_email_address_has_one_account_in_whatever_case() {
    let app = TestApp::start().await;
    register(&app, &[], ada()).await;
    for email in ["ada@example.org", "ADA@EXAMPLE.ORG", " Ada@example.org"] {
        let mut input = ada();
        input["email"] = json!(email);
        assert_eq!(
            register(&app, &[], input).await,
            json!({ "session": null, "userErrors": [{
                "code": "CONFLICT", "field": ["email"], "message": "There is an account with this e-mail address.",
            }] })
        );
    }
    assert_eq!(user::Entity::find().all(app.rows()).await.unwrap().len(), 1);
}

#[tokio::test]
async fn what_is_a_members_own_is_shown_to_nobody_else() {
    let app = TestApp::start().await;
    let story = Story::in_progress(&app).await;
    let private = "displayName email locale timezone role capacityPlants plants { totalCount }";
    let query = format!(
        "query($user: ID!, $id: ID!) {{ node(id: $user) {{ ... on User {{ {private} }} }}
            careRequest(id: $id) {{ owner {{ {private} }} }} }}"
    );
    let variables = json!({ "user": story.owner.id, "id": story.request });
    let seen = async |member: &Member| app.run(member, &query, variables.clone()).await;
    let own = json!({
        "displayName": "Olga", "email": story.owner.email, "locale": "EN", "timezone": "UTC", "role": "MEMBER",
        "capacityPlants": 20, "plants": { "totalCount": 2 },
    });
    assert_eq!(
        seen(&story.owner).await,
        json!({ "node": own, "careRequest": { "owner": own } })
    );
    let others = json!({
        "displayName": "Olga", "email": null, "locale": null, "timezone": null, "role": null,
        "capacityPlants": null, "plants": { "totalCount": 0 },
    });
    assert_eq!(
        seen(&story.caretaker).await,
        json!({ "node": others, "careRequest": { "owner": others } })
    );
    let stranger = app.member("Sam").await;
    assert_eq!(
        seen(&stranger).await,
        json!({ "node": others, "careRequest": null })
    );
}

#[tokio::test]
async fn a_visitor_is_spoken_to_in_the_language_she_asks_for() {
    let app = TestApp::start().await;
    let mut wrong = ada();
    wrong["displayName"] = json!("");
    for (accepted, message) in [
        ("fr-CH, en;q=0.5", "Ce champ ne doit pas être vide."),
        ("en-GB, fr;q=0.5", "This must not be empty."),
        ("de", "This must not be empty."),
    ] {
        let payload = register(&app, &[("accept-language", accepted)], wrong.clone()).await;
        assert_eq!(payload["userErrors"][0]["message"], message, "{accepted}");
    }
}

#[tokio::test]
async fn a_member_is_spoken_to_in_her_own_language() {
    let app = TestApp::start().await;
    let refused = async |payload: &Value, accepted: &str| {
        let bearer = format!("Bearer {}", text(&payload["session"]["accessToken"]));
        let headers = [("authorization", bearer.as_str()), ("accept-language", accepted)];
        let query = "mutation { createPlant(input: { name: \" \" }) { userErrors { message } } }";
        let (_, answer) = app.post(&headers, query, json!({})).await;
        text(&data(answer)["createPlant"]["userErrors"][0]["message"])
    };
    // She said so when she registered.
    let mut input = ada();
    input["locale"] = json!("FR");
    let ada = register(&app, &[("accept-language", "en")], input).await;
    assert_eq!(refused(&ada, "en").await, "Ce champ ne doit pas être vide.");
    // Her browser said so for her.
    let input = json!({ "email": "eva@example.org", "password": PASSWORD, "displayName": "Eva" });
    let eva = register(&app, &[("accept-language", "fr")], input).await;
    assert_eq!(refused(&eva, "en").await, "Ce champ ne doit pas être vide.");

    let input =
        json!({ "email": "ida@example.org", "password": PASSWORD, "displayName": "Ida", "locale": "EN" });
    let ida = register(&app, &[("accept-language", "fr")], input).await;
    assert_eq!(refused(&ida, "fr").await, "This must not be empty.");
}
