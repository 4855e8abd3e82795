//! Sockets end with the session they were opened in, on every replica.

use plant_care::domain::user::{grant, suspend};
use plant_care::entity::user::Role;
use serde_json::json;

use crate::support::{Member, PASSWORD, Socket, TestApp, key};

const FEED: &str = "subscription { myFeed { __typename } }";

/// A socket that follows its member's feed.
async fn following(app: &TestApp, member: &Member) -> Socket {
    let mut socket = app.socket(member).await;
    socket.subscribe("1", FEED, json!({})).await;
    assert_eq!(socket.told().await["__typename"], "StreamCaughtUp");
    socket
}

fn ended() -> (u16, String) {
    (4403, "session ended".to_owned())
}

#[tokio::test]
async fn a_suspended_members_sockets_end_everywhere_and_she_cannot_return() {
    let app = TestApp::start().await;
    let replica = app.replica().await;
    let (olga, carl) = (app.member("Olga").await, app.member("Carl").await);
    let mut hers = vec![
        following(&app, &olga).await,
        app.socket(&app.login(&olga).await).await,
        following(&replica, &olga).await,
        replica.socket(&olga).await,
    ];
    let mut others = vec![following(&app, &carl).await, following(&replica, &carl).await];
    suspend(&app.app, key(&olga.id)).await.unwrap();
    for socket in &mut hers {
        assert_eq!(socket.closed().await, ended());
    }
    for socket in &mut others {
        socket.assert_heard().await;
    }

    let query = "mutation($input: LoginInput!) { login(input: $input) { session { accessToken } userErrors { code } } }";
    let input = json!({ "email": olga.email, "password": PASSWORD });
    for process in [&app, &replica] {
        let answer = process.send(None, query, json!({ "input": input })).await;
        let login = &answer["data"]["login"];
        assert_eq!(login["session"], json!(null), "{answer}");
        assert_eq!(login["userErrors"][0]["code"], "INVALID_CREDENTIALS", "{answer}");
        let mut socket = Socket::connect(&process.url).await;
        let payload = json!({ "authorization": format!("Bearer {}", olga.token) });
        socket
            .send(json!({ "type": "connection_init", "payload": payload }))
            .await;
        assert_eq!(socket.closed().await.0, 4403);
    }
}

#[tokio::test]
async fn a_logout_ends_the_sockets_of_that_session_and_no_others() {
    let app = TestApp::start().await;
    let replica = app.replica().await;
    let phone = app.member("Olga").await;
    let (laptop, carl) = (app.login(&phone).await, app.member("Carl").await);
    let mut ending = vec![
        following(&app, &phone).await,
        following(&replica, &phone).await,
        replica.socket(&phone).await,
    ];
    let mut staying = vec![
        following(&app, &laptop).await,
        following(&replica, &laptop).await,
        following(&replica, &carl).await,
    ];
    app.run(&phone, "mutation { logout { userErrors { code } } }", json!({}))
        .await;
    for socket in &mut ending {
        assert_eq!(socket.closed().await, ended());
    }
    for socket in &mut staying {
        socket.assert_heard().await;
    }
}

#[tokio::test]
async fn a_new_role_ends_the_sockets_that_were_opened_without_it() {
    let app = TestApp::start().await;
    let replica = app.replica().await;
    let olga = app.member("Olga").await;
    let mut sockets = [following(&app, &olga).await, following(&replica, &olga).await];
    grant(&app.app, key(&olga.id), Role::Moderator).await.unwrap();
    for socket in &mut sockets {
        assert_eq!(socket.closed().await, ended());
    }
    following(&replica, &app.login(&olga).await).await;
}

#[tokio::test]
async fn a_member_who_does_not_read_is_out_as_well() {
    let app = TestApp::start().await;
    let olga = app.member("Olga").await;
    // She has asked for more than her system takes, and reads none of it.
    let mut raw = crate::support::Raw::open(&app.url, &olga.token).await;
    let query = "{ __schema { types { name description fields { name description type { name } } } } }";
    for id in 0..64 {
        raw.say(json!({ "id": id.to_string(), "type": "subscribe", "payload": { "query": query } }))
            .await;
    }
    suspend(&app.app, key(&olga.id)).await.unwrap();
    let listeners = &app.app.hub.control.listeners;
    crate::support::until("nobody is connected", || listeners.connections() == 0).await;
}
