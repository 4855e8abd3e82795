//! Canonical forms and what is valid, over a small schema; whole documents at random are `tests/node`'s.

use async_graphql_value::value;

use super::*;

const SCHEMA: &str = "
schema { query: Query mutation: Mutation }
type Query { pot(size: Int = 3, of: Of): Pot! pets: [Pet!]! }
type Mutation { water(ml: Int!): Pot! }
interface Named { name: String! }
type Pot implements Named { name: String! plant: Plant! size(unit: String): Int! }
type Plant { pot: Pot! leaves: Int! }
type Cat implements Named { name: String! lives: Int! }
type Dog implements Named { name: String! friend: Named! }
type Fish { fins: Int! }
union Pet = Cat | Dog | Fish
input Of @oneOf { id: ID name: String }
";

fn specification() -> Specification {
    Specification::of_sdl(SCHEMA, false).unwrap()
}

fn made(document: &str, variables: serde_json::Value, most: usize) -> Result<String, TooLarge> {
    let specification = specification();
    let validated = specification.validate(&parse(document).unwrap()).unwrap();
    let chosen = validated.operation(None).unwrap();
    let sent = Variables::from_json(variables);
    let variables = specification.coerce(chosen, sent).unwrap();
    let canonical = specification.canonical(chosen, &variables, most)?;
    Ok(print(&canonical.operation))
}

fn canonical(document: &str) -> String {
    made(document, serde_json::json!({}), 1_000).unwrap()
}

#[test]
fn each_response_key_is_there_once_in_the_order_of_its_first_field() {
    assert_eq!(
        canonical(
            "{ pot { ...f size } pot { plant { leaves } name ...f } }
            fragment f on Pot { plant { pot { name } } ... on Named { name } n: name }"
        ),
        "query{pot{plant{pot{name} leaves} name n:name size}}"
    );
    assert_eq!(
        canonical("mutation { water(ml: 1) { name } b: water(ml: 2) { name } water(ml: 1) { size } }"),
        "mutation{water(ml:1){name size} b:water(ml:2){name}}"
    );
}

#[test]
fn what_may_be_of_several_types_has_what_they_share_and_then_the_rest_of_each() {
    for (selected, expected) in [
        ("__typename", "__typename"),
        ("__typename ... on Cat { lives }", "__typename ...on Cat{lives}"),
        // No field of the union itself.
        ("... on Named { name }", "...on Cat{name} ...on Dog{name}"),
        (
            "...dog __typename ... on Fish { fins }",
            "...on Cat{__typename} ...on Dog{friend{name} __typename} ...on Fish{__typename fins}",
        ),
        (
            "...dog ... on Named { ... on Dog { friend { ... on Cat { lives } } } }",
            "...on Dog{friend{name ...on Cat{lives}}}",
        ),
    ] {
        // Used once where it adds nothing, so that it is used always.
        let document = format!(
            "{{ pets {{ {selected} }} a: pets {{ ... on Dog {{ ...dog }} }} }}
            fragment dog on Dog {{ friend {{ name ... on Dog {{ name }} }} }}"
        );
        let expected = format!("query{{pets{{{expected}}} a:pets{{...on Dog{{friend{{name}}}}}}}}");
        assert_eq!(canonical(&document), expected, "{document}");
    }
}

#[test]
fn conditions_are_decided_and_what_has_no_value_is_left_out() {
    let document = "query($yes: Boolean = true, $size: Int, $unit: String) {
        pot(size: $size) { name @skip(if: $yes) plant @include(if: $yes) { leaves } size(unit: $unit) } }";
    for (variables, expected) in [
        (
            serde_json::json!({}),
            "query{pot{plant{leaves} size(unit:$unit)}}",
        ),
        (
            serde_json::json!({ "yes": false, "size": 2 }),
            "query{pot(size:$size){name size(unit:$unit)}}",
        ),
        // Neither true: section 6.3.2 knows no error here.
        (
            serde_json::json!({ "yes": null, "size": null }),
            "query{pot(size:$size){name size(unit:$unit)}}",
        ),
    ] {
        assert_eq!(made(document, variables, 1_000).unwrap(), expected);
    }
    let specification = specification();
    let validated = specification.validate(&parse(document).unwrap()).unwrap();
    let chosen = validated.operation(None).unwrap();
    let form_key = |variables| chosen.form_key(&Variables::from_value(variables));
    assert_eq!(form_key(value!({ "yes": true, "unit": "cm" })), [true, false]);
    assert_eq!(form_key(value!({ "size": null })), [false, true]);
}

#[test]
fn what_grows_too_large_is_given_up() {
    let mut inner = "name".to_owned();
    for _ in 0..6 {
        inner = format!(
            "... on Dog {{ friend {{ {inner} }} }} ... on Named {{ ... on Dog {{ friend {{ {inner} }} }} }}"
        );
    }
    let document = format!("{{ pets {{ {inner} }} }}");
    assert_eq!(
        made(&document, serde_json::json!({}), 500),
        Err(TooLarge { looked_at: 501 })
    );
    assert!(made(&document, serde_json::json!({}), 100_000).is_ok());
}

#[test]
fn of_one_of_several_fields_one_is_given() {
    let specification = specification();
    for (of, is_valid) in [
        ("{id: 1}", true),
        ("{id: $id}", true),
        ("{name: $name}", false),
        ("{id: 1, name: \"a\"}", false),
        ("{}", false),
        ("{id: null}", false),
    ] {
        let document = format!(
            "query($id: ID!, $name: String, $of: Of) {{ pot(of: {of}) {{ name }} a: pot(of: $of) {{ name }}
            b: pot(of: {{id: $id}}) {{ name size(unit: $name) }} }}"
        );
        let validated = specification.validate(&parse(&document).unwrap());
        assert_eq!(validated.is_ok(), is_valid, "{of}");
        if let Ok(validated) = validated {
            for (sent, is_valid) in [
                (serde_json::json!({ "id": "a" }), true),
                (serde_json::json!({ "id": "a", "name": "b" }), false),
                (serde_json::json!({ "name": null }), false),
                (serde_json::json!({}), false),
            ] {
                let sent = Variables::from_json(serde_json::json!({ "id": "1", "of": sent }));
                let coerced = specification.coerce(validated.operation(None).unwrap(), sent);
                assert_eq!(coerced.is_ok(), is_valid);
            }
        }
    }
}

/// Canonical forms have no directives: whoever adds one that does something as an operation runs has to see to that.
#[test]
fn no_directive_but_skip_and_include_can_be_used_in_a_document() {
    let specification = Specification::of_sdl(&crate::graphql::sdl(), false).unwrap();
    let directives = specification.schema.directive_definitions.values();
    let executable = directives.filter(|directive| {
        let mut locations = directive.locations.iter();
        locations.any(|location| {
            use apollo_compiler::ast::DirectiveLocation as At;
            matches!(
                location,
                At::Query
                    | At::Mutation
                    | At::Subscription
                    | At::Field
                    | At::FragmentDefinition
                    | At::FragmentSpread
                    | At::InlineFragment
                    | At::VariableDefinition
            )
        })
    });
    let mut names: Vec<_> = executable.map(|directive| directive.name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["include", "skip"]);
}
