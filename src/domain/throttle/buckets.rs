//! Token buckets: each is full at first, and fills again evenly.

use std::collections::HashMap;
use std::hash::Hash;
use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::domain::error::Exceeded;

/// Buckets that are kept in mind.
pub(super) const REMEMBERED: usize = 50_000;

/// A bucket for each key.
///
/// A bucket is kept as the time at which it will be full (the generic cell rate algorithm), so one that is
/// full need not be kept at all. Times are those of the process's clock that never goes back.
#[derive(Debug)]
pub(super) struct Buckets<K> {
    limit: &'static str,
    maximum: usize,
    /// The time in which an empty bucket fills.
    whole: Duration,
    kept: Mutex<HashMap<K, Bucket>>,
    /// Told when something has come out that was under way.
    settled: Notify,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bucket {
    /// When it will be full.
    full_at: Duration,
    /// What may still take from it.
    under_way: usize,
}

/// What a bucket has for somebody.
enum Room {
    Here,
    /// It depends on what is under way.
    Perhaps,
    None,
}

impl<K: Clone + Eq + Hash> Buckets<K> {
    pub(super) fn new(limit: &'static str, maximum: usize, whole: Duration) -> Self {
        Self {
            limit,
            maximum,
            whole,
            kept: Mutex::default(),
            settled: Notify::new(),
        }
    }

    /// What is told to whom a bucket has nothing for.
    pub(super) fn exceeded(&self) -> Exceeded {
        Exceeded {
            limit: self.limit,
            value: self.maximum + 1,
            maximum: self.maximum,
        }
    }

    /// Takes one, if there is one; [`give_back`](Self::give_back) takes that back.
    pub(super) fn take(&self, key: K, now: Duration) -> Result<(), Exceeded> {
        let mut buckets = self.buckets();
        if self.left(buckets.get(&key), now) == 0 {
            return Err(self.exceeded());
        }
        let bucket = keep(&mut buckets, key, now);
        bucket.full_at = bucket.full_at.max(now) + self.one();
        Ok(())
    }

    /// What was taken was not used.
    pub(super) fn give_back(&self, key: &K) {
        if let Some(bucket) = self.buckets().get_mut(key) {
            bucket.full_at = bucket.full_at.saturating_sub(self.one());
        }
    }

    /// Whether there is one left, those apart that are under way.
    pub(super) fn has_some(&self, key: &K, now: Duration) -> bool {
        self.left(self.buckets().get(key), now) > 0
    }

    /// Waits until it is certain that there is one left, and begins what may take it: what is under way counts until
    /// it [is settled](Self::settle), so that no more can take one than there are.
    pub(super) async fn reserve(&self, key: &K, now: impl Fn() -> Duration) -> Result<(), Exceeded> {
        loop {
            // Whatever is settled after this is heard.
            let mut settled = pin!(self.settled.notified());
            settled.as_mut().enable();
            match self.try_reserve(key, now()) {
                Room::Here => return Ok(()),
                Room::Perhaps => settled.await,
                Room::None => return Err(self.exceeded()),
            }
        }
    }

    fn try_reserve(&self, key: &K, now: Duration) -> Room {
        let mut buckets = self.buckets();
        let bucket = buckets.get(key);
        let left = self.left(bucket, now);
        if left == 0 {
            Room::None
        } else if bucket.is_some_and(|bucket| bucket.under_way >= left) {
            Room::Perhaps
        } else {
            keep(&mut buckets, key.clone(), now).under_way += 1;
            Room::Here
        }
    }

    /// What was under way has come out: with one taken, or none.
    pub(super) fn settle(&self, key: &K, takes: bool, now: Duration) {
        let one = self.one();
        if let Some(bucket) = self.buckets().get_mut(key) {
            bucket.under_way = bucket.under_way.saturating_sub(1);
            if takes {
                bucket.full_at = bucket.full_at.max(now) + one;
            }
        }
        self.settled.notify_waiters();
    }

