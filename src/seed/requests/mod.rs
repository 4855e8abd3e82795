//! What is asked for in the demonstration, and what becomes of it.

mod current;
mod past;

use crate::entity::care_request::CareMode;

/// A request and the people around it. Days are counted from the day of the seed, which is 0.
pub(super) struct Request {
    pub(super) owner: usize,
    /// Who takes it, or first offers to.
    pub(super) caretaker: usize,
    /// Others who offer.
    pub(super) rivals: &'static [usize],
    pub(super) first: i64,
    pub(super) last: i64,
    /// Which of the owner's plants.
    pub(super) plants: &'static [usize],
    pub(super) mode: CareMode,
    pub(super) arc: Arc,
    pub(super) title: &'static str,
    pub(super) instructions: &'static str,
    /// What owner and caretaker say to each other, by turns; the owner begins.
    pub(super) talk: &'static [&'static str],
}

/// How a request's story goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arc {
    /// A draft.
    Draft,
    /// A draft that was cancelled.
    DraftDropped,
    /// Open; the first rival has taken back her offer.
    Open,
    /// Cancelled while it was open.
    OpenDropped,
    /// Nobody was taken in time.
    Expired,
    /// It has a caretaker.
    Assigned,
    /// Cancelled although it had a caretaker.
    AssignedDropped,
    /// The caretaker withdrew before she started; it is urgent.
    LeftBeforeStart,
    /// The caretaker did not come; it is urgent.
    NeverStarted,
    /// In progress.
    Running,
    /// The caretaker withdrew in the middle; it is urgent.
    LeftWhileRunning,
    /// Ended by the caretaker, not confirmed yet.
    Ended,
    /// Ended by time, not confirmed yet.
    EndedByTime,
    /// Confirmed by the owner.
    Confirmed,
    /// Confirmed by time.
    ConfirmedByTime,
    /// Ended by time and confirmed by the owner.
    ConfirmedLate,
    /// Ended early by the owner.
    EndedEarly,
}

/// All of them; the first of the current ones is the one that a newcomer follows.
pub(super) fn all() -> impl Iterator<Item = (usize, &'static Request)> {
    past::PAST.iter().chain(&current::CURRENT).enumerate()
}

/// The request between the owner and the caretaker that a newcomer logs in as.
pub(super) const FOLLOWED: usize = past::PAST.len();
