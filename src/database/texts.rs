//! Texts of statements, so that each is built once.
//!
//! To make a statement of a finder takes SeaORM longer than its row takes Postgres. Those that read rows by their keys,
//! on behalf of whoever asks, differ in nothing but these two: so their texts are kept, with the places of both among
//! their values. On SQLite a list of keys is part of the text.

use std::any::TypeId;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use sea_orm::sea_query::{SelectStatement, Value, ValueType, Values};
use sea_orm::{DbBackend, Statement};
use uuid::Uuid;

use crate::entity::UserId;
use crate::entity::among::parameter;

/// The viewer and the keys that a text is made with: nobody's, and nothing's.
const MARKS: [Uuid; 3] = [Uuid::from_u128(1), Uuid::from_u128(2), Uuid::from_u128(3)];

/// Texts by what is read, and whether it is read by one key or by many.
#[derive(Debug, Default)]
pub struct Texts(RwLock<HashMap<(TypeId, bool), Arc<Text>>>);

#[derive(Debug)]
struct Text {
    sql: String,
    values: Vec<Place>,
}

/// What a value of a statement is.
#[derive(Debug)]
enum Place {
    Viewer,
    Keys,
    /// The same each time.
    Own(Value),
}

impl Texts {
    /// The statement that reads rows of a kind by keys, which `build` makes for a viewer; nothing if it makes none.
    pub fn by_keys<K>(
        &self,
        backend: DbBackend,
        kind: TypeId,
        (viewer, keys): (Option<UserId>, Vec<K>),
        build: impl Fn(Option<UserId>, Vec<K>) -> Option<SelectStatement>,
    ) -> Option<Statement>
    where
        K: Into<Value> + ValueType,
    {
        if backend != DbBackend::Postgres || keys.is_empty() {
            return Some(backend.build(&build(viewer, keys)?));
        }
        let key = (kind, keys.len() == 1);
        let known = {
            let texts = self.0.read().unwrap_or_else(PoisonError::into_inner);
            texts.get(&key).map(Arc::clone)
        };
        let text = match known {
            Some(text) => text,
            // Whether a text needs a viewer is seen when it is made for one.
            None if viewer.is_none() => return Some(backend.build(&build(viewer, keys)?)),
            None => {
                let text = Arc::new(Text::new(key.1, build)?);
                let mut texts = self.0.write().unwrap_or_else(PoisonError::into_inner);
                Arc::clone(texts.entry(key).or_insert(text))
            }
        };
        text.with(viewer, &parameter(keys))
    }
}

impl Text {
    fn new<K>(by_one: bool, build: impl Fn(Option<UserId>, Vec<K>) -> Option<SelectStatement>) -> Option<Self>
    where
        K: Into<Value> + ValueType,
    {
        let [viewer, keys @ ..] = MARKS;
        let keys = &keys[..if by_one { 1 } else { 2 }];
        let keys = || keys.iter().map(|key| K::unwrap((*key).into())).collect();
        let statement = DbBackend::Postgres.build(&build(Some(UserId(viewer)), keys())?);
        let (viewer, keys) = (Value::from(viewer), parameter::<K>(keys()));
        let values = statement.values.map_or_else(Vec::new, |values| values.0);
        let place = |value| match value {
            value if value == viewer => Place::Viewer,
            value if value == keys => Place::Keys,
            own => Place::Own(own),
        };
        Some(Self {
            sql: statement.sql,
            values: values.into_iter().map(place).collect(),
        })
    }

    fn with(&self, viewer: Option<UserId>, keys: &Value) -> Option<Statement> {
        let values = self.values.iter().map(|place| match place {
            Place::Viewer => viewer.map(Value::from),
            Place::Keys => Some(keys.clone()),
            Place::Own(value) => Some(value.clone()),
        });
        Some(Statement {
            sql: self.sql.clone(),
            values: Some(Values(values.collect::<Option<_>>()?)),
            db_backend: DbBackend::Postgres,
        })
    }
}

#[cfg(test)]
mod tests {
    use sea_orm::{QueryFilter as _, QueryTrait};

    use super::*;
    use crate::entity::among::is_among;
    use crate::entity::{CareRequestId, care_request};

    fn built(viewer: Option<UserId>, keys: Vec<CareRequestId>) -> Option<SelectStatement> {
        let among = is_among(DbBackend::Postgres, care_request::Column::Id, keys);
        Some(QueryTrait::into_query(
            care_request::visible_to(viewer?).filter(among),
        ))
    }

    #[test]
    fn a_text_that_is_kept_is_the_statement_that_would_be_built() {
        let texts = Texts::default();
        let by_keys = |viewer, keys| {
            let kind = TypeId::of::<CareRequestId>();
            texts.by_keys(DbBackend::Postgres, kind, (viewer, keys), built)
        };
        let key = |number| CareRequestId(Uuid::from_u128(number));
        assert_eq!(by_keys(None, vec![key(7)]), None);
        for viewer in [8, 9, 1].map(|number| Some(UserId(Uuid::from_u128(number)))) {
            for keys in [
                vec![key(7)],
                vec![key(9)],
                vec![key(7), key(8)],
                vec![key(3), key(2), key(1)],
            ] {
                let expected = DbBackend::Postgres.build(&built(viewer, keys.clone()).unwrap());
                assert_eq!(by_keys(viewer, keys), Some(expected));
            }
        }
        assert_eq!(by_keys(None, vec![key(7)]), None);
        assert_eq!(texts.0.read().unwrap().len(), 2);
    }
}
