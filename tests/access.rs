//! Who sees what of a care request: what somebody may not see is as if it had never been.

mod former;
mod full;
mod ids;

use plant_care::domain::user;
use plant_care::entity::user::Role;
use serde_json::{Value, json};

use self::full::{Full, followed};
use crate::support::{Member, TestApp, error_code, key, nodes};

/// The mutations that take a request's id and nothing else.
const CHANGES: [&str; 8] = [
    "publishCareRequest",
    "startCare",
    "endCare",
    "confirmCare",
    "endCareEarly",
    "cancelCareRequest",
    "withdrawFromCare",
    "sendOffer",
];
const ANSWERS: [&str; 3] = ["acceptOffer", "declineOffer", "withdrawOffer"];

/// All that a request's parties see of it and others do not.
const PRIVATE: &str = "query($id: ID!) { careRequest(id: $id) {
    caretaker { id } instructions plants { instructions }
    offers { totalCount edges { node { id caretaker { displayName } } } }
    comments { totalCount edges { node { id } } }
    timeline { totalCount edges { node { id } } } } }";

/// A new member with a role, or one who was checked to be a botanist.
async fn official(app: &TestApp, role: Option<Role>) -> Member {
    let member = app.member("Maud").await;
    match role {
        Some(role) => user::grant(&app.app, key(&member.id), role).await.unwrap(),
        None => user::verify_botanist(&app.app, key(&member.id)).await.unwrap(),
    }
    app.login(&member).await
}

#[tokio::test]
async fn a_request_that_is_not_open_is_to_others_as_if_it_had_never_been() {
    let app = TestApp::start().await;
    let stranger = app.member("Sam").await;
    for status in [
        "DRAFT",
        "ASSIGNED",
        "IN_PROGRESS",
        "AWAITING_CONFIRM",
        "COMPLETED",
        "CANCELLED",
    ] {
        let full = Full::hidden(&app, status).await;
        full.assert_unknown_to(Some(&stranger.token)).await;
        assert_eq!(full.story.status().await, status);
    }
    app.assert_whole_log().await;
}

#[tokio::test]
async fn an_office_lets_nobody_see_more_than_a_member() {
    let app = TestApp::start().await;
    let hidden = Full::hidden(&app, "IN_PROGRESS").await;
    let open = Full::open(&app).await;
    for role in [Some(Role::Moderator), Some(Role::Admin), None] {
        let official = official(&app, role).await;
        hidden.assert_unknown_to(Some(&official.token)).await;
        assert_sees_nothing_private(&open, &official).await;
        for change in CHANGES {
            // Who holds an office takes no request; a botanist may.
            if role.is_some() || change != "sendOffer" {
                assert_eq!(
                    app.refused(&official, change, open.story.input()).await,
                    "NOT_ALLOWED",
                    "{change}"
                );
            }
        }
    }
}

#[tokio::test]
async fn an_open_request_shows_no_member_what_is_private() {
    let app = TestApp::start().await;
    let open = Full::open(&app).await;
    let stranger = app.member("Sam").await;
    assert_sees_nothing_private(&open, &stranger).await;
    let told = followed(&app, Some(&stranger.token), &open.story.request).await;
    assert_eq!(error_code(&told), "NOT_FOUND");

    let query = "query($id: ID!) { node(id: $id) { __typename } }";
    for id in [&open.offer, &open.comment, &open.event] {
        let data = app.run(&stranger, query, json!({ "id": id })).await;
        assert_eq!(data["node"], Value::Null);
    }
    for change in CHANGES.into_iter().filter(|change| *change != "sendOffer") {
        let code = app.refused(&stranger, change, open.story.input()).await;
        assert_eq!(code, "NOT_ALLOWED", "{change}");
    }
    for answer in ANSWERS {
        let input = json!({ "offerId": open.offer });
        assert_eq!(
            app.refused(&stranger, answer, input).await,
            "NOT_FOUND",
            "{answer}"
        );
    }
    assert_eq!(open.story.status().await, "OPEN");
}

/// Checks that a member who is no party is told nothing private of an open request.
async fn assert_sees_nothing_private(open: &Full<'_>, member: &Member) {
    let app = open.story.app;
    let id = json!({ "id": open.story.request });
    let nothing = json!({ "totalCount": 0, "edges": [] });
    let data = app.run(member, PRIVATE, id.clone()).await;
    assert_eq!(
        data["careRequest"],
        json!({
            "caretaker": null, "instructions": null, "plants": [{ "instructions": null }],
            "offers": nothing, "comments": nothing, "timeline": nothing,
        })
    );
    // By the list as by the id: it loads its rows another way.
    let query = PRIVATE
        .replace(
            "query($id: ID!) { careRequest(id: $id)",
            "{ openCareRequests { edges { node",
        )
        .replace("} } } } }", "} } } } } } }");
    let listed = app.run(member, &query, json!({})).await;
    for node in nodes(&listed["openCareRequests"]) {
        for list in ["offers", "comments", "timeline"] {
            assert_eq!(node[list], nothing, "{list}");
        }
        assert_eq!(node["instructions"], Value::Null);
    }
    // The owner is told all of it: there is something to hide.
    let data = app.run(&open.story.owner, PRIVATE, id).await;
    let request = &data["careRequest"];
    assert_eq!(request["instructions"], "The key is under the pot.");
    assert_eq!(request["plants"][0]["instructions"], "Rain water only.");
    assert_eq!(request["timeline"]["totalCount"], 2);
    assert_eq!(request["comments"]["totalCount"], 1);
    assert_ne!(request["offers"]["totalCount"], 0);
}

#[tokio::test]
async fn who_is_not_logged_in_learns_nothing() {
    let app = TestApp::start().await;
    let open = Full::open(&app).await;
    for (query, variables, id) in open.operations() {
        let answer = app.send(None, &query, variables.clone()).await;
        assert_eq!(error_code(&answer), "UNAUTHENTICATED", "{query}");
        let unknown = variables.to_string().replace(id, &open.never(id));
        let nothing = app
            .send(None, &query, serde_json::from_str(&unknown).unwrap())
            .await;
        assert_eq!(answer, nothing, "{query}");
    }
    let request = &open.story.request;
    let told = followed(&app, None, request).await;
    assert_eq!(error_code(&told), "UNAUTHENTICATED");
    for list in ["openCareRequests", "careRequests"] {
        let answer = app
            .send(None, &format!("{{ {list} {{ totalCount }} }}"), json!({}))
            .await;
        assert_eq!(error_code(&answer), "UNAUTHENTICATED", "{list}");
    }
    let answer = app
        .send(None, "{ viewer { id } feed { unread } }", json!({}))
        .await;
    assert_eq!(answer["data"], json!({ "viewer": null, "feed": null }));
    let answer = app
        .send(None, "mutation { logout { userErrors { code } } }", json!({}))
        .await;
    assert_eq!(error_code(&answer), "UNAUTHENTICATED");
}
