//! The entries of a stream that are kept in memory: the newest, and blocks that were read for replays.

use std::collections::VecDeque;
use std::sync::Arc;

use super::log::Entry;
use crate::entity::event;

/// Entries that one ring keeps at most.
pub const RING_ENTRIES: usize = 256;
/// What an entry takes in memory, its event included: neither holds free text.
pub const ENTRY_BYTES: usize = size_of::<Entry>() + size_of::<event::Model>() + 64;
/// Entries read from the database at a time for a replay.
pub const BLOCK: i64 = 100;
/// Blocks that one stream keeps.
const BLOCKS: usize = 8;

/// The newest entries of a stream, without a hole: those after `base`.
#[derive(Debug, Default)]
pub struct Ring {
    base: i64,
    entries: VecDeque<Arc<Entry>>,
}

impl Ring {
    /// The newest entry's number, or that of the one before which nothing is kept.
    pub fn last(&self) -> i64 {
        self.base + i64::try_from(self.entries.len()).unwrap_or(0)
    }

    /// Whether `seq` is the ring's matter: newer than what it has let go.
    pub fn is_after_base(&self, seq: i64) -> bool {
        seq > self.base
    }

    /// An entry that is kept.
    pub fn get(&self, seq: i64) -> Option<&Arc<Entry>> {
        let place = usize::try_from(seq - self.base - 1).ok()?;
        self.entries.get(place)
    }

    /// Adds an entry, if it is the next.
    pub fn push(&mut self, entry: Arc<Entry>) {
        if entry.seq != self.last() + 1 {
            return;
        }
        if self.entries.len() == RING_ENTRIES {
            self.entries.pop_front();
            self.base += 1;
        }
        self.entries.push_back(entry);
    }

    /// Lets go of everything: what comes after `base` will be kept.
    pub fn restart(&mut self, base: i64) {
        self.base = base;
        self.entries = VecDeque::new();
    }

    /// Entries kept.
    pub fn kept(&self) -> usize {
        self.entries.len()
    }
}

/// A part of a stream as it was read: what it does not hold of `from..=to` is no longer there.
#[derive(Debug)]
pub struct Block {
    /// The first number that was asked for.
    pub from: i64,
    /// The last.
    pub to: i64,
    /// What there was, in order.
    pub entries: Vec<Arc<Entry>>,
}

/// The blocks that were read last.
#[derive(Debug, Default)]
pub struct Blocks(VecDeque<Block>);

impl Blocks {
    /// The entry, or how far nothing is to be had; `None` if no block tells.
    pub fn get(&self, seq: i64) -> Option<Result<&Arc<Entry>, i64>> {
        let block = self
            .0
            .iter()
            .rev()
            .find(|block| (block.from..=block.to).contains(&seq))?;
        let place = block.entries.partition_point(|entry| entry.seq < seq);
        Some(match block.entries.get(place) {
            Some(entry) if entry.seq == seq => Ok(entry),
            Some(entry) => Err(entry.seq - 1),
            None => Err(block.to),
        })
    }

    /// Keeps a block, and lets go of the oldest.
    pub fn push(&mut self, block: Block) {
        self.0.retain(|kept| kept.from != block.from);
        if self.0.len() == BLOCKS {
            self.0.pop_front();
        }
        self.0.push_back(block);
    }

    /// Lets go of all.
    pub fn clear(&mut self) {
        self.0 = VecDeque::new();
    }

    /// Entries kept.
    pub fn kept(&self) -> usize {
        self.0.iter().map(|block| block.entries.len()).sum()
    }
}

/// Where the block that holds `seq` begins: all readers read the same blocks.
pub fn block_start(seq: i64) -> i64 {
    (seq - 1) / BLOCK * BLOCK + 1
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use uuid::Uuid;

    use super::*;
    use crate::entity::EventId;
    use crate::entity::event::EventKind;
    use crate::entity::stream_entry::Level;

    fn entry(seq: i64) -> Arc<Entry> {
        let event = event::Model {
            id: EventId(Uuid::from_u128(seq.unsigned_abs().into())),
            kind: EventKind::CommentAdded,
            care_request_id: None,
            plant_id: None,
            actor_id: None,
            subject_id: None,
            occurred_at: DateTime::UNIX_EPOCH,
            recorded_at: DateTime::UNIX_EPOCH,
            traceparent: None,
        };
        Arc::new(Entry {
            seq,
            level: Level::Info,
            access_version: 0,
            event: Arc::new(event),
        })
    }

    #[test]
    fn a_ring_has_no_hole_and_lets_go_of_the_oldest() {
        let mut ring = Ring::default();
        ring.restart(10);
        for seq in [12, 11, 13, 11, 12, 14] {
            ring.push(entry(seq));
        }
        assert_eq!((ring.last(), ring.kept()), (12, 2));
        assert!(ring.get(10).is_none() && ring.get(13).is_none());
        assert_eq!(ring.get(11).unwrap().seq, 11);
        for seq in 13..=10 + 300 {
            ring.push(entry(seq));
        }
        assert_eq!((ring.last(), ring.kept()), (310, RING_ENTRIES));
        assert!(ring.get(54).is_none() && !ring.is_after_base(54));
        assert_eq!(ring.get(55).unwrap().seq, 55);
    }

    #[test]
    fn a_block_says_what_is_no_longer_there() {
        assert_eq!([1, 100, 101, 200].map(block_start), [1, 1, 101, 101]);
        let mut blocks = Blocks::default();
        blocks.push(Block {
            from: 101,
            to: 150,
            entries: [120, 121, 123].map(entry).to_vec(),
        });
        let told = |seq| blocks.get(seq).map(|found| found.map(|entry| entry.seq));
        assert_eq!(told(100), None);
        assert_eq!(told(101), Some(Err(119)));
        assert_eq!(told(121), Some(Ok(121)));
        assert_eq!(told(122), Some(Err(122)));
        assert_eq!(told(124), Some(Err(150)));
        assert_eq!(told(151), None);
    }

    #[test]
    fn a_block_that_is_read_again_takes_the_place_of_the_old_one() {
        let mut blocks = Blocks::default();
        for (to, entries) in [(101, vec![entry(101)]), (102, vec![entry(101), entry(102)])] {
            blocks.push(Block {
                from: 101,
                to,
                entries,
            });
        }
        assert_eq!(blocks.kept(), 2);
        for from in 1..20 {
            let entries = vec![entry(from * 1000)];
            blocks.push(Block {
                from: from * 1000,
                to: from * 1000,
                entries,
            });
        }
        assert_eq!(blocks.kept(), BLOCKS);
    }
}
