//! The people of the demonstration, who do everything through the public API.

use serde_json::{Value, json};

use super::screen::EVENT;
use crate::client::{Client, ClientError};
use crate::crypto;

/// A member, and her way to the server.
pub(super) struct Person {
    pub(super) name: &'static str,
    pub(super) client: Client,
    refresh_token: String,
}

impl Person {
    /// Makes a new member; also gives the server's time.
    pub(super) async fn register(server: &Client, name: &'static str) -> Result<(Self, String), ClientError> {
        let random = format!("{:032x}", u128::from_ne_bytes(crypto::random()));
        let (suffix, password) = random.split_at(8);
        let query = "mutation($input: RegisterInput!) { register(input: $input) {
            session { accessToken refreshToken user { createdAt } } userErrors { message } } }";
        let input = json!({
            "email": format!("{}.{suffix}@demo.plantcare.example", name.to_lowercase()),
            "password": password, "displayName": name, "timezone": "UTC",
        });
        let data = server.run(query, json!({ "input": input })).await?;
        let session = &data["register"]["session"];
        let person = Self {
            name,
            client: server.with_token(text(&session["accessToken"])),
            refresh_token: text(&session["refreshToken"]),
        };
        Ok((person, text(&session["user"]["createdAt"])))
    }

    /// Stays logged in: access tokens live for minutes.
    pub(super) async fn refresh(&mut self) -> Result<(), ClientError> {
        let query = "mutation($input: RefreshSessionInput!) { refreshSession(input: $input) {
            session { accessToken refreshToken } userErrors { message } } }";
        let input = json!({ "refreshToken": self.refresh_token });
        let data = self.client.run(query, json!({ "input": input })).await?;
        let session = &data["refreshSession"]["session"];
        self.client = self.client.with_token(text(&session["accessToken"]));
        self.refresh_token = text(&session["refreshToken"]);
        Ok(())
    }

    /// Runs a mutation that takes one `input`, and gives its payload with these fields.
    pub(super) async fn mutate(
        &self,
        mutation: &str,
        input: Value,
        fields: &str,
    ) -> Result<Value, ClientError> {
        let (first, rest) = mutation.split_at(1);
        let kind = format!("{}{rest}Input", first.to_uppercase());
        let query = format!(
            "mutation($input: {kind}!) {{ {mutation}(input: $input) {{ {fields} userErrors {{ message }} }} }}"
        );
        let mut data = self.client.run(&query, json!({ "input": input })).await?;
        Ok(data[mutation].take())
    }

    /// Adds a plant: its id and name.
    pub(super) async fn plant(&self, name: &str, species: &str) -> Result<Plant, ClientError> {
        let input = json!({ "name": name, "speciesText": species });
        let plant = self.mutate("createPlant", input, "plant { id name }").await?["plant"].take();
        Ok(Plant {
            id: text(&plant["id"]),
            name: text(&plant["name"]),
        })
    }

    /// Records an act of care: its cursor and event.
    pub(super) async fn care(&self, request: &str, care: &Care<'_>) -> Result<Value, ClientError> {
        let input = json!({
            "careRequestId": request, "plantId": care.plant.id, "kind": care.kind,
            "amountMl": care.amount_ml, "note": care.note,
        });
        self.mutate("recordCare", input, &format!("cursor event {{ {EVENT} }}"))
            .await
    }

    /// Comments on a request.
    pub(super) async fn comment(&self, request: &str, body: &str) -> Result<Value, ClientError> {
        let input = json!({ "careRequestId": request, "body": body });
        self.mutate("addComment", input, "cursor comment { body }").await
    }

    /// Does what takes a request and nothing else.
    pub(super) async fn change(&self, mutation: &str, request: &str) -> Result<Value, ClientError> {
        self.mutate(mutation, json!({ "careRequestId": request }), "cursor")
            .await
    }

    /// Offers to take a request: the offer's id.
    pub(super) async fn offer(&self, request: &str, message: &str) -> Result<String, ClientError> {
        let input = json!({ "careRequestId": request, "message": message });
        let payload = self.mutate("sendOffer", input, "offer { id }").await?;
        Ok(text(&payload["offer"]["id"]))
    }
}

/// A plant as the server knows it.
pub(super) struct Plant {
    pub(super) id: String,
    pub(super) name: String,
}

/// What is done for a plant.
pub(super) struct Care<'a> {
    pub(super) plant: &'a Plant,
    pub(super) kind: &'static str,
    pub(super) amount_ml: Option<i32>,
    pub(super) note: Option<&'static str>,
}

/// A string of an answer; empty where the server gave none.
pub(super) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
