//! Related rows, many at a time: each key is one statement, however many rows ask for it.
//!
//! What a page's selection asks for is [loaded ahead](super::care_request::preload), with the same statements.

use std::any::TypeId;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use async_graphql::dataloader::{DataLoader, HashMapCache, Loader};
use sea_orm::sea_query::{Expr, SelectStatement, ValueType};
use sea_orm::{
    ColumnTrait, DbErr, EntityTrait, FromQueryResult, Iterable as _, QueryFilter as _, QueryOrder as _,
    QueryResult, QuerySelect as _, QueryTrait, Select, Statement, Value,
};
use tokio::runtime::Handle;

use super::batches::{InContext, Patience};
use super::comment::Comment;
use super::offer::Offer;
use super::page::{Lists, Page};
use crate::database::Database;
use crate::domain::{self, Member, timeline};
use crate::entity::among::is_among;
use crate::entity::by_place::{ByPlace, ReadByPlace};
use crate::entity::stored::stored;
use crate::entity::{
    CareRecordId, CareRequestId, CommentId, EventId, OfferId, PlantId, UserId, care_record, care_request,
    care_request_plant, comment, event, offer, plant, stream_entry, user,
};
use crate::live::gate::Access;

/// The loaders of one request, or of one event of a subscription.
pub type Loaders = DataLoader<Observed, HashMapCache>;

/// Reads for one viewer.
pub struct Reader {
    database: Database,
    viewer: Option<Member>,
}

/// Loaders for a viewer.
pub fn loaders(database: Database, viewer: Option<Member>) -> Loaders {
    let reader = Observed(Reader { database, viewer });
    DataLoader::with_cache(
        reader,
        InContext(Handle::current()),
        Patience,
        HashMapCache::default(),
    )
}

/// A [`Reader`] whose batches are told of.
pub struct Observed(Reader);

impl<K> Loader<K> for Observed
where
    K: Send + Sync + Hash + Eq + Clone + 'static,
    Reader: Loader<K>,
{
    type Value = <Reader as Loader<K>>::Value;
    type Error = <Reader as Loader<K>>::Error;

    async fn load(&self, keys: &[K]) -> Result<HashMap<K, Self::Value>, Self::Error> {
        let telemetry = self.0.database.telemetry();
        telemetry
            .batch(name_of::<K>(), keys.len(), Box::pin(self.0.load(keys)))
            .await
    }
}

/// What metrics call the loader of a key: `User` for [`UserKey`].
fn name_of<K>() -> &'static str {
    let path = std::any::type_name::<K>();
    let name = path.rsplit("::").next().unwrap_or(path);
    name.strip_suffix("Key").unwrap_or(name)
}

type Rows<K, V> = Result<HashMap<K, V>, Arc<DbErr>>;

/// A member, as everybody may see her.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct UserKey(pub UserId);
/// A member with what is hers alone, for herself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AccountKey(pub UserId);
/// A plant that the viewer may see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PlantKey(pub PlantId);
/// That the viewer is the caretaker of a plant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CaredForKey(pub PlantId);
/// A care request that the viewer may see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RequestKey(pub CareRequestId);
/// The plants of a care request, in its order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RequestPlantsKey(pub CareRequestId);
/// An offer, of which the viewer knows by an event that she may read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OfferKey(pub OfferId);
/// A comment, of which the viewer knows by an event that she may read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CommentKey(pub CommentId);
/// A care record, of which the viewer knows by an event that she may read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CareRecordKey(pub CareRecordId);
/// An event, of which the viewer knows that she may read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EventKey(pub EventId);
/// An event's number in its request's timeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TimelineSeqKey(pub EventId);
/// What the viewer may read of a request's timeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AccessKey(pub CareRequestId);
/// A page of a request's comments, and one row more if there are more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CommentsKey(pub CareRequestId, pub Page);
/// How many comments a request has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CommentCountKey(pub CareRequestId);
/// A page of a request's offers that the viewer may see, and one row more if there are more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OffersKey(pub CareRequestId, pub Page);
/// How many offers for a request the viewer may see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OfferCountKey(pub CareRequestId);

