//! What is written in a document, as values.

use apollo_compiler::Schema;
use apollo_compiler::ast::{Type, Value as Literal};
use apollo_compiler::schema::ExtendedType;
use async_graphql::Name;
use async_graphql_value::Value;
use indexmap::IndexMap;

/// A literal of a type as a value: one by itself is a list where a list is asked for, whole numbers are ids where those are,
/// and fields of inputs have their defaults (section 3.11, 3.10, 3.5.5). Nothing if it is none: what is valid always is.
pub(super) fn value(schema: &Schema, of_type: &Type, literal: &Literal) -> Option<Value> {
    match literal {
        Literal::Variable(name) => return Some(Value::Variable(Name::new(name))),
        Literal::Null => return Some(Value::Null),
        _ => {}
    }
    if of_type.is_list() {
        let item = of_type.item_type();
        let values = match literal {
            Literal::List(values) => values.iter().map(|entry| value(schema, item, entry)).collect(),
            one => value(schema, item, one).map(|one| vec![one]),
        };
        return values.map(Value::List);
    }
    Some(match literal {
        Literal::Boolean(value) => Value::Boolean(*value),
        Literal::String(value) => Value::String(value.clone()),
        Literal::Enum(value) => Value::Enum(Name::new(value)),
        Literal::Int(value) if of_type.inner_named_type() == "ID" => Value::String(value.as_str().to_owned()),
        Literal::Int(value) => Value::Number(value.as_str().parse().ok()?),
        Literal::Float(value) => Value::Number(value.as_str().parse().ok()?),
        Literal::Object(fields) => {
            let ExtendedType::InputObject(object) = schema.types.get(of_type.inner_named_type())? else {
                return None;
            };
            let mut coerced = IndexMap::with_capacity(fields.len());
            for (name, field) in &object.fields {
                let written = fields.iter().find(|(written, _)| written == name);
                let written = written.map(|(_, value)| value);
                if let Some(literal) = written.or(field.default_value.as_ref()) {
                    coerced.insert(Name::new(name), value(schema, &field.ty, literal)?);
                }
            }
            Value::Object(coerced)
        }
        Literal::Null | Literal::List(_) | Literal::Variable(_) => return None,
    })
}
