//! Pages that are written from what is at hand, against the same pages as they are otherwise resolved: byte by byte.

use std::net::Ipv4Addr;

use async_graphql::{Request, Response, Value};
use async_graphql_value::RAW_VALUE_TOKEN;
use plant_care::entity::user::Locale;
use plant_care::graphql::scope::Session;
use plant_care::graphql::{Api, json};
use uuid::Uuid;

use crate::support::dice::{Dice, seeds};
use crate::support::{Member, TestApp};

/// Two members with requests in which each is the owner or the caretaker, and a few that are open.
async fn world(app: &TestApp) -> [Member; 2] {
    let (owner, caretaker) = (app.member("Olga").await, app.member("Carl").await);
    app.sql("UPDATE users SET display_name = 'Olga \"Ö\" \\ \n\u{7f}\u{1F33F}' WHERE display_name = 'Olga'")
        .await;
    let requests = app.keys(4);
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
    app.add_requests(&caretaker, None, &app.keys(2)).await;
    [owner, caretaker]
}

/// A process over the same database whose resolvers are looked at one by one, or are not.
async fn looked_at(app: &TestApp, closely: bool) -> Api {
    let mut config = app.app.config.as_ref().clone();
    config.observability.resolver_spans_ratio = f64::from(u8::from(closely));
    // Selections at random may be large.
    config.limits.aliases *= 10;
    config.limits.nodes *= 10;
    config.limits.directives *= 10;
    config.limits.tokens *= 10;
    config.limits.cost *= 10;
    config.limits.depth *= 2;
    // In a debug build, whoever else has the processor.
    config.limits.operation *= 10;
    let process = plant_care::app::App::build(config, app.app.clock.clone(), false).await;
    Api::new(process.unwrap()).unwrap()
}

async fn ask(api: &Api, member: &Member, query: &str) -> Response {
    let session = Session {
        authorization: Some(format!("Bearer {}", member.token)),
        accepts: Locale::En,
        address: Ipv4Addr::LOCALHOST.into(),
    };
    let caller = api.caller(&session).await.unwrap();
    let document = api.document(Request::new(query)).unwrap();
    let response = api.run(document, caller).await;
    assert_eq!(response.errors, [], "{query}");
    response
}

fn is_written(response: &Response) -> bool {
    let Value::Object(data) = &response.data else {
        panic!("no data")
    };
    let Some(Value::Object(page)) = data.values().next() else {
        panic!("no page")
    };
    page.values()
        .any(|edges| matches!(edges, Value::Object(edges) if edges.contains_key(RAW_VALUE_TOKEN)))
}

/// What stands where a page can be kept from being written, and what keeps it: the database is asked for each.
const PLACE: &str = "#place\n";
const UNWRITTEN: &str = "unwritten: plants { instructions }";

/// Takes out of an answer what kept it from being written.
fn take_out(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.shift_remove("unwritten");
            fields.values_mut().for_each(take_out);
        }
        Value::List(values) => values.iter_mut().for_each(take_out),
        _ => {}
    }
}

#[tokio::test]
async fn what_is_written_is_what_would_be_resolved() {
    let app = TestApp::start().await;
    let members = world(&app).await;
    let (plain, closely) = (looked_at(&app, false).await, looked_at(&app, true).await);
    let (mut written, mut rounds) = (0, 0);
    for seed in seeds(60, 3_000) {
        let mut dice = Dice::new(seed);
        let member = dice.of(&members).clone();
        let root = dice.of(&[
            "careRequests(first: 3)",
            "careRequests(last: 2)",
            "openCareRequests",
        ]);
        let selection = Selection::new(&mut dice).of("CareRequestConnection", 0);
        let page = format!("{{ {root} {selection} }}");
        let unwritten = page.replace(PLACE, UNWRITTEN);
        assert_ne!(page, unwritten);
        let mut resolved = ask(&plain, &member, &unwritten).await;
        assert!(!is_written(&resolved), "{unwritten}");
        take_out(&mut resolved.data);
        let expected = String::from_utf8(json::of_response(&resolved, true)).unwrap();
        for api in [&plain, &closely] {
            let response = ask(api, &member, &page).await;
            written += u32::from(is_written(&response));
            rounds += 1;
            let text = String::from_utf8(json::of_response(&response, true)).unwrap();
            assert_eq!(text, expected, "{page}");
            let by_serde = serde_json::to_string(&response).unwrap();
            assert_eq!(by_serde, expected, "serde writes the same: {page}");
        }
    }
    assert!(written * 3 > rounds, "{written} of {rounds} were written");
}