macro_rules! rows_by_id {
    ($($key:ident => $entity:ident::$row:ident, $select:expr;)*) => {$(
        impl Loader<$key> for Reader {
            type Value = Arc<$entity::$row>;
            type Error = Arc<DbErr>;

            async fn load(&self, keys: &[$key]) -> Rows<$key, Self::Value> {
                let select: fn(Option<UserId>) -> Option<Select<$entity::Entity>> = $select;
                let select = |viewer, ids: Vec<_>| Some(select(viewer)?.filter(self.among($entity::Column::Id, ids)));
                let Some(statement) = self.by_keys::<$key, _, _>(keys.iter().map(|key| key.0), select) else {
                    return Ok(HashMap::new());
                };
                let rows: Vec<ByPlace<$entity::$row>> = self.database.reader().all(statement).await?;
                Ok(rows.into_iter().map(|ByPlace(row)| ($key(row.id), Arc::new(row))).collect())
            }
        }
    )*};
}

rows_by_id! {
    UserKey => user::Profile, |_| Some(user::profiles());
    AccountKey => user::Model, |viewer| Some(user::Entity::find().filter(user::Column::Id.eq(viewer?)));
    PlantKey => plant::Model, |viewer| Some(plant::visible_to(viewer?));
    RequestKey => care_request::Model, |viewer| Some(care_request::visible_to(viewer?));
    OfferKey => offer::Model, |_| Some(offer::Entity::find());
    CommentKey => comment::Model, |_| Some(comment::Entity::find());
    CareRecordKey => care_record::Model, |_| Some(care_record::Entity::find());
    EventKey => event::Model, |_| Some(event::Entity::find());
}

impl Loader<CaredForKey> for Reader {
    type Value = ();
    type Error = Arc<DbErr>;

    async fn load(&self, keys: &[CaredForKey]) -> Rows<CaredForKey, ()> {
        let Some(viewer) = &self.viewer else {
            return Ok(HashMap::new());
        };
        let plants: Vec<_> = keys.iter().map(|key| key.0).collect();
        let cared_for = domain::plant::cared_for(&self.database, viewer.id, &plants).await?;
        Ok(cared_for
            .into_iter()
            .map(|plant| (CaredForKey(plant), ()))
            .collect())
    }
}

/// A plant of a care request.
struct PlantOf(CareRequestId, plant::Model);

impl FromQueryResult for PlantOf {
    fn from_query_result(row: &QueryResult, _prefix: &str) -> Result<Self, DbErr> {
        Ok(Self(stored(row, 0)?, plant::Model::read(row, 1)?))
    }
}

/// The plants of requests, in the order of each.
fn plants_of_requests() -> Select<care_request_plant::Entity> {
    let join: sea_orm::RelationDef = care_request_plant::Entity::belongs_to(plant::Entity)
        .from(care_request_plant::Column::PlantId)
        .to(plant::Column::Id)
        .into();
    care_request_plant::Entity::find()
        .order_by_asc(care_request_plant::Column::Position)
        .join(sea_orm::JoinType::InnerJoin, join)
        .select_only()
        .column(care_request_plant::Column::CareRequestId)
        .columns(plant::Column::iter())
}

impl Loader<RequestPlantsKey> for Reader {
    type Value = Arc<Vec<Arc<plant::Model>>>;
    type Error = Arc<DbErr>;

