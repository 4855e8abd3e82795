//! The demonstration as a list of deeds, each at its time.

use chrono::{DateTime, Days, NaiveTime, TimeDelta, TimeZone as _, Utc};
use chrono_tz::Tz;

use super::dice::Dice;
use super::members::{BOTANIST, CARETAKER, NEWCOMER, OWNER, OWNERS, PEOPLE};
use super::plants::EACH;
use super::requests::{self, Request};
use super::story::story;
use crate::domain::care_request::Change;
use crate::entity::care_record::TaskKind;

/// How long before the seed the first member joins.
pub(super) const WEEKS: TimeDelta = TimeDelta::weeks(8);
/// Between two members who join.
const NEXT_MEMBER: TimeDelta = TimeDelta::hours(4);

/// Something that is done at a time.
#[derive(Clone, Debug)]
pub(super) struct Act {
    pub(super) at: DateTime<Utc>,
    /// Its name in every run: a run that goes on where another was interrupted does nothing twice.
    pub(super) key: String,
    pub(super) deed: Deed,
}

/// What is done. People and requests are named by their place in their table.
#[derive(Clone, Copy, Debug)]
pub(super) enum Deed {
    /// Somebody joins.
    Join(usize),
    /// Somebody is checked to be a botanist.
    Verify(usize),
    /// An owner adds a plant.
    Pot { owner: usize, number: usize },
    /// An owner makes a request.
    Ask { request: usize, publish: bool },
    /// A party changes a request's state.
    Change {
        request: usize,
        by: usize,
        change: Change,
    },
    /// Somebody offers to take a request.
    Offer {
        request: usize,
        by: usize,
        message: Option<&'static str>,
    },
    /// The owner accepts somebody's offer.
    Accept { request: usize, of: usize },
    /// The owner declines somebody's offer.
    Decline { request: usize, of: usize },
    /// Somebody takes back her offer.
    TakeBack { request: usize, by: usize },
    /// The caretaker looks after a plant.
    Care {
        request: usize,
        number: usize,
        kind: TaskKind,
        amount_ml: Option<i32>,
        note: Option<&'static str>,
        /// Captured offline: it was done so many minutes before.
        minutes_ago: Option<i64>,
    },
    /// A party comments.
    Say {
        request: usize,
        by: usize,
        body: &'static str,
    },
    /// Somebody reads her whole feed.
    Read(usize),
}

/// When something happens.
#[derive(Clone, Copy, Debug)]
pub(super) enum When {
    /// On a day, counted from today, at a minute of the day where the request is.
    Day(i64, i64),
    /// Some minutes ago. Within the last three hours, so that no day before today overlaps with it.
    Ago(i64),
}

/// Everything that has happened by `now`, in order.
pub(super) fn acts(now: DateTime<Utc>) -> Vec<Act> {
    let mut acts = people(now);
    for (number, request) in requests::all() {
        let mut dice = Dice::new(number + 1);
        acts.extend(timed(now, number, request, &story(number, request, &mut dice)));
    }
    // The newcomer comes last; of what is at the same time, what was listed first.
    acts.sort_by_key(|act| act.at);
    acts
}

/// Who joins, and with which plants.
fn people(now: DateTime<Utc>) -> Vec<Act> {
    let mut acts = Vec::new();
    let mut joins = now - WEEKS;
    for (number, person) in PEOPLE.iter().enumerate() {
        let at = if number == NEWCOMER { now } else { joins };
        acts.push(act(at, format!("join-{}", person.mailbox), Deed::Join(number)));
        if number < OWNERS {
            for (pot, minutes) in (0..EACH).zip(10..) {
                let deed = Deed::Pot {
                    owner: number,
                    number: pot,
                };
                let at = joins + TimeDelta::minutes(minutes);
                acts.push(act(at, format!("pot-{}-{pot}", person.mailbox), deed));
            }
        }
        if number == BOTANIST {
            let at = joins + TimeDelta::hours(1);
            acts.push(act(at, "verify".to_owned(), Deed::Verify(number)));
        }
        joins += NEXT_MEMBER;
    }
    for (member, minutes) in [(OWNER, 170), (CARETAKER, 171)] {
        let at = now - TimeDelta::minutes(minutes);
        acts.push(act(at, format!("read-{member}"), Deed::Read(member)));
    }
    acts
}

/// The steps of one request at their times: each after the one before it, and all of them past.
fn timed(now: DateTime<Utc>, number: usize, request: &Request, steps: &[(When, Deed)]) -> Vec<Act> {
    let zone: Tz = PEOPLE[request.owner].timezone.parse().unwrap_or(Tz::UTC);
    let mut acts: Vec<Act> = Vec::with_capacity(steps.len());
    for (step, (when, deed)) in steps.iter().enumerate() {
        let wanted = time(now, zone, *when);
        let at = match acts.last() {
            Some(before) => wanted.max(before.at + TimeDelta::minutes(1)),
            None => wanted,
        };
        acts.push(act(at, format!("request-{number}-{step}"), *deed));
    }
    let mut latest = now - TimeDelta::minutes(2);
    for act in acts.iter_mut().rev() {
        act.at = act.at.min(latest);
        latest = act.at - TimeDelta::minutes(1);
    }
    acts
}

fn time(now: DateTime<Utc>, zone: Tz, when: When) -> DateTime<Utc> {
    match when {
        When::Ago(minutes) => now - TimeDelta::minutes(minutes),
        When::Day(day, minute) => {
            let midnight = day_from(now, zone, day).and_time(NaiveTime::MIN);
            let local = midnight + TimeDelta::minutes(minute);
            // An hour that the clocks skip is taken as it would be in UTC.
            zone.from_local_datetime(&local)
                .earliest()
                .map_or_else(|| local.and_utc(), |time| time.with_timezone(&Utc))
        }
    }
}

/// A day, counted from today in a time zone.
pub(super) fn day_from(now: DateTime<Utc>, zone: Tz, day: i64) -> chrono::NaiveDate {
    let today = now.with_timezone(&zone).date_naive();
    let moved = if day < 0 {
        today.checked_sub_days(Days::new(day.unsigned_abs()))
    } else {
        today.checked_add_days(Days::new(day.unsigned_abs()))
    };
    moved.unwrap_or(today)
}

fn act(at: DateTime<Utc>, key: String, deed: Deed) -> Act {
    Act { at, key, deed }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plan_is_the_same_each_time_and_nothing_in_it_is_in_the_future() {
        // Just after midnight in Paris, where the days before today are nearest.
        let now = "2026-03-29T22:03:00Z".parse().unwrap();
        let plan = acts(now);
        let again = acts(now);
        assert!(
            plan.iter()
                .zip(&again)
                .all(|(a, b)| a.key == b.key && a.at == b.at)
        );
        assert!(plan.windows(2).all(|pair| pair[0].at <= pair[1].at));
        assert!(plan.last().is_some_and(|last| last.at == now));
        assert!(matches!(
            plan.last().map(|last| last.deed),
            Some(Deed::Join(NEWCOMER))
        ));
        let keys: std::collections::HashSet<_> = plan.iter().map(|act| &act.key).collect();
        assert_eq!(keys.len(), plan.len());
    }
}
