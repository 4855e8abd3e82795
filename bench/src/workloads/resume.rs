//! Coming back: thousands of subscribers at once, each with a cursor that is a hundred events old.

use std::sync::Arc;

use plant_care_prove::api::Care;
use plant_care_prove::crowd::Place;
use plant_care_prove::failure::{Result, fail};
use plant_care_prove::figures::{Latencies, float, need_files};
use plant_care_prove::message::{Kind, Message, Topic};
use plant_care_prove::pace;
use plant_care_prove::socket::Socket;
use plant_care_prove::storm::all_come_back;
use serde_json::{Value, json};

use super::Effort;
use crate::ground::Ground;
use crate::live::contenders;
use crate::report::{Bar, Plot, Section, Table, count, figure};
use crate::rounds::{Role, Spread};
use crate::servers::Server;
use crate::stage::Stage;
use crate::usage::{Processes, Spent, forget_peak, peak_kib};

/// Events that each has missed.
const MISSED: usize = 100;
/// Timelines that they are spread over.
const STREAMS: usize = 10;

/// One time that all came back.
struct Back {
    took: Latencies,
    spent: Spent,
    peak_kib: u64,
}

/// All the times that they came back to a server.
struct Resumed {
    name: String,
    role: Role,
    rounds: Vec<Back>,
}

impl Resumed {
    fn spread(&self, figure: impl Fn(&Back) -> f64) -> Spread {
        Spread::new(self.rounds.iter().map(figure).collect())
    }

    fn data(&self) -> Value {
        let back = |back: &Back| {
            json!({ "milliseconds": back.took.table(), "peak_kib": back.peak_kib, "processor_seconds": {
                "server": back.spent.server, "postgres": back.spent.postgres, "client": back.spent.generator } })
        };
        json!({ "name": self.name, "rounds": self.rounds.iter().map(back).collect::<Vec<_>>() })
    }
}

pub(super) async fn run(ground: &Ground, effort: &Effort) -> Result<Section> {
    let (subscribers, rounds) = if effort.is_quick { (500, 1) } else { (5_000, 3) };
    need_files(subscribers + 200)?;
    let stage = &ground.stage;
    let mut own = contenders::start(&[contenders::Kind::Ours], stage).await?;
    let raw = Server::raw(stage, MISSED).await?;
    own.push(raw);
    let [ours, ring] = &own[..] else {
        return fail("there are not two servers");
    };
    let streams = streams(ground, ours).await?;
    let messages = messages(&streams[0]).await?;
    let kept = keep(ring, &messages, streams[0].1).await?;
    let mut all =
        [(Role::Ours, ours, streams), (Role::Limit, ring, vec![kept])].map(|(role, server, places)| {
            let name = if role == Role::Ours {
                "ours"
            } else {
                "a ring of ready bytes"
            };
            let resumed = Resumed {
                name: name.to_owned(),
                role,
                rounds: Vec::new(),
            };
            (server, places, resumed)
        });
    for _ in 0..rounds {
        for (server, places, resumed) in &mut all {
            let back = places.iter().cycle().take(subscribers).cloned().collect();
            resumed.rounds.push(come_back(stage, server, back).await?);
        }
    }
    let bytes: usize = messages.iter().map(String::len).sum();
    Ok(section(subscribers, bytes, &all.map(|(_, _, resumed)| resumed)))
}

/// Timelines in which so much has happened since the place that each subscriber comes back to: that place, and the number
/// of the last event.
async fn streams(ground: &Ground, ours: &Server) -> Result<Vec<(Place, u64)>> {
    let harness = &ground.stage.harness;
    let cares = harness.api.cares(ground.ours.address, STREAMS).await?;
    let mut streams = Vec::new();
    for care in &cares {
        let place = place(ground, ours, care).await?;
        let goal = pace::write_many(&harness.api, ours.address, care, MISSED, harness.clock).await?;
        streams.push((place, goal));
    }
    Ok(streams)
}

async fn place(ground: &Ground, ours: &Server, care: &Arc<Care>) -> Result<Place> {
    let (seq, after) = ground.stage.harness.api.head(ours.address, care).await?;
    Ok(Place {
        server: ours.address,
        token: care.owner.token.clone(),
        topic: Topic::Care(care.request.clone()),
        after: Some(after),
        seq,
    })
}