    async fn load(&self, keys: &[RequestPlantsKey]) -> Rows<RequestPlantsKey, Self::Value> {
        let of_requests = |_, requests: Vec<_>| {
            let request = care_request_plant::Column::CareRequestId;
            Some(plants_of_requests().filter(self.among(request, requests)))
        };
        let requests = keys.iter().map(|key| key.0);
        let Some(statement) = self.by_keys::<RequestPlantsKey, _, _>(requests, of_requests) else {
            return Ok(HashMap::new());
        };
        let rows: Vec<PlantOf> = self.database.reader().all(statement).await?;
        let mut lists = lists(rows.into_iter().map(|PlantOf(request, plant)| (request, plant)));
        Ok(keys
            .iter()
            .map(|key| (*key, lists.remove(&key.0).unwrap_or_default().into()))
            .collect())
    }
}

impl Loader<TimelineSeqKey> for Reader {
    type Value = i64;
    type Error = Arc<DbErr>;

    async fn load(&self, keys: &[TimelineSeqKey]) -> Rows<TimelineSeqKey, i64> {
        let rows = stream_entry::Entity::find()
            .filter(self.among(stream_entry::Column::EventId, keys.iter().map(|key| key.0)))
            .filter(stream_entry::Column::Stream.starts_with("care:"))
            .all(self.database.reader())
            .await?;
        Ok(rows
            .into_iter()
            .map(|row| (TimelineSeqKey(row.event_id), row.seq))
            .collect())
    }
}

impl Loader<AccessKey> for Reader {
    type Value = Access;
    type Error = Arc<DbErr>;

    async fn load(&self, keys: &[AccessKey]) -> Rows<AccessKey, Access> {
        let Some(viewer) = &self.viewer else {
            return Ok(HashMap::new());
        };
        let requests = care_request::visible_to(viewer.id)
            .filter(self.among(care_request::Column::Id, keys.iter().map(|key| key.0)))
            .all(self.database.reader())
            .await?;
        let access = timeline::accesses(&self.database, viewer, &requests).await?;
        Ok(access
            .into_iter()
            .map(|(request, access)| (AccessKey(request), access))
            .collect())
    }
}

impl Loader<CommentsKey> for Reader {
    type Value = Arc<Vec<Arc<comment::Model>>>;
    type Error = Arc<DbErr>;

    async fn load(&self, keys: &[CommentsKey]) -> Rows<CommentsKey, Self::Value> {
        let mut pages = HashMap::with_capacity(keys.len());
        for (page, requests) in by_page(keys.iter().map(|key| (key.1, key.0))) {
            let asked = Lists::new(
                self.database.backend(),
                comment::Column::CareRequestId,
                requests.clone(),
            );
            let statement = page.of_each::<Comment, _>(comment::Entity::find(), asked, comment::Column::Id);
            let rows = self.all::<ByPlace<comment::Model>>(&statement).await?;
            let mut lists = lists(rows.into_iter().map(|ByPlace(row)| (row.care_request_id, row)));
            pages.extend(requests.into_iter().map(|request| {
                let list = lists.remove(&request).unwrap_or_default();
                (CommentsKey(request, page), list.into())
            }));
        }
        Ok(pages)
    }
}

impl Loader<OffersKey> for Reader {
    type Value = Arc<Vec<Arc<offer::Model>>>;
    type Error = Arc<DbErr>;

    async fn load(&self, keys: &[OffersKey]) -> Rows<OffersKey, Self::Value> {
        let Some(viewer) = &self.viewer else {
            return Ok(HashMap::new());
        };
        let mut pages = HashMap::with_capacity(keys.len());
        for (page, requests) in by_page(keys.iter().map(|key| (key.1, key.0))) {
            let asked = Lists::new(
                self.database.backend(),
                offer::Column::CareRequestId,
                requests.clone(),
            );
            let statement = page.of_each::<Offer, _>(offer::visible_to(viewer.id), asked, offer::Column::Id);
            let rows = self.all::<ByPlace<offer::Model>>(&statement).await?;
            let mut lists = lists(rows.into_iter().map(|ByPlace(row)| (row.care_request_id, row)));
            pages.extend(requests.into_iter().map(|request| {
                let list = lists.remove(&request).unwrap_or_default();
                (OffersKey(request, page), list.into())
            }));
        }
        Ok(pages)
    }
}

