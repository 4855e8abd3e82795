//! The hub: from an entry that this process has committed to all subscribers that have it in their hands.
//!
//! Each connection is a task that waits for its mailbox, as a websocket's does. What is then told is not resolved: that
//! is the same for any number of subscribers.

use std::cell::Cell;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use criterion::{BenchmarkId, Criterion};
use futures_util::future::{BoxFuture, ready};
use plant_care::app::App;
use plant_care::clock::Clock;
use plant_care::entity::event::{self, EventKind};
use plant_care::entity::stream_entry::Level;
use plant_care::entity::{CareRequestId, EventId, UserId};
use plant_care::live::gate::{Access, Reader};
use plant_care::live::log::{Appended, Entry};
use plant_care::live::{Hub, Mailbox, Message, Next, Seat, Start, Stream, Subscriber, Teller};
use sea_orm::DbErr;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::support::{Ground, Outcome, runtime};

const SUBSCRIBERS: [usize; 3] = [1, 100, 1_000];
const IDLE: usize = 1_000;

pub(crate) fn bench(criterion: &mut Criterion, ground: &Ground) -> Outcome {
    let runtime = runtime()?;
    let app = runtime.block_on(ground.app(&[]))?;
    let mut group = criterion.benchmark_group("hub");
    for subscribers in SUBSCRIBERS {
        let audience = runtime.block_on(Audience::alone(&app, subscribers))?;
        group.bench_function(BenchmarkId::new("wake", subscribers), |bencher| {
            bencher.to_async(&runtime).iter(|| audience.tell());
        });
        group.bench_function(
            BenchmarkId::new("wake, the writer's part", subscribers),
            |bencher| {
                bencher
                    .to_async(&runtime)
                    .iter_custom(|times| audience.hold_up(times));
            },
        );
    }
    for subscribers in &SUBSCRIBERS[1..] {
        let audience = runtime.block_on(Audience::party(&app, *subscribers))?;
        group.bench_function(BenchmarkId::new("wake a party", subscribers), |bencher| {
            bencher.to_async(&runtime).iter(|| audience.tell());
        });
    }
    let audience = runtime.block_on(Audience::among_idle(&app, IDLE))?;
    group.bench_function(
        BenchmarkId::new("wake one beside idle streams", IDLE),
        |bencher| {
            bencher.to_async(&runtime).iter(|| audience.tell());
        },
    );
    group.finish();
    Ok(())
}

/// A hub with its subscribers, all of which wait.
struct Audience {
    hub: Arc<Hub>,
    /// The stream that moves.
    stream: Stream,
    last: Cell<i64>,
    event: Arc<event::Model>,
    count: Arc<Count>,
    /// Parties do not keep theirs.
    teller: Arc<dyn Teller>,
    connections: JoinSet<()>,
}

/// Who have not been told yet.
#[derive(Default)]
struct Count {
    subscribers: usize,
    left: AtomicUsize,
    all: Notify,
}

impl Audience {
    /// Subscribers of one stream, each on a connection of its own.
    async fn alone(app: &App, subscribers: usize) -> Outcome<Self> {
        let mut audience = Self::empty(app, subscribers);
        for _ in 0..subscribers {
            let mailbox = Arc::default();
            let subscriber = audience.subscriber(app, audience.stream, &mailbox, 0).await?;
            audience.connect(mailbox, vec![subscriber]);
        }
        Ok(audience)
    }

    /// The same, when all are told the same.
    async fn party(app: &App, subscribers: usize) -> Outcome<Self> {
        let mut audience = Self::empty(app, subscribers);
        for _ in 0..subscribers {
            let mailbox = Arc::default();
            let mut subscriber = audience.subscriber(app, audience.stream, &mailbox, 0).await?;
            subscriber.join(&audience.teller);
            audience.connect(mailbox, vec![subscriber]);
        }
        Ok(audience)
    }

    /// One subscriber of the stream, and `idle` of others on the same connection.
    async fn among_idle(app: &App, idle: usize) -> Outcome<Self> {
        let mut audience = Self::empty(app, 1);
        let mailbox = Arc::default();
        let mut subscribers = vec![audience.subscriber(app, audience.stream, &mailbox, 0).await?];
        for number in 1..=u32::try_from(idle)? {
            let stream = Stream::Care(CareRequestId(app.clock.new_id()));
            subscribers.push(audience.subscriber(app, stream, &mailbox, number).await?);
        }
        audience.connect(mailbox, subscribers);
        Ok(audience)
    }

