//! Who is served next, and who is let in: all decisions, without waiting for anything.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use tokio::sync::oneshot;

use super::pace::Pace;
use super::{Bounds, Key, STANDS_AFTER};

/// What becomes of one who waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is her turn.
    Served,
    /// She has to leave, for somebody who has less.
    Displaced,
}

/// How one who comes is received.
#[derive(Debug)]
pub(super) enum Received {
    /// It is her turn.
    Served,
    /// She waits under this number. Whoever is displaced by that is to be told.
    Waits(u64, oneshot::Receiver<Verdict>, Option<oneshot::Sender<Verdict>>),
    /// It would take too long.
    Refused,
}

/// How one who comes would be received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Prospect {
    Served,
    Waits {
        /// Whether that is at the expense of whoever has much more waiting.
        displaces: bool,
    },
    Refused,
}

/// When nobody was refused for so long, it is over.
const OVER_AFTER: Duration = Duration::from_secs(5);

/// Those who were refused, as the log is told of them: once when it begins, and once when it is over.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    last: Option<Duration>,
    count: u64,
}

impl Refusals {
    /// Somebody was refused; says whether it has begun with her.
    pub(super) fn note(&mut self, now: Duration) -> bool {
        self.count += 1;
        self.last.replace(now).is_none()
    }

    /// Whether it is over by now: how many there were.
    pub(super) fn over(&mut self, now: Duration) -> Option<u64> {
        self.last.filter(|last| now >= *last + OVER_AFTER)?;
        self.last = None;
        Some(std::mem::take(&mut self.count))
    }
}

/// A queue, and what is being served.
#[derive(Debug)]
pub(super) struct State {
    bounds: Bounds,
    served: usize,
    waiting: usize,
    /// Everybody who is served or waits.
    shares: HashMap<Key, Share>,
    /// Those who wait, in turn.
    round: VecDeque<Key>,
    /// How many have so many waiting.
    lengths: Vec<usize>,
    pace: Pace,
    /// Since when somebody waits.
    stands_since: Option<Duration>,
    numbers: u64,
    /// Who was refused.
    pub(super) refusals: Refusals,
}

#[derive(Debug, Default)]
struct Share {
    served: usize,
    waiting: VecDeque<Waiter>,
}

#[derive(Debug)]
struct Waiter {
    number: u64,
    call: oneshot::Sender<Verdict>,
}

