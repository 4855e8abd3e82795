//! A queue as those see it who wait in it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use super::queue::{Received, State, Verdict};
use super::{Bounds, Busy, Key, Queue};
use crate::clock::Clock;
use crate::telemetry::metrics::{Refusals, Shedding};

/// A queue.
#[derive(Clone, Debug)]
pub(super) struct Lane(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    queue: Queue,
    longest: Duration,
    clock: Clock,
    refusals: Refusals,
    state: Mutex<State>,
}

/// Something is being served. It makes room when it is dropped.
#[derive(Debug)]
pub struct Turn {
    lane: Lane,
    key: Key,
    since: Duration,
}

impl Lane {
    /// An empty queue.
    pub(super) fn new(queue: Queue, bounds: Bounds, clock: Clock, metrics: &Shedding) -> Self {
        Self(Arc::new(Inner {
            queue,
            longest: bounds.patience.longest,
            clock,
            refusals: metrics.of(queue),
            state: Mutex::new(State::new(bounds)),
        }))
    }

    /// Which it is.
    pub(super) fn queue(&self) -> Queue {
        self.0.queue
    }

    /// How many are served, and wait.
    pub(super) fn depth(&self) -> (usize, usize) {
        let now = self.0.clock.elapsed();
        let (depth, over) = {
            let mut state = self.state();
            (state.depth(), state.refusals.over(now))
        };
        self.tell_end(over);
        depth
    }

    /// Waits for a turn, if that will not take too long.
    pub(super) async fn enter(&self, key: Key) -> Result<Turn, Busy> {
        let now = self.0.clock.elapsed();
        let (received, over) = {
            let mut state = self.state();
            (state.arrive(key, now), state.refusals.over(now))
        };
        self.tell_end(over);
        match received {
            Received::Served => Ok(self.turn(key, now)),
            Received::Refused => Err(self.refuse(now)),
            Received::Waits(number, called, displaced) => {
                if let Some(displaced) = displaced {
                    // Who has gone meanwhile need not be told.
                    let _gone = displaced.send(Verdict::Displaced).is_err();
                }
                let waiting = Waiting {
                    lane: self.clone(),
                    key,
                    number,
                    called,
                    is_over: false,
                };
                let longest = now + self.0.longest;
                waiting.wait(longest).await
            }
        }
    }

    /// Whether anybody waits.
    pub(super) fn is_crowded(&self) -> bool {
        self.state().depth().1 > 0
    }

    /// Turns somebody away, if she would have to wait too long.
    pub(super) fn turns_away(&self, key: Key) -> Option<Busy> {
        let now = self.0.clock.elapsed();
        let refuses = self.state().would_refuse(key, now);
        refuses.then(|| self.refuse(now))
    }

    fn turn(&self, key: Key, since: Duration) -> Turn {
        Turn {
            lane: self.clone(),
            key,
            since,
        }
    }

    /// Makes room, and calls whoever comes next.
    fn leave(&self, key: Key, since: Duration) {
        let now = self.0.clock.elapsed();
        self.state().leave(key, now.saturating_sub(since), now);
        self.call();
    }

    /// Calls those for whom there is room.
    fn call(&self) {
        loop {
            let next = self.state().next();
            let Some((key, call)) = next else { return };
            if call.send(Verdict::Served).is_err() {
                // She has gone just now.
                self.state().leave(key, Duration::ZERO, self.0.clock.elapsed());
            }
        }
    }

    fn refuse(&self, now: Duration) -> Busy {
        self.0.refusals.inc();
        let is_first = self.state().refusals.note(now);
        if is_first {
            let part = self.0.queue.name();
            tracing::warn!(
                part,
                "the queue of {part} is full: what would wait too long is turned away"
            );
        }
        Busy
    }

