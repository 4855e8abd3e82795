//! The conventions of Relay: ids that carry their type, pages that neither skip nor repeat.

#[cfg(test)]
mod pages;

use serde_json::{Value, json};

use crate::support::{Member, Story, TestApp, error_code, nodes, text};

/// Each list, as a document that takes its page as `PAGE`, and the path to the connection.
const LISTS: [(&str, &str); 7] = [
    (
        "query($id: ID!) { viewer { plants(PAGE) { BODY } } careRequest(id: $id) { id } }",
        "/viewer/plants",
    ),
    (
        "query($id: ID!) { careRequests(PAGE) { BODY } careRequest(id: $id) { id } }",
        "/careRequests",
    ),
    (
        "query($id: ID!) { openCareRequests(PAGE) { BODY } careRequest(id: $id) { id } }",
        "/openCareRequests",
    ),
    (
        "query($id: ID!) { careRequest(id: $id) { offers(PAGE) { BODY } } }",
        "/careRequest/offers",
    ),
    (
        "query($id: ID!) { careRequest(id: $id) { comments(PAGE) { BODY } } }",
        "/careRequest/comments",
    ),
    (
        "query($id: ID!) { careRequest(id: $id) { timeline(PAGE) { BODY } } }",
        "/careRequest/timeline",
    ),
    (
        "query($id: ID!) { feed { events(PAGE) { BODY } } careRequest(id: $id) { id } }",
        "/feed/events",
    ),
];
const BODY: &str =
    "totalCount edges { cursor } pageInfo { hasPreviousPage hasNextPage startCursor endCursor }";

/// Reads a page of a list and gives the whole answer.
async fn answer(app: &TestApp, member: &Member, request: &str, list: &str, page: &str) -> Value {
    let document = list.replace("(PAGE)", page).replace("BODY", BODY);
    app.send(Some(&member.token), &document, json!({ "id": request }))
        .await
}

/// A story with two entries at least in each list that its owner reads.
async fn full(app: &TestApp) -> Story<'_> {
    let story = Story::in_progress(app).await;
    for _ in 0..2 {
        let fig = app.plant(&story.owner, "Fig").await;
        crate::support::story::open_request(app, &story.owner, &[fig]).await;
        let input = json!({ "careRequestId": story.request, "body": "Fine." });
        app.done(&story.caretaker, "addComment", input, "").await;
    }
    let request = crate::support::key::<plant_care::entity::CareRequestId>(&story.request).0;
    app.add_offers(request, &story.caretaker, &app.keys(1)).await;
    story
}

#[tokio::test]
async fn every_list_refuses_pages_that_no_list_has() {
    let app = TestApp::start().await;
    let story = full(&app).await;
    for (list, path) in LISTS {
        for (page, code) in [
            ("(first: 0)", "BAD_REQUEST"),
            ("(last: 0)", "BAD_REQUEST"),
            ("(first: -1)", "BAD_REQUEST"),
            ("(last: -1)", "BAD_REQUEST"),
            ("(first: 1, last: 1)", "BAD_REQUEST"),
            ("(first: 101)", "LIMIT_EXCEEDED"),
            ("(last: 101)", "LIMIT_EXCEEDED"),
            ("(after: \"x\")", "INVALID_CURSOR"),
            ("(before: \"\")", "INVALID_CURSOR"),
        ] {
            let answer = answer(&app, &story.owner, &story.request, list, page).await;
            assert_eq!(error_code(&answer), code, "{path}{page}");
            if code == "LIMIT_EXCEEDED" {
                let told = &answer["errors"][0]["extensions"];
                assert_eq!(
                    (&told["limit"], &told["value"], &told["maximum"]),
                    (&json!("PAGE_SIZE"), &json!(101), &json!(100))
                );
            }
        }
        for page in [
            "",
            "(first: 100)",
            "(last: 100)",
            "(first: 1)",
            "(first: null, last: null, after: null)",
        ] {
            let answer = answer(&app, &story.owner, &story.request, list, page).await;
            assert_eq!(answer.get("errors"), None, "{path}{page}");
        }
    }
}

