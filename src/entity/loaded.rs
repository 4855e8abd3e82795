//! How many bytes of rows an operation has loaded. What is too much is not read to its end: few long texts take little, and
//! thousands of them would take all memory, whatever is told of them.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use sea_orm::DbErr;

/// What the database's error says where an operation has loaded too much.
pub const TOO_MUCH: &str = "the operation has loaded too much";

/// From how many bytes on a value counts. There are many shorter ones, whose number is limited.
const LONG: usize = 256;

thread_local! {
    /// What is loaded by what is being polled; nothing where nobody counts.
    static LOADED: RefCell<Option<Arc<Loaded>>> = const { RefCell::new(None) };
}

/// The bytes of long values that an operation has loaded.
#[derive(Debug)]
pub struct Loaded {
    bytes: AtomicUsize,
    maximum: usize,
}

impl Loaded {
    /// Nothing so far, of at most so many bytes.
    pub fn new(maximum: usize) -> Self {
        Self {
            bytes: AtomicUsize::new(0),
            maximum,
        }
    }

    /// How many, if they are too many.
    pub fn exceeded(&self) -> Option<(usize, usize)> {
        let bytes = self.bytes.load(Ordering::Relaxed);
        (bytes > self.maximum).then_some((bytes, self.maximum))
    }

    /// Counts what a part reads.
    pub fn counting<T>(self: &Arc<Self>, part: impl FnOnce() -> T) -> T {
        let outer = Restored(LOADED.replace(Some(Arc::clone(self))));
        let given = part();
        drop(outer);
        given
    }
}

/// What was counted before, put back however the part ends.
struct Restored(Option<Arc<Loaded>>);

impl Drop for Restored {
    fn drop(&mut self) {
        drop(LOADED.replace(self.0.take()));
    }
}

/// Counts a value that was read; refuses it if it is too much.
pub(super) fn count(bytes: usize) -> Result<(), DbErr> {
    if bytes < LONG {
        return Ok(());
    }
    LOADED.with_borrow(|loaded| {
        let Some(loaded) = loaded else { return Ok(()) };
        loaded.bytes.fetch_add(bytes, Ordering::Relaxed);
        match loaded.exceeded() {
            None => Ok(()),
            Some(_) => Err(DbErr::Custom(TOO_MUCH.to_owned())),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_long_counts_where_somebody_counts() {
        let loaded = Arc::new(Loaded::new(1_000));
        loaded.counting(|| {
            count(LONG - 1).unwrap();
            count(1_000).unwrap();
            assert_eq!(count(LONG).unwrap_err(), DbErr::Custom(TOO_MUCH.to_owned()));
        });
        assert_eq!(loaded.exceeded(), Some((1_000 + LONG, 1_000)));
        count(1_000_000).unwrap();
    }
}