impl Loader<CommentCountKey> for Reader {
    type Value = i64;
    type Error = Arc<DbErr>;

    async fn load(&self, keys: &[CommentCountKey]) -> Rows<CommentCountKey, i64> {
        let select = comment::Entity::find()
            .filter(self.among(comment::Column::CareRequestId, keys.iter().map(|key| key.0)));
        let counts = self
            .counts(select, comment::Column::CareRequestId, comment::Column::Id)
            .await?;
        Ok(keys
            .iter()
            .map(|key| (*key, counts.get(&key.0).copied().unwrap_or(0)))
            .collect())
    }
}

impl Loader<OfferCountKey> for Reader {
    type Value = i64;
    type Error = Arc<DbErr>;

    async fn load(&self, keys: &[OfferCountKey]) -> Rows<OfferCountKey, i64> {
        let Some(viewer) = &self.viewer else {
            return Ok(HashMap::new());
        };
        let select = offer::visible_to(viewer.id)
            .filter(self.among(offer::Column::CareRequestId, keys.iter().map(|key| key.0)));
        let counts = self
            .counts(select, offer::Column::CareRequestId, offer::Column::Id)
            .await?;
        Ok(keys
            .iter()
            .map(|key| (*key, counts.get(&key.0).copied().unwrap_or(0)))
            .collect())
    }
}

impl Reader {
    fn among<C, V>(&self, column: C, values: impl IntoIterator<Item = V>) -> Expr
    where
        C: ColumnTrait,
        V: Into<Value> + ValueType,
    {
        is_among(self.database.backend(), column, values)
    }

    /// The statement that reads what keys of a kind stand for.
    fn by_keys<K, I, E>(
        &self,
        ids: impl Iterator<Item = I>,
        select: impl Fn(Option<UserId>, Vec<I>) -> Option<Select<E>>,
    ) -> Option<Statement>
    where
        K: 'static,
        I: Into<Value> + ValueType,
        E: EntityTrait,
    {
        let viewer = self.viewer.map(|viewer| viewer.id);
        let build = |viewer, ids| select(viewer, ids).map(QueryTrait::into_query);
        let texts = self.database.texts();
        let asked = (viewer, ids.collect());
        texts.by_keys(self.database.backend(), TypeId::of::<K>(), asked, build)
    }

    async fn all<M>(&self, statement: &SelectStatement) -> Result<Vec<M>, Arc<DbErr>>
    where
        M: FromQueryResult + Send + Sync,
    {
        let statement = self.database.backend().build(statement);
        Ok(self.database.reader().all(statement).await?)
    }

    async fn counts<E: EntityTrait>(
        &self,
        select: Select<E>,
        request: E::Column,
        id: E::Column,
    ) -> Result<HashMap<CareRequestId, i64>, Arc<DbErr>> {
        let rows: Vec<(CareRequestId, i64)> = select
            .select_only()
            .column(request)
            .column_as(id.count(), "entries")
            .group_by(request)
            .into_tuple()
            .all(self.database.reader())
            .await?;
        Ok(rows.into_iter().collect())
    }
}

/// Rows by the request in whose list they are.
fn lists<R>(rows: impl Iterator<Item = (CareRequestId, R)>) -> HashMap<CareRequestId, Vec<Arc<R>>> {
    let mut lists: HashMap<_, Vec<_>> = HashMap::new();
    for (request, row) in rows {
        lists.entry(request).or_default().push(Arc::new(row));
    }
    lists
}

/// The requests of which each page is asked for.
fn by_page(keys: impl Iterator<Item = (Page, CareRequestId)>) -> HashMap<Page, Vec<CareRequestId>> {
    let mut pages: HashMap<Page, Vec<CareRequestId>> = HashMap::new();
    for (page, request) in keys {
        pages.entry(page).or_default().push(request);
    }
    pages
}
