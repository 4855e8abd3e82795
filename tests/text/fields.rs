//! Every place of the schema that takes text, and what is decided of it.

use std::fmt;

use async_graphql::parser::types::{
    BaseType, FieldDefinition, InputValueDefinition, Type, TypeKind, TypeSystemDefinition,
};
use plant_care::entity::OfferId;
use plant_care::graphql::scalars::GlobalId as _;
use serde_json::{Value, json};

use crate::support::{PASSWORD, Story, definitions, story};

/// A field of an input type, or an argument of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Field {
    /// The input type, or the type and the field whose argument it is.
    pub(super) of: String,
    /// Its name.
    pub(super) name: String,
}

/// What takes the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taker {
    /// People, who read it.
    Text { is_name: bool, required: bool },
    /// The server, which compares it.
    Token,
    /// An e-mail address that is parsed.
    Address,
    /// A new password.
    Password,
    /// A closed set of words.
    Code,
    /// What opens something, and is hashed.
    Secret,
    /// A global id.
    Id,
    /// A cursor.
    Cursor,
}

impl Field {
    pub(super) fn of(of: &str, name: &str) -> Self {
        Self {
            of: of.to_owned(),
            name: name.to_owned(),
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.of, self.name)
    }
}

/// Every place that takes text, in the order of the schema.
pub(super) fn of_schema() -> Vec<Field> {
    let mut fields = Vec::new();
    for definition in definitions(&plant_care::graphql::sdl()) {
        let TypeSystemDefinition::Type(definition) = definition else {
            continue;
        };
        let of = definition.node.name.node.to_string();
        match definition.node.kind {
            TypeKind::InputObject(input) => {
                add(&mut fields, &of, input.fields.iter().map(|field| &field.node));
            }
            TypeKind::Object(object) => {
                for field in &object.fields {
                    let field: &FieldDefinition = &field.node;
                    let of = format!("{of}.{}", field.name.node);
                    add(
                        &mut fields,
                        &of,
                        field.arguments.iter().map(|argument| &argument.node),
                    );
                }
            }
            _ => {}
        }
    }
    assert!(fields.len() > 40, "{fields:?}");
    fields
}

fn add<'d>(fields: &mut Vec<Field>, of: &str, inputs: impl Iterator<Item = &'d InputValueDefinition>) {
    for input in inputs {
        if matches!(named(&input.ty.node), "String" | "ID") {
            fields.push(Field::of(of, &input.name.node));
        }
    }
}

fn named(of: &Type) -> &str {
    match &of.base {
        BaseType::Named(name) => name,
        BaseType::List(of) => named(of),
    }
}

/// What is decided of a place: a new one fails here until it is.
pub(super) fn decided(field: &Field) -> Taker {
    let text = |is_name, required| Taker::Text { is_name, required };
    match (field.of.as_str(), field.name.as_str()) {
        ("RegisterInput", "displayName")
        | ("CreatePlantInput", "name")
        | ("CreateCareRequestInput", "title") => text(true, true),
        ("CreatePlantInput", "speciesText") => text(true, false),
        ("AddCommentInput", "body") => text(false, true),
        ("CreatePlantInput" | "CreateCareRequestInput", "instructions")
        | ("SendOfferInput", "message")
        | ("RecordCareInput", "note") => text(false, false),
        (_, "idempotencyKey") => Taker::Token,
        ("RegisterInput" | "LoginInput", "email") => Taker::Address,
        ("RegisterInput", "password") => Taker::Password,
        ("LoginInput", "password") | ("RefreshSessionInput", "refreshToken") => Taker::Secret,
        ("RegisterInput" | "CreateCareRequestInput", "timezone")
        | ("CreateCareRequestInput", "approxCell")
        | ("NearInput", "cell") => Taker::Code,
        ("MarkFeedReadInput", "cursor") | (_, "after" | "before") => Taker::Cursor,
        (_, "id" | "careRequestId" | "offerId" | "plantId" | "plantIds") => Taker::Id,
        _ => panic!("{field} takes text, and nothing is decided of it: say here what it takes"),
    }
}

/// Keeps a text in a field and gives it as it can be read afterwards, or its refusal.
pub(super) async fn keep(story: &Story<'_>, field: &Field, text: &str) -> Result<String, Value> {
    let answer = send(story, field, text).await;
    let errors = refusals(&answer);
    if let Some(refusal) = errors.first() {
        return Err(refusal.clone());
    }
    let data = &answer["data"];
    let kept = match (field.of.as_str(), field.name.as_str()) {
        ("RegisterInput", name) => &data["register"]["session"]["user"][name],
        ("CreatePlantInput", name) => &data["createPlant"]["plant"][name],
        ("CreateCareRequestInput", name) => &data["createCareRequest"]["careRequest"][name],
        ("AddCommentInput", name) => &data["addComment"]["comment"][name],
        ("SendOfferInput", name) => &data["sendOffer"]["offer"][name],
        ("RecordCareInput", name) => &data["recordCare"]["event"][name],
        _ => panic!("{field}"),
    };
    Ok(kept.as_str().unwrap_or_default().to_owned())
}

/// The refusal of one field.
pub(super) fn refusal(answer: &Value, field: &Field) -> Value {
    let refusals = refusals(answer);
    let [refusal] = refusals.as_slice() else {
        panic!("{field}: {answer}")
    };
    if !matches!(decided(field), Taker::Secret) {
        assert_eq!(refusal["field"], json!([field.name]), "{answer}");
    }
    refusal.clone()
}

fn refusals(answer: &Value) -> Vec<Value> {
    let payloads = answer["data"]
        .as_object()
        .unwrap_or_else(|| panic!("no data: {answer}"));
    let payload = payloads.values().next().unwrap();
    payload["userErrors"].as_array().cloned().unwrap_or_default()
}

