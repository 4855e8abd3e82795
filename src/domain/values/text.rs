//! Text that people write: one normal form, and no character that a reader could not know of.
//!
//! Prose keeps what people type but for control characters. A name is a line by which something is told apart,
//! so nothing may be in it that is not seen: what looks like another name would be taken for it.

use std::borrow::Cow;
use std::marker::PhantomData;

use icu_normalizer::ComposingNormalizerBorrowed;
use icu_properties::CodePointSetData;
use icu_properties::props::DefaultIgnorableCodePoint;

use super::super::{Reason, Refusal};

/// A text with something in it, of at most `MAXIMUM` characters, in NFC and without white space around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text<const MAXIMUM: usize, K = Prose>(String, PhantomData<K>);

/// A text of one line, by which something is told apart.
pub type Name<const MAXIMUM: usize> = Text<MAXIMUM, Line>;

/// What the caller calls something by: compared byte by byte, so it is left as it came but for the space around it.
pub type Token<const MAXIMUM: usize> = Text<MAXIMUM, Opaque>;

/// What a text is for, and so what may be in it.
pub trait Kind {
    /// The text as it is kept.
    fn normal(raw: &str) -> Cow<'_, str>;
    /// What must not be in it, if it is.
    fn complaint(text: &str) -> Option<Reason>;
}

/// Lines and paragraphs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prose;

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line;

/// Whatever the caller likes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opaque;

impl Kind for Prose {
    fn normal(raw: &str) -> Cow<'_, str> {
        // Forms and some editors end lines with both.
        if raw.contains("\r\n") {
            Cow::Owned(nfc(&raw.replace("\r\n", "\n")).into_owned())
        } else {
            nfc(raw)
        }
    }

    fn complaint(text: &str) -> Option<Reason> {
        let control = |c: char| c.is_control() && c != '\n' && c != '\t';
        text.contains(control).then_some(Reason::HoldsControl)
    }
}

impl Kind for Line {
    fn normal(raw: &str) -> Cow<'_, str> {
        nfc(raw)
    }

    fn complaint(text: &str) -> Option<Reason> {
        let mut before = None;
        let mut rest = text.chars().peekable();
        while let Some(c) = rest.next() {
            if is_line_break(c) {
                return Some(Reason::HoldsLineBreak);
            }
            if c.is_control() {
                return Some(Reason::HoldsControl);
            }
            if is_joiner(c) {
                // Between letters and in emoji it changes what is seen.
                if !before.is_some_and(joins) || !rest.peek().copied().is_some_and(joins) {
                    return Some(Reason::HoldsInvisible);
                }
            } else if is_invisible(c) && !is_modifier(c) {
                return Some(Reason::HoldsInvisible);
            }
            before = Some(c);
        }
        None
    }
}

impl Kind for Opaque {
    fn normal(raw: &str) -> Cow<'_, str> {
        Cow::Borrowed(raw)
    }

    fn complaint(_: &str) -> Option<Reason> {
        None
    }
}

impl<const MAXIMUM: usize, K: Kind> Text<MAXIMUM, K> {
    /// Reads a text that must be there.
    pub fn parse(field: &'static str, raw: &str) -> Result<Self, Refusal> {
        // Postgres cannot store it, and nobody can read it.
        if raw.contains('\0') {
            return Err(Refusal::of(field, Reason::HoldsNul));
        }
        let normal = K::normal(raw);
        let text = normal.trim();
        if shows_nothing(text) {
            return Err(Refusal::of(field, Reason::Blank));
        }
        if let Some(complaint) = K::complaint(text) {
            return Err(Refusal::of(field, complaint));
        }
        if text.chars().count() > MAXIMUM {
            return Err(Refusal::of(field, Reason::TooLong { maximum: MAXIMUM }));
        }
        Ok(Self(text.to_owned(), PhantomData))
    }

    /// Reads a text that may be missing; an empty one counts as missing.
    pub fn optional(field: &'static str, raw: Option<&str>) -> Result<Option<Self>, Refusal> {
        match raw.map(str::trim) {
            None | Some("") => Ok(None),
            Some(text) => Self::parse(field, text).map(Some),
        }
    }

    /// The text.
    pub fn into_string(self) -> String {
        self.0
    }
}

impl<const MAXIMUM: usize, K> AsRef<str> for Text<MAXIMUM, K> {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

/// A text in NFC: what looks the same is the same.
pub(super) fn nfc(text: &str) -> Cow<'_, str> {
    ComposingNormalizerBorrowed::new_nfc().normalize(text)
}

/// Whether there is nothing in it that could be seen.
pub(super) fn shows_nothing(text: &str) -> bool {
    // The Braille pattern of no dots is a symbol to Unicode, and blank to everybody.
    text.chars()
        .all(|c| c.is_whitespace() || is_invisible(c) || c == '\u{2800}')
}

/// Whether a character is not drawn: spaces of no width, marks of direction, tags, fillers.
pub(super) fn is_invisible(c: char) -> bool {
    !c.is_ascii()
        && (CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c)
            // Marks of annotations, which nothing shows any more.
            || matches!(c, '\u{FFF9}'..='\u{FFFB}'))
}

