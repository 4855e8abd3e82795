//! Proof 2: a writer that dies between its commit and its wake-up; others find the event by looking.
//!
//! The writer reaches its bus through a proxy of ours. When a wake-up comes by, its transaction has been committed,
//! and the proxy lets nothing more pass: that is the moment at which the writer is killed. So the event is stored, and
//! no wake-up has left the process, without any hook in the server. On SQLite there is no bus: the writer is another
//! process on the same file, killed when it has answered.

mod proxy;

use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};

use self::proxy::{Proxy, Wire};
use crate::api::Care;
use crate::crowd::Sequence;
use crate::failure::{Failure, Result, ensure, fail};
use crate::figures::{Latencies, random, whole};
use crate::harness::Harness;
use crate::kills::Bus;
use crate::message::{Kind, Message, Topic};
use crate::nats::Nats;
use crate::processes::{Program, Server};
use crate::socket::Socket;

/// How long anything may take that is not judged.
const PATIENCE: Duration = Duration::from_secs(15);

/// How often.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Writers that die.
    #[arg(long, default_value_t = 10)]
    rounds: usize,
    /// What wakes other replicas.
    #[arg(long, value_enum, default_value_t = Bus::Postgres)]
    bus: Bus,
    /// Milliseconds within which the event must arrive.
    #[arg(long, default_value_t = 1500.0)]
    max_ms: f64,
}

/// A subscriber on the replica that lives.
struct Reader {
    socket: Socket,
    sequence: Sequence,
}

/// Runs the proof.
pub async fn run(harness: &Harness, options: &Options) -> Result<Value> {
    let (living, dying, proxy, _nats) = programs(harness, options).await?;
    let living = Server::start(&living, "living").await?;
    let mut dying = Server::start(&dying, "dying").await?;
    let care = Arc::new(harness.api.care(living.address).await?);
    let (seq, after) = harness.api.head(living.address, &care).await?;
    let mut socket = Socket::open(living.address, &care.owner.token).await?;
    socket
        .subscribe("1", &Topic::Care(care.request.clone()).payload(Some(&after)))
        .await?;
    let mut reader = Reader {
        socket,
        sequence: Sequence::after(seq),
    };
    let (mut woken, mut found) = (Vec::new(), Vec::new());
    for round in 0..options.rounds {
        if round > 0 {
            dying.restart().await?;
        }
        // While the writer lives its wake-ups arrive: the subscriber is not one that finds everything by looking.
        let sent = Instant::now();
        harness.api.record(dying.address, &care, "lives", None).await?;
        reader.next().await?;
        woken.push(whole(sent.elapsed().as_micros()));

        // At any moment of the second after which a replica looks by itself.
        sleep(Duration::from_millis(random() % 1000)).await;
        let died = die(harness, &mut dying, &care, proxy.as_ref()).await?;
        reader.next().await?;
        found.push(whole(died.elapsed().as_micros()));
        dying.kill().await?;
    }
    let (woken, found) = (Latencies::new(woken), Latencies::new(found));
    let figures = json!({
        "proof": "dead-writer", "database": if harness.common.sqlite { "sqlite" } else { "postgres" },
        "bus": options.bus.name(harness), "rounds": options.rounds,
        "killed_before_the_wake_up_left": found.count(), "found_ms": found.table(), "woken_ms": woken.table(),
    });
    harness.ensure_figure(found.percentile(100) <= options.max_ms, || {
        format!("an event took {} ms\n{figures}", found.percentile(100))
    })?;
    Ok(figures)
}

/// The programs of the replica that lives and of the one that dies, and the proxy between that one and its bus.
async fn programs(
    harness: &Harness,
    options: &Options,
) -> Result<(Program, Program, Option<Proxy>, Option<Nats>)> {
    let program = &harness.program;
    if harness.common.sqlite {
        return Ok((program.clone(), program.clone(), None, None));
    }
    if options.bus == Bus::Nats {
        ensure(program.knows("BUS_URL").await?, || {
            "this build of the server knows no BUS_URL: it cannot use NATS".to_owned()
        })?;
        let nats = Nats::start().await?;
        let proxy = Proxy::start(&nats.address().to_string(), Wire::Nats).await?;
        let url = |address: std::net::SocketAddr| format!("nats://{address}");
        let living = program.with("BUS_URL", &url(nats.address()));
        let dying = program.with("BUS_URL", &url(proxy.address()));
        return Ok((living, dying, Some(proxy), Some(nats)));
    }
    let address = harness.database.address()?;
    let proxy = Proxy::start(address, Wire::Postgres).await?;
    let url = harness
        .database
        .url()
        .replacen(address, &proxy.address().to_string(), 1);
    Ok((
        program.clone(),
        program.with("DATABASE_URL", &url),
        Some(proxy),
        None,
    ))
}

/// Writes through a server and kills it before its wake-up has left: the moment of its death.
async fn die(
    harness: &Harness,
    dying: &mut Server,
    care: &Arc<Care>,
    proxy: Option<&Proxy>,
) -> Result<Instant> {
    let Some(proxy) = proxy else {
        harness.api.record(dying.address, care, "dies", None).await?;
        dying.kill_now()?;
        return Ok(Instant::now());
    };
    let caught = proxy.arm();
    let writing = harness.api.record(dying.address, care, "dies", None);
    tokio::pin!(writing);
    // The answer may come before the wake-up, after it, or never.
    let mut answered = false;
    loop {
        tokio::select! {
            moment = caught.wait() => {
                dying.kill_now()?;
                return Ok(moment);
            }
            written = &mut writing, if !answered => {
                written?;
                answered = true;
            }
            () = sleep(PATIENCE) => {
                return fail("no wake-up came by on the way from the writer to its bus");
            }
        }
    }
}

impl Reader {
    /// Waits for the next event and checks that it is the next.
    async fn next(&mut self) -> Result<()> {
        let next = async {
            loop {
                let text = self.socket.text().await?;
                let message = Message::read(&text);
                match (message.kind, message.seq()) {
                    (Kind::Event, Some(seq)) => {
                        self.sequence.saw(seq);
                        return ensure(self.sequence.is_whole(), || format!("{:?}", self.sequence));
                    }
                    (Kind::CaughtUp | Kind::Position, _) => {}
                    _ => return fail(format!("unexpected: {text}")),
                }
            }
        };
        timeout(PATIENCE, next)
            .await
            .map_err(|_| Failure::new(format!("an event did not arrive within {PATIENCE:?}")))?
    }
}
