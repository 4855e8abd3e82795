//! The operation of a subscription, made ready to be run again and again.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use async_graphql::parser::types::{
    DocumentOperations, ExecutableDocument, Field, FragmentDefinition, Selection, SelectionSet,
};
use async_graphql::{Name, Positioned, Request, Variables};
use async_graphql_value::Value;

use super::interned::Interned;
use crate::crypto;
use crate::graphql::document::Document;
use crate::graphql::error::ApiError;
use crate::telemetry::calls::{Calls, Plan};

/// A subscription to one field.
pub(in crate::graphql) struct Prepared {
    /// What it says: its text and the operation's name, hashed.
    pub fingerprint: [u8; 32],
    /// What is run.
    executable: ExecutableDocument,
    /// What is called for each message.
    pub plan: Plan,
    /// The variable that says where to begin, if nothing else uses it.
    pub after: Option<String>,
    /// Whether what it is told is the same for every reader.
    pub is_shareable: bool,
}

impl Interned<Prepared> {
    /// The operation of a document: thousands of subscribers send the same one.
    pub(super) fn of(&self, document: &Document, calls: &Calls) -> Result<Arc<Prepared>, ApiError> {
        let request = &document.request;
        let name = request.operation_name.as_deref().unwrap_or_default();
        let fingerprint = crypto::sha256_of(&[request.query.as_bytes(), &[0], name.as_bytes()]);
        self.get_or_make(fingerprint, || Prepared::new(fingerprint, document, calls))
    }
}

impl Prepared {
    /// A request that runs it.
    pub(in crate::graphql) fn request(&self, variables: &Variables) -> Request {
        let mut request = Request::new("");
        request.set_parsed_query(self.executable.clone());
        request.variables = variables.clone();
        request
    }

    fn new(fingerprint: [u8; 32], document: &Document, calls: &Calls) -> Result<Self, ApiError> {
        let parsed = &document.parsed;
        let Some(operation) = document.operation() else {
            let message = "Say which of the document's operations to run.";
            return Err(ApiError::BadRequest(message.to_owned()));
        };
        let field = only_field(&operation.selection_set.node, &parsed.fragments)?;
        let after = after_variable(&field.node, &document.request.query);
        let is_shareable = super::sharing::is_shareable(&field.node, &parsed.fragments);
        let mut operation = Positioned::new(operation.clone(), field.pos);
        operation.node.selection_set.node.items =
            vec![Positioned::new(Selection::Field(field.clone()), field.pos)];
        let mut used = HashSet::new();
        note_used(&field.node.selection_set.node, &parsed.fragments, &mut used);
        let fragments = parsed.fragments.iter().filter(|(name, _)| used.contains(*name));
        let mut executable = ExecutableDocument {
            fragments: fragments
                .map(|(name, fragment)| (name.clone(), fragment.clone()))
                .collect(),
            operations: DocumentOperations::Single(operation),
        };
        calls.ask_for_types(&mut executable);
        let plan = match executable.operations.iter().next() {
            Some((_, operation)) => calls.plan(&executable, &operation.node),
            None => Plan::default(),
        };
        Ok(Self {
            fingerprint,
            executable,
            plan,
            after,
            is_shareable,
        })
    }
}

type Fragments = HashMap<Name, Positioned<FragmentDefinition>>;

/// The one field of a subscription (specification, section 5.2.4), with all that is selected on it: what selects it again adds
/// to that. The document has been found valid, so that no condition is on the way to it.
fn only_field(set: &SelectionSet, fragments: &Fragments) -> Result<Positioned<Field>, ApiError> {
    let mut fields = Vec::new();
    collect(set, fragments, &mut HashSet::new(), &mut fields);
    let mut fields = fields.into_iter();
    let several = || ApiError::BadRequest("A subscription selects exactly one field.".to_owned());
    let mut only = fields.next().ok_or_else(several)?.clone();
    for field in fields {
        if field.node.response_key().node != only.node.response_key().node {
            return Err(several());
        }
        let again = field.node.selection_set.node.items.iter().cloned();
        only.node.selection_set.node.items.extend(again);
    }
    Ok(only)
}

