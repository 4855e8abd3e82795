//! Who may do what: every permission, in one pure function.
//!
//! The finders of [`entity`](crate::entity) decide whether somebody may know that a thing exists at
//! all; this decides what she may do to it and see of it. The table is that of the product's design.

use crate::entity::care_request;
use crate::entity::user::Role;

use super::{Member, Viewer};

/// Something that can be done to, or seen of, a care request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// See that an open request exists: area, plants, days.
    SeeOpenRequest,
    /// See what only its parties may: instructions, caretaker, comments.
    SeePrivateDetails,
    /// Read its timeline and follow it.
    ReadTimeline,
    /// See the offers for it.
    SeeOffers,
    /// Publish it.
    Publish,
    /// Offer to take it.
    SendOffer,
    /// Take back an offer.
    WithdrawOffer,
    /// Accept an offer.
    AcceptOffer,
    /// Decline an offer.
    DeclineOffer,
    /// Cancel it.
    Cancel,
    /// End it early.
    EndEarly,
    /// Confirm that the care has ended well.
    Confirm,
    /// Start the care.
    StartCare,
    /// Record an act of care.
    RecordCare,
    /// End the care.
    EndCare,
    /// Withdraw from it as its caretaker.
    Withdraw,
    /// Comment on it.
    Comment,
}

/// What somebody is to a care request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Standing {
    /// Not logged in.
    Guest,
    /// A member without any part in it.
    Member,
    /// Its owner.
    Owner,
    /// Its caretaker.
    Caretaker,
    /// One who was its caretaker and withdrew, or whose assignment ran out.
    FormerCaretaker,
    /// One who has offered to take it.
    Offerer,
    /// A verified botanist without any part in it.
    Botanist,
    /// A moderator without any part in it.
    Moderator,
    /// An administrator without any part in it.
    Admin,
}

/// The answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// Yes.
    Yes,
    /// Only what is her own of it.
    Own,
    /// Only of the time in which it was hers.
    OfHerTime,
    /// No.
    No,
}

/// Who may do what.
#[expect(
    clippy::match_same_arms,
    reason = "each arm is a row of the table; joined by answer it could not be read"
)]
pub fn right(action: Action, standing: Standing) -> Right {
    use Action as A;
    use Standing as S;
    match (action, standing) {
        // Nobody who is not logged in sees or does anything of a request.
        (_, S::Guest) => Right::No,
        (A::SeeOpenRequest, _) => Right::Yes,

        (A::SeePrivateDetails | A::ReadTimeline | A::Comment, S::Owner | S::Caretaker) => Right::Yes,
        (A::ReadTimeline, S::FormerCaretaker) => Right::OfHerTime,

        (A::SeeOffers, S::Owner) => Right::Yes,
        (A::SeeOffers, S::Caretaker | S::FormerCaretaker | S::Offerer) => Right::Own,
        (A::WithdrawOffer, S::Offerer) => Right::Own,
        // Moderators and administrators act in their office, not on the side as caretakers.
        (A::SendOffer, S::Member | S::Offerer | S::FormerCaretaker | S::Botanist) => Right::Yes,

        (A::Publish | A::AcceptOffer | A::DeclineOffer | A::Cancel | A::EndEarly | A::Confirm, S::Owner) => {
            Right::Yes
        }
        (A::StartCare | A::RecordCare | A::EndCare | A::Withdraw, S::Caretaker) => Right::Yes,
        _ => Right::No,
    }
}

/// Whether she may, without any condition.
pub fn may(action: Action, standing: Standing) -> bool {
    right(action, standing) == Right::Yes
}

/// What a viewer is to a request, as far as its own row says. That she has offered, or was its
/// caretaker, is in other rows, and matters only to whom it lets see her own part.
pub fn standing(viewer: &Viewer, request: &care_request::Model) -> Standing {
    match viewer {
        Viewer::Anonymous => Standing::Guest,
        Viewer::Member(member) => member_standing(member, request),
    }
}

/// [`standing`] of a member.
pub fn member_standing(member: &Member, request: &care_request::Model) -> Standing {
    if request.owner_id == member.id {
        Standing::Owner
    } else if request.caretaker_id == Some(member.id) {
        Standing::Caretaker
    } else {
        match member.role {
            Role::Member => Standing::Member,
            Role::Moderator => Standing::Moderator,
            Role::Admin => Standing::Admin,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STANDINGS: [Standing; 9] = [
        Standing::Guest,
        Standing::Member,
        Standing::Owner,
        Standing::Caretaker,
        Standing::FormerCaretaker,
        Standing::Offerer,
        Standing::Botanist,
        Standing::Moderator,
        Standing::Admin,
    ];

    // Y yes, o her own, t of her time, - no; the columns are STANDINGS.
    #[rustfmt::skip]
    const TABLE: [(Action, &str); 17] = [
        (Action::SeeOpenRequest,    "-YYYYYYYY"),
        (Action::SeePrivateDetails, "--YY-----"),
        (Action::ReadTimeline,      "--YYt----"),
        (Action::SeeOffers,         "--Yooo---"),
        (Action::Publish,           "--Y------"),
        (Action::SendOffer,         "-Y--YYY--"),
        (Action::WithdrawOffer,     "-----o---"),
        (Action::AcceptOffer,       "--Y------"),
        (Action::DeclineOffer,      "--Y------"),
        (Action::Cancel,            "--Y------"),
        (Action::EndEarly,          "--Y------"),
        (Action::Confirm,           "--Y------"),
        (Action::StartCare,         "---Y-----"),
        (Action::RecordCare,        "---Y-----"),
        (Action::EndCare,           "---Y-----"),
        (Action::Withdraw,          "---Y-----"),
        (Action::Comment,           "--YY-----"),
    ];

    #[test]
    fn every_standing_may_do_exactly_what_the_table_says() {
        for (action, row) in TABLE {
            let is: String = STANDINGS
                .iter()
                .map(|standing| match right(action, *standing) {
                    Right::Yes => 'Y',
                    Right::Own => 'o',
                    Right::OfHerTime => 't',
                    Right::No => '-',
                })
                .collect();
            assert_eq!(is, row, "{action:?}");
        }
    }
}
