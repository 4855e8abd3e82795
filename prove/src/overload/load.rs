//! Load: as much as is answered, and more than that.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use super::client::{Answer, Client};
use crate::failure::{Failure, Result, fail};
use crate::figures::{Clock, Latencies, float, resident_kib};
use crate::pace::Pace;

/// How often the server's memory is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Requests of one kind.
#[derive(Clone, Debug)]
pub(super) struct Load {
    /// Its name.
    pub(super) name: &'static str,
    /// Who asks.
    pub(super) client: Client,
    /// What is asked, in turn.
    pub(super) requests: Arc<[Arc<[u8]>]>,
    /// What a good answer has in it.
    pub(super) good: &'static str,
    /// How many ask at the same time to see how much is answered.
    pub(super) workers: usize,
}

/// What became of more than can be served.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) offered: u64,
    pub(super) accepted: Latencies,
    pub(super) refused: Latencies,
    pub(super) bad: u64,
    /// Accepted in a second.
    pub(super) goodput: f64,
    pub(super) peak_kib: u64,
    pub(super) recovery: Duration,
}

/// How soon one asks again who was told to come back.
const AGAIN: Duration = Duration::from_millis(20);

impl Load {
    async fn one(&self, number: usize) -> Result<Answer> {
        let request = &self.requests[number % self.requests.len()];
        self.client.ask(request, self.good).await
    }

    /// Good answers in a second when as many ask as are answered, and how many of them were told to come back: on a machine
    /// that does something else, too, not all can be served.
    pub(super) async fn capacity(&self, time: Duration) -> Result<(f64, u64)> {
        let (good, busy) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let number = Arc::new(AtomicUsize::new(0));
        let deadline = Instant::now() + time;
        let mut workers = JoinSet::new();
        for _ in 0..self.workers {
            let (load, number) = (self.clone(), Arc::clone(&number));
            let (good, busy) = (Arc::clone(&good), Arc::clone(&busy));
            workers.spawn(async move {
                while Instant::now() < deadline {
                    match load.one(number.fetch_add(1, Ordering::Relaxed)).await? {
                        Answer::Good => {
                            good.fetch_add(1, Ordering::Relaxed);
                        }
                        Answer::Busy => {
                            busy.fetch_add(1, Ordering::Relaxed);
                            sleep(AGAIN).await;
                        }
                        Answer::Bad => {
                            return fail(format!("a request for {} was answered badly", load.name));
                        }
                    }
                }
                Ok(())
            });
        }
        while let Some(done) = workers.join_next().await {
            done??;
        }
        let good = float(good.load(Ordering::Relaxed)) / time.as_secs_f64();
        Ok((good, busy.load(Ordering::Relaxed)))
    }

    /// Asks at a pace, whatever becomes of what was asked before.
    pub(super) async fn overload(&self, pace: Pace, clock: Clock, process: u32) -> Result<Outcome> {
        let peak = AtomicU64::new(0);
        let outcome = tokio::select! {
            outcome = self.offer(pace, clock) => outcome?,
            failure = watch(process, &peak) => return Err(failure),
        };
        let peak_kib = peak.into_inner();
        Ok(Outcome { peak_kib, ..outcome })
    }

    async fn offer(&self, pace: Pace, clock: Clock) -> Result<Outcome> {
        let mut asking = JoinSet::new();
        let mut outcome = Outcome::default();
        for (number, moment) in pace.moments(clock).enumerate() {
            sleep_until(clock.instant(moment)).await;
            let load = self.clone();
            outcome.offered += 1;
            asking.spawn(async move {
                let answer = load.one(number).await;
                // From when it was to be sent: a generator that is late must not hide that.
                (answer, clock.micros().saturating_sub(moment))
            });
        }
        outcome.recovery = self.recovers(Instant::now()).await?;
        let (mut accepted, mut refused) = (Vec::new(), Vec::new());
        while let Some(done) = asking.join_next().await {
            match done? {
                (Ok(Answer::Good), took) => accepted.push(took),
                (Ok(Answer::Busy), took) => refused.push(took),
                (Ok(Answer::Bad) | Err(_), _) => outcome.bad += 1,
            }
        }
        outcome.goodput = float(accepted.len() as u64) / pace.time.as_secs_f64();
        outcome.accepted = Latencies::new(accepted);
        outcome.refused = Latencies::new(refused);
        Ok(outcome)
    }

    /// How long it takes until ten in a row are answered well, each within a quarter of a second.
    async fn recovers(&self, since: Instant) -> Result<Duration> {
        let mut in_a_row = 0;
        let mut from = since.elapsed();
        for number in 0..2_000 {
            let began = Instant::now();
            let answer = self.one(number).await?;
            if answer == Answer::Good && began.elapsed() < Duration::from_millis(250) {
                in_a_row += 1;
            } else {
                in_a_row = 0;
                from = since.elapsed();
                sleep(AGAIN).await;
            }
            if in_a_row == 10 {
                return Ok(from);
            }
        }
        fail(format!("{} are not answered again after the overload", self.name))
    }
}

/// Notes the most that a process has resident, until it cannot be looked at.
async fn watch(process: u32, peak: &AtomicU64) -> Failure {
    loop {
        match resident_kib(process) {
            Ok(kib) => peak.fetch_max(kib, Ordering::Relaxed),
            Err(failure) => return failure,
        };
        sleep(LOOK_EVERY).await;
    }
}
