//! Documents that front ends need: each is within the limits.

use serde_json::{Value, json};

use crate::support::{Member, Story, TestApp};

/// What a page of a front end asks for, by its name.
const PAGES: [(&str, &str); 6] = [
    ("the benchmark's feed", include_str!("../../bench/queries/feed.graphql")),
    ("the benchmark's board", include_str!("../../bench/queries/board.graphql")),
    (
        "a home page",
        "query Home {
          viewer { id displayName locale timezone role capacityPlants plants(first: 50) { totalCount } }
          feed { unread events(last: 50) { edges { cursor node { level event { __typename id occurredAt actor { displayName }
            careRequest { id title } plant { name } } } } pageInfo { startCursor hasPreviousPage } } }
          careRequests(first: 50) {
            totalCount
            edges { cursor node {
              id title status urgent mode startsOn endsOn timezone approxCell
              owner { id displayName } caretaker { id displayName botanistStatus }
              plants { id name speciesText status }
            } }
            pageInfo { endCursor hasNextPage }
          }
        }",
    ),
    (
        "a week",
        "query Week($requests: Int = 20) {
          mine: careRequests(as: CARETAKER, status: [ASSIGNED, IN_PROGRESS], first: $requests) {
            edges { node { id title startsOn endsOn timezone instructions owner { displayName }
              plants { id name speciesText instructions }
              timeline(last: 10) { edges { node { __typename occurredAt plant { name }
                ... on CareRecorded { taskKind amountMl note } } } } } }
          }
          theirs: careRequests(as: OWNER, status: [ASSIGNED, IN_PROGRESS], first: $requests) {
            edges { node { id title caretaker { displayName } plants { id name } } }
          }
        }",
    ),
    (
        "a request's page",
        "query Request($id: ID!) {
          careRequest(id: $id) {
            id title status urgent mode startsOn endsOn timezone approxCell instructions createdAt
            owner { id displayName } caretaker { id displayName }
            plants { id name speciesText status instructions }
            offers(first: 100) { totalCount edges { node { id status message createdAt caretaker { id displayName } } } }
            comments(last: 100) { edges { node { id body isAdvice createdAt author { id displayName } } } }
            timeline(last: 100) {
              edges { cursor node { __typename id seq occurredAt recordedAt actor { id displayName } plant { id name }
                ... on CareRecorded { taskKind amountMl note } ... on CommentAdded { comment { body } }
                ... on RequestAccepted { caretaker { displayName } } } }
              pageInfo { startCursor endCursor hasPreviousPage hasNextPage }
            }
          }
        }",
    ),
    (
        "the limits",
        "query Limits { serviceLimits { cost eventCost introspectionCost loadedBytes answerBytes passwords } }",
    ),
];

/// Every kind of event in one subscription, with what each has.
const EVERY_KIND: &str = "subscription Every($id: ID!, $after: String) {
  careEvents(careRequestId: $id, after: $after) {
    __typename
    ... on CareEventDelivered { cursor event {
      __typename id seq occurredAt recordedAt
      actor { id displayName botanistStatus } plant { id name speciesText }
      careRequest { id title status urgent startsOn endsOn caretaker { id displayName } plants { id name } }
      ... on OfferReceived { offer { ...offer } } ... on OfferWithdrawn { offer { ...offer } }
      ... on OfferDeclined { offer { ...offer } } ... on RequestAccepted { caretaker { id displayName } }
      ... on RequestPublished { id } ... on RequestCancelled { id } ... on RequestExpired { id }
      ... on RequestReopened { id } ... on CaretakerWithdrew { id } ... on CareStarted { id } ... on CareEnded { id }
      ... on CareConfirmed { id } ... on EndedEarly { id }
      ... on CareRecorded { taskKind amountMl note } ... on CommentAdded { comment { id body isAdvice author { displayName } } }
    } }
    ... on StreamCaughtUp { cursor } ... on StreamPosition { cursor }
    ... on StreamGap { from to reason } ... on StreamEnded { endReason: reason }
  }
}
fragment offer on Offer { id status message caretaker { id displayName } }";

/// What an operation costs, told with its answer, in which there is no error.
pub(super) async fn cost(app: &TestApp, member: &Member, query: &str, variables: Value) -> (Value, Value) {
    let body = json!({ "query": query, "variables": variables, "extensions": { "cost": true } });
    let asked = app
        .request(reqwest::Method::POST, "/graphql")
        .bearer_auth(&member.token);
    let mut answer: Value = asked.json(&body).send().await.unwrap().json().await.unwrap();
    assert_eq!(answer.get("errors"), None, "{query}");
    (answer["extensions"]["cost"].take(), answer["data"].take())
}

#[tokio::test]
async fn what_pages_need_is_accepted() {
    let app = TestApp::start().await;
    let story = Story::in_progress(&app).await;
    for (page, query) in PAGES {
        let variables = if query.contains("$id") || query.contains("$cell") {
            json!({ "id": story.request, "cell": "u09tvw" })
        } else {
            json!({})
        };
        let (cost, _) = cost(&app, &story.owner, query, variables).await;
        let number = |name: &str| cost[name].as_u64().unwrap();
        assert!(number("requested") <= number("maximum"), "{page}: {cost}");
    }
    // On several devices, each with a text of its own.
    let mut devices = Vec::new();
    for device in 0..10 {
        let mut socket = app.socket(&story.owner).await;
        let query = format!("{EVERY_KIND} # {device}");
        socket
            .subscribe("1", &query, json!({ "id": story.request }))
            .await;
        assert_eq!(socket.told().await["__typename"], "CareEventDelivered");
        devices.push(socket);
    }
}