/// Sends an operation that is right but for the text of one field.
pub(super) async fn send(story: &Story<'_>, field: &Field, text: &str) -> Value {
    send_in(story, field, text, "en").await
}

/// The same, in a language.
pub(super) async fn send_in(story: &Story<'_>, field: &Field, text: &str, language: &str) -> Value {
    let (query, variables) = if field.of.ends_with("Input") && field.of != "NearInput" {
        mutation(story, field, text).await
    } else {
        question(story, field, text)
    };
    // As whoever may do it: the caretaker does what is done for the plants, a visitor registers.
    let member = match field.of.as_str() {
        "RegisterInput" | "LoginInput" | "RefreshSessionInput" => None,
        "RecordCareInput" | "SendOfferInput" => Some(&story.caretaker),
        _ => Some(&story.owner),
    };
    let bearer = member.map(|member| format!("Bearer {}", member.token));
    let mut headers = vec![("accept-language", language)];
    headers.extend(bearer.as_ref().map(|bearer| ("authorization", bearer.as_str())));
    if query.starts_with("subscription") {
        let mut socket = story.app.socket(&story.owner).await;
        socket.subscribe("1", &query, variables).await;
        return socket.refusal().await;
    }
    story.app.post(&headers, &query, variables).await.1
}

/// A mutation by its input type.
async fn mutation(story: &Story<'_>, field: &Field, text: &str) -> (String, Value) {
    let input_type = &field.of;
    let mut name = input_type.strip_suffix("Input").unwrap().to_owned();
    name[..1].make_ascii_lowercase();
    let selected = match name.as_str() {
        "register" => "session { user { displayName } }",
        "createPlant" => "plant { name speciesText instructions }",
        "createCareRequest" => "careRequest { title instructions }",
        "addComment" => "comment { body }",
        "sendOffer" => "offer { message }",
        "recordCare" => "event { ... on CareRecorded { note } }",
        _ => "",
    };
    let mut input = right(story, &name).await;
    input[&field.name] = match field.name.as_str() {
        "plantIds" => json!([text]),
        _ => json!(text),
    };
    let query = format!(
        "mutation($input: {input_type}!) {{ {name}(input: $input) {{ {selected} userErrors {{ code message field }} }} }}"
    );
    (query, json!({ "input": input }))
}

/// An input that is taken.
async fn right(story: &Story<'_>, mutation: &str) -> Value {
    let app = story.app;
    let number = u64::from_ne_bytes(plant_care::crypto::random());
    match mutation {
        "register" => json!({
            "email": format!("{number:x}@example.org"), "password": PASSWORD, "displayName": "Ida", "timezone": "UTC",
        }),
        "login" => json!({ "email": "nobody@example.org", "password": PASSWORD }),
        "refreshSession" => json!({ "refreshToken": "x" }),
        "createPlant" => json!({ "name": "Fern" }),
        "createCareRequest" => story::request_input(&[app.plant(&story.owner, "Fern").await]),
        "addComment" => json!({ "careRequestId": story.request, "body": "Hello" }),
        "recordCare" => {
            json!({ "careRequestId": story.request, "plantId": story.plants[0], "kind": "WATER" })
        }
        "sendOffer" => {
            let plants = [app.plant(&story.owner, "Fern").await];
            json!({ "careRequestId": story::open_request(app, &story.owner, &plants).await })
        }
        "markFeedRead" => json!({ "cursor": "" }),
        "acceptOffer" | "declineOffer" | "withdrawOffer" => {
            json!({ "offerId": OfferId(uuid::Uuid::nil()).to_id().0 })
        }
        _ => story.input(),
    }
}

/// A query or subscription by the place of its argument.
fn question(story: &Story<'_>, field: &Field, text: &str) -> (String, Value) {
    let argument = &field.name;
    let (of, name) = field.of.split_once('.').unwrap_or((field.of.as_str(), ""));
    let within = |outer: &str| {
        let page = "pageInfo { hasNextPage }";
        format!("query($text: String, $id: ID!) {{ {outer} {{ {name}({argument}: $text) {{ {page} }} }} }}")
    };
    let query = match (of, name, argument.as_str()) {
        ("NearInput", ..) => {
            "query($text: String!) { openCareRequests(near: { cell: $text, radiusKm: 5 }) { totalCount } }"
                .to_owned()
        }
        ("Subscription", "careEvents", "careRequestId") => {
            "subscription($text: ID!) { careEvents(careRequestId: $text) { __typename } }".to_owned()
        }
        ("Subscription", "careEvents", _) => format!(
            "subscription($text: String, $id: ID!) {{ careEvents(careRequestId: $id, {argument}: $text) {{ __typename }} }}"
        ),
        ("Subscription", ..) => {
            format!("subscription($text: String) {{ {name}({argument}: $text) {{ __typename }} }}")
        }
        ("Query", _, "id") => format!("query($text: ID!) {{ {name}(id: $text) {{ id }} }}"),
        ("Query", ..) => {
            format!("query($text: String) {{ {name}({argument}: $text) {{ pageInfo {{ hasNextPage }} }} }}")
        }
        ("User", ..) => within("viewer"),
        ("Feed", ..) => within("feed"),
        ("CareRequest", ..) => within("careRequest(id: $id)"),
        _ => panic!("{field} takes text: say here how it is asked"),
    };
    let mut variables = json!({ "text": text });
    if query.contains("$id") {
        variables["id"] = json!(story.request);
    }
    // A variable that is declared must be used.
    let query = if query.matches("$id").count() == 1 {
        query.replace(", $id: ID!", "")
    } else {
        query
    };
    (query, variables)
}
