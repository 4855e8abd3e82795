//! How often one may log in and register; the clients' addresses are those that a proxy names.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{LOGIN, REGISTER};
use crate::support::{PASSWORD, Socket, TestApp, error_code};

const PROXY: (&str, &str) = ("CLIENT_ADDRESS_HEADER", "X-Forwarded-For");
const WRONG: &str = "wrong horse battery";

/// The outcome of a login from an address: `in`, or the code that refuses it.
async fn login(app: &TestApp, from: &str, email: &str, password: &str) -> String {
    let input = json!({ "email": email, "password": password });
    // What a client says itself stands before what the proxy adds.
    let forwarded = format!("198.51.100.{}, {from}", password.len());
    let headers = [("x-forwarded-for", forwarded.as_str())];
    let (_, answer) = app.post(&headers, LOGIN, json!({ "input": input })).await;
    outcome(&answer, "login")
}

fn outcome(answer: &Value, mutation: &str) -> String {
    let payload = &answer["data"][mutation];
    if payload.is_null() {
        error_code(answer).to_owned()
    } else if payload["session"].is_null() {
        crate::support::text(&payload["userErrors"][0]["code"])
    } else {
        "in".to_owned()
    }
}

#[tokio::test]
async fn an_account_that_is_being_guessed_stays_open_to_its_owner() {
    let app = TestApp::start_with(&[PROXY, ("LIMIT_LOGINS_PER_ACCOUNT", "3")]).await;
    let olga = app.member("Olga").await.email;
    let (guesser, owner) = ("192.0.2.1", "192.0.2.2");
    // The fourth is the guesser's own try, and then there is no more for it: not with the right password either.
    for _ in 0..4 {
        assert_eq!(login(&app, guesser, &olga, WRONG).await, "INVALID_CREDENTIALS");
    }
    for password in [WRONG, PASSWORD] {
        assert_eq!(login(&app, guesser, &olga, password).await, "LIMIT_EXCEEDED");
    }
    for _ in 0..3 {
        assert_eq!(login(&app, owner, &olga, PASSWORD).await, "in");
    }
    assert_eq!(
        login(&app, guesser, "nobody@example.org", WRONG).await,
        "INVALID_CREDENTIALS",
        "other accounts are not concerned"
    );
    app.app.clock.advance(TimeDelta::minutes(15));
    assert_eq!(login(&app, guesser, &olga, PASSWORD).await, "in");
}

#[tokio::test]
async fn the_refusal_is_the_same_whether_there_is_an_account_or_not() {
    let app = TestApp::start_with(&[PROXY, ("LIMIT_LOGINS_PER_ACCOUNT", "1")]).await;
    let olga = app.member("Olga").await.email;
    let mut refusals = Vec::new();
    for email in [olga.as_str(), "nobody@example.org"] {
        for _ in 0..2 {
            assert_eq!(
                login(&app, "192.0.2.1", email, WRONG).await,
                "INVALID_CREDENTIALS"
            );
        }
        let input = json!({ "email": email, "password": WRONG });
        let headers = [("x-forwarded-for", "192.0.2.1")];
        let (status, answer) = app.post(&headers, LOGIN, json!({ "input": input })).await;
        assert_eq!(status, 200);
        refusals.push(answer["errors"][0]["extensions"].clone());
    }
    let told = json!({ "code": "LIMIT_EXCEEDED", "limit": "LOGINS_PER_ACCOUNT", "value": 2, "maximum": 1 });
    assert_eq!(refusals, [told.clone(), told]);
}

#[tokio::test]
async fn an_address_logs_in_a_number_of_times_an_hour() {
    let app = TestApp::start_with(&[PROXY, ("LIMIT_LOGINS_PER_ADDRESS", "2")]).await;
    let olga = app.member("Olga").await.email;
    assert_eq!(login(&app, "192.0.2.1", &olga, PASSWORD).await, "in");
    assert_eq!(
        login(&app, "192.0.2.1", "carla@example.org", WRONG).await,
        "INVALID_CREDENTIALS"
    );
    assert_eq!(login(&app, "192.0.2.1", &olga, PASSWORD).await, "LIMIT_EXCEEDED");
    assert_eq!(login(&app, "192.0.2.2", &olga, PASSWORD).await, "in");
    app.app.clock.advance(TimeDelta::minutes(30));
    assert_eq!(login(&app, "192.0.2.1", &olga, PASSWORD).await, "in");
}

