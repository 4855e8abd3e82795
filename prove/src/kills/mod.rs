//! Proof 1: through kills, cut connections and lost wake-ups, each subscriber sees each event once and in order.

mod follower;
mod trouble;
mod verdict;
mod writer;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use self::follower::{Follower, Saw};
use self::trouble::Trouble;
use crate::api::Care;
use crate::failure::{Failure, Result, ensure};
use crate::figures::{float, round};
use crate::harness::Harness;
use crate::nats::Nats;
use crate::processes::Server;

/// How long the last event may take to reach everybody.
const PATIENCE: Duration = Duration::from_mins(1);

/// What wakes other replicas.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Bus {
    /// LISTEN and NOTIFY.
    Postgres,
    /// A `nats-server` of the proof's own.
    Nats,
}

impl Bus {
    /// What it is called in the figures.
    pub fn name(self, harness: &Harness) -> &'static str {
        match self {
            _ if harness.common.sqlite => "none",
            Self::Postgres => "postgres",
            Self::Nats => "nats",
        }
    }
}

/// How much trouble there is.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// SIGKILLs, each followed by a restart.
    #[arg(long, default_value_t = 20)]
    kills: u64,
    /// Resumes with a cursor, over all subscribers.
    #[arg(long, default_value_t = 2000)]
    resumes: u64,
    /// Subscribers, half of timelines, half of feeds.
    #[arg(long, default_value_t = 200)]
    subscribers: usize,
    /// Events a second, over all writers.
    #[arg(long, default_value_t = 80.0)]
    rate: f64,
    /// Events a second that must in fact be written.
    #[arg(long, default_value_t = 50.0)]
    min_rate: f64,
    /// Servers; one on SQLite.
    #[arg(long, default_value_t = 2)]
    replicas: usize,
    /// Requests that are written about.
    #[arg(long, default_value_t = 10)]
    requests: usize,
    /// What wakes other replicas; NATS is stopped and started meanwhile.
    #[arg(long, value_enum, default_value_t = Bus::Postgres)]
    bus: Bus,
    /// Times to cut the replicas' LISTEN connections meanwhile.
    #[arg(long, default_value_t = 0)]
    cut_listen: u64,
    /// Seconds after which to give up.
    #[arg(long, default_value_t = 600)]
    seconds: u64,
}

/// Which servers there are, and how much has happened: what writers and followers share.
#[derive(Debug)]
struct Scene {
    servers: Vec<SocketAddr>,
    resumes: AtomicU64,
    deliveries: AtomicU64,
    /// Connections that were refused or failed to be made, and writes sent again.
    retries: AtomicU64,
}

impl Scene {
    /// Another server than this one, where there are several.
    fn other(&self, server: usize) -> usize {
        (server + 1) % self.servers.len()
    }

    fn resumes(&self) -> u64 {
        self.resumes.load(Ordering::Relaxed)
    }
}

