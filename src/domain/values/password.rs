//! Passwords: the same for the same keys, on whatever keyboard.

use std::fmt;

use icu_properties::CodePointMapData;
use icu_properties::props::GeneralCategory;

use super::super::{Reason, Refusal};
use super::text::{nfc, shows_nothing};

const MINIMUM: usize = 8;
/// Long enough for a passphrase, short enough that hashing it costs nothing extra.
const MAXIMUM: usize = 200;

/// A password that an account may be given.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    /// Reads a password for a new account.
    pub fn parse(field: &'static str, raw: &str) -> Result<Self, Refusal> {
        let refused = |reason| Refusal::of(field, reason);
        if raw.contains('\0') {
            return Err(refused(Reason::HoldsNul));
        }
        let password = opaque(raw).map_err(refused)?;
        let characters = password.chars().count();
        if characters < MINIMUM {
            return Err(refused(Reason::TooShort { minimum: MINIMUM }));
        }
        if characters > MAXIMUM {
            return Err(refused(Reason::TooLong { maximum: MAXIMUM }));
        }
        if shows_nothing(&password) {
            return Err(refused(Reason::Blank));
        }
        Ok(Self(password))
    }

    /// What an account may have been given by somebody who types this: the form of today, and the form of before
    /// if it is another, which is what was typed.
    pub fn tries(typed: &str) -> Vec<String> {
        let mut tries = Vec::with_capacity(1);
        tries.extend(opaque(typed));
        if tries.first().is_none_or(|normal| normal != typed) {
            tries.push(typed.to_owned());
        }
        tries
    }
}

/// A password as `OpaqueString` has it (RFC 8265, section 4.2): spaces of other scripts become a space, and it is
/// in NFC; what is wrong if there is something in it that no keyboard types.
///
/// Its class of characters is taken from today's Unicode. Two of its rules are not kept, since nobody reads a
/// password: emoji keep their selectors and joiners, and characters need not stand where a reader would expect them.
fn opaque(raw: &str) -> Result<String, Reason> {
    use GeneralCategory as Category;
    let categories = CodePointMapData::<GeneralCategory>::new();
    let mut mapped = String::with_capacity(raw.len());
    for c in raw.chars() {
        match categories.get(c) {
            Category::SpaceSeparator => mapped.push(' '),
            Category::Format if matches!(c, '\u{200C}' | '\u{200D}') => mapped.push(c),
            Category::Control | Category::LineSeparator | Category::ParagraphSeparator => {
                return Err(Reason::HoldsControl);
            }
            Category::Format | Category::PrivateUse | Category::Unassigned => {
                return Err(Reason::HoldsInvisible);
            }
            _ => mapped.push(c),
        }
    }
    Ok(nfc(&mapped).into_owned())
}

impl AsRef<str> for Password {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(raw: &str) -> Result<String, Reason> {
        let password = Password::parse("password", raw);
        password
            .map(|password| password.0)
            .map_err(|refusal| refusal.reason)
    }

    #[test]
    fn a_password_has_one_form() {
        for (typed, kept) in [
            ("correct horse", "correct horse"),
            ("  Correct Horse  ", "  Correct Horse  "),
            ("cafe\u{301} noir", "café noir"),
            ("café\u{a0}noir", "café noir"),
            ("十\u{3000}二三四五六七", "十 二三四五六七"),
            ("👩\u{200d}🌾❤\u{fe0f}🥰12345", "👩\u{200d}🌾❤\u{fe0f}🥰12345"),
            // Width and case are left alone.
            ("ＡＢＣＤabcd", "ＡＢＣＤabcd"),
        ] {
            assert_eq!(read(typed).as_deref(), Ok(kept), "{typed:?}");
        }
    }

    #[test]
    fn what_nobody_types_is_refused() {
        assert_eq!(read("seven77"), Err(Reason::TooShort { minimum: 8 }));
        assert_eq!(read(&"e\u{301}".repeat(7)), Err(Reason::TooShort { minimum: 8 }));
        assert_eq!(read(&"x".repeat(201)), Err(Reason::TooLong { maximum: 200 }));
        for blank in [" ".repeat(8), "\u{a0}\u{3000}".repeat(8), "\u{2800}".repeat(8)] {
            assert_eq!(read(&blank), Err(Reason::Blank), "{blank:?}");
        }
        assert_eq!(read("a\0bcdefgh"), Err(Reason::HoldsNul));
        for c in ['\n', '\t', '\r', '\u{7f}', '\u{85}', '\u{2028}'] {
            assert_eq!(read(&format!("abcdefgh{c}i")), Err(Reason::HoldsControl), "{c:?}");
        }
        for c in ['\u{200b}', '\u{202e}', '\u{feff}', '\u{e000}', '\u{d7ff}'] {
            assert_eq!(
                read(&format!("abcdefgh{c}i")),
                Err(Reason::HoldsInvisible),
                "{c:?}"
            );
        }
    }

    #[test]
    fn what_was_typed_before_is_tried_as_well() {
        assert_eq!(Password::tries("correct horse"), ["correct horse"]);
        assert_eq!(Password::tries("cafe\u{301}"), ["café", "cafe\u{301}"]);
        assert_eq!(Password::tries("a\tb"), ["a\tb"]);
        assert_eq!(Password::tries(""), [""]);
    }

    #[test]
    fn passwords_are_not_shown() {
        assert!(!format!("{:?}", Password::parse("p", "hunter22")).contains("hunter"));
    }
}
