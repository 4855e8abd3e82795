//! The GraphQL schema, for who has to know of its types with fields: what they cost, and what is called on them.

use std::collections::HashMap;

use apollo_compiler::collections::IndexMap;
use apollo_compiler::schema::{Component, ExtendedType, FieldDefinition};
use apollo_compiler::{Name, Schema};

/// The types that have fields, or may be several that have, without those of introspection; and the place of each by its name.
pub fn composite_types(schema: &Schema) -> (Vec<&ExtendedType>, HashMap<String, usize>) {
    let is_composite =
        |of_type: &ExtendedType| of_type.is_object() || of_type.is_interface() || of_type.is_union();
    let types = schema.types.values();
    let types: Vec<_> = types
        .filter(|of_type| !of_type.is_built_in() && is_composite(of_type))
        .collect();
    let names = types.iter().map(|of_type| of_type.name().to_string());
    let by_name = names.zip(0..).collect();
    (types, by_name)
}

/// The fields of a type, if it is of a kind that has them.
pub fn fields_of(of_type: &ExtendedType) -> Option<&IndexMap<Name, Component<FieldDefinition>>> {
    match of_type {
        ExtendedType::Object(object) => Some(&object.fields),
        ExtendedType::Interface(interface) => Some(&interface.fields),
        _ => None,
    }
}