/// Runs the proof.
pub async fn run(harness: &Harness, options: &Options) -> Result<Value> {
    let nats = nats(harness, options).await?;
    let servers = servers(harness, options, nats.as_ref()).await?;
    let scene = Arc::new(Scene {
        servers: servers.iter().map(|server| server.address).collect(),
        resumes: AtomicU64::new(0),
        deliveries: AtomicU64::new(0),
        retries: AtomicU64::new(0),
    });
    let cares = harness.api.cares(scene.servers[0], options.requests).await?;

    let before = verdict::before(&harness.api, scene.servers[0], &cares).await?;
    let (goal, goals) = watch::channel(None);
    let mut followers = followers(options, &scene, &cares, &goals).await?;
    let (stop, stopped) = watch::channel(false);
    let mut writers = writer::start(&harness.api, &scene, &cares, options.rate, &stopped);

    let started = Instant::now();
    let mut trouble = Trouble {
        harness,
        options,
        scene: &scene,
        servers,
        nats,
        done: trouble::Done::default(),
    };
    tokio::select! {
        // Writers end by themselves only where they fail.
        Some(failed) = writers.join_next() => drop(failed??),
        // Followers never do before there is a goal.
        Some(failed) = followers.join_next() => drop(failed??),
        made = timeout(Duration::from_secs(options.seconds), trouble.make()) => made.map_err(|_| {
            Failure::new(format!("{} s are over after {:?} and {} resumes", options.seconds, trouble.done, scene.resumes()))
        })??,
    }
    stop.send_replace(true);
    let mut acts = Vec::new();
    while let Some(written) = writers.join_next().await {
        acts.extend(written??);
    }
    let rate = float(acts.len() as u64) / started.elapsed().as_secs_f64();

    let truth = Arc::new(verdict::truth(&harness.api, scene.servers[0], &cares, &acts, &before).await?);
    goal.send_replace(Some(Arc::clone(&truth)));
    let (seen, late) = all_have_seen(followers).await?;
    let judged = verdict::judge(&truth, &seen);
    let figures = json!({
        "proof": "kills", "database": if harness.common.sqlite { "sqlite" } else { "postgres" },
        "bus": options.bus.name(harness), "replicas": scene.servers.len(),
        "subscribers": options.subscribers, "events": acts.len(), "events_per_s": round(rate),
        "deliveries": scene.deliveries.load(Ordering::Relaxed), "kills": trouble.done.kills,
        "bus_stops": trouble.done.bus_stops, "listen_cut": trouble.done.listen_cut,
        "resumes": scene.resumes(), "retries": scene.retries.load(Ordering::Relaxed),
        "holes": judged.holes, "doubles": judged.doubles, "late": late,
    });
    ensure(late == 0 && judged.faults.is_empty(), || {
        format!(
            "{late} subscribers did not get everything; {}\n{figures}",
            judged.faults.join("; ")
        )
    })?;
    harness.ensure_figure(rate >= options.min_rate, || {
        format!(
            "only {rate:.0} events/s were written of the {} demanded\n{figures}",
            options.min_rate
        )
    })?;
    Ok(figures)
}

/// Waits until each follower has seen all: what they saw, and how many did not in time.
async fn all_have_seen(
    mut followers: JoinSet<Result<(Follower, Saw)>>,
) -> Result<(Vec<(Follower, Saw)>, usize)> {
    let mut seen = Vec::new();
    let all = async {
        while let Some(saw) = followers.join_next().await {
            seen.push(saw??);
        }
        Result::Ok(())
    };
    match timeout(PATIENCE, all).await {
        Ok(ended) => ended?,
        Err(_) => followers.abort_all(),
    }
    Ok((seen, followers.len()))
}

/// Starts the replicas; SQLite has one.
async fn servers(harness: &Harness, options: &Options, nats: Option<&Nats>) -> Result<Vec<Server>> {
    let replicas = if harness.common.sqlite {
        1
    } else {
        options.replicas
    };
    let program = match nats {
        Some(nats) => harness
            .program
            .with("BUS_URL", &format!("nats://{}", nats.address())),
        None => harness.program.clone(),
    };
    let mut servers = Vec::new();
    for number in 0..replicas {
        servers.push(Server::start(&program, &format!("replica-{number}")).await?);
    }
    Ok(servers)
}

async fn nats(harness: &Harness, options: &Options) -> Result<Option<Nats>> {
    if options.bus == Bus::Postgres {
        return Ok(None);
    }
    // Otherwise this would pass for a proof of something that is not there.
    ensure(harness.program.knows("BUS_URL").await?, || {
        "this build of the server knows no BUS_URL: it cannot use NATS".to_owned()
    })?;
    Nats::start().await.map(Some)
}

/// Starts the followers, over all servers, and waits until each has caught up.
async fn followers(
    options: &Options,
    scene: &Arc<Scene>,
    cares: &[Arc<Care>],
    goals: &watch::Receiver<Option<Arc<verdict::Truth>>>,
) -> Result<JoinSet<Result<(Follower, Saw)>>> {
    let ready = Arc::new(Semaphore::new(0));
    let mut tasks = JoinSet::new();
    for number in 0..options.subscribers {
        let care = number / 4 % cares.len();
        let follower = Follower::new(number, care, &cares[care]);
        let (scene, ready, goals) = (Arc::clone(scene), Arc::clone(&ready), goals.clone());
        tasks.spawn(async move { follower.follow(&scene, &ready, goals).await });
    }
    let count = u32::try_from(options.subscribers)?;
    let all = tokio::select! {
        all = timeout(PATIENCE, ready.acquire_many(count)) => all,
        Some(failed) = tasks.join_next() => { drop(failed??); return crate::failure::fail("a follower left at once"); }
    };
    let all = all.map_err(|_| Failure::new("the subscribers did not catch up at the start"))??;
    all.forget();
    Ok(tasks)
}