fn collect<'d>(
    set: &'d SelectionSet,
    fragments: &'d Fragments,
    seen: &mut HashSet<&'d Name>,
    fields: &mut Vec<&'d Positioned<Field>>,
) {
    for item in &set.items {
        let inner = match &item.node {
            Selection::Field(field) => {
                fields.push(field);
                continue;
            }
            Selection::InlineFragment(fragment) => Some(&fragment.node.selection_set.node),
            Selection::FragmentSpread(spread) => {
                let name = &spread.node.fragment_name.node;
                let fragment = fragments.get(name).filter(|_| seen.insert(name));
                fragment.map(|fragment| &fragment.node.selection_set.node)
            }
        };
        if let Some(inner) = inner {
            collect(inner, fragments, seen, fields);
        }
    }
}

fn note_used(set: &SelectionSet, fragments: &Fragments, used: &mut HashSet<Name>) {
    for item in &set.items {
        match &item.node {
            Selection::Field(field) => note_used(&field.node.selection_set.node, fragments, used),
            Selection::InlineFragment(fragment) => {
                note_used(&fragment.node.selection_set.node, fragments, used);
            }
            Selection::FragmentSpread(spread) => {
                let name = &spread.node.fragment_name.node;
                if used.insert(name.clone())
                    && let Some(fragment) = fragments.get(name)
                {
                    note_used(&fragment.node.selection_set.node, fragments, used);
                }
            }
        }
    }
}

/// The variable of the argument `after`, if it is used for nothing else: subscribers that differ in it
/// alone are told the same.
fn after_variable(field: &Field, query: &str) -> Option<String> {
    let Value::Variable(name) = &field.get_argument("after")?.node else {
        return None;
    };
    // Where it is declared, and where it is used.
    (uses(query, name) == 2).then(|| name.to_string())
}

fn uses(query: &str, variable: &str) -> usize {
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    query
        .match_indices('$')
        .filter(|(at, _)| {
            query[at + 1..]
                .strip_prefix(variable)
                .is_some_and(|rest| !rest.as_bytes().first().is_some_and(is_name))
        })
        .count()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use async_graphql::Request;
    use async_graphql::parser::{parse_query, parse_schema};

    use super::*;
    use crate::config::Config;
    use crate::graphql::known::Parsed;
    use crate::telemetry::metrics::Metrics;

    fn prepared(query: &str) -> Result<Prepared, ApiError> {
        let parsed = parse_query(query).unwrap();
        let request = Request::new(query);
        let config = Config::from_source(&|_| None).unwrap();
        let schema = parse_schema(crate::graphql::sdl()).unwrap();
        let calls = Calls::of_schema(&schema, &Metrics::new(&config));
        let document = Document {
            request,
            parsed: Arc::new(Parsed::new(parsed)),
            parsed_in: Duration::ZERO,
        };
        Prepared::new([0; 32], &document, &calls)
    }

    #[test]
    fn a_subscription_has_one_field_wherever_it_stands() {
        for (query, fits) in [
            ("subscription { myFeed { __typename } }", true),
            (
                "subscription { ...f } fragment f on Subscription { myFeed { __typename } }",
                true,
            ),
            (
                "subscription { ... { myFeed { __typename } } myFeed { __typename } }",
                true,
            ),
            (
                "subscription { a: myFeed { __typename } b: myFeed { __typename } }",
                false,
            ),
            ("subscription { ...f } fragment f on Subscription { ...f }", false),
            ("subscription { ...nowhere }", false),
        ] {
            assert_eq!(prepared(query).is_ok(), fits, "{query}");
        }
    }

    #[test]
    fn what_was_moved_out_of_a_fragment_leaves_no_unused_one() {
        let query = "subscription { ...root }
            fragment root on Subscription { myFeed { ...message } }
            fragment message on FeedMessage { __typename }";
        let prepared = prepared(query).unwrap();
        let names: Vec<_> = prepared.executable.fragments.keys().map(Name::as_str).collect();
        assert_eq!(names, ["message"]);
    }

    #[test]
    fn where_to_begin_is_left_out_only_if_nothing_else_uses_it() {
        let after = |query| prepared(query).unwrap().after;
        assert_eq!(
            after("subscription($a: String) { myFeed(after: $a) { __typename } }").as_deref(),
            Some("a")
        );
        assert_eq!(
            after("subscription { myFeed(after: \"x\") { __typename } }"),
            None
        );
        let twice = "subscription($a: String) { myFeed(after: $a) { ... on FeedEventDelivered {
            event { careRequest { timeline(after: $a) { totalCount } } } } } }";
        assert_eq!(after(twice), None);
        assert_eq!(uses("$a $ab $a", "a"), 2);
    }
}
