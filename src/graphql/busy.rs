//! Whether the database has connections to spare: those who get none are told `SERVER_BUSY`, and the log
//! once for all of them.

use std::sync::{Mutex, PoisonError};

use async_graphql::Response;

use super::error::{ApiError, code_of};
use super::scope::Caller;
use crate::telemetry::outage::Outage;

/// Takes note of operations that got no connection.
#[derive(Debug)]
pub(super) struct Busy(Mutex<Outage>);

impl Default for Busy {
    fn default() -> Self {
        Self(Mutex::new(Outage::of("the pool of database connections")))
    }
}

impl Busy {
    /// Takes note of how asking for the caller ended: who she is, is in the database.
    pub(super) fn note_caller(&self, caller: &Result<Caller, ApiError>) {
        match caller {
            Err(ApiError::ServerBusy) => self.note(&Err("no connection was free in time")),
            Ok(caller) if caller.viewer.member().is_some() => self.note(&Ok(())),
            _ => {}
        }
    }

    /// Takes note of an answer.
    pub(super) fn note_response(&self, response: &Response) {
        if is_busy(response) {
            self.note(&Err("no connection was free in time"));
        }
    }

    fn note(&self, outcome: &Result<(), &'static str>) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .note(outcome);
    }
}

/// Whether an answer tells that the server is busy.
pub fn is_busy(response: &Response) -> bool {
    let mut errors = response.errors.iter();
    errors.any(|error| code_of(error) == ApiError::SERVER_BUSY)
}

/// Whether an answer tells that the time was over.
pub fn is_timed_out(response: &Response) -> bool {
    let mut errors = response.errors.iter();
    errors.any(|error| code_of(error) == ApiError::TIMED_OUT)
}
