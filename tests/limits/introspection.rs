//! What introspection costs: what it returns, and no more than tools need.

use serde_json::{Value, json};

use super::{exceeded, numbered};
use crate::support::TestApp;

/// What graphql-js's `getIntrospectionQuery` asks for with all of its options; GraphiQL and code generators ask for a part
/// of it.
const TOOLS: &str = "query IntrospectionQuery {
  __schema {
    description
    queryType { name kind } mutationType { name kind } subscriptionType { name kind }
    types { ...FullType }
    directives { name description isRepeatable locations args(includeDeprecated: true) { ...InputValue } }
  }
}
fragment FullType on __Type {
  kind name description specifiedByURL isOneOf
  fields(includeDeprecated: true) {
    name description args(includeDeprecated: true) { ...InputValue } type { ...TypeRef } isDeprecated deprecationReason
  }
  inputFields(includeDeprecated: true) { ...InputValue }
  interfaces { ...TypeRef }
  enumValues(includeDeprecated: true) { name description isDeprecated deprecationReason }
  possibleTypes { ...TypeRef }
}
fragment InputValue on __InputValue {
  name description type { ...TypeRef } defaultValue isDeprecated deprecationReason
}
fragment TypeRef on __Type {
  kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name
  ofType { kind name ofType { kind name ofType { kind name ofType { kind name } } } } } } } } }
}";

/// The objects in an answer, without the answer itself.
fn objects(value: &Value) -> usize {
    match value {
        Value::Object(fields) => 1 + fields.values().map(objects).sum::<usize>(),
        Value::Array(values) => values.iter().map(objects).sum(),
        _ => 0,
    }
}

#[tokio::test]
async fn it_costs_exactly_what_it_returns() {
    let app = TestApp::start().await;
    let olga = app.member("Olga").await;
    for query in [
        TOOLS,
        "{ __schema { __typename } }",
        "{ __schema { types { name } } }",
        "{ __schema { types { fields { args { type { ofType { name } } } type { possibleTypes { interfaces { name } } } } } } }",
        "{ __schema { types { enumValues { name } inputFields { name type { inputFields { name } } } } } }",
        "{ __schema { directives { name locations args { name } } queryType { fields { name } } } }",
        "query($type: String = \"CareEvent\") { __type(name: $type) { possibleTypes { interfaces { name } fields { name } } } }",
        "{ a: __type(name: \"Query\") { name } b: __type(name: \"[Plant!]!\") { name } __typename }",
    ] {
        let (cost, data) = super::accepted::cost(&app, &olga, query, json!({})).await;
        let told = objects(&data) - 1 + query.matches("[Plant").count();
        assert_eq!(cost["introspection"]["requested"], told, "{query}");
        assert_eq!(cost["introspection"]["maximum"], 20_000);
        assert_eq!(cost["requested"], 0);
    }
}

#[tokio::test]
async fn what_tells_the_schema_over_and_over_is_refused() {
    let app = TestApp::start().await;
    let nested = "interfaces { possibleTypes { ".repeat(5) + "name" + &" } }".repeat(5);
    let scalars = numbered(30, |number| format!("a{number}: name"));
    let nothings = numbered(30, |number| format!("a{number}: ofType {{ name }}"));
    let fields = "fields { name args { name type { name ofType { name } } } type { name ofType { name } } }";
    for query in [
        format!("{{ __schema {{ types {{ {nested} }} }} }}"),
        format!("{{ __schema {{ types {{ fields {{ type {{ fields {{ {scalars} }} }} }} }} }} }}"),
        format!(
            "{{ __schema {{ types {{ fields {{ type {{ fields {{ type {{ {nothings} }} }} }} }} }} }} }}"
        ),
        format!(
            "{{ {} }}",
            numbered(20, |number| format!(
                "s{number}: __schema {{ types {{ {fields} }} }}"
            ))
        ),
    ] {
        let answer = app.send(None, &query, json!({})).await;
        let (limit, value, maximum) = exceeded(&answer);
        assert_eq!((limit.as_str(), maximum), ("INTROSPECTION_COST", 20_000));
        assert!(value > maximum);
    }
}

#[tokio::test]
async fn its_limit_can_be_set_and_its_parts_count_in_one_operation() {
    let app = TestApp::start_with(&[("LIMIT_INTROSPECTION_COST", "3")]).await;
    let of = |count| {
        numbered(count, |number| {
            format!("t{number}: __type(name: \"Nothing\") {{ name }}")
        })
    };
    let within = app.send(None, &format!("{{ {} }}", of(3)), json!({})).await;
    assert_eq!(within.get("errors"), None);
    let beyond = app.send(None, &format!("{{ {} }}", of(4)), json!({})).await;
    assert_eq!(exceeded(&beyond), ("INTROSPECTION_COST".to_owned(), 4, 3));
}
