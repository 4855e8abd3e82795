//! Documents that were read before. Front ends send the same few over and over.

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use async_graphql::parser::types::{
    BaseType, DocumentOperations, ExecutableDocument, OperationDefinition, Type, VariableDefinition,
};
use async_graphql::{Positioned, Variables};
use async_graphql_value::ConstValue;

use super::Price;
use crate::telemetry::calls::Plan;

/// Bytes of text in a generation; what is made of a text is a few times as long.
const GENERATION_BYTES: usize = 128 * 1024;

/// A document as it was read, and what was found out about it since.
#[derive(Debug)]
pub struct Parsed {
    document: ExecutableDocument,
    /// As it is run, and what it will have called; of a document with one operation.
    pub(super) runs: OnceLock<(ExecutableDocument, Arc<Plan>)>,
    /// What it costs; of a document with one operation, where nothing that is sent has a size.
    pub(super) price: OnceLock<Price>,
    /// Whether it has been run without an error, so that only variables could make it invalid.
    is_valid: AtomicBool,
}

impl Parsed {
    /// A document that was read just now.
    pub fn new(document: ExecutableDocument) -> Self {
        Self {
            document,
            runs: OnceLock::new(),
            price: OnceLock::new(),
            is_valid: AtomicBool::new(false),
        }
    }

    /// Whether its validation can be left out with these variables.
    pub(super) fn is_valid(&self, variables: &Variables) -> bool {
        self.is_valid.load(Ordering::Relaxed)
            && self
                .definitions()
                .is_some_and(|definitions| definitions.iter().all(|definition| suits(definition, variables)))
    }

    /// It has been validated. Which values its variables may have is part of that and is asked each time.
    pub(super) fn has_been_validated(&self) {
        if self.definitions().is_some() {
            self.is_valid.store(true, Ordering::Relaxed);
        }
    }

    /// The variables of a document with one operation: of several each has its own.
    fn definitions(&self) -> Option<&[Positioned<VariableDefinition>]> {
        only(&self.document).map(|operation| operation.variable_definitions.as_slice())
    }
}

/// The operation of a document that has one, whether it has a name or not.
pub(super) fn only(document: &ExecutableDocument) -> Option<&OperationDefinition> {
    match &document.operations {
        DocumentOperations::Single(operation) => Some(&operation.node),
        DocumentOperations::Multiple(operations) if operations.len() == 1 => {
            operations.values().next().map(|operation| &operation.node)
        }
        DocumentOperations::Multiple(_) => None,
    }
}

/// Whether a variable has, beyond doubt, a value of its type. What a list, an enum, an input object or a scalar of ours
/// may be, validation knows.
fn suits(definition: &Positioned<VariableDefinition>, variables: &Variables) -> bool {
    let definition = &definition.node;
    let Type { base, nullable } = &definition.var_type.node;
    let BaseType::Named(name) = base else { return false };
    match (name.as_str(), variables.get(&definition.name.node)) {
        (_, None) => *nullable || definition.default_value.is_some(),
        (_, Some(ConstValue::Null)) => *nullable,
        ("ID" | "String", Some(ConstValue::String(_))) | ("Boolean", Some(ConstValue::Boolean(_))) => true,
        ("Int", Some(ConstValue::Number(number))) => number
            .as_i64()
            .is_some_and(|number| i32::try_from(number).is_ok()),
        _ => false,
    }
}

impl Deref for Parsed {
    type Target = ExecutableDocument;

    fn deref(&self) -> &ExecutableDocument {
        &self.document
    }
}

/// Documents by their text: those that were asked for last. Two generations of a bounded size; when the younger one is
/// full, it becomes the older one, and the older one goes.
#[derive(Debug, Default)]
pub(super) struct Known(Mutex<Generations>);

#[derive(Debug, Default)]
struct Generations {
    young: HashMap<Box<str>, Arc<Parsed>>,
    old: HashMap<Box<str>, Arc<Parsed>>,
    bytes: usize,
}

impl Known {
    /// The document of a text, if it was read before.
    pub(super) fn find(&self, text: &str) -> Option<Arc<Parsed>> {
        let mut generations = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(parsed) = generations.young.get(text) {
            return Some(Arc::clone(parsed));
        }
        let (text, parsed) = generations.old.remove_entry(text)?;
        generations.insert(text, Arc::clone(&parsed));
        Some(parsed)
    }

    /// Keeps a document that was read.
    pub(super) fn keep(&self, text: &str, parsed: Arc<Parsed>) {
        let mut generations = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        generations.insert(text.into(), parsed);
    }
}

impl Generations {
    fn insert(&mut self, text: Box<str>, parsed: Arc<Parsed>) {
        if self.bytes + text.len() > GENERATION_BYTES {
            self.old = std::mem::take(&mut self.young);
            self.bytes = 0;
        }
        self.bytes += text.len();
        self.young.insert(text, parsed);
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;
    use serde_json::json;

    use super::*;

    fn parsed() -> Arc<Parsed> {
        Arc::new(Parsed::new(parse_query("{ viewer { id } }").unwrap()))
    }

    #[test]
    fn what_is_asked_for_stays_and_the_rest_goes() {
        let known = Known::default();
        known.keep("often", parsed());
        for number in 0..1_000 {
            assert!(known.find("often").is_some(), "{number}");
            known.keep(&format!("{number:01000}"), parsed());
        }
        assert!(known.find(&format!("{:01000}", 999)).is_some());
        assert!(known.find(&format!("{:01000}", 0)).is_none());
        let generations = known.0.lock().unwrap();
        let kept: usize = [&generations.young, &generations.old]
            .iter()
            .flat_map(|generation| generation.keys())
            .map(|text| text.len())
            .sum();
        assert!(kept <= 2 * GENERATION_BYTES, "{kept}");
    }

    #[test]
    fn only_what_no_variable_can_spoil_is_valid_for_good() {
        let one = "query($id: ID!, $first: Int, $deep: Boolean = true) { node(id: $id) { id } }";
        for (text, variables, is_valid) in [
            ("{ viewer { id } }", json!({}), true),
            ("{ viewer { id } }", json!({ "stray": 1 }), true),
            ("query A { viewer { id } }", json!({}), true),
            ("query A($day: Date) { viewer { id } }", json!({}), true),
            (
                "query A($day: Date!) { viewer { id } }",
                json!({ "day": "" }),
                false,
            ),
            (
                "query A { viewer { id } } query B { viewer { id } }",
                json!({}),
                false,
            ),
            (one, json!({ "id": "a" }), true),
            (one, json!({ "id": "a", "first": 5, "deep": false }), true),
            (one, json!({ "id": "a", "first": null }), true),
            (one, json!({}), false),
            (one, json!({ "id": null }), false),
            (one, json!({ "id": ["a"] }), false),
            (one, json!({ "id": "a", "first": "5" }), false),
            (one, json!({ "id": "a", "first": 5_000_000_000_i64 }), false),
            (one, json!({ "id": "a", "first": 0.5 }), false),
            (one, json!({ "id": "a", "deep": "yes" }), false),
            (
                "query($day: Date) { viewer { id } }",
                json!({ "day": "2026-11-27" }),
                false,
            ),
            (
                "query($ids: [ID!]) { viewer { id } }",
                json!({ "ids": ["a"] }),
                false,
            ),
        ] {
            let parsed = Parsed::new(parse_query(text).unwrap());
            let given = Variables::from_json(variables.clone());
            assert!(!parsed.is_valid(&given));
            parsed.has_been_validated();
            assert_eq!(parsed.is_valid(&given), is_valid, "{text} {variables}");
        }
    }
}
