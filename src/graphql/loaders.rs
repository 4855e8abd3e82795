//! Related rows, many at a time: each key is one statement, however many rows ask for it.
//!
//! What a page's selection asks for is [loaded ahead](super::care_request::preload), with the same statements.

use std::any::TypeId;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use async_graphql::Context;
use async_graphql::dataloader::{DataLoader, HashMapCache, Loader};
use sea_orm::sea_query::{Expr, ValueType};
use sea_orm::{
    ColumnTrait, DbErr, EntityTrait, FromQueryResult, Iterable as _, QueryFilter as _, QueryOrder as _,
    QueryResult, QuerySelect as _, QueryTrait, Select, Statement, Value,
};
use tokio::runtime::Handle;

use super::batches::{InContext, Patience, Together};
use super::error::ApiError;
use super::scope::loaded;
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

/// Keys that are loaded at once at most: each is a parameter on SQLite, which takes 32,766 of them.
const KEYS_OF_A_BATCH: usize = 10_000;

/// The loaders of one request, or of one event of a subscription.
pub type Loaders = DataLoader<Observed, HashMapCache>;

/// Reads for one viewer.
pub struct Reader {
    database: Database,
    viewer: Option<Member>,
}

/// Loaders for a viewer.
pub fn loaders(database: Database, viewer: Option<Member>) -> Loaders {
    let reader = Observed {
        reader: Reader { database, viewer },
        together: Together::default(),
    };
    DataLoader::with_cache(
        reader,
        InContext(Handle::current()),
        Patience,
        HashMapCache::default(),
    )
    .max_batch_size(KEYS_OF_A_BATCH)
}

/// A [`Reader`] whose batches are told of, and which gives together what it loads at the same time.
pub struct Observed {
    reader: Reader,
    together: Together,
}

impl<K> Loader<K> for Observed
where
    K: Key,
    Reader: Loader<K>,
{
    type Value = <Reader as Loader<K>>::Value;
    type Error = <Reader as Loader<K>>::Error;

    async fn load(&self, keys: &[K]) -> Result<HashMap<K, Self::Value>, Self::Error> {
        let telemetry = self.reader.database.telemetry();
        let load = telemetry.batch(K::name(), keys.len(), Box::pin(self.reader.load(keys)));
        self.together.with_others(load).await
    }
}

/// What rows are asked for by.
pub trait Key: Send + Sync + Hash + Eq + Clone + 'static {
    /// What metrics call its loader.
    fn name() -> &'static str;
}

/// What a statement gives, by key.
pub(super) type Rows<K, V> = Result<HashMap<K, V>, Arc<DbErr>>;

macro_rules! keys {
    ($($(#[$doc:meta])* $name:ident, $metric:literal, ($id:ty);)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub struct $name(pub $id);

        impl Key for $name {
            fn name() -> &'static str {
                $metric
            }
        }
    )*};
}

keys! {
    /// A member, as everybody may see her.
    UserKey, "User", (UserId);
    /// A member with what is hers alone, for herself.
    AccountKey, "Account", (UserId);
    /// A plant that the viewer may see.
    PlantKey, "Plant", (PlantId);
    /// That the viewer is the caretaker of a plant.
    CaredForKey, "CaredFor", (PlantId);
    /// A care request that the viewer may see.
    RequestKey, "Request", (CareRequestId);
    /// The plants of a care request, in its order.
    RequestPlantsKey, "RequestPlants", (CareRequestId);
    /// An offer that the viewer may see.
    VisibleOfferKey, "VisibleOffer", (OfferId);
    /// An offer, of which the viewer knows by an event that she may read.
    OfferKey, "Offer", (OfferId);
    /// A comment that the viewer may see.
    VisibleCommentKey, "VisibleComment", (CommentId);
    /// A comment, of which the viewer knows by an event that she may read.
    CommentKey, "Comment", (CommentId);
    /// A care record, of which the viewer knows by an event that she may read.
    CareRecordKey, "CareRecord", (CareRecordId);
    /// An event, of which the viewer knows that she may read it.
    EventKey, "Event", (EventId);
    /// An event's number in its request's timeline.
    TimelineSeqKey, "TimelineSeq", (EventId);
    /// What the viewer may read of a request's timeline.
    AccessKey, "Access", (CareRequestId);
    /// How much of her feed a member has not read.
    UnreadKey, "Unread", (UserId);
}

/// A row, or rows, that were not loaded ahead. On the heap: where they were, the resolver would carry all of this for
/// nothing.
pub async fn load<K>(
    context: &Context<'_>,
    key: K,
) -> Result<Option<<Observed as Loader<K>>::Value>, ApiError>
where
    K: Key,
    Observed: Loader<K, Error = Arc<DbErr>>,
{
    let loaders = loaded(context);
    Ok(Box::pin(async move { loaders.load_one(key).await }).await?)
}

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
    VisibleOfferKey => offer::Model, |viewer| Some(offer::visible_to(viewer?));
    OfferKey => offer::Model, |_| Some(offer::Entity::find());
    VisibleCommentKey => comment::Model, |viewer| Some(comment::visible_to(viewer?));
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

impl Loader<UnreadKey> for Reader {
    type Value = i64;
    type Error = Arc<DbErr>;

    /// One by one: nobody asks for another member's.
    async fn load(&self, keys: &[UnreadKey]) -> Rows<UnreadKey, i64> {
        let mut unread = HashMap::with_capacity(keys.len());
        for key in keys {
            unread.insert(*key, domain::feed::unread(&self.database, key.0).await?);
        }
        Ok(unread)
    }
}

impl Reader {
    /// Where it reads.
    pub(super) fn database(&self) -> &Database {
        &self.database
    }

    /// For whom.
    pub(super) fn viewer_id(&self) -> Option<UserId> {
        self.viewer.map(|viewer| viewer.id)
    }

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
        let build = |viewer, ids| select(viewer, ids).map(QueryTrait::into_query);
        let texts = self.database.texts();
        let asked = (self.viewer_id(), ids.collect());
        texts.by_keys(self.database.backend(), TypeId::of::<K>(), asked, build)
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