    fn empty(app: &App, subscribers: usize) -> Self {
        let care_request = CareRequestId(app.clock.new_id());
        let now = app.clock.now();
        let event = event::Model {
            id: EventId(app.clock.new_id()),
            kind: EventKind::CommentAdded,
            care_request_id: Some(care_request),
            plant_id: None,
            actor_id: Some(UserId(app.clock.new_id())),
            subject_id: Some(app.clock.new_id()),
            occurred_at: now,
            recorded_at: now,
            traceparent: None,
        };
        let hub = Hub::new(app.database.clone(), app.clock.clone(), CancellationToken::new());
        Self {
            hub: Arc::new(hub),
            stream: Stream::Care(care_request),
            last: Cell::new(0),
            event: Arc::new(event),
            count: Arc::new(Count {
                subscribers,
                ..Count::default()
            }),
            teller: Arc::new(AtOnce),
            connections: JoinSet::new(),
        }
    }

    /// A subscriber, another member's each time, that has told all there is.
    async fn subscriber(
        &self,
        app: &App,
        stream: Stream,
        mailbox: &Arc<Mailbox>,
        number: u32,
    ) -> Outcome<Subscriber> {
        let topic = self.hub.topic(stream);
        let seat = Arc::new(Seat::new(Arc::clone(mailbox), number));
        let place = topic.sit(Arc::clone(&seat));
        let member = UserId(app.clock.new_id());
        let gate = topic.admit(member, Box::new(All), &self.hub.control).await?;
        let hub = Arc::clone(&self.hub);
        let mut subscriber = Subscriber::begin(hub, place, seat, gate, Start::Beginning).await?;
        while let Next::Tell(_) = subscriber.look(app.clock.elapsed()) {}
        Ok(subscriber)
    }

    fn connect(&mut self, mailbox: Arc<Mailbox>, subscribers: Vec<Subscriber>) {
        let clock = self.hub.reminders.clock().clone();
        let connection = connection(mailbox, subscribers, (Arc::clone(&self.count), clock));
        self.connections.spawn(connection);
    }

    /// Gives the hub an entry, and waits until all have it.
    async fn tell(&self) {
        self.publish();
        self.count.all.notified().await;
    }

    /// For how long so many entries hold up whoever has written them.
    async fn hold_up(&self, times: u64) -> Duration {
        let mut took = Duration::ZERO;
        for _ in 0..times {
            let began = Instant::now();
            self.publish();
            took += began.elapsed();
            self.count.all.notified().await;
        }
        took
    }

    fn publish(&self) {
        self.count.left.store(self.count.subscribers, Ordering::Release);
        self.last.update(|last| last + 1);
        let entry = Entry {
            seq: self.last.get(),
            level: Level::Info,
            access_version: 0,
            event: Arc::clone(&self.event),
        };
        self.hub.publish(&[Appended {
            stream: self.stream,
            entry: Arc::new(entry),
        }]);
    }
}

/// Looks where its mailbox says so.
async fn connection(
    mailbox: Arc<Mailbox>,
    mut subscribers: Vec<Subscriber>,
    (count, clock): (Arc<Count>, Clock),
) {
    loop {
        mailbox.wait().await;
        let now = clock.elapsed();
        while let Some((number, _)) = mailbox.next() {
            let place = usize::try_from(number).unwrap_or(usize::MAX);
            if let Some(subscriber) = subscribers.get_mut(place) {
                look(subscriber, &count, now);
            }
        }
    }
}

fn look(subscriber: &mut Subscriber, count: &Count, now: Duration) {
    subscriber.seat().looking();
    while let Next::Tell(message) = subscriber.look(now) {
        if let Message::Entry { .. } = black_box(message)
            && count.left.fetch_sub(1, Ordering::AcqRel) == 1
        {
            count.all.notify_one();
        }
        if subscriber.rests() {
            return;
        }
    }
}

/// Lets everybody read.
struct All;

impl Reader for All {
    fn access(&self) -> BoxFuture<'_, Result<Access, DbErr>> {
        Box::pin(ready(Ok(Access::All)))
    }
}

/// Has nothing to make ready.
struct AtOnce;

impl Teller for AtOnce {
    fn prepare(self: Arc<Self>, message: Message) -> BoxFuture<'static, ()> {
        Box::pin(async move { drop(black_box(message)) })
    }
}