/// The messages that one subscriber gets who comes back.
async fn messages((place, goal): &(Place, u64)) -> Result<Vec<String>> {
    let mut socket = Socket::open(place.server, &place.token).await?;
    let payload = place.topic.payload(place.after.as_deref());
    socket.subscribe("1", &payload).await?;
    let mut messages = Vec::new();
    loop {
        let text = socket.text().await?;
        let message = Message::read(&text);
        match message.kind {
            Kind::Event => messages.push(text.as_str().to_owned()),
            Kind::Position => {}
            _ => return fail(format!("unexpected: {text}")),
        }
        if message.seq() == Some(*goal) {
            return Ok(messages);
        }
    }
}

/// Has the ring keep these messages: where a subscriber of it begins, and the last number.
async fn keep(ring: &Server, messages: &[String], goal: u64) -> Result<(Place, u64)> {
    let mut socket = Socket::open(ring.address, "").await?;
    for message in messages {
        socket.send(&serde_json::from_str(message)?).await?;
    }
    let place = Place {
        server: ring.address,
        token: String::new(),
        topic: Topic::Feed,
        after: None,
        seq: goal - messages.len() as u64,
    };
    // Until it has them all.
    let mut reader = Socket::open(ring.address, "").await?;
    reader.subscribe("1", &place.topic.payload(None)).await?;
    loop {
        if Message::read(&reader.text().await?).seq() == Some(goal) {
            return Ok((place, goal));
        }
    }
}

async fn come_back(stage: &Stage, server: &Server, subscribers: Vec<(Place, u64)>) -> Result<Back> {
    let processes = Processes {
        server: Some(server.process),
        postmaster: stage.postmaster,
    };
    forget_peak(server.process)?;
    let before = processes.spent()?;
    let took = all_come_back(subscribers).await?;
    Ok(Back {
        took,
        spent: processes.spent()? - before,
        peak_kib: peak_kib(server.process)?,
    })
}

fn section(subscribers: usize, bytes: usize, all: &[Resumed]) -> Section {
    let mut table = Table::new([
        "server",
        "to the last ms",
        "min–max",
        "p50 ms",
        "p99 ms",
        "server s",
        "Postgres s",
        "client s",
        "RSS MiB",
    ]);
    for resumed in all {
        let last = resumed.spread(|back| back.took.percentile(100));
        let middle = |of: fn(&Back) -> f64| figure(resumed.spread(of).median);
        let postgres = middle(|back| back.spent.postgres);
        table.row([
            resumed.name.clone(),
            figure(last.median),
            format!("{}–{}", figure(last.min), figure(last.max)),
            middle(|back| back.took.percentile(50)),
            middle(|back| back.took.percentile(99)),
            middle(|back| back.spent.server),
            if resumed.role == Role::Ours {
                postgres
            } else {
                String::new()
            },
            middle(|back| back.spent.generator),
            middle(|back| float(back.peak_kib) / 1024.0),
        ]);
    }
    let bars = all.iter().map(|resumed| Bar {
        name: resumed.name.clone(),
        role: resumed.role,
        spread: resumed.spread(|back| back.took.percentile(100)),
    });
    Section {
        about: format!(
            "{} subscribers connect at once, log in, and subscribe with a cursor that is {MISSED} events old, spread over \
             {STREAMS} timelines: until each has all of them, in order. The ring is a server that has the same messages ready \
             ({} bytes for each subscriber) and sends them to whoever subscribes.",
            count(float(subscribers as u64)),
            count(float(bytes as u64)),
        ),
        tables: vec![table],
        plots: vec![Plot::Bars {
            file: "resume".to_owned(),
            title: "resume: milliseconds until the last has all".to_owned(),
            bars: bars.collect(),
        }],
        data: json!({ "subscribers": subscribers, "events": MISSED, "bytes": bytes,
            "servers": all.iter().map(Resumed::data).collect::<Vec<_>>() }),
        ..Section::default()
    }
}
