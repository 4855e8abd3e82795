//! Overload: three times as much as can be served, of logins and of lists. What is accepted is answered in time, the rest
//! is told at once to come back, and as much is served as ever.
//!
//! The server has one core and whoever asks another, so that neither takes anything from the other.

mod client;
mod load;

use std::net::SocketAddr;
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};
use tokio::process::Command;

use self::client::Client;
use self::load::{Load, Outcome};
use crate::api::{Api, Member, text};
use crate::failure::{Failure, Result, ensure};
use crate::figures::{need_files, random, resident_kib, round};
use crate::harness::Harness;
use crate::pace::Pace;
use crate::processes::Server;

const PASSWORD: &str = "correct horse battery";

/// How much.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// How many times the capacity is asked for.
    #[arg(long, default_value_t = 3.0)]
    times: f64,
    /// For how many seconds.
    #[arg(long, default_value_t = 30)]
    seconds: u64,
    /// Seconds in which the capacity is taken.
    #[arg(long, default_value_t = 10)]
    capacity_seconds: u64,
    /// Members who ask.
    #[arg(long, default_value_t = 50)]
    members: usize,
    /// What a server answers at once; it is what it has if nobody says otherwise, which other proofs raise.
    #[arg(long, default_value_t = 256)]
    in_flight: usize,
    /// Leave it to the system which core runs what.
    #[arg(long)]
    unpinned: bool,
    /// The share of the capacity that is served at least.
    #[arg(long, default_value_t = 0.9)]
    min_goodput: f64,
    /// MiB that the server may take.
    #[arg(long, default_value_t = 300)]
    max_mib: u64,
}

/// Runs the proof.
pub async fn run(harness: &Harness, options: &Options) -> Result<Value> {
    need_files(8_192)?;
    let in_flight = options.in_flight.to_string();
    let mut program = harness.program.with("LIMIT_REQUESTS_IN_FLIGHT", &in_flight);
    if !options.unpinned {
        program = program.on_core(0);
        on_core(1).await?;
    }
    let server = Server::start(&program, "server").await?;
    let people = people(&harness.api, server.address, options.members).await?;
    let mut figures = json!({ "proof": "overload", "times": options.times });
    for load in [logins(&server, &people), lists(&server, &people)] {
        figures[load.name] = one(harness, options, &server, &load).await?;
    }
    Ok(figures)
}

/// One kind of load: what is served of it, and of more than that.
async fn one(harness: &Harness, options: &Options, server: &Server, load: &Load) -> Result<Value> {
    let process = server.id()?;
    // First so that nothing is done for the first time.
    load.capacity(Duration::from_secs(1)).await?;
    let (capacity, p99) = load
        .capacity(Duration::from_secs(options.capacity_seconds))
        .await?;
    let before_kib = resident_kib(process)?;
    let pace = Pace {
        rate: capacity * options.times,
        time: Duration::from_secs(options.seconds),
    };
    let outcome = load.overload(pace, harness.clock, process).await?;
    let figures = table(capacity, p99, before_kib, &outcome);
    judge(harness, options, load.name, capacity, &outcome)
        .map_err(|reason| Failure::new(format!("{reason}\n{figures}")))?;
    Ok(figures)
}

fn judge(harness: &Harness, options: &Options, name: &str, capacity: f64, outcome: &Outcome) -> Result<()> {
    ensure(outcome.bad == 0, || {
        format!(
            "{} of the {name} were neither answered nor told to come back",
            outcome.bad
        )
    })?;
    ensure(
        outcome.accepted.count() > 0 && outcome.refused.count() > 0,
        || {
            format!(
                "{} of the {name} were accepted and {} refused",
                outcome.accepted.count(),
                outcome.refused.count()
            )
        },
    )?;
    let figure = |holds, what: &str| harness.ensure_figure(holds, || format!("{name}: {what}"));
    figure(
        outcome.goodput >= options.min_goodput * capacity,
        "too little is served",
    )?;
    figure(
        outcome.accepted.percentile(99) < 1_000.0,
        "what is accepted takes too long",
    )?;
    figure(outcome.refused.percentile(99) < 100.0, "refusals take too long")?;
    figure(
        outcome.recovery < Duration::from_secs(2),
        "it takes too long to recover",
    )?;
    figure(
        outcome.peak_kib < options.max_mib * 1_024,
        "it takes too much memory",
    )
}

