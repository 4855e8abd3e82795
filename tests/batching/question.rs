//! What is asked of a process that counts, and how its documents are made.

use std::net::Ipv4Addr;

use async_graphql::Request;
use plant_care::app::App;
use plant_care::entity::user::Locale;
use plant_care::graphql::scope::Session;
use plant_care::graphql::{Api, json};
use serde_json::Value;

use super::FEW;
use super::shape::{Kind, Relation, Shape};
use crate::support::{Member, TestApp};

/// A process over the same database that does nothing by itself, and that takes documents of any size.
pub(super) struct Quiet(Api);

impl Quiet {
    pub(super) async fn over(app: &TestApp) -> Self {
        let mut config = app.app.config.as_ref().clone();
        config.limits.aliases *= 1_000;
        config.limits.nodes *= 1_000;
        config.limits.tokens *= 1_000;
        config.limits.cost *= 1_000;
        config.limits.depth *= 10;
        config.limits.root_fields *= 1_000;
        // They are counted, not timed, and may run beside whatever else does.
        config.limits.operation *= 10;
        let process = App::build(config, app.app.clock.clone(), false).await;
        Self(Api::new(process.unwrap()).unwrap())
    }

    /// The answer, and how many statements it took.
    pub(super) async fn ask(&self, member: &Member, query: &str) -> (Value, u64) {
        let session = Session {
            authorization: Some(format!("Bearer {}", member.token)),
            accepts: Locale::En,
            address: Ipv4Addr::LOCALHOST.into(),
        };
        let caller = self.0.caller(&session).await.unwrap();
        let document = self.0.document(Request::new(query)).unwrap();
        let database = &self.0.app().database;
        let before = database.statements();
        let response = self.0.run(document, caller).await;
        let statements = database.statements() - before;
        let answer = serde_json::from_slice(&json::of_response(&response, true)).unwrap();
        (answer, statements)
    }
}

/// A list and what is asked for below it, as a document for some length of the list.
pub(super) struct Question<'s> {
    pub(super) shape: &'s Shape,
    pub(super) list: &'s [&'s Relation],
    pub(super) below: &'s [&'s Relation],
}

impl Question<'_> {
    /// The length of a page that has so many of each kind that is asked for below it.
    fn rows(&self, steps: &[&&Relation], of_each: usize) -> usize {
        let below = steps
            .iter()
            .skip(1)
            .take_while(|relation| relation.kind == Kind::Single);
        let kinds = steps
            .iter()
            .take(1)
            .chain(below)
            .map(|relation| self.shape.kinds_of(&relation.to));
        (of_each * kinds.max().unwrap_or(1)).min(100)
    }

    /// The document for a list that is so long, with the last relation asked for with each of these arguments.
    pub(super) fn document(&self, length: usize, variants: &[String]) -> String {
        let last_page = self
            .list
            .iter()
            .rposition(|relation| relation.kind == Kind::Connection);
        let steps: Vec<_> = self.list.iter().chain(self.below).collect();
        let mut at = "Query".to_owned();
        let (mut opening, mut closing) = (String::new(), String::new());
        for (number, relation) in steps.iter().enumerate() {
            let length = if Some(number) == last_page { length } else { FEW };
            let of_page = match relation.kind {
                Kind::Connection => format!("(first: {})", self.rows(&steps[number..], length)),
                _ => String::new(),
            };
            let is_last = number + 1 == steps.len();
            let fields: Vec<_> = if is_last {
                let fields = variants.iter().enumerate().map(|(number, arguments)| {
                    let arguments = if arguments.is_empty() {
                        String::new()
                    } else {
                        format!("({arguments})")
                    };
                    format!(
                        "r{number}: {}{arguments} {}",
                        relation.name,
                        all_of(relation.kind)
                    )
                });
                fields.collect()
            } else {
                let name = if number + 1 == self.list.len() {
                    "rows: "
                } else {
                    ""
                };
                vec![format!("{name}{}{of_page} ", relation.name)]
            };
            if relation.of != at {
                opening.extend(["... on ", &relation.of, " { "]);
                closing.insert_str(0, " }");
            }
            opening += &fields.join(" ");
            if !is_last {
                let (open, close) = match relation.kind {
                    Kind::Connection => ("{ edges { node { __typename ", " } } }"),
                    _ => ("{ __typename ", " }"),
                };
                opening += open;
                closing.insert_str(0, close);
            }
            at.clone_from(&relation.to);
        }
        format!("{{ {opening}{closing} }}")
    }

    pub(super) fn last(&self) -> &Relation {
        self.below.last().unwrap()
    }
}

/// All that a relation has without further relations.
fn all_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Connection => {
            "{ totalCount pageInfo { startCursor endCursor hasNextPage } edges { cursor node { __typename } } }"
        }
        _ => "{ __typename }",
    }
}
