//! Peers that mean no good beside members: nobody notices, and memory stays as it is.
//!
//! In full the server has one core and all who ask it the other, as the rest of a machine would; members ask at a steady
//! rate whatever becomes of what they asked before; and rounds with and without the peers take turns. All come from this
//! machine, so the server is one of development, which does not count connections of the machine's own by address; its
//! limits on how many may come are raised as for every proof. What is shown is therefore what deadlines and what bounds
//! of what is owed do alone, without the caps, which would only keep the peers out.

mod peers;

use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};
use tokio::process::{Child, Command};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use crate::api::{Care, Refusal};
use crate::crowd::{Crowd, Place};
use crate::failure::{Failure, Result, ensure, fail};
use crate::figures::{Latencies, median, need_files, processor_seconds, resident_kib, round};
use crate::harness::Harness;
use crate::message::{Topic, note};
use crate::pace::{Pace, each};
use crate::processes::{Server, get, pin};

pub use self::peers::besiege;

/// The least that a member's p99 may be moved by, in milliseconds: less is not told apart from nothing.
const MOVED_MS: f64 = 5.0;
/// Of the members' p99 without the peers.
const MOVED_SHARE: f64 = 0.1;
/// Of one core's time that all peers together may take.
const PEERS_SHARE: f64 = 0.5;

/// How many, and for how long.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Peers of all kinds.
    #[arg(long, default_value_t = 300)]
    peers: usize,
    /// Members with a subscription each.
    #[arg(long, default_value_t = 100)]
    members: usize,
    /// What members ask a second, together.
    #[arg(long, default_value_t = 50.0)]
    rate: f64,
    /// Seconds of each half of a round.
    #[arg(long, default_value_t = 25)]
    seconds: u64,
    /// Seconds that the peers are there before members are measured.
    #[arg(long, default_value_t = 5)]
    warm_up: u64,
    /// Rounds, each with the peers and without.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// The server on core 0, everybody else on core 1, the peers in a process of their own.
    #[arg(long)]
    pinned: bool,
    /// MiB by which the server may grow from before the peers to the most with them.
    #[arg(long, default_value_t = 64)]
    max_growth_mib: u64,
}

/// What members saw in one half of a round.
struct Half {
    queries: Latencies,
    deliveries: Latencies,
    failed: Vec<Refusal>,
    most_kib: u64,
    /// The share of a core that the peers took, where they are a process.
    peers_share: f64,
    /// How long operators waited for metrics at most, in milliseconds.
    metrics_ms: f64,
}

/// Runs the proof.
pub async fn run(harness: &Harness, options: &Options) -> Result<Value> {
    need_files(options.peers * 2 + options.members + 300)?;
    let mut server = harness.server("server").await?;
    let process = server.id()?;
    if options.pinned {
        pin(process, 0).await?;
        harness.step_aside(1).await?;
    }
    let cares = harness
        .api
        .cares(server.address, options.members.div_ceil(2))
        .await?;
    let (mut quiet, mut loud) = (Vec::new(), Vec::new());
    // Once for nothing: what is made once is made.
    half(harness, options, &server, &cares, false).await?;
    let before = resident_kib(process)?;
    for _ in 0..options.rounds {
        quiet.push(half(harness, options, &server, &cares, false).await?);
        loud.push(half(harness, options, &server, &cares, true).await?);
    }
    sleep(Duration::from_secs(2)).await;
    let after = resident_kib(process)?;
    server.kill().await?;

    let queries = |halves: &[Half]| median(halves.iter().map(|half| half.queries.percentile(99)).collect());
    let deliveries =
        |halves: &[Half]| median(halves.iter().map(|half| half.deliveries.percentile(99)).collect());
    let most = loud.iter().map(|half| half.most_kib).max().unwrap_or_default();
    let share = median(loud.iter().map(|half| half.peers_share).collect());
    let metrics = loud.iter().map(|half| half.metrics_ms).fold(0.0, f64::max);
    let failed: Vec<_> = quiet.iter().chain(&loud).flat_map(|half| &half.failed).collect();
    let asked: usize = quiet.iter().chain(&loud).map(|half| half.queries.count()).sum();
    let figures = json!({
        "proof": "hostile", "peers": options.peers, "members": options.members, "rounds": options.rounds,
        "asked": asked, "failed": failed.len(),
        "query_p99_ms": { "without": queries(&quiet), "with": queries(&loud) },
        "delivery_p99_ms": { "without": deliveries(&quiet), "with": deliveries(&loud) },
        "rss_kib": { "before": before, "most": most, "after": after,
            "each": loud.iter().map(|half| half.most_kib).collect::<Vec<_>>() },
        "peers_share_of_core": round(share), "metrics_max_ms": round(metrics),
    });
    if let Some(first) = failed.first() {
        let count = failed.len();
        return fail(format!(
            "{count} of the members' requests failed, first: {first:?}\n{figures}"
        ));
    }
    for (what, without, with) in [
        ("queries", queries(&quiet), queries(&loud)),
        ("deliveries", deliveries(&quiet), deliveries(&loud)),
    ] {
        let may = without + MOVED_MS.max(without * MOVED_SHARE);
        harness.ensure_figure(with <= may, || {
            format!("the p99 of {what} is {with} ms beside the peers and {without} ms without\n{figures}")
        })?;
    }
    harness.ensure_figure(share <= PEERS_SHARE, || {
        format!("the peers took {share:.2} of a core: they are measured, not the server\n{figures}")
    })?;
    let grown = most.saturating_sub(before) / 1024;
    ensure(grown <= options.max_growth_mib, || {
        format!("the server grew by {grown} MiB\n{figures}")
    })?;
    Ok(figures)
}

