//! `delivery: LATEST`: the newest entry of each object, and no more of them than the client can take.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::log::Entry;
use super::topic::{Lookup, Topic};
use crate::entity::CareRequestId;

/// How far ahead an older entry looks for a newer one of its object.
const AHEAD: i64 = 256;

/// What a subscriber leaves out, and when it may tell again.
///
/// An entry is left out only while a newer one about the same object is ahead, so the position it is
/// told with loses nothing.
#[derive(Debug)]
pub(super) struct Latest {
    every: Duration,
    next_at: Duration,
    left_out: HashMap<Option<CareRequestId>, i32>,
    unread: Option<i64>,
}

/// What to do about an entry.
#[derive(Debug)]
pub(super) enum Turn {
    /// What is ahead has to be read first.
    Load,
    /// Not yet.
    Later(Duration),
    /// Leave it out: a newer one is ahead.
    Skip,
    /// Tell it; so many were left out for it.
    Tell(i32),
}

impl Latest {
    pub(super) fn new(per_second: u32) -> Self {
        Self {
            every: Duration::from_secs(1) / per_second.max(1),
            next_at: Duration::ZERO,
            left_out: HashMap::new(),
            unread: None,
        }
    }

    /// The entry that has to be read before it can be said what to do.
    pub(super) fn unread(&self) -> Option<i64> {
        self.unread
    }

    /// What was told last was not for the client: something else may be told at once.
    pub(super) fn passed_over(&mut self) {
        self.next_at = Duration::ZERO;
    }

    pub(super) fn turn(&mut self, entry: &Arc<Entry>, last: i64, topic: &Topic, now: Duration) -> Turn {
        self.unread = None;
        let object = entry.event.care_request_id;
        for seq in entry.seq + 1..=last.min(entry.seq + AHEAD) {
            match topic.lookup(seq) {
                Lookup::Unread => {
                    self.unread = Some(seq);
                    return Turn::Load;
                }
                Lookup::Here(newer, _) if newer.event.care_request_id == object => {
                    *self.left_out.entry(object).or_default() += 1;
                    return Turn::Skip;
                }
                Lookup::Here(..) | Lookup::Missing { .. } => {}
            }
        }
        if now < self.next_at {
            return Turn::Later(self.next_at);
        }
        self.next_at = now + self.every;
        Turn::Tell(self.left_out.remove(&object).unwrap_or(0))
    }
}
