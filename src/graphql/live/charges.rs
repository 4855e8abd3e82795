//! What one message of a stream may cost one member: her different subscriptions to it are resolved each by itself.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::entity::UserId;
use crate::live::Stream;

type Key = (UserId, Stream);

/// What the messages of each stream cost for each member.
#[derive(Debug, Default)]
pub(super) struct Charges(Mutex<HashMap<Key, usize>>);

impl Charges {
    /// Counts the cost of one more subscription in, unless all of them together cost more than `maximum` then: then says
    /// how much. It is counted out when the answer is dropped.
    pub(super) fn charge(self: &Arc<Self>, key: Key, cost: usize, maximum: usize) -> Result<Charge, usize> {
        let mut charges = self.lock();
        let whole = charges.get(&key).copied().unwrap_or_default() + cost;
        if whole > maximum {
            return Err(whole);
        }
        charges.insert(key, whole);
        Ok(Charge {
            charges: Arc::clone(self),
            key,
            cost,
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A cost that is counted.
#[derive(Debug)]
pub(super) struct Charge {
    charges: Arc<Charges>,
    key: Key,
    cost: usize,
}

impl Drop for Charge {
    fn drop(&mut self) {
        let mut charges = self.charges.lock();
        if let Some(whole) = charges.get_mut(&self.key) {
            *whole -= self.cost;
            if *whole == 0 {
                charges.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn what_has_ended_no_longer_counts() {
        let charges = Arc::<Charges>::default();
        let key = (UserId(Uuid::from_u128(1)), Stream::Board);
        let other = (UserId(Uuid::from_u128(2)), Stream::Board);
        let one = charges.charge(key, 60, 100).unwrap();
        let two = charges.charge(key, 40, 100).unwrap();
        assert_eq!(charges.charge(key, 1, 100).unwrap_err(), 101);
        drop(charges.charge(other, 100, 100).unwrap());
        drop(one);
        drop(charges.charge(key, 60, 100).unwrap());
        drop(two);
        assert!(charges.lock().is_empty());
    }
}
