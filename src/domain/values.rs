//! Values that cannot be wrong: each is made by a parser that refuses what it is not.

use std::fmt;

use chrono::NaiveDate;
use chrono_tz::Tz;

use super::{Reason, Refusal};

/// Characters of an e-mail address (RFC 5321's path, less its brackets).
const EMAIL_MAXIMUM: usize = 254;
const PASSWORD_MINIMUM: usize = 8;
/// Long enough for a passphrase, short enough that hashing it costs nothing extra.
const PASSWORD_MAXIMUM: usize = 200;
/// Characters of a geohash that stands for about a kilometre.
const CELL_CHARACTERS: usize = 6;

/// A text with something in it, of at most `MAXIMUM` characters, without white space around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text<const MAXIMUM: usize>(String);

impl<const MAXIMUM: usize> Text<MAXIMUM> {
    /// Reads a text that must be there.
    pub fn parse(field: &'static str, raw: &str) -> Result<Self, Refusal> {
        let text = raw.trim();
        if text.is_empty() {
            return Err(Refusal::of(field, Reason::Blank));
        }
        // Postgres cannot store it, and nobody can read it.
        if text.contains('\0') || text.chars().count() > MAXIMUM {
            return Err(Refusal::of(field, Reason::TooLong { maximum: MAXIMUM }));
        }
        Ok(Self(text.to_owned()))
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

impl<const MAXIMUM: usize> AsRef<str> for Text<MAXIMUM> {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

/// An e-mail address, in lower case: by it accounts are told apart.
#[derive(Clone, PartialEq, Eq)]
pub struct Email(String);

impl Email {
    /// Reads an address. Only a message sent to it could prove more than its shape.
    pub fn parse(field: &'static str, raw: &str) -> Result<Self, Refusal> {
        let address = raw.trim().to_lowercase();
        let shaped = address.split_once('@').is_some_and(|(local, domain)| {
            !local.is_empty()
                && !domain.starts_with('.')
                && !domain.ends_with('.')
                && domain.contains('.')
                && !domain.contains('@')
        });
        if !shaped
            || address.len() > EMAIL_MAXIMUM
            || address.chars().any(|c| c.is_whitespace() || c.is_control())
        {
            return Err(Refusal::of(field, Reason::NotAnEmail));
        }
        Ok(Self(address))
    }
}

impl AsRef<str> for Email {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Email(***)")
    }
}

/// A password that an account may be given.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    /// Reads a password for a new account.
    pub fn parse(field: &'static str, raw: &str) -> Result<Self, Refusal> {
        let characters = raw.chars().count();
        if characters < PASSWORD_MINIMUM {
            return Err(Refusal::of(
                field,
                Reason::TooShort {
                    minimum: PASSWORD_MINIMUM,
                },
            ));
        }
        if characters > PASSWORD_MAXIMUM {
            return Err(Refusal::of(
                field,
                Reason::TooLong {
                    maximum: PASSWORD_MAXIMUM,
                },
            ));
        }
        Ok(Self(raw.to_owned()))
    }
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

/// An IANA time zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timezone(Tz);

impl Timezone {
    /// Reads a zone's name, such as `Europe/Paris`.
    pub fn parse(field: &'static str, raw: &str) -> Result<Self, Refusal> {
        raw.trim()
            .parse()
            .map(Self)
            .map_err(|_| Refusal::of(field, Reason::NotATimezone))
    }

    /// The zone that a row names; UTC for a name that the program no longer knows.
    pub fn stored(name: &str) -> Self {
        Self(name.parse().unwrap_or(Tz::UTC))
    }

    /// The date there.
    pub fn date(self, time: chrono::DateTime<chrono::Utc>) -> NaiveDate {
        time.with_timezone(&self.0).date_naive()
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        self.0.name()
    }
}

/// Some days, the first and the last included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Days {
    /// The first day.
    pub first: NaiveDate,
    /// The last day.
    pub last: NaiveDate,
}

impl Days {
    /// The longest care that can be asked for, in days.
    pub const MAXIMUM: i64 = 366;

