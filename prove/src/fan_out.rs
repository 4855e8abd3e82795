//! Fan-out: one stream, many subscribers, a steady rate. Latency is counted from the moment at which an event was to
//! be written, so a server that falls behind cannot hide it.

use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};
use tokio::process::{Child, Command};
use tokio::time::sleep;

use crate::api::Care;
use crate::crowd::{self, Crowd, Place, Tally};
use crate::failure::{Failure, Result, ensure};
use crate::figures::{Clock, float, median, need_files, processor_seconds, round};
use crate::harness::Harness;
use crate::message::{Message, Topic, note};
use crate::pace::{self, Pace, Written};
use crate::processes::free_address;
use crate::socket::Socket;

/// How long the last deliveries may take.
const STRAGGLERS: Duration = Duration::from_secs(10);
/// The share of deliveries below which a run has failed.
const ENOUGH: f64 = 0.99;

/// How many, how much.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Subscribers of the one stream.
    #[arg(long, default_value_t = 1000)]
    subscribers: usize,
    /// Events a second.
    #[arg(long, default_value_t = 20.0)]
    rate: f64,
    /// Seconds that are measured in each round.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Seconds before, that are not.
    #[arg(long, default_value_t = 2)]
    warm_up: u64,
    /// Rounds; the medians count.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Run a raw broadcast of the same bytes beside it, round by round.
    #[arg(long)]
    raw: bool,
    /// Deliveries per processor second, as a share of the raw broadcast's, below which it fails.
    #[arg(long)]
    min_ratio: Option<f64>,
    /// The 99th percentile, in milliseconds, above which it fails.
    #[arg(long)]
    max_p99_ms: Option<f64>,
}

/// One round's figures.
struct Round {
    offered: u64,
    delivered: u64,
    latencies: [f64; 3],
    /// Of bytes that are published again `recordedAt` tells nothing.
    recorded_p99: Option<f64>,
    processor: f64,
    client: f64,
    event: String,
}

/// Runs the proof.
pub async fn run(harness: &Harness, options: &Options) -> Result<Value> {
    need_files(options.subscribers + 200)?;
    let server = harness.server("server").await?;
    let care = Arc::new(harness.api.care(server.address).await?);
    let (mut ours, mut raw) = (Vec::new(), Vec::new());
    for _ in 0..options.rounds {
        ours.push(
            one(
                harness,
                options,
                server.address,
                server.id()?,
                &Source::Care(Arc::clone(&care)),
            )
            .await?,
        );
        if options.raw {
            let event = ours.last().map(|round| round.event.clone()).unwrap_or_default();
            raw.push(raw_round(harness, options, event).await?);
        }
    }
    let mut figures = json!({
        "proof": "fan-out", "subscribers": options.subscribers, "rate": options.rate, "rounds": options.rounds,
        "ours": table(&ours),
    });
    let p99 = median(ours.iter().map(|round| round.latencies[1]).collect());
    let mut ratio = None;
    if options.raw {
        let reached = per_second(&ours) / per_second(&raw).max(1e-9);
        figures["raw"] = table(&raw);
        figures["ratio_per_processor_s"] = json!(round(reached));
        ratio = Some(reached);
    }
    for (name, rounds) in [("the server", &ours), ("the raw broadcast", &raw)] {
        for round in rounds {
            let share = float(round.delivered) / float(round.offered);
            ensure(share >= ENOUGH, || {
                format!("{name} delivered {share:.3} of what was offered\n{figures}")
            })?;
        }
    }
    if let Some(most) = options.max_p99_ms {
        harness.ensure_figure(p99 <= most, || {
            format!("p99 is {p99} ms, above {most}\n{figures}")
        })?;
    }
    if let (Some(least), Some(ratio)) = (options.min_ratio, ratio) {
        harness.ensure_figure(ratio >= least, || {
            format!("{ratio:.2} of the raw broadcast, below {least}\n{figures}")
        })?;
    }
    Ok(figures)
}

/// Where events come from.
enum Source {
    /// Recorded care.
    Care(Arc<Care>),
    /// An event as it was seen, published again and again.
    Bytes(String),
}

async fn one(
    harness: &Harness,
    options: &Options,
    server: SocketAddr,
    process: u32,
    source: &Source,
) -> Result<Round> {
    let (seq, after, token, topic) = match source {
        Source::Care(care) => {
            let (seq, cursor) = harness.api.head(server, care).await?;
            (
                seq,
                Some(cursor),
                care.owner.token.clone(),
                Topic::Care(care.request.clone()),
            )
        }
        Source::Bytes(_) => (0, None, String::new(), Topic::Feed),
    };
    let seat = Place {
        server,
        token,
        topic,
        after,
        seq,
    };
    let crowd = Crowd::gather(vec![seat; options.subscribers], harness.clock).await?;
    let pace = |seconds| Pace {
        rate: options.rate,
        time: Duration::from_secs(seconds),
    };
    let warmed = write(harness, server, source, pace(options.warm_up), seq).await?;
    let own = std::process::id();
    let before = (processor_seconds(process)?, processor_seconds(own)?);
    let written = write(harness, server, source, pace(options.seconds), warmed.last).await?;
    let tallies = crowd.leave(written.last, STRAGGLERS).await?;
    let after = (processor_seconds(process)?, processor_seconds(own)?);
    judge(
        options,
        &written,
        &tallies,
        (after.0 - before.0, after.1 - before.1),
    )
}

