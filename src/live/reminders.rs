//! Reminders: one timer for all deadlines of all connections.
//!
//! Ten thousand idle connections are ten thousand entries in one ordered map and not as many timers.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::mailbox::{Mailbox, Seat};
use crate::clock::Clock;

/// Who is reminded.
#[derive(Debug)]
pub enum Whom {
    /// A connection.
    Mailbox(Weak<Mailbox>),
    /// One subscriber.
    Seat(Weak<Seat>),
}

/// Who is to be woken when.
#[derive(Debug)]
pub struct Reminders {
    clock: Clock,
    queue: Mutex<Queue>,
    sooner: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    due: BTreeMap<(Duration, u64), Whom>,
    added: u64,
}

impl Reminders {
    /// No reminders yet.
    pub fn new(clock: Clock) -> Self {
        Self {
            clock,
            queue: Mutex::default(),
            sooner: Notify::new(),
        }
    }

    /// The clock that the times are of.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Wakes `whom` when [`Clock::elapsed`] has reached `at`.
    pub fn add(&self, at: Duration, whom: Whom) {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let sooner = queue.due.first_key_value().is_none_or(|(first, _)| at < first.0);
        queue.added += 1;
        let key = (at, queue.added);
        queue.due.insert(key, whom);
        if sooner {
            self.sooner.notify_one();
        }
    }

    /// Wakes whoever is due, until the process stops.
    pub async fn run(&self, stop: CancellationToken) {
        loop {
            let next = self.wake_due();
            let wait = async {
                match next {
                    Some(at) => self.clock.reach(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.sooner.notified() => {}
                () = wait => {}
            }
        }
    }

    /// Wakes whoever is due, and says when the next one is.
    fn wake_due(&self) -> Option<Duration> {
        let now = self.clock.elapsed();
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(first) = queue.due.first_entry() {
            if first.key().0 > now {
                return Some(first.key().0);
            }
            match first.remove() {
                Whom::Mailbox(mailbox) => {
                    if let Some(mailbox) = mailbox.upgrade() {
                        mailbox.wake();
                    }
                }
                Whom::Seat(seat) => {
                    if let Some(seat) = seat.upgrade() {
                        seat.wake();
                    }
                }
            }
        }
        None
    }
}
