//! What a connection's peer owes, and by when.

use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use slab::Slab;

use super::doors::{Doors, Place};
use super::pace::GRACE;
use crate::clock::Clock;
use crate::config::Config;
use crate::telemetry::metrics::{Connections, Late};
use crate::transport::address;
use crate::transport::http::shed::Shed;

/// How a client says that it speaks HTTP/2 from its first byte on (RFC 9113, section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What all connections of a listener share.
pub struct House {
    /// The time.
    pub clock: Clock,
    /// How long they may take, and who speaks for others.
    pub config: Arc<Config>,
    /// How many there may be.
    pub doors: Arc<Doors>,
    /// What is told of them.
    pub metrics: Connections,
    /// Turns requests away before anything is made for them.
    pub shed: Option<Shed>,
}

/// One connection's peer.
pub struct Peer {
    house: Arc<House>,
    address: SocketAddr,
    state: Mutex<State>,
    /// Whether it was given up because it did not take what it is owed.
    gave_up: AtomicBool,
    /// Whether what it sent is not what it says it speaks.
    broke_protocol: AtomicBool,
    _place: Place,
}

struct State {
    speaks: Speaks,
    /// When the head has to be there that is awaited, or has begun.
    head: Option<Duration>,
    /// Since when nothing is asked.
    since: Duration,
    /// Requests that are being answered.
    open: usize,
    /// Requests whose rest is awaited.
    awaited: usize,
    /// Whether the system takes no more for it.
    blocked: bool,
    /// When each answer's last piece has to have been taken, where the connection alone does not tell.
    owed: Slab<Duration>,
    /// Whoever it counts as behind a proxy, for as long as the connection is.
    behind: Option<Place>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Speaks {
    Nothing,
    Http1,
    Http2,
}

impl Peer {
    /// The peer of a connection that was let in just now.
    pub(super) fn new(house: Arc<House>, address: SocketAddr, place: Place) -> Arc<Self> {
        let now = house.clock.elapsed();
        Arc::new(Self {
            state: Mutex::new(State {
                speaks: Speaks::Nothing,
                head: Some(now + house.config.limits.head),
                since: now,
                open: 0,
                awaited: 0,
                blocked: false,
                owed: Slab::new(),
                behind: None,
            }),
            house,
            address,
            gave_up: AtomicBool::new(false),
            broke_protocol: AtomicBool::new(false),
            _place: place,
        })
    }

    /// What it shares with the others.
    pub(super) fn house(&self) -> &Arc<House> {
        &self.house
    }

    /// Its address.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether it was given up because it did not take what it is owed.
    pub fn gave_up(&self) -> bool {
        self.gave_up.load(Ordering::Acquire)
    }

    /// Whether what it sent is not what it says it speaks.
    pub fn broke_protocol(&self) -> bool {
        self.broke_protocol.load(Ordering::Acquire)
    }

    /// What it sent cannot be understood.
    pub(super) fn is_not_understood(&self) {
        self.broke_protocol.store(true, Ordering::Release);
    }

    /// Keeps a place for as long as the connection is.
    pub(super) fn keep(&self, behind: Place) {
        self.state().behind = Some(behind);
    }

    /// Whether it is another process that speaks for its clients.
    pub(super) fn speaks_for_others(&self) -> bool {
        address::speaks_for_others(&self.house.config, self.address.ip())
    }

    /// Something was read.
    pub(super) fn was_heard(&self, bytes: &[u8]) {
        let (now, head) = (self.house.clock.elapsed(), self.house.config.limits.head);
        let mut state = self.state();
        match state.speaks {
            Speaks::Nothing if bytes.starts_with(PREFACE) => {
                state.speaks = Speaks::Http2;
                state.head = None;
                state.since = now;
            }
            Speaks::Nothing => {
                state.speaks = Speaks::Http1;
                state.head = Some(now + head);
            }
            Speaks::Http1 if state.open == 0 && state.head.is_none() => {
                state.head = Some(now + head);
            }
            // Where requests share a connection, half of one delays its own only.
            Speaks::Http1 | Speaks::Http2 => {}
        }
    }

