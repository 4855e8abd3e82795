//! A care request and its people, at any point of its life.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{Member, TODAY, TestApp, nodes, text};

/// An owner, her plants and her request, and who wants to take it.
#[derive(Clone)]
pub(crate) struct Story<'a> {
    pub(crate) app: &'a TestApp,
    pub(crate) owner: Member,
    pub(crate) caretaker: Member,
    pub(crate) plants: Vec<String>,
    pub(crate) request: String,
}

impl<'a> Story<'a> {
    /// A request that is open, from today to the 7th.
    pub(crate) async fn open(app: &'a TestApp) -> Self {
        let (owner, caretaker) = (app.member("Olga").await, app.member("Carl").await);
        let plants = vec![app.plant(&owner, "Fern").await, app.plant(&owner, "Cactus").await];
        let request = open_request(app, &owner, &plants).await;
        Self {
            app,
            owner,
            caretaker,
            plants,
            request,
        }
    }

    /// A request that has a caretaker.
    pub(crate) async fn assigned(app: &'a TestApp) -> Self {
        let story = Self::open(app).await;
        story.assign(&story.caretaker).await;
        story
    }

    /// A request whose plants are being looked after.
    pub(crate) async fn in_progress(app: &'a TestApp) -> Self {
        let story = Self::assigned(app).await;
        app.done(&story.caretaker, "startCare", story.input(), "").await;
        story
    }

    /// A request in a state, on its first day or, expired, on the day after.
    pub(crate) async fn at(app: &'a TestApp, status: &str) -> Self {
        let mut story = match status {
            "DRAFT" | "OPEN" | "EXPIRED" => Self::open(app).await,
            "ASSIGNED" | "CANCELLED" => Self::assigned(app).await,
            _ => Self::in_progress(app).await,
        };
        match status {
            "DRAFT" => {
                story.does(&story.owner, "cancelCareRequest").await;
                story.request = draft(app, &story.owner, &story.plants).await;
            }
            "EXPIRED" => assert_eq!(story.pass(TimeDelta::days(1)).await, 1),
            "CANCELLED" => story.does(&story.owner, "cancelCareRequest").await,
            "AWAITING_CONFIRM" => story.does(&story.caretaker, "endCare").await,
            "COMPLETED" => story.does(&story.owner, "endCareEarly").await,
            _ => {}
        }
        assert_eq!(story.status().await, status);
        story
    }

    /// Moves the clock on, takes the steps that are due, and logs owner and caretaker in again: the number of steps.
    pub(crate) async fn pass(&mut self, time: TimeDelta) -> usize {
        let taken = self.app.pass(time).await;
        self.owner = self.app.login(&self.owner).await;
        self.caretaker = self.app.login(&self.caretaker).await;
        taken
    }

    /// Has a member offer to take the request: the offer's id.
    pub(crate) async fn offer(&self, member: &Member) -> String {
        text(
            &self
                .app
                .done(member, "sendOffer", self.input(), "offer { id }")
                .await["offer"]["id"],
        )
    }

    /// Has a member offer to take the request, and the owner accept it.
    pub(crate) async fn assign(&self, member: &Member) {
        let offer = self.offer(member).await;
        self.app
            .done(&self.owner, "acceptOffer", json!({ "offerId": offer }), "")
            .await;
    }

    /// Has the caretaker water the first plant: the payload with event and cursor.
    pub(crate) async fn water(&self, amount_ml: i32) -> Value {
        let input = json!({ "careRequestId": self.request, "plantId": self.plants[0], "kind": "WATER", "amountMl": amount_ml });
        self.app
            .done(&self.caretaker, "recordCare", input, "cursor event { id seq }")
            .await
    }

    /// The input that names the request and nothing else.
    pub(crate) fn input(&self) -> Value {
        json!({ "careRequestId": self.request })
    }

    /// Has a member do what only takes the request's name.
    pub(crate) async fn does(&self, member: &Member, mutation: &str) {
        self.app.done(member, mutation, self.input(), "").await;
    }

    /// What happened to the request as far as a member may read it: the kinds, oldest first.
    pub(crate) async fn timeline(&self, member: &Member) -> Vec<String> {
        let query = "query($id: ID!) { careRequest(id: $id) {
            timeline(first: 100) { edges { node { __typename } } } } }";
        let data = self.app.run(member, query, json!({ "id": self.request })).await;
        nodes(&data["careRequest"]["timeline"])
            .map(|node| text(&node["__typename"]))
            .collect()
    }

    /// The request's state, as its owner sees it.
    pub(crate) async fn status(&self) -> String {
        let query = "query($id: ID!) { careRequest(id: $id) { status } }";
        let data = self
            .app
            .run(&self.owner, query, json!({ "id": self.request }))
            .await;
        text(&data["careRequest"]["status"])
    }
}

/// Publishes a request for some plants, from today to the 7th.
pub(crate) async fn open_request(app: &TestApp, owner: &Member, plants: &[String]) -> String {
    create(app, owner, request_input(plants)).await
}

/// Drafts a request for some plants, from today to the 7th.
pub(crate) async fn draft(app: &TestApp, owner: &Member, plants: &[String]) -> String {
    let mut input = request_input(plants);
    input["publish"] = json!(false);
    create(app, owner, input).await
}

/// Makes a request: its id.
pub(crate) async fn create(app: &TestApp, owner: &Member, input: Value) -> String {
    let payload = app
        .done(owner, "createCareRequest", input, "careRequest { id }")
        .await;
    text(&payload["careRequest"]["id"])
}

/// The input for a request for some plants, from today to the 7th, published at once.
pub(crate) fn request_input(plants: &[String]) -> Value {
    json!({
        "plantIds": plants, "title": "A week in June", "mode": "AT_OWNER",
        "startsOn": TODAY, "endsOn": "2026-06-07", "timezone": "UTC", "publish": true,
    })
}
