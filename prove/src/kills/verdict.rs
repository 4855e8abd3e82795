//! What should have been seen, read page by page when all is quiet, and what was.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use super::follower::{Follower, Saw};
use super::writer::Act;
use crate::api::{Api, Care, Member, text};
use crate::crowd::Sequence;
use crate::failure::{Result, ensure, fail};

const TIMELINE: &str = "query($id: ID!, $after: String) { careRequest(id: $id) {
    timeline(first: 100, after: $after) { pageInfo { endCursor hasNextPage } edges { node { id seq
    ... on CareRecorded { note } ... on CommentAdded { comment { body } } } } } } }";
const FEED: &str = "query($after: String) { feed { events(first: 100, after: $after) {
    pageInfo { endCursor hasNextPage } edges { node { event { id } } } } } }";

/// What there is at the end.
#[derive(Debug)]
pub(super) struct Truth {
    /// The newest number of each timeline.
    last: Vec<u64>,
    /// The feeds' events, by request and party (the owner first).
    feeds: Vec<[Vec<String>; 2]>,
}

/// What is wrong.
#[derive(Debug, Default)]
pub(super) struct Judged {
    pub(super) holes: u64,
    pub(super) doubles: u64,
    pub(super) faults: Vec<String>,
}

impl Truth {
    /// Whether a follower has come to the end.
    pub(super) fn is_reached(&self, follower: &Follower, saw: &Saw) -> bool {
        if !follower.feed {
            return saw.sequence.last >= self.last[follower.care];
        }
        let feed = self.feed(follower);
        feed.last()
            .is_none_or(|last| saw.events.last() == Some(last) || saw.events.len() > feed.len())
    }

    fn feed(&self, follower: &Follower) -> &[String] {
        &self.feeds[follower.care][usize::from(!follower.owner)]
    }
}

/// How many entries each feed has before anybody writes; nobody who follows from then on gets them.
pub(super) async fn before(api: &Api, server: SocketAddr, cares: &[Arc<Care>]) -> Result<Vec<[usize; 2]>> {
    let mut before = Vec::new();
    for care in cares {
        let mut counts = [0; 2];
        for (count, member) in counts.iter_mut().zip([&care.owner, &care.caretaker]) {
            *count = feed(api, server, member).await?.len();
        }
        before.push(counts);
    }
    Ok(before)
}

/// The ids of a feed's events, oldest first.
async fn feed(api: &Api, server: SocketAddr, member: &Member) -> Result<Vec<String>> {
    let entries = api
        .pages(server, member, FEED, &["feed", "events"], (None, None))
        .await?;
    entries.iter().map(|entry| text(&entry["event"]["id"])).collect()
}

/// Reads all timelines and feeds, and fails unless each act is there once, and numbers are dense.
pub(super) async fn truth(
    api: &Api,
    server: SocketAddr,
    cares: &[Arc<Care>],
    acts: &[Act],
    before: &[[usize; 2]],
) -> Result<Truth> {
    let mut truth = Truth {
        last: Vec::new(),
        feeds: Vec::new(),
    };
    for (number, care) in cares.iter().enumerate() {
        let path = ["careRequest", "timeline"];
        let id = (Some(care.request.as_str()), None);
        let events = api.pages(server, &care.owner, TIMELINE, &path, id).await?;
        let mut written: HashMap<String, usize> = HashMap::new();
        for (event, seq) in events.iter().zip(1_u64..) {
            ensure(event["seq"].as_u64() == Some(seq), || {
                format!("timeline {number} has {event} where number {seq} should be")
            })?;
            let key = event["note"]
                .as_str()
                .or_else(|| event["comment"]["body"].as_str());
            if let Some(key) = key {
                *written.entry(key.to_owned()).or_default() += 1;
            }
        }
        let expected = acts.iter().filter(|act| act.care == number);
        for act in expected.clone() {
            match written.get(&act.key) {
                Some(1) => {}
                Some(times) => {
                    return fail(format!(
                        "{} was sent once with its key, and written {times} times",
                        act.key
                    ));
                }
                None => return fail(format!("{} was answered, and is not in the timeline", act.key)),
            }
        }
        ensure(written.len() == expected.count(), || {
            format!("timeline {number} has acts that nobody was answered for")
        })?;
        truth.last.push(events.len() as u64);
        let [owner, caretaker] = before[number];
        truth.feeds.push([
            feed(api, server, &care.owner).await?.split_off(owner),
            feed(api, server, &care.caretaker).await?.split_off(caretaker),
        ]);
    }
    Ok(truth)
}

/// Compares what was seen with what there is.
pub(super) fn judge(truth: &Truth, seen: &[(Follower, Saw)]) -> Judged {
    let mut judged = Judged::default();
    for (follower, saw) in seen {
        let (holes, doubles) = if follower.feed {
            compare(truth.feed(follower), &saw.events)
        } else {
            (saw.sequence.holes, saw.sequence.doubles)
        };
        judged.holes += holes;
        judged.doubles += doubles;
        if holes + doubles > 0 && judged.faults.len() < 5 {
            let what = if follower.feed { "feed" } else { "timeline" };
            judged.faults.push(format!(
                "{holes} missing and {doubles} doubled or out of order in a {what} of request {}",
                follower.care
            ));
        }
    }
    judged
}

/// How many events of a feed are missing in what was seen, and how many came again or out of order.
fn compare(feed: &[String], seen: &[String]) -> (u64, u64) {
    let places: HashMap<&str, u64> = feed.iter().map(String::as_str).zip(1..).collect();
    let mut sequence = Sequence::default();
    for event in seen {
        sequence.saw(places.get(event.as_str()).copied().unwrap_or_default());
    }
    (sequence.holes, sequence.doubles)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_feed_is_compared_with_what_was_seen_of_it() {
        let names = |text: &str| text.chars().map(String::from).collect::<Vec<_>>();
        assert_eq!(compare(&names("abcde"), &names("abcde")), (0, 0));
        assert_eq!(compare(&names("abcde"), &names("bde")), (2, 0));
        assert_eq!(compare(&names("abc"), &names("abbc")), (0, 1));
        assert_eq!(compare(&names("abc"), &names("ax")), (0, 1));
    }
}
