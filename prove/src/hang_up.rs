//! Clients that hang up in the middle of their mutations: each is carried out whole or not at all, with its event, its
//! wake-up and its count, and nothing stays open in the database.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::api::{Api, Care, text};
use crate::crowd::Sequence;
use crate::failure::{Failure, Result, ensure, fail};
use crate::figures::random;
use crate::harness::Harness;
use crate::message::{Kind, Message, Topic};
use crate::processes::get;
use crate::socket::Socket;

const MUTATION: &str = "mutation Comment($input: AddCommentInput!) { addComment(input: $input) { comment { id } userErrors { code } } }";
/// How long the database may take to have ended what was left.
const SETTLED: Duration = Duration::from_secs(15);

/// How long nothing may come to a subscriber.
const PATIENCE: Duration = Duration::from_secs(30);

/// How many.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Mutations that are left.
    #[arg(long, default_value_t = 5_000)]
    mutations: usize,
    /// Of these, at the same time.
    #[arg(long, default_value_t = 4)]
    at_once: usize,
    /// Microseconds after which a client hangs up, at most: so many that the database is at work then.
    #[arg(long, default_value_t = 8_000)]
    within: u64,
}

/// How a mutation is sent.
#[derive(Clone, Copy, Debug)]
enum Way {
    Http1,
    Http2,
    Websocket,
    Events,
}

const WAYS: [Way; 4] = [Way::Http1, Way::Http2, Way::Websocket, Way::Events];

/// Runs the proof.
pub async fn run(harness: &Harness, options: &Options) -> Result<Value> {
    let server = harness.server("server").await?;
    let address = server.address;
    let care = Arc::new(harness.api.care(address).await?);
    let (seq, after) = harness.api.head(address, &care).await?;
    let before = count(server.management).await?;
    let mut socket = Socket::open(address, &care.owner.token).await?;
    socket
        .subscribe("1", &Topic::Care(care.request.clone()).payload(Some(&after)))
        .await?;
    // It reads all the while: one that does not would be closed.
    let mut following = JoinSet::new();
    following.spawn(follow(socket, seq, u64::try_from(options.mutations)?));
    let http2 = reqwest::Client::builder()
        .http2_prior_knowledge()
        .no_proxy()
        .build()?;

    stream::iter(0..options.mutations)
        .map(|number| {
            let (care, http2) = (Arc::clone(&care), http2.clone());
            let patience = Duration::from_micros(random() % options.within.max(1));
            async move {
                leave(
                    WAYS[number % WAYS.len()],
                    address,
                    &http2,
                    &care,
                    number,
                    patience,
                )
                .await
            }
        })
        .buffer_unordered(options.at_once)
        .try_collect::<Vec<()>>()
        .await?;
    let open = settle(harness).await?;
    let stored = comments(harness).await?;

    // Each key answers now, whatever became of it before; none does anything twice.
    stream::iter(0..options.mutations)
        .map(|number| retry(&harness.api, address, &care, number))
        .buffer_unordered(options.at_once)
        .try_collect::<Vec<()>>()
        .await?;
    let all = comments(harness).await?;
    ensure(all == i64::try_from(options.mutations)?, || {
        format!("{} keys made {all} comments", options.mutations)
    })?;
    let Some(followed) = following.join_next().await else {
        return fail("nobody followed");
    };
    let sequence = followed??;
    ensure(sequence.is_whole(), || format!("{sequence:?}"))?;
    let (counted, rescues) = count(server.management).await?;
    ensure(counted - before.0 == options.mutations, || {
        format!(
            "{} comments are counted as {}",
            options.mutations,
            counted - before.0
        )
    })?;
    ensure(rescues == 0, || {
        format!("{rescues} wake-ups were lost and found by looking")
    })?;
    ensure(open == 0, || format!("{open} sessions have a transaction open"))?;
    Ok(
        json!({ "proof": "hang-up", "database": if harness.common.sqlite { "sqlite" } else { "postgres" },
        "mutations": options.mutations, "stored_although_left": stored,
        "open_transactions": open, "lost_wake_ups": rescues, "comments": all }),
    )
}

