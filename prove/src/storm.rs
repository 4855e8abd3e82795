//! Proof 4: all sockets are dropped at once, much is written meanwhile, and all come back with their cursors.

use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use futures_util::future::try_join_all;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use crate::crowd::{Crowd, Place, Sequence};
use crate::failure::{Failure, Result, ensure, fail};
use crate::figures::{Latencies, need_files, round, whole};
use crate::harness::Harness;
use crate::message::{Kind, Message, Topic};
use crate::pace;
use crate::processes::{Server, get};
use crate::socket::Socket;

/// How long coming back may take.
const PATIENCE: Duration = Duration::from_mins(2);
/// Connections that are being made at once: fewer than the system lets wait to be accepted.
const DOOR: usize = 512;

/// How many.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Sockets, each with one subscription.
    #[arg(long, default_value_t = 5000)]
    sockets: usize,
    /// Streams they are spread over.
    #[arg(long, default_value_t = 10)]
    streams: usize,
    /// Events written to each stream meanwhile.
    #[arg(long, default_value_t = 100)]
    events: usize,
    /// Times that the log may be read for each stream, cursors included, on Postgres: a few blocks, however many
    /// sockets there are.
    #[arg(long, default_value_t = 20)]
    scans_per_stream: u64,
    /// A counter of the server's metrics whose growth meanwhile is to be told, such as one of statements.
    #[arg(long, value_name = "COUNTER")]
    metrics: Option<String>,
}

/// Runs the proof.
pub async fn run(harness: &Harness, options: &Options) -> Result<Value> {
    need_files(options.sockets + 200)?;
    let server = harness.server("server").await?;
    let cares = harness.api.cares(server.address, options.streams).await?;
    let mut places = Vec::new();
    for care in &cares {
        let (seq, after) = harness.api.head(server.address, care).await?;
        places.push(Place {
            server: server.address,
            token: care.owner.token.clone(),
            topic: Topic::Care(care.request.clone()),
            after: Some(after),
            seq,
        });
    }
    let all = (0..options.sockets).map(|number| places[number % places.len()].clone());
    let crowd = Crowd::gather(all.collect(), harness.clock).await?;
    drop(crowd);
    let writes = cares
        .iter()
        .map(|care| pace::write_many(&harness.api, server.address, care, options.events, harness.clock));
    let goals = try_join_all(writes).await?;

    let scans = harness.database.scans("stream_entries").await?;
    let counted = counter(&server, options).await?;
    let back = (0..options.sockets)
        .map(|number| (places[number % places.len()].clone(), goals[number % goals.len()]))
        .collect();
    let took = all_come_back(back).await?;
    let scanned = match (scans, harness.database.scans("stream_entries").await?) {
        (Some(before), Some(after)) => Some(after - before),
        _ => None,
    };
    let counted = match (counted, counter(&server, options).await?) {
        (Some(before), Some(after)) => json!(round(after - before)),
        _ => json!("not measured"),
    };
    let figures = json!({
        "proof": "storm", "sockets": options.sockets, "streams": options.streams,
        "deliveries": options.sockets * options.events, "ms": took.table(),
        "log_scans": scanned.map_or(json!("not measured"), |scans| json!(scans)), "counter": counted,
    });
    let bound = options.scans_per_stream * options.streams as u64;
    harness.ensure_figure(scanned.is_none_or(|scans| scans <= bound), || {
        format!("the log was read more often than {bound} times: once for each socket?\n{figures}")
    })?;
    Ok(figures)
}

/// All come back at once, each to a place, and get what they missed up to a number, whole and in order: how long it took
/// from the beginning until each had it.
pub async fn all_come_back(subscribers: Vec<(Place, u64)>) -> Result<Latencies> {
    let count = subscribers.len();
    let door = Arc::new(Semaphore::new(DOOR));
    let started = Instant::now();
    let mut tasks = JoinSet::new();
    for (place, goal) in subscribers {
        let door = Arc::clone(&door);
        tasks.spawn(async move { come_back(&place, goal, &door).await.map(|()| started.elapsed()) });
    }
    let mut took = Vec::new();
    let all = async {
        while let Some(back) = tasks.join_next().await {
            took.push(whole(back??.as_micros()));
        }
        Result::Ok(())
    };
    match timeout(PATIENCE, all).await {
        Ok(ended) => ended?,
        Err(_) => return fail(format!("{} of {count} were back after {PATIENCE:?}", took.len())),
    }
    Ok(Latencies::new(took))
}

/// One subscriber comes back and gets what it missed, whole and in order.
async fn come_back(place: &Place, goal: u64, door: &Semaphore) -> Result<()> {
    let permit = door.acquire().await?;
    let mut socket = Socket::open(place.server, &place.token).await?;
    socket
        .subscribe("1", &place.topic.payload(place.after.as_deref()))
        .await?;
    drop(permit);
    let mut sequence = Sequence::after(place.seq);
    while sequence.last < goal {
        let text = socket.text().await?;
        let message = Message::read(&text);
        match (message.kind, message.seq()) {
            (Kind::Event, Some(seq)) => sequence.saw(seq),
            (Kind::CaughtUp | Kind::Position, _) => {}
            _ => return fail(format!("unexpected: {text}")),
        }
    }
    ensure(sequence.is_whole(), || {
        format!("what was missed came back broken: {sequence:?}")
    })
}

/// The sum of a counter over its labels, in Prometheus' text.
async fn counter(server: &Server, options: &Options) -> Result<Option<f64>> {
    let Some(name) = &options.metrics else {
        return Ok(None);
    };
    let page = get(server.management, "/metrics").await?;
    let lines = page.lines().filter(|line| {
        line.strip_prefix(name.as_str())
            .is_some_and(|rest| rest.starts_with([' ', '{']))
    });
    let values: Option<Vec<f64>> = lines.map(|line| line.rsplit(' ').next()?.parse().ok()).collect();
    match values {
        Some(values) if !values.is_empty() => Ok(Some(values.into_iter().sum())),
        _ => Err(Failure::new(format!(
            "the server's metrics have no counter {name}"
        ))),
    }
}
