//! What a document's text is made of, looked at before it is parsed.
//!
//! The parser follows brackets with its own stack and would overflow it; and everything after it costs
//! time for each token. So both are counted first, in one pass that allocates nothing.

use std::ops::Range;

use super::error::Exceeded;
use crate::config::Limits;

/// How deep brackets may nest: far deeper than any document within the limit of depth needs.
pub const NESTING: usize = 64;

/// Refuses a text that is too long, has too many tokens, or nests brackets too deep.
pub fn check(query: &str, limits: &Limits) -> Result<(), Exceeded> {
    let within = |limit, value, maximum| {
        if value > maximum {
            Err(Exceeded {
                limit,
                value,
                maximum,
            })
        } else {
            Ok(())
        }
    };
    within("DOCUMENT_BYTES", query.len(), limits.document_bytes)?;
    let (tokens, nesting) = count(query.as_bytes());
    within("TOKENS", tokens, limits.tokens)?;
    within("NESTING", nesting, NESTING)
}

/// The tokens of a text, and how deep its brackets nest.
fn count(text: &[u8]) -> (usize, usize) {
    let (mut count, mut depth, mut deepest) = (0, 0_usize, 0);
    for token in tokens(text) {
        count += 1;
        match text[token.start] {
            b'{' | b'[' | b'(' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' | b')' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    (count, deepest)
}

/// Where the tokens of a text are (GraphQL specification, section 2.1). What is none stands by itself.
pub fn tokens(text: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let rest = text.get(at..)?;
            let length = match *rest.first()? {
                // White space and commas stand for nothing; the three bytes of a byte order mark neither.
                b' ' | b'\t' | b'\r' | b'\n' | b',' | 0xEF | 0xBB | 0xBF => {
                    at += 1;
                    continue;
                }
                b'#' => {
                    let end = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
                    at += end.unwrap_or(rest.len());
                    continue;
                }
                b'"' => string(rest),
                b'.' if rest.starts_with(b"...") => 3,
                byte if is_word(byte) => rest.iter().position(|byte| !is_word(*byte)).unwrap_or(rest.len()),
                _ => 1,
            };
            let token = at..at + length;
            at = token.end;
            return Some(token);
        }
    })
}

/// The bytes of names and numbers.
fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'+' | b'.')
}

/// The length of the string that a text begins with; one that does not end goes to the end of its line or,
/// a block string, of the text.
fn string(text: &[u8]) -> usize {
    let block = text.starts_with(b"\"\"\"");
    let mut at = if block { 3 } else { 1 };
    while at < text.len() {
        let rest = &text[at..];
        if block && rest.starts_with(b"\\\"\"\"") {
            at += 4;
        } else if block && rest.starts_with(b"\"\"\"") {
            return at + 3;
        } else if !block && rest[0] == b'\\' {
            at += 2;
        } else if !block && rest[0] == b'"' {
            return at + 1;
        } else if !block && matches!(rest[0], b'\n' | b'\r') {
            return at;
        } else {
            at += 1;
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(text: &str) -> (usize, usize) {
        count(text.as_bytes())
    }

    #[test]
    fn tokens_are_counted_and_what_stands_for_nothing_is_not() {
        assert_eq!(counted("{ viewer { id } }"), (6, 2));
        assert_eq!(
            counted("query($n: Int = -7) { # comment { [ (\n a(first: $n) }"),
            (18, 2)
        );
        assert_eq!(counted("\u{feff}{a}"), (3, 1));
        assert_eq!(counted("{ ...f ...on T { b(n: 1.5e3) } }"), (15, 3));
        assert_eq!(counted(""), (0, 0));
    }

    #[test]
    fn brackets_in_strings_do_not_nest() {
        assert_eq!(
            counted(r#"{ a(b: "[[[ \" [[[", c: """[[ \""" [[ " """) }"#),
            (11, 2)
        );
        assert_eq!(counted("\"[[[\n["), (2, 1), "a string ends with its line");
        assert_eq!(counted(r#"""["#), (2, 1), "an empty string is no block string");
        assert_eq!(counted("\"\"\"[[["), (1, 0), "a block string that does not end");
        assert_eq!(counted("\"\\"), (1, 0));
    }

    #[test]
    fn what_would_overflow_the_parser_is_refused() {
        let limits = Limits::default();
        let deep = format!("{{ a(b: {}", "[".repeat(2_000));
        assert!(matches!(
            check(&deep, &limits),
            Err(Exceeded {
                limit: "TOKENS" | "NESTING",
                ..
            })
        ));
        let deep = format!("{{ a(b: {}1{}) }}", "[".repeat(100), "]".repeat(100));
        assert_eq!(
            check(&deep, &limits).unwrap_err(),
            Exceeded {
                limit: "NESTING",
                value: 102,
                maximum: 64
            }
        );
    }
}