    /// Tells the log that nobody was refused any more for a while.
    fn tell_end(&self, over: Option<u64>) {
        if let Some(refused) = over {
            let part = self.0.queue.name();
            tracing::info!(
                part,
                "the queue of {part} works again: {refused} were turned away"
            );
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.lane.leave(self.key, self.since);
    }
}

/// Somebody who waits; she leaves the queue when this is dropped.
struct Waiting {
    lane: Lane,
    key: Key,
    number: u64,
    called: oneshot::Receiver<Verdict>,
    is_over: bool,
}

impl Waiting {
    async fn wait(mut self, longest: Duration) -> Result<Turn, Busy> {
        let clock = self.lane.0.clock.clone();
        let verdict = tokio::select! {
            biased;
            verdict = &mut self.called => verdict.ok(),
            () = clock.reach(longest) => None,
        };
        if verdict.is_some() {
            self.is_over = true;
        }
        if verdict == Some(Verdict::Served) {
            return Ok(self.lane.turn(self.key, clock.elapsed()));
        }
        Err(self.lane.refuse(clock.elapsed()))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        let waited = self.lane.state().give_up(self.key, self.number);
        if waited {
            return;
        }
        // She was called just now, or is being called: then whoever calls her finds nobody.
        self.called.close();
        if self.called.try_recv() == Ok(Verdict::Served) {
            let now = self.lane.0.clock.elapsed();
            self.lane.leave(self.key, now);
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta};
    use futures_util::FutureExt as _;

    use super::*;
    use crate::admission::Patience;
    use crate::config::Config;
    use crate::telemetry::metrics::Metrics;

    fn lane(at_once: usize) -> (Lane, Clock, Refusals) {
        let clock = Clock::manual(DateTime::UNIX_EPOCH + TimeDelta::days(20_000));
        let metrics = Metrics::new(&Config::from_source(&|_| None).unwrap());
        let bounds = Bounds {
            at_once,
            least: at_once,
            waiting: 2,
            shared: false,
            patience: Patience {
                burst: Duration::from_millis(800),
                standing: Duration::from_millis(200),
                longest: Duration::from_millis(900),
            },
            taken_up: Duration::from_millis(100),
            pace: Duration::from_millis(1),
        };
        let lane = Lane::new(Queue::Passwords, bounds, clock.clone(), &metrics.shedding);
        (lane, clock, metrics.shedding.of(Queue::Passwords))
    }

    fn key() -> Key {
        Key::of_address([192, 0, 2, 1].into())
    }

    #[tokio::test]
    async fn a_turn_that_ends_is_the_next_ones() {
        let (lane, _, refusals) = lane(1);
        let turn = lane.enter(key()).await.unwrap();
        let mut second = Box::pin(lane.enter(key()));
        let mut third = Box::pin(lane.enter(key()));
        assert!(second.as_mut().now_or_never().is_none() && third.as_mut().now_or_never().is_none());
        assert_eq!(lane.depth(), (1, 2));
        assert_eq!(lane.enter(key()).await.unwrap_err(), Busy);
        assert_eq!(refusals.get(), 1);
        drop(turn);
        let turn = second.await.unwrap();
        drop(turn);
        drop(third.await.unwrap());
        assert_eq!(lane.depth(), (0, 0));
    }

    #[tokio::test]
    async fn who_leaves_the_queue_takes_nobodys_turn() {
        let (lane, _, _) = lane(1);
        let turn = lane.enter(key()).await.unwrap();
        let mut waits = Box::pin(lane.enter(key()));
        let mut called = Box::pin(lane.enter(key()));
        assert!(waits.as_mut().now_or_never().is_none() && called.as_mut().now_or_never().is_none());
        // One goes while she waits, the other when she was called and did not hear it.
        drop(waits);
        assert_eq!(lane.depth(), (1, 1));
        drop(turn);
        assert_eq!(lane.depth(), (1, 0));
        drop(called);
        assert_eq!(lane.depth(), (0, 0));
        lane.enter(key()).await.unwrap();
    }

    #[tokio::test]
    async fn nobody_waits_longer_than_she_should() {
        let (lane, clock, refusals) = lane(1);
        let turn = lane.enter(key()).await.unwrap();
        let mut waits = Box::pin(lane.enter(key()));
        clock.advance(TimeDelta::milliseconds(899));
        assert!(waits.as_mut().now_or_never().is_none());
        clock.advance(TimeDelta::milliseconds(901));
        assert_eq!(waits.await.unwrap_err(), Busy);
        assert_eq!((lane.depth(), refusals.get()), ((1, 0), 1));
        drop(turn);
        assert_eq!(lane.depth(), (0, 0));
    }

    #[test]
    fn turns_end_whatever_happens_on_many_threads() {
        let (lane, _, _) = lane(3);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(4)
            .build()
            .unwrap();
        runtime.block_on(async {
            let mut tasks = tokio::task::JoinSet::new();
            for number in 0..2_000_u32 {
                let lane = lane.clone();
                tasks.spawn(async move {
                    let mut entering = Box::pin(lane.enter(key()));
                    if number.is_multiple_of(3) {
                        // It gives up after a look, whether it was called meanwhile or not.
                        let looked = entering.as_mut().now_or_never();
                        tokio::task::yield_now().await;
                        drop((looked, entering));
                    } else if let Ok(turn) = entering.await {
                        tokio::task::yield_now().await;
                        drop(turn);
                    }
                });
            }
            while let Some(done) = tasks.join_next().await {
                done.unwrap();
            }
        });
        assert_eq!(lane.depth(), (0, 0));
    }
}
