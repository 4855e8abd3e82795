//! Who waits for a stream, and who of them are told the same.
//!
//! Those who are told the same are a party: what they are told is made ready first, once, and only then are they
//! woken. So an event wakes each connection once, and finds its bytes ready.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use futures_util::future::{BoxFuture, join_all};
use slab::Slab;

use super::gate::{Access, Gate};
use super::log::Entry;
use super::topic::{Lookup, Topic};
use super::{Cursor, Message, Seat, Stream};
use crate::entity::stream_entry::Level;

/// Entries that are made ready at the same time.
const AT_ONCE: i64 = 8;
/// Entries that are made ready at most when many have come: with older ones whoever is told goes her own way.
const BEHIND: i64 = 32;

/// Makes ready what all of a party are told.
pub trait Teller: Send + Sync {
    /// Makes a message ready to be shared. They are woken then, whatever came of it: each who finds nothing ready goes
    /// her own way.
    fn prepare(self: Arc<Self>, message: Message) -> BoxFuture<'static, ()>;
}

/// Who waits for a stream.
#[derive(Debug, Default)]
pub(super) struct Seats {
    /// Those who have joined no party, or not yet.
    alone: Slab<Arc<Seat>>,
    /// By their tellers' addresses.
    parties: HashMap<usize, Party>,
}

struct Party {
    /// Its members keep it.
    teller: Weak<dyn Teller>,
    minimum: Option<Level>,
    members: Slab<Member>,
    /// Up to where entries were made ready, or had their time.
    prepared: i64,
    /// Whether somebody makes entries ready, and wakes its members then.
    is_at_work: bool,
}

#[derive(Debug)]
struct Member {
    seat: Arc<Seat>,
    gate: Arc<Gate>,
}

/// Where a seat is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Number {
    party: Option<usize>,
    number: usize,
}

impl Seats {
    pub(super) fn sit(&mut self, seat: Arc<Seat>) -> Number {
        let number = self.alone.insert(seat);
        Number { party: None, number }
    }

    /// Has a seat woken with all who are told the same.
    pub(super) fn join(
        &mut self,
        number: Number,
        teller: &Arc<dyn Teller>,
        gate: &Arc<Gate>,
        minimum: Option<Level>,
        last: i64,
    ) -> Number {
        if number.party.is_some() {
            return number;
        }
        let seat = self.alone.remove(number.number);
        if self.alone.is_empty() {
            self.alone.shrink_to_fit();
        }
        let address = Arc::as_ptr(teller).addr();
        let party = self.parties.entry(address).or_insert_with(|| Party {
            teller: Arc::downgrade(teller),
            minimum,
            members: Slab::new(),
            prepared: last,
            is_at_work: false,
        });
        let gate = Arc::clone(gate);
        Number {
            party: Some(address),
            number: party.members.insert(Member { seat, gate }),
        }
    }

    pub(super) fn leave(&mut self, number: Number) {
        let Some(address) = number.party else {
            self.alone.remove(number.number);
            return;
        };
        if let Some(party) = self.parties.get_mut(&address) {
            party.members.remove(number.number);
            if party.members.is_empty() {
                self.parties.remove(&address);
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.alone.is_empty() && self.parties.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<Seat>> {
        let alone = self.alone.iter().map(|(_, seat)| seat);
        let members = self.parties.values().flat_map(|party| &party.members);
        alone.chain(members.map(|(_, member)| &member.seat))
    }

    /// Wakes all at once.
    pub(super) fn wake(&self) {
        for seat in self.iter() {
            seat.wake();
        }
    }

    /// Wakes those for whom nothing is to be made ready. Gives the parties for which something is, and for which
    /// nobody is at work yet.
    pub(super) fn wake_or_prepare(&mut self) -> Vec<usize> {
        for (_, seat) in &self.alone {
            seat.wake();
        }
        let mut to_prepare = Vec::new();
        for (address, party) in &mut self.parties {
            if party.members.len() < 2 {
                // She makes it ready for herself.
                party.wake();
            } else if !party.is_at_work {
                party.is_at_work = true;
                to_prepare.push(*address);
            }
        }
        to_prepare
    }
}

impl Party {
    fn wake(&self) {
        for (_, member) in &self.members {
            member.seat.wake();
        }
    }

    /// Whether an entry is for its members, as far as that is known: who has to be authorised anew is not told before
    /// she was.
    fn wants(&self, entry: &Entry) -> bool {
        let allows = |access: &Access| access.allows(entry.seq);
        let mut members = self.members.iter();
        self.minimum.is_none_or(|minimum| entry.level >= minimum)
            && members.next().is_some_and(|(_, member)| {
                member.gate.with_access(entry.access_version, allows) == Some(true)
            })
    }
}

impl std::fmt::Debug for Party {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Party")
            .field("members", &self.members.len())
            .field("prepared", &self.prepared)
            .finish_non_exhaustive()
    }
}

/// Makes ready what came for a party, and wakes its members, until there is no more.
pub(super) async fn prepare(topic: Arc<Topic>, address: usize) {
    let mut work = Work {
        topic,
        address,
        is_done: false,
    };
    while let Some((teller, from, to)) = work.next() {
        let entries = work.entries(from, to).await;
        let stream = work.topic.stream();
        let messages = entries.into_iter().map(|entry| message(stream, entry));
        join_all(messages.map(|message| Arc::clone(&teller).prepare(message))).await;
        work.wake(to);
    }
}

fn message(stream: Stream, entry: Arc<Entry>) -> Message {
    Message::Entry {
        cursor: Cursor::after(stream, entry.seq, entry.event.id),
        entry,
        skipped: 0,
    }
}

/// The work for a party. However it ends, its members are woken.
struct Work {
    topic: Arc<Topic>,
    address: usize,
    is_done: bool,
}

impl Work {
    /// Which entries are next; nothing if there are none.
    fn next(&mut self) -> Option<(Arc<dyn Teller>, i64, i64)> {
        let mut seats = self.topic.seats();
        let last = self.topic.known().1.last;
        let Some(party) = seats.parties.get_mut(&self.address) else {
            self.is_done = true;
            return None;
        };
        let from = party.prepared.max(last - BEHIND) + 1;
        let teller = party.teller.upgrade().filter(|_| from <= last);
        if teller.is_none() {
            // The log may also be another one now, and shorter.
            party.prepared = last;
            party.is_at_work = false;
            self.is_done = true;
        }
        teller.map(|teller| (teller, from, last.min(from + AT_ONCE - 1)))
    }

    /// What of them is to be had, and wanted.
    async fn entries(&self, from: i64, to: i64) -> Vec<Arc<Entry>> {
        let mut entries = Vec::new();
        for seq in from..=to {
            let mut found = self.topic.lookup(seq);
            if matches!(found, Lookup::Unread) {
                if let Err(error) = self.topic.fetch(seq).await {
                    // Those who are woken try it again when the database answers again.
                    tracing::debug!(%error, "what a party is told could not be read");
                    break;
                }
                found = self.topic.lookup(seq);
            }
            if let Lookup::Here(entry, _) = found {
                entries.push(entry);
            }
        }
        let seats = self.topic.seats();
        let party = seats.parties.get(&self.address);
        entries.retain(|entry| party.is_some_and(|party| party.wants(entry)));
        entries
    }

    fn wake(&self, to: i64) {
        if let Some(party) = self.topic.seats().parties.get_mut(&self.address) {
            party.prepared = to;
            party.wake();
        }
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        if self.is_done {
            return;
        }
        if let Some(party) = self.topic.seats().parties.get_mut(&self.address) {
            party.is_at_work = false;
            party.wake();
        }
    }
}
