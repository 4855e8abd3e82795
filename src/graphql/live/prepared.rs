//! The operation of a subscription, made ready to be run again and again.

use std::sync::Arc;

use async_graphql::parser::types::{Field, OperationDefinition, Selection};
use async_graphql::{Request, Variables};
use async_graphql_value::Value;

use super::interned::Interned;
use crate::graphql::error::ApiError;
use crate::graphql::runnable::Runnable;
use crate::graphql::specification::print;
use crate::telemetry::calls::Plan;

/// A subscription to one field.
pub(in crate::graphql) struct Prepared {
    /// What it says, hashed.
    pub fingerprint: [u8; 32],
    runnable: Arc<Runnable>,
    /// The variable that says where to begin, if nothing else uses it.
    pub after: Option<String>,
    /// Whether what it is told is the same for every reader.
    pub is_shareable: bool,
}

impl Interned<Prepared> {
    /// What runs, prepared: thousands of subscribers send the same, in whatever documents.
    pub(super) fn of(&self, runnable: &Arc<Runnable>) -> Result<Arc<Prepared>, ApiError> {
        let fingerprint = runnable.fingerprint();
        self.get_or_make(fingerprint, || Prepared::new(fingerprint, Arc::clone(runnable)))
    }
}

impl Prepared {
    /// A request that runs it.
    pub(in crate::graphql) fn request(&self, variables: &Variables) -> Request {
        let mut request = Request::new("");
        request.set_parsed_query(self.runnable.executable());
        request.variables = variables.clone();
        request
    }

    /// What is called for each message.
    pub(in crate::graphql) fn plan(&self) -> &Plan {
        &self.runnable.plan
    }

    fn new(fingerprint: [u8; 32], runnable: Arc<Runnable>) -> Result<Self, ApiError> {
        let operation = runnable.operation();
        // Of a subscription that is valid there is one (specification, section 5.2.4).
        let Some(Selection::Field(field)) = operation.selection_set.node.items.first().map(|item| &item.node)
        else {
            return Err(ApiError::BadRequest("Nothing is selected.".to_owned()));
        };
        Ok(Self {
            fingerprint,
            after: after_variable(&field.node, operation),
            is_shareable: super::sharing::is_shareable(&field.node),
            runnable,
        })
    }
}

/// The variable of the argument `after`, if it is used for nothing else: subscribers that differ in it
/// alone are told the same.
fn after_variable(field: &Field, operation: &OperationDefinition) -> Option<String> {
    let Value::Variable(name) = &field.get_argument("after")?.node else {
        return None;
    };
    (uses(&print(operation), name) == 1).then(|| name.to_string())
}

fn uses(text: &str, variable: &str) -> usize {
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    text.match_indices('$')
        .filter(|(at, _)| {
            text[at + 1..]
                .strip_prefix(variable)
                .is_some_and(|rest| !rest.as_bytes().first().is_some_and(is_name))
        })
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graphql::sdl;
    use crate::graphql::specification::{Specification, parse};

    fn prepared(query: &str) -> Prepared {
        let specification = Specification::of_sdl(&sdl(), false).unwrap();
        let validated = specification.validate(&parse(query).unwrap()).unwrap();
        let chosen = validated.operation(None).unwrap();
        let canonical = specification
            .canonical(chosen, &Variables::default(), 1_000)
            .unwrap();
        let runnable = Arc::new(Runnable::uncounted(canonical));
        Prepared::new(runnable.fingerprint(), runnable).unwrap()
    }

    #[test]
    fn subscriptions_are_the_same_if_they_run_the_same() {
        let one = prepared(
            "subscription($a: String) { myFeed(after: $a) { __typename ... on StreamCaughtUp { cursor } } }",
        );
        let other = prepared(
            "# Another author's.
            subscription Feed($a: String) { ...f myFeed(after: $a) { __typename @skip(if: true) } }
            fragment f on Subscription { myFeed(after: $a) { __typename ...caughtUp ...caughtUp } }
            fragment caughtUp on StreamCaughtUp { cursor cursor }",
        );
        assert_eq!(one.fingerprint, other.fingerprint);
        let unlike = prepared("subscription($a: String) { myFeed(after: $a) { __typename } }");
        assert_ne!(one.fingerprint, unlike.fingerprint);
    }

    #[test]
    fn where_to_begin_is_left_out_only_if_nothing_else_uses_it() {
        let after = |query| prepared(query).after;
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
