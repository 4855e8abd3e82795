//! The schema: the file in the repository is the program's, and everything in it is described.

use std::path::Path;

use async_graphql::Positioned;
use async_graphql::parser::types::{
    EnumType, FieldDefinition, InputValueDefinition, TypeDefinition, TypeKind, TypeSystemDefinition,
};

use crate::support::definitions;

#[test]
fn the_file_in_the_repository_is_what_the_program_serves() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema.graphql");
    let written = std::fs::read_to_string(file).unwrap();
    let served = plant_care::graphql::sdl();
    let differs = written
        .lines()
        .zip(served.lines())
        .position(|(one, other)| one != other);
    assert!(
        written == served,
        "schema.graphql is not what the program serves, from line {} on: run `make schema`",
        differs.map_or_else(
            || written.lines().count().min(served.lines().count()),
            |line| line + 1
        )
    );
}

/// Whether there is a description that says something.
fn says_something(description: Option<&Positioned<String>>) -> bool {
    description.is_some_and(|description| description.node.trim().len() > 2)
}

fn of_arguments(of: &str, arguments: &[Positioned<InputValueDefinition>], missing: &mut Vec<String>) {
    for argument in arguments {
        if !says_something(argument.node.description.as_ref()) {
            missing.push(format!("{of}({})", argument.node.name.node));
        }
    }
}

fn of_fields(of: &str, fields: &[Positioned<FieldDefinition>], missing: &mut Vec<String>) {
    for field in fields {
        let name = format!("{of}.{}", field.node.name.node);
        if !says_something(field.node.description.as_ref()) {
            missing.push(name.clone());
        }
        of_arguments(&name, &field.node.arguments, missing);
    }
}

fn of_type(definition: &TypeDefinition, missing: &mut Vec<String>) {
    let name = definition.name.node.as_str();
    if !says_something(definition.description.as_ref()) {
        missing.push(name.to_owned());
    }
    match &definition.kind {
        TypeKind::Object(object) => of_fields(name, &object.fields, missing),
        TypeKind::Interface(interface) => of_fields(name, &interface.fields, missing),
        TypeKind::InputObject(input) => of_arguments(name, &input.fields, missing),
        TypeKind::Enum(EnumType { values }) => {
            for value in values {
                if !says_something(value.node.description.as_ref()) {
                    missing.push(format!("{name}.{}", value.node.value.node));
                }
            }
        }
        TypeKind::Scalar | TypeKind::Union(_) => {}
    }
}

/// What of a schema has no description.
fn undescribed(sdl: &str) -> Vec<String> {
    let mut missing = Vec::new();
    for definition in definitions(sdl) {
        if let TypeSystemDefinition::Type(definition) = definition {
            of_type(&definition.node, &mut missing);
        }
    }
    missing
}

#[test]
fn everything_in_the_schema_is_described() {
    assert_eq!(undescribed(&plant_care::graphql::sdl()), [""; 0]);
}

#[test]
fn what_is_not_described_is_found() {
    let sdl = "type A { b(c: Int): Int } enum D { E } input F { g: Int } scalar H";
    let missing = undescribed(sdl);
    assert_eq!(missing, ["A", "A.b", "A.b(c)", "D", "D.E", "F", "F(g)", "H"]);
}

#[test]
fn the_names_that_clients_rely_on_are_there() {
    let sdl = plant_care::graphql::sdl();
    for line in [
        "interface Node {",
        "interface CareEvent {",
        "union CareStreamMessage = ",
        "union FeedMessage = ",
        "scalar DateTime @specifiedBy(url: \"https://www.rfc-editor.org/rfc/rfc3339\")",
    ] {
        assert!(sdl.contains(line), "{line}");
    }
}
