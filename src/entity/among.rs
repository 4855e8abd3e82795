//! That a column has one of many values.
//!
//! Postgres takes them as one array: so a statement is the same text however many there are, and is prepared once. A
//! single one is compared with: of an array Postgres does not know how long it is, takes it for ten long, and would plan
//! anew each time in the hope for fewer.

use sea_orm::sea_query::extension::postgres::PgFunc;
use sea_orm::sea_query::{ArrayType, Expr, ExprTrait as _, SimpleExpr, Value, ValueType};
use sea_orm::{ColumnTrait, DbBackend};

/// That a column has one of these values.
pub fn is_among<C, V>(backend: DbBackend, column: C, values: impl IntoIterator<Item = V>) -> Expr
where
    C: ColumnTrait,
    V: Into<Value> + ValueType,
{
    let mut values: Vec<Value> = values.into_iter().map(Into::into).collect();
    match backend {
        _ if values.len() == 1 => column.eq(values.remove(0)),
        DbBackend::Postgres => {
            Expr::col(column.as_column_ref()).eq(PgFunc::any(array_of(V::array_type(), values)))
        }
        _ => column.is_in(values),
    }
}

/// Values as one parameter of Postgres.
pub fn array<V: Into<Value> + ValueType>(values: impl IntoIterator<Item = V>) -> SimpleExpr {
    array_of(V::array_type(), values.into_iter().map(Into::into).collect())
}

fn array_of(of: ArrayType, values: Vec<Value>) -> SimpleExpr {
    Expr::value(Value::Array(of, Some(Box::new(values))))
}
