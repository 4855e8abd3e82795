//! Members and what they do, over HTTP.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::{Value, json};

use crate::failure::{Failure, Result, ensure};
use crate::figures::random;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(15);
const PASSWORD: &str = "correct horse battery";

/// Why an operation did not succeed.
#[derive(Debug)]
pub enum Refusal {
    /// The server cannot be reached, is busy or failed: the same may succeed elsewhere or later.
    Unavailable(String),
    /// It answered no.
    Refused(String),
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Unavailable(reason) => Self::new(format!("the server cannot be used: {reason}")),
            Refusal::Refused(reason) => Self::new(format!("the server refused: {reason}")),
        }
    }
}

/// A client of servers.
#[derive(Clone, Debug)]
pub struct Api {
    http: reqwest::Client,
}

/// A member.
#[derive(Clone, Debug)]
pub struct Member {
    /// Her access token.
    pub token: String,
}

/// A request in progress, with its two parties.
#[derive(Clone, Debug)]
pub struct Care {
    /// Its id.
    pub request: String,
    /// The plant.
    pub plant: String,
    /// Who is away.
    pub owner: Member,
    /// Who looks after it.
    pub caretaker: Member,
}

impl Api {
    /// A client.
    pub fn new() -> Result<Self> {
        // A second time in a process it has been installed already, which is as good.
        drop(rustls::crypto::ring::default_provider().install_default());
        let http = reqwest::Client::builder().timeout(PATIENCE).no_proxy().build()?;
        Ok(Self { http })
    }

    /// Runs a query or mutation and gives its data.
    pub async fn run(
        &self,
        server: SocketAddr,
        member: Option<&Member>,
        query: &str,
        variables: Value,
    ) -> std::result::Result<Value, Refusal> {
        let unavailable = |error: reqwest::Error| Refusal::Unavailable(Failure::from(error).to_string());
        let body = json!({ "query": query, "variables": variables });
        let mut request = self.http.post(format!("http://{server}/graphql")).json(&body);
        if let Some(member) = member {
            request = request.bearer_auth(&member.token);
        }
        let answer = request.send().await.map_err(unavailable)?;
        let status = answer.status();
        let mut answer: Value = answer.json().await.map_err(unavailable)?;
        let error = &answer["errors"][0];
        if error.is_null() && status.is_success() {
            return Ok(answer["data"].take());
        }
        let text = format!("{status} {error}");
        Err(match error["extensions"]["code"].as_str() {
            Some("INTERNAL" | "SERVER_BUSY" | "TIMED_OUT") | None => Refusal::Unavailable(text),
            Some(_) => Refusal::Refused(text),
        })
    }

    /// Sends a request as a member: how many bytes the answer has, and the answer, whatever it is.
    pub async fn answer(&self, server: SocketAddr, member: &Member, body: &Value) -> Result<(usize, Value)> {
        let request = self.http.post(format!("http://{server}/graphql")).json(body);
        // However long it takes: that is measured, not judged here.
        let request = request.bearer_auth(&member.token).timeout(Duration::from_mins(2));
        let answer = request.send().await?.bytes().await?;
        Ok((answer.len(), serde_json::from_slice(&answer)?))
    }

    /// Posts a document to a path; fails unless that went well.
    pub async fn post(&self, server: SocketAddr, path: &str, body: &Value) -> Result<()> {
        let answer = self
            .http
            .post(format!("http://{server}{path}"))
            .json(body)
            .send()
            .await?;
        ensure(answer.status().is_success(), || {
            format!("{path} was answered with {}", answer.status())
        })
    }

    /// Runs a mutation that takes one input, and gives its payload; user errors are errors.
    pub async fn mutate(
        &self,
        server: SocketAddr,
        member: Option<&Member>,
        mutation: &str,
        input: Value,
        fields: &str,
    ) -> std::result::Result<Value, Refusal> {
        let mut name = mutation.to_owned();
        name[..1].make_ascii_uppercase();
        let query = format!(
            "mutation($input: {name}Input!) {{ {mutation}(input: $input) {{ {fields} userErrors {{ code message }} }} }}"
        );
        let mut data = self
            .run(server, member, &query, json!({ "input": input }))
            .await?;
        let payload = data[mutation].take();
        match payload["userErrors"].get(0) {
            None => Ok(payload),
            Some(error) => Err(Refusal::Refused(format!("{mutation}: {error}"))),
        }
    }

    /// Registers a member.
    pub async fn member(&self, server: SocketAddr, name: &str) -> Result<Member> {
        let email = format!(
            "{}.{:x}@example.org",
            name.to_lowercase().replace(char::is_whitespace, "."),
            random()
        );
        let input = json!({ "email": email, "password": PASSWORD, "displayName": name });
        let fields = "session { accessToken }";
        let payload = self.mutate(server, None, "register", input, fields).await?;
        Ok(Member {
            token: text(&payload["session"]["accessToken"])?,
        })
    }

    /// Registers several members.
    pub async fn members(&self, server: SocketAddr, name: &str, count: usize) -> Result<Vec<Member>> {
        stream::iter(0..count)
            .map(|_| self.member(server, name))
            .buffer_unordered(4)
            .try_collect()
            .await
    }

