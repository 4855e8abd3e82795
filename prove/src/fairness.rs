//! Fairness on one socket: an endless replay of a long log beside a stream with an event now and then.

use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout_at};

use crate::crowd::Sequence;
use crate::failure::{Failure, Result, ensure, fail};
use crate::figures::{Latencies, float, round};
use crate::harness::Harness;
use crate::message::{Kind, Message, Topic};
use crate::pace::{self, Pace};
use crate::seed;
use crate::socket::Socket;

/// How long the last entries may take, and a single message.
const PATIENCE: Duration = Duration::from_mins(1);

/// How much.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Entries of the log that is replayed; they are written by SQL.
    #[arg(long, default_value_t = 100_000)]
    entries: u64,
    /// Events a second of the other stream.
    #[arg(long, default_value_t = 1.0)]
    rate: f64,
    /// Seconds; a replay that ends is begun anew.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// The slow stream's 99th percentile, in milliseconds, above which it fails.
    #[arg(long, default_value_t = 100.0)]
    max_p99_ms: f64,
}

/// One socket with both streams.
struct Both {
    socket: Socket,
    long: Topic,
    /// The newest number of the long log.
    end: u64,
    replay: Sequence,
    /// Replays that came to their end, and the entries of all.
    replays: u64,
    entries: u64,
    slow: Sequence,
    latencies: Vec<u64>,
}

/// Runs the proof.
pub async fn run(harness: &Harness, options: &Options) -> Result<Value> {
    let server = harness.server("server").await?;
    let (api, address) = (&harness.api, server.address);
    let long = api.care(address).await?;
    let (owner, caretaker) = (long.owner.clone(), long.caretaker.clone());
    let slow = Arc::new(api.care_between(address, owner, caretaker).await?);
    api.record(address, &long, "long", None).await?;
    seed::copies(&harness.database, "long", options.entries).await?;
    let (end, _) = api.head(address, &long).await?;
    let (seq, after) = api.head(address, &slow).await?;

    let mut socket = Socket::open(address, &slow.owner.token).await?;
    socket
        .subscribe("slow", &Topic::Care(slow.request.clone()).payload(Some(&after)))
        .await?;
    let mut both = Both {
        socket,
        long: Topic::Care(long.request.clone()),
        end,
        replay: Sequence::default(),
        replays: 0,
        entries: 0,
        slow: Sequence::after(seq),
        latencies: Vec::new(),
    };
    both.replay_again().await?;
    let pace = Pace {
        rate: options.rate,
        time: Duration::from_secs(options.seconds),
    };
    let started = Instant::now();
    let writing = pace::write(api, address, &slow, pace, harness.clock);
    tokio::pin!(writing);
    let written = loop {
        tokio::select! {
            written = &mut writing => break written?,
            seen = both.next(harness) => seen?,
        }
    };
    let took = started.elapsed().as_secs_f64();
    let entries = both.entries;
    let deadline = Instant::now() + PATIENCE;
    // Also to the end of one replay where it comes soon, so that its order has been seen as a whole.
    while both.slow.last < written.last || both.replays == 0 {
        match timeout_at(deadline, both.next(harness)).await {
            Ok(seen) => seen?,
            Err(_) => break,
        }
    }
    ensure(both.slow.last == written.last && both.entries > 0, || {
        format!("the streams stood still: {:?}, {:?}", both.replay, both.slow)
    })?;
    ensure(both.replay.is_whole(), || {
        format!("a replay was not whole: {:?}", both.replay)
    })?;
    let latencies = Latencies::new(both.latencies);
    let figures = json!({
        "proof": "fairness", "replay_entries": entries, "replays": both.replays,
        "replayed_per_s": round(float(entries) / took), "slow_events": latencies.count(), "slow_ms": latencies.table(),
    });
    ensure(both.slow.is_whole(), || {
        format!("the slow stream was not whole: {:?}\n{figures}", both.slow)
    })?;
    harness.ensure_figure(both.replays > 0, || {
        format!("no replay came to its end in time\n{figures}")
    })?;
    harness.ensure_figure(latencies.percentile(99) < options.max_p99_ms, || {
        format!(
            "beside a replay p99 is {} ms\n{figures}",
            latencies.percentile(99)
        )
    })?;
    Ok(figures)
}

impl Both {
    /// Begins the replay of the long log.
    async fn replay_again(&mut self) -> Result<()> {
        self.replay = Sequence::default();
        let id = format!("long-{}", self.replays);
        self.socket.subscribe(&id, &self.long.payload(None)).await
    }

    /// Takes the next message.
    async fn next(&mut self, harness: &Harness) -> Result<()> {
        let text = self.socket.text().await?;
        let message = Message::read(&text);
        let operation = message.operation().unwrap_or_default();
        match (message.kind, operation) {
            (Kind::Event, "slow") => {
                let scheduled = message
                    .scheduled()
                    .ok_or_else(|| Failure::new(format!("not ours: {text}")))?;
                self.latencies
                    .push(harness.clock.micros().saturating_sub(scheduled));
                self.slow.saw(message.seq().unwrap_or_default());
            }
            (Kind::Event, _) => {
                self.entries += 1;
                self.replay.saw(message.seq().unwrap_or_default());
            }
            // The stock server answers a `complete`.
            (Kind::CaughtUp, "slow") | (Kind::Position | Kind::Complete, _) => {}
            (Kind::CaughtUp, long) => {
                let whole = self.replay.is_whole() && self.replay.last == self.end;
                ensure(whole, || {
                    format!(
                        "a replay of {} entries was not whole: {:?}",
                        self.end, self.replay
                    )
                })?;
                self.socket
                    .send(&json!({ "type": "complete", "id": long }))
                    .await?;
                self.replays += 1;
                self.replay_again().await?;
            }
            _ => return fail(format!("unexpected: {text}")),
        }
        Ok(())
    }
}
