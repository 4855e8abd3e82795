//! Two replicas over one database, clients that move between them, and what may happen to all of them.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::TimeDelta;
use plant_care::app::App;
use plant_care::clock::Clock;
use plant_care::entity::event::EventKind;
use plant_care::entity::stream;
use plant_care::entity::stream_entry::Level;
use plant_care::entity::{CareRequestId, EventId, UserId};
use plant_care::live::gate::Access;
use plant_care::live::log::{self, Appended, Ending, NewEvent};
use plant_care::live::{Hub, Mailbox, Next, Seat, Start, Stream, Subscriber};
use sea_orm::{ConnectionTrait as _, DbErr, EntityTrait as _};
use tokio_util::sync::CancellationToken;

use super::client::Client;
use super::truth::{MEMBERS, Truth};
use crate::support::Dice;

const HUBS: usize = 2;
const CLIENTS: usize = 6;
const LEVELS: [Level; 3] = [Level::Info, Level::Notice, Level::Warning];

pub(super) struct World<'a> {
    app: &'a App,
    pub(super) dice: Dice,
    truth: Truth,
    hubs: Vec<Arc<Hub>>,
    mailboxes: Vec<Arc<Mailbox>>,
    members: [UserId; MEMBERS],
    clients: Vec<Client>,
    /// Wake-ups under way: to which replica, and what it is told.
    wakes: Vec<(usize, Wake)>,
    /// Whether backups are restored under running replicas, which notice it when they compare. What is restored of
    /// rights they cannot: nobody's change then. Otherwise replicas are stopped for it, as README says.
    restored_live: bool,
    /// Whether a backup was restored that some replica has not noticed.
    unnoticed: bool,
    /// How far each replica has noticed restored backups.
    epochs: [u32; HUBS],
    long: bool,
    /// The first entry of each member's time, while she has one.
    began: [i64; MEMBERS],
}

#[derive(Clone)]
enum Wake {
    Own(Vec<Appended>),
    Moved(i64),
}

/// Replicas that have just been started.
fn hubs(app: &App) -> Vec<Arc<Hub>> {
    let hub = || Hub::new(app.database.clone(), app.clock.clone(), CancellationToken::new());
    (0..HUBS).map(|_| Arc::new(hub())).collect()
}

impl<'a> World<'a> {
    pub(super) fn new(app: &'a App, mut dice: Dice) -> Self {
        let id = || app.clock.new_id();
        let restored_live = dice.once_in(3);
        Self {
            truth: Truth::new(Stream::Care(CareRequestId(id())), restored_live),
            hubs: hubs(app),
            mailboxes: (0..HUBS).map(|_| Arc::default()).collect(),
            members: [(); MEMBERS].map(|()| UserId(id())),
            clients: (0..CLIENTS)
                .map(|number| {
                    let minimum = dice.once_in(3).then(|| *dice.of(&LEVELS));
                    Client::new(number % MEMBERS, minimum)
                })
                .collect(),
            wakes: Vec::new(),
            restored_live,
            unnoticed: false,
            epochs: [0; HUBS],
            long: dice.once_in(6),
            began: [0; MEMBERS],
            app,
            dice,
        }
    }

    /// Something happens.
    pub(super) async fn step(&mut self) {
        match self.dice.below(100) {
            0..28 => {
                let entries = match self.dice.below(12) {
                    0 if self.long => self.dice.between(90, 310),
                    _ => self.dice.between(1, 3),
                };
                self.append(entries, None).await;
            }
            28..36 if !self.restored_live => self.change_access().await,
            28..36 => {}
            36..40 => self.trim().await,
            40..43 => self.restore().await,
            43..58 => self.deliver(),
            58..62 => self.wrong_wake(),
            62..74 => self.come_or_move().await,
            74..90 => {
                let (hub, most) = (self.dice.below(HUBS), self.dice.between(1, 12));
                self.look(hub, most).await;
            }
            90..94 => self.catch_up().await,
            94..96 => self.app.clock.advance(TimeDelta::seconds(40)),
            _ => self.settle().await,
        }
    }