    /// The time in which one token comes back.
    fn one(&self) -> Duration {
        self.whole / u32::try_from(self.maximum).unwrap_or(u32::MAX).max(1)
    }

    fn left(&self, bucket: Option<&Bucket>, now: Duration) -> usize {
        let empty_for = bucket.map_or(Duration::ZERO, |bucket| bucket.full_at.saturating_sub(now));
        let left = self.whole.saturating_sub(empty_for).as_nanos() / self.one().as_nanos().max(1);
        usize::try_from(left).unwrap_or(usize::MAX).min(self.maximum)
    }

    pub(super) fn buckets(&self) -> MutexGuard<'_, HashMap<K, Bucket>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn keep<K: Eq + Hash>(buckets: &mut HashMap<K, Bucket>, key: K, now: Duration) -> &mut Bucket {
    if buckets.len() >= REMEMBERED && !buckets.contains_key(&key) {
        forget(buckets, now);
    }
    buckets.entry(key).or_default()
}

/// Makes room: the full buckets go and, of the others, so many of the fullest that half are left. What is under way is
/// not forgotten: there is no more of it than requests.
fn forget<K: Eq + Hash>(buckets: &mut HashMap<K, Bucket>, now: Duration) {
    const HALF: usize = REMEMBERED / 2;
    buckets.retain(|_, bucket| bucket.under_way > 0 || bucket.full_at > now);
    if buckets.len() <= HALF {
        return;
    }
    let mut times: Vec<_> = buckets.values().map(|bucket| bucket.full_at).collect();
    let excess = times.len() - HALF;
    let (_, edge, emptier) = times.select_nth_unstable(excess);
    let edge = *edge;
    let mut room = HALF - emptier.iter().filter(|time| **time > edge).count();
    buckets.retain(|_, bucket| {
        if bucket.full_at == edge && room > 0 {
            room -= 1;
            return true;
        }
        bucket.under_way > 0 || bucket.full_at > edge
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_hours(1);

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn memory_is_bounded_and_keeps_who_was_tried_most() {
        let buckets: Buckets<usize> = Buckets::new("TESTS", 2, HOUR);
        let kept = || buckets.buckets().len();
        for key in 0..10 {
            buckets.take(key, at(0)).unwrap();
            buckets.take(key, at(0)).unwrap();
        }
        // All others are equally full, then fuller and fuller.
        for (second, keys) in [(0, 10..REMEMBERED), (1, REMEMBERED..3 * REMEMBERED)] {
            for key in keys {
                buckets.take(key, at(second)).unwrap();
            }
            assert!((REMEMBERED / 2..=REMEMBERED).contains(&kept()), "{}", kept());
        }
        for key in 0..10 {
            buckets.take(key, at(1)).unwrap_err();
        }
        // Room is made seldom: each time for half of all.
        let mut full = buckets.buckets().clone();
        let fuller = Bucket {
            full_at: at(1801),
            under_way: 0,
        };
        full.extend((0..REMEMBERED).map(|key| (4 * REMEMBERED + key, fuller)));
        forget(&mut full, at(2));
        assert_eq!(full.len(), REMEMBERED / 2);
        assert!((0..10).all(|key| full.contains_key(&key)));
        forget(&mut full, at(8000));
        assert!(full.is_empty());
    }

    #[test]
    fn what_is_under_way_is_not_forgotten() {
        let buckets: Buckets<usize> = Buckets::new("TESTS", 1, HOUR);
        assert!(matches!(buckets.try_reserve(&0, at(0)), Room::Here));
        for key in 1..2 * REMEMBERED {
            buckets.take(key, at(1)).unwrap();
        }
        assert!(matches!(buckets.try_reserve(&0, at(1)), Room::Perhaps));
        buckets.settle(&0, true, at(1));
        assert!(matches!(buckets.try_reserve(&0, at(1)), Room::None));
    }
}
