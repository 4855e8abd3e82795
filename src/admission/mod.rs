//! Who is served when not everybody can be.
//!
//! What a process does at the same time is bounded, and so is what waits for it. A queue is as long as what can be
//! served within a moment, by the pace at which it moves; whoever would have to wait longer is told at once that the
//! server is busy, so that what is accepted is answered in time, and goodput stays what it is however many ask.
//!
//! | queue | what passes it | how many at once |
//! |---|---|---|
//! | `requests` | every query and mutation, before it is read | `LIMIT_REQUESTS_IN_FLIGHT`; while they take long, as many as are done in a few milliseconds, at least the database's connections (SQLite: twice the cores and two) |
//! | `passwords` | what hashes a password, when its request was read | twice the cores and two |
//! | `writes` | every other mutation, when its request was read | twice the database's connections, at least 16 |
//! | `subscriptions` | the opening of a subscription | a quarter of `LIMIT_REQUESTS_IN_FLIGHT` |
//!
//! Who waits in one of the two in the middle has left the first, so that queries always find room; as many wait there as a
//! quarter of `LIMIT_REQUESTS_IN_FLIGHT`. A subscription that opens may wait three times as long as an operation may take:
//! thousands come back at once when a server was restarted, and have nowhere else to go. What a subscription is told has turns of its own and waits for them
//! without an end, because nothing of it may be left out.
//!
//! Members and addresses take turns. Nobody's requests keep more than half of what there is, and who has less waiting
//! than half as much as somebody else is let in at her expense.

mod lane;
mod pace;
mod queue;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};

use self::lane::Lane;
pub use self::lane::Turn;
use crate::auth::Bearer;
use crate::clock::Clock;
use crate::config::Config;
use crate::entity::UserId;
use crate::network::Network;
use crate::telemetry::metrics::Shedding;

/// How long a request may expect to take when many come at once.
const BURST: Duration = Duration::from_millis(500);
/// The same of a password, which takes long by itself: sixty of them that come together are no attack.
const PASSWORD_BURST: Duration = Duration::from_millis(800);
/// The same when the queue has been standing for a while: it would only make everybody wait, and whoever waits long has left
/// the processor's caches.
const STANDING: Duration = Duration::from_millis(100);
/// The same of a password.
const PASSWORD_STANDING: Duration = Duration::from_millis(200);
/// How much is taken up at once, as the time in which it is done: more would only be in each other's way, and who waits in
/// the queue can still be told that it takes too long.
const TAKEN_UP: Duration = Duration::from_millis(8);
/// How long a queue stands until that counts.
const STANDS_AFTER: Duration = Duration::from_secs(1);
/// How much longer than she could expect anybody waits.
const GRACE: Duration = Duration::from_millis(200);
/// Mutations at once, at least.
const WRITES: usize = 16;

/// Somebody whose requests take turns with others'.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Key {
    /// A member, wherever she is.
    Member(UserId),
    /// Whoever does not say who she is.
    Network(Network),
}

impl Key {
    /// Who she says she is, or whoever comes from her address.
    pub fn of(bearer: Bearer, address: IpAddr) -> Self {
        match bearer {
            Bearer::Claims(claims) => Self::Member(claims.user),
            Bearer::Nobody | Bearer::Stranger => Self::of_address(address),
        }
    }

    /// Whoever comes from an address.
    pub fn of_address(address: IpAddr) -> Self {
        Self::Network(Network::of(address))
    }
}

/// It would take too long until it is the turn of what was asked for: nothing of it was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Busy;

/// Which queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Queue {
    /// Of requests.
    Requests,
    /// Of passwords to hash.
    Passwords,
    /// Of mutations.
    Writes,
    /// Of subscriptions to open.
    Subscriptions,
}

impl Queue {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Requests, Self::Passwords, Self::Writes, Self::Subscriptions];

    /// Its name, in metrics and the log.
    pub fn name(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Passwords => "passwords",
            Self::Writes => "writes",
            Self::Subscriptions => "subscriptions",
        }
    }
}

/// The bounds of a queue.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    /// How many are served at the same time.
    at_once: usize,
    /// So many of them even if they take long: fewer would not take less.
    least: usize,
    /// How many wait at most.
    waiting: usize,
    /// Whether nobody may keep more than half of what there is: where somebody's may take long.
    shared: bool,
    patience: Patience,
    /// How much is taken up at once, as the time in which it is done.
    taken_up: Duration,
    /// How often one is served, until that is known.
    pace: Duration,
}

