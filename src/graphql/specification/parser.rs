//! Text as a document, and places in a text.

use apollo_compiler::ast::Document;
use apollo_compiler::diagnostic::ToCliReport;
use apollo_compiler::parser::{Parser, SourceMap, SourceSpan};
use async_graphql::{Pos, ServerError};

use super::grammar;
use super::validator::error;

/// What a document is called where its author is told of it.
const PATH: &str = "document.graphql";

/// Parses a text, or says where it stops being GraphQL (section 2).
pub(super) fn parse(text: &str) -> Result<Document, ServerError> {
    let normalized = grammar::normalized(text).map_err(|at| {
        let message = "syntax error: a name that is given a value has a colon after it";
        error(message, Some(Places::in_text(text).at(at)))
    })?;
    let document = read(normalized.text)?;
    for description in normalized.descriptions {
        // Where a value is, the parser looks at strings.
        let value = format!("{{a(b:{})}}", &text[description.clone()]);
        read(value)
            .map_err(|failed| error(&failed.message, Some(Places::in_text(text).at(description.start))))?;
    }
    Ok(document)
}

fn read(text: String) -> Result<Document, ServerError> {
    Parser::new().parse_ast(text, PATH).map_err(|failed| {
        let places = Places::of(&failed.partial.sources);
        let told = failed.errors.iter().map(|diagnostic| diagnostic.error);
        // What comes after the first is mostly wrong because of it.
        let first = told.min_by_key(|wrong| wrong.location().map(|at| at.offset()));
        let at = first.and_then(ToCliReport::location);
        let message = first.map_or_else(String::new, ToString::to_string);
        error(&message, at.map(|at| places.position(at)))
    })
}

/// The lines of a text, by which its places have numbers (section 7.1.2): they are counted from 1.
pub(super) struct Places<'t> {
    text: &'t str,
    /// Where each line begins.
    lines: Vec<usize>,
}

impl<'t> Places<'t> {
    /// The places of the one text that a document was read from.
    pub(super) fn of(sources: &'t SourceMap) -> Self {
        Self::in_text(sources.values().next().map_or("", |source| source.source_text()))
    }

    fn in_text(text: &'t str) -> Self {
        let bytes = text.as_bytes();
        // A line ends with a line feed, a carriage return, or both of them (section 2.1.2).
        let ends = bytes
            .iter()
            .enumerate()
            .filter(|(at, byte)| **byte == b'\n' || (**byte == b'\r' && bytes.get(at + 1) != Some(&b'\n')));
        let lines = std::iter::once(0).chain(ends.map(|(at, _)| at + 1)).collect();
        Self { text, lines }
    }

    /// The line and the column where something begins.
    pub(super) fn position(&self, at: SourceSpan) -> Pos {
        self.at(at.offset())
    }

    fn at(&self, offset: usize) -> Pos {
        let line = self.lines.partition_point(|begin| *begin <= offset);
        let begin = self
            .lines
            .get(line.saturating_sub(1))
            .copied()
            .unwrap_or_default();
        let before = self.text.get(begin..offset).unwrap_or_default();
        Pos {
            line,
            column: before.chars().count() + 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_are_counted_from_one() {
        let text = "{ a\r\n  é b\r c\n\nd";
        let places = Places::in_text(text);
        for (found, line, column) in [("{", 1, 1), ("a", 1, 3), ("b", 2, 5), ("c", 3, 2), ("d", 5, 1)] {
            let at = places.at(text.find(found).unwrap());
            assert_eq!((at.line, at.column), (line, column), "{found}");
        }
    }

    #[test]
    fn what_is_no_graphql_is_told_in_one_line_with_its_place() {
        for (text, line, column) in [
            ("{ viewer { id }", 1, 16),
            ("{\n  viewer(id: ) }", 2, 14),
            ("{ careRequests(first) { id } }", 1, 21),
            ("{ a(b: \"c\n\") }", 1, 8),
            ("\n \"\\u00;6\" query { a }", 2, 2),
            ("", 1, 1),
        ] {
            let error = parse(text).unwrap_err();
            assert!(!error.message.contains('\n'), "{error:?}");
            assert_eq!(error.locations, [Pos { line, column }], "{text}: {error:?}");
        }
    }
}
