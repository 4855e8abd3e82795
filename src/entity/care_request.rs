//! Care requests.

use sea_orm::QuerySelect;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Cond, Expr, ExprTrait as _, LockType, Query, SelectStatement};

use super::by_place::read_by_place;
use super::stored::stored_by_name;
use super::{CareRequestId, UserId, assignment, offer};

/// A request for care of some plants over some days.
///
/// `latitude_e6` and `longitude_e6` are the middle of `approx_cell` in millionths of a degree, kept
/// beside it so that an index can find what is near.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "care_requests")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: CareRequestId,
    pub owner_id: UserId,
    /// The assigned caretaker; kept when the request has ended, empty again when she withdrew.
    pub caretaker_id: Option<UserId>,
    pub title: String,
    pub mode: CareMode,
    pub starts_on: Date,
    pub ends_on: Date,
    pub timezone: String,
    pub approx_cell: Option<String>,
    pub latitude_e6: Option<i32>,
    pub longitude_e6: Option<i32>,
    pub instructions: Option<String>,
    pub status: CareRequestStatus,
    pub status_since: DateTimeUtc,
    pub urgent: bool,
    pub created_at: DateTimeUtc,
    pub version: i64,
}

read_by_place!(
    id,
    owner_id,
    caretaker_id,
    title,
    mode,
    starts_on,
    ends_on,
    timezone,
    approx_cell,
    latitude_e6,
    longitude_e6,
    instructions,
    status,
    status_since,
    urgent,
    created_at,
    version
);

stored_by_name!(CareMode, CareRequestStatus);

impl ActiveModelBehavior for ActiveModel {}

/// Where the plants are looked after.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CareMode {
    AtOwner,
    AtCaretaker,
}

/// The state of a care request; the moves between them are in `domain::care_request::state`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CareRequestStatus {
    Draft,
    Open,
    Assigned,
    InProgress,
    AwaitingConfirm,
    Completed,
    Cancelled,
    Expired,
    Disputed,
}

/// The care requests a member may see at all: open ones, and those she owns, looks or looked after,
/// or offered to take. What she sees of one is a question for the policy.
pub fn visible_to(viewer: UserId) -> Select<Entity> {
    Entity::find().filter(visible(viewer))
}

/// The keys of [`visible_to`], for use inside another statement.
pub(super) fn visible_ids(viewer: UserId) -> SelectStatement {
    Query::select()
        .column((Entity, Column::Id))
        .from(Entity)
        .cond_where(visible(viewer))
        .to_owned()
}

fn visible(viewer: UserId) -> Cond {
    // Of the one request, not the list of all that she ever offered: that list grows.
    let offered = Query::select()
        .expr(Expr::val(1))
        .from(offer::Entity)
        .and_where(Expr::col((offer::Entity, offer::Column::CareRequestId)).equals((Entity, Column::Id)))
        .and_where(offer::COLUMN.caretaker_id.eq(viewer))
        .to_owned();
    let assigned = Query::select()
        .expr(Expr::val(1))
        .from(assignment::Entity)
        .and_where(
            Expr::col((assignment::Entity, assignment::Column::CareRequestId)).equals((Entity, Column::Id)),
        )
        .and_where(assignment::COLUMN.caretaker_id.eq(viewer))
        .to_owned();
    Cond::any()
        .add(COLUMN.owner_id.eq(viewer))
        .add(COLUMN.caretaker_id.eq(viewer))
        .add(COLUMN.status.eq(CareRequestStatus::Open))
        .add(Expr::exists(offered))
        .add(Expr::exists(assigned))
}

/// A member's own requests and those she is the caretaker of.
pub fn of_party(viewer: UserId) -> Select<Entity> {
    Entity::find().filter(
        Cond::any()
            .add(COLUMN.owner_id.eq(viewer))
            .add(COLUMN.caretaker_id.eq(viewer)),
    )
}

/// A member's own requests.
pub fn owned_by(owner: UserId) -> Select<Entity> {
    Entity::find().filter(COLUMN.owner_id.eq(owner))
}

/// The requests a member is the caretaker of.
pub fn cared_for_by(caretaker: UserId) -> Select<Entity> {
    Entity::find().filter(COLUMN.caretaker_id.eq(caretaker))
}

/// The board: what is open.
pub fn open() -> Select<Entity> {
    Entity::find().filter(COLUMN.status.eq(CareRequestStatus::Open))
}

/// A request that was published, whatever became of it since: of those that no longer are open only their
/// ids may be told.
pub fn on_board(id: CareRequestId) -> Select<Entity> {
    Entity::find()
        .filter(COLUMN.id.eq(id))
        .filter(COLUMN.status.ne(CareRequestStatus::Draft))
}

/// Only requests with these plants.
pub fn with_plants(plants: impl IntoIterator<Item = super::PlantId>) -> Select<Entity> {
    use super::care_request_plant as link;
    let ids = Query::select()
        .column(link::Column::CareRequestId)
        .from(link::Entity)
        .and_where(link::COLUMN.plant_id.is_in(plants))
        .to_owned();
    Entity::find().filter(COLUMN.id.in_subquery(ids))
}

/// Keeps the rows that are read from being changed by others until the transaction ends, so that it
/// may change them itself. (Postgres; on SQLite the one writer has the whole database.)
pub fn locked(select: Select<Entity>) -> Select<Entity> {
    select.lock(LockType::NoKeyUpdate)
}

/// Keeps the rows that are read as they are until the transaction ends; others may do so too.
pub fn held(select: Select<Entity>) -> Select<Entity> {
    select.lock(LockType::Share)
}

/// The requests that time may move on; for the jobs, which ask for nobody in particular.
pub fn timed() -> Select<Entity> {
    Entity::find().filter(COLUMN.status.is_in([
        CareRequestStatus::Open,
        CareRequestStatus::Assigned,
        CareRequestStatus::InProgress,
        CareRequestStatus::AwaitingConfirm,
    ]))
}
