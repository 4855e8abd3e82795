//! A subscriber that comes back, wherever it can, with the last cursor it saw.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, sleep, sleep_until};

use super::Scene;
use super::verdict::Truth;
use crate::api::Care;
use crate::crowd::Sequence;
use crate::failure::{Result, fail};
use crate::figures::random;
use crate::message::{Kind, Message, Topic};
use crate::socket::Socket;

/// After how long it moves to another replica by itself, at least; and at most so much later.
const STAYS: Duration = Duration::from_millis(800);
const STAYS_LONGER: u64 = 2500;
/// How long it waits when nobody would have it.
const AGAIN: Duration = Duration::from_millis(50);

/// Who follows what.
#[derive(Debug)]
pub(super) struct Follower {
    /// The request it belongs to.
    pub(super) care: usize,
    /// Whether it is the owner, and not the caretaker.
    pub(super) owner: bool,
    /// Whether it follows her feed, and not the timeline.
    pub(super) feed: bool,
    topic: Topic,
    token: String,
    server: usize,
}

/// What it saw.
#[derive(Debug, Default)]
pub(super) struct Saw {
    /// The numbers in a timeline.
    pub(super) sequence: Sequence,
    /// The events' ids in a feed.
    pub(super) events: Vec<String>,
    /// Where its feed began.
    pub(super) began: Option<String>,
    cursor: Option<String>,
}

/// Why one connection ended.
enum Left {
    /// There is nothing more to see.
    Done,
    /// It was cut, or left by itself.
    Cut,
}

impl Follower {
    /// Four to a request: both parties, each with the timeline and the feed.
    pub(super) fn new(number: usize, care: usize, parties: &Care) -> Self {
        let (owner, feed) = (number.is_multiple_of(2), number % 4 >= 2);
        let member = if owner { &parties.owner } else { &parties.caretaker };
        Self {
            care,
            owner,
            feed,
            topic: if feed {
                Topic::Feed
            } else {
                Topic::Care(parties.request.clone())
            },
            token: member.token.clone(),
            server: number / 2,
        }
    }

    /// Follows until it has seen all that there is to see.
    pub(super) async fn follow(
        mut self,
        scene: &Scene,
        ready: &Semaphore,
        mut goals: watch::Receiver<Option<Arc<Truth>>>,
    ) -> Result<(Self, Saw)> {
        let mut saw = Saw::default();
        self.server %= scene.servers.len();
        loop {
            let socket = self.connect(scene, &saw).await;
            let left = match socket {
                Ok(socket) => self.stay(socket, scene, &mut saw, ready, &mut goals).await?,
                Err(_) => Left::Cut,
            };
            if matches!(left, Left::Done) {
                return Ok((self, saw));
            }
            self.server = scene.other(self.server);
        }
    }

    async fn connect(&self, scene: &Scene, saw: &Saw) -> Result<Socket> {
        let opening = async {
            let mut socket = Socket::open(scene.servers[self.server], &self.token).await?;
            socket
                .subscribe("1", &self.topic.payload(saw.cursor.as_deref()))
                .await?;
            Ok(socket)
        };
        let opened = opening.await;
        if opened.is_err() {
            scene.retries.fetch_add(1, Ordering::Relaxed);
            sleep(AGAIN).await;
        }
        opened
    }

    /// One connection, to its end. What would tell of a broken promise is a failure.
    async fn stay(
        &self,
        mut socket: Socket,
        scene: &Scene,
        saw: &mut Saw,
        ready: &Semaphore,
        goals: &mut watch::Receiver<Option<Arc<Truth>>>,
    ) -> Result<Left> {
        let leaves = Instant::now() + STAYS + Duration::from_millis(random() % STAYS_LONGER);
        let mut resumed = saw.cursor.is_none();
        loop {
            let goal = goals.borrow_and_update().clone();
            if goal.as_ref().is_some_and(|truth| truth.is_reached(self, saw)) {
                return Ok(Left::Done);
            }
            let text = tokio::select! {
                text = socket.text() => match text { Ok(text) => text, Err(_) => return Ok(Left::Cut) },
                // Before there is something to come back for, and near the end, it stays.
                () = sleep_until(leaves), if saw.cursor.is_some() && goal.is_none() => return Ok(Left::Cut),
                changed = goals.changed() => { changed?; continue; }
            };
            let message = Message::read(&text);
            match message.kind {
                Kind::Event => {
                    scene.deliveries.fetch_add(1, Ordering::Relaxed);
                    self.saw(&message, saw)?;
                }
                Kind::CaughtUp => {
                    if saw.began.is_none() {
                        saw.began = message.cursor().map(ToOwned::to_owned);
                        ready.add_permits(1);
                    }
                    if !std::mem::replace(&mut resumed, true) {
                        scene.resumes.fetch_add(1, Ordering::Relaxed);
                    }
                }
                Kind::Position => {}
                Kind::Error if matches!(message.code(), "INTERNAL" | "SERVER_BUSY" | "TIMED_OUT") => {
                    scene.retries.fetch_add(1, Ordering::Relaxed);
                    sleep(AGAIN).await;
                    return Ok(Left::Cut);
                }
                _ => return fail(format!("a subscriber was told: {text}")),
            }
            if let Some(cursor) = message.cursor() {
                saw.cursor = Some(cursor.to_owned());
            }
        }
    }

    fn saw(&self, message: &Message<'_>, saw: &mut Saw) -> Result<()> {
        match (self.feed, message.seq(), message.event()) {
            (false, Some(seq), _) => saw.sequence.saw(seq),
            (true, _, Some(event)) => saw.events.push(event.to_owned()),
            _ => return fail(format!("an event without its number or id: {}", message.text)),
        }
        Ok(())
    }
}