/// Members go about their business, beside the peers or without.
async fn half(
    harness: &Harness,
    options: &Options,
    server: &Server,
    cares: &[Arc<Care>],
    beside_peers: bool,
) -> Result<Half> {
    let process = server.id()?;
    let crowd = gather(harness, server.address, cares).await?;
    let besieged = if beside_peers {
        Some(Siege::begin(server.address, options).await?)
    } else {
        None
    };
    sleep(Duration::from_secs(options.warm_up)).await;
    let before = besieged.as_ref().map_or(Ok(0.0), Siege::processor_seconds)?;
    let time = Duration::from_secs(options.seconds);
    let mut watching = JoinSet::new();
    watching.spawn(watch(server.management, process, Instant::now() + time));
    let began = Instant::now();
    let (latencies, failed) = (
        Arc::<Mutex<Vec<u64>>>::default(),
        Arc::<Mutex<Vec<Refusal>>>::default(),
    );
    let mut turn = 0;
    let asked = each(
        Pace {
            rate: options.rate,
            time,
        },
        harness.clock,
        |moment| {
            turn += 1;
            let (api, address, clock) = (harness.api.clone(), server.address, harness.clock);
            let care = Arc::clone(&cares[turn % cares.len()]);
            let (latencies, failed) = (Arc::clone(&latencies), Arc::clone(&failed));
            // Every tenth writes, so that subscribers have something to be told.
            let writes = turn % 10 == 0;
            async move {
                let done = if writes {
                    api.record(address, &care, &note(moment, 32), None)
                        .await
                        .map(|_| ())
                } else {
                    let query =
                        "{ viewer { id displayName } feed { events(first: 10) { edges { node { event { id occurredAt } } } } } }";
                    let asked = api.run(address, Some(&care.owner), query, json!({}));
                    asked.await.map(|_| ())
                };
                match done {
                    Ok(()) => push(&latencies, clock.micros().saturating_sub(moment)),
                    Err(refusal) => push(&failed, refusal),
                }
                Ok(0)
            }
        },
    )
    .await?;
    let wall = began.elapsed().as_secs_f64();
    let after = besieged.as_ref().map_or(Ok(0.0), Siege::processor_seconds)?;
    let (most_kib, metrics_ms) = match watching.join_next().await {
        Some(watched) => watched??,
        None => return fail("nobody watched"),
    };
    if let Some(siege) = besieged {
        siege.end().await?;
    }
    let tallies = crowd.leave(0, Duration::from_secs(5)).await?;
    if let Some(why) = tallies.iter().find_map(|tally| tally.lost.as_ref()) {
        return fail(format!("a member's subscription was lost: {why}"));
    }
    let deliveries = tallies.iter().flat_map(|tally| &tally.samples);
    let deliveries = deliveries
        .filter(|sample| sample.scheduled >= asked.from)
        .map(|sample| sample.latency);
    let queries = std::mem::take(&mut *latencies.lock().unwrap_or_else(PoisonError::into_inner));
    let failed = std::mem::take(&mut *failed.lock().unwrap_or_else(PoisonError::into_inner));
    Ok(Half {
        queries: Latencies::new(queries),
        deliveries: Latencies::new(deliveries.collect()),
        failed,
        most_kib,
        peers_share: (after - before) / wall,
        metrics_ms,
    })
}

fn push<T>(all: &Mutex<Vec<T>>, one: T) {
    all.lock().unwrap_or_else(PoisonError::into_inner).push(one);
}

async fn gather(harness: &Harness, server: SocketAddr, cares: &[Arc<Care>]) -> Result<Crowd> {
    let mut places = Vec::new();
    for care in cares {
        let (seq, after) = harness.api.head(server, care).await?;
        for member in [&care.owner, &care.caretaker] {
            places.push(Place {
                server,
                token: member.token.clone(),
                topic: Topic::Care(care.request.clone()),
                after: Some(after.clone()),
                seq,
            });
        }
    }
    Crowd::gather(places, harness.clock).await
}

/// The most that the server takes until then, and how long an operator waits for metrics at most.
async fn watch(management: SocketAddr, process: u32, until: Instant) -> Result<(u64, f64)> {
    let (mut most, mut longest) = (0, 0.0_f64);
    while Instant::now() < until {
        most = most.max(resident_kib(process)?);
        let asked = Instant::now();
        let answer = get(management, "/metrics").await?;
        ensure(answer.contains(" 200 "), || {
            "operators are not answered".to_owned()
        })?;
        longest = longest.max(asked.elapsed().as_secs_f64() * 1000.0);
        sleep_until((asked + Duration::from_secs(1)).min(until)).await;
    }
    Ok((most, longest))
}

/// The peers: a process of their own where they are to have a share of a core, else tasks of this one.
enum Siege {
    Process(Child),
    Tasks(JoinSet<()>),
}

impl Siege {
    async fn begin(server: SocketAddr, options: &Options) -> Result<Self> {
        if !options.pinned {
            return Ok(Self::Tasks(peers::all(server, options.peers).await?));
        }
        let child = Command::new(std::env::current_exe()?)
            .args(["hostile-peers", &server.to_string(), &options.peers.to_string()])
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        if let Some(process) = child.id() {
            pin(process, 1).await?;
        }
        Ok(Self::Process(child))
    }

    fn processor_seconds(&self) -> Result<f64> {
        match self {
            Self::Process(child) => {
                let process = child.id().ok_or_else(|| Failure::new("the peers are gone"))?;
                processor_seconds(process)
            }
            Self::Tasks(_) => Ok(0.0),
        }
    }

    async fn end(self) -> Result<()> {
        match self {
            Self::Process(mut child) => Ok(child.kill().await?),
            Self::Tasks(mut tasks) => {
                tasks.shutdown().await;
                Ok(())
            }
        }
    }
}
