//! Automatic persisted queries: documents that are sent once, and from then on by their hashes.

use chrono::TimeDelta;
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use serde_json::{Value, json};

use super::trusted::{Manifest, WHO, hash};
use super::{PRODUCTION, answer, get, post, refusal, refused};
use crate::support::events::Events;
use crate::support::{Socket, Story, TestApp, data, error_code};

const NAME: &str = "{ viewer { displayName } }";
const ADD: &str = "mutation { createPlant(input: { name: \"Fern\" }) { plant { name } } }";
const FEED: &str = "subscription { myFeed { __typename } }";
const NOT_FOUND: &str = "PERSISTED_QUERY_NOT_FOUND";

/// The extensions that name a text.
fn named(text: &str) -> Value {
    hash(&plant_care::crypto::sha256_hex(text))
}

/// A request with a text's hash alone.
fn alone(text: &str) -> Value {
    json!({ "extensions": named(text) })
}

/// A request with a text and its hash.
fn both(text: &str) -> Value {
    json!({ "query": text, "extensions": named(text) })
}

/// The whole answer to a request that is posted by nobody.
async fn ask(app: &TestApp, request: Value) -> Value {
    answer(post(app).json(&request)).await.1
}

/// Whether a text runs by its hash.
async fn is_kept(app: &TestApp, text: &str) -> bool {
    let answer = ask(app, alone(text)).await;
    answer.get("errors").is_none() || error_code(&answer) != NOT_FOUND
}

#[tokio::test]
async fn a_persisted_query_is_sent_once_and_then_by_its_hash() {
    let app = TestApp::start().await;
    let olga = app.member("Olga").await;
    let ask = async |request: Value| answer(post(&app).bearer_auth(&olga.token).json(&request)).await;
    let (status, unknown) = ask(alone(NAME)).await;
    let told =
        json!({ "errors": [{ "message": "PersistedQueryNotFound", "extensions": { "code": NOT_FOUND } }] });
    assert_eq!((status.as_u16(), &unknown), (200, &told));
    let viewer = json!({ "data": { "viewer": { "displayName": "Olga" } } });
    for request in [both(NAME), alone(NAME), both(NAME), alone(NAME)] {
        assert_eq!(ask(request.clone()).await.1, viewer, "{request}");
    }
    // Whose it is says the token, not the hash.
    let nobody = answer(post(&app).json(&alone(NAME))).await.1;
    assert_eq!(nobody, json!({ "data": { "viewer": null } }));

    // Without a hash nothing is kept, and its variables are never a part of it.
    let query = "query($first: Int) { viewer { plants(first: $first) { totalCount } } }";
    ask(json!({ "query": query })).await;
    assert_eq!(error_code(&ask(alone(query)).await.1), NOT_FOUND);
    let mut request = both(query);
    for first in [1, 101, 2] {
        request["variables"] = json!({ "first": first });
        let answer = ask(request).await.1;
        assert_eq!(answer.get("errors").is_some(), first == 101, "{answer}");
        request = alone(query);
    }
}

#[tokio::test]
async fn an_unknown_persisted_query_is_no_failure_where_json_is_taken() {
    let app = TestApp::start().await;
    for (accept, status, content_type) in [
        ("", 200, "application/json; charset=utf-8"),
        ("application/json", 200, "application/json; charset=utf-8"),
        // What Apollo's and urql's clients send.
        (
            "application/graphql-response+json,application/json;q=0.9",
            200,
            "application/json; charset=utf-8",
        ),
        (
            "application/graphql-response+json, application/graphql+json, application/json, text/event-stream, \
             multipart/mixed",
            200,
            "application/json; charset=utf-8",
        ),
        (
            "application/graphql-response+json",
            400,
            "application/graphql-response+json; charset=utf-8",
        ),
    ] {
        let extensions = named(NAME).to_string();
        for request in [
            post(&app).json(&alone(NAME)),
            get(&app, &[("extensions", extensions.as_str())]),
        ] {
            let response = request.header(ACCEPT, accept).send().await.unwrap();
            assert_eq!(response.status().as_u16(), status, "{accept}");
            assert_eq!(response.headers()[CONTENT_TYPE], content_type, "{accept}");
            assert_eq!(response.headers()["cache-control"], "no-store");
            assert_eq!(error_code(&response.json().await.unwrap()), NOT_FOUND);
        }
    }
}

