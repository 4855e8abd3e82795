//! The schema as introspection tells of it.

use std::collections::HashMap;

use serde_json::Value;

use crate::failure::{Failure, Result};

const QUERY: &str = "{ __schema { types { kind name possibleTypes { name }
    fields(includeDeprecated: true) { name args { name type { ...type } } type { ...type } } } } }
fragment type on __Type { kind name ofType { kind name ofType { kind name ofType { kind name } } } }";

/// The types that have fields.
#[derive(Debug)]
pub(super) struct Schema(HashMap<String, Type>);

#[derive(Debug, Default)]
pub(super) struct Type {
    pub(super) fields: Vec<Field>,
    /// What it may be, if it is not an object.
    pub(super) possible: Vec<String>,
}

#[derive(Clone, Debug)]
pub(super) struct Field {
    pub(super) name: String,
    /// The type that it returns, below lists.
    pub(super) returns: String,
    /// Arguments, each with its type, and whether it must be given.
    pub(super) arguments: Vec<(String, String, bool)>,
}

impl Schema {
    /// What to ask for.
    pub(super) const QUERY: &str = QUERY;

    pub(super) fn read(data: &Value) -> Result<Self> {
        let types = data["__schema"]["types"].as_array();
        let types = types.ok_or_else(|| Failure::new("introspection told no types"))?;
        let mut known = HashMap::new();
        for told in types {
            let kind = told["kind"].as_str().unwrap_or_default();
            if !["OBJECT", "INTERFACE", "UNION"].contains(&kind) {
                continue;
            }
            let possible = list(&told["possibleTypes"]).map(name).collect();
            let fields = list(&told["fields"]).map(|field| Field {
                name: name(field),
                returns: named(&field["type"]),
                arguments: list(&field["args"])
                    .map(|argument| {
                        let ty = &argument["type"];
                        (name(argument), named(ty), ty["kind"] == "NON_NULL")
                    })
                    .collect(),
            });
            let mut fields: Vec<Field> = fields.collect();
            if told["name"] == "Query" {
                // Introspection does not tell of itself.
                let name = ("name".to_owned(), "String".to_owned(), true);
                for (field, returns, arguments) in
                    [("__schema", "__Schema", vec![]), ("__type", "__Type", vec![name])]
                {
                    fields.push(Field {
                        name: field.to_owned(),
                        returns: returns.to_owned(),
                        arguments,
                    });
                }
            }
            known.insert(name(told), Type { fields, possible });
        }
        Ok(Self(known))
    }

    /// A type, if it has fields or may be several types that do.
    pub(super) fn of(&self, name: &str) -> Option<&Type> {
        self.0.get(name)
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().map(Vec::as_slice).unwrap_or_default().iter()
}

fn name(told: &Value) -> String {
    told["name"].as_str().unwrap_or_default().to_owned()
}

fn named(mut ty: &Value) -> String {
    while ty["name"].is_null() && ty["ofType"].is_object() {
        ty = &ty["ofType"];
    }
    name(ty)
}
