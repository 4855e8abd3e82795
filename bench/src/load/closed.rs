//! A closed loop: each connection asks again when it was answered.

use std::time::Duration;

use plant_care_prove::failure::{Failure, Result, fail};
use plant_care_prove::figures::{Latencies, float, whole};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::ask::Asks;
use super::connection::Connection;
use crate::usage::{Processes, Spent, forget_peak, peak_kib};

/// How many ask, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Closed {
    /// Connections.
    pub connections: usize,
    /// How long they ask before it counts.
    pub warm_up: Duration,
    /// How long it counts.
    pub time: Duration,
}

/// What was served.
#[derive(Clone, Debug, Default)]
pub struct Served {
    /// Answers.
    pub requests: u64,
    /// In how many seconds.
    pub seconds: f64,
    /// Bytes of the answers' bodies.
    pub bytes: u64,
    /// Processor seconds it took.
    pub spent: Spent,
    /// How long each connection waited for its answers.
    pub latencies: Latencies,
    /// The server's greatest resident memory meanwhile, in KiB.
    pub peak_kib: Option<u64>,
}

impl Served {
    /// Answers a second.
    pub fn rate(&self) -> f64 {
        float(self.requests) / self.seconds
    }
}

/// Answers that one connection was given while it counted.
#[derive(Debug, Default)]
struct Counted {
    bytes: u64,
    waits: Vec<u64>,
}

/// When it counts.
#[derive(Clone, Copy, Debug)]
struct Window {
    from: Instant,
    to: Instant,
}

impl Closed {
    /// Asks, and measures the processes meanwhile.
    pub async fn run(self, asks: &Asks, processes: Processes) -> Result<Served> {
        let from = Instant::now() + self.warm_up;
        let window = Window {
            from,
            to: from + self.time,
        };
        let mut tasks = JoinSet::new();
        for _ in 0..self.connections {
            let asks = asks.clone();
            tasks.spawn(
                async move { Connection::with(&asks, |connection| ask(connection, &asks, window)).await },
            );
        }
        let mut total = Counted::default();
        let measured = async {
            sleep_until(window.from).await;
            processes.server.map_or(Ok(()), forget_peak)?;
            let (before, from) = (processes.spent()?, Instant::now());
            sleep_until(window.to).await;
            let seconds = from.elapsed().as_secs_f64();
            let peak = processes.server.map(peak_kib).transpose()?;
            // Both readings take a moment; the time between them is what the processor time is of.
            let share = self.time.as_secs_f64() / seconds;
            let mut spent = processes.spent()? - before;
            spent.server *= share;
            spent.postgres *= share;
            spent.generator *= share;
            Ok::<_, Failure>((spent, peak))
        };
        let counted = async {
            while let Some(counted) = tasks.join_next().await {
                let Counted { bytes, waits } = counted??;
                total.bytes += bytes;
                total.waits.extend(waits);
            }
            Ok::<_, Failure>(())
        };
        let ((spent, peak), ()) = tokio::try_join!(measured, counted)?;
        if total.waits.is_empty() {
            return fail(format!("{} answered nothing in {:?}", asks.address, self.time));
        }
        Ok(Served {
            requests: total.waits.len() as u64,
            seconds: self.time.as_secs_f64(),
            bytes: total.bytes,
            spent,
            latencies: Latencies::new(total.waits),
            peak_kib: peak,
        })
    }
}

async fn ask(mut connection: Connection, asks: &Asks, window: Window) -> Result<Counted> {
    let mut counted = Counted::default();
    loop {
        let asked = Instant::now();
        let answer = connection.send(asks, asks.next()).await?;
        let now = Instant::now();
        if now >= window.to {
            return Ok(counted);
        }
        if now >= window.from {
            counted.bytes += answer.len() as u64;
            counted.waits.push(whole((now - asked).as_micros()));
        }
    }
}
