//! How many SQL statements a query takes: as many for fifty as for five.

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use plant_care::app::App;
use plant_care::config::Config;
use plant_care::graphql::Api;
use plant_care::transport::server;
use sea_orm::DbBackend;
use serde_json::{Value, json};
use tower::ServiceExt as _;
use uuid::Uuid;

use crate::support::{Member, Story, TestApp, data, nodes, text};

/// Runs a query once to settle what is done the first time only, and then counts the statements of it: over a process
/// that does nothing by itself, because what runs beside a query would be counted with it. Who is asking is not asked of
/// the database again, because the clock stands still.
async fn count(app: &TestApp, member: &Member, query: &str, variables: Value) -> (u64, Value) {
    let config = Config::clone(&app.app.config);
    let quiet = App::build(config, app.app.clock.clone(), false).await.unwrap();
    let router = server::router(Api::new(quiet.clone()).unwrap());
    ask(&router, member, "{ viewer { id } }", json!({})).await;
    let before = quiet.database.statements();
    let data = ask(&router, member, query, variables).await;
    let statements = quiet.database.statements() - before;
    quiet.stop.cancel();
    quiet.halt.cancel();
    quiet.database.close().await.unwrap();
    (statements, data)
}

async fn ask(router: &Router, member: &Member, query: &str, variables: Value) -> Value {
    let body = json!({ "query": query, "variables": variables }).to_string();
    let request = Request::post("/graphql")
        .header("host", "localhost")
        .header("content-type", "application/json")
        .header("authorization", format!("Bearer {}", member.token))
        .body(Body::from(body))
        .unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    let answer = axum::body::to_bytes(response.into_body(), usize::MAX)
        .await
        .unwrap();
    data(serde_json::from_slice(&answer).unwrap())
}

/// An owner and a caretaker, and fifty requests with two plants, three comments and two offers each.
async fn fifty_requests(app: &TestApp) -> (Member, Member) {
    let (owner, caretaker) = (app.member("Olga").await, app.member("Carl").await);
    let requests = app.keys(50);
    app.add_requests(&owner, Some(&caretaker), &requests).await;
    for request in &requests {
        let plants = app.keys(2);
        app.add_plants(&owner, &plants).await;
        let pairs: Vec<(Uuid, Uuid)> = plants.iter().map(|plant| (*request, *plant)).collect();
        app.add_plants_to_requests(&pairs).await;
        app.add_comments(*request, &caretaker, &app.keys(2)).await;
        app.add_comments(*request, &owner, &app.keys(1)).await;
        app.add_offers(*request, &caretaker, &app.keys(2)).await;
    }
    (owner, caretaker)
}

/// The same count for pages of five and of fifty.
async fn same_count(app: &TestApp, member: &Member, query: &str) -> (u64, Value) {
    let (five, few) = count(app, member, query, json!({ "first": 5 })).await;
    let (fifty, many) = count(app, member, query, json!({ "first": 50 })).await;
    let length = |data: &Value| {
        data.as_object()
            .unwrap()
            .values()
            .map(|list| nodes(list).count())
            .max()
    };
    assert_eq!((length(&few), length(&many)), (Some(5), Some(50)));
    assert_eq!(five, fifty, "as many for fifty as for five");
    (fifty, many)
}

