//! What a connection that waits takes: the server's resident memory with and without many of them.

use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::crowd::{Crowd, Place};
use crate::failure::{Result, ensure};
use crate::figures::{Clock, float, need_files, round, settled_kib};
use crate::harness::Harness;
use crate::message::Topic;

/// How many.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Connections, each with one subscription.
    #[arg(long, default_value_t = 2000)]
    connections: usize,
    /// Members they belong to, two to a request.
    #[arg(long, default_value_t = 50)]
    members: usize,
    /// Connections that come before and stay, so that what a server makes once is not counted.
    #[arg(long, default_value_t = 100)]
    warm_up: usize,
    /// KiB a connection may take.
    #[arg(long, default_value_t = 10.0)]
    max_kib: f64,
}

/// Runs the proof.
pub async fn run(harness: &Harness, options: &Options) -> Result<Value> {
    need_files(options.connections + 200)?;
    let mut server = harness.server("server").await?;
    let mut places = Vec::new();
    for care in harness
        .api
        .cares(server.address, options.members.div_ceil(2))
        .await?
    {
        let (seq, after) = harness.api.head(server.address, &care).await?;
        for member in [&care.owner, &care.caretaker] {
            places.push(Place {
                server: server.address,
                token: member.token.clone(),
                topic: Topic::Care(care.request.clone()),
                after: Some(after.clone()),
                seq,
            });
        }
    }
    // Hashing the members' passwords leaves memory behind that connections would then be given, uncounted.
    server.kill().await?;
    server.restart().await?;
    let process = server.id()?;
    let steps = [0, options.connections];
    let held = held(process, &places, options.warm_up, &steps, harness.clock).await?;
    let (before, with) = (held[0], held[1]);
    sleep(Duration::from_secs(2)).await;
    let after = settled_kib(process).await?;
    let each = float(with.saturating_sub(before)) / float(options.connections as u64);
    let figures = json!({
        "proof": "idle", "connections": options.connections, "members": places.len(), "kib_each": round(each),
        "rss_kib": { "before": before, "with": with, "after_they_left": after },
    });
    // A debug build on a busy machine may take more, and still not without bound.
    let most = options.max_kib * if harness.common.lenient { 20.0 } else { 1.0 };
    ensure(each <= most, || {
        format!("a connection takes {each:.1} KiB, more than {most}\n{figures}")
    })?;
    Ok(figures)
}

/// What a server's process holds, in KiB, with so many connections and then with ever more of them, each with one
/// subscription and nothing to tell.
///
/// Those who warm it up come before and stay, so that what they held is not given to those who are counted.
pub async fn held(
    process: u32,
    places: &[Place],
    warm_up: usize,
    steps: &[usize],
    clock: Clock,
) -> Result<Vec<u64>> {
    let crowd = |count| Crowd::gather(places.iter().cycle().take(count).cloned().collect(), clock);
    let mut crowds = vec![crowd(warm_up).await?];
    let (mut there, mut held) = (0, Vec::new());
    for step in steps.iter().copied() {
        crowds.push(crowd(step.saturating_sub(there)).await?);
        there = step.max(there);
        held.push(settled_kib(process).await?);
    }
    Ok(held)
}