    /// A request in progress, with two new members.
    pub async fn care(&self, server: SocketAddr) -> Result<Care> {
        let owner = self.member(server, "Olga").await?;
        let caretaker = self.member(server, "Carl").await?;
        self.care_between(server, owner, caretaker).await
    }

    /// A request in progress between two members.
    pub async fn care_between(&self, server: SocketAddr, owner: Member, caretaker: Member) -> Result<Care> {
        let made = |payload: Value, noun: &str| text(&payload[noun]["id"]);
        let plant = self
            .mutate(
                server,
                Some(&owner),
                "createPlant",
                json!({ "name": "Figaro" }),
                "plant { id }",
            )
            .await?;
        let plant = made(plant, "plant")?;
        let today = DateTime::<Utc>::from(SystemTime::now()).date_naive();
        let input = json!({ "plantIds": [plant], "title": "A proof", "mode": "AT_OWNER", "timezone": "UTC",
            "startsOn": today, "endsOn": today + chrono::Days::new(30), "publish": true });
        let request = self
            .mutate(
                server,
                Some(&owner),
                "createCareRequest",
                input,
                "careRequest { id }",
            )
            .await?;
        let request = made(request, "careRequest")?;
        let input = json!({ "careRequestId": request });
        let offer = self
            .mutate(
                server,
                Some(&caretaker),
                "sendOffer",
                input.clone(),
                "offer { id }",
            )
            .await?;
        let offer = json!({ "offerId": made(offer, "offer")? });
        let fields = "careRequest { id }";
        self.mutate(server, Some(&owner), "acceptOffer", offer, fields)
            .await?;
        self.mutate(server, Some(&caretaker), "startCare", input, fields)
            .await?;
        Ok(Care {
            request,
            plant,
            owner,
            caretaker,
        })
    }

    /// Several of them.
    pub async fn cares(&self, server: SocketAddr, count: usize) -> Result<Vec<Arc<Care>>> {
        stream::iter(0..count)
            .map(|_| async { self.care(server).await.map(Arc::new) })
            .buffer_unordered(4)
            .try_collect()
            .await
    }

    /// Records an act of care: its number in the timeline.
    pub async fn record(
        &self,
        server: SocketAddr,
        care: &Care,
        note: &str,
        key: Option<&str>,
    ) -> std::result::Result<u64, Refusal> {
        let input = json!({ "careRequestId": care.request, "plantId": care.plant, "kind": "WATER",
            "amountMl": 250, "note": note, "idempotencyKey": key });
        let payload = self
            .mutate(
                server,
                Some(&care.caretaker),
                "recordCare",
                input,
                "event { seq }",
            )
            .await?;
        payload["event"]["seq"]
            .as_u64()
            .ok_or_else(|| Refusal::Refused("recordCare gave no seq".to_owned()))
    }

    /// The newest place of a timeline: its number, and the cursor after it.
    pub async fn head(&self, server: SocketAddr, care: &Care) -> Result<(u64, String)> {
        let query = "query($id: ID!) { careRequest(id: $id) {
            timeline(last: 1) { edges { node { seq } } pageInfo { endCursor } } } }";
        let data = self
            .run(server, Some(&care.owner), query, json!({ "id": care.request }))
            .await?;
        let timeline = &data["careRequest"]["timeline"];
        let seq = timeline["edges"][0]["node"]["seq"].as_u64();
        let seq = seq.ok_or_else(|| Failure::new(format!("a timeline without events: {timeline}")))?;
        Ok((seq, text(&timeline["pageInfo"]["endCursor"])?))
    }

    /// All of a list's nodes from a place on, page by page. `list` selects it with `$after`, `path` leads to it.
    pub async fn pages(
        &self,
        server: SocketAddr,
        member: &Member,
        list: &str,
        path: &[&str],
        (id, after): (Option<&str>, Option<&str>),
    ) -> Result<Vec<Value>> {
        let mut after = after.map(ToOwned::to_owned);
        let mut nodes = Vec::new();
        loop {
            let variables = match id {
                Some(id) => json!({ "id": id, "after": after }),
                None => json!({ "after": after }),
            };
            let mut data = self.run(server, Some(member), list, variables).await?;
            let mut page = &mut data;
            for part in path {
                page = &mut page[*part];
            }
            if let Value::Array(edges) = page["edges"].take() {
                nodes.extend(edges.into_iter().map(|mut edge| edge["node"].take()));
            }
            if page["pageInfo"]["hasNextPage"] != json!(true) {
                return Ok(nodes);
            }
            let end = text(&page["pageInfo"]["endCursor"])?;
            ensure(after.as_ref() != Some(&end), || {
                "a list whose pages do not move on".to_owned()
            })?;
            after = Some(end);
        }
    }
}

/// A JSON string.
pub fn text(value: &Value) -> Result<String> {
    value
        .as_str()
        .map(ToOwned::to_owned)
        .ok_or_else(|| Failure::new(format!("not a string: {value}")))
}