/// Whether a character is not drawn itself and changes how the one before it is: variation selectors, and the
/// joiner of combining marks.
fn is_modifier(c: char) -> bool {
    matches!(c, '\u{34F}' | '\u{180B}'..='\u{180D}' | '\u{180F}' | '\u{FE00}'..='\u{FE0F}' | '\u{E0100}'..='\u{E01EF}')
}

/// The joiners of letters and of emoji: ZWNJ and ZWJ.
fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200C}' | '\u{200D}')
}

/// Whether a joiner may stand beside it.
fn joins(c: char) -> bool {
    !c.is_whitespace() && !is_joiner(c)
}

/// The line breaks of Unicode (UAX 14: BK, CR, LF and NL).
fn is_line_break(c: char) -> bool {
    matches!(c, '\n'..='\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(raw: &str) -> Result<String, Reason> {
        let name: Result<Name<20>, _> = Text::parse("name", raw);
        name.map(Text::into_string).map_err(|refusal| refusal.reason)
    }

    fn prose(raw: &str) -> Result<String, Reason> {
        let prose: Result<Text<20>, _> = Text::parse("body", raw);
        prose.map(Text::into_string).map_err(|refusal| refusal.reason)
    }

    #[test]
    fn texts_are_trimmed_counted_in_characters_and_never_blank() {
        assert_eq!(name("  été  "), Ok("été".to_owned()));
        assert!(name(&"é".repeat(20)).is_ok());
        assert_eq!(name(&"e\u{301}".repeat(20)), Ok("é".repeat(20)));
        assert_eq!(name(&"é".repeat(21)), Err(Reason::TooLong { maximum: 20 }));
        for blank in [
            "",
            " \n",
            "\u{a0}",
            "\u{3000}",
            "\u{200b}",
            "\u{2060} \u{feff}",
            "\u{3164}",
            "\u{2800}",
        ] {
            assert_eq!(name(blank), Err(Reason::Blank), "{blank:?}");
            assert_eq!(prose(blank), Err(Reason::Blank), "{blank:?}");
        }
        let optional: Result<Option<Text<5>>, _> = Text::optional("note", Some("  "));
        assert_eq!(optional, Ok(None));
    }

    #[test]
    fn every_control_character_is_told_as_what_it_is() {
        assert_eq!(
            (name("a\0b"), prose("a\0b")),
            (Err(Reason::HoldsNul), Err(Reason::HoldsNul))
        );
        for c in (1..0x20).chain(0x7f..0xa0).filter_map(char::from_u32) {
            let text = format!("a{c}b");
            let expected = match c {
                '\n' | '\t' => Ok(text.clone()),
                _ => Err(Reason::HoldsControl),
            };
            assert_eq!(prose(&text), expected, "{c:?}");
            let expected = if is_line_break(c) {
                Reason::HoldsLineBreak
            } else {
                Reason::HoldsControl
            };
            assert_eq!(name(&text), Err(expected), "{c:?}");
        }
        assert_eq!(prose("a\r\nb\r\n"), Ok("a\nb".to_owned()));
    }

    #[test]
    fn names_hold_nothing_that_is_not_seen() {
        let bidi = ['\u{61c}', '\u{200e}', '\u{200f}'].into_iter();
        let bidi = bidi.chain('\u{202a}'..='\u{202e}').chain('\u{2066}'..='\u{2069}');
        let others = [
            '\u{200b}', '\u{2060}', '\u{feff}', '\u{ad}', '\u{3164}', '\u{fff9}',
        ];
        let tags = '\u{e0000}'..='\u{e007f}';
        for c in bidi.chain(others).chain(tags) {
            for text in [format!("a{c}b"), format!("{c}ab"), format!("ab{c}")] {
                assert_eq!(name(&text), Err(Reason::HoldsInvisible), "{text:?}");
                assert_eq!(prose(&text), Ok(text.clone()), "prose is left alone");
            }
        }
        for c in ['\u{2028}', '\u{2029}'] {
            assert_eq!(name(&format!("a{c}b")), Err(Reason::HoldsLineBreak));
        }
    }

    #[test]
    fn joiners_join() {
        for joined in [
            "می\u{200c}خواهم",
            "👩\u{200d}🌾",
            "❤\u{fe0f}\u{200d}🔥",
            "क\u{94d}\u{200d}ष",
        ] {
            assert_eq!(name(joined), Ok(joined.to_owned()));
        }
        for loose in [
            "a\u{200d}",
            "\u{200c}a",
            "a \u{200d}b",
            "a\u{200d} b",
            "a\u{200d}\u{200d}b",
            "a\u{200c}\u{3000}b",
        ] {
            assert_eq!(name(loose), Err(Reason::HoldsInvisible), "{loose:?}");
        }
    }

    #[test]
    fn tokens_are_left_alone() {
        let token = |raw: &str| {
            let token: Result<Token<20>, _> = Text::parse("key", raw);
            token.map(Text::into_string).map_err(|refusal| refusal.reason)
        };
        for text in ["e\u{301}", "a\u{200b}b", "a\nb"] {
            assert_eq!(token(text), Ok(text.to_owned()));
        }
        assert_eq!(token("a\0"), Err(Reason::HoldsNul));
    }
}