#[tokio::test]
async fn a_page_of_requests_with_all_that_is_theirs_takes_eight_statements() {
    // More than is allowed, because of the plants that there might be.
    let app = TestApp::start_with(&[("LIMIT_COST", "10000")]).await;
    let (owner, _) = fifty_requests(&app).await;
    let query = "query($first: Int) { careRequests(first: $first) { totalCount edges { node { id title
        owner { displayName } caretaker { displayName } plants { name owner { displayName } }
        offers(first: 2) { totalCount edges { node { status caretaker { displayName } } } }
        comments(first: 3) { totalCount edges { node { body author { displayName } } } } } } } }";
    let (statements, data) = same_count(&app, &owner, query).await;
    // The total and the page; plants, offers and their totals, comments and theirs; the people.
    assert_eq!(statements, 8);
    for request in nodes(&data["careRequests"]) {
        assert_eq!(request["caretaker"]["displayName"], "Carl");
        assert_eq!(request["plants"].as_array().unwrap().len(), 2);
        assert_eq!(request["plants"][1]["owner"]["displayName"], "Olga");
        let names = |list: &str, role: &str| {
            let people = nodes(&request[list]).map(|node| text(&node[role]["displayName"]));
            people.collect::<Vec<_>>()
        };
        assert_eq!(names("offers", "caretaker"), ["Carl", "Carl"]);
        assert_eq!(request["offers"]["totalCount"], 2);
        assert_eq!(names("comments", "author"), ["Carl", "Carl", "Olga"]);
        assert_eq!(request["comments"]["totalCount"], 3);
    }
}

#[tokio::test]
async fn nothing_is_counted_or_joined_that_is_not_asked_for() {
    let app = TestApp::start().await;
    let (owner, _) = fifty_requests(&app).await;
    for (selection, statements) in [
        ("edges { node { id title status } } pageInfo { hasNextPage }", 1),
        ("totalCount edges { node { id } }", 2),
        ("edges { node { plants { name } } }", 2),
        (
            "edges { node { owner { displayName } caretaker { displayName } } }",
            2,
        ),
        (
            "edges { node { comments(last: 1) { edges { node { body } } } } }",
            2,
        ),
        (
            "edges { node { comments(last: 1) { totalCount edges { node { body } } } } }",
            3,
        ),
        (
            "edges { node { offers { edges { node { caretaker { id } } } } } }",
            3,
        ),
    ] {
        let query = format!(
            "query($first: Int) {{ careRequests(first: $first) {{ {selection} edges {{ cursor node {{ __typename }} }} }} }}"
        );
        assert_eq!(
            same_count(&app, &owner, &query).await.0,
            statements,
            "{selection}"
        );
    }
}

#[tokio::test]
async fn the_same_connection_under_several_names_takes_one_statement_for_each_page() {
    let app = TestApp::start().await;
    let (owner, _) = fifty_requests(&app).await;
    let query = "query($first: Int) { careRequests(first: $first) { edges { node {
        oldest: comments(first: 1) { edges { node { body } } }
        newest: comments(last: 1) { edges { node { body author { displayName } } } }
        again: comments(last: 1) { edges { node { id } } } } } } }";
    let (statements, data) = same_count(&app, &owner, query).await;
    assert_eq!(statements, 4, "the requests, two pages of comments, the authors");
    for request in nodes(&data["careRequests"]) {
        let body = |name: &str| nodes(&request[name]).next().unwrap()["body"].clone();
        assert_ne!(body("oldest"), body("newest"));
        assert_eq!(
            nodes(&request["newest"]).next().unwrap()["author"]["displayName"],
            "Olga"
        );
    }

    let query = "query($first: Int) { mine: careRequests(first: $first) { edges { node { owner { id } } } }
        open: openCareRequests(first: $first) { edges { node { owner { id } } } } }";
    let (statements, _) = same_count(&app, &owner, query).await;
    assert_eq!(
        statements, 3,
        "two pages; none is open, and the owner is loaded once"
    );
}

#[tokio::test]
async fn the_instructions_of_plants_are_for_their_caretaker_in_one_statement() {
    let app = TestApp::start().await;
    let (_, caretaker) = fifty_requests(&app).await;
    let query = "query($first: Int) { careRequests(as: CARETAKER, first: $first) { edges { node {
        plants { name instructions } } } } }";
    let (statements, data) = same_count(&app, &caretaker, query).await;
    assert_eq!(
        statements, 3,
        "the requests, their plants, and which of them she cares for"
    );
    for request in nodes(&data["careRequests"]) {
        let plants = request["plants"].as_array().unwrap();
        assert!(
            plants
                .iter()
                .all(|plant| plant["instructions"] == "Little water.")
        );
    }
}

