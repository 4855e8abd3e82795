//! What is true: the log as it was written, and who may read what.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use futures_util::future::BoxFuture;
use plant_care::entity::EventId;
use plant_care::entity::stream_entry::Level;
use plant_care::live::Stream;
use plant_care::live::gate::{Access, Reader};
use sea_orm::DbErr;

/// The first may always read; the others are let in and out, unless it is open to all.
pub(super) const MEMBERS: usize = 3;

/// One stream as it really is.
pub(super) struct Truth {
    pub(super) stream: Stream,
    /// The log now; entry 1 is the first. What was trimmed stays here.
    pub(super) log: Vec<(EventId, i64)>,
    /// Every entry that ever was, in this log or in one that a restored backup has undone.
    pub(super) ever: HashMap<(i64, EventId), Fact>,
    pub(super) floor: i64,
    pub(super) version: i64,
    /// How many backups were restored.
    pub(super) epoch: u32,
    pub(super) rights: Vec<Rights>,
}

/// An entry, and to whom it was open and closed at any time since it was written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fact {
    pub(super) level: Level,
    pub(super) allowed: [bool; MEMBERS],
    pub(super) denied: [bool; MEMBERS],
}

/// What one member may read.
pub(super) struct Rights {
    now: Arc<Mutex<Access>>,
    /// What she ever might read; nothing is taken out of it.
    pub(super) ever: Vec<Access>,
    /// From which version of which position on she might read what, in this log.
    changes: Vec<(i64, i64, Access)>,
}

impl Rights {
    fn new(first: Access) -> Self {
        Self {
            now: Arc::new(Mutex::new(first.clone())),
            ever: vec![first.clone()],
            changes: vec![(0, 0, first)],
        }
    }

    pub(super) fn now(&self) -> Access {
        self.now.lock().unwrap().clone()
    }

    fn set(&mut self, access: Access) {
        *self.now.lock().unwrap() = access.clone();
        self.ever.push(access);
    }

    /// What answers the gate.
    pub(super) fn reader(&self) -> Box<dyn Reader> {
        Box::new(Answer(Arc::clone(&self.now)))
    }
}

struct Answer(Arc<Mutex<Access>>);

impl Reader for Answer {
    fn access(&self) -> BoxFuture<'_, Result<Access, DbErr>> {
        let access = self.0.lock().unwrap().clone();
        Box::pin(async { Ok(access) })
    }
}

impl Truth {
    pub(super) fn new(stream: Stream, open_to_all: bool) -> Self {
        let first = if open_to_all {
            Access::All
        } else {
            Access::Only(Vec::new())
        };
        Self {
            stream,
            log: Vec::new(),
            ever: HashMap::new(),
            floor: 0,
            version: 0,
            epoch: 0,
            rights: [Access::All, first.clone(), first].map(Rights::new).into(),
        }
    }

    pub(super) fn last(&self) -> i64 {
        i64::try_from(self.log.len()).unwrap()
    }

    pub(super) fn id(&self, seq: i64) -> EventId {
        self.log[usize::try_from(seq - 1).unwrap()].0
    }

    pub(super) fn fact(&self, seq: i64) -> Fact {
        self.ever[&(seq, self.id(seq))]
    }

    /// The access version that the newest entry carries.
    pub(super) fn newest_version(&self) -> i64 {
        self.log.last().map_or(0, |(_, version)| *version)
    }

    pub(super) fn append(&mut self, seq: i64, id: EventId, level: Level, version: i64) {
        assert_eq!(seq, self.last() + 1, "numbered without a hole");
        self.log.push((id, version));
        self.version = version;
        let nobody = [false; MEMBERS];
        self.ever.insert(
            (seq, id),
            Fact {
                level,
                allowed: nobody,
                denied: nobody,
            },
        );
        self.judge(seq);
    }

    /// Gives a member other rights from the log's end on.
    pub(super) fn change(&mut self, member: usize, access: Access) {
        let (last, version) = (self.last(), self.version);
        let rights = &mut self.rights[member];
        rights.changes.push((last, version, access.clone()));
        rights.set(access);
        self.judge_all();
    }

    /// Takes back what came after `last`, rights included, as restoring a backup does.
    pub(super) fn restore(&mut self, last: i64) {
        self.log.truncate(usize::try_from(last).unwrap());
        self.epoch += 1;
        self.version = self.newest_version();
        for rights in &mut self.rights {
            rights
                .changes
                .retain(|(seq, version, _)| *seq <= last && *version <= self.version);
            let (_, _, access) = rights.changes.last().expect("the first stays").clone();
            rights.set(access);
        }
        self.judge_all();
    }

    fn judge_all(&mut self) {
        for seq in 1..=self.last() {
            self.judge(seq);
        }
    }

    fn judge(&mut self, seq: i64) {
        let key = (seq, self.id(seq));
        let fact = self.ever.get_mut(&key).expect("it was appended");
        for (member, rights) in self.rights.iter().enumerate() {
            if rights.now().allows(seq) {
                fact.allowed[member] = true;
            } else {
                fact.denied[member] = true;
            }
        }
    }
}