#[tokio::test]
async fn what_needs_the_database_is_resolved() {
    let app = TestApp::start().await;
    let [owner, _] = world(&app).await;
    let api = looked_at(&app, false).await;
    for (page, writes) in [
        ("careRequests { edges { node { title plants { name } } } }", true),
        ("careRequests { edges { node { ... on Node { id } } } }", true),
        ("careRequests { edges { cursor } edges { node { id } } }", true),
        ("careRequests { edges { cursor } a: edges { node { id } } }", true),
        (
            "careRequests { edges { node { timeline(first: 1) { totalCount } } } }",
            false,
        ),
        (
            "careRequests { edges { node { plants { instructions } } } }",
            false,
        ),
        (
            "careRequests { edges { node { comments { edges { node { careRequest { id } } } } } } }",
            false,
        ),
    ] {
        let response = ask(&api, &owner, &format!("{{ {page} }}")).await;
        assert_eq!(is_written(&response), writes, "{page}");
    }
}

/// Selections at random, of what is loaded ahead.
struct Selection<'d> {
    dice: &'d mut Dice,
    aliases: u32,
}

impl<'d> Selection<'d> {
    fn new(dice: &'d mut Dice) -> Self {
        Self { dice, aliases: 0 }
    }

    /// A type's fields: those without fields of their own, and those with, by their type.
    fn fields(of_type: &str) -> (&'static str, &'static [(&'static str, &'static str)]) {
        match of_type {
            "CareRequestConnection" => ("", &[("edges", "CareRequestEdge")]),
            "CareRequestEdge" => ("cursor", &[("node", "CareRequest")]),
            "CareRequest" => (
                "id title status urgent mode startsOn endsOn timezone approxCell instructions createdAt",
                &[
                    ("owner", "User"),
                    ("caretaker", "User"),
                    ("plants", "Plant"),
                    ("comments(first: 2)", "CommentConnection"),
                    ("comments(last: 1)", "CommentConnection"),
                    ("offers", "OfferConnection"),
                ],
            ),
            "Plant" => ("id name speciesText status createdAt", &[("owner", "User")]),
            "User" => (
                "id displayName botanistStatus email locale timezone role capacityPlants createdAt",
                &[],
            ),
            "CommentConnection" => (
                "totalCount",
                &[("edges", "CommentEdge"), ("pageInfo", "PageInfo")],
            ),
            "CommentEdge" => ("cursor", &[("node", "Comment")]),
            "Comment" => ("id body isAdvice createdAt", &[("author", "User")]),
            "OfferConnection" => ("totalCount", &[("edges", "OfferEdge"), ("pageInfo", "PageInfo")]),
            "OfferEdge" => ("cursor", &[("node", "Offer")]),
            "Offer" => ("id message status createdAt", &[("caretaker", "User")]),
            "PageInfo" => ("hasNextPage hasPreviousPage startCursor endCursor", &[]),
            _ => panic!("{of_type}"),
        }
    }

    fn of(&mut self, of_type: &str, depth: u32) -> String {
        let (leaves, inner) = Self::fields(of_type);
        let mut parts = Vec::new();
        for leaf in leaves.split_whitespace().chain(["__typename"]) {
            if self.dice.once_in(3) {
                let leaf = self.named(leaf);
                parts.push(self.wrapped(of_type, leaf));
            }
        }
        for (field, its_type) in inner {
            // What stands alone must be asked for; further down less and less is.
            if leaves.len() < 8 || self.dice.once_in(2 + depth as usize / 3) {
                let selection = self.of(its_type, depth + 1);
                // The entries of the page itself stand under their own name.
                let field = if depth == 0 {
                    (*field).to_owned()
                } else {
                    self.aliased(field)
                };
                parts.push(self.wrapped(of_type, format!("{field} {selection}")));
            }
        }
        if parts.is_empty() {
            parts.push("__typename".to_owned());
        }
        if self.dice.once_in(8) {
            parts.push("__typename".to_owned());
        }
        if of_type == "CareRequest" {
            parts.push(PLACE.to_owned());
        }
        format!("{{ {} }}", parts.join(" "))
    }

    fn named(&mut self, field: &str) -> String {
        if self.dice.once_in(5) {
            self.aliased(field)
        } else {
            field.to_owned()
        }
    }

    fn aliased(&mut self, field: &str) -> String {
        self.aliases += 1;
        format!("a{}: {field}", self.aliases)
    }

    fn wrapped(&mut self, of_type: &str, field: String) -> String {
        match self.dice.below(12) {
            0 => format!("... on {of_type} {{ {field} }}"),
            1 => format!("... {{ {field} }}"),
            2 => format!("... @include(if: true) {{ {field} }}"),
            _ => field,
        }
    }
}
