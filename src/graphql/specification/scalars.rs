//! Scalars of our own: what may be written in a document, and sent in a variable, for each of them.

use apollo_compiler::Schema;
use apollo_compiler::ast::Value as Literal;
use apollo_compiler::schema::ExtendedType;
use async_graphql_value::ConstValue;

use crate::graphql::scalars::{Date, DateTime};

/// Whether a text is one of a scalar of ours; nothing if there is no such scalar. No server starts whose schema has one that
/// is not known here.
pub(super) fn reads(scalar: &str, text: &str) -> Option<bool> {
    match scalar {
        "Date" => Some(Date::read(text).is_some()),
        "DateTime" => Some(DateTime::read(text).is_some()),
        _ => None,
    }
}

/// Whether a type is a scalar that the specification does not have.
pub(super) fn is_own(of_type: &ExtendedType) -> bool {
    matches!(of_type, ExtendedType::Scalar(scalar) if !scalar.is_built_in())
}

/// Whether what is written in a document is a value of a scalar of ours.
pub(super) fn is_literal(scalar: &str, literal: &Literal) -> bool {
    matches!(literal, Literal::String(text) if reads(scalar, text) == Some(true))
}

/// Whether what was sent is a value of a scalar of ours.
pub(super) fn is_value(scalar: &str, value: &ConstValue) -> bool {
    matches!(value, ConstValue::String(text) if reads(scalar, text) == Some(true))
}

/// Scalars of a schema that are not known here.
pub(super) fn unknown(schema: &Schema) -> impl Iterator<Item = &str> {
    schema
        .types
        .iter()
        .filter(|(_, of_type)| is_own(of_type))
        .map(|(name, _)| name.as_str())
        .filter(|name| reads(name, "").is_none())
}
