//! What the library's parser does not know of the grammar (section 2), done to a text before it reads it. Every byte keeps its
//! place, so that places in the text are told as its author counts them.
//!
//! - commas stand for nothing everywhere (2.1.5): after `...` and before an alias's colon they do not for it;
//! - operations, fragments and variables may have descriptions (2.2), which it takes for those of types only;
//! - an argument or a field of an input without a colon is none (2.6, 2.9.8): it leaves that out and says nothing.
//!
//! Each may go when the library knows better.

use std::ops::Range;

use crate::graphql::lexical;

/// A text as the parser knows it.
#[derive(Debug)]
pub(super) struct Normalized {
    pub(super) text: String,
    /// Where descriptions were: they have to be strings all the same.
    pub(super) descriptions: Vec<Range<usize>>,
}

/// The text without what stands for nothing to who runs it; or where a colon has to be and is not.
pub(super) fn normalized(text: &str) -> Result<Normalized, usize> {
    let tokens: Vec<_> = lexical::tokens(text.as_bytes()).collect();
    let mut normalized = text.as_bytes().to_vec();
    let mut end = 0;
    for token in &tokens {
        without_commas(&mut normalized[end..token.start]);
        end = token.end;
    }
    without_commas(&mut normalized[end..]);
    let (mut open, mut descriptions) = (Vec::new(), Vec::new());
    for (number, token) in tokens.iter().enumerate() {
        let around = Around {
            text: text.as_bytes(),
            tokens: &tokens,
            number,
            open: &open,
        };
        if around.is_description() {
            blank(&mut normalized[token.clone()]);
            descriptions.push(token.clone());
        } else if around.has_no_colon() {
            return Err(tokens.get(number + 1).map_or(text.len(), |next| next.start));
        }
        match text.as_bytes()[token.start] {
            bracket @ (b'(' | b'[' | b'{') => open.push(bracket),
            b')' | b']' | b'}' => drop(open.pop()),
            _ => {}
        }
    }
    // It is as it was, but for characters of one byte in place of whole others.
    Ok(Normalized {
        text: String::from_utf8(normalized).unwrap_or_else(|_| text.to_owned()),
        descriptions,
    })
}

/// Between two tokens there is white space, and comments.
fn without_commas(between: &mut [u8]) {
    let mut in_comment = false;
    for byte in between {
        match *byte {
            b'#' => in_comment = true,
            b'\n' | b'\r' => in_comment = false,
            b',' if !in_comment => *byte = b' ',
            _ => {}
        }
    }
}

fn blank(bytes: &mut [u8]) {
    for byte in bytes {
        if !matches!(byte, b'\n' | b'\r') {
            *byte = b' ';
        }
    }
}

/// A token among the others. What is none may be a part of a character, so that all of them are bytes.
struct Around<'t> {
    text: &'t [u8],
    tokens: &'t [Range<usize>],
    number: usize,
    /// The brackets that are open before it.
    open: &'t [u8],
}

impl<'t> Around<'t> {
    /// The token so many after this one.
    fn after(&self, distance: usize) -> &'t [u8] {
        let token = self.tokens.get(self.number + distance);
        token.map_or(b"", |token| &self.text[token.clone()])
    }

    fn before(&self) -> &'t [u8] {
        let token = self.number.checked_sub(1).map(|number| &self.tokens[number]);
        token.map_or(b"", |token| &self.text[token.clone()])
    }

    fn is_description(&self) -> bool {
        if !self.after(0).starts_with(b"\"") {
            return false;
        }
        match self.open.last() {
            None => matches!(
                self.after(1),
                b"query" | b"mutation" | b"subscription" | b"fragment"
            ),
            Some(b'(') => {
                let is_value = matches!(self.before(), b"=" | b":");
                !is_value && self.after(1) == b"$" && self.after(3) == b":"
            }
            Some(_) => false,
        }
    }

    /// Whether it is the name of an argument, or of a field of an input, that is given no value.
    fn has_no_colon(&self) -> bool {
        let first = self.after(0).first();
        first.is_some_and(|first| first.is_ascii_alphabetic() || *first == b'_')
            && self.open.contains(&b'(')
            && matches!(self.open.last(), Some(b'(' | b'{'))
            && !matches!(self.before(), b"$" | b"@" | b":" | b"=")
            && self.after(1) != b":"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_for_nothing_is_left_out_and_the_rest_stays_where_it_is() {
        for (text, expected) in [
            ("{...,f,b,:x}", "{... f b :x}"),
            ("{a#,\n,(b:\",\")}", "{a#,\n (b:\",\")}"),
            ("\"d\" query{a}", "    query{a}"),
            (
                "\"\"\"d\n\u{1F331}\"\"\"fragment f on T{a}",
                "    \n       fragment f on T{a}",
            ),
            (
                "query(\"d\"$a:T=\"x\" \"d\"$b:T){a}",
                "query(   $a:T=\"x\"    $b:T){a}",
            ),
        ] {
            assert_eq!(normalized(text).unwrap().text, expected, "{text}");
        }
        for same in [
            "{ a(b: [\"x\" $c]) }",
            "\"d\" { a }",
            "{ é: a(b: é c: \u{feff}\u{ff0c}) }",
            "query q($a: [T!] = [A B] @d(x: E)) { a(b: $a c: {d: E f: {}}) @e(g: 1) }",
        ] {
            assert_eq!(normalized(same).unwrap().text, same);
        }
    }

    #[test]
    fn a_name_that_is_given_no_value_is_found() {
        for (text, at) in [
            ("{a(b)}", 4),
            ("{a(b: 1 c)}", 9),
            ("{a(b: {c d: 1})}", 9),
            ("{a @b(c 1)}", 8),
            ("{a(b", 4),
        ] {
            assert_eq!(normalized(text).unwrap_err(), at, "{text}");
        }
    }
}
