//! Answers of different servers as one neutral JSON, so that they can be compared.
//!
//! Servers tell ids in their own ways, write times with other offsets and digits, and order keys differently. What is
//! compared is the rest: every key that was asked for, and no other, with the same value.

mod diff;
mod shapes;

use chrono::{DateTime, NaiveDate};
use plant_care_prove::failure::{Failure, Result, fail};
use serde_json::{Map, Value, json};

pub use self::diff::first_difference;
pub use self::shapes::shape;

/// What a part of an answer is.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// An id: a text that is not compared.
    Id,
    /// A text.
    Text,
    /// A whole number.
    Number,
    /// A day of the calendar.
    Day,
    /// A moment, compared in microseconds.
    Moment,
    /// Something that may be null.
    Maybe(&'static Shape),
    /// An object with just these keys.
    Object(&'static [(&'static str, Shape)]),
    /// A list.
    List(&'static Shape),
    /// A connection: `edges` with a `node` each.
    Edges(&'static Shape),
}

/// A server's whole answer, neutral.
pub fn answer(shape: &Shape, body: &[u8]) -> Result<Value> {
    let mut answer: Value = serde_json::from_slice(body)?;
    neutral(shape, &answer["data"].take(), "data")
}

fn neutral(shape: &Shape, value: &Value, path: &str) -> Result<Value> {
    match shape {
        Shape::Id => text(value, path).map(|_| json!("an id")),
        Shape::Text => text(value, path).map(|text| json!(text)),
        Shape::Number => match value {
            Value::Number(number) if number.is_u64() => Ok(value.clone()),
            _ => wrong(value, path, "a number"),
        },
        Shape::Day => {
            let text = text(value, path)?;
            match NaiveDate::parse_from_str(text, "%Y-%m-%d") {
                Ok(day) => Ok(json!(day)),
                Err(_) => wrong(value, path, "a day"),
            }
        }
        Shape::Moment => match DateTime::parse_from_rfc3339(text(value, path)?) {
            Ok(moment) => Ok(json!({ "micros": moment.timestamp_micros() })),
            Err(_) => wrong(value, path, "a moment"),
        },
        Shape::Maybe(_) if value.is_null() => Ok(Value::Null),
        Shape::Maybe(shape) => neutral(shape, value, path),
        Shape::Object(keys) => object(keys, value, path),
        Shape::List(shape) => {
            let Value::Array(items) = value else {
                return wrong(value, path, "a list");
            };
            items
                .iter()
                .enumerate()
                .map(|(index, item)| neutral(shape, item, &format!("{path}[{index}]")))
                .collect()
        }
        Shape::Edges(shape) => {
            let edges = only(value, "edges", path)?;
            let Value::Array(items) = edges else {
                return wrong(edges, path, "a list of edges");
            };
            let node = |(index, edge)| {
                let path = format!("{path}[{index}]");
                neutral(shape, only(edge, "node", &path)?, &path)
            };
            items.iter().enumerate().map(node).collect()
        }
    }
}

fn object(keys: &[(&str, Shape)], value: &Value, path: &str) -> Result<Value> {
    let Value::Object(map) = value else {
        return wrong(value, path, "an object");
    };
    if let Some(other) = map.keys().find(|key| !keys.iter().any(|(asked, _)| asked == key)) {
        return fail(format!("{path}.{other} was not asked for"));
    }
    let mut found = Map::new();
    for (key, shape) in keys {
        let path = format!("{path}.{key}");
        let value = map
            .get(*key)
            .ok_or_else(|| Failure::new(format!("{path} is missing")))?;
        found.insert((*key).to_owned(), neutral(shape, value, &path)?);
    }
    Ok(Value::Object(found))
}

/// What is below an object's one key.
fn only<'a>(value: &'a Value, key: &str, path: &str) -> Result<&'a Value> {
    match value.as_object().filter(|map| map.len() == 1) {
        Some(map) => map
            .get(key)
            .ok_or_else(|| Failure::new(format!("{path}.{key} is missing"))),
        None => wrong(value, path, &format!("an object with {key} alone")),
    }
}

fn text<'a>(value: &'a Value, path: &str) -> Result<&'a str> {
    match value {
        Value::String(text) => Ok(text),
        _ => wrong(value, path, "a text"),
    }
}

fn wrong<T>(value: &Value, path: &str, what: &str) -> Result<T> {
    let told: String = value.to_string().chars().take(120).collect();
    fail(format!("{path} is not {what}: {told}"))
}

#[cfg(test)]
mod tests;
