//! The requests that the board tells of, read once for all who are told.

use std::sync::Arc;

use sea_orm::{Condition, DbErr, QueryFilter as _};
use tokio::sync::OnceCell;

use super::lately::Lately;
use crate::database::Database;
use crate::entity::{EventId, care_request, event};

/// Requests as they were read after an event, by the event and the area that they were looked for in. All members are shown
/// the same of them, whatever each selects.
#[derive(Default)]
pub struct OnBoard(Lately<(EventId, Option<Condition>), Row>);

/// The request, or the wait for it; nothing within if it is not shown there.
type Row = OnceCell<Option<Arc<care_request::Model>>>;

impl OnBoard {
    /// The request that an event tells of, as it is now or was a moment ago but after the event; nothing if it is
    /// elsewhere.
    pub async fn request(
        &self,
        database: &Database,
        event: &event::Model,
        area: Option<Condition>,
    ) -> Result<Option<Arc<care_request::Model>>, DbErr> {
        let Some(id) = event.care_request_id else {
            return Ok(None);
        };
        let row = self.0.find_or_ask((event.id, area.clone()));
        let read = row.get_or_try_init(|| async {
            let shown = care_request::on_board(id).filter(Condition::all().add_option(area));
            let row = shown.one(database.reader()).await?;
            Ok::<_, DbErr>(row.map(Arc::new))
        });
        read.await.cloned()
    }

    /// Lets go of what is too old to be shown.
    pub fn forget_old(&self) {
        self.0.forget_old();
    }
}
