//! What is resolved once for all readers is the same for each of them.

use std::collections::BTreeMap;

use plant_care::domain::user::grant;
use plant_care::entity::user::Role;
use plant_care::graphql::live::sharing::SAME_FOR_ALL;
use serde_json::{Value, json};

use super::{BERLIN, PARIS, follow, listed, publish};
use crate::support::story::{create, request_input};
use crate::support::{Member, Socket, Story, TestApp, key};

/// A subscription for each of the fields, by the field's name.
fn subscriptions() -> BTreeMap<String, String> {
    let mut subscriptions = BTreeMap::new();
    for (parent, fields) in SAME_FOR_ALL {
        for field in fields {
            let selected = match parent {
                "Subscription" => {
                    assert_eq!(*field, "openCareRequests");
                    "__typename".to_owned()
                }
                "BoardRequestChanged" if *field == "careRequest" => {
                    "... on BoardRequestChanged { careRequest { __typename } }".to_owned()
                }
                "CareRequest" => format!("... on BoardRequestChanged {{ careRequest {{ {field} }} }}"),
                "Stream" => stream_messages(field),
                parent => format!("... on {parent} {{ {field} }}"),
            };
            let query = format!(
                "subscription($near: NearInput, $after: String) {{ openCareRequests(near: $near, after: $after) {{ __typename {selected} }} }}"
            );
            subscriptions.insert(format!("{parent}.{field}"), query);
        }
    }
    subscriptions
}

/// A field of whichever messages of all streams have it.
fn stream_messages(field: &str) -> String {
    let parents: &[_] = match field {
        "cursor" => &["StreamCaughtUp", "StreamPosition"],
        "from" | "to" => &["StreamGap"],
        "reason" => return "... on StreamGap { gap: reason } ... on StreamEnded { end: reason }".to_owned(),
        field => panic!("no message has a {field}"),
    };
    let parts: Vec<_> = parents
        .iter()
        .map(|parent| format!("... on {parent} {{ {field} }}"))
        .collect();
    parts.join(" ")
}

/// Everyone there is to a request.
async fn readers(story: &Story<'_>) -> Vec<Member> {
    let app = story.app;
    let (former, stranger, moderator, offerer) = (
        app.member("Fina").await,
        app.member("Sven").await,
        app.member("Mona").await,
        app.member("Omar").await,
    );
    grant(&app.app, key(&moderator.id), Role::Moderator)
        .await
        .unwrap();
    story.assign(&former).await;
    story.does(&former, "withdrawFromCare").await;
    story.offer(&offerer).await;
    let moderator = app.login(&moderator).await;
    vec![
        story.owner.clone(),
        story.caretaker.clone(),
        former,
        stranger,
        moderator,
        offerer,
    ]
}

/// Has every reader follow the board with each of the subscriptions, resolved for her alone.
async fn follow_all(app: &TestApp, readers: &[Member], variables: &Value) -> Vec<Socket> {
    let mut sockets = Vec::new();
    for (number, reader) in readers.iter().enumerate() {
        let mut socket = app.socket(reader).await;
        for (name, query) in subscriptions() {
            // The text differs, so nobody gets what another was told.
            let own = format!("{query} # {number}");
            socket.subscribe(&name, &own, variables.clone()).await;
        }
        sockets.push(socket);
    }
    sockets
}

/// The next so many messages of each subscription, as they came: the same for everyone.
async fn assert_same(sockets: &mut [Socket], messages: usize) -> Vec<Value> {
    let mut first: Option<BTreeMap<String, Vec<String>>> = None;
    for socket in sockets {
        let mut told: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for _ in 0..messages * subscriptions().len() {
            let frame = socket.frame_that_tells().await;
            let message: Value = serde_json::from_str(&frame).unwrap();
            assert_eq!(message["type"], "next", "{message}");
            assert_eq!(message["payload"].get("errors"), None, "{message}");
            let id = message["id"].as_str().unwrap().to_owned();
            told.entry(id).or_default().push(frame);
        }
        assert!(told.values().all(|told| told.len() == messages), "{told:?}");
        match &first {
            None => first = Some(told),
            Some(first) => {
                for (name, told) in told {
                    assert_eq!(told, first[&name], "{name}");
                }
            }
        }
    }
    let first = first.unwrap().remove("Subscription.openCareRequests").unwrap();
    first
        .iter()
        .map(|frame| {
            let message: Value = serde_json::from_str(frame).unwrap();
            message["payload"]["data"]["openCareRequests"]["__typename"].clone()
        })
        .collect()
}

async fn story(app: &TestApp) -> Story<'_> {
    let mut story = Story::open(app).await;
    let mut input = request_input(&[app.plant(&story.owner, "Ivy").await]);
    input["approxCell"] = json!(PARIS);
    input["instructions"] = json!("The key is under the mat.");
    story.does(&story.owner, "cancelCareRequest").await;
    story.request = create(app, &story.owner, input).await;
    story
}

