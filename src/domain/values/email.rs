//! E-mail addresses: what is one, and when two are the same.

use std::fmt;

use email_address::{EmailAddress, Options};
use icu_normalizer::DecomposingNormalizerBorrowed;
use icu_properties::CodePointMapData;
use icu_properties::props::GeneralCategory;
use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};

use super::super::{Reason, Refusal};
use super::text::{is_invisible, nfc};

/// Characters of an e-mail address (RFC 5321's path, less its brackets).
const MAXIMUM: usize = 254;

/// An e-mail address that an account may be given.
#[derive(Clone, PartialEq, Eq)]
pub struct Email {
    shown: String,
    normal: String,
}

/// An e-mail address as somebody types it who has an account: what finds it, whatever the rules were when it was
/// made.
#[derive(Clone, PartialEq, Eq)]
pub struct Sought {
    /// The forms under which it may be kept: first the one by which attempts are counted, and each once.
    forms: Vec<String>,
    email: Option<Email>,
}

impl Email {
    /// Reads an address. Only a message sent to it could prove more than its form.
    ///
    /// It is an address of RFC 5321 whose name is not in quotes, in lower case and NFC, with a domain of at least
    /// two labels after IDNA (UTS 46), and without characters that are not seen.
    pub fn parse(field: &'static str, raw: &str) -> Result<Self, Refusal> {
        if raw.contains('\0') {
            return Err(Refusal::of(field, Reason::HoldsNul));
        }
        Self::read(raw).ok_or_else(|| Refusal::of(field, Reason::NotAnEmail))
    }

    fn read(raw: &str) -> Option<Self> {
        let lower = nfc(raw.trim()).to_lowercase();
        // Lower case may leave a mark behind that joins its letter.
        let address = nfc(&lower);
        let (name, domain) = address.rsplit_once('@')?;
        if name.starts_with('"') || name.contains(|c: char| c.is_whitespace() || !is_seen(c)) {
            return None;
        }
        // UTS 46 leaves most of those out without a word; the joiners it keeps where a language needs them.
        let is_joiner = |c| matches!(c, '\u{200C}' | '\u{200D}');
        if domain.contains(|c| !is_seen(c) && !is_joiner(c)) {
            return None;
        }
        let uts46 = Uts46::new();
        let ascii = uts46
            .to_ascii(
                domain.as_bytes(),
                AsciiDenyList::STD3,
                Hyphens::CheckFirstLast,
                DnsLength::Verify,
            )
            .ok()?;
        let normal = format!("{name}@{ascii}");
        let options = Options::default()
            .with_required_tld()
            .without_domain_literal()
            .without_display_text();
        if normal.len() > MAXIMUM || EmailAddress::parse_with_options(&normal, options).is_err() {
            return None;
        }
        let (domain, outcome) =
            uts46.to_unicode(ascii.as_bytes(), AsciiDenyList::STD3, Hyphens::CheckFirstLast);
        let domain = if outcome.is_ok() { domain } else { ascii.clone() };
        Some(Self {
            shown: format!("{name}@{domain}"),
            normal,
        })
    }

    /// As its owner reads it.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// By which accounts are told apart: the domain as the domain name system has it.
    pub fn normal(&self) -> &str {
        &self.normal
    }
}

impl Sought {
    /// Reads what was typed. It is refused only if no account can ever have had it.
    pub fn parse(field: &'static str, raw: &str) -> Result<Self, Refusal> {
        let email = match Email::parse(field, raw) {
            Ok(email) => Some(email),
            Err(refusal) if before(raw).is_none() => return Err(refusal),
            Err(_) => None,
        };
        Ok(Self::of(email, before(raw)))
    }

    fn of(email: Option<Email>, typed: Option<String>) -> Self {
        let mut forms = Vec::with_capacity(1);
        if let Some(email) = &email {
            forms.push(email.normal.clone());
            forms.push(email.shown.clone());
            // Some systems type letters and their marks apart.
            forms.push(
                DecomposingNormalizerBorrowed::new_nfd()
                    .normalize(&email.shown)
                    .into_owned(),
            );
        }
        forms.extend(typed);
        let mut kept = Vec::with_capacity(1);
        for form in forms {
            if !kept.contains(&form) {
                kept.push(form);
            }
        }
        Self { forms: kept, email }
    }

    /// The forms under which it may be kept, the newest first.
    pub fn forms(&self) -> &[String] {
        &self.forms
    }

    /// The address, if it is one by the rules of today.
    pub fn email(&self) -> Option<&Email> {
        self.email.as_ref()
    }
}

impl From<Email> for Sought {
    fn from(email: Email) -> Self {
        Self::of(Some(email), None)
    }
}

/// An address as it was kept before there was a normal form: anything with an @ and a dot after it.
fn before(raw: &str) -> Option<String> {
    let address = raw.trim().to_lowercase();
    let shaped = address.split_once('@').is_some_and(|(name, domain)| {
        !name.is_empty()
            && !domain.starts_with('.')
            && !domain.ends_with('.')
            && domain.contains('.')
            && !domain.contains('@')
    });
    let plain = |address: &str| !address.contains(|c: char| c.is_whitespace() || c.is_control());
    (shaped && address.len() <= MAXIMUM && plain(&address)).then_some(address)
}

