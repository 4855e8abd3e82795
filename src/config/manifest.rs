//! The manifest of trusted documents: the operations that a server's own clients were built with.
//!
//! Its format is the one that Apollo's tools write for persisted queries, version 1.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_graphql::parser::parse_query;
use async_graphql::parser::types::OperationType;
use serde::Deserialize;

const FORMAT: &str = "apollo-persisted-query-manifest";

/// Documents that were agreed on beforehand, by their ids.
#[derive(Debug)]
pub struct Manifest {
    path: PathBuf,
    documents: HashMap<String, Arc<str>>,
    texts: HashSet<Arc<str>>,
    names: Vec<String>,
}

/// Why a manifest cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// The file cannot be read.
    #[error("it cannot be read: {0}")]
    Unreadable(#[from] std::io::Error),
    /// It is not JSON, or not of a manifest's shape.
    #[error("{0}")]
    Misshapen(#[from] serde_json::Error),
    /// Another format, or another version of it.
    #[error("its format is {0} in version {1}")]
    OtherFormat(String, u64),
    /// An operation without an id.
    #[error("the operation {0} has no id")]
    NoId(String),
    /// Two operations with one id.
    #[error("the id {0} is there twice")]
    Repeated(String),
    /// An operation that is not what the manifest says of it.
    #[error("the body of {id} is not the {kind} {name}")]
    NotTheOperation {
        /// The operation's id.
        id: String,
        /// Its name in the manifest.
        name: String,
        /// Its type in the manifest.
        kind: String,
    },
}

#[derive(Deserialize)]
struct File {
    format: String,
    version: u64,
    operations: Vec<Operation>,
}

#[derive(Deserialize)]
struct Operation {
    id: String,
    name: String,
    #[serde(rename = "type")]
    kind: String,
    body: String,
}

impl Manifest {
    /// Reads a manifest, and looks at every operation in it.
    pub fn read(path: &Path) -> Result<Self, ManifestError> {
        let file: File = serde_json::from_slice(&std::fs::read(path)?)?;
        if file.format != FORMAT || file.version != 1 {
            return Err(ManifestError::OtherFormat(file.format, file.version));
        }
        let mut documents = HashMap::new();
        let mut names = Vec::new();
        for operation in file.operations {
            if operation.id.is_empty() {
                return Err(ManifestError::NoId(operation.name));
            }
            if !operation.is_what_it_says() {
                return Err(ManifestError::NotTheOperation {
                    id: operation.id,
                    name: operation.name,
                    kind: operation.kind,
                });
            }
            let id = operation.id.clone();
            names.push(operation.name);
            if documents.insert(operation.id, operation.body.into()).is_some() {
                return Err(ManifestError::Repeated(id));
            }
        }
        Ok(Self {
            path: path.to_owned(),
            texts: documents.values().cloned().collect(),
            documents,
            names,
        })
    }

    /// Where it was read from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The document of an id.
    pub fn document(&self, id: &str) -> Option<&str> {
        self.documents.get(id).map(|text| &**text)
    }

    /// The names of all operations.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// Whether a text is, letter by letter, one of the documents.
    pub fn has(&self, text: &str) -> bool {
        self.texts.contains(text)
    }
}

impl Operation {
    /// Whether the body has one operation, of the name and the type that the manifest gives.
    fn is_what_it_says(&self) -> bool {
        let kind = match self.kind.as_str() {
            "query" => OperationType::Query,
            "mutation" => OperationType::Mutation,
            "subscription" => OperationType::Subscription,
            _ => return false,
        };
        let Ok(document) = parse_query(&self.body) else {
            return false;
        };
        let mut operations = document.operations.iter();
        let first = operations.next();
        first.is_some_and(|(name, operation)| {
            name.is_some_and(|name| *name == self.name) && operation.node.ty == kind
        }) && operations.next().is_none()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(name: &str, content: &str) -> Result<Manifest, ManifestError> {
        let folder = std::env::temp_dir().join(format!("plant-care-manifest-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("manifest.json");
        std::fs::write(&path, content).unwrap();
        let manifest = Manifest::read(&path);
        std::fs::remove_dir_all(&folder).unwrap();
        manifest
    }

    fn with(operations: &Value) -> String {
        json!({ "format": FORMAT, "version": 1, "operations": operations }).to_string()
    }

    fn operation(id: &str, body: &str) -> Value {
        json!({ "id": id, "name": "A", "type": "query", "body": body })
    }

    #[test]
    fn documents_are_found_by_id() {
        let manifest = read(
            "good",
            &with(&json!([operation("1", "query A { viewer { id } }")])),
        )
        .unwrap();
        assert_eq!(manifest.document("1"), Some("query A { viewer { id } }"));
        assert_eq!(manifest.document("2"), None);
        assert!(manifest.has("query A { viewer { id } }") && !manifest.has("query A { viewer { id } } "));
    }

    #[test]
    fn what_is_broken_is_told() {
        let complaint = |name: &str, content: &str| read(name, content).unwrap_err().to_string();
        assert!(complaint("json", "{").contains("EOF"));
        assert!(complaint("shape", "{}").contains("missing field"));
        let other = json!({ "format": "relay", "version": 2, "operations": [] }).to_string();
        assert_eq!(complaint("format", &other), "its format is relay in version 2");
        let query = "query A { a }";
        let twice = with(&json!([operation("1", query), operation("1", query)]));
        assert_eq!(complaint("twice", &twice), "the id 1 is there twice");
        assert_eq!(
            complaint("id", &with(&json!([operation("", query)]))),
            "the operation A has no id"
        );
        for (number, body) in [
            "query A {",
            "query B { a }",
            "mutation A { a }",
            "{ a }",
            "query A { a } query B { a }",
        ]
        .iter()
        .enumerate()
        {
            assert_eq!(
                complaint(&format!("body{number}"), &with(&json!([operation("1", body)]))),
                "the body of 1 is not the query A",
                "{body}"
            );
        }
        let missing = Manifest::read(Path::new("/nowhere/manifest.json")).unwrap_err();
        assert!(missing.to_string().starts_with("it cannot be read"));
    }
}
