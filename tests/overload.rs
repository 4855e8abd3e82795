//! More than can be served: who would wait too long is told so at once, on every transport; members and addresses take
//! turns; and what is no work is answered whatever else is going on.

use futures_util::future::join_all;
use plant_care::admission::{Key, Turn};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::support::events::Events;
use crate::support::{Logs, Member, PASSWORD, Socket, TestApp, error_code};

const SMALL: &str = "{ serviceLimits { requestsInFlight } }";
const LOGIN: &str = "mutation($input: LoginInput!) { login(input: $input) {
    session { accessToken } userErrors { code } } }";

/// One request at a time; eight more may wait.
const ONE: (&str, &str) = ("LIMIT_REQUESTS_IN_FLIGHT", "1");

fn waiting(queue: &str) -> String {
    format!(r#"plant_care_admission_requests{{queue="{queue}",state="waiting"}}"#)
}

fn served(queue: &str) -> String {
    format!(r#"plant_care_admission_requests{{queue="{queue}",state="served"}}"#)
}

fn refused(queue: &str) -> String {
    format!(r#"plant_care_admission_refused_total{{queue="{queue}"}}"#)
}

/// Somebody at another address.
fn elsewhere() -> Key {
    Key::of_address([192, 0, 2, 1].into())
}

fn post(app: &TestApp, query: &str, variables: impl Into<Value>) -> RequestBuilder {
    app.request(Method::POST, "/graphql")
        .json(&json!({ "query": query, "variables": variables.into() }))
}

fn login(app: &TestApp, member: &Member, password: &str) -> RequestBuilder {
    let input = json!({ "email": member.email, "password": password });
    post(app, LOGIN, json!({ "input": input }))
}

/// Takes every turn for hashing a password.
async fn take_all_passwords(app: &TestApp) -> Vec<Turn> {
    let cores = std::thread::available_parallelism().unwrap().get();
    let turns = (0..2 * cores + 2).map(|_| app.app.admission.password(elsewhere()));
    join_all(turns).await.into_iter().map(Result::unwrap).collect()
}

/// Sends requests whose answers nobody waits for yet.
fn send(requests: impl IntoIterator<Item = RequestBuilder>) -> JoinSet<(StatusCode, Value)> {
    requests
        .into_iter()
        .map(async |request| {
            let answer = request.send().await.unwrap();
            (answer.status(), answer.json().await.unwrap())
        })
        .collect()
}

#[tokio::test]
async fn who_would_wait_too_long_is_told_so_at_once_on_every_transport() {
    let app = TestApp::start_with(&[ONE]).await;
    let mut socket = Socket::open(&app.url, None).await;
    let olga = app.member("Olga").await;
    let logs = Logs::catch();
    let turn = app.app.admission.request(elsewhere()).await.unwrap();
    let mut crowd = send((0..8).map(|_| post(&app, SMALL, json!({}))));
    app.until_metric(&waiting("requests"), |count| count == 8).await;

    let told = post(&app, "this is not even read", json!({}))
        .send()
        .await
        .unwrap();
    assert_eq!(told.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(told.headers()["retry-after"], "2");
    let told: Value = told.json().await.unwrap();
    assert_eq!(error_code(&told), "SERVER_BUSY");
    assert_eq!(told.get("data"), None, "nothing was run: {told}");
    let by_get = app
        .request(Method::GET, "/graphql?query=%7Ba%7D")
        .send()
        .await
        .unwrap();
    assert_eq!(by_get.status(), StatusCode::SERVICE_UNAVAILABLE);
    socket.subscribe("1", SMALL, json!({})).await;
    assert_eq!(error_code(&socket.refusal().await), "SERVER_BUSY");
    let mut events = Events::open(post(&app, SMALL, json!({}))).await;
    let event = events.next().await.unwrap();
    assert_eq!(
        error_code(&serde_json::from_str(&event.data).unwrap()),
        "SERVER_BUSY"
    );

    // What is no work is answered all the same.
    for path in ["/health/live", "/health/ready"] {
        let answer = app.request(Method::GET, path).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
    }
    assert_eq!(app.metrics().await.value(&refused("requests")), 4);

    // A member who has nothing waiting is let in, at the expense of the one who came last.
    let mut hers = send([post(&app, "{ viewer { id } }", json!({})).bearer_auth(&olga.token)]);
    let (status, answer) = crowd.join_next().await.unwrap().unwrap();
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{answer}");
    drop(turn);
    let (status, answer) = hers.join_next().await.unwrap().unwrap();
    assert_eq!(
        (status, &answer["data"]["viewer"]["id"]),
        (StatusCode::OK, &json!(olga.id))
    );
    while let Some(answered) = crowd.join_next().await {
        let (status, answer) = answered.unwrap();
        assert_eq!(status, StatusCode::OK, "{answer}");
    }
    let metrics = app.metrics().await;
    assert_eq!(metrics.value(&refused("requests")), 5);
    assert_eq!(metrics.value(&served("requests")), 0);
    assert_eq!(metrics.value(&waiting("requests")), 0);

    let said = "the queue of requests is full";
    assert_eq!(logs.text().matches(said).count(), 1, "{}", logs.text());
    app.app.clock.advance(chrono::TimeDelta::seconds(6));
    app.send(None, SMALL, json!({})).await;
    let said = "the queue of requests works again: 5 were turned away";
    assert_eq!(logs.text().matches(said).count(), 1, "{}", logs.text());
}

#[tokio::test]
async fn who_is_turned_away_at_the_door_is_told_the_same_as_who_is_inside() {
    let app = TestApp::start_with(&[ONE]).await;
    let turn = app.app.admission.request(elsewhere()).await.unwrap();
    let crowd = send((0..8).map(|_| post(&app, SMALL, json!({}))));
    app.until_metric(&waiting("requests"), |count| count == 8).await;
    let padding = "#".repeat(20_000);
    for accept in ["*/*", "application/graphql-response+json", "image/png"] {
        let mut told = Vec::new();
        // A long document is read, and turned away after that.
        for query in [SMALL, &format!("{SMALL}{padding}")] {
            let asked = post(&app, query, json!({})).header("accept", accept);
            let answer = asked.send().await.unwrap();
            let mut headers = answer.headers().clone();
            headers.remove("date");
            // What it says is for pages, which go inside.
            headers.remove("access-control-expose-headers");
            let status = answer.status();
            told.push((status, headers, answer.text().await.unwrap()));
        }
        assert_eq!(told[0], told[1], "{accept}");
        assert_eq!(told[0].0, StatusCode::SERVICE_UNAVAILABLE);
    }
    // Both are counted, and a page of another origin may read why it was turned away.
    assert_eq!(app.metrics().await.value(&refused("requests")), 6);
    let page = post(&app, SMALL, json!({})).header("origin", app.url.as_str());
    let answer = page.send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.headers()["access-control-allow-origin"], app.url.as_str());
    drop((turn, crowd));
}

#[tokio::test]
async fn what_waits_in_vain_is_told_so_in_the_end() {
    let app = TestApp::start_with(&[ONE]).await;
    let turn = app.app.admission.request(elsewhere()).await.unwrap();
    let mut crowd = send((0..3).map(|_| post(&app, SMALL, json!({}))));
    app.until_metric(&waiting("requests"), |count| count == 3).await;
    app.app.clock.advance(chrono::TimeDelta::seconds(1));
    while let Some(answered) = crowd.join_next().await {
        assert_eq!(answered.unwrap().0, StatusCode::SERVICE_UNAVAILABLE);
    }
    drop(turn);
    assert_eq!(
        app.send(None, SMALL, json!({})).await["data"]["serviceLimits"]["requestsInFlight"],
        1
    );
}

#[tokio::test]
async fn mutations_and_passwords_wait_by_themselves_and_leave_queries_room() {
    let app = TestApp::start().await;
    let olga = app.member("Olga").await;
    let passwords = take_all_passwords(&app).await;
    let mut logins = send((0..70).map(|_| login(&app, &olga, PASSWORD)));
    app.until_metric(&waiting("passwords"), |count| count == 64).await;
    app.until_metric(&refused("passwords"), |count| count == 6).await;
    let metrics = app.metrics().await;
    assert_eq!(metrics.value(&refused("requests")), 0);
    // Neither queries nor other mutations wait for them.
    app.plant(&olga, "Figaro").await;
    let plants = app
        .run(&olga, "{ viewer { plants { totalCount } } }", json!({}))
        .await;
    assert_eq!(plants["viewer"]["plants"]["totalCount"], 1);
    drop(passwords);
    let mut outcomes = (0, 0);
    while let Some(answered) = logins.join_next().await {
        match answered.unwrap() {
            (StatusCode::OK, answer) => {
                assert_eq!(answer["data"]["login"]["userErrors"], json!([]));
                outcomes.0 += 1;
            }
            (status, answer) => {
                assert_eq!((status.as_u16(), error_code(&answer)), (503, "SERVER_BUSY"));
                outcomes.1 += 1;
            }
        }
    }
    assert_eq!(outcomes, (64, 6));

    let (mut writes, connections) = (Vec::new(), app.app.config.database_max_connections);
    for _ in 0..(2 * connections).max(16) {
        writes.push(app.app.admission.write(elsewhere()).await.unwrap());
    }
    let create = "mutation { createPlant(input: { name: \"Fern\" }) { plant { id } } }";
    let mut waits = send([post(&app, create, json!({})).bearer_auth(&olga.token)]);
    app.until_metric(&waiting("writes"), |count| count == 1).await;
    app.run(&olga, "{ viewer { id } }", json!({})).await;
    assert_eq!(
        login(&app, &olga, PASSWORD).send().await.unwrap().status(),
        StatusCode::OK
    );
    drop(writes);
    assert_eq!(waits.join_next().await.unwrap().unwrap().0, StatusCode::OK);
}

#[tokio::test]
async fn subscriptions_open_and_are_told_while_requests_are_turned_away() {
    let app = TestApp::start_with(&[ONE]).await;
    let story = crate::support::Story::in_progress(&app).await;
    let turn = app.app.admission.request(elsewhere()).await.unwrap();
    let mut crowd = send((0..8).map(|_| post(&app, SMALL, json!({}))));
    app.until_metric(&waiting("requests"), |count| count == 8).await;
    let mut socket = app.socket(&story.owner).await;
    socket.follow(&story.request, None).await;
    socket.replay().await;
    // The other way round they do not keep a request from being answered.
    drop(turn);
    while let Some(answered) = crowd.join_next().await {
        assert_eq!(answered.unwrap().0, StatusCode::OK);
    }
    let opening = app.app.admission.subscription(elsewhere()).await.unwrap();
    let resolving = app.app.admission.resolution().await;
    app.run(&story.owner, "{ viewer { id } }", json!({})).await;
    drop((opening, resolving));
}

#[tokio::test]
async fn right_passwords_of_one_account_that_come_together_are_all_let_in() {
    let app = TestApp::start().await;
    let olga = app.member("Olga").await;
    let mut logins = send((0..60).map(|_| login(&app, &olga, PASSWORD)));
    while let Some(answered) = logins.join_next().await {
        let (status, answer) = answered.unwrap();
        assert_eq!(status, StatusCode::OK, "{answer}");
        assert_eq!(answer["data"]["login"]["userErrors"], json!([]), "{answer}");
    }
}

#[tokio::test]
async fn right_passwords_of_callers_who_hang_up_lock_nobody_out_and_wrong_ones_count() {
    let app = TestApp::start_with(&[("LIMIT_LOGINS_PER_ACCOUNT", "3")]).await;
    let olga = app.member("Olga").await;
    let hang_up = async |count: usize, password: &str| {
        let turns = take_all_passwords(&app).await;
        let mut leaving = send((0..count).map(|_| login(&app, &olga, password)));
        let all = i64::try_from(count).unwrap();
        app.until_metric(&waiting("passwords"), |count| count == all)
            .await;
        leaving.shutdown().await;
        drop(turns);
        // They were judged all the same.
        app.until_metric(&waiting("passwords"), |count| count == 0).await;
        app.until_metric(&served("passwords"), |count| count == 0).await;
    };
    let log_in = async || -> Value {
        let answer = login(&app, &olga, PASSWORD).send().await.unwrap();
        answer.json().await.unwrap()
    };
    hang_up(25, PASSWORD).await;
    let answer = log_in().await;
    assert_eq!(answer["data"]["login"]["userErrors"], json!([]), "{answer}");
    hang_up(4, "wrong horse battery").await;
    let answer = log_in().await;
    assert_eq!(
        answer["errors"][0]["extensions"]["limit"], "LOGINS_PER_ACCOUNT",
        "{answer}"
    );
}