    /// Reads days from the input fields `startsOn` and `endsOn`.
    pub fn parse(first: NaiveDate, last: NaiveDate) -> Result<Self, Refusal> {
        if last < first {
            return Err(Refusal::of("endsOn", Reason::EndsBeforeStart));
        }
        if (last - first).num_days() >= Self::MAXIMUM {
            return Err(Refusal::of(
                "endsOn",
                Reason::OutOfRange {
                    minimum: 1,
                    maximum: Self::MAXIMUM,
                },
            ));
        }
        Ok(Self { first, last })
    }
}

/// A place to about a kilometre: a geohash of six characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    hash: String,
    /// The middle's latitude, in millionths of a degree.
    pub latitude_e6: i32,
    /// The middle's longitude, in millionths of a degree.
    pub longitude_e6: i32,
}

impl Cell {
    /// Reads a geohash.
    pub fn parse(field: &'static str, raw: &str) -> Result<Self, Refusal> {
        let hash = raw.trim().to_lowercase();
        let refused = Refusal::of(field, Reason::NotACell);
        if hash.chars().count() != CELL_CHARACTERS {
            return Err(refused);
        }
        let (middle, _, _) = geohash::decode(&hash).map_err(|_| refused)?;
        Ok(Self {
            latitude_e6: millionths(middle.y),
            longitude_e6: millionths(middle.x),
            hash,
        })
    }

    /// Reads a geohash that may be missing.
    pub fn optional(field: &'static str, raw: Option<&str>) -> Result<Option<Self>, Refusal> {
        raw.map(|raw| Self::parse(field, raw)).transpose()
    }

    /// The geohash.
    pub fn hash(&self) -> &str {
        &self.hash
    }
}

fn millionths(degrees: f64) -> i32 {
    #[expect(clippy::cast_possible_truncation, reason = "degrees are within -180 and 180")]
    let whole = (degrees * 1e6).round() as i32;
    whole
}

/// Reads a whole number within a range.
pub fn within(field: &'static str, number: i32, minimum: i32, maximum: i32) -> Result<i32, Refusal> {
    if (minimum..=maximum).contains(&number) {
        Ok(number)
    } else {
        Err(Refusal::of(
            field,
            Reason::OutOfRange {
                minimum: minimum.into(),
                maximum: maximum.into(),
            },
        ))
    }
}

/// All of several parsed values, or all of their refusals: a form is told of every wrong field at once.
macro_rules! gather {
    ($($name:ident = $value:expr),+ $(,)?) => {
        let mut refusals = Vec::new();
        $(let $name = $value.map_err(|refusal| refusals.push(refusal)).ok();)+
        let ($(Some($name),)+) = ($($name,)+) else {
            return Err($crate::domain::Error::Refused(refusals));
        };
    };
}
pub(crate) use gather;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_trimmed_counted_in_characters_and_never_blank() {
        assert_eq!(Text::<5>::parse("name", "  été  ").unwrap().as_ref(), "été");
        assert!(Text::<5>::parse("name", "ééééé").is_ok());
        assert_eq!(Text::<5>::parse("name", " \n").unwrap_err().reason, Reason::Blank);
        assert_eq!(
            Text::<5>::parse("name", "sixsix").unwrap_err().reason,
            Reason::TooLong { maximum: 5 }
        );
        assert!(Text::<5>::parse("name", "a\0b").is_err());
        assert_eq!(Text::<5>::optional("name", Some("  ")), Ok(None));
    }

    #[test]
    fn addresses_have_a_shape_and_one_case() {
        assert_eq!(
            Email::parse("email", " Ada@Example.ORG ").unwrap().as_ref(),
            "ada@example.org"
        );
        for wrong in [
            "",
            "ada",
            "@example.org",
            "ada@",
            "ada@local",
            "a b@example.org",
            "a@b@c.d",
            "a@.org",
        ] {
            assert!(Email::parse("email", wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn cells_have_six_characters_and_a_middle() {
        let cell = Cell::parse("cell", "u09tvw").unwrap();
        assert!((48_800_000..48_900_000).contains(&cell.latitude_e6), "{cell:?}");
        assert!((2_300_000..2_400_000).contains(&cell.longitude_e6), "{cell:?}");
        assert!(Cell::parse("cell", "u09tv").is_err() && Cell::parse("cell", "u09tva").is_err());
    }

    #[test]
    fn secrets_are_not_shown() {
        let shown = format!(
            "{:?}{:?}",
            Email::parse("e", "a@b.cd"),
            Password::parse("p", "hunter22")
        );
        assert!(!shown.contains("hunter") && !shown.contains("b.cd"));
    }
}