fn judge(options: &Options, written: &Written, tallies: &[Tally], took: (f64, f64)) -> Result<Round> {
    let (latencies, recorded) = crowd::latencies(tallies, written.from, written.to);
    // What was left out counts against the share of deliveries; what came twice or in disorder must not be.
    let doubles: u64 = tallies.iter().map(|tally| tally.sequence.doubles).sum();
    ensure(doubles == 0, || {
        format!("{doubles} deliveries came twice or out of order")
    })?;
    let holes: u64 = tallies.iter().map(|tally| tally.sequence.holes).sum();
    ensure(holes == 0, || {
        format!("{holes} deliveries were left out between others")
    })?;
    Ok(Round {
        offered: written.count * options.subscribers as u64,
        delivered: latencies.count() as u64,
        latencies: [50, 99, 100].map(|percent| latencies.percentile(percent)),
        recorded_p99: Some(recorded.percentile(99)),
        processor: took.0,
        client: took.1,
        event: tallies
            .first()
            .map(|tally| tally.event.clone())
            .unwrap_or_default(),
    })
}

async fn write(
    harness: &Harness,
    server: SocketAddr,
    source: &Source,
    pace: Pace,
    seq: u64,
) -> Result<Written> {
    match source {
        Source::Care(care) => pace::write(&harness.api, server, care, pace, harness.clock).await,
        Source::Bytes(event) => publish(server, event, pace, harness.clock, seq).await,
    }
}

/// Has a raw broadcast publish an event, as it was seen, at a pace: each time with its own moment and the number that
/// follows, the first after `seq`.
pub async fn publish(server: SocketAddr, event: &str, pace: Pace, clock: Clock, seq: u64) -> Result<Written> {
    let mut socket = Socket::open(server, "").await?;
    let written = pace::in_turn(pace, clock, seq, async |seq, moment| {
        let text = another(event, seq, moment)?;
        socket.send(&serde_json::from_str(&text)?).await
    });
    written.await
}

/// An event as it was seen, with another number and another moment.
pub fn another(event: &str, seq: u64, moment: u64) -> Result<String> {
    let message = Message::read(event);
    let (Some(number), Some(scheduled)) = (message.seq(), message.scheduled()) else {
        return Err(Failure::new(format!("not an event to publish: {event}")));
    };
    let numbered = event.replacen(&format!("\"seq\":{number}"), &format!("\"seq\":{seq}"), 1);
    Ok(numbered.replacen(&note(scheduled, 32), &note(moment, 32), 1))
}

/// One round against a raw broadcast in a process of its own.
async fn raw_round(harness: &Harness, options: &Options, event: String) -> Result<Round> {
    let address = free_address().await?;
    let mut child: Child = Command::new(std::env::current_exe()?)
        .args(["raw-server", &address.to_string()])
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    let process = child
        .id()
        .ok_or_else(|| Failure::new("the raw broadcast did not start"))?;
    for _ in 0..250 {
        if tokio::net::TcpStream::connect(address).await.is_ok() {
            break;
        }
        sleep(Duration::from_millis(20)).await;
    }
    let round = one(harness, options, address, process, &Source::Bytes(event)).await;
    child.kill().await?;
    round
}

fn per_second(rounds: &[Round]) -> f64 {
    median(
        rounds
            .iter()
            .map(|round| float(round.delivered) / round.processor.max(0.01))
            .collect(),
    )
}

fn table(rounds: &[Round]) -> Value {
    let middle = |figure: &dyn Fn(&Round) -> f64| round(median(rounds.iter().map(figure).collect()));
    let recorded: Option<Vec<f64>> = rounds.iter().map(|round| round.recorded_p99).collect();
    json!({
        "offered": rounds.iter().map(|round| round.offered).sum::<u64>(),
        "delivered": rounds.iter().map(|round| round.delivered).sum::<u64>(),
        "p50_ms": middle(&|round| round.latencies[0]), "p99_ms": middle(&|round| round.latencies[1]),
        "max_ms": middle(&|round| round.latencies[2]), "p99_since_recorded_ms": recorded.map(|figures| round(median(figures))),
        "processor_s": middle(&|round| round.processor), "client_processor_s": middle(&|round| round.client),
        "deliveries_per_processor_s": round(per_second(rounds)),
    })
}
