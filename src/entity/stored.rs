//! Values as the databases give them.
//!
//! SeaORM asks sqlx for each value of a row, which compares its type with the one that is wanted before it reads it. Of
//! Postgres's rows that takes longer than the reading, and a column has the type that the migrations gave it: so there a
//! value is read as what it is known to be. What does not fit is an error still, by its length or its form.

use sea_orm::sqlx::error::BoxDynError;
use sea_orm::sqlx::postgres::PgValueRef;
use sea_orm::sqlx::{Decode, Postgres, Row as _, ValueRef as _};
use sea_orm::{ActiveEnum, DbErr, Iterable, QueryResult, RuntimeErr, TryGetable, sqlx};
use uuid::Uuid;

use super::loaded;

/// A value of a column.
pub trait Stored: TryGetable {
    /// Reads it as Postgres has sent it.
    fn decode(value: PgValueRef<'_>) -> Result<Self, BoxDynError>;

    /// How long it is, if it may be long.
    fn bytes(&self) -> usize {
        0
    }
}

/// The value at a place of a row.
pub fn stored<T: Stored>(row: &QueryResult, place: usize) -> Result<T, DbErr> {
    let value: T = read(row, place)?;
    loaded::count(value.bytes())?;
    Ok(value)
}

fn read<T: Stored>(row: &QueryResult, place: usize) -> Result<T, DbErr> {
    let Some(row) = row.try_as_pg_row() else {
        return row.try_get_by_index(place);
    };
    let value = row.try_get_raw(place);
    value
        .and_then(|value| {
            T::decode(value).map_err(|source| sqlx::Error::ColumnDecode {
                index: place.to_string(),
                source,
            })
        })
        .map_err(|error| DbErr::Query(RuntimeErr::SqlxError(error.into())))
}

/// The values of an enum with the names that are stored of them.
pub fn names<E: ActiveEnum<Value = String> + Iterable>() -> Vec<(String, E)> {
    E::iter().map(|value| (value.to_value(), value)).collect()
}

/// Reads an enum by the name that is stored of it.
pub fn named<E: ActiveEnum<Value = String> + Copy>(
    names: &[(String, E)],
    value: PgValueRef<'_>,
) -> Result<E, BoxDynError> {
    let stored = <&str as Decode<'_, Postgres>>::decode(value)?;
    let known = names.iter().find(|(name, _)| name == stored);
    match known {
        Some((_, value)) => Ok(*value),
        None => Ok(E::try_from_value(&stored.to_owned())?),
    }
}

impl<T> Stored for Option<T>
where
    T: Stored,
    Self: TryGetable,
{
    fn decode(value: PgValueRef<'_>) -> Result<Self, BoxDynError> {
        if value.is_null() {
            return Ok(None);
        }
        T::decode(value).map(Some)
    }

    fn bytes(&self) -> usize {
        self.as_ref().map_or(0, T::bytes)
    }
}

impl Stored for String {
    fn decode(value: PgValueRef<'_>) -> Result<Self, BoxDynError> {
        <Self as Decode<'_, Postgres>>::decode(value)
    }

    fn bytes(&self) -> usize {
        self.len()
    }
}

macro_rules! as_sqlx_reads_it {
    ($($plain:ty)*) => {$(
        impl Stored for $plain {
            fn decode(value: PgValueRef<'_>) -> Result<Self, BoxDynError> {
                <$plain as Decode<'_, Postgres>>::decode(value)
            }
        }
    )*};
}

as_sqlx_reads_it!(bool i32 i64 Vec<u8> Uuid sea_orm::prelude::Date sea_orm::prelude::DateTimeUtc);

/// Says of enums that they are stored by their names.
macro_rules! stored_by_name {
    ($($name:ident),*) => {$(
        impl $crate::entity::stored::Stored for $name {
            fn decode(
                value: sea_orm::sqlx::postgres::PgValueRef<'_>,
            ) -> Result<Self, sea_orm::sqlx::error::BoxDynError> {
                use std::sync::LazyLock;
                static NAMES: LazyLock<Vec<(String, $name)>> = LazyLock::new($crate::entity::stored::names);
                $crate::entity::stored::named(&NAMES, value)
            }
        }
    )*};
}
pub(crate) use stored_by_name;
