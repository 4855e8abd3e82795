//! Lists that rows have: each is declared once, and is then paged, counted and shown for many rows at a time.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::fmt::Debug;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::sync::Arc;

use async_graphql::Context;
use async_graphql::dataloader::Loader;
use futures_util::future::try_join_all;
use sea_orm::sea_query::{Order, ValueType};
use sea_orm::{
    ColumnTrait as _, ConnectionTrait as _, DbBackend, DbErr, EntityTrait, QueryFilter as _,
    QuerySelect as _, QueryTrait as _, Select, Statement, TryGetable, Value,
};
use uuid::Uuid;

use super::ahead::Ahead;
use super::at_hand::AtHand;
use super::connection::{Connection, KeyedNode, wants_rows, wants_total};
use super::error::ApiError;
use super::loaders::{Key, Reader, Rows, load};
use super::page::{Page, PageArguments};
use super::scope::app;
use crate::entity::UserId;
use crate::entity::among::is_among;
use crate::entity::by_place::{ByPlace, ReadByPlace};
use crate::entity::pages::Lists;

/// An object that is a row, made with what was loaded ahead for what is below it.
pub trait RowNode: KeyedNode {
    /// The row.
    type Row: ReadByPlace + Send + Sync + 'static;

    /// Makes it.
    fn of(row: Arc<Self::Row>, ahead: Ahead) -> Self;

    /// The row's key.
    fn key_of(row: &Self::Row) -> Uuid;
}

/// A list that each object of a type has: the rows of an entity that have the object's key in a column.
pub trait List: Copy + Debug + Eq + Hash + Send + Sync + 'static {
    /// The object that has it.
    type Of;
    /// The key of such an object.
    type Parent: Copy + Debug + Eq + Hash + Send + Sync + Into<Value> + ValueType + TryGetable + 'static;
    /// What it is a list of.
    type Node: RowNode;
    /// Where that is stored.
    type Entity: EntityTrait;

    /// The field that shows it.
    const FIELD: &'static str;
    /// What metrics call the loader of its pages.
    const NAME: &'static str;
    /// What metrics call the loader of its totals.
    const TOTAL: &'static str;
    /// The column with the key of whose it is.
    const PARENT: <Self::Entity as EntityTrait>::Column;
    /// The column with its own key, by which it is ordered.
    const KEY: <Self::Entity as EntityTrait>::Column;

    /// The key of whose it is.
    fn parent(of: &Self::Of) -> Self::Parent;

    /// Whether the viewer is shown it. Who is not gets an empty list, whose rows nobody has asked for.
    fn is_shown(context: &Context<'_>, of: &Self::Of) -> bool;

    /// The rows of all such lists that the viewer may see; nothing for who may see none.
    fn select(viewer: Option<UserId>) -> Option<Select<Self::Entity>>;

    /// Whose list a row is in.
    fn parent_of(row: &<Self::Node as RowNode>::Row) -> Self::Parent;
}

/// The rows of a page, and one more if there are more.
pub type PageRows<L> = Arc<Vec<Arc<<<L as List>::Node as RowNode>::Row>>>;

/// A page of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PageKey<L: List>(pub L::Parent, pub Page);

/// How many entries a list has for the viewer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TotalKey<L: List>(pub L::Parent, PhantomData<L>);

impl<L: List> TotalKey<L> {
    /// Of a list.
    pub fn of(parent: L::Parent) -> Self {
        Self(parent, PhantomData)
    }
}

impl<L: List> Key for PageKey<L> {
    fn name() -> &'static str {
        L::NAME
    }
}

impl<L: List> Key for TotalKey<L> {
    fn name() -> &'static str {
        L::TOTAL
    }
}

/// What pages that are one statement have in common: they begin at the same places of their lists.
type Beginning = (bool, Option<Uuid>, Option<Uuid>);

impl<L: List> Loader<PageKey<L>> for Reader {
    type Value = PageRows<L>;
    type Error = Arc<DbErr>;

