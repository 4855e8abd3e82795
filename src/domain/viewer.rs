//! Who is asking.

use crate::entity::user::{Locale, Role};
use crate::entity::{FamilyId, UserId};

/// The one on whose behalf something is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Viewer {
    /// Somebody who did not log in.
    Anonymous,
    /// A member.
    Member(Member),
}

/// A member who is logged in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// Her id.
    pub id: UserId,
    /// Her session.
    pub session: FamilyId,
    /// What she may do beyond her own matters.
    pub role: Role,
    /// The language she reads.
    pub locale: Locale,
}

impl Viewer {
    /// The member, if it is one.
    pub fn member(&self) -> Option<&Member> {
        match self {
            Self::Anonymous => None,
            Self::Member(member) => Some(member),
        }
    }
}