    /// Adds entries, and has their wake-ups sent as it falls: at once, later, twice, or never.
    async fn append(&mut self, entries: i64, change: Option<(usize, bool)>) {
        let end = self.truth.last() + entries;
        let levels: Vec<_> = (0..entries).map(|_| *self.dice.of(&LEVELS)).collect();
        let appended = self.write(&levels, change.is_some()).await;
        for Appended { entry, .. } in &appended {
            self.truth
                .append(entry.seq, entry.event.id, entry.level, entry.access_version);
        }
        if let Some((member, comes)) = change {
            let access = if comes {
                self.began[member] = end;
                Access::All
            } else {
                Access::Only(vec![(self.began[member], end)])
            };
            self.truth.change(member, access);
        }
        let writer = self.dice.below(HUBS);
        for hub in 0..HUBS {
            let wake = if hub == writer {
                Wake::Own(appended.clone())
            } else {
                Wake::Moved(end)
            };
            for _ in 0..self.dice.below(4).div_ceil(2) {
                self.wakes.push((hub, wake.clone()));
            }
            if self.dice.once_in(2) {
                self.wake(hub, wake);
            }
        }
    }

    async fn write(&mut self, levels: &[Level], changes: bool) -> Vec<Appended> {
        if self.unnoticed {
            // What is written before a replica compares is not covered by the promise.
            self.catch_up().await;
        }
        let stream = self.truth.stream;
        let events: Vec<_> = levels
            .iter()
            .map(|level| NewEvent {
                id: EventId(self.app.clock.new_id()),
                kind: EventKind::CommentAdded,
                care_request: None,
                plant: None,
                actor: None,
                subject: None,
                occurred_at: None,
                traceparent: None,
                places: vec![(stream, *level)],
            })
            .collect();
        let access_changed: BTreeSet<_> = changes.then_some(stream).into_iter().collect();
        let input: (Clock, _, _) = (self.app.clock.clone(), events, access_changed);
        let work =
            self.app
                .database
                .write_transaction::<_, _, DbErr>("model", input, |transaction, input| {
                    Box::pin(async move {
                        let ending = Ending {
                            rows: Vec::new(),
                            events: input.1.clone(),
                            access_changed: input.2.clone(),
                        };
                        log::append(transaction, &input.0, ending).await
                    })
                });
        work.await.unwrap()
    }

    /// A member comes, or goes; or she is shut out without a word in the stream.
    async fn change_access(&mut self) {
        let member = 1 + self.dice.below(MEMBERS - 1);
        let has_all = self.truth.rights[member].now() == Access::All;
        if has_all && self.dice.once_in(4) {
            if self.truth.last() > 0 {
                self.write(&[], true).await;
                self.truth.version = self.version().await;
                self.truth.change(member, Access::Only(Vec::new()));
            }
        } else {
            self.append(1, Some((member, !has_all))).await;
        }
    }

    /// Takes the oldest entries away, as retention does.
    async fn trim(&mut self) {
        let (floor, last) = (self.truth.floor, self.truth.last());
        if floor == last {
            return;
        }
        let floor = if self.dice.once_in(8) {
            last
        } else {
            self.dice.between(floor, last - 1)
        };
        self.truth.floor = floor;
        let stream = self.truth.stream;
        self.sql(&format!(
            "UPDATE streams SET floor_seq = {floor} WHERE name = '{stream}'"
        ))
        .await;
        self.sql(&format!(
            "DELETE FROM stream_entries WHERE stream = '{stream}' AND seq <= {floor}"
        ))
        .await;
    }

    /// Takes the newest entries away, as restoring a backup does.
    async fn restore(&mut self) {
        let old = self.truth.last();
        if old == self.truth.floor {
            return;
        }
        let last = self.dice.between(self.truth.floor, old - 1);
        self.truth.restore(last);
        // Whoever wrote what is undone now is not about to say so any more; what the bus carries may still come.
        self.wakes.retain(|(_, wake)| matches!(wake, Wake::Moved(_)));
        if self.restored_live {
            self.unnoticed = true;
        } else {
            for client in &mut self.clients {
                client.following = None;
            }
            self.hubs = hubs(self.app);
            self.epochs = [self.truth.epoch; HUBS];
        }
        let (stream, version) = (self.truth.stream, self.truth.version);
        self.sql(&format!(
            "DELETE FROM stream_entries WHERE stream = '{stream}' AND seq > {last}"
        ))
        .await;
        self.sql(&format!(
            "UPDATE streams SET last_seq = {last}, access_version = {version} WHERE name = '{stream}'"
        ))
        .await;
    }

    /// The stream's access version in the database.
    async fn version(&self) -> i64 {
        let stream = stream::Entity::find_by_id(self.truth.stream.to_string());
        let stream = stream.one(self.app.database.reader()).await.unwrap();
        stream.expect("it was written to").access_version
    }

    async fn sql(&self, statement: &str) {
        let database = self.app.database.reader();
        database.execute_unprepared(statement).await.unwrap();
    }

    /// One of the wake-ups under way arrives, or is lost.
    fn deliver(&mut self) {
        if self.wakes.is_empty() {
            return;
        }
        let place = self.dice.below(self.wakes.len());
        let (hub, wake) = self.wakes.swap_remove(place);
        if !self.dice.once_in(4) {
            self.wake(hub, wake);
        }
    }