/// Reads a timeline until it has so many events more.
async fn follow(mut socket: Socket, after: u64, events: u64) -> Result<Sequence> {
    let mut sequence = Sequence::after(after);
    while sequence.events < events {
        let text = tokio::time::timeout(PATIENCE, socket.text())
            .await
            .map_err(|_| Failure::new(format!("the subscriber lacks events: {sequence:?}")))??;
        let message = Message::read(&text);
        match (message.kind, message.seq()) {
            (Kind::Event, Some(seq)) => sequence.saw(seq),
            (Kind::CaughtUp | Kind::Position, _) => {}
            _ => return fail(format!("unexpected: {text}")),
        }
    }
    Ok(sequence)
}

/// What a mutation is: its key says which.
fn body(care: &Care, number: usize) -> Value {
    let input = json!({ "careRequestId": care.request, "body": format!("left {number}"),
        "idempotencyKey": format!("left-{number}") });
    json!({ "query": MUTATION, "operationName": "Comment", "variables": { "input": input } })
}

/// Sends a mutation and hangs up after a while, whatever has come by then.
async fn leave(
    way: Way,
    address: SocketAddr,
    http2: &reqwest::Client,
    care: &Care,
    number: usize,
    patience: Duration,
) -> Result<()> {
    let body = body(care, number);
    match way {
        Way::Http1 | Way::Events => {
            let body = body.to_string();
            let accept = if matches!(way, Way::Events) {
                "text/event-stream"
            } else {
                "application/json"
            };
            let mut stream = TcpStream::connect(address).await?;
            let head = format!(
                "POST /graphql HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nAccept: {accept}\r\n\
                 Authorization: Bearer {}\r\nContent-Length: {}\r\n\r\n",
                care.caretaker.token,
                body.len()
            );
            stream.write_all((head + &body).as_bytes()).await?;
            sleep(patience).await;
        }
        Way::Http2 => {
            let asked = http2
                .post(format!("http://{address}/graphql"))
                .bearer_auth(&care.caretaker.token)
                .json(&body)
                .send();
            // Whatever it was answered: what counts is what is stored.
            drop(tokio::time::timeout(patience, asked).await);
        }
        Way::Websocket => {
            let mut socket = Socket::open(address, &care.caretaker.token).await?;
            socket.subscribe("1", &body).await?;
            sleep(patience).await;
        }
    }
    Ok(())
}

/// Sends it again until it is answered.
async fn retry(api: &Api, server: SocketAddr, care: &Care, number: usize) -> Result<()> {
    let variables = body(care, number)["variables"].take();
    let answer = api
        .run(server, Some(&care.caretaker), MUTATION, variables)
        .await?;
    text(&answer["addComment"]["comment"]["id"]).map(drop)
}

async fn comments(harness: &Harness) -> Result<i64> {
    let sql = "SELECT count(*) FROM comments WHERE body LIKE 'left %'";
    harness.database.number(sql).await
}

/// Waits until nothing that was left goes on: how many transactions are left open.
async fn settle(harness: &Harness) -> Result<i64> {
    if harness.common.sqlite {
        sleep(Duration::from_secs(1)).await;
        return Ok(0);
    }
    let active = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                  AND pid <> pg_backend_pid() AND (state = 'active' OR state LIKE 'idle in transaction%')";
    let began = Instant::now();
    while harness.database.number(active).await? > 0 && began.elapsed() < SETTLED {
        sleep(Duration::from_millis(100)).await;
    }
    let open = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                AND state LIKE 'idle in transaction%'";
    harness.database.number(open).await
}

/// Comments that the server has counted, and wake-ups that it had to find by looking.
async fn count(management: SocketAddr) -> Result<(usize, usize)> {
    let metrics = get(management, "/metrics").await?;
    let value = |series: &str| -> Result<usize> {
        let line = metrics.lines().find_map(|line| line.strip_prefix(series));
        let line = line.ok_or_else(|| Failure::new(format!("no {series} in the metrics")))?;
        Ok(line.trim().parse()?)
    };
    Ok((
        value("plant_care_comments_created_total{kind=\"comment\"}")?,
        value("plant_care_live_bus_rescues_total")?,
    ))
}
