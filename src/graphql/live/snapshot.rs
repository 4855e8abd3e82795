//! What is open when somebody begins to follow the board.

use std::collections::VecDeque;
use std::sync::Arc;

use sea_orm::{ColumnTrait as _, Condition, DbErr, QueryFilter as _, QueryOrder as _, QuerySelect as _};

use crate::database::Database;
use crate::entity::{CareRequestId, care_request};

/// Requests read at a time.
const PAGE: u64 = 50;

/// The open requests of an area, oldest first. Whatever changes while they are told comes after them,
/// from the log.
#[derive(Default)]
pub(super) struct Snapshot {
    after: Option<CareRequestId>,
    read: VecDeque<Arc<care_request::Model>>,
    at_end: bool,
    /// Whether the log's position was taken.
    pub(super) begun: bool,
}

impl Snapshot {
    pub(super) async fn next(
        &mut self,
        database: &Database,
        area: Option<&Condition>,
    ) -> Result<Option<Arc<care_request::Model>>, DbErr> {
        if self.read.is_empty() && !self.at_end {
            let id = care_request::Column::Id;
            let rows = care_request::open()
                .filter(Condition::all().add_option(area.cloned()))
                .filter(Condition::all().add_option(self.after.map(|after| id.gt(after))))
                .order_by_asc(id)
                .limit(PAGE)
                .all(database.reader())
                .await?;
            self.at_end = (rows.len() as u64) < PAGE;
            self.read = rows.into_iter().map(Arc::new).collect();
        }
        let next = self.read.pop_front();
        if let Some(next) = &next {
            self.after = Some(next.id);
        }
        Ok(next)
    }
}