    /// Whether the system takes no more for it.
    pub(super) fn is_blocked(&self, blocked: bool) {
        let mut state = self.state();
        if state.blocked != blocked {
            state.blocked = blocked;
            state.since = self.house.clock.elapsed();
        }
    }

    /// It did not take what it is owed.
    pub(super) fn give_up(&self) {
        self.gave_up.store(true, Ordering::Release);
        self.house.metrics.gave_up(Late::Write);
    }

    /// What it is late with, or when it will be.
    pub(super) fn due(&self) -> Due {
        let idle = self.house.config.limits.idle;
        let state = self.state();
        let owed = state.owed.iter().map(|(_, until)| *until).min();
        let due = match (owed, state.head) {
            (Some(until), _) => Some((until, Late::Write)),
            // Writing has a deadline of its own.
            _ if state.open > 0 || state.blocked => None,
            (None, Some(head)) => Some((head, Late::Head)),
            (None, None) => Some((state.since + idle, Late::Idle)),
        };
        let looks_again = state.speaks == Speaks::Http2;
        drop(state);
        let now = self.house.clock.elapsed();
        match due {
            Some((at, late)) if now >= at => {
                if late == Late::Write {
                    self.give_up();
                } else {
                    self.house.metrics.gave_up(late);
                }
                Due::Now(late)
            }
            Some((at, _)) => Due::At(at),
            // Other tasks answer its requests: nobody tells when one of them begins to owe.
            None if looks_again => Due::At(now + GRACE),
            None => Due::Never,
        }
    }

    /// Whether nothing is under way that was asked for.
    pub(super) fn has_nothing_open(&self) -> bool {
        let state = self.state();
        state.open == 0 && !state.blocked
    }

    /// Whether what is under way waits for the peer.
    pub(super) fn is_waited_for(&self) -> bool {
        let state = self.state();
        state.open == 0 || state.blocked || state.awaited > 0 || !state.owed.is_empty()
    }

    /// The rest of a request is awaited, or not any more.
    pub(super) fn is_awaited(&self, awaited: bool) {
        let mut state = self.state();
        if awaited {
            state.awaited += 1;
        } else {
            state.awaited -= 1;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// When something is to be done about a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// It is to be looked at again at this time.
    At(Duration),
    /// It has to end.
    Now(Late),
    /// Nothing is awaited from it.
    Never,
}

/// A request that is being answered.
pub(super) struct Open {
    peer: Arc<Peer>,
    /// Its place among what is owed, once something was.
    owed: Option<usize>,
    behind: Option<Place>,
}

impl Open {
    /// The head of a request is there.
    pub(super) fn begin(peer: &Arc<Peer>, behind: Option<Place>) -> Self {
        let mut state = peer.state();
        state.head = None;
        state.open += 1;
        drop(state);
        Self {
            peer: Arc::clone(peer),
            owed: None,
            behind,
        }
    }

    /// Has the place of whoever is behind a proxy kept for as long as the connection is.
    pub(super) fn keep(mut self) {
        if let Some(behind) = self.behind.take() {
            self.peer.keep(behind);
        }
    }

    /// A piece of the answer is to be taken in time.
    pub(super) fn owes(&mut self) {
        let until = self.peer.house.clock.elapsed() + GRACE;
        self.owed = Some(self.peer.state().owed.insert(until));
    }

    /// It was taken.
    pub(super) fn was_taken(&mut self) {
        if let Some(owed) = self.owed.take() {
            self.peer.state().owed.remove(owed);
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.was_taken();
        let mut state = self.peer.state();
        state.open -= 1;
        if state.open == 0 {
            state.since = self.peer.house.clock.elapsed();
        }
    }
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peer")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}
