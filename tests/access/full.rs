//! A care request that has everything, and all that can be asked about it.

use plant_care::entity::{CareRequestId, CommentId, EventId, OfferId, PlantId};
use plant_care::graphql::scalars::GlobalId as _;
use reqwest::Method;
use serde_json::{Value, json};

use super::{ANSWERS, CHANGES, PRIVATE};
use crate::support::story::request_input;
use crate::support::{Socket, Story, TestApp, nodes, text};

/// A request that has everything, and the ids of what it has.
pub(super) struct Full<'a> {
    pub(super) story: Story<'a>,
    pub(super) offer: String,
    pub(super) comment: String,
    pub(super) event: String,
}

impl<'a> Full<'a> {
    /// A request that is open, with an offer and a comment.
    pub(super) async fn open(app: &'a TestApp) -> Self {
        let story = Story::open(app).await;
        let plant = json!({ "name": "Orchid", "instructions": "Rain water only." });
        let plant = app.done(&story.owner, "createPlant", plant, "plant { id }").await;
        let mut input = request_input(&[text(&plant["plant"]["id"])]);
        input["instructions"] = json!("The key is under the pot.");
        let request = app
            .done(&story.owner, "createCareRequest", input, "careRequest { id }")
            .await;
        let story = Story {
            request: text(&request["careRequest"]["id"]),
            plants: vec![text(&plant["plant"]["id"])],
            ..story
        };
        let offer = story.offer(&story.caretaker).await;
        let mut comment = story.input();
        comment["body"] = json!("Ring twice.");
        let comment = app
            .done(&story.owner, "addComment", comment, "comment { id }")
            .await;
        let query = "query($id: ID!) { careRequest(id: $id) { timeline { edges { node { id } } } } }";
        let data = app.run(&story.owner, query, json!({ "id": story.request })).await;
        let event = text(&nodes(&data["careRequest"]["timeline"]).next().unwrap()["id"]);
        Self {
            offer,
            comment: text(&comment["comment"]["id"]),
            event,
            story,
        }
    }

    /// The request in a state in which nobody else may know of it.
    pub(super) async fn hidden(app: &'a TestApp, status: &str) -> Self {
        let full = Self::open(app).await;
        let Story {
            owner,
            caretaker,
            request,
            ..
        } = &full.story;
        if status == "DRAFT" {
            // Only its owner can have given it anything; the rest is another request's.
            let mut input = request_input(&full.story.plants);
            input["publish"] = json!(false);
            full.story.does(owner, "cancelCareRequest").await;
            let draft = app
                .done(owner, "createCareRequest", input, "careRequest { id }")
                .await;
            let request = text(&draft["careRequest"]["id"]);
            let story = Story {
                request,
                ..full.story
            };
            return Self { story, ..full };
        }
        if status == "CANCELLED" {
            full.story.does(owner, "cancelCareRequest").await;
        } else {
            app.done(owner, "acceptOffer", json!({ "offerId": full.offer }), "")
                .await;
        }
        let changes: &[_] = match status {
            "IN_PROGRESS" => &[(caretaker, "startCare")],
            "AWAITING_CONFIRM" => &[(caretaker, "startCare"), (caretaker, "endCare")],
            "COMPLETED" => &[(caretaker, "startCare"), (owner, "endCareEarly")],
            _ => &[],
        };
        for (member, change) in changes {
            full.story.does(member, change).await;
        }
        assert_eq!(full.story.status().await, status, "{request}");
        full
    }

    /// Every operation that names something of the request: its text, its variables, and which id is asked for.
    pub(super) fn operations(&self) -> Vec<(String, Value, &str)> {
        let Story { request, plants, .. } = &self.story;
        let (request, plant) = (request.as_str(), plants[0].as_str());
        let mut operations = vec![
            (PRIVATE.to_owned(), json!({ "id": request }), request),
            (
                "query($id: ID!) { plant(id: $id) { id name } }".to_owned(),
                json!({ "id": plant }),
                plant,
            ),
            (
                mutation("createCareRequest"),
                json!({ "input": request_input(&[plant.to_owned()]) }),
                plant,
            ),
            (
                mutation("recordCare"),
                json!({ "input": { "careRequestId": request, "plantId": plant, "kind": "WATER" } }),
                request,
            ),
            (
                mutation("addComment"),
                json!({ "input": { "careRequestId": request, "body": "Hello?" } }),
                request,
            ),
        ];
        for id in [request, plant, &self.offer, &self.comment, &self.event] {
            let node = "query($id: ID!) { node(id: $id) { __typename id } }".to_owned();
            operations.push((node, json!({ "id": id }), id));
        }
        for change in CHANGES {
            let input = json!({ "careRequestId": request });
            operations.push((mutation(change), json!({ "input": input }), request));
            let input = json!({ "careRequestId": request, "idempotencyKey": "once" });
            operations.push((mutation(change), json!({ "input": input }), request));
        }
        for answer in ANSWERS {
            let input = json!({ "offerId": self.offer });
            operations.push((mutation(answer), json!({ "input": input }), &self.offer));
        }
        operations
    }

    /// An id like `id`, of something that never was.
    pub(super) fn never(&self, id: &str) -> String {
        let uuid = self.story.app.app.clock.new_id();
        let like = [
            (&self.offer, OfferId(uuid).to_id()),
            (&self.comment, CommentId(uuid).to_id()),
            (&self.event, EventId(uuid).to_id()),
            (&self.story.plants[0], PlantId(uuid).to_id()),
            (&self.story.request, CareRequestId(uuid).to_id()),
        ];
        let (_, never) = like.into_iter().find(|(known, _)| *known == id).unwrap();
        never.to_string()
    }

    /// Checks that nothing a caller can send tells the request and what it has from what never was.
    pub(super) async fn assert_unknown_to(&self, token: Option<&str>) {
        let app = self.story.app;
        for (query, variables, id) in self.operations() {
            let never = self.never(id);
            let unknown = serde_json::from_str(&variables.to_string().replace(id, &never)).unwrap();
            let told = raw(app, token, &query, &variables).await;
            assert!(!told.1.contains("\"errors\""), "{query}: {}", told.1);
            let nothing = raw(app, token, &query, &unknown).await;
            assert_eq!(told.0, nothing.0, "{query}");
            assert_eq!(told.1.replace(id, "?"), nothing.1.replace(&never, "?"), "{query}");
            assert!(
                told.1.contains("null") || told.1.contains("NOT_FOUND"),
                "{query}: {}",
                told.1
            );
        }
        let never = self.never(&self.story.request);
        let told = followed(app, token, &self.story.request).await;
        assert_eq!(told, followed(app, token, &never).await);
        assert!(!told["errors"].is_null(), "{told}");
    }
}

/// A mutation that asks for nothing but why it was refused.
pub(super) fn mutation(name: &str) -> String {
    let mut input = name.to_owned();
    input[..1].make_ascii_uppercase();
    format!(
        "mutation($input: {input}Input!) {{ {name}(input: $input) {{ userErrors {{ code message field }} }} }}"
    )
}

/// The status and the bytes of an answer.
async fn raw(app: &TestApp, token: Option<&str>, query: &str, variables: &Value) -> (u16, String) {
    let body = json!({ "query": query, "variables": variables });
    let mut request = app.request(Method::POST, "/graphql").json(&body);
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

/// The refusal of somebody who wants to follow a request.
pub(super) async fn followed(app: &TestApp, token: Option<&str>, request: &str) -> Value {
    let mut socket = Socket::open(&app.url, token).await;
    socket.follow(request, None).await;
    socket.refusal().await
}