#[tokio::test]
async fn a_persisted_query_is_under_no_hash_but_its_own() {
    let app = TestApp::start().await;
    let upper = named(NAME)["persistedQuery"]["sha256Hash"]
        .as_str()
        .unwrap()
        .to_uppercase();
    for wrong in [named("{ __typename }"), hash(&upper), hash("who"), hash("")] {
        let request = json!({ "query": NAME, "extensions": wrong });
        let refusal = refusal(
            post(&app)
                .header(ACCEPT, "application/graphql-response+json")
                .json(&request),
        );
        assert_eq!(refusal.await, refused(400, "BAD_REQUEST"), "{wrong}");
        let unknown = ask(&app, json!({ "extensions": wrong })).await;
        assert_eq!(error_code(&unknown), NOT_FOUND, "{wrong}");
    }
    assert!(!is_kept(&app, NAME).await);
    // A hash that is known is not another text's either, and no id of a trusted document.
    ask(&app, both(NAME)).await;
    let request = json!({ "query": "{ __typename }", "extensions": named(NAME) });
    assert_eq!(error_code(&ask(&app, request).await), "BAD_REQUEST");
    let id = named(NAME)["persistedQuery"]["sha256Hash"].clone();
    assert_eq!(
        error_code(&ask(&app, json!({ "documentId": id })).await),
        "BAD_REQUEST"
    );
    assert!(is_kept(&app, NAME).await);
}

#[tokio::test]
async fn a_persisted_query_is_kept_only_if_it_may_run() {
    let app = TestApp::start().await;
    let costly = "{ openCareRequests(first: 100) { edges { node { plants { owner { plants(first: 100) { totalCount } \
                  } } } } } }";
    let many = format!("{{ {} }}", "a: __typename ".repeat(31));
    let long = format!("{NAME} #{}", "x".repeat(16 * 1024));
    for (query, code) in [
        ("{", "BAD_REQUEST"),
        ("{ nothing }", "BAD_REQUEST"),
        (
            "query($first: Int!) { viewer { plants(first: $first) { totalCount } } }",
            "BAD_REQUEST",
        ),
        (costly, "LIMIT_EXCEEDED"),
        (&many, "LIMIT_EXCEEDED"),
        (&long, "LIMIT_EXCEEDED"),
        ("subscription { nothing }", "BAD_REQUEST"),
        // It is valid, and cannot be followed over POST.
        (FEED, "BAD_REQUEST"),
    ] {
        assert_eq!(error_code(&ask(&app, both(query)).await), code, "{query}");
        assert!(!is_kept(&app, query).await, "{query}");
    }
    // Nor is one of somebody who is not who she says.
    let stranger = post(&app).bearer_auth("worn").json(&both(NAME));
    assert_eq!(refusal(stranger).await, refused(401, "UNAUTHENTICATED"));
    assert!(!is_kept(&app, NAME).await);
}

#[tokio::test]
async fn an_address_has_a_hundred_new_persisted_queries_a_minute_kept() {
    let app = TestApp::start_with(&[("CLIENT_ADDRESS_HEADER", "X-Forwarded-For")]).await;
    let query = |number: usize| format!("{{ __typename }} # {number}");
    let send = async |address: &str, number: usize| {
        let request = post(&app).header("X-Forwarded-For", address);
        let (_, answer) = answer(request.json(&both(&query(number)))).await;
        assert_eq!(answer, json!({ "data": { "__typename": "Query" } }), "{number}");
    };
    for number in 0..100 {
        send("192.0.2.1", number).await;
        // What is there already is not new.
        send("192.0.2.1", 0).await;
    }
    send("192.0.2.1", 100).await;
    assert!(is_kept(&app, &query(99)).await && !is_kept(&app, &query(100)).await);
    app.app.clock.advance(TimeDelta::seconds(59));
    send("192.0.2.1", 100).await;
    assert!(!is_kept(&app, &query(100)).await);
    // Another address has its own, and of IPv6 a network is one.
    send("192.0.2.2", 101).await;
    assert!(is_kept(&app, &query(101)).await);
    for number in 200..300 {
        send(&format!("2001:db8::{number}"), number).await;
    }
    send("2001:db8::1", 300).await;
    assert!(is_kept(&app, &query(299)).await && !is_kept(&app, &query(300)).await);

    app.app.clock.advance(TimeDelta::seconds(1));
    send("192.0.2.1", 100).await;
    assert!(is_kept(&app, &query(100)).await);
}

#[tokio::test]
async fn persisted_queries_take_four_mebibytes_and_those_asked_for_last_stay() {
    const BYTES: usize = 128 * 1024;
    let app = TestApp::start_with(&[("LIMIT_DOCUMENT_BYTES", &BYTES.to_string())]).await;
    // A comment makes each as long as a document may be.
    let query = |number: usize| format!("{{ __typename }} #{number:2}{}", "x".repeat(BYTES - 18));
    assert_eq!(query(1).len(), BYTES);
    let first = query(0);
    // One less than four mebibytes: what they are found by takes a little of it.
    for number in 0..31 {
        data(ask(&app, both(&query(number))).await);
    }
    assert!(is_kept(&app, &query(1)).await && is_kept(&app, &first).await);
    data(ask(&app, both(&query(31))).await);
    assert!(is_kept(&app, &first).await && is_kept(&app, &query(1)).await);
    assert!(!is_kept(&app, &query(2)).await && is_kept(&app, &query(3)).await);
}