/// How long one may wait.
#[derive(Clone, Copy, Debug)]
struct Patience {
    burst: Duration,
    standing: Duration,
    longest: Duration,
}

/// The queues of a process.
#[derive(Clone, Debug)]
pub struct Admission {
    requests: Lane,
    passwords: Lane,
    writes: Lane,
    subscriptions: Lane,
    resolutions: Arc<Semaphore>,
}

impl Admission {
    /// Empty queues.
    pub fn new(config: &Config, clock: &Clock, metrics: &Shedding) -> Self {
        let most = config.limits.requests_in_flight;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let connections = usize::try_from(config.database_max_connections).unwrap_or(usize::MAX);
        let patience = |burst, standing| Patience {
            burst,
            standing,
            longest: burst + GRACE,
        };
        // Each needs a connection now and then: more than that wait for those.
        let busy = connections.saturating_mul(2).max(WRITES);
        // More is only in each other's way: with SQLite a request is work for the cores of this machine alone, and elsewhere it
        // needs a connection now and then.
        let least = if config.sqlite_file().is_some() {
            2 * cores + 2
        } else {
            connections
        };
        let usual = Bounds {
            at_once: most,
            least: least.min(most),
            waiting: most.saturating_mul(8),
            shared: true,
            patience: patience(BURST, STANDING),
            taken_up: TAKEN_UP,
            pace: Duration::from_millis(1),
        };
        let inner = Bounds {
            waiting: (most / 4).max(1),
            shared: false,
            ..usual
        };
        let long = config.limits.operation.saturating_mul(3);
        let lane = |queue, bounds| Lane::new(queue, bounds, clock.clone(), metrics);
        Self {
            requests: lane(Queue::Requests, usual),
            passwords: lane(
                Queue::Passwords,
                Bounds {
                    at_once: 2 * cores + 2,
                    least: 2 * cores + 2,
                    patience: patience(PASSWORD_BURST, PASSWORD_STANDING),
                    pace: Duration::from_millis(20) / u32::try_from(cores).unwrap_or(1),
                    ..inner
                },
            ),
            writes: lane(
                Queue::Writes,
                Bounds {
                    at_once: busy,
                    least: busy,
                    pace: Duration::from_millis(2),
                    ..inner
                },
            ),
            subscriptions: lane(
                Queue::Subscriptions,
                Bounds {
                    at_once: (most / 4).max(2),
                    least: (most / 4).max(2),
                    waiting: usize::MAX,
                    patience: Patience {
                        burst: long,
                        standing: long,
                        longest: long,
                    },
                    ..usual
                },
            ),
            resolutions: Arc::new(Semaphore::new((most / 2).clamp(1, Semaphore::MAX_PERMITS))),
        }
    }

    /// Waits until a request may be answered.
    pub async fn request(&self, key: Key) -> Result<Turn, Busy> {
        self.requests.enter(key).await
    }

    /// Whether anybody waits: only then requests are turned away.
    pub fn is_crowded(&self) -> bool {
        self.requests.is_crowded()
    }

    /// Turns a request away that would have to wait too long. It is the same as [`request`](Self::request) would do, before
    /// anything is made for it.
    pub fn turns_away(&self, key: Key) -> Option<Busy> {
        self.requests.turns_away(key)
    }

    /// Waits until a password may be hashed.
    pub async fn password(&self, key: Key) -> Result<Turn, Busy> {
        self.passwords.enter(key).await
    }

    /// Waits until a mutation may begin.
    pub async fn write(&self, key: Key) -> Result<Turn, Busy> {
        self.writes.enter(key).await
    }

    /// Waits until a subscription may be opened.
    pub async fn subscription(&self, key: Key) -> Result<Turn, Busy> {
        self.subscriptions.enter(key).await
    }

    /// Waits until what a subscription is told may be resolved.
    pub async fn resolution(&self) -> Option<SemaphorePermit<'_>> {
        // It is never closed.
        self.resolutions.acquire().await.ok()
    }

    /// Notes how many are served and wait.
    pub fn note_depths(&self, metrics: &Shedding) {
        for lane in [&self.requests, &self.passwords, &self.writes, &self.subscriptions] {
            let (served, waiting) = lane.depth();
            metrics.depth(lane.queue(), served, waiting);
        }
    }
}