impl State {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            served: 0,
            waiting: 0,
            shares: HashMap::new(),
            round: VecDeque::new(),
            lengths: Vec::new(),
            pace: Pace::new(bounds.pace),
            stands_since: None,
            numbers: 0,
            refusals: Refusals::default(),
        }
    }

    /// How many are served, and wait.
    pub(super) fn depth(&self) -> (usize, usize) {
        (self.served, self.waiting)
    }

    /// Somebody comes.
    pub(super) fn arrive(&mut self, key: Key, now: Duration) -> Received {
        let displaced = match self.prospect(key, now) {
            Prospect::Served => {
                self.shares.entry(key).or_default().served += 1;
                self.served += 1;
                return Received::Served;
            }
            Prospect::Refused => return Received::Refused,
            Prospect::Waits { displaces: false } => None,
            Prospect::Waits { displaces: true } => self.displace(),
        };
        if self.waiting == 0 {
            self.stands_since = self.stands_since.or(Some(now));
            self.pace.somebody_waits(now);
        }
        self.numbers += 1;
        let number = self.numbers;
        let (call, called) = oneshot::channel();
        let share = self.shares.entry(key).or_default();
        share.waiting.push_back(Waiter { number, call });
        let own = share.waiting.len();
        if own == 1 {
            self.round.push_back(key);
        }
        self.waiting += 1;
        self.grown(own);
        Received::Waits(number, called, displaced)
    }

    /// Whether somebody would be refused who came now.
    pub(super) fn would_refuse(&self, key: Key, now: Duration) -> bool {
        matches!(self.prospect(key, now), Prospect::Refused)
    }

    /// How somebody would be received who came now.
    fn prospect(&self, key: Key, now: Duration) -> Prospect {
        let share = self.shares.get(&key);
        // Whoever waits although there is room has too much already.
        if self.may_be_served(share) {
            return Prospect::Served;
        }
        let own = share.map_or(0, |share| share.waiting.len());
        let patience = self.patience(now);
        let taking_turns = (own + 1).saturating_mul(self.round.len() + usize::from(own == 0));
        let place = taking_turns.min(self.waiting + 1);
        if self.pace.expected(self.served + place, now) > patience {
            return Prospect::Refused;
        }
        let all = self.served + self.waiting + 1;
        let is_full = self.waiting >= self.bounds.waiting || self.pace.expected(all, now) > patience;
        if is_full && self.lengths.len() < 2 * (own + 1) {
            return Prospect::Refused;
        }
        Prospect::Waits { displaces: is_full }
    }

    /// Somebody has left who was served for so long.
    pub(super) fn leave(&mut self, key: Key, held: Duration, now: Duration) {
        self.served -= 1;
        self.pace.departed(held, now);
        if let Some(share) = self.shares.get_mut(&key) {
            share.served -= 1;
            self.tidy(key);
        }
    }

    /// Somebody who waited has left; says whether she was still waiting.
    pub(super) fn give_up(&mut self, key: Key, number: u64) -> bool {
        let Some(share) = self.shares.get_mut(&key) else {
            return false;
        };
        let place = share.waiting.iter().position(|waiter| waiter.number == number);
        let Some(waiter) = place.and_then(|place| share.waiting.remove(place)) else {
            return false;
        };
        drop(waiter);
        self.shrunk(key);
        true
    }

    /// The next who is to be served, if there is one: she is.
    pub(super) fn next(&mut self) -> Option<(Key, oneshot::Sender<Verdict>)> {
        if self.waiting == 0 || self.served >= self.at_once() {
            return None;
        }
        for _ in 0..self.round.len() {
            let key = self.round.pop_front()?;
            self.round.push_back(key);
            if !self.may_be_served(self.shares.get(&key)) {
                continue;
            }
            let share = self.shares.get_mut(&key)?;
            let waiter = share.waiting.pop_front()?;
            share.served += 1;
            self.served += 1;
            self.shrunk(key);
            return Some((key, waiter.call));
        }
        None
    }

    /// Whether there is room for one more of somebody's: where it is shared, nobody has more than is left.
    fn may_be_served(&self, share: Option<&Share>) -> bool {
        let left = self.at_once().saturating_sub(self.served);
        left > 0 && (!self.bounds.shared || share.map_or(0, |share| share.served) < left)
    }

    /// How many may be served at once: where many may, so many as are done in a short time.
    fn at_once(&self) -> usize {
        let Bounds {
            at_once,
            least,
            taken_up,
            ..
        } = self.bounds;
        if least >= at_once {
            return at_once;
        }
        let known = self.pace.at_once(taken_up);
        known.map_or(at_once, |known| known.clamp(least, at_once))
    }

    /// How long one may expect to take.
    fn patience(&self, now: Duration) -> Duration {
        let patience = &self.bounds.patience;
        let stands = self
            .stands_since
            .is_some_and(|since| now.saturating_sub(since) >= STANDS_AFTER);
        if stands { patience.standing } else { patience.burst }
    }

    /// Has the last one leave of whoever has most waiting.
    fn displace(&mut self) -> Option<oneshot::Sender<Verdict>> {
        let longest = self.lengths.len();
        let has_most = |key: &&Key| {
            self.shares
                .get(*key)
                .is_some_and(|share| share.waiting.len() == longest)
        };
        let key = *self.round.iter().find(has_most)?;
        let waiter = self.shares.get_mut(&key)?.waiting.pop_back()?;
        self.shrunk(key);
        Some(waiter.call)
    }

    /// Somebody has one more waiting: so many.
    fn grown(&mut self, length: usize) {
        if self.lengths.len() < length {
            self.lengths.resize(length, 0);
        }
        self.lengths[length - 1] += 1;
        if length > 1 {
            self.lengths[length - 2] -= 1;
        }
    }

    /// Somebody has one less waiting.
    fn shrunk(&mut self, key: Key) {
        let length = self.shares.get(&key).map_or(0, |share| share.waiting.len());
        self.waiting -= 1;
        self.lengths[length] -= 1;
        if length > 0 {
            self.lengths[length - 1] += 1;
        } else if self.round.back() == Some(&key) {
            // As it is of whoever is served.
            self.round.pop_back();
        } else {
            self.round.retain(|waits| *waits != key);
        }
        while self.lengths.last() == Some(&0) {
            self.lengths.pop();
        }
        if self.waiting == 0 {
            self.stands_since = None;
            self.pace.nobody_waits();
        }
        self.tidy(key);
    }

    /// Forgets somebody who has nothing here any more.
    fn tidy(&mut self, key: Key) {
        let is_gone = |share: &Share| share.served == 0 && share.waiting.is_empty();
        if self.shares.get(&key).is_some_and(is_gone) {
            self.shares.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Patience;
    use super::*;
    use crate::entity::UserId;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    fn member(number: u128) -> Key {
        Key::Member(UserId(uuid::Uuid::from_u128(number)))
    }

    /// Each takes ten milliseconds: ten wait for one in a burst, and four when the queue stands.
    fn state(shared: bool, at_once: usize) -> State {
        State::new(Bounds {
            at_once,
            least: at_once,
            waiting: 1_000,
            shared,
            patience: Patience {
                burst: MS(110),
                standing: MS(50),
                longest: MS(1_000),
            },
            taken_up: MS(25),
            pace: MS(10),
        })
    }

    fn waits(received: &Received) -> bool {
        matches!(received, Received::Waits(..))
    }

    /// The members who are served next, each leaving as soon as she is.
    fn order(state: &mut State, first: Key, count: usize) -> Vec<Key> {
        let mut last = first;
        let mut served = Vec::new();
        for _ in 0..count {
            state.leave(last, MS(1), MS(0));
            let Some((key, _)) = state.next() else { break };
            served.push(key);
            last = key;
        }
        served
    }

    #[test]
    fn who_would_wait_too_long_is_refused_at_once() {
        let mut state = state(false, 1);
        assert!(matches!(state.arrive(member(1), MS(0)), Received::Served));
        let kept: Vec<_> = (0..20).map(|_| state.arrive(member(1), MS(0))).collect();
        assert_eq!(kept.iter().filter(|received| waits(received)).count(), 10);
        assert_eq!(state.depth(), (1, 10));
    }

    #[test]
    fn a_queue_that_stands_becomes_short_and_a_burst_may_come_when_it_was_empty() {
        let mut state = state(false, 1);
        assert!(matches!(state.arrive(member(1), MS(0)), Received::Served));
        let mut kept = Vec::new();
        let mut now = 0;
        let mut longest_late = 0;
        // Three come in the time in which one is served.
        while now < 5_000 {
            for _ in 0..3 {
                kept.push(state.arrive(member(1), MS(now)));
            }
            now += 10;
            state.leave(member(1), MS(1), MS(now));
            assert!(state.next().is_some(), "somebody is always served");
            if now > 2_000 {
                longest_late = longest_late.max(state.depth().1);
            }
        }
        assert!((2..=4).contains(&longest_late), "{longest_late}");
        while state.depth().1 > 0 {
            now += 10;
            state.leave(member(1), MS(1), MS(now));
            state.next();
        }
        let burst: Vec<_> = (0..20).map(|_| state.arrive(member(1), MS(now))).collect();
        assert_eq!(burst.iter().filter(|received| waits(received)).count(), 10);
    }

    #[test]
    fn members_take_turns() {
        let mut state = state(false, 1);
        state.arrive(member(1), MS(0));
        let _kept = [1, 1, 1, 2, 2, 3].map(|number| state.arrive(member(number), MS(0)));
        assert_eq!(
            order(&mut state, member(1), 6),
            [1, 2, 3, 1, 2, 1].map(member),
            "one each, in the order in which they came"
        );
        state.leave(member(1), MS(1), MS(0));
        assert_eq!(state.depth(), (0, 0));
        assert!(state.shares.is_empty() && state.round.is_empty() && state.lengths.is_empty());
    }

    #[test]
    fn who_has_less_is_let_in_at_the_expense_of_who_has_more() {
        let mut state = state(false, 1);
        state.arrive(member(1), MS(0));
        let mut calls: Vec<_> = (0..10)
            .filter_map(|_| match state.arrive(member(1), MS(0)) {
                Received::Waits(number, call, _) => Some((number, call)),
                _ => None,
            })
            .collect();
        let Received::Waits(_, _call, Some(displaced)) = state.arrive(member(2), MS(0)) else {
            panic!("nobody was displaced");
        };
        displaced.send(Verdict::Displaced).unwrap();
        // The one who came last.
        let (_, mut last) = calls.pop().unwrap();
        assert_eq!(last.try_recv(), Ok(Verdict::Displaced));
        assert_eq!(state.depth(), (1, 10));
        // Whoever has as many as others has to wait like them.
        for _ in 0..10 {
            state.arrive(member(2), MS(0));
        }
        let lengths = [1, 2].map(|number| state.shares[&member(number)].waiting.len());
        assert!(lengths[0] >= 6 && lengths[1] >= 3, "{lengths:?}");
        assert!(matches!(state.arrive(member(1), MS(0)), Received::Refused));
    }

    #[test]
    fn nobody_keeps_more_than_half_of_what_there_is() {
        let mut state = state(true, 8);
        let kept: Vec<_> = (0..8).map(|_| state.arrive(member(1), MS(0))).collect();
        assert_eq!(kept.iter().filter(|received| waits(received)).count(), 4);
        // Others find room at once, and do not wait behind her.
        for number in 2..4 {
            assert!(matches!(state.arrive(member(number), MS(0)), Received::Served));
        }
        assert_eq!(state.depth(), (6, 4));
        assert!(state.next().is_none());
        state.leave(member(1), MS(1), MS(0));
        assert!(state.next().is_none(), "she has three, and three are left");
        state.leave(member(2), MS(1), MS(0));
        assert_eq!(state.next().map(|(key, _)| key), Some(member(1)));
    }

    #[test]
    fn fewer_are_served_at_once_when_they_take_long_but_not_too_few() {
        let mut state = state(false, 100);
        state.bounds.least = 3;
        let mut kept: Vec<_> = (0..100).map(|_| state.arrive(member(1), MS(0))).collect();
        assert_eq!(state.depth(), (100, 0));
        // They take a second, all together: those who come later are not served beside so many.
        for departure in 1..=90 {
            state.leave(member(1), MS(1_000), MS(10 * departure));
        }
        kept.push(state.arrive(member(1), MS(910)));
        assert_eq!(state.depth(), (10, 1));
        // One leaves every ten milliseconds, and half of fifty are for those who are served: no more than three, then.
        for departure in 1..=7 {
            state.leave(member(1), MS(1_000), MS(910 + 10 * departure));
            assert!(state.next().is_none());
        }
        assert_eq!(state.depth(), (3, 1));
        state.leave(member(1), MS(1_000), MS(990));
        assert!(state.next().is_some());
        assert_eq!(state.depth(), (3, 0));
    }

    #[test]
    fn who_gives_up_makes_room() {
        let mut state = state(false, 1);
        state.arrive(member(1), MS(0));
        let numbers: Vec<_> = (0..10)
            .filter_map(|_| match state.arrive(member(2), MS(0)) {
                Received::Waits(number, ..) => Some(number),
                _ => None,
            })
            .collect();
        assert!(matches!(state.arrive(member(2), MS(0)), Received::Refused));
        assert!(state.give_up(member(2), numbers[4]));
        assert!(!state.give_up(member(2), numbers[4]));
        assert!(waits(&state.arrive(member(2), MS(0))));
        assert_eq!(state.depth(), (1, 10));
    }

    #[test]
    fn the_log_is_told_once_when_it_begins_and_once_when_it_is_over() {
        let mut refusals = Refusals::default();
        assert!(refusals.note(MS(0)));
        for second in 1..60 {
            assert!(!refusals.note(MS(second * 1_000)));
            assert_eq!(refusals.over(MS(second * 1_000 + 999)), None);
        }
        assert_eq!(refusals.over(MS(64_000)), Some(60));
        assert_eq!(refusals.over(MS(90_000)), None);
        assert!(refusals.note(MS(90_000)));
    }
}
