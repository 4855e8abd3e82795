//! Values that cannot be wrong: each is made by a parser that refuses what it is not.

mod email;
mod password;
mod text;

use chrono::{Months, NaiveDate};
use chrono_tz::Tz;

pub use self::email::{Email, Sought};
pub use self::password::Password;
pub use self::text::{Kind, Line, Name, Opaque, Prose, Text, Token};
use super::{Reason, Refusal};

/// Characters of a geohash that stands for about a kilometre.
const CELL_CHARACTERS: usize = 6;

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
    /// Reads days from the input fields `startsOn` and `endsOn`: at most from one day to the same day of the next
    /// year, however long that year is. From a 29 February it is the 28th.
    pub fn parse(first: NaiveDate, last: NaiveDate) -> Result<Self, Refusal> {
        if last < first {
            return Err(Refusal::of("endsOn", Reason::EndsBeforeStart));
        }
        let latest = first
            .checked_add_months(Months::new(12))
            .unwrap_or(NaiveDate::MAX);
        if last > latest {
            return Err(Refusal::of("endsOn", Reason::LongerThanAYear { latest }));
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
    fn a_year_is_a_year_in_leap_years_too() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        for (first, latest) in [
            ("2026-06-01", "2027-06-01"),
            // 366 days later: there is a 29 February between them.
            ("2027-06-01", "2028-06-01"),
            ("2028-02-28", "2029-02-28"),
            ("2028-02-29", "2029-02-28"),
            ("2028-03-01", "2029-03-01"),
        ] {
            let (first, latest) = (day(first), day(latest));
            assert!(Days::parse(first, first).is_ok() && Days::parse(first, latest).is_ok());
            let refusal = Days::parse(first, latest.succ_opt().unwrap()).unwrap_err();
            assert_eq!(refusal.reason, Reason::LongerThanAYear { latest });
        }
        assert!(Days::parse(NaiveDate::MAX, NaiveDate::MAX).is_ok());
    }

    #[test]
    fn cells_have_six_characters_and_a_middle() {
        let cell = Cell::parse("cell", "u09tvw").unwrap();
        assert!((48_800_000..48_900_000).contains(&cell.latitude_e6), "{cell:?}");
        assert!((2_300_000..2_400_000).contains(&cell.longitude_e6), "{cell:?}");
        assert!(Cell::parse("cell", "u09tv").is_err() && Cell::parse("cell", "u09tva").is_err());
    }
}