#[tokio::test]
async fn what_is_shared_is_the_same_for_every_reader() {
    let app = TestApp::start().await;
    let story = story(&app).await;
    let readers = readers(&story).await;
    let mut sockets = follow_all(&app, &readers, &json!({})).await;
    assert_eq!(
        assert_same(&mut sockets, 2).await,
        ["BoardRequestChanged", "StreamCaughtUp"]
    );
    story.assign(&story.caretaker).await;
    assert_eq!(assert_same(&mut sockets, 1).await, ["BoardRequestLeft"]);
    story.does(&story.caretaker, "withdrawFromCare").await;
    assert_eq!(assert_same(&mut sockets, 1).await, ["BoardRequestChanged"]);
}

#[tokio::test]
async fn positions_and_gaps_are_the_same_for_every_reader() {
    let app = TestApp::start().await;
    let story = story(&app).await;
    let readers = readers(&story).await;
    let mut socket = follow(&app, &story.owner, json!({})).await;
    let (_, cursor) = listed(&mut socket).await;
    publish(&app, &story.owner, Some(BERLIN)).await;
    app.sql("UPDATE streams SET floor_seq = last_seq WHERE name = 'board'")
        .await;
    app.sql("DELETE FROM stream_entries WHERE stream = 'board'").await;
    let replica = app.replica().await;
    let near = json!({ "near": { "cell": PARIS, "radiusKm": 50 }, "after": cursor });
    let mut sockets = follow_all(&replica, &readers, &near).await;
    assert_eq!(
        assert_same(&mut sockets, 3).await,
        ["StreamGap", "BoardRequestChanged", "StreamCaughtUp"]
    );
    let mut anywhere = follow(&replica, &story.owner, json!({})).await;
    listed(&mut anywhere).await;
    publish(&app, &story.owner, Some(BERLIN)).await;
    anywhere.told().await;
    for socket in &mut sockets {
        socket.assert_heard().await;
    }
    app.app.clock.advance(chrono::TimeDelta::seconds(61));
    assert_eq!(assert_same(&mut sockets, 1).await, ["StreamPosition"]);
}

/// How many readers the next one compares.
const READERS: usize = 24;

/// What it takes to tell readers of one request.
struct Taken {
    resolutions: i64,
    statements: u64,
}

/// Tells so many readers of one request, each with a text of her own or all with one.
async fn tell(app: &TestApp, owner: &Member, readers: &[Member], alone: bool) -> Taken {
    let mut sockets = Vec::new();
    for (number, reader) in readers.iter().enumerate() {
        // What only its author has written is not what makes it her own.
        let own = if alone {
            format!("a{number}: id")
        } else {
            String::new()
        };
        let own = format!(
            "subscription Reader{number} {{ openCareRequests {{ ... on BoardRequestChanged {{
                careRequest {{ id {own} }} }} }} }}"
        );
        let mut socket = app.socket(reader).await;
        socket.subscribe("1", &own, json!({})).await;
        sockets.push(socket);
    }
    // What is open is told one by one; the last message of each is that she has caught up.
    for socket in &mut sockets {
        while socket.told().await != json!({}) {}
    }
    let (resolved, ran) = (resolutions(app).await, app.app.database.statements());
    let request = publish(app, owner, None).await;
    for socket in &mut sockets {
        assert_eq!(socket.told().await["careRequest"]["id"], request.as_str());
    }
    let statements = app.app.database.statements() - ran;
    Taken {
        resolutions: resolutions(app).await - resolved,
        statements,
    }
}

async fn resolutions(app: &TestApp) -> i64 {
    let series = r#"graphql_resolver_calls_total{type="BoardRequestChanged",field="careRequest"}"#;
    app.metrics().await.value(series)
}

#[tokio::test]
async fn readers_of_the_same_cost_one_resolution() {
    let app = TestApp::start_with(&[("LIMIT_REGISTRATIONS_PER_ADDRESS", "100")]).await;
    let owner = app.member("Olga").await;
    let mut readers = Vec::new();
    for _ in 0..READERS {
        readers.push(app.member("Rosa").await);
    }
    let one = tell(&app, &owner, &readers[..1], false).await;
    let shared = tell(&app, &owner, &readers, false).await;
    let alone = tell(&app, &owner, &readers, true).await;
    let each = i64::try_from(READERS).unwrap();
    assert_eq!(
        (one.resolutions, shared.resolutions, alone.resolutions),
        (1, 1, each)
    );
    // Of whatever each is told, the request is read once. The hub compares itself with the database now and then: that
    // is a statement or two.
    let few = one.statements + READERS as u64 / 2;
    assert!(shared.statements < few, "{} for one text", shared.statements);
    assert!(alone.statements < few, "{} for a text each", alone.statements);
}
