//! Overload: three times as much as can be served, of logins and of lists. What is accepted is answered in time, the rest
//! is told at once to come back, and as much is served as ever.
//!
//! The server has one core, with its database, and whoever asks another: what they have for those whom they serve is then the
//! same however many ask. A Postgres on the core of whoever asks would have the less of it the more are asked for, and keep
//! her waiting: both would be taken for what the server does.

mod client;
mod load;

use std::net::SocketAddr;
use std::time::Duration;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use self::client::Client;
use self::load::{Load, Outcome};
use crate::api::{Api, Member, text};
use crate::failure::{Result, ensure};
use crate::figures::{median, need_files, random, round};
use crate::harness::Harness;
use crate::pace::Pace;
use crate::processes::Server;

const PASSWORD: &str = "correct horse battery";

/// Members who have something, and how many requests each of them has.
const OWNERS: usize = 20;
const REQUESTS: usize = 20;

/// How much.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// How many times the capacity is asked for.
    #[arg(long, default_value_t = 3.0)]
    times: f64,
    /// For how many seconds.
    #[arg(long, default_value_t = 30)]
    seconds: u64,
    /// How often both are measured, in turn; the figures are the rounds' medians.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Seconds in which the capacity is taken.
    #[arg(long, default_value_t = 10)]
    capacity_seconds: u64,
    /// Members who ask.
    #[arg(long, default_value_t = 50)]
    members: usize,
    /// What a server answers at once; it is what it has if nobody says otherwise, which other proofs raise.
    #[arg(long, default_value_t = 256)]
    in_flight: usize,
    /// Of what too much is asked for.
    #[arg(long, value_delimiter = ',', default_values = ["logins", "feeds"])]
    of: Vec<Kind>,
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

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// Logins: each hashes a password.
    Logins,
    /// What an owner has: her requests with their plants and comments.
    Feeds,
    /// The open requests of everybody.
    Lists,
}

/// Runs the proof.
pub async fn run(harness: &Harness, options: &Options) -> Result<Value> {
    need_files(8_192)?;
    let in_flight = options.in_flight.to_string();
    let mut program = harness.program.with("LIMIT_REQUESTS_IN_FLIGHT", &in_flight);
    if !options.unpinned {
        program = program.on_core(0);
        harness.step_aside(0).await?;
    }
    let mut server = Server::start(&program, "server").await?;
    let people = people(&harness.api, server.address, options.members).await?;
    let mut figures = json!({ "proof": "overload", "times": options.times });
    let mut missed = Vec::new();
    for kind in &options.of {
        let load = match kind {
            Kind::Logins => logins(&server, &people),
            Kind::Feeds => feeds(&server, &people),
            Kind::Lists => lists(&server, &people),
        };
        let (told, judged) = one(harness, options, &server, &load).await?;
        figures[load.name] = told;
        missed.extend(judged.err().map(|reason| reason.to_string()));
    }
    server.kill().await?;
    ensure(missed.is_empty(), || format!("{}\n{figures}", missed.join("; ")))?;
    Ok(figures)
}

/// What became of one kind of load, of all rounds.
#[derive(Debug, Default)]
struct Rounds {
    /// Good answers in a second, when as many are asked for as are answered.
    capacity: Vec<f64>,
    /// Who was told to come back although no more asked than are answered.
    turned_away: u64,
    /// The share of that which was served when more were asked for.
    goodput: Vec<f64>,
    accepted_p99: Vec<f64>,
    refused_p99: Vec<f64>,
    recovery: Vec<f64>,
    offered: u64,
    accepted: usize,
    refused: usize,
    bad: u64,
    most_kib: u64,
}

/// One kind of load: what is served of it, and of more than that, in turn.
async fn one(
    harness: &Harness,
    options: &Options,
    server: &Server,
    load: &Load,
) -> Result<(Value, Result<()>)> {
    let process = server.id()?;
    // First so that nothing is done for the first time.
    load.capacity(Duration::from_secs(1)).await?;
    let mut rounds = Rounds::default();
    let time = Duration::from_secs(options.capacity_seconds);
    let (mut before, turned_away) = load.capacity(time).await?;
    rounds.turned_away += turned_away;
    for _ in 0..options.rounds {
        let pace = Pace {
            rate: before * options.times,
            time: Duration::from_secs(options.seconds),
        };
        let outcome = load.overload(pace, harness.clock, process).await?;
        // Before and after: what the machine does slower for a while must not be taken for what the server does.
        let (after, turned_away) = load.capacity(time).await?;
        rounds.turned_away += turned_away;
        rounds.add(f64::midpoint(before, after), &outcome);
        before = after;
    }
    let figures = rounds.table();
    Ok((figures, judge(harness, options, load.name, &rounds)))
}

