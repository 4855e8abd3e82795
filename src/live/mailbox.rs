//! How a connection is woken: which of its subscribers have something to read, and whether it is to end.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use futures_util::task::AtomicWaker;

use crate::telemetry::metrics::EndedBy;

/// What a connection waits for. A wake-up names the subscriber that is to look, so that it costs nothing
/// for all the others; nor for the socket, which is read only when its own waker, which is also this, says so.
///
/// All that a wake-up touches lies in one line of the processor's cache: a thousand are woken one after the other.
#[derive(Debug, Default)]
#[repr(align(64))]
pub struct Mailbox {
    woken: Mutex<Woken>,
    /// Whoever waits: one at a time.
    waiting: AtomicWaker,
    /// Whether something came since it was waited for last.
    stirred: AtomicBool,
    /// Whether there may be something to read from the client.
    heard: AtomicBool,
    ending: AtomicU8,
    ended_by: AtomicU8,
}

/// The subscribers that are to look, those that were woken first first. One is nearly always all.
#[derive(Debug, Default)]
struct Woken {
    first: Option<u32>,
    /// Nothing while there is no first.
    #[expect(
        clippy::box_collection,
        reason = "a connection with one subscription keeps none, and a pointer fits into the mailbox's line"
    )]
    others: Option<Box<VecDeque<u32>>>,
}

impl Woken {
    fn push(&mut self, number: u32) {
        if self.first.is_none() {
            self.first = Some(number);
        } else {
            self.others.get_or_insert_default().push_back(number);
        }
    }

    fn pop(&mut self) -> Option<(u32, bool)> {
        let next = self.first.take()?;
        if let Some(others) = &mut self.others {
            self.first = others.pop_front();
            if self.first.is_none() {
                self.others = None;
            }
        }
        Some((next, self.first.is_none()))
    }
}

/// Why a connection has to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The process stops.
    Drained = 1,
    /// Its session is no longer what it was: logged out, suspended, another role.
    SessionEnded = 2,
    /// Another has its place.
    Displaced = 3,
}

impl Mailbox {
    /// Waits until there is something to look at: a subscriber, an end, or a reminder.
    pub async fn wait(&self) {
        poll_fn(|cx| self.poll_wait(cx)).await;
    }

    /// [`wait`](Self::wait), to be polled.
    pub fn poll_wait(&self, cx: &Context<'_>) -> Poll<()> {
        if self.was_stirred() {
            return Poll::Ready(());
        }
        self.waiting.register(cx.waker());
        // It may have come before the waker was there.
        if self.was_stirred() {
            return Poll::Ready(());
        }
        Poll::Pending
    }

    fn was_stirred(&self) -> bool {
        self.stirred.load(Ordering::Acquire) && self.stirred.swap(false, Ordering::AcqRel)
    }

