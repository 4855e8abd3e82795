//! Ids and scalars.

use async_graphql::{ID, InputValueError, InputValueResult, Scalar, ScalarType, Value};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{Datelike as _, NaiveDate, SubsecRound as _, Timelike as _, Utc};
use uuid::Uuid;

use super::error::ApiError;
use crate::entity::{CareRequestId, CommentId, EventId, OfferId, PlantId, UserId};

/// A time in UTC, as RFC 3339 with microseconds: `2026-11-22T09:30:00.000000Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DateTime(pub chrono::DateTime<Utc>);

/// A time in UTC, as RFC 3339 with microseconds: `2026-11-22T09:30:00.000000Z`. As input every RFC 3339 offset
/// is understood.
#[Scalar(
    name = "DateTime",
    specified_by_url = "https://www.rfc-editor.org/rfc/rfc3339"
)]
impl ScalarType for DateTime {
    fn parse(value: Value) -> InputValueResult<Self> {
        match &value {
            Value::String(text) => Self::read(text).ok_or_else(|| InputValueError::expected_type(value)),
            _ => Err(InputValueError::expected_type(value)),
        }
    }

    fn to_value(&self) -> Value {
        Value::String(text(|text| self.append_to(text)))
    }
}

impl DateTime {
    /// Reads a time as RFC 3339 writes it (section 5.6), to microseconds. A leap second is none that a database could keep, and
    /// a year has four digits: SQLite orders times as text.
    pub(super) fn read(text: &str) -> Option<Self> {
        let (date, rest) = text.split_at_checked(10)?;
        Date::read(date)?;
        let (time, rest) = rest.split_at_checked(9)?;
        let (seconds, offset) = rest.split_at(rest.find(['Z', 'z', '+', '-'])?);
        let fraction = seconds.strip_prefix('.');
        let is_fraction =
            |digits: &str| !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
        let is_written = (is_shaped(time, "T00:00:00") || is_shaped(time, "t00:00:00"))
            && !time.ends_with("60")
            && fraction.map_or(seconds.is_empty(), is_fraction)
            && ["Z", "z", "+00:00", "-00:00"]
                .iter()
                .any(|shape| is_shaped(offset, shape));
        if !is_written {
            return None;
        }
        let time = chrono::DateTime::parse_from_rfc3339(text).ok()?;
        let time = time.with_timezone(&Utc).trunc_subsecs(6);
        (0..=9_999).contains(&time.year()).then_some(Self(time))
    }

    /// Writes it: a page has hundreds, each of which takes chrono longer than all else that is done with it.
    pub(super) fn append_to(&self, text: &mut Vec<u8>) {
        let (date, time) = (self.0.date_naive(), self.0.time());
        let micros = (time.nanosecond() / 1_000).min(999_999);
        append_date(text, date);
        for (before, number) in [(b'T', time.hour()), (b':', time.minute()), (b':', time.second())] {
            text.push(before);
            append_digits::<2>(text, number);
        }
        text.push(b'.');
        append_digits::<6>(text, micros);
        text.push(b'Z');
    }
}

/// A day of the calendar: `2026-11-22`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Date(pub NaiveDate);

/// A day of the calendar, without a time zone: `2026-11-22` (ISO 8601).
#[Scalar(
    name = "Date",
    specified_by_url = "https://www.iso.org/iso-8601-date-and-time-format.html"
)]
impl ScalarType for Date {
    fn parse(value: Value) -> InputValueResult<Self> {
        match &value {
            Value::String(text) => Self::read(text).ok_or_else(|| InputValueError::expected_type(value)),
            _ => Err(InputValueError::expected_type(value)),
        }
    }

    fn to_value(&self) -> Value {
        Value::String(text(|text| self.append_to(text)))
    }
}

impl Date {
    /// Reads a day as ISO 8601 writes it: four digits, two and two.
    pub(super) fn read(text: &str) -> Option<Self> {
        if !is_shaped(text, "0000-00-00") {
            return None;
        }
        let number = |range: std::ops::Range<usize>| text.get(range)?.parse::<u32>().ok();
        let year = i32::try_from(number(0..4)?).ok()?;
        NaiveDate::from_ymd_opt(year, number(5..7)?, number(8..10)?).map(Self)
    }

    /// Writes it.
    pub(super) fn append_to(self, text: &mut Vec<u8>) {
        append_date(text, self.0);
    }
}

/// Whether a text is like a pattern, in which `0` stands for any digit.
fn is_shaped(text: &str, pattern: &str) -> bool {
    let fits = |(byte, wanted): (u8, u8)| match wanted {
        b'0' => byte.is_ascii_digit(),
        wanted => byte == wanted,
    };
    text.len() == pattern.len() && text.bytes().zip(pattern.bytes()).all(fits)
}

/// The text that is appended to an empty one.
fn text(append: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut text = Vec::with_capacity(32);
    append(&mut text);
    String::from_utf8(text).unwrap_or_default()
}

fn append_date(text: &mut Vec<u8>, date: NaiveDate) {
    match u32::try_from(date.year()) {
        Ok(year) if year <= 9_999 => append_digits::<4>(text, year),
        // Nobody can store one: as ISO 8601 has it, with its sign.
        _ => return text.extend_from_slice(date.to_string().as_bytes()),
    }
    for number in [date.month(), date.day()] {
        text.push(b'-');
        append_digits::<2>(text, number);
    }
}

/// Writes so many decimal digits of a number.
fn append_digits<const COUNT: usize>(text: &mut Vec<u8>, mut number: u32) {
    let mut digits = [b'0'; COUNT];
    for digit in digits.iter_mut().rev() {
        *digit += u8::try_from(number % 10).unwrap_or(0);
        number /= 10;
    }
    text.extend_from_slice(&digits);
}