#[tokio::test]
async fn an_address_registers_a_number_of_times_an_hour_over_every_transport() {
    let app = TestApp::start_with(&[("LIMIT_REGISTRATIONS_PER_ADDRESS", "2")]).await;
    let register = async |name: &str| {
        let input =
            json!({ "email": format!("{name}@example.org"), "password": PASSWORD, "displayName": name });
        // Nobody is believed who is not told to be: all of these come from one address.
        let headers = [("x-forwarded-for", "192.0.2.7")];
        let (_, answer) = app.post(&headers, REGISTER, json!({ "input": input })).await;
        answer
    };
    for name in ["ada", "ben"] {
        assert_eq!(outcome(&register(name).await, "register"), "in");
    }
    let refused = register("cleo").await;
    assert_eq!(
        refused["errors"][0]["extensions"],
        json!({ "code": "LIMIT_EXCEEDED", "limit": "REGISTRATIONS_PER_ADDRESS", "value": 3, "maximum": 2 })
    );
    let mut socket = Socket::open(&app.url, None).await;
    let input = json!({ "email": "cleo@example.org", "password": PASSWORD, "displayName": "Cleo" });
    socket.subscribe("1", REGISTER, json!({ "input": input })).await;
    assert_eq!(error_code(&socket.refusal().await), "LIMIT_EXCEEDED");
    app.app.clock.advance(TimeDelta::minutes(30));
    assert_eq!(outcome(&register("cleo").await, "register"), "in");
}

#[tokio::test]
async fn a_clock_that_is_set_back_refuses_nobody() {
    let app = TestApp::start_with(&[PROXY, ("LIMIT_LOGINS_PER_ADDRESS", "3")]).await;
    let olga = app.member("Olga").await.email;
    assert_eq!(login(&app, "192.0.2.1", &olga, PASSWORD).await, "in");
    app.app.clock.set(TimeDelta::hours(-1));
    assert_eq!(login(&app, "192.0.2.1", &olga, PASSWORD).await, "in");
    app.app.clock.set(TimeDelta::hours(3));
    assert_eq!(login(&app, "192.0.2.1", &olga, PASSWORD).await, "in");
    assert_eq!(login(&app, "192.0.2.1", &olga, PASSWORD).await, "LIMIT_EXCEEDED");
}

const REFRESH: &str = "mutation($input: RefreshSessionInput!) { refreshSession(input: $input) {
    session { refreshToken } userErrors { code } } }";

#[tokio::test]
async fn tokens_that_open_nothing_are_counted_by_address_and_right_ones_are_not() {
    let app = TestApp::start_with(&[PROXY, ("LIMIT_WRONG_TOKENS_PER_ADDRESS", "2")]).await;
    let mut token = app.member("Olga").await.refresh_token;
    let refresh = async |from: &str, token: &str| {
        let headers = [("x-forwarded-for", from)];
        let input = json!({ "input": { "refreshToken": token } });
        let (_, answer) = app.post(&headers, REFRESH, input).await;
        (outcome(&answer, "refreshSession"), answer)
    };
    for _ in 0..5 {
        let (outcome, answer) = refresh("192.0.2.1", &token).await;
        assert_eq!(outcome, "in");
        token = crate::support::text(&answer["data"]["refreshSession"]["session"]["refreshToken"]);
    }
    assert_eq!(refresh("192.0.2.1", "garbage").await.0, "INVALID_CREDENTIALS");
    // A ticket that opens nothing is one of them.
    let ticket = async |from: &str| {
        let path = "/graphql?query=subscription%7BmyFeed%7B__typename%7D%7D&ticket=garbage";
        let asked = app
            .request(reqwest::Method::GET, path)
            .header("accept", "text/event-stream")
            .header("x-forwarded-for", from);
        asked.send().await.unwrap()
    };
    assert_eq!(ticket("192.0.2.1").await.status(), 204);
    let statements = app.app.database.statements();
    let refused =
        json!({ "code": "LIMIT_EXCEEDED", "limit": "WRONG_TOKENS_PER_ADDRESS", "value": 3, "maximum": 2 });
    let (_, answer) = refresh("192.0.2.1", "garbage").await;
    assert_eq!(answer["errors"][0]["extensions"], refused);
    let answer: Value = ticket("192.0.2.1").await.json().await.unwrap();
    assert_eq!(answer["errors"][0]["extensions"], refused);
    assert_eq!(
        app.app.database.statements(),
        statements,
        "the database was not asked"
    );
    assert_eq!(refresh("192.0.2.2", &token).await.0, "in");
    app.app.clock.advance(TimeDelta::minutes(30));
    assert_eq!(refresh("192.0.2.1", "garbage").await.0, "INVALID_CREDENTIALS");
}