    fn wake(&self, hub: usize, wake: Wake) {
        match wake {
            Wake::Own(appended) => self.hubs[hub].publish(&appended),
            Wake::Moved(last) => self.hubs[hub].moved(self.truth.stream, last),
        }
    }

    /// A replica is told a number that is old, or that there never was.
    fn wrong_wake(&mut self) {
        let last = self.truth.last();
        let far = if self.dice.once_in(5) { 400 } else { 4 };
        let wrong = self.dice.between(0, last + far);
        let hub = self.dice.below(HUBS);
        self.wake(hub, Wake::Moved(wrong));
    }

    /// A client comes, goes, or moves to another replica with the last cursor she was told.
    async fn come_or_move(&mut self) {
        let number = self.dice.below(CLIENTS);
        self.clients[number].following = None;
        if self.dice.once_in(8) {
            return;
        }
        let hub = self.dice.below(HUBS);
        let from_beginning = self.dice.once_in(2);
        let client = &mut self.clients[number];
        client.hub = hub;
        let start = match client.cursor {
            Some(cursor) => Start::After(cursor),
            None if from_beginning => Start::Beginning,
            None => Start::Now,
        };
        let rights = &self.truth.rights[client.member];
        client.rights = rights.ever.len() - 1;
        let (hub_of, mailbox) = (&self.hubs[hub], &self.mailboxes[hub]);
        let topic = hub_of.topic(self.truth.stream);
        let seat = Arc::new(Seat::new(Arc::clone(mailbox), u32::try_from(number).unwrap()));
        let place = topic.sit(Arc::clone(&seat));
        let member = self.members[client.member];
        let gate = topic.admit(member, rights.reader(), &hub_of.control).await;
        let gate = gate.unwrap();
        if gate.is_closed() {
            let shut_out = |access: &Access| access.is_empty();
            assert!(rights.ever[client.rights..].iter().any(shut_out));
            return;
        }
        let known = self.epochs[hub];
        let subscriber = Subscriber::begin(Arc::clone(hub_of), place, Arc::clone(&seat), gate, start).await;
        let mut subscriber = subscriber.unwrap();
        subscriber.at_least(client.minimum);
        seat.wake();
        client.caught_up = (0, 1);
        if let Some(cursor) = client.cursor {
            if cursor.seq <= self.truth.floor {
                // Of which log a trimmed entry was cannot be said any more.
                client.trimmed = client.trimmed.max(cursor.seq);
            }
            client.epoch = client.epoch.min(known);
        } else {
            client.epoch = known;
            client.at = subscriber.position().seq;
            client.begin = client.at;
            client.seen.clear();
            assert!(matches!(start, Start::Now) || client.at == 0);
        }
        client.following = Some((subscriber, seat));
    }

    /// The connection to a replica does what it was woken for, up to so many messages for each of those who were.
    async fn look(&mut self, hub: usize, most: i64) {
        for _ in 0..CLIENTS {
            let Some((number, _)) = self.mailboxes[hub].next() else {
                return;
            };
            let client = &mut self.clients[usize::try_from(number).unwrap()];
            if client.hub != hub {
                continue;
            }
            let Some((mut subscriber, seat)) = client.following.take() else {
                continue;
            };
            seat.looking();
            let mut told = 0;
            loop {
                if told == most {
                    seat.wake();
                    break;
                }
                match subscriber.look(self.app.clock.elapsed()) {
                    Next::Tell(message) => {
                        told += 1;
                        client.told(&self.truth, &message);
                    }
                    Next::Load => subscriber.load().await.unwrap(),
                    Next::Wait => break,
                    Next::Over => {
                        told = -1;
                        break;
                    }
                }
            }
            if told >= 0 {
                client.following = Some((subscriber, seat));
            }
        }
    }

    /// Both replicas compare what they know with the database.
    async fn catch_up(&mut self) {
        for hub in &self.hubs {
            hub.catch_up().await.unwrap();
        }
        self.epochs = [self.truth.epoch; HUBS];
        self.unnoticed = false;
    }

    /// Nothing happens any more: whoever is there must know all.
    pub(super) async fn settle(&mut self) {
        self.catch_up().await;
        for hub in 0..HUBS {
            for _ in 0..200 {
                self.look(hub, i64::MAX).await;
            }
        }
        for client in &mut self.clients {
            client.assert_knows_all(&self.truth);
            if client.following.is_some() {
                client.epoch = self.truth.epoch;
            }
        }
    }
}