/// A key that is told to clients: as an opaque id that carries its type, so that another type's is
/// refused and never looked up.
pub trait GlobalId: Sized {
    /// The type's mark; it must never change, because clients keep ids.
    const MARK: u8;
    /// The key.
    fn uuid(&self) -> Uuid;
    /// The key's type again.
    fn from_uuid(uuid: Uuid) -> Self;

    /// The id clients are told.
    fn to_id(&self) -> ID {
        let mut bytes = [0; 17];
        bytes[0] = Self::MARK;
        bytes[1..].copy_from_slice(self.uuid().as_bytes());
        ID(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Reads an id of this type.
    fn from_id(id: &ID) -> Result<Self, ApiError> {
        match marked(id) {
            Some((mark, uuid)) if mark == Self::MARK => Ok(Self::from_uuid(uuid)),
            _ => Err(ApiError::InvalidId),
        }
    }
}

/// An id's mark and key, whatever its type.
pub fn marked(id: &ID) -> Option<(u8, Uuid)> {
    let bytes: [u8; 17] = URL_SAFE_NO_PAD.decode(id.as_str()).ok()?.try_into().ok()?;
    let (mark, key) = bytes.split_first()?;
    Some((*mark, Uuid::from_slice(key).ok()?))
}

macro_rules! global_ids {
    ($($name:ident $mark:literal;)*) => {$(
        impl GlobalId for $name {
            const MARK: u8 = $mark;

            fn uuid(&self) -> Uuid {
                self.0
            }

            fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }
    )*};
}

global_ids! {
    UserId b'u';
    PlantId b'p';
    CareRequestId b'r';
    OfferId b'o';
    CommentId b'c';
    EventId b'e';
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_as_its_own_type_only() {
        let id = PlantId(Uuid::from_u128(5)).to_id();
        assert_eq!(PlantId::from_id(&id).unwrap(), PlantId(Uuid::from_u128(5)));
        assert!(UserId::from_id(&id).is_err());
        for wrong in ["", "5", "cGxhbnQ6NQ", &id.as_str()[1..]] {
            assert!(PlantId::from_id(&ID(wrong.to_owned())).is_err(), "{wrong}");
        }
    }

    #[test]
    fn days_and_times_are_read_as_they_are_written() {
        for day in ["2027-12-01", "2028-02-29", "0000-01-01", "9999-12-31"] {
            let read = Date::read(day).map(|day| day.to_value());
            assert_eq!(read, Some(Value::from(day)));
        }
        for wrong in [
            "",
            "2027-12- 1",
            "2027-12-+1",
            " 2027-12-1",
            "2027-02-29",
            "2027-13-01",
            "2027-1-01",
            "+999-01-01",
            "-001-01-01",
            "2027/12/01",
            "20271201",
            "2027-12-01T",
            "\u{662}027-1-01",
            "2027-12-01Z",
        ] {
            assert!(Date::read(wrong).is_none(), "{wrong}");
        }
        for (time, expected) in [
            ("2027-12-01T09:30:00Z", "2027-12-01T09:30:00.000000Z"),
            ("2027-12-01t09:30:00z", "2027-12-01T09:30:00.000000Z"),
            ("2027-12-01T09:30:00.1234567Z", "2027-12-01T09:30:00.123456Z"),
            ("2027-12-01T00:30:00.5+01:00", "2027-11-30T23:30:00.500000Z"),
            ("2027-12-01T09:30:00-00:00", "2027-12-01T09:30:00.000000Z"),
        ] {
            let read = DateTime::read(time).map(|time| time.to_value());
            assert_eq!(read, Some(Value::from(expected)), "{time}");
        }
        for wrong in [
            "",
            "2027-12-01",
            "2027-12-01T09:30Z",
            "2027-12-01 09:30:00Z",
            "2027-12-01T09:30:60Z",
            "2027-12-01T23:59:60Z",
            "2027-12-01T24:00:00Z",
            "2027-12-01T09:60:00Z",
            "2027-12-01T09:30:00",
            "2027-12-01T09:30:00.Z",
            "2027-12-01T09:30:00,5Z",
            "2027-12-01T09:30:00+0100",
            "2027-12-01T09:30:00+1:00",
            "2027-12-01T09:30:00+24:00",
            "2027-12-01T09:30:00\u{2212}01:00",
            "2027-12-01T09:30:00 Z",
            "0000-01-01T00:00:00+01:00",
            "9999-12-31T23:59:59-01:00",
            "12027-12-01T09:30:00Z",
        ] {
            assert!(DateTime::read(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn times_have_microseconds_always() {
        let time = DateTime(chrono::DateTime::from_timestamp(0, 0).unwrap());
        assert_eq!(time.to_value(), Value::from("1970-01-01T00:00:00.000000Z"));
    }

    #[test]
    fn times_and_days_are_written_as_chrono_writes_them() {
        for seconds in (-62_135_596_800..=253_402_300_799_i64).step_by(7_777_777_777) {
            let time = chrono::DateTime::from_timestamp(seconds, 123_456_789).unwrap();
            let expected = time.to_rfc3339_opts(chrono::SecondsFormat::Micros, true);
            assert_eq!(DateTime(time).to_value(), Value::from(expected));
            let day = time.date_naive();
            assert_eq!(Date(day).to_value(), Value::from(day.to_string()));
        }
        for day in [NaiveDate::MIN, NaiveDate::MAX] {
            assert_eq!(Date(day).to_value(), Value::from(day.to_string()));
        }
    }
}
