//! Proof 3: peers that stop reading, or read a byte a second, cost the server no memory and others no time.

mod peer;
mod tcp;

use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

use self::peer::{Peer, Stopped};
use crate::api::Care;
use crate::crowd::{self, Crowd, Place};
use crate::failure::{Result, ensure};
use crate::figures::{float, median, need_files, resident_kib, round};
use crate::harness::Harness;
use crate::message::{Topic, note};
use crate::pace::{self, Pace, Written};
use crate::processes::Server;
use crate::seed;

/// How long the last deliveries may take.
const STRAGGLERS: Duration = Duration::from_secs(20);
/// How long a note of the long log is: with it repeated, an entry is some 20 KB to a heavy peer.
const NOTE: usize = 1000;

/// How many, how long.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Subscribers that read.
    #[arg(long, default_value_t = 500)]
    subscribers: usize,
    /// Events a second.
    #[arg(long, default_value_t = 20.0)]
    rate: f64,
    /// Rounds, each without and then with the peers that do not read.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Seconds of a round without them.
    #[arg(long, default_value_t = 15)]
    quiet_seconds: u64,
    /// Seconds for which a peer stops.
    #[arg(long, default_value_t = 30)]
    stop_seconds: u64,
    /// Peers that stop in each round, and as many that read a byte a second.
    #[arg(long, default_value_t = 1)]
    peers: usize,
    /// Entries of the log that those peers are sent, some 20 KB each; they are written by SQL.
    #[arg(long, default_value_t = 1500)]
    entries: u64,
    /// MiB by which the server's memory may rise in the rounds with them.
    #[arg(long, default_value_t = 8.0)]
    max_mib: f64,
    /// Seconds within which a peer that has stopped is closed: the write deadline and 2 more.
    #[arg(long, default_value_t = 12.0)]
    close_seconds: f64,
}

/// What one half of a round was like.
struct Half {
    written: Written,
    most_kib: u64,
}

/// Runs the proof.
pub async fn run(harness: &Harness, options: &Options) -> Result<Value> {
    need_files(options.subscribers + 200)?;
    let mut server = harness.server("server").await?;
    let (api, address) = (&harness.api, server.address);
    let heavy = Arc::new(api.care(address).await?);
    let mark = note(1, NOTE);
    api.record(address, &heavy, &mark, None).await?;
    seed::copies(&harness.database, &mark, options.entries).await?;
    let (end, _) = api.head(address, &heavy).await?;

    let care = Arc::new(api.care(address).await?);
    let (seq, after) = api.head(address, &care).await?;
    // Hashing the members' passwords leaves memory behind, in which a rise would not be seen.
    server.kill().await?;
    server.restart().await?;
    let place = Place {
        server: address,
        token: care.owner.token.clone(),
        topic: Topic::Care(care.request.clone()),
        after: Some(after),
        seq,
    };
    let crowd = Crowd::gather(vec![place; options.subscribers], harness.clock).await?;
    half(harness, &server, &care, options.rate, 2).await?;

    let (mut quiet, mut loud, mut stopped) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..options.rounds {
        quiet.push(half(harness, &server, &care, options.rate, options.quiet_seconds).await?);
        let mut peers = JoinSet::new();
        let mut slow = JoinSet::new();
        let (over, ends) = watch::channel(false);
        for _ in 0..options.peers {
            let peer = Peer::new(address, &heavy, end);
            peers.spawn(peer.clone().stop(Duration::from_secs(options.stop_seconds)));
            slow.spawn(peer.byte_a_second(ends.clone()));
        }
        loud.push(half(harness, &server, &care, options.rate, options.stop_seconds).await?);
        over.send_replace(true);
        while let Some(peer) = peers.join_next().await {
            stopped.push(peer??);
        }
        while let Some(peer) = slow.join_next().await {
            peer??;
        }
        sleep(Duration::from_secs(1)).await;
    }
    let goal = loud.last().map_or(seq, |half| half.written.last);
    let tallies = crowd.leave(goal, STRAGGLERS).await?;
    crowd::check(&tallies, goal)?;
    judge(harness, options, &tallies, [&quiet, &loud], &stopped)
}

fn judge(
    harness: &Harness,
    options: &Options,
    tallies: &[crowd::Tally],
    [quiet, loud]: [&[Half]; 2],
    stopped: &[Stopped],
) -> Result<Value> {
    let p99 = |halves: &[Half]| -> Vec<[f64; 2]> {
        let of = |half: &Half| crowd::latencies(tallies, half.written.from, half.written.to);
        halves
            .iter()
            .map(of)
            .map(|(scheduled, recorded)| [scheduled.percentile(99), recorded.percentile(99)])
            .collect()
    };
    let (without, with) = (p99(quiet), p99(loud));
    let middle =
        |figures: &[[f64; 2]], which: usize| median(figures.iter().map(|pair| pair[which]).collect());
    let moved = median(
        with.iter()
            .zip(&without)
            .map(|(with, without)| with[0] - without[0])
            .collect(),
    );
    let most = |halves: &[Half]| halves.iter().map(|half| half.most_kib).max().unwrap_or_default();
    let rise = float(most(loud).saturating_sub(most(quiet))) / 1024.0;
    let closed: Vec<Option<f64>> = stopped.iter().map(|peer| peer.closed_after.map(round)).collect();
    let figures = json!({
        "proof": "slow", "subscribers": options.subscribers, "rate": options.rate, "rounds": options.rounds,
        "p99_ms": { "without": without, "with": with, "moved": round(moved) },
        "p99_ms_median": { "without": middle(&without, 0), "with": middle(&with, 0),
            "without_since_recorded": middle(&without, 1), "with_since_recorded": middle(&with, 1) },
        "rss_mib": { "without": most(quiet) / 1024, "with": most(loud) / 1024, "rise": round(rise) },
        "stopped_closed_after_s": closed,
        "resumed_whole": stopped.iter().filter(|peer| peer.whole).count(),
    });
    ensure(stopped.iter().all(|peer| peer.whole), || {
        format!("a peer that had stopped did not get everything with its cursor\n{figures}")
    })?;
    ensure(
        rise <= options.max_mib || harness.common.lenient && rise <= 8.0 * options.max_mib,
        || {
            format!(
                "memory rose by {rise:.1} MiB, more than {}\n{figures}",
                options.max_mib
            )
        },
    )?;
    harness.ensure_figure(
        closed
            .iter()
            .all(|closed| closed.is_some_and(|after| after <= options.close_seconds)),
        || {
            format!(
                "a peer that had stopped was not closed within {} s\n{figures}",
                options.close_seconds
            )
        },
    )?;
    let allowed = (middle(&without, 0) / 10.0).max(5.0);
    harness.ensure_figure(moved <= allowed, || {
        format!("the others' p99 moved by {moved:.1} ms, more than {allowed:.1}\n{figures}")
    })?;
    Ok(figures)
}

/// Writes for a time, and looks at the server's memory.
async fn half(harness: &Harness, server: &Server, care: &Arc<Care>, rate: f64, seconds: u64) -> Result<Half> {
    let process = server.id()?;
    let mut most_kib = 0;
    let pace = Pace {
        rate,
        time: Duration::from_secs(seconds),
    };
    let writing = pace::write(&harness.api, server.address, care, pace, harness.clock);
    tokio::pin!(writing);
    loop {
        tokio::select! {
            written = &mut writing => return Ok(Half { written: written?, most_kib }),
            () = sleep(Duration::from_millis(250)) => most_kib = most_kib.max(resident_kib(process)?),
        }
    }
}
