//! Answers as JSON.

use async_graphql::{Response, Value};
use async_graphql_value::RAW_VALUE_TOKEN;

/// A response as it is written: without `data` if nothing was run.
pub fn of_response(response: &Response, has_run: bool) -> Vec<u8> {
    let mut json = Vec::with_capacity(256);
    let mut before = b'{';
    let mut member = |json: &mut Vec<u8>, name: &str| {
        json.push(std::mem::replace(&mut before, b','));
        json.extend_from_slice(name.as_bytes());
    };
    if !response.errors.is_empty() {
        member(&mut json, "\"errors\":");
        write_plain(&mut json, &response.errors);
    }
    if has_run {
        member(&mut json, "\"data\":");
        write_value(&mut json, &response.data);
    }
    if !response.extensions.is_empty() {
        member(&mut json, "\"extensions\":");
        write_plain(&mut json, &response.extensions);
    }
    if json.is_empty() {
        json.push(b'{');
    }
    json.push(b'}');
    json
}

/// Writes a value as JSON.
pub fn write_value(json: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Null => json.extend_from_slice(b"null"),
        Value::Boolean(true) => json.extend_from_slice(b"true"),
        Value::Boolean(false) => json.extend_from_slice(b"false"),
        Value::String(text) => write_plain(json, text.as_str()),
        Value::Enum(name) => write_plain(json, name.as_str()),
        Value::List(values) => {
            json.push(b'[');
            for (index, value) in values.iter().enumerate() {
                if index > 0 {
                    json.push(b',');
                }
                write_value(json, value);
            }
            json.push(b']');
        }
        Value::Object(object) => match object.get(RAW_VALUE_TOKEN) {
            // Only what was written here has this key: no client can ask for it.
            Some(Value::String(text)) if object.len() == 1 => json.extend_from_slice(text.as_bytes()),
            _ => {
                json.push(b'{');
                for (index, (name, value)) in object.iter().enumerate() {
                    if index > 0 {
                        json.push(b',');
                    }
                    write_plain(json, name.as_str());
                    json.push(b':');
                    write_value(json, value);
                }
                json.push(b'}');
            }
        },
        Value::Number(_) | Value::Binary(_) => write_plain(json, value),
    }
}

/// Writes what is no value of GraphQL's as JSON.
pub fn write_plain<T: serde::Serialize + ?Sized>(json: &mut Vec<u8>, value: &T) {
    // Writing to memory does not fail, and no number of GraphQL is without a form in JSON.
    drop(serde_json::to_writer(json, value));
}
