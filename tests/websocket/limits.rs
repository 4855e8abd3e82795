//! How many connections and subscriptions there may be.

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Error;

use crate::support::{Held, Socket, TestApp, error_code, until};

const FEED: &str = "subscription { myFeed { __typename } }";

async fn follow(socket: &mut Socket, id: &str) {
    socket.subscribe(id, FEED, json!({})).await;
    assert_eq!(
        socket.told_by().await,
        (id.to_owned(), json!({ "__typename": "StreamCaughtUp" }))
    );
}

/// Follows one too many: what it is refused with.
async fn exceeded(socket: &mut Socket) -> Value {
    socket.subscribe("beyond", FEED, json!({})).await;
    let message = socket.message().await;
    assert_eq!(message["type"], "error", "{message}");
    let answer = json!({ "errors": message["payload"] });
    assert_eq!(error_code(&answer), "LIMIT_EXCEEDED");
    let extensions = &answer["errors"][0]["extensions"];
    json!([extensions["limit"], extensions["value"], extensions["maximum"]])
}

async fn complete(socket: &mut Socket, id: &str) {
    socket.send(json!({ "id": id, "type": "complete" })).await;
    socket.assert_heard().await;
}

#[tokio::test]
async fn a_connection_has_so_many_subscriptions() {
    let app = TestApp::start_with(&[("LIMIT_SUBSCRIPTIONS_PER_CONNECTION", "2")]).await;
    let member = app.member("Olga").await;
    let mut socket = app.socket(&member).await;
    follow(&mut socket, "1").await;
    follow(&mut socket, "2").await;
    let told = exceeded(&mut socket).await;
    assert_eq!(told, json!(["SUBSCRIPTIONS_PER_CONNECTION", 3, 2]));
    // Another of hers has room of its own.
    follow(&mut app.socket(&member).await, "1").await;
    complete(&mut socket, "1").await;
    follow(&mut socket, "3").await;
    exceeded(&mut socket).await;
}

#[tokio::test]
async fn a_member_has_so_many_subscriptions_over_all_her_connections() {
    let app = TestApp::start_with(&[("LIMIT_SUBSCRIPTIONS_PER_USER", "2")]).await;
    let (member, other) = (app.member("Olga").await, app.member("Carl").await);
    let (mut one, mut two) = (app.socket(&member).await, app.socket(&member).await);
    follow(&mut one, "1").await;
    follow(&mut two, "1").await;
    for socket in [&mut one, &mut two] {
        let told = exceeded(socket).await;
        assert_eq!(told, json!(["SUBSCRIPTIONS_PER_USER", 3, 2]));
    }
    follow(&mut app.socket(&other).await, "1").await;

    complete(&mut one, "1").await;
    follow(&mut two, "2").await;
    exceeded(&mut one).await;
    // What was refused took no room, and what leaves gives it back.
    let listeners = &app.app.hub.control.listeners;
    two.close().await;
    until("one connection is left", || listeners.connections() == 1).await;
    follow(&mut one, "1").await;
    follow(&mut one, "2").await;
    exceeded(&mut one).await;
}

#[tokio::test]
async fn a_process_has_so_many_connections() {
    let app = TestApp::start_with(&[("LIMIT_CONNECTIONS", "2")]).await;
    let member = app.member("Olga").await;
    let mut sockets = vec![app.socket(&member).await, app.socket(&member).await];
    match Socket::connect_with(&app.url, &[]).await {
        Err(Error::Http(response)) => {
            assert_eq!(response.status().as_u16(), 503);
            assert_eq!(response.headers()["retry-after"], "1");
            let body: Value = serde_json::from_slice(response.body().as_ref().unwrap()).unwrap();
            assert_eq!(error_code(&body), "LIMIT_EXCEEDED");
            assert_eq!(body["errors"][0]["extensions"]["limit"], "CONNECTIONS");
        }
        Err(error) => panic!("not refused but failed: {error}"),
        Ok(_) => panic!("not refused"),
    }
    // Those that are there stay, and HTTP is answered.
    for socket in &mut sockets {
        socket.assert_heard().await;
    }
    app.run(&member, "{ viewer { id } }", json!({})).await;

    let listeners = &app.app.hub.control.listeners;
    sockets.remove(0).close().await;
    until("one connection is left", || listeners.connections() == 1).await;
    app.socket(&member).await.assert_heard().await;
}

#[tokio::test]
async fn what_a_client_has_left_counts_until_it_is_done() {
    let app = TestApp::start_with(&[("LIMIT_SUBSCRIPTIONS_PER_CONNECTION", "2")]).await;
    let member = app.member("Olga").await;
    let mut socket = app.socket(&member).await;
    // Nobody else writes meanwhile.
    let held = Held::on(&app, "plants").await;
    for name in ["Fern", "Fig"] {
        let mutation =
            format!("mutation {{ createPlant(input: {{ name: \"{name}\" }}) {{ userErrors {{ code }} }} }}");
        socket.subscribe(name, &mutation, json!({})).await;
        complete(&mut socket, name).await;
    }
    let told = exceeded(&mut socket).await;
    assert_eq!(told, json!(["SUBSCRIPTIONS_PER_CONNECTION", 3, 2]));
    held.let_go().await;
    // Once both are done there is room again.
    loop {
        socket
            .subscribe("1", "{ viewer { plants { totalCount } } }", json!({}))
            .await;
        let message = socket.message().await;
        if message["type"] == "next" {
            assert_eq!(socket.message().await["type"], "complete");
            if message["payload"]["data"]["viewer"]["plants"]["totalCount"] == 2 {
                return;
            }
        }
    }
}
