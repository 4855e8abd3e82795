//! Ids and scalars.

use async_graphql::{ID, InputValueError, InputValueResult, Scalar, ScalarType, Value};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{Datelike as _, NaiveDate, Timelike as _, Utc};
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
            Value::String(text) => Ok(Self(
                chrono::DateTime::parse_from_rfc3339(text)?.with_timezone(&Utc),
            )),
            _ => Err(InputValueError::expected_type(value)),
        }
    }

    fn to_value(&self) -> Value {
        Value::String(text(|text| self.append_to(text)))
    }
}

impl DateTime {
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
            // Four digits exactly: longer years would not be ordered as text, as SQLite orders days.
            Value::String(text) if text.len() == 10 && text.as_bytes()[0].is_ascii_digit() => {
                Ok(Self(NaiveDate::parse_from_str(text, "%Y-%m-%d")?))
            }
            _ => Err(InputValueError::expected_type(value)),
        }
    }

    fn to_value(&self) -> Value {
        Value::String(text(|text| self.append_to(text)))
    }
}

impl Date {
    /// Writes it.
    pub(super) fn append_to(self, text: &mut Vec<u8>) {
        append_date(text, self.0);
    }
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
