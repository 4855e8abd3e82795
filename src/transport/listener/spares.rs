//! Descriptors that are kept for when there are no others.

use std::fs::File;

/// Where a descriptor is had that means nothing.
const NOTHING: &str = "/dev/null";

/// Descriptors that are given back when the system has no more, so that somebody can still be answered, or told no.
#[derive(Debug)]
pub(super) struct Spares {
    kept: Vec<File>,
    wanted: usize,
}

impl Spares {
    /// Keeps so many.
    pub(super) fn keep(wanted: usize) -> Self {
        let mut spares = Self {
            kept: Vec::with_capacity(wanted),
            wanted,
        };
        spares.refill();
        spares
    }

    /// Takes back what was given, as far as there is something.
    pub(super) fn refill(&mut self) {
        while self.kept.len() < self.wanted {
            match File::open(NOTHING) {
                Ok(file) => self.kept.push(file),
                Err(_) => return,
            }
        }
    }

    /// Gives one back; says whether there was one.
    pub(super) fn give(&mut self) -> bool {
        self.kept.pop().is_some()
    }
}