    async fn load(&self, keys: &[PageKey<L>]) -> Rows<PageKey<L>, Self::Value> {
        let Some(select) = L::select(self.viewer_id()) else {
            return Ok(HashMap::new());
        };
        let mut beginnings: HashMap<Beginning, Vec<&PageKey<L>>> = HashMap::new();
        for key in keys {
            let page = key.1;
            let beginning = (page.size.backward, page.after, page.before);
            beginnings.entry(beginning).or_default().push(key);
        }
        let mut pages = HashMap::with_capacity(keys.len());
        for keys in beginnings.into_values() {
            // Shorter pages are the beginnings of the longest.
            let Some(longest) = keys.iter().map(|key| key.1).max_by_key(|page| page.size.limit) else {
                continue;
            };
            let is_one_page = keys.iter().all(|key| key.1 == longest);
            let mut parents: Vec<_> = keys.iter().map(|key| key.0).collect();
            if !is_one_page {
                let mut seen = HashSet::with_capacity(parents.len());
                parents.retain(|parent| seen.insert(*parent));
            }
            let lists = Lists {
                backend: self.database().backend(),
                column: L::PARENT,
                of: parents,
            };
            let slice = longest.slice::<L::Node>();
            let statement = slice.of_each(select.clone(), lists, L::KEY);
            let statement = self.database().backend().build(&statement);
            let rows: Vec<ByPlace<<L::Node as RowNode>::Row>> =
                self.database().reader().all(statement).await?;
            let mut lists: HashMap<L::Parent, Vec<_>> = HashMap::new();
            for ByPlace(row) in rows {
                lists.entry(L::parent_of(&row)).or_default().push(Arc::new(row));
            }
            for rows in lists.values_mut() {
                match slice.order {
                    Order::Desc => rows.sort_unstable_by_key(|row| Reverse(L::Node::key_of(row))),
                    _ => rows.sort_unstable_by_key(|row| L::Node::key_of(row)),
                }
            }
            pages.extend(keys.into_iter().map(|key| {
                let rows = if is_one_page {
                    lists.remove(&key.0).unwrap_or_default()
                } else {
                    let rows = lists.get(&key.0).into_iter().flatten();
                    rows.take(key.1.size.limit + 1).cloned().collect()
                };
                (*key, rows.into())
            }));
        }
        Ok(pages)
    }
}

impl<L: List> Loader<TotalKey<L>> for Reader {
    type Value = i64;
    type Error = Arc<DbErr>;

    async fn load(&self, keys: &[TotalKey<L>]) -> Rows<TotalKey<L>, i64> {
        let Some(select) = L::select(self.viewer_id()) else {
            return Ok(HashMap::new());
        };
        let among = is_among(self.database().backend(), L::PARENT, keys.iter().map(|key| key.0));
        let rows: Vec<(L::Parent, i64)> = select
            .filter(among)
            .select_only()
            .column(L::PARENT)
            .column_as(L::KEY.count(), "entries")
            .group_by(L::PARENT)
            .into_tuple()
            .all(self.database().reader())
            .await?;
        let totals: HashMap<_, _> = rows.into_iter().collect();
        let total = |key: &TotalKey<L>| totals.get(&key.0).copied().unwrap_or(0);
        Ok(keys.iter().map(|key| (*key, total(key))).collect())
    }
}

/// How many rows a select has. What is asked for by several names is counted once.
#[derive(Clone, Debug)]
pub struct SelectTotalKey {
    statement: Statement,
    /// The statement with its values.
    text: String,
}

impl SelectTotalKey {
    /// Of a select, by its key column.
    pub fn of<E: EntityTrait>(select: &Select<E>, key: E::Column, backend: DbBackend) -> Self {
        let count = select.clone().select_only().column_as(key.count(), "entries");
        let statement = count.build(backend);
        let text = statement.to_string();
        Self { statement, text }
    }
}

impl PartialEq for SelectTotalKey {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for SelectTotalKey {}

impl Hash for SelectTotalKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl Key for SelectTotalKey {
    fn name() -> &'static str {
        "SelectCount"
    }
}

impl Loader<SelectTotalKey> for Reader {
    type Value = i64;
    type Error = Arc<DbErr>;

    /// Each by itself: they have nothing in common but that they are a document's own, which has a few.
    async fn load(&self, keys: &[SelectTotalKey]) -> Rows<SelectTotalKey, i64> {
        let totals = keys.iter().map(|key| async move {
            let row = self
                .database()
                .reader()
                .query_one_raw(key.statement.clone())
                .await?;
            let total = row.map_or(Ok(0), |row| row.try_get_by_index(0))?;
            Ok::<_, Arc<DbErr>>((key.clone(), total))
        });
        Ok(try_join_all(totals).await?.into_iter().collect())
    }
}

/// A page of an object's list, from what was loaded ahead, or with the same list of all other objects whose is asked for.
pub async fn page_of<L: List>(
    context: &Context<'_>,
    of: &L::Of,
    ahead: &Ahead,
    arguments: PageArguments,
) -> Result<AtHand<Connection<L::Node>>, ApiError> {
    let page = arguments.page::<L::Node>(app(context))?;
    if !L::is_shown(context, of) {
        return Ok(AtHand::new(Connection::empty()));
    }
    let parent = L::parent(of);
    let total = match ahead.find(|rows| rows.lists.total::<L>(parent)) {
        None if wants_total(context) => load(context, TotalKey::<L>::of(parent)).await?,
        total => total,
    };
    let rows = match ahead.find(|rows| rows.lists.page::<L>(parent, page)) {
        None if wants_rows(context) => load(context, PageKey::<L>(parent, page)).await?,
        rows => rows,
    };
    let nodes = rows
        .iter()
        .flat_map(|rows| rows.iter())
        .map(|row| L::Node::of(Arc::clone(row), ahead.clone()))
        .collect();
    Ok(AtHand::new(Connection::of_rows(nodes, &page, total.unwrap_or(0))))
}
