//! The states of a care request and the moves between them: one pure function.

use crate::entity::care_request::CareRequestStatus as Status;

/// A move; who may make it is the policy's matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// The owner publishes a draft.
    Publish,
    /// The owner accepts an offer.
    AcceptOffer,
    /// The caretaker starts.
    StartCare,
    /// The caretaker ends, or the day after the last has passed.
    EndCare,
    /// The owner confirms, or three days have passed.
    Confirm,
    /// The first day has passed (the last, if it is urgent) and nobody was found.
    Expire,
    /// The caretaker did not start within two days.
    Reopen,
    /// The owner cancels.
    Cancel,
    /// The caretaker withdraws.
    Withdraw,
    /// The owner ends it early.
    EndEarly,
}

/// Where a step leads; `None` if it cannot be taken.
pub fn next(from: Status, step: Step) -> Option<Status> {
    match (from, step) {
        (Status::Draft, Step::Publish)
        | (Status::Assigned, Step::Reopen)
        | (Status::Assigned | Status::InProgress, Step::Withdraw) => Some(Status::Open),
        (Status::Open, Step::AcceptOffer) => Some(Status::Assigned),
        (Status::Open, Step::Expire) => Some(Status::Expired),
        (Status::Assigned, Step::StartCare) => Some(Status::InProgress),
        (Status::InProgress, Step::EndCare) => Some(Status::AwaitingConfirm),
        (Status::AwaitingConfirm, Step::Confirm) | (Status::InProgress, Step::EndEarly) => {
            Some(Status::Completed)
        }
        (Status::Draft | Status::Open | Status::Assigned, Step::Cancel) => Some(Status::Cancelled),
        _ => None,
    }
}

/// Whether a request in this state keeps its plants from being in another.
pub fn holds_its_plants(status: Status) -> bool {
    !matches!(status, Status::Completed | Status::Cancelled | Status::Expired)
}

/// The states in which a request takes from its caretaker's capacity.
pub const TAKING_CAPACITY: [Status; 3] = [Status::Assigned, Status::InProgress, Status::AwaitingConfirm];

#[cfg(test)]
mod tests {
    use super::*;
    use sea_orm::Iterable as _;

    #[rustfmt::skip]
    const MOVES: [(Status, Step, Status); 13] = [
        (Status::Draft,           Step::Publish,     Status::Open),
        (Status::Draft,           Step::Cancel,      Status::Cancelled),
        (Status::Open,            Step::AcceptOffer, Status::Assigned),
        (Status::Open,            Step::Expire,      Status::Expired),
        (Status::Open,            Step::Cancel,      Status::Cancelled),
        (Status::Assigned,        Step::StartCare,   Status::InProgress),
        (Status::Assigned,        Step::Reopen,      Status::Open),
        (Status::Assigned,        Step::Cancel,      Status::Cancelled),
        (Status::Assigned,        Step::Withdraw,    Status::Open),
        (Status::InProgress,      Step::EndCare,     Status::AwaitingConfirm),
        (Status::InProgress,      Step::Withdraw,    Status::Open),
        (Status::InProgress,      Step::EndEarly,    Status::Completed),
        (Status::AwaitingConfirm, Step::Confirm,     Status::Completed),
    ];

    const STEPS: [Step; 10] = [
        Step::Publish,
        Step::AcceptOffer,
        Step::StartCare,
        Step::EndCare,
        Step::Confirm,
        Step::Expire,
        Step::Reopen,
        Step::Cancel,
        Step::Withdraw,
        Step::EndEarly,
    ];

    #[test]
    fn only_the_listed_moves_are_legal() {
        for from in Status::iter() {
            for step in STEPS {
                let listed = MOVES
                    .iter()
                    .find(|(f, s, _)| *f == from && *s == step)
                    .map(|(_, _, to)| *to);
                assert_eq!(next(from, step), listed, "{from:?} {step:?}");
            }
        }
    }

    #[test]
    fn what_has_ended_moves_no_more_and_frees_its_plants() {
        for from in [Status::Completed, Status::Cancelled, Status::Expired] {
            assert!(STEPS.iter().all(|step| next(from, *step).is_none()) && !holds_its_plants(from));
        }
    }
}
