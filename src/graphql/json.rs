//! Answers as JSON.

use async_graphql::{Response, Value};
use async_graphql_value::RAW_VALUE_TOKEN;

/// A response as it is written: without `data` if nothing was run.
pub fn of_response(response: &Response, has_run: bool) -> Vec<u8> {
    // As long as it will be: what grows by doubling takes twice as much for a moment.
    let data = if has_run { length(&response.data) } else { 0 };
    let mut json = Vec::with_capacity(data + 256);
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

/// The bytes of a value as JSON.
pub fn length(value: &Value) -> usize {
    // What stands around the entries of a list or an object.
    let around = |entries: usize| entries.saturating_sub(1) + 2;
    match value {
        Value::Null | Value::Boolean(true) => 4,
        Value::Boolean(false) => 5,
        Value::String(text) => text_length(text),
        Value::Enum(name) => text_length(name),
        Value::List(values) => around(values.len()) + values.iter().map(length).sum::<usize>(),
        Value::Object(object) => match object.get(RAW_VALUE_TOKEN) {
            Some(Value::String(text)) if object.len() == 1 => text.len(),
            _ => {
                let entries = object.iter();
                let entries = entries.map(|(name, value)| text_length(name) + 1 + length(value));
                around(object.len()) + entries.sum::<usize>()
            }
        },
        Value::Number(_) | Value::Binary(_) => {
            let mut json = Vec::new();
            write_plain(&mut json, value);
            json.len()
        }
    }
}

/// The bytes of a text as JSON.
fn text_length(text: &str) -> usize {
    let escaped = text.bytes().map(|byte| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 0x08 | 0x0C => 1,
        0x00..=0x1F => 5,
        _ => 0,
    });
    text.len() + 2 + escaped.sum::<usize>()
}

/// Writes what is no value of GraphQL's as JSON.
pub fn write_plain<T: serde::Serialize + ?Sized>(json: &mut Vec<u8>, value: &T) {
    // Writing to memory does not fail, and no number of GraphQL is without a form in JSON.
    drop(serde_json::to_writer(json, value));
}

#[cfg(test)]
mod tests {
    use async_graphql::{Name, value};

    use super::*;

    #[test]
    fn as_long_as_it_is_written() {
        let every_byte: String = (0..=0x10FF).filter_map(char::from_u32).collect();
        let raw = Value::Object(
            [(Name::new(RAW_VALUE_TOKEN), Value::from("[1,2]"))]
                .into_iter()
                .collect(),
        );
        for told in [
            value!(null),
            value!([]),
            value!({}),
            value!({ "a": [true, false, null], "b": { "c": -12, "d": 0.5, "e": 18_446_744_073_709_551_615_u64 } }),
            Value::from(every_byte),
            Value::Enum(Name::new("OPEN")),
            Value::List(vec![raw, value!("x")]),
        ] {
            let mut json = Vec::new();
            write_value(&mut json, &told);
            assert_eq!(length(&told), json.len(), "{told}");
        }
    }
}
