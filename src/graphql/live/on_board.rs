//! The requests that the board tells of, read once for all who are told.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sea_orm::{Condition, DbErr, QueryFilter as _};
use tokio::sync::OnceCell;
use tokio::time::Instant;

use super::group::SHARED_FOR;
use crate::database::Database;
use crate::entity::{EventId, care_request, event};

/// Rows kept at most.
const ROWS: usize = 64;

/// Requests as they were read after an event. All members are shown the same of them, whatever each selects; they hold
/// free text and are [forgotten](OnBoard::forget_old) as answers are.
#[derive(Default)]
pub struct OnBoard(Mutex<VecDeque<Read>>);

struct Read {
    after: EventId,
    area: Option<Condition>,
    asked: Instant,
    row: Arc<Row>,
}

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
        let row = self.row(event.id, area.as_ref());
        let read = row.get_or_try_init(|| async {
            let shown = care_request::on_board(id).filter(Condition::all().add_option(area));
            let row = shown.one(database.reader()).await?;
            Ok::<_, DbErr>(row.map(Arc::new))
        });
        read.await.cloned()
    }

    /// Lets go of what is too old to be shown.
    pub fn forget_old(&self) {
        self.rows().retain(|read| read.asked.elapsed() < SHARED_FOR);
    }

    fn row(&self, after: EventId, area: Option<&Condition>) -> Arc<Row> {
        let mut rows = self.rows();
        let known = rows.iter().rev().find(|read| {
            read.after == after && read.asked.elapsed() < SHARED_FOR && read.area.as_ref() == area
        });
        if let Some(read) = known {
            return Arc::clone(&read.row);
        }
        if rows.len() == ROWS {
            rows.pop_front();
        }
        let row = Arc::<Row>::default();
        rows.push_back(Read {
            after,
            area: area.cloned(),
            asked: Instant::now(),
            row: Arc::clone(&row),
        });
        row
    }

    fn rows(&self) -> MutexGuard<'_, VecDeque<Read>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
