//! Who is listening: the open connections of this process, counted and by member.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::mailbox::{Ending, Mailbox};
use crate::entity::{FamilyId, UserId};

/// The open connections of this process.
#[derive(Debug, Default)]
pub struct Listeners {
    inner: Mutex<Inner>,
    /// Waits until all are closed.
    pub open: TaskTracker,
}

#[derive(Debug, Default)]
struct Inner {
    connections: HashMap<usize, Weak<Mailbox>>,
    /// Those of the connections of whom it is not known who they are, the oldest first.
    anonymous: BTreeSet<usize>,
    members: HashMap<UserId, Listening>,
    joined: usize,
}

#[derive(Debug, Default)]
struct Listening {
    sessions: Vec<(FamilyId, Weak<Mailbox>)>,
    subscriptions: usize,
}

/// How many connections there may be.
#[derive(Clone, Copy, Debug)]
pub struct Places {
    /// Of members.
    pub members: usize,
    /// Of whom it is not known who they are.
    pub anonymous: usize,
}

/// There is no place left for a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

impl Inner {
    fn of_members(&self) -> usize {
        self.connections.len() - self.anonymous.len()
    }
}

impl Listeners {
    /// Counts a connection in of which it is not known yet whose it is, unless members have no place left. It is counted
    /// out when the answer is dropped. Where there are as many of them already as there may be, the oldest has to go, and
    /// that is said: a member says who she is at once, so nobody can keep her out by coming before her.
    pub fn connect(
        self: &Arc<Self>,
        mailbox: &Arc<Mailbox>,
        places: Places,
    ) -> Result<(Connection, bool), Full> {
        let mut inner = self.lock();
        if inner.of_members() >= places.members {
            return Err(Full);
        }
        let oldest = if inner.anonymous.len() >= places.anonymous {
            inner.anonymous.pop_first()
        } else {
            None
        };
        let displaced = oldest.and_then(|oldest| inner.connections.remove(&oldest));
        inner.joined += 1;
        let number = inner.joined;
        inner.connections.insert(number, Arc::downgrade(mailbox));
        inner.anonymous.insert(number);
        drop(inner);
        let is_displaced = displaced.is_some();
        if let Some(mailbox) = displaced.and_then(|mailbox| mailbox.upgrade()) {
            mailbox.end(Ending::Displaced);
        }
        let connection = Connection {
            listeners: Arc::clone(self),
            number,
            _open: self.open.token(),
        };
        Ok((connection, is_displaced))
    }

    /// Has a connection end with a member's session. Say so before the session is checked: whatever ends
    /// it after the check is then told to the connection.
    pub fn listen(self: &Arc<Self>, member: UserId, session: FamilyId, mailbox: &Arc<Mailbox>) -> Listener {
        let mut inner = self.lock();
        let listening = inner.members.entry(member).or_default();
        listening.sessions.push((session, Arc::downgrade(mailbox)));
        drop(inner);
        Listener {
            listeners: Arc::clone(self),
            member,
            session,
            mailbox: Arc::downgrade(mailbox),
        }
    }

    /// Counts a member's subscription in, unless she has `maximum` already: then says how many.
    pub fn subscribe(self: &Arc<Self>, member: UserId, maximum: usize) -> Result<Subscription, usize> {
        let mut inner = self.lock();
        let listening = inner.members.entry(member).or_default();
        if listening.subscriptions >= maximum {
            return Err(listening.subscriptions);
        }
        listening.subscriptions += 1;
        drop(inner);
        Ok(Subscription {
            listeners: Arc::clone(self),
            member,
        })
    }

    /// Ends the connections of a member: all, or those of one session.
    pub fn end(&self, member: UserId, session: Option<FamilyId>) {
        let inner = self.lock();
        let Some(listening) = inner.members.get(&member) else {
            return;
        };
        for (of, mailbox) in &listening.sessions {
            if session.is_none_or(|session| session == *of)
                && let Some(mailbox) = mailbox.upgrade()
            {
                mailbox.end(Ending::SessionEnded);
            }
        }
    }

    /// Open connections.
    pub fn connections(&self) -> usize {
        self.lock().connections.len()
    }

    /// The mailboxes of all open connections.
    pub fn mailboxes(&self) -> Vec<Arc<Mailbox>> {
        self.lock()
            .connections
            .values()
            .filter_map(Weak::upgrade)
            .collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn forget(&self, member: UserId, leave: impl FnOnce(&mut Listening)) {
        let mut inner = self.lock();
        if let Some(listening) = inner.members.get_mut(&member) {
            leave(listening);
            if listening.sessions.is_empty() && listening.subscriptions == 0 {
                inner.members.remove(&member);
            }
        }
    }
}

/// A connection that is counted.
#[derive(Debug)]
pub struct Connection {
    listeners: Arc<Listeners>,
    number: usize,
    _open: TaskTrackerToken,
}

impl Connection {
    /// It is a member's: it takes one of the members' places, if there is one left, and leaves its own to another.
    pub fn is_members(&self, places: Places) -> Result<(), Full> {
        let mut inner = self.listeners.lock();
        if inner.anonymous.contains(&self.number) {
            if inner.of_members() >= places.members {
                return Err(Full);
            }
            inner.anonymous.remove(&self.number);
        }
        Ok(())
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let mut inner = self.listeners.lock();
        inner.connections.remove(&self.number);
        inner.anonymous.remove(&self.number);
    }
}

/// A connection that ends with a session.
#[derive(Debug)]
pub struct Listener {
    listeners: Arc<Listeners>,
    member: UserId,
    session: FamilyId,
    mailbox: Weak<Mailbox>,
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.listeners.forget(self.member, |listening| {
            let own = |(session, mailbox): &(FamilyId, Weak<Mailbox>)| {
                *session == self.session && mailbox.ptr_eq(&self.mailbox)
            };
            if let Some(place) = listening.sessions.iter().position(own) {
                listening.sessions.swap_remove(place);
            }
        });
    }
}

/// A subscription that is counted.
#[derive(Debug)]
pub struct Subscription {
    listeners: Arc<Listeners>,
    member: UserId,
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.listeners
            .forget(self.member, |listening| listening.subscriptions -= 1);
    }
}