#[tokio::test]
async fn every_list_says_where_its_page_stands_and_how_long_it_is() {
    let app = TestApp::start().await;
    let story = full(&app).await;
    for (list, path) in LISTS {
        let page = async |page: &str| {
            let mut answer = answer(&app, &story.owner, &story.request, list, page).await;
            answer["data"]
                .pointer_mut(path)
                .unwrap_or_else(|| panic!("{path}{page}"))
                .take()
        };
        let all = page("").await;
        let cursors: Vec<_> = all["edges"]
            .as_array()
            .unwrap()
            .iter()
            .map(|edge| text(&edge["cursor"]))
            .collect();
        assert!(cursors.len() >= 2, "{path}");
        assert_eq!(all["totalCount"], cursors.len(), "{path}");
        let (first, last) = (&cursors[0], &cursors[cursors.len() - 1]);
        let stands = |page: &Value| {
            (
                page["pageInfo"]["hasPreviousPage"] == true,
                page["pageInfo"]["hasNextPage"] == true,
            )
        };
        assert_eq!(stands(&all), (false, false), "{path}");
        assert_eq!(all["pageInfo"]["startCursor"], first.as_str());
        assert_eq!(all["pageInfo"]["endCursor"], last.as_str());

        let head = page("(first: 1)").await;
        assert_eq!(
            (stands(&head), &head["edges"][0]["cursor"]),
            ((false, true), &json!(first)),
            "{path}"
        );
        assert_eq!(head["totalCount"], all["totalCount"], "{path}: the whole list");
        let rest = page(&format!("(after: {first:?})")).await;
        assert_eq!(
            (stands(&rest), &rest["edges"][0]["cursor"]),
            ((true, false), &json!(cursors[1])),
            "{path}"
        );
        let tail = page("(last: 1)").await;
        assert_eq!(
            (stands(&tail), &tail["edges"][0]["cursor"]),
            ((true, false), &json!(last)),
            "{path}"
        );
        let before = page(&format!("(last: 100, before: {last:?})")).await;
        assert_eq!(stands(&before), (false, true), "{path}");
        assert_eq!(
            before["edges"].as_array().unwrap().len(),
            cursors.len() - 1,
            "{path}"
        );
        let nothing = page(&format!("(first: 5, after: {last:?})")).await;
        assert_eq!(
            (nothing["edges"].clone(), nothing["totalCount"].clone()),
            (json!([]), all["totalCount"].clone())
        );
        let between = page(&format!("(first: 5, after: {first:?}, before: {last:?})")).await;
        assert_eq!(
            between["edges"].as_array().unwrap().len(),
            cursors.len() - 2,
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_list_takes_no_cursor_of_another() {
    let app = TestApp::start().await;
    let story = full(&app).await;
    let mut cursors = Vec::new();
    for (list, path) in LISTS {
        let answer = answer(&app, &story.owner, &story.request, list, "(first: 1)").await;
        let cursor = answer["data"].pointer(path).unwrap()["edges"][0]["cursor"].clone();
        cursors.push((path, text(&cursor)));
    }
    for (list, path) in LISTS {
        for (of, cursor) in &cursors {
            // What is open, and what is hers, are the same requests in the same order.
            if path.to_lowercase().ends_with("carerequests") && of.to_lowercase().ends_with("carerequests") {
                continue;
            }
            for argument in ["after", "before"] {
                let page = format!("({argument}: {cursor:?})");
                let answer = answer(&app, &story.owner, &story.request, list, &page).await;
                if path == *of {
                    assert_eq!(answer.get("errors"), None, "{path}");
                } else {
                    assert_eq!(
                        error_code(&answer),
                        "INVALID_CURSOR",
                        "{path} took a cursor of {of}"
                    );
                }
            }
        }
    }
}

#[tokio::test]
async fn an_id_of_another_type_or_none_is_refused_and_never_looked_up() {
    let app = TestApp::start().await;
    let story = Story::open(&app).await;
    let offer = story.offer(&story.caretaker).await;
    let (owner, plant, request) = (&story.owner.id, &story.plants[0], &story.request);
    for (field, right, others) in [
        ("plant(id: $id) { id }", plant, [owner, request, &offer]),
        ("careRequest(id: $id) { id }", request, [owner, plant, &offer]),
    ] {
        let query = format!("query($id: ID!) {{ {field} }}");
        let ask = |id: String| app.send(Some(&story.owner.token), &query, json!({ "id": id }));
        assert_eq!(ask(right.clone()).await.get("errors"), None);
        let damaged = [
            String::new(),
            "7".to_owned(),
            right[1..].to_owned(),
            format!("{right}A"),
        ];
        for id in others.into_iter().cloned().chain(damaged) {
            assert_eq!(
                error_code(&ask(id.clone()).await),
                "INVALID_ID",
                "{field} took {id}"
            );
        }
    }
    for (mutation, field, wrong) in [
        ("startCare", "careRequestId", plant),
        ("acceptOffer", "offerId", request),
        ("withdrawOffer", "offerId", owner),
    ] {
        let name = format!("{}{}", mutation[..1].to_uppercase(), &mutation[1..]);
        let query = format!(
            "mutation($input: {name}Input!) {{ {mutation}(input: $input) {{ userErrors {{ code }} }} }}"
        );
        let input = json!({ "input": { field: wrong } });
        let answer = app.send(Some(&story.owner.token), &query, input).await;
        assert_eq!(error_code(&answer), "INVALID_ID", "{mutation}");
    }
    for id in ["", "x", &plant[1..]] {
        let query = "query($id: ID!) { node(id: $id) { id } }";
        let answer = app
            .send(Some(&story.owner.token), query, json!({ "id": id }))
            .await;
        assert_eq!(error_code(&answer), "INVALID_ID", "node took {id:?}");
    }
}

/// What `node` finds for an id.
async fn node(app: &TestApp, member: &Member, id: &str) -> Value {
    let query = "query($id: ID!) { node(id: $id) { __typename id } }";
    app.run(member, query, json!({ "id": id })).await["node"].take()
}

#[tokio::test]
async fn whatever_has_an_id_is_found_by_it_as_what_it_is() {
    let app = TestApp::start().await;
    let story = full(&app).await;
    let query = "query($id: ID!) { viewer { __typename id }
        careRequest(id: $id) { __typename id plants { __typename id }
            offers { edges { node { __typename id } } } comments { edges { node { __typename id } } }
            timeline { edges { node { __typename id } } } }
        feed { events { edges { node { event { __typename id } } } } } }";
    let data = app.run(&story.owner, query, json!({ "id": story.request })).await;
    let request = &data["careRequest"];
    let mut things = vec![data["viewer"].clone(), request["plants"][0].clone()];
    for list in ["offers", "comments", "timeline"] {
        things.extend(nodes(&request[list]).cloned());
    }
    things.extend(nodes(&data["feed"]["events"]).map(|entry| entry["event"].clone()));
    things.push(json!({ "__typename": "CareRequest", "id": story.request }));
    for thing in &things {
        assert_eq!(&node(&app, &story.owner, &text(&thing["id"])).await, thing);
    }
    let mut kinds: Vec<_> = things.iter().map(|thing| text(&thing["__typename"])).collect();
    kinds.sort();
    kinds.dedup();
    assert_eq!(
        kinds,
        [
            "CareRequest",
            "CareStarted",
            "Comment",
            "CommentAdded",
            "Offer",
            "OfferReceived",
            "Plant",
            "RequestAccepted",
            "RequestPublished",
            "User"
        ]
    );

    // For a member who has no part in it there is nobody but the members themselves.
    let stranger = app.member("Sven").await;
    for thing in &things {
        let found = node(&app, &stranger, &text(&thing["id"])).await;
        let seen = if thing["__typename"] == "User" {
            thing
        } else {
            &Value::Null
        };
        assert_eq!(&found, seen, "{thing}");
    }
}
