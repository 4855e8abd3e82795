//! A client as the model sees it: what it was told, and whether it might be told so.

use std::collections::BTreeMap;
use std::sync::Arc;

use plant_care::entity::EventId;
use plant_care::entity::stream_entry::Level;
use plant_care::live::gate::Access;
use plant_care::live::{Cursor, EndReason, GapReason, Message, Seat, Subscriber};

use super::truth::Truth;

/// One who follows the stream, over replica and replica.
pub(super) struct Client {
    pub(super) member: usize,
    pub(super) hub: usize,
    pub(super) minimum: Option<Level>,
    /// What she follows with; nothing while she is away.
    pub(super) following: Option<(Subscriber, Arc<Seat>)>,
    /// What she comes back with.
    pub(super) cursor: Option<Cursor>,
    /// How far she was told, or knows by having passed over it.
    pub(super) at: i64,
    /// Where what she knows begins.
    pub(super) begin: i64,
    pub(super) seen: BTreeMap<i64, EventId>,
    /// The newest number that she was told is trimmed.
    pub(super) trimmed: i64,
    /// How often she was told that she has caught up, against how often she had to be.
    pub(super) caught_up: (u32, u32),
    /// The restored backup that she knows of at least.
    pub(super) epoch: u32,
    /// How many rights she had had when she came.
    pub(super) rights: usize,
}

impl Client {
    pub(super) fn new(member: usize, minimum: Option<Level>) -> Self {
        Self {
            member,
            hub: 0,
            minimum,
            following: None,
            cursor: None,
            at: 0,
            begin: 0,
            seen: BTreeMap::new(),
            trimmed: 0,
            caught_up: (0, 0),
            epoch: 0,
            rights: 0,
        }
    }

    /// Checks a message, and remembers it.
    pub(super) fn told(&mut self, truth: &Truth, message: &Message) {
        match message {
            Message::Entry { cursor, entry, .. } => {
                let key = (entry.seq, entry.event.id);
                assert_eq!(cursor.seq, entry.seq);
                assert!(
                    entry.seq > self.at,
                    "twice or backwards: {key:?} after {}",
                    self.at
                );
                let fact = truth.ever.get(&key).expect("an entry that was written");
                assert!(fact.allowed[self.member], "never hers to read: {key:?}");
                assert!(
                    self.minimum.is_none_or(|minimum| fact.level >= minimum),
                    "too quiet"
                );
                self.pass_over(truth, entry.seq - 1);
                self.at = entry.seq;
                self.seen.insert(entry.seq, entry.event.id);
            }
            Message::CaughtUp(cursor) => {
                self.caught_up.0 += 1;
                assert!(self.caught_up.0 <= self.caught_up.1, "caught up twice");
                self.stands_at(truth, cursor);
            }
            Message::Position(cursor) => self.stands_at(truth, cursor),
            Message::Gap { from, to, reason } => self.gap(truth, from, to, *reason),
            Message::Read(_) => panic!("of a feed only"),
            Message::Ended(EndReason::AccessLost) => {
                // Up to where one of her rights ended she was told all.
                let rights = &truth.rights[self.member].ever[self.rights..];
                let ended = |access: &Access| {
                    let end = access.ranges()?.iter().map(|(_, to)| *to).max();
                    Some(end.unwrap_or(0).min(truth.last()))
                };
                let told_to = |end: i64| (self.at + 1..=end).all(|seq| !self.is_for(truth, seq));
                let is_so = truth.epoch != self.epoch || rights.iter().filter_map(ended).any(told_to);
                assert!(is_so, "she may read on after {}: {rights:?}", self.at);
            }
            Message::Ended(EndReason::TrimmedAway) => {
                assert!(truth.floor >= truth.last() || truth.epoch > self.epoch);
            }
        }
        if let Some(cursor) = message.cursor() {
            self.cursor = Some(*cursor);
        }
    }

    fn stands_at(&mut self, truth: &Truth, cursor: &Cursor) {
        assert!(cursor.seq >= self.at, "a position never falls");
        self.pass_over(truth, cursor.seq);
        self.at = cursor.seq;
    }

    fn gap(&mut self, truth: &Truth, from: &Cursor, to: &Cursor, reason: GapReason) {
        match reason {
            GapReason::Trimmed => {
                assert!(from.seq >= self.at && to.seq > from.seq, "{from:?} to {to:?}");
                assert!(
                    to.seq <= truth.floor,
                    "{to:?} is beyond the floor {}",
                    truth.floor
                );
                self.pass_over(truth, from.seq);
                self.trimmed = self.trimmed.max(to.seq);
            }
            GapReason::LogReset => {
                assert!(
                    truth.epoch > self.epoch,
                    "no log was reset since: {from:?} to {to:?}"
                );
                assert!(to.seq <= truth.floor);
                self.seen.retain(|seq, _| *seq <= to.seq);
                self.begin = to.seq;
                // The replay begins anew, unless it had not ended or this is where it begins.
                if self.caught_up.0 == self.caught_up.1 {
                    self.caught_up.1 += 1;
                }
            }
        }
        self.at = to.seq;
    }

    /// Checks that what she is not told up to `to` is not for her. While a restored backup may be unnoticed it cannot
    /// be said what is; then it is checked when she has been told of it.
    fn pass_over(&self, truth: &Truth, to: i64) {
        if truth.epoch == self.epoch {
            for seq in self.at + 1..=to {
                assert!(!self.is_for(truth, seq), "{seq} was left out");
            }
        }
    }

    /// Whether an entry was for her at all times.
    fn is_for(&self, truth: &Truth, seq: i64) -> bool {
        let fact = truth.fact(seq);
        !fact.denied[self.member] && self.minimum.is_none_or(|minimum| fact.level >= minimum)
    }

    /// Checks, when all is told, that she knows what is hers to know.
    pub(super) fn assert_knows_all(&self, truth: &Truth) {
        let Some((subscriber, _)) = &self.following else {
            return;
        };
        assert_eq!(subscriber.position().seq, truth.last(), "she has read all");
        assert_eq!(self.caught_up.0, self.caught_up.1, "caught up");
        for seq in self.begin + 1..=truth.last() {
            match self.seen.get(&seq) {
                Some(id) => assert!(seq <= self.trimmed || *id == truth.id(seq), "{seq} is another"),
                None => assert!(
                    seq <= self.trimmed || !self.is_for(truth, seq),
                    "{seq} is missing"
                ),
            }
        }
        let access = truth.rights[self.member].now();
        let is_told = truth.newest_version() == truth.version && truth.last() > 0;
        assert!(
            !is_told || !access.ends_before(truth.last() + 1),
            "she is still there, with {access:?} at {}",
            truth.last()
        );
    }
}
