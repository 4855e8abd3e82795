//! The control stream: what ends sessions, on every replica.

use std::cmp::Ordering;
use std::sync::Arc;
use std::time::Duration;

use sea_orm::DbErr;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::listeners::Listeners;
use super::log::{self, Entry};
use super::mailbox::Ending;
use super::topic::{Lookup, Topic};
use super::{Mailbox, Seat};
use crate::entity::event::EventKind;
use crate::entity::{FamilyId, UserId};
use crate::telemetry::outage::Outage;

/// How long the follower waits after the database failed.
const RETRY_AFTER: Duration = Duration::from_millis(500);

/// How far this process has carried out what the control stream says.
#[derive(Debug)]
pub struct Control {
    topic: Arc<Topic>,
    done: watch::Sender<i64>,
    stop: CancellationToken,
    /// Whom it ends.
    pub listeners: Arc<Listeners>,
}

impl Control {
    pub(super) fn new(topic: Arc<Topic>, stop: CancellationToken) -> Self {
        Self {
            topic,
            done: watch::Sender::new(0),
            stop,
            listeners: Arc::default(),
        }
    }

    /// Waits until everything that the control stream holds now was carried out here.
    pub async fn catch_up(&self) -> Result<(), DbErr> {
        let head = self.topic.refresh().await?.last;
        let mut done = self.done.subscribe();
        tokio::select! {
            // Its streams are about to be closed anyway.
            () = self.stop.cancelled() => {}
            // It fails only if the control is gone, and this holds it.
            _ = done.wait_for(|done| *done >= head) => {}
        }
        Ok(())
    }

    /// How far the control stream is known to have come, and of which log.
    pub fn reached(&self) -> (u32, i64) {
        let (generation, known) = self.topic.known();
        (generation, known.last)
    }

    /// Begins with what comes from now on. To be called before anybody is let in.
    pub async fn begin(&self) -> Result<(), DbErr> {
        let head = self.topic.refresh().await?.last;
        self.done.send_replace(head);
        Ok(())
    }

    /// Carries out what the control stream says, until the process stops.
    pub(super) async fn run(self: Arc<Self>) {
        let mailbox = Arc::new(Mailbox::default());
        let seat = Arc::new(Seat::new(Arc::clone(&mailbox), 0));
        let _place = self.topic.sit(Arc::clone(&seat));
        let mut outage = Outage::of("following the control stream");
        loop {
            seat.looking();
            let read = self.carry_out().await;
            outage.note(&read);
            let failed = read.is_err();
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = mailbox.wait() => while mailbox.next().is_some() {},
                () = tokio::time::sleep(RETRY_AFTER), if failed => {}
            }
        }
    }

    async fn carry_out(&self) -> Result<(), DbErr> {
        loop {
            let mut done = *self.done.borrow();
            let last = self.topic.known().1.last;
            match last.cmp(&done) {
                Ordering::Equal => return Ok(()),
                Ordering::Less => {
                    // The log was reset. Whoever is connected was let in by what it said before.
                    for mailbox in self.listeners.mailboxes() {
                        mailbox.end(Ending::SessionEnded);
                    }
                    done = last;
                }
                Ordering::Greater => match self.topic.lookup(done + 1) {
                    Lookup::Here(entry, _) => {
                        self.end(&entry);
                        done += 1;
                    }
                    Lookup::Missing { to } => done = to,
                    Lookup::Unread => {
                        self.topic.fetch(done + 1).await?;
                        continue;
                    }
                },
            }
            self.done.send_replace(done);
        }
    }

    fn end(&self, entry: &Entry) {
        let event = &entry.event;
        let Some(member) = event.actor_id else { return };
        match event.kind {
            EventKind::SessionEnded => self.listeners.end(member, event.subject_id.map(FamilyId)),
            EventKind::MemberChanged => self.listeners.end(member, None),
            _ => tracing::debug!(seq = entry.seq, "the control stream says something unknown"),
        }
    }
}

/// That a session ended.
pub fn session_ended(id: crate::entity::EventId, member: UserId, session: FamilyId) -> log::NewEvent {
    told(id, EventKind::SessionEnded, member, Some(session.0))
}

/// That a member was suspended, or got another standing: all her sessions end.
pub fn member_changed(id: crate::entity::EventId, member: UserId) -> log::NewEvent {
    told(id, EventKind::MemberChanged, member, None)
}

fn told(
    id: crate::entity::EventId,
    kind: EventKind,
    member: UserId,
    subject: Option<uuid::Uuid>,
) -> log::NewEvent {
    log::NewEvent {
        id,
        kind,
        care_request: None,
        plant: None,
        actor: Some(member),
        subject,
        occurred_at: None,
        traceparent: None,
        places: vec![(super::Stream::Control, crate::entity::stream_entry::Level::Info)],
    }
}
