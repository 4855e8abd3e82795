//! Documents that were read before. Front ends send the same few over and over.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use apollo_compiler::Name;
use apollo_compiler::ast::{Definition, Document, FragmentDefinition, OperationDefinition};
use async_graphql::ServerError;

use super::runnable::Runnable;
use super::specification::Validated;

/// Bytes of text in a generation; what is made of a text is many times as long.
const GENERATION_BYTES: usize = 128 * 1024;
/// The forms of a document that are kept: as many as four conditions make.
const MOST_FORMS: usize = 16;
/// As how many bytes of text a field of a form counts.
const FIELD_BYTES: usize = 8;

/// A document as it was read, and what was found out about it since.
#[derive(Debug)]
pub struct Parsed {
    document: Document,
    /// Whether it is valid, since somebody asked.
    validated: OnceLock<Result<Validated, Vec<ServerError>>>,
    /// As it runs.
    forms: Mutex<Vec<Form>>,
}

/// One of its operations as it runs, and by which key it is this form of it.
#[derive(Debug)]
struct Form {
    place: usize,
    key: Vec<bool>,
    runs: Arc<Runnable>,
}

impl Parsed {
    /// A document that was read just now.
    pub fn new(document: Document) -> Self {
        Self {
            document,
            validated: OnceLock::new(),
            forms: Mutex::default(),
        }
    }

    /// Its operations.
    pub fn operations(&self) -> impl Iterator<Item = &OperationDefinition> {
        let definitions = self.document.definitions.iter();
        definitions.filter_map(|definition| match definition {
            Definition::OperationDefinition(operation) => Some(&**operation),
            _ => None,
        })
    }

    /// The operation of this name, or the only one.
    pub fn operation(&self, name: Option<&str>) -> Option<&OperationDefinition> {
        let mut operations = self.operations();
        match name {
            Some(name) => operations.find(|operation| operation.name.as_ref().is_some_and(|own| own == name)),
            None => operations.next().filter(|_| operations.next().is_none()),
        }
    }

    /// Its fragments by their names.
    pub(super) fn fragments(&self) -> HashMap<&Name, &FragmentDefinition> {
        let definitions = self.document.definitions.iter();
        let fragments = definitions.filter_map(|definition| match definition {
            Definition::FragmentDefinition(fragment) => Some((&fragment.name, &**fragment)),
            _ => None,
        });
        fragments.collect()
    }

    /// Whether it is valid, or what is wrong with it.
    pub(super) fn validated(
        &self,
        validate: impl FnOnce(&Document) -> Result<Validated, Vec<ServerError>>,
    ) -> Result<&Validated, Vec<ServerError>> {
        let validated = self.validated.get_or_init(|| validate(&self.document));
        validated.as_ref().map_err(Clone::clone)
    }

    /// An operation as it runs by this key, if that was made before.
    pub(super) fn form(&self, place: usize, key: &[bool]) -> Option<Arc<Runnable>> {
        let forms = self.forms.lock().unwrap_or_else(PoisonError::into_inner);
        let mut forms = forms.iter();
        let form = forms.find(|form| form.place == place && form.key == key);
        form.map(|form| Arc::clone(&form.runs))
    }

    /// Keeps an operation as it runs.
    fn keep(&self, place: usize, key: Vec<bool>, runs: Arc<Runnable>) {
        let mut forms = self.forms.lock().unwrap_or_else(PoisonError::into_inner);
        if forms.len() >= MOST_FORMS {
            forms.remove(0);
        }
        forms.push(Form { place, key, runs });
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

    /// Keeps one of a document's operations as it runs by this key.
    pub(super) fn keep_form(&self, parsed: &Parsed, place: usize, key: Vec<bool>, runs: Arc<Runnable>) {
        let bytes = runs.nodes * FIELD_BYTES;
        // What is as large as everything else together is made anew each time.
        if bytes <= GENERATION_BYTES / MOST_FORMS {
            parsed.keep(place, key, runs);
            let mut generations = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            generations.make_room(bytes);
        }
    }
}

impl Generations {
    fn insert(&mut self, text: Box<str>, parsed: Arc<Parsed>) {
        self.make_room(text.len());
        self.young.insert(text, parsed);
    }

    fn make_room(&mut self, bytes: usize) {
        if self.bytes + bytes > GENERATION_BYTES {
            self.old = std::mem::take(&mut self.young);
            self.bytes = 0;
        }
        self.bytes += bytes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graphql::specification::parse;

    fn parsed() -> Arc<Parsed> {
        Arc::new(Parsed::new(parse("{ viewer { id } }").unwrap()))
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
    fn forms_are_kept_by_what_decides_them_and_not_too_many() {
        let known = Known::default();
        let parsed = parsed();
        let form = |number: usize| (0..5).map(|bit| number >> bit & 1 == 1).collect::<Vec<_>>();
        for number in 0..32 {
            let runs = Arc::new(Runnable::of_size(number));
            known.keep_form(&parsed, 0, form(number), runs);
        }
        assert!(parsed.form(0, &form(0)).is_none());
        assert!(parsed.form(1, &form(31)).is_none(), "another operation");
        for number in 16..32 {
            assert_eq!(parsed.form(0, &form(number)).unwrap().nodes, number);
        }
        let large = Arc::new(Runnable::of_size(GENERATION_BYTES));
        known.keep_form(&parsed, 2, Vec::new(), large);
        assert!(parsed.form(2, &[]).is_none());
    }
}