fn table(capacity: f64, p99: f64, before_kib: u64, outcome: &Outcome) -> Value {
    json!({
        "capacity_per_s": round(capacity), "capacity_p99_ms": p99,
        "offered": outcome.offered, "accepted": outcome.accepted.count(), "refused": outcome.refused.count(),
        "goodput_per_s": round(outcome.goodput), "goodput_of_capacity": round(outcome.goodput / capacity.max(1e-9)),
        "accepted_ms": outcome.accepted.table(), "refused_ms": outcome.refused.table(),
        "recovery_ms": outcome.recovery.as_millis(),
        "mib_before": before_kib / 1_024, "mib_peak": outcome.peak_kib / 1_024,
    })
}

/// A member who can log in.
struct Person {
    email: String,
    token: String,
}

/// Members, and open requests that all of them see.
async fn people(api: &Api, server: SocketAddr, count: usize) -> Result<Vec<Person>> {
    let mut people = Vec::new();
    for number in 0..count {
        let email = format!("member.{number}.{:x}@example.org", random());
        let input =
            json!({ "email": email, "password": PASSWORD, "displayName": format!("Member {number}") });
        let fields = "session { accessToken }";
        let payload = api.mutate(server, None, "register", input, fields).await?;
        let token = text(&payload["session"]["accessToken"])?;
        people.push(Person { email, token });
    }
    for person in people.iter().take(30) {
        let member = Some(Member {
            token: person.token.clone(),
        });
        let mut plants = Vec::new();
        for name in ["Figaro", "Fern"] {
            let input = json!({ "name": name });
            let made = api
                .mutate(server, member.as_ref(), "createPlant", input, "plant { id }")
                .await?;
            plants.push(text(&made["plant"]["id"])?);
        }
        let today = chrono::DateTime::<chrono::Utc>::from(std::time::SystemTime::now()).date_naive();
        let input = json!({ "plantIds": plants, "title": "A proof", "mode": "AT_OWNER", "timezone": "UTC",
            "startsOn": today, "endsOn": today + chrono::Days::new(30), "publish": true });
        api.mutate(
            server,
            member.as_ref(),
            "createCareRequest",
            input,
            "careRequest { id }",
        )
        .await?;
    }
    Ok(people)
}

fn logins(server: &Server, people: &[Person]) -> Load {
    let client = Client::new(server.address);
    let query = "mutation($input: LoginInput!) { login(input: $input) { session { accessToken } userErrors { code } } }";
    let requests = people.iter().map(|person| {
        let input = json!({ "email": person.email, "password": PASSWORD });
        client.request(None, &json!({ "query": query, "variables": { "input": input } }))
    });
    Load {
        name: "logins",
        requests: requests.collect(),
        client,
        good: "accessToken\":\"",
        workers: 4,
    }
}

fn lists(server: &Server, people: &[Person]) -> Load {
    let client = Client::new(server.address);
    let query =
        "{ openCareRequests(first: 30) { edges { node { id title status startsOn endsOn timezone createdAt
        owner { displayName } plants { id name } } } } }";
    let requests = people
        .iter()
        .map(|person| client.request(Some(&person.token), &json!({ "query": query })));
    Load {
        name: "lists",
        requests: requests.collect(),
        client,
        good: "\"node\":{",
        workers: 32,
    }
}

/// Has this process and all its threads run on one core.
async fn on_core(core: usize) -> Result<()> {
    let (core, process) = (core.to_string(), std::process::id().to_string());
    let set = Command::new("taskset")
        .args(["-a", "-c", "-p", &core, &process])
        .output()
        .await?;
    ensure(set.status.success(), || {
        String::from_utf8_lossy(&set.stderr).into_owned()
    })
}
