//! A failing dependency, logged once when it begins and once when it is over.

use std::fmt::Debug;

/// Whether something that is tried again and again is failing.
#[derive(Debug)]
pub struct Outage {
    part: &'static str,
    failing: bool,
}

impl Outage {
    /// Watches a part of the process, named as in the log.
    pub fn of(part: &'static str) -> Self {
        Self { part, failing: false }
    }

    /// Takes note of how a try ended.
    pub fn note<T, E: Debug>(&mut self, outcome: &Result<T, E>) {
        match outcome {
            Err(error) if !self.failing => {
                tracing::warn!(?error, part = self.part, "{} fails; it is tried again", self.part);
            }
            Ok(_) if self.failing => tracing::info!(part = self.part, "{} works again", self.part),
            _ => return,
        }
        self.failing = !self.failing;
    }
}
