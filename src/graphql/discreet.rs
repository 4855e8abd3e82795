//! What is said of a document where the schema may not be asked for: no name that its author has not written.
//!
//! Validation explains itself with the names of types, fields and values, so that a schema could be read out of
//! wrong documents, one name at a time.

use std::collections::HashSet;

use async_graphql::Response;

use super::Api;
use super::document::Document;

/// In place of a name that is not told.
const HIDDEN: &str = "\"***\"";
/// In place of an explanation that cannot be taken apart.
const UNTOLD: &str = "The document is not one that can be run here.";

impl Api {
    /// The text of a document by which is known what may be told of it, where the schema may not be asked for.
    pub(super) fn kept_for_discretion(&self, document: &Document) -> Option<String> {
        (!self.app.config.introspection).then(|| document.request.query.clone())
    }
}

/// An answer that tells nobody a name of the schema who did not know it, where that may not be asked for.
pub(super) fn discreet(response: Response, written: Option<&str>) -> Response {
    match written {
        Some(written) if !response.errors.is_empty() => names_written(response, written),
        _ => response,
    }
}

/// An answer whose errors about the document, which have no code yet, tell no name but those in it.
fn names_written(mut response: Response, written: &str) -> Response {
    let mut known = None;
    for error in &mut response.errors {
        let coded = error
            .extensions
            .as_ref()
            .is_some_and(|extensions| extensions.get("code").is_some());
        if !coded {
            let known = known.get_or_insert_with(|| words(written).collect());
            error.message = without_names(&error.message, known);
        }
    }
    response
}

/// A message without the quoted names that are not known.
fn without_names(message: &str, known: &HashSet<&str>) -> String {
    let pieces: Vec<_> = message.split('"').collect();
    // Between each pair of quotes there is a piece: so there is one more than quotes.
    if pieces.len().is_multiple_of(2) {
        return UNTOLD.to_owned();
    }
    let mut told = String::with_capacity(message.len());
    for (number, piece) in pieces.into_iter().enumerate() {
        if number.is_multiple_of(2) {
            told.push_str(piece);
        } else if words(piece).all(|word| known.contains(word)) {
            told.extend(["\"", piece, "\""]);
        } else {
            told.push_str(HIDDEN);
        }
    }
    told
}

/// The names and words of a text.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_alphanumeric() || c == '_'))
        .filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(message: &str, written: &str) -> String {
        without_names(message, &words(written).collect())
    }

    #[test]
    fn only_names_of_the_document_are_told() {
        for (message, written, expected) in [
            (
                "Unknown field \"viewr\" on type \"Query\".",
                "{ viewr { id } }",
                "Unknown field \"viewr\" on type \"***\".",
            ),
            (
                "Unknown field \"a\" on type \"User\".",
                "{ viewer { ... on User { a } } }",
                "Unknown field \"a\" on type \"User\".",
            ),
            (
                "Variable \"id\" of type \"ID\" used in position expecting type \"[ID!]!\"",
                "query($id: ID) { x(id: $id) }",
                "Variable \"id\" of type \"ID\" used in position expecting type \"[ID!]!\"",
            ),
            (
                "Field \"register\" argument \"input\" of type \"RegisterInput!\" is required but not provided",
                "mutation { register { a } }",
                "Field \"register\" argument \"***\" of type \"***\" is required but not provided",
            ),
            ("expected \"a\"b\"", "{ a b }", UNTOLD),
        ] {
            assert_eq!(told(message, written), expected);
        }
    }
}