#[tokio::test]
async fn a_get_runs_no_persisted_mutation() {
    let app = TestApp::start().await;
    let olga = app.member("Olga").await;
    let extensions = named(ADD).to_string();
    let by_hash = || get(&app, &[("extensions", extensions.as_str())]).bearer_auth(&olga.token);
    let with_text = get(&app, &[("query", ADD), ("extensions", extensions.as_str())]);
    assert_eq!(
        refusal(with_text.bearer_auth(&olga.token)).await,
        refused(405, "BAD_REQUEST")
    );
    assert_eq!(
        refusal(by_hash()).await,
        refused(200, NOT_FOUND),
        "nor is it kept"
    );
    for request in [both(ADD), alone(ADD)] {
        let sent = post(&app).bearer_auth(&olga.token).json(&request);
        assert_eq!(data(answer(sent).await.1)["createPlant"]["plant"]["name"], "Fern");
    }
    assert_eq!(refusal(by_hash()).await, refused(405, "BAD_REQUEST"));
    let events = by_hash().header(ACCEPT, "text/event-stream");
    assert_eq!(refusal(events).await, refused(405, "BAD_REQUEST"));
    let plants = app
        .run(&olga, "{ viewer { plants { totalCount } } }", json!({}))
        .await;
    assert_eq!(plants["viewer"]["plants"]["totalCount"], 2);

    let extensions = named(NAME).to_string();
    let with_text = get(&app, &[("query", NAME), ("extensions", extensions.as_str())]);
    let by_hash = get(&app, &[("extensions", extensions.as_str())]);
    for request in [with_text, by_hash] {
        let (status, answer) = answer(request.bearer_auth(&olga.token)).await;
        assert_eq!(
            (status.as_u16(), &data(answer)["viewer"]["displayName"]),
            (200, &json!("Olga"))
        );
    }
}

#[tokio::test]
async fn a_persisted_query_is_known_over_every_transport() {
    let app = TestApp::start().await;
    let olga = app.member("Olga").await;
    let mut socket = app.socket(&olga).await;
    let subscribe = async |socket: &mut Socket, id: &str, payload: Value| {
        socket
            .send(json!({ "id": id, "type": "subscribe", "payload": payload }))
            .await;
    };
    for (id, text) in [("1", NAME), ("2", FEED)] {
        subscribe(&mut socket, id, alone(text)).await;
        let message = socket.message().await;
        assert_eq!((&message["type"], &message["id"]), (&json!("error"), &json!(id)));
        assert_eq!(message["payload"][0]["message"], "PersistedQueryNotFound");
        assert_eq!(message["payload"][0]["extensions"]["code"], NOT_FOUND);
    }
    for (id, payload) in [("3", both(NAME)), ("4", alone(NAME))] {
        subscribe(&mut socket, id, payload).await;
        assert_eq!(socket.told().await["displayName"], "Olga");
        assert_eq!(socket.message().await["type"], "complete");
    }
    for (id, payload) in [("5", both(FEED)), ("6", alone(FEED))] {
        subscribe(&mut socket, id, payload).await;
        assert_eq!(
            socket.told_by().await,
            (id.to_owned(), json!({ "__typename": "StreamCaughtUp" }))
        );
    }

    // What came over a websocket is known to who posts, and the other way round.
    let by = |request: &Value| post(&app).bearer_auth(&olga.token).json(request);
    assert_eq!(
        data(answer(by(&alone(NAME))).await.1)["viewer"]["displayName"],
        "Olga"
    );
    let mut events = Events::open(by(&alone(FEED))).await;
    assert_eq!(events.told().await["__typename"], "StreamCaughtUp");
    let other = "subscription { myFeed { ... on StreamCaughtUp { __typename } } }";
    let mut events = Events::open(by(&alone(other))).await;
    let unknown = events.next().await.unwrap();
    assert_eq!(unknown.name, "next");
    assert_eq!(
        error_code(&serde_json::from_str(&unknown.data).unwrap()),
        NOT_FOUND
    );
    assert_eq!(events.next().await.unwrap().name, "complete");
    let mut events = Events::open(by(&both(other))).await;
    assert_eq!(events.told().await["__typename"], "StreamCaughtUp");
    subscribe(&mut socket, "7", alone(other)).await;
    assert_eq!(
        socket.told_by().await,
        ("7".to_owned(), json!({ "__typename": "StreamCaughtUp" }))
    );
}

