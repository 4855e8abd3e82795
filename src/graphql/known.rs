//! Documents that were read before. Front ends send the same few over and over.

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use async_graphql::ServerError;
use async_graphql::parser::types::{DocumentOperations, ExecutableDocument, OperationDefinition};

use super::Price;
use super::specification::Validated;
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
    /// Whether it is valid, since somebody asked.
    validated: OnceLock<Result<Validated, Vec<ServerError>>>,
}

impl Parsed {
    /// A document that was read just now.
    pub fn new(document: ExecutableDocument) -> Self {
        Self {
            document,
            runs: OnceLock::new(),
            price: OnceLock::new(),
            validated: OnceLock::new(),
        }
    }

    /// Whether it is valid, or what is wrong with it.
    pub(super) fn validated(
        &self,
        read: impl FnOnce() -> Result<Validated, Vec<ServerError>>,
    ) -> Result<&Validated, Vec<ServerError>> {
        self.validated.get_or_init(read).as_ref().map_err(Clone::clone)
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
}
