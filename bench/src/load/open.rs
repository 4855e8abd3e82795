//! An open loop: requests at a steady rate, whatever the server does.
//!
//! How long a client waits counts from the moment at which it was to ask. Counted from when the request was sent in fact,
//! a server that stalls would be asked less meanwhile, and the waiting that clients would have done would not be seen.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use plant_care_prove::failure::Result;
use plant_care_prove::figures::{Clock, Latencies, whole};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::ask::Asks;
use super::connection::Connection;

/// Connections: enough that none is waited for unless the server is slow, and so few that none is left alone for so long
/// that the server closes it.
const CONNECTIONS: std::ops::RangeInclusive<u64> = 16..=64;

/// How often it is asked, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Open {
    /// Requests a second.
    pub rate: f64,
    /// For how long.
    pub time: Duration,
}

/// The moments at which to ask, in microseconds.
#[derive(Clone, Copy, Debug)]
pub struct Schedule {
    start: u64,
    rate: f64,
    count: u64,
}

impl Schedule {
    /// From a moment on.
    pub fn new(start: u64, open: Open) -> Self {
        Self {
            start,
            rate: open.rate,
            count: count(open.rate * open.time.as_secs_f64()).max(1),
        }
    }

    fn a_second(&self) -> u64 {
        count(self.rate)
    }

    /// When the request of a number is to be sent; nothing after the last.
    pub fn moment(&self, number: u64) -> Option<u64> {
        let after = Duration::from_secs_f64(plant_care_prove::figures::float(number) / self.rate);
        (number < self.count).then(|| self.start + whole(after.as_micros()))
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a count of requests"
)]
fn count(requests: f64) -> u64 {
    requests as u64
}

/// A request's moments, in microseconds: when it was to be sent, and when its answer was there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Waited {
    /// When it was to be sent.
    pub due: u64,
    /// When its answer was there.
    pub answered: u64,
}

/// How long clients waited.
pub fn latencies(waited: impl IntoIterator<Item = Waited>) -> Latencies {
    let waits = waited
        .into_iter()
        .map(|wait| wait.answered.saturating_sub(wait.due));
    Latencies::new(waits.collect())
}

/// What connections share.
struct Shared {
    asks: Asks,
    schedule: Schedule,
    clock: Clock,
    next: AtomicU64,
    /// One permit for each request that is due.
    due: Semaphore,
}

impl Open {
    /// Asks: how long clients waited.
    pub async fn run(self, asks: &Asks) -> Result<Latencies> {
        let clock = Clock::new();
        let shared = Arc::new(Shared {
            asks: asks.clone(),
            schedule: Schedule::new(clock.micros() + 100_000, self),
            clock,
            next: AtomicU64::new(0),
            due: Semaphore::new(0),
        });
        let mut tasks = JoinSet::new();
        let connections = shared.schedule.a_second();
        for _ in 0..connections.clamp(*CONNECTIONS.start(), *CONNECTIONS.end()) {
            let shared = Arc::clone(&shared);
            tasks.spawn(async move {
                Connection::with(&shared.asks, |connection| ask(connection, &shared)).await
            });
        }
        let pacer = tokio::task::spawn_blocking({
            let shared = Arc::clone(&shared);
            move || pace(&shared)
        });
        let mut waited = Vec::new();
        while let Some(connection) = tasks.join_next().await {
            match connection? {
                Ok(more) => waited.extend(more),
                Err(reason) => {
                    shared.due.close();
                    return Err(reason);
                }
            }
        }
        pacer.await?;
        Ok(latencies(waited))
    }
}

/// Makes requests due at their moments. A thread's sleep is exact to some 50 microseconds, the runtime's timers to a
/// millisecond, which is longer than many an answer takes.
fn pace(shared: &Shared) {
    for number in 0.. {
        let Some(moment) = shared.schedule.moment(number) else {
            // Wakes the connections to see that there is nothing left.
            shared.due.close();
            return;
        };
        let now = shared.clock.micros();
        if moment > now {
            thread::sleep(Duration::from_micros(moment - now));
        }
        if shared.due.is_closed() {
            return;
        }
        shared.due.add_permits(1);
    }
}

async fn ask(mut connection: Connection, shared: &Shared) -> Result<Vec<Waited>> {
    let mut waited = Vec::new();
    loop {
        // Closed, it gives no permit any more, though some may be due still: those are taken by number.
        if let Ok(permit) = shared.due.acquire().await {
            permit.forget();
        }
        let Some(due) = shared
            .schedule
            .moment(shared.next.fetch_add(1, Ordering::Relaxed))
        else {
            return Ok(waited);
        };
        connection.send(&shared.asks, shared.asks.next()).await?;
        waited.push(Waited {
            due,
            answered: shared.clock.micros(),
        });
    }
}