#[tokio::test]
async fn a_ticket_is_bound_to_the_persisted_query_it_was_first_used_for() {
    let app = TestApp::start().await;
    let story = Story::in_progress(&app).await;
    let care = "subscription($id: ID!) { careEvents(careRequestId: $id) { __typename } }";
    let other = "subscription($id: ID!) { careEvents(careRequestId: $id) { t: __typename } }";
    let variables = json!({ "id": story.request });
    for text in [care, other] {
        let mut request = both(text);
        request["variables"] = variables.clone();
        let mut events = Events::open(post(&app).bearer_auth(&story.owner.token).json(&request)).await;
        events.told().await;
    }
    let made = "mutation { createStreamTicket { ticket } }";
    let ticket = app.run(&story.owner, made, json!({})).await["createStreamTicket"]["ticket"].take();
    let variables = variables.to_string();
    let open = |name: &str, named: &str| {
        let asked = [
            (name, named),
            ("variables", &variables),
            ("ticket", ticket.as_str().unwrap()),
        ];
        get(&app, &asked).header(ACCEPT, "text/event-stream")
    };
    let named = |text| named(text).to_string();
    for request in [open("extensions", &named(care)), open("query", care)] {
        assert_eq!(
            Events::open(request).await.told().await["__typename"],
            "CareEventDelivered"
        );
    }
    let refused = open("extensions", &named(other)).send().await.unwrap();
    assert_eq!(refused.status().as_u16(), 204);
}

#[tokio::test]
async fn a_trusted_document_comes_before_a_persisted_query() {
    // Ids of a manifest are often hashes, and need not be those of its texts.
    let id = named(NAME)["persistedQuery"]["sha256Hash"]
        .as_str()
        .unwrap()
        .to_owned();
    let manifest = Manifest::of(&[(&id, "Who", "query", WHO)]);
    let app = manifest.serve(&[]).await;
    let olga = app.member("Olga").await;
    let ask = async |request: Value| answer(post(&app).bearer_auth(&olga.token).json(&request)).await.1;
    let refused = ask(both(NAME)).await;
    assert_eq!(error_code(&refused), "BAD_REQUEST", "{refused}");
    let viewer = json!({ "viewer": { "id": olga.id } });
    for request in [
        alone(NAME),
        json!({ "documentId": id }),
        json!({ "query": WHO, "extensions": hash(&id) }),
    ] {
        assert_eq!(data(ask(request.clone()).await), viewer, "{request}");
    }
    // Other texts are persisted in development, those of the manifest by their own hashes too.
    for text in [WHO, "{ __typename }"] {
        assert_eq!(error_code(&ask(alone(text)).await), NOT_FOUND);
        let answer = data(ask(both(text)).await);
        assert_eq!(data(ask(alone(text)).await), answer);
    }
}

#[tokio::test]
async fn where_only_trusted_documents_run_no_persisted_query_is_kept() {
    let manifest = Manifest::write();
    let app = manifest.serve(&PRODUCTION).await;
    let unsupported = "PERSISTED_QUERY_NOT_SUPPORTED";
    let told = json!({ "errors": [{ "message": "PersistedQueryNotSupported", "extensions": { "code": unsupported } }] });
    let nobody = json!({ "data": { "viewer": null } });
    for text in [NAME, WHO] {
        for accept in [
            "application/json",
            "application/graphql-response+json,application/json;q=0.9",
        ] {
            let (status, answer) = answer(post(&app).header(ACCEPT, accept).json(&alone(text))).await;
            assert_eq!((status.as_u16(), &answer), (200, &told), "{accept}: {text}");
        }
    }
    let extensions = named(NAME).to_string();
    assert_eq!(
        refusal(get(&app, &[("extensions", extensions.as_str())])).await,
        refused(200, unsupported)
    );
    let mut socket = Socket::open(&app.url, None).await;
    socket
        .send(json!({ "id": "1", "type": "subscribe", "payload": alone(NAME) }))
        .await;
    assert_eq!(error_code(&socket.refusal().await), unsupported);

    // A text of the manifest runs with whatever hash, and is known by its id alone; another does not run.
    assert_eq!(ask(&app, both(WHO)).await, nobody);
    assert_eq!(ask(&app, alone(WHO)).await, told);
    assert_eq!(ask(&app, json!({ "extensions": hash("who") })).await, nobody);
    assert_eq!(error_code(&ask(&app, both(NAME)).await), "BAD_REQUEST");
    assert_eq!(ask(&app, alone(NAME)).await, told);

    // Production without a manifest runs everything, so it has persisted queries.
    let app = TestApp::start_with(&PRODUCTION).await;
    assert_eq!(error_code(&ask(&app, alone(NAME)).await), NOT_FOUND);
    assert_eq!(ask(&app, both(NAME)).await, nobody);
    assert_eq!(ask(&app, alone(NAME)).await, nobody);
}
