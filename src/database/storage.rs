//! Whether what is written is stored, by what came of the last writes.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::fault::{Fault, StorageFault};
use crate::clock::Clock;
use crate::telemetry::outage::Outage;

/// What came of the last writes.
#[derive(Debug)]
pub struct Storage {
    clock: Clock,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// When something was stored last, by the process's clock; its start counts as that.
    stored_at: Duration,
    /// Why nothing can be stored, since a write that failed for it.
    failing: Option<StorageFault>,
    outage: Outage,
}

impl Storage {
    /// Nothing has failed yet.
    pub(super) fn new(clock: Clock) -> Self {
        let state = Mutex::new(State {
            stored_at: clock.elapsed(),
            failing: None,
            outage: Outage::of("storing in the database"),
        });
        Self { clock, state }
    }

    /// A write was stored.
    pub(super) fn stored(&self) {
        let mut state = self.state();
        state.stored_at = self.clock.elapsed();
        state.failing = None;
        state.outage.note(&Ok::<_, &str>(()));
    }

    /// A write was not stored, for a reason.
    pub(super) fn failed(&self, fault: Fault) {
        if let Fault::Storage(fault) = fault {
            let mut state = self.state();
            state.failing = Some(fault);
            state.outage.note(&Err::<(), _>(fault.name()));
        }
    }

    /// Why nothing can be stored, from the first write that failed for it until one is stored.
    pub fn failing(&self) -> Option<StorageFault> {
        self.state().failing
    }

    /// How long ago something was stored.
    pub fn stored_ago(&self) -> Duration {
        self.clock.elapsed().saturating_sub(self.state().stored_at)
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
