//! The values of variables, as the specification coerces them (section 6.1.2): all of them, before anything runs.

use std::fmt;

use apollo_compiler::ast::{Type, Value as Literal, VariableDefinition};
use apollo_compiler::schema::{ExtendedType, InputObjectType};
use apollo_compiler::{Node, Schema};
use async_graphql::{Name, ServerError, Variables};
use async_graphql_value::{ConstValue, Number, Value};
use indexmap::IndexMap;

use super::validator::is_one_of;
use super::{literals, scalars};

/// The values of variables, from those that were sent: defaults are in them, a value by itself is a list where one is asked
/// for, and what no variable takes is not in them.
pub(super) fn coerce(
    schema: &Schema,
    definitions: &[Node<VariableDefinition>],
    mut sent: Variables,
) -> Result<Variables, Vec<ServerError>> {
    let mut coerced = Variables::default();
    let mut errors = Vec::new();
    for definition in definitions {
        let name = definition.name.as_str();
        let value = match sent.remove(name) {
            Some(value) => {
                let at = At::Variable(name);
                input(schema, &definition.ty, value, &at).map(Some)
            }
            None => match &definition.default_value {
                Some(default) => constant(schema, &definition.ty, default).map(Some),
                None if definition.ty.is_non_null() => Err(format!(
                    "Variable \"${name}\" of type \"{}\" is required",
                    definition.ty
                )),
                None => Ok(None),
            },
        };
        match value {
            Ok(Some(value)) => {
                coerced.insert(Name::new(name), value);
            }
            Ok(None) => {}
            Err(message) => errors.push(ServerError::new(message, None)),
        }
    }
    if errors.is_empty() {
        Ok(coerced)
    } else {
        Err(errors)
    }
}

/// Where a value is, in what was sent.
enum At<'a> {
    Variable(&'a str),
    Entry(&'a At<'a>, usize),
    Field(&'a At<'a>, &'a str),
}

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable(name) => write!(f, "${name}"),
            Self::Entry(list, index) => write!(f, "{list}[{index}]"),
            Self::Field(object, name) => write!(f, "{object}.{name}"),
        }
    }
}

fn input(schema: &Schema, of_type: &Type, value: ConstValue, at: &At<'_>) -> Result<ConstValue, String> {
    if value == ConstValue::Null {
        return if of_type.is_non_null() {
            Err(format!("\"{at}\" is null, and its type is \"{of_type}\""))
        } else {
            Ok(value)
        };
    }
    if of_type.is_list() {
        let item = of_type.item_type();
        let ConstValue::List(values) = value else {
            return Ok(ConstValue::List(vec![input(schema, item, value, at)?]));
        };
        let entries = values.into_iter().enumerate();
        let entries = entries.map(|(index, value)| input(schema, item, value, &At::Entry(at, index)));
        return entries.collect::<Result<_, _>>().map(ConstValue::List);
    }
    let name = of_type.inner_named_type();
    let wrong = || format!("\"{at}\" is not a value of type \"{name}\"");
    match (schema.types.get(name), value) {
        (Some(ExtendedType::InputObject(object)), ConstValue::Object(fields)) => {
            input_object(schema, object, fields, at)
        }
        (Some(ExtendedType::Enum(of)), ConstValue::String(value))
            if of.values.contains_key(value.as_str()) =>
        {
            Ok(ConstValue::Enum(Name::new(value)))
        }
        (Some(ExtendedType::Scalar(scalar)), value) if !scalar.is_built_in() => {
            if scalars::is_value(name, &value) {
                Ok(value)
            } else {
                Err(wrong())
            }
        }
        (Some(ExtendedType::Scalar(_)), value) => built_in(name, value).ok_or_else(wrong),
        _ => Err(wrong()),
    }
}

/// A value of a scalar that the specification has.
fn built_in(name: &str, value: ConstValue) -> Option<ConstValue> {
    match (name, &value) {
        ("String" | "ID", ConstValue::String(_)) | ("Boolean", ConstValue::Boolean(_)) => Some(value),
        ("ID", ConstValue::Number(number)) => {
            let text = match number.as_i64() {
                Some(number) => number.to_string(),
                None => format!("{:.0}", whole(number)?),
            };
            Some(ConstValue::String(text))
        }
        ("Int", ConstValue::Number(number)) => {
            let number = whole(number)?;
            let is_small = f64::from(i32::MIN) <= number && number <= f64::from(i32::MAX);
            #[expect(clippy::cast_possible_truncation, reason = "it is between the two")]
            is_small.then(|| ConstValue::Number((number as i32).into()))
        }
        ("Float", ConstValue::Number(number)) => {
            number.as_f64().filter(|number| number.is_finite()).map(|_| value)
        }
        _ => None,
    }
}

/// A number without a fraction, however it is written: JSON does not tell `1.0` from `1`.
fn whole(number: &Number) -> Option<f64> {
    number.as_f64().filter(|number| number.fract() == 0.0)
}

fn input_object(
    schema: &Schema,
    object: &InputObjectType,
    mut fields: IndexMap<Name, ConstValue>,
    at: &At<'_>,
) -> Result<ConstValue, String> {
    if let Some(stray) = fields
        .keys()
        .find(|name| !object.fields.contains_key(name.as_str()))
    {
        // Whatever was sent as a name: only what can be one is told again.
        let is_name = |text: &str| {
            text.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        };
        let stray = if is_name(stray) { stray.as_str() } else { "***" };
        return Err(format!(
            "\"{at}\" has a field \"{stray}\", which \"{}\" has not",
            object.name
        ));
    }
    if is_one_of(object) && (fields.len() != 1 || fields.values().any(|value| *value == ConstValue::Null)) {
        return Err(format!(
            "\"{at}\" is of type \"{}\", which takes exactly one field, which is not null",
            object.name
        ));
    }
    let mut coerced = IndexMap::with_capacity(fields.len());
    for (name, field) in &object.fields {
        let value = match (fields.swap_remove(name.as_str()), &field.default_value) {
            (Some(value), _) => input(schema, &field.ty, value, &At::Field(at, name))?,
            (None, Some(default)) => constant(schema, &field.ty, default)?,
            (None, None) if field.ty.is_non_null() => {
                return Err(format!(
                    "\"{}\" of type \"{}\" is required",
                    At::Field(at, name),
                    field.ty
                ));
            }
            (None, None) => continue,
        };
        coerced.insert(Name::new(name), value);
    }
    Ok(ConstValue::Object(coerced))
}

/// What is written in a document or the schema for a variable or a field that was not sent. It has been found valid.
fn constant(schema: &Schema, of_type: &Type, literal: &Literal) -> Result<ConstValue, String> {
    let value = literals::value(schema, of_type, literal).and_then(Value::into_const);
    value.ok_or_else(|| format!("{literal} is not a value of type \"{of_type}\""))
}
