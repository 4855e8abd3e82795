//! Reading rows by the place of their columns.
//!
//! A row that is read by its columns' names has each name looked up, which of a page of rows takes longer than to
//! decode them. A select of an entity has the columns in the order of its `Model`; so has one of these.

use sea_orm::{DbErr, FromQueryResult, QueryResult};

/// A row that can be read by places.
pub trait ReadByPlace: Sized {
    /// Its columns, in order.
    const COLUMNS: &[&str];

    /// Reads it, its first column being the one at this place.
    fn read(row: &QueryResult, first: usize) -> Result<Self, DbErr>;
}

/// A row as a select of its entity gives it.
#[derive(Clone, Debug)]
pub struct ByPlace<M>(pub M);

impl<M: ReadByPlace> FromQueryResult for ByPlace<M> {
    fn from_query_result(row: &QueryResult, _prefix: &str) -> Result<Self, DbErr> {
        M::read(row, 0).map(Self)
    }
}

/// Says of a row, a `Model` if none is named, in which order its columns are.
macro_rules! read_by_place {
    ($($column:ident),* $(,)?) => {
        $crate::entity::by_place::read_by_place!(Model: $($column),*);
    };
    ($row:ident: $($column:ident),* $(,)?) => {
        impl $crate::entity::by_place::ReadByPlace for $row {
            const COLUMNS: &[&str] = &[$(stringify!($column)),*];

            fn read(row: &sea_orm::QueryResult, first: usize) -> Result<Self, DbErr> {
                let mut places = first..;
                let mut next = || places.next().unwrap_or(usize::MAX);
                // Expressions of a struct are evaluated as they are written.
                Ok(Self { $($column: $crate::entity::stored::stored(row, next())?),* })
            }
        }
    };
}
pub(crate) use read_by_place;

#[cfg(test)]
mod tests {
    use sea_orm::{IdenStatic as _, Iterable as _};

    use super::ReadByPlace;
    use crate::entity::{care_record, care_request, comment, event, offer, plant, user};

    macro_rules! in_order {
        ($($entity:ident)*) => {$(
            let selected: Vec<_> = $entity::Column::iter().map(|column| column.as_str()).collect();
            assert_eq!($entity::Model::COLUMNS, selected, stringify!($entity));
        )*};
    }

    #[test]
    fn rows_are_read_in_the_order_in_which_they_are_selected() {
        in_order!(care_record care_request comment event offer plant user);
    }
}
