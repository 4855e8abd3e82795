//! A process by itself: how long it takes until it is ready, and what it holds while nobody asks.

use std::time::Duration;

use plant_care_prove::failure::Result;
use plant_care_prove::figures::{float, settled_kib};
use plant_care_prove::processes;
use serde_json::json;
use tokio::time::Instant;

use super::Effort;
use crate::ground::Ground;
use crate::report::{Section, Table, Target, figure};
use crate::rounds::Spread;

/// Starts that are measured.
const STARTS: usize = 10;

pub(super) async fn run(ground: &Ground, effort: &Effort) -> Result<Section> {
    let mut server = processes::Server::start(&ground.stage.program, "start").await?;
    let mut starts = Vec::new();
    for _ in 0..if effort.is_quick { 3 } else { STARTS } {
        server.kill().await?;
        let began = Instant::now();
        server.restart().await?;
        starts.push(milliseconds(began.elapsed()));
    }
    let kib = settled_kib(server.id()?).await?;
    let starts_spread = Spread::new(starts.clone());
    let mib = float(kib) / 1024.0;
    let mut table = Table::new(["", "median", "min–max"]);
    table.row([
        "start to ready, ms".to_owned(),
        figure(starts_spread.median),
        format!("{}–{}", figure(starts_spread.min), figure(starts_spread.max)),
    ]);
    table.row(["idle process, MiB".to_owned(), figure(mib), String::new()]);
    Ok(Section {
        about: "Plant Care's process on a database that is there, until it says that it is ready (asked every 20 ms); and \
                its resident memory before anybody asked."
            .to_owned(),
        tables: vec![table],
        targets: vec![
            Target::below("start to ready, ms", 300.0, starts_spread.median),
            Target::below("idle process, MB", 40.0, float(kib) * 1024.0 / 1e6),
        ],
        data: json!({ "start_milliseconds": starts, "idle_kib": kib }),
        ..Section::default()
    })
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
