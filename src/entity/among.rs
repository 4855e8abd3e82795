//! That a column has one of many values.
//!
//! Postgres takes them as one array: so a statement is the same text however many there are, and is prepared once. A
//! single one is compared with: of an array Postgres does not know how long it is, takes it for ten long, and would plan
//! anew each time in the hope for fewer.

use sea_orm::sea_query::extension::postgres::PgFunc;
use sea_orm::sea_query::{Expr, ExprTrait as _, Value, ValueType};
use sea_orm::{ColumnTrait, DbBackend};

/// That a column has one of these values.
pub fn is_among<C, V>(backend: DbBackend, column: C, values: impl IntoIterator<Item = V>) -> Expr
where
    C: ColumnTrait,
    V: Into<Value> + ValueType,
{
    let values: Vec<V> = values.into_iter().collect();
    match backend {
        _ if values.len() == 1 => column.eq(parameter(values)),
        DbBackend::Postgres => {
            Expr::col(column.as_column_ref()).eq(PgFunc::any(Expr::value(parameter(values))))
        }
        _ => column.is_in(values),
    }
}

/// Values as [`is_among`] gives them to Postgres: one by itself, many as an array.
pub fn parameter<V: Into<Value> + ValueType>(mut values: Vec<V>) -> Value {
    match values.pop() {
        Some(value) if values.is_empty() => value.into(),
        last => array(values.into_iter().chain(last)),
    }
}

/// Values as one parameter of Postgres.
pub fn array<V: Into<Value> + ValueType>(values: impl IntoIterator<Item = V>) -> Value {
    let values = values.into_iter().map(Into::into).collect();
    Value::Array(V::array_type(), Some(Box::new(values)))
}
