//! Whom the database said a moment ago to be who she claims.
//!
//! Whoever asks, asks many times in a row, and each time a statement would say the same again. What it said is good for
//! as long as what ends a session may take to reach a replica that nobody wakes, and not a moment longer once the
//! control stream has moved: then anybody may have been meant.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::Claims;
use crate::app::App;
use crate::domain::Member;
use crate::entity::{FamilyId, UserId, user};

/// How long it is good.
const FRESH: Duration = Duration::from_secs(1);
/// Members at most; whoever comes beyond that is looked up each time.
const MOST: usize = 10_000;

/// Members who were looked up a moment ago.
#[derive(Debug, Default)]
pub struct Recent(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Where the control stream stood.
    control: (u32, i64),
    tidied_at: Duration,
    members: HashMap<(UserId, FamilyId), Known>,
}

/// A member, as the database said.
#[derive(Clone, Debug)]
struct Known {
    /// Until when it is good.
    until: Duration,
    epoch: i32,
    member: Member,
    profile: Arc<user::Profile>,
}

/// When something is asked: by the clock, and by the control stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    at: Duration,
    control: (u32, i64),
}

impl Moment {
    pub(super) fn now(app: &App) -> Self {
        Self {
            at: app.clock.elapsed(),
            control: app.hub.control.reached(),
        }
    }
}

impl Recent {
    /// The member of these claims, if she was looked up a moment ago.
    pub(super) fn find(&self, claims: &Claims, now: Moment) -> Option<Member> {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = state.known((claims.user, claims.session), now)?;
        (known.epoch == claims.epoch).then_some(known.member)
    }

    /// How everybody may see a member who asks, if she was looked up a moment ago.
    pub fn profile(&self, app: &App, member: &Member) -> Option<Arc<user::Profile>> {
        let now = Moment::now(app);
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = state.known((member.id, member.session), now)?;
        Some(Arc::clone(&known.profile))
    }

    /// Keeps what was said of these claims when the moment was `asked`, unless sessions have ended since. It is good for a
    /// second, or less if she has to be looked up sooner.
    pub(super) fn keep(
        &self,
        claims: &Claims,
        (member, profile): (Member, user::Profile),
        sooner: Duration,
        (asked, now): (Moment, Moment),
    ) {
        if asked.control != now.control {
            return;
        }
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.control != now.control {
            state.control = now.control;
            state.members.clear();
        }
        if now.at >= state.tidied_at + FRESH {
            state.tidied_at = now.at;
            state.members.retain(|_, known| now.at < known.until);
        }
        if state.members.len() < MOST {
            let known = Known {
                until: asked.at + FRESH.min(sooner),
                epoch: claims.epoch,
                member,
                profile: Arc::new(profile),
            };
            state.members.insert((claims.user, claims.session), known);
        }
    }
}

impl State {
    fn known(&self, key: (UserId, FamilyId), now: Moment) -> Option<&Known> {
        let known = self.members.get(&key)?;
        (self.control == now.control && now.at < known.until).then_some(known)
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use uuid::Uuid;

    use super::*;
    use crate::entity::user::{BotanistStatus, Locale, Role};

    const LONG: Duration = Duration::from_mins(1);

    fn claims(number: u128) -> (Claims, Member) {
        let (user, session) = (
            UserId(Uuid::from_u128(number)),
            FamilyId(Uuid::from_u128(number + 1)),
        );
        let claims = Claims {
            user,
            session,
            epoch: 0,
            expires_at: 0,
        };
        let member = Member {
            id: user,
            session,
            role: Role::Member,
            locale: Locale::En,
        };
        (claims, member)
    }

    fn profile() -> user::Profile {
        user::Profile {
            id: UserId(Uuid::nil()),
            display_name: "Olga".to_owned(),
            botanist_status: BotanistStatus::None,
            created_at: DateTime::UNIX_EPOCH,
        }
    }

    fn moment(milliseconds: u64, control: i64) -> Moment {
        Moment {
            at: Duration::from_millis(milliseconds),
            control: (0, control),
        }
    }

    #[test]
    fn what_was_said_is_good_for_a_second() {
        let (recent, (claims, member)) = (Recent::default(), claims(1));
        recent.keep(
            &claims,
            (member, profile()),
            LONG,
            (moment(5_000, 7), moment(5_010, 7)),
        );
        assert_eq!(recent.find(&claims, moment(5_999, 7)), Some(member));
        assert_eq!(recent.find(&claims, moment(6_000, 7)), None);
        let another = Claims { epoch: 1, ..claims };
        assert_eq!(recent.find(&another, moment(5_010, 7)), None);
        let sooner = Duration::from_millis(300);
        recent.keep(
            &claims,
            (member, profile()),
            sooner,
            (moment(6_000, 7), moment(6_000, 7)),
        );
        assert_eq!(recent.find(&claims, moment(6_299, 7)), Some(member));
        assert_eq!(recent.find(&claims, moment(6_300, 7)), None);
    }

    #[test]
    fn nothing_is_good_once_a_session_has_ended() {
        let (recent, (claims, member)) = (Recent::default(), claims(1));
        recent.keep(&claims, (member, profile()), LONG, (moment(0, 7), moment(0, 7)));
        assert_eq!(recent.find(&claims, moment(0, 8)), None);
        // It was asked before, and answered after.
        recent.keep(&claims, (member, profile()), LONG, (moment(0, 7), moment(0, 8)));
        assert_eq!(recent.find(&claims, moment(0, 8)), None);
        assert_eq!(recent.find(&claims, moment(0, 7)), Some(member));
        recent.keep(&claims, (member, profile()), LONG, (moment(0, 8), moment(0, 8)));
        assert_eq!(recent.find(&claims, moment(0, 8)), Some(member));
    }

    #[test]
    fn it_does_not_grow() {
        let recent = Recent::default();
        for number in 0..MOST as u128 + 10 {
            let (claims, member) = claims(number);
            recent.keep(&claims, (member, profile()), LONG, (moment(0, 7), moment(0, 7)));
        }
        assert_eq!(recent.0.lock().unwrap().members.len(), MOST);
        let (claims, member) = claims(u128::MAX - 1);
        recent.keep(
            &claims,
            (member, profile()),
            LONG,
            (moment(1_000, 7), moment(1_000, 7)),
        );
        assert_eq!(recent.0.lock().unwrap().members.len(), 1);
    }
}