impl Rounds {
    fn add(&mut self, capacity: f64, outcome: &Outcome) {
        self.capacity.push(capacity);
        self.goodput.push(outcome.goodput / capacity.max(1e-9));
        self.accepted_p99.push(outcome.accepted.percentile(99));
        self.refused_p99.push(outcome.refused.percentile(99));
        self.recovery.push(outcome.recovery.as_secs_f64());
        self.offered += outcome.offered;
        self.accepted += outcome.accepted.count();
        self.refused += outcome.refused.count();
        self.bad += outcome.bad;
        self.most_kib = self.most_kib.max(outcome.peak_kib);
    }

    fn table(&self) -> Value {
        let middle = |figures: &[f64]| round(median(figures.to_vec()));
        json!({
            "capacity_per_s": middle(&self.capacity), "goodput_of_capacity": middle(&self.goodput),
            "goodput_each": self.goodput.iter().copied().map(round).collect::<Vec<_>>(),
            "accepted_p99_ms": middle(&self.accepted_p99), "refused_p99_ms": middle(&self.refused_p99),
            "recovery_s": middle(&self.recovery), "offered": self.offered, "accepted": self.accepted,
            "refused": self.refused, "mib_most": self.most_kib / 1_024,
        })
    }
}

fn judge(harness: &Harness, options: &Options, name: &str, rounds: &Rounds) -> Result<()> {
    let Rounds {
        bad,
        accepted,
        refused,
        ..
    } = rounds;
    ensure(*bad == 0, || {
        format!("{bad} of the {name} were neither answered nor told to come back")
    })?;
    ensure(*accepted > 0 && *refused > 0, || {
        format!("{accepted} of the {name} were accepted and {refused} refused")
    })?;
    let figure = |holds, what: &str| harness.ensure_figure(holds, || format!("{name}: {what}"));
    let middle = |figures: &[f64]| median(figures.to_vec());
    figure(
        rounds.turned_away == 0,
        "some are refused when no more ask than can be served",
    )?;
    figure(
        middle(&rounds.goodput) >= options.min_goodput,
        "too little is served",
    )?;
    figure(
        middle(&rounds.accepted_p99) < 1_000.0,
        "what is accepted takes too long",
    )?;
    figure(middle(&rounds.refused_p99) < 100.0, "refusals take too long")?;
    figure(middle(&rounds.recovery) < 2.0, "it takes too long to recover")?;
    figure(
        rounds.most_kib < options.max_mib * 1_024,
        "it takes too much memory",
    )
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
    let today = chrono::DateTime::<chrono::Utc>::from(std::time::SystemTime::now()).date_naive();
    for person in people.iter().take(OWNERS) {
        let member = Some(Member {
            token: person.token.clone(),
        });
        let mutate = |name, input, fields| api.mutate(server, member.as_ref(), name, input, fields);
        for _ in 0..REQUESTS {
            let mut plants = Vec::new();
            for name in ["Figaro", "Fern"] {
                let made = mutate("createPlant", json!({ "name": name }), "plant { id }").await?;
                plants.push(text(&made["plant"]["id"])?);
            }
            let input = json!({ "plantIds": plants, "title": "A proof", "mode": "AT_OWNER", "timezone": "UTC",
                "startsOn": today, "endsOn": today + chrono::Days::new(30), "publish": true });
            let made = mutate("createCareRequest", input, "careRequest { id }").await?;
            for body in ["Soon!", "The fern likes shade.", "Thank you."] {
                let input = json!({ "careRequestId": made["careRequest"]["id"], "body": body });
                mutate("addComment", input, "comment { id }").await?;
            }
        }
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

fn feeds(server: &Server, people: &[Person]) -> Load {
    let query = "{ careRequests(as: OWNER, first: 50) { edges { node { id title status startsOn endsOn
        plants { id name } caretaker { id displayName }
        comments(first: 5) { edges { node { id body createdAt author { id displayName } } } } } } } }";
    queries("feeds", query, server, &people[..people.len().min(OWNERS)])
}

fn lists(server: &Server, people: &[Person]) -> Load {
    let query =
        "{ openCareRequests(first: 30) { edges { node { id title status startsOn endsOn timezone createdAt
        owner { displayName } plants { id name } } } } }";
    queries("lists", query, server, people)
}

/// A query that each of these people sends, answered with a page.
fn queries(name: &'static str, query: &str, server: &Server, people: &[Person]) -> Load {
    let client = Client::new(server.address);
    let requests = people
        .iter()
        .map(|person| client.request(Some(&person.token), &json!({ "query": query })));
    Load {
        name,
        requests: requests.collect(),
        client,
        good: "\"node\":{",
        workers: 32,
    }
}
