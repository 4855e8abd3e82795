//! Where two neutral answers differ.

use serde_json::Value;

/// The first place at which two answers differ, with both values; nothing if they are the same.
pub fn first_difference(left: &Value, right: &Value) -> Option<String> {
    at(left, right, "data")
}

fn at(left: &Value, right: &Value, path: &str) -> Option<String> {
    match (left, right) {
        (Value::Object(left), Value::Object(right)) => {
            let keys = left
                .keys()
                .chain(right.keys().filter(|key| !left.contains_key(*key)));
            keys.map(|key| (key, format!("{path}.{key}")))
                .find_map(|(key, path)| match (left.get(key), right.get(key)) {
                    (Some(left), Some(right)) => at(left, right, &path),
                    (Some(_), None) => Some(format!("{path} is only in the first")),
                    _ => Some(format!("{path} is only in the second")),
                })
        }
        (Value::Array(left), Value::Array(right)) => left
            .iter()
            .zip(right)
            .enumerate()
            .find_map(|(index, (left, right))| at(left, right, &format!("{path}[{index}]")))
            .or_else(|| {
                (left.len() != right.len())
                    .then(|| format!("{path} has {} entries and {}", left.len(), right.len()))
            }),
        _ => (left != right).then(|| format!("{path} is {left} and {right}")),
    }
}