/// A story in which much has happened: fifty acts and comments.
async fn eventful(app: &TestApp) -> Story<'_> {
    let story = Story::in_progress(app).await;
    for number in 0..25 {
        story.water(number).await;
        let input = json!({ "careRequestId": story.request, "body": "Done." });
        app.done(&story.caretaker, "addComment", input, "").await;
    }
    story
}

const EVENT: &str = "id seq actor { displayName } plant { name } careRequest { title }
    ... on CareRecorded { taskKind amountMl note } ... on CommentAdded { comment { body } }";

#[tokio::test]
async fn a_page_of_a_timeline_takes_as_many_statements_for_fifty_as_for_five() {
    let app = TestApp::start().await;
    let story = eventful(&app).await;
    let query = format!(
        "query($id: ID!, $last: Int) {{ careRequest(id: $id) {{ timeline(last: $last) {{ totalCount
            edges {{ node {{ {EVENT} }} }} }} }} }}"
    );
    for last in [5, 50] {
        let variables = json!({ "id": story.request, "last": last });
        let (statements, data) = count(&app, &story.owner, &query, variables).await;
        let timeline = &data["careRequest"]["timeline"];
        assert_eq!(nodes(timeline).count(), last);
        assert_eq!(timeline["totalCount"], 53);
        assert_eq!(nodes(timeline).last().unwrap()["comment"]["body"], "Done.");
        // The request; head, entries and total; actors, plants, acts and comments.
        assert_eq!(statements, 8, "{last} entries");
    }
}

#[tokio::test]
async fn a_page_of_a_feed_takes_as_many_statements_for_fifty_as_for_five() {
    let app = TestApp::start().await;
    let story = eventful(&app).await;
    let query = format!(
        "query($last: Int) {{ feed {{ unread events(last: $last) {{ totalCount
            edges {{ node {{ level event {{ {EVENT} }} }} }} }} }} }}"
    );
    for last in [5, 50] {
        let (statements, data) = count(&app, &story.owner, &query, json!({ "last": last })).await;
        let events = &data["feed"]["events"];
        assert_eq!(nodes(events).count(), last);
        assert_eq!(nodes(events).last().unwrap()["event"]["comment"]["body"], "Done.");
        // Unread takes two; head, entries and total; what she may read, and the numbers in the timeline;
        // actors, plants, requests, acts and comments.
        assert_eq!(statements, 12, "{last} entries");
    }
}

#[tokio::test]
async fn the_plants_of_a_member_take_a_statement_and_their_number_another() {
    let app = TestApp::start().await;
    let owner = app.member("Olga").await;
    app.add_plants(&owner, &app.keys(50)).await;
    for (selection, statements) in [("", 2), ("totalCount", 3)] {
        let query = format!(
            "{{ viewer {{ plants(first: 50) {{ {selection} edges {{ node {{ name instructions owner {{ id }} }} }} }} }} }}"
        );
        let (counted, data) = count(&app, &owner, &query, json!({})).await;
        assert_eq!(nodes(&data["viewer"]["plants"]).count(), 50);
        assert_eq!(counted, statements, "the viewer, her plants {selection}");
    }
}

#[tokio::test]
async fn a_comment_takes_as_few_statements_as_there_are_tables() {
    let app = TestApp::start().await;
    let story = Story::in_progress(&app).await;
    let mutation = "mutation($input: AddCommentInput!) { addComment(input: $input) { cursor comment { body
        author { displayName } } } }";
    let input = json!({ "careRequestId": story.request, "body": "Done." });
    let (statements, data) = count(&app, &story.caretaker, mutation, json!({ "input": input })).await;
    let comment = &data["addComment"]["comment"];
    assert_eq!(
        comment,
        &json!({ "body": "Done.", "author": { "displayName": "Carl" } })
    );
    // The request, the streams; the comment, the event, its entries and their time, which Postgres takes as one. What
    // was written and who wrote it is not read again.
    let expected = match app.app.database.backend() {
        DbBackend::Postgres => 3,
        _ => 6,
    };
    assert_eq!(statements, expected);
}
