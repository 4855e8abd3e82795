//! What many share for as long as one of them has it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// Things by their fingerprint. It keeps none of them alive.
pub(super) struct Interned<T>(Mutex<HashMap<[u8; 32], Weak<T>>>);

impl<T> Default for Interned<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> Interned<T> {
    /// The thing of this fingerprint: the one that is in use, or a new one.
    pub(super) fn get_or_make<E>(
        &self,
        fingerprint: [u8; 32],
        make: impl FnOnce() -> Result<T, E>,
    ) -> Result<Arc<T>, E> {
        let mut kept = self.lock();
        if let Some(thing) = kept.get(&fingerprint).and_then(Weak::upgrade) {
            return Ok(thing);
        }
        let thing = Arc::new(make()?);
        if kept.len() == kept.capacity() {
            kept.retain(|_, thing| thing.strong_count() > 0);
        }
        kept.insert(fingerprint, Arc::downgrade(&thing));
        Ok(thing)
    }

    /// All that are in use.
    pub(super) fn all(&self) -> Vec<Arc<T>> {
        self.lock().values().filter_map(Weak::upgrade).collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<[u8; 32], Weak<T>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