    /// Polls what reads from the client, unless it would only say again that there is nothing.
    pub fn poll_read<T>(self: &Arc<Self>, read: impl FnOnce(&mut Context<'_>) -> Poll<T>) -> Option<T> {
        if !self.heard.load(Ordering::Acquire) || !self.heard.swap(false, Ordering::SeqCst) {
            return None;
        }
        let waker = Waker::from(Arc::clone(self));
        match read(&mut Context::from_waker(&waker)) {
            Poll::Pending => None,
            Poll::Ready(read) => {
                // There may be more.
                self.heard.store(true, Ordering::Release);
                Some(read)
            }
        }
    }

    /// Has the client read for the first time.
    pub fn begin_to_read(&self) {
        self.heard.store(true, Ordering::Release);
        self.wake();
    }

    /// The next subscriber that was woken, and whether there was no other; those that were woken first come first.
    pub fn next(&self) -> Option<(u32, bool)> {
        self.woken().pop()
    }

    /// Wakes the connection itself.
    pub fn wake(&self) {
        if !self.stirred.swap(true, Ordering::AcqRel) {
            self.waiting.wake();
        }
    }

    /// Has the connection end. The first reason counts, but a session's end counts before the process's.
    pub fn end(&self, why: Ending) {
        self.ending.fetch_max(why as u8, Ordering::AcqRel);
        self.wake();
    }

    /// Why the connection has to end, if it has.
    pub fn ending(&self) -> Option<Ending> {
        match self.ending.load(Ordering::Acquire) {
            0 => None,
            1 => Some(Ending::Drained),
            2 => Some(Ending::SessionEnded),
            _ => Some(Ending::Displaced),
        }
    }

    /// Says why the connection ends, if it is not its client that leaves.
    pub fn ends_by(&self, why: EndedBy) {
        self.ended_by.store(why as u8, Ordering::Release);
    }

    /// Why the connection has ended.
    pub fn ended_by(&self) -> EndedBy {
        let why = EndedBy::ALL[usize::from(self.ended_by.load(Ordering::Acquire))];
        match (why, self.ending()) {
            (EndedBy::Client, Some(Ending::Drained)) => EndedBy::Drain,
            (EndedBy::Client, Some(Ending::SessionEnded)) => EndedBy::AccessRevoked,
            _ => why,
        }
    }

    fn woken(&self) -> std::sync::MutexGuard<'_, Woken> {
        self.woken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Mailbox {
    /// There may be something to read.
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.heard.store(true, Ordering::Release);
        Mailbox::wake(self);
    }
}

/// A subscriber's place in its connection's mailbox.
#[derive(Debug)]
pub struct Seat {
    mailbox: Arc<Mailbox>,
    number: u32,
    queued: AtomicBool,
    position: AtomicI64,
}

impl Seat {
    /// The place of the subscriber that its connection knows by `number`.
    pub fn new(mailbox: Arc<Mailbox>, number: u32) -> Self {
        Self {
            mailbox,
            number,
            queued: AtomicBool::new(false),
            position: AtomicI64::new(0),
        }
    }

    /// Has the subscriber look; a second time before it does changes nothing.
    pub fn wake(&self) {
        if !self.queued.swap(true, Ordering::AcqRel) {
            self.mailbox.woken().push(self.number);
            Mailbox::wake(&self.mailbox);
        }
    }

    /// Where the subscriber stands.
    pub fn position(&self) -> i64 {
        self.position.load(Ordering::Relaxed)
    }

    /// Takes note of where the subscriber stands.
    pub(super) fn stands_at(&self, position: i64) {
        self.position.store(position, Ordering::Relaxed);
    }

    /// The connection that it is on.
    pub fn mailbox(&self) -> &Mailbox {
        &self.mailbox
    }

    /// The subscriber looks now: what happens from here on wakes it again.
    pub fn looking(&self) {
        self.queued.store(false, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wake_up_names_its_subscriber_once_until_it_looks() {
        let mailbox = Arc::new(Mailbox::default());
        let seats = [4, 7].map(|number| Seat::new(Arc::clone(&mailbox), number));
        seats[1].wake();
        seats[0].wake();
        seats[1].wake();
        assert_eq!(
            (mailbox.next(), mailbox.next(), mailbox.next()),
            (Some((7, false)), Some((4, true)), None)
        );
        seats[1].looking();
        seats[0].wake();
        seats[1].wake();
        assert_eq!((mailbox.next(), mailbox.next()), (Some((7, true)), None));
    }

    #[test]
    fn those_that_were_woken_first_look_first() {
        let mut woken = Woken::default();
        assert_eq!(woken.pop(), None);
        let mut expected = VecDeque::new();
        for number in 0..100 {
            woken.push(number);
            expected.push_back(number);
            if number % 3 == 0 {
                let next = expected.pop_front().unwrap();
                assert_eq!(woken.pop(), Some((next, expected.is_empty())));
            }
        }
        while let Some(next) = expected.pop_front() {
            assert_eq!(woken.pop(), Some((next, expected.is_empty())));
        }
        assert_eq!(woken.pop(), None);
    }

    #[test]
    fn what_a_wake_up_touches_is_in_one_line_of_the_cache() {
        assert_eq!((size_of::<Mailbox>(), align_of::<Mailbox>()), (64, 64));
    }

    #[test]
    fn the_end_of_a_session_counts_before_the_end_of_the_process() {
        let mailbox = Mailbox::default();
        assert_eq!(mailbox.ending(), None);
        mailbox.end(Ending::SessionEnded);
        mailbox.end(Ending::Drained);
        assert_eq!(mailbox.ending(), Some(Ending::SessionEnded));
    }
}
