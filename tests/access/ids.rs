//! Ids and cursors: each is good for its own type, list and reader.

use serde_json::{Value, json};

use super::full::{Full, mutation};
use super::{ANSWERS, CHANGES};
use crate::support::{Member, Story, TestApp, error_code, text};

#[tokio::test]
async fn an_id_of_another_type_is_refused() {
    let app = TestApp::start().await;
    let full = Full::open(&app).await;
    let Story {
        owner,
        request,
        plants,
        ..
    } = &full.story;
    let refused = async |query: &str, variables: Value| {
        let answer = app.send(Some(&owner.token), query, variables).await;
        assert_eq!(error_code(&answer), "INVALID_ID", "{query}");
    };
    for wrong in [
        plants[0].as_str(),
        &full.event,
        &owner.id,
        "",
        "5",
        &request[1..],
        &format!("{request}AA"),
    ] {
        refused(
            "query($id: ID!) { careRequest(id: $id) { id } }",
            json!({ "id": wrong }),
        )
        .await;
    }
    refused(
        "query($id: ID!) { plant(id: $id) { id } }",
        json!({ "id": request }),
    )
    .await;
    refused("query($id: ID!) { node(id: $id) { id } }", json!({ "id": "5" })).await;
    for change in CHANGES {
        refused(
            &mutation(change),
            json!({ "input": { "careRequestId": full.offer } }),
        )
        .await;
    }
    for answer in ANSWERS {
        refused(&mutation(answer), json!({ "input": { "offerId": request } })).await;
    }
    let care =
        |request: &str, plant: &str| json!({ "careRequestId": request, "plantId": plant, "kind": "WATER" });
    let record = mutation("recordCare");
    refused(&record, json!({ "input": care(&plants[0], &plants[0]) })).await;
    refused(&record, json!({ "input": care(request, request) })).await;
    let comment = json!({ "careRequestId": plants[0], "body": "Hello?" });
    refused(&mutation("addComment"), json!({ "input": comment })).await;
    let input = crate::support::story::request_input(std::slice::from_ref(request));
    refused(&mutation("createCareRequest"), json!({ "input": input })).await;

    let mut socket = app.socket(owner).await;
    socket.follow(&plants[0], None).await;
    assert_eq!(error_code(&socket.refusal().await), "INVALID_ID");
}

/// The cursors of a request and its owner, one of each list.
async fn cursors(full: &Full<'_>) -> Value {
    let query = "query($id: ID!) {
        careRequests { pageInfo { endCursor } }
        viewer { plants { pageInfo { endCursor } } }
        feed { events { pageInfo { endCursor } } }
        careRequest(id: $id) {
            offers { pageInfo { endCursor } } comments { pageInfo { endCursor } } timeline { pageInfo { endCursor } }
        } }";
    let data = full
        .story
        .app
        .run(&full.story.owner, query, json!({ "id": full.story.request }))
        .await;
    let end = |connection: &Value| text(&connection["pageInfo"]["endCursor"]);
    let request = &data["careRequest"];
    json!({
        "requests": end(&data["careRequests"]),
        "plants": end(&data["viewer"]["plants"]),
        "feed": end(&data["feed"]["events"]),
        "offers": end(&request["offers"]),
        "comments": end(&request["comments"]),
        "timeline": end(&request["timeline"]),
    })
}

#[tokio::test]
async fn a_cursor_of_another_list_is_refused() {
    let app = TestApp::start().await;
    let full = Full::open(&app).await;
    let cursors = cursors(&full).await;
    let lists = [
        ("requests", "careRequests(@) { totalCount }"),
        ("requests", "openCareRequests(@) { totalCount }"),
        ("plants", "viewer { plants(@) { totalCount } }"),
        ("feed", "feed { events(@) { totalCount } }"),
        ("offers", "careRequest(id: $id) { offers(@) { totalCount } }"),
        ("comments", "careRequest(id: $id) { comments(@) { totalCount } }"),
        ("timeline", "careRequest(id: $id) { timeline(@) { totalCount } }"),
    ];
    for (own, field) in lists {
        for argument in ["after", "before"] {
            let field = field.replace('@', &format!("{argument}: $cursor"));
            let query = format!(
                "query($cursor: String!, $id: ID = \"{}\") {{ {field} n: node(id: $id) {{ id }} }}",
                full.story.request
            );
            for (list, cursor) in cursors.as_object().unwrap() {
                let answer = send(&full.story.owner, &app, &query, cursor).await;
                if list == own {
                    assert_eq!(answer.get("errors"), None, "{field} {list}");
                } else {
                    assert_eq!(error_code(&answer), "INVALID_CURSOR", "{field} {list}");
                }
            }
            for damaged in ["", "?", "AAAA"] {
                let answer = send(&full.story.owner, &app, &query, &json!(damaged)).await;
                assert_eq!(error_code(&answer), "INVALID_CURSOR", "{field} {damaged}");
            }
        }
    }
}

#[tokio::test]
async fn a_cursor_of_another_stream_is_refused() {
    let app = TestApp::start().await;
    let (full, other) = (Full::open(&app).await, Full::open(&app).await);
    let (own, others) = (cursors(&full).await, cursors(&other).await);
    let owner = &full.story.owner;

    let timeline = format!(
        "query($cursor: String!) {{ careRequest(id: \"{}\") {{ timeline(after: $cursor) {{ totalCount }} }} }}",
        full.story.request
    );
    let answer = send(owner, &app, &timeline, &others["timeline"]).await;
    assert_eq!(error_code(&answer), "INVALID_CURSOR");
    let feed = "query($cursor: String!) { feed { events(after: $cursor) { totalCount } } }";
    let answer = send(owner, &app, feed, &others["feed"]).await;
    assert_eq!(error_code(&answer), "INVALID_CURSOR");

    for (wrong, right) in [
        (&others["feed"], &own["feed"]),
        (&own["timeline"], &own["feed"]),
        (&own["requests"], &own["feed"]),
    ] {
        let mark =
            "mutation($cursor: String!) { markFeedRead(input: { cursor: $cursor }) { feed { unread } } }";
        let answer = send(owner, &app, mark, wrong).await;
        assert_eq!(error_code(&answer), "INVALID_CURSOR");
        let answer = send(owner, &app, mark, right).await;
        assert_eq!(answer["data"]["markFeedRead"]["feed"]["unread"], 0, "{answer}");
    }

    let mut socket = app.socket(owner).await;
    for wrong in [&others["timeline"], &own["feed"], &own["requests"]] {
        socket.follow(&full.story.request, wrong.as_str()).await;
        assert_eq!(error_code(&socket.refusal().await), "INVALID_CURSOR");
    }
    for wrong in [&others["feed"], &own["timeline"]] {
        socket.follow_feed(wrong.as_str(), None).await;
        assert_eq!(error_code(&socket.refusal().await), "INVALID_CURSOR");
    }
}

async fn send(member: &Member, app: &TestApp, query: &str, cursor: &Value) -> Value {
    app.send(Some(&member.token), query, json!({ "cursor": cursor }))
        .await
}