/// Whether a character is one that a reader sees, on every system.
fn is_seen(c: char) -> bool {
    use GeneralCategory as Category;
    c.is_ascii_graphic()
        || !is_invisible(c)
            && !matches!(
                CodePointMapData::<GeneralCategory>::new().get(c),
                Category::Control | Category::Format | Category::PrivateUse | Category::Unassigned
            )
}

impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Email(***)")
    }
}

impl fmt::Debug for Sought {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sought(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normal(raw: &str) -> Option<String> {
        Email::parse("email", raw).ok().map(|email| email.normal)
    }

    #[test]
    fn an_address_has_one_normal_form() {
        for (raw, expected) in [
            (" Ada@Example.ORG ", "ada@example.org"),
            ("ada+plants@mail.example.org", "ada+plants@mail.example.org"),
            ("o'neil_1.x@example.co.uk", "o'neil_1.x@example.co.uk"),
            ("zoe\u{308}@example.org", "zoë@example.org"),
            ("ZOË@example.org", "zoë@example.org"),
            ("ada@BÜCHER.example", "ada@xn--bcher-kva.example"),
            ("ada@bu\u{308}cher.example", "ada@xn--bcher-kva.example"),
            ("ada@xn--bcher-kva.example", "ada@xn--bcher-kva.example"),
            ("ada@example。org", "ada@example.org"),
            ("ada@ｅｘａｍｐｌｅ.org", "ada@example.org"),
            ("用户@例子.example", "用户@xn--fsqu00a.example"),
            (
                "ada@\u{928}\u{93e}\u{92e}\u{94d}\u{200d}.example",
                "ada@xn--l2bm1c5c752o.example",
            ),
        ] {
            assert_eq!(normal(raw).as_deref(), Some(expected), "{raw}");
        }
        assert_eq!(
            Email::parse("email", "ada@xn--bcher-kva.example")
                .unwrap()
                .shown(),
            "ada@bücher.example"
        );
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for wrong in [
            "",
            "ada",
            "@example.org",
            "ada@",
            "ada@local",
            "a b@example.org",
            "a@b@c.de",
            "a@.org",
            "a@b..c",
            "a..b@example.org",
            ".a@example.org",
            "a.@example.org",
            "a@b.c.",
            "a@-b.org",
            "a@b_c.org",
            "a@[127.0.0.1]",
            "Ada <ada@example.org>",
            "\"ada\"@example.org",
            "a,b@example.org",
            "a(b)@example.org",
            "ada\u{200b}@example.org",
            "ada\u{200d}x@example.org",
            "ada@exam\u{200b}ple.org",
            "ada@exam\u{ad}ple.org",
            "ada@\u{2060}example.org",
            "ada@example.o\u{fe0f}rg",
            "ada@exam\u{34f}ple.org",
            "ada@example\u{180b}.org",
            "ada@example.\u{202e}org",
            "ada@exam\u{200d}ple.org",
            "a\u{202e}da@example.org",
            "ada\u{feff}@example.org",
            "ada\u{e0041}@example.org",
            "a\u{3164}da@example.org",
            "a\u{e000}da@example.org",
            "a\u{7}da@example.org",
            "a\nda@example.org",
            "a\u{a0}da@example.org",
        ] {
            assert_eq!(normal(wrong), None, "{wrong:?}");
        }
        assert_eq!(normal(&format!("{}@example.org", "x".repeat(65))), None);
        assert_eq!(normal(&format!("x@{}", ["x"; 130].join("."))), None);
        assert_eq!(
            Email::parse("email", "a\0@b.cd").unwrap_err().reason,
            Reason::HoldsNul
        );
    }

    #[test]
    fn who_has_an_account_is_found_by_what_she_typed_when_she_made_it() {
        let forms = |raw: &str| Sought::parse("email", raw).map(|sought| sought.forms);
        assert_eq!(forms("Ada@example.org").unwrap(), ["ada@example.org"]);
        assert_eq!(forms("a@b..c").unwrap(), ["a@b..c"]);
        assert_eq!(
            forms("ada\u{200b}@example.org").unwrap(),
            ["ada\u{200b}@example.org"]
        );
        let both = forms("Zoe\u{308}@example.org").unwrap();
        assert_eq!(both, ["zoë@example.org", "zoe\u{308}@example.org"]);
        assert_eq!(forms("zoë@example.org").unwrap(), both);
        let punycode = forms("ada@xn--bcher-kva.example").unwrap();
        assert!(
            punycode.contains(&"ada@bücher.example".to_owned()),
            "{punycode:?}"
        );
        for never in ["ada", "ada@local", "a b@example.org", "a\0@b.cd"] {
            assert!(forms(never).is_err(), "{never:?}");
        }
    }

    #[test]
    fn addresses_are_not_shown() {
        let email = Email::parse("e", "a@b.cd").unwrap();
        assert!(!format!("{email:?}{:?}", Sought::from(email.clone())).contains("b.cd"));
    }
}
