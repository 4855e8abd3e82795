//! The worst that one event may cost: as many different subscriptions of one member as are accepted, and a comment.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::timeout;

use super::known::EVENTS;
use super::measure::{Gauge, peak_kib, processor_ms};
use super::world::World;
use crate::failure::{Result, fail};
use crate::figures::{float, round};
use crate::harness::Harness;
use crate::processes::Server;
use crate::socket::Socket;

/// Subscriptions that are tried for each selection.
const SUBSCRIPTIONS: usize = 100;
/// How long they may take to be told.
const PATIENCE: Duration = Duration::from_mins(1);

/// What one event took at worst.
#[derive(Default)]
pub(super) struct Event {
    pub(super) cpu_ms: f64,
    told: Vec<Value>,
}

impl Event {
    pub(super) fn told(&self) -> &[Value] {
        &self.told
    }
}

/// Subscribes in many ways, and writes a comment for each.
pub(super) async fn worst(
    harness: &Harness,
    server: &Server,
    world: &World,
    gauge: &Gauge<'_>,
    documents: usize,
) -> Result<Event> {
    let mut event = Event::default();
    for (name, selection) in EVENTS {
        let mut socket = Socket::open(server.address, &world.viewer.token).await?;
        let mut accepted = 0;
        for number in 0..SUBSCRIPTIONS.min(documents) {
            // Different, and the same.
            let query = format!(
                "subscription($id: ID!, $after: String!) {{ careEvents(careRequestId: $id, after: $after) {{ __typename \
                 ... on CareEventDelivered {{ event {{ n{number}: id {selection} }} }} }} }}"
            );
            let variables = json!({ "id": world.request, "after": world.head(harness, server).await? });
            let payload = json!({ "query": query, "variables": variables });
            socket.subscribe(&number.to_string(), &payload).await?;
            // It has caught up, or is refused.
            match next(&mut socket).await? {
                told if told["type"] == "next" => accepted += 1,
                _ => break,
            }
        }
        let before_kib = gauge.forget_peak()?;
        let before_ms = processor_ms(gauge.process)?;
        world.comment(harness, server).await?;
        for _ in 0..accepted {
            let told = next(&mut socket).await?;
            if told["type"] != "next" {
                return fail(format!("a subscription was told: {told}"));
            }
        }
        let cpu_ms = processor_ms(gauge.process)? - before_ms;
        event.cpu_ms = event.cpu_ms.max(cpu_ms);
        event.told.push(json!({
            "selection": name, "subscriptions": accepted, "cpu_ms": round(cpu_ms),
            "mib": round(float(peak_kib(gauge.process)?.saturating_sub(before_kib)) / 1024.0),
        }));
    }
    Ok(event)
}

async fn next(socket: &mut Socket) -> Result<Value> {
    match timeout(PATIENCE, socket.text()).await {
        Ok(text) => Ok(serde_json::from_str(&text?)?),
        Err(_) => fail(format!("nothing was told for {PATIENCE:?}")),
    }
}
