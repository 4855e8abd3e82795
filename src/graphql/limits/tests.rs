//! What documents cost, by the schema.

use super::written::Written;
use super::*;
use crate::graphql::known::Parsed;
use crate::graphql::sdl;
use crate::graphql::specification::{Specification, parse};

fn measure(query: &str, variables: serde_json::Value) -> Measured {
    let specification = Specification::of_sdl(&sdl(), false).unwrap();
    let validated = specification.validate(&parse(query).unwrap()).unwrap();
    let chosen = validated.operation(None).unwrap();
    let variables = specification
        .coerce(chosen, Variables::from_json(variables))
        .unwrap();
    let canonical = specification.canonical(chosen, &variables, 5_000).unwrap();
    Costs::of_schema(specification.schema()).measure(&canonical.operation, &variables)
}

fn written(query: &str) -> Written {
    let parsed = Parsed::new(parse(query).unwrap());
    let operation = parsed.operation(None).unwrap();
    Written::of(operation, &parsed.fragments(), &Limits::default())
}

fn cost(query: &str) -> usize {
    measure(query, serde_json::json!({})).cost
}

#[test]
fn cost_counts_objects_and_multiplies_by_lists() {
    assert_eq!(cost("{ viewer { id displayName } }"), 1);
    assert_eq!(
        cost("{ careRequests(first: 50) { edges { node { id title } } pageInfo { endCursor } } }"),
        50
    );
    assert_eq!(
        cost("{ careRequests { edges { node { id } } } }"),
        20,
        "the default page"
    );
    assert_eq!(
        cost("{ careRequests(first: 50) { edges { node { plants { name } } } } }"),
        50 + 50 * 50
    );
    let nested = "{ careRequests(first: 50) { edges { node { comments(last: 5) { edges { node { author { id } } } } } } } }";
    assert_eq!(cost(nested), 50 + 50 * 5 + 50 * 5);
}

#[test]
fn pages_may_be_variables_and_fragments_count_where_they_are_used() {
    let query =
        "query($n: Int = 7) { a: careRequests(first: $n) { ...page } b: careRequests(first: 2) { ...page } }
        fragment page on CareRequestConnection { edges { node { owner { id } } } }";
    let with_default = measure(query, serde_json::json!({}));
    assert_eq!(with_default.cost, 2 * (7 + 2));
    assert_eq!(measure(query, serde_json::json!({ "n": 1 })).cost, 2 * (1 + 2));
    assert_eq!(with_default.root_fields, 2);
    let written = written(query);
    assert_eq!((written.aliases, written.nodes, written.depth), (2, 12, 5));
}

#[test]
fn what_exceeds_is_named_with_value_and_maximum() {
    let mut deep = "id".to_owned();
    for _ in 0..7 {
        deep = format!("careRequest {{ owner {{ plants {{ edges {{ node {{ {deep} }} }} }} }} }}");
    }
    let exceeded = written(&format!("{{ viewer {{ {deep} }} }}"))
        .exceeded(&Limits::default())
        .unwrap();
    assert_eq!(
        (exceeded.limit, exceeded.value, exceeded.maximum),
        ("DEPTH", 37, 12)
    );
}

#[test]
fn a_fragment_that_uses_itself_ends() {
    let query = "{ viewer { ...loop } } fragment loop on User { id ...loop }";
    assert_eq!(written(query).nodes, 4);
}

#[test]
fn what_is_selected_again_costs_only_under_another_name() {
    assert_eq!(cost("{ viewer { id id id } }"), 1);
    assert_eq!(
        cost("{ viewer { id a: id ... on User { id } ...f } } fragment f on User { b: id }"),
        1 + 2
    );
    assert_eq!(cost("{ viewer { __typename a: __typename } }"), 1 + 1);
    assert_eq!(cost("{ viewer { id } viewer { displayName } }"), 1);
    assert_eq!(cost("{ viewer { id } a: viewer { id } }"), 2);
    let page = |inner: &str| cost(&format!("{{ openCareRequests(first: 10) {{ {inner} }} }}"));
    assert_eq!(
        page("totalCount edges { cursor node { id } } pageInfo { endCursor }"),
        10
    );
    assert_eq!(page("edges { node { id } } edges { node { title } }"), 10);
    assert_eq!(page("edges { node { id } } a: edges { node { id } }"), 10 + 10);
    assert_eq!(
        page("edges { node { id } a: node { id } cursor b: cursor }"),
        10 + 2 * 10
    );
    assert_eq!(
        page("totalCount n: totalCount pageInfo { endCursor } a: pageInfo { endCursor b: endCursor }"),
        10 + 1 + 2
    );
    assert_eq!(
        page("edges { node { plants { name a: name } } }"),
        10 + 10 * 50 * 2
    );
}

#[test]
fn what_is_left_out_costs_nothing() {
    assert_eq!(cost("{ viewer @skip(if: true) { id } }"), 0);
    let query = "query($a: Boolean!) { viewer @include(if: $a) { id } openCareRequests @skip(if: $a) { totalCount } }";
    assert_eq!(measure(query, serde_json::json!({ "a": true })).cost, 1);
    assert_eq!(measure(query, serde_json::json!({ "a": false })).cost, 20);
}

#[test]
fn of_what_may_be_of_several_types_the_dearest_counts() {
    let event = |inner: &str| {
        cost(&format!(
            "subscription {{ careEvents(careRequestId: \"a\") {{ ... on CareEventDelivered {{ event {{ {inner} }} }} }} }}"
        ))
    };
    assert_eq!(event("id"), 2, "the message and the event");
    let kinds =
        "... on CareRecorded { id plant { name } } ... on CommentAdded { id comment { body author { id } } }
        ... on RequestExpired { id }";
    assert_eq!(event(kinds), 2 + 2);
    assert_eq!(event(&format!("actor {{ id }} id {kinds}")), 2 + 1 + 2);
    assert_eq!(event("... on CareEvent { id } id"), 2);
}

#[test]
fn lists_that_are_sent_cost_their_length() {
    let query = "query($s: [CareRequestStatus!]) { careRequests(first: 1, status: $s) { totalCount } }";
    let cost_of = |query, variables| measure(query, variables).cost;
    assert_eq!(
        cost_of(query, serde_json::json!({ "s": ["OPEN", "DRAFT", "OPEN"] })),
        1 + 3
    );
    assert_eq!(
        cost_of(query, serde_json::json!({ "s": [], "stray": [[1, 2], [3]] })),
        1,
        "what no variable takes is not looked at"
    );
    let written = "{ careRequests(first: 1, status: [OPEN, DRAFT]) { totalCount } }";
    assert_eq!(cost_of(written, serde_json::json!({})), 1 + 2);
    let by_default =
        "query($s: [CareRequestStatus!] = [OPEN]) { careRequests(first: 1, status: $s) { totalCount } }";
    assert_eq!(cost_of(by_default, serde_json::json!({})), 1 + 1);
}

#[test]
fn one_password_is_hashed_at_most() {
    let login = "login(input: { email: \"a\", password: \"b\" }) { session { accessToken } }";
    for (query, passwords) in [
        (format!("mutation {{ {login} }}"), 1),
        (
            format!("mutation {{ {login} ...f }} fragment f on Mutation {{ b: {login} }}"),
            2,
        ),
    ] {
        let measured = measure(&query, serde_json::json!({}));
        assert_eq!(measured.passwords, passwords);
        let exceeded = measured.exceeded(&Limits::default());
        assert_eq!(
            exceeded.map(|exceeded| exceeded.limit),
            (passwords > 1).then_some("PASSWORDS")
        );
    }
}
