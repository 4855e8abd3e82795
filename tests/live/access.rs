//! Nobody is told an entry that was not hers to read when it was written, however those who may read change.

mod ear;

use std::collections::BTreeMap;

use plant_care::domain::user;
use plant_care::entity::{CareRequestId, EventId, UserId, assignment, stream, stream_entry};
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _};
use serde_json::{Value, json};

use self::ear::Ear;
use crate::support::{Dice, Member, Story, TestApp, care_stream, dice, key};

const CARETAKERS: usize = 3;
const STEPS: usize = 30;

#[tokio::test]
async fn nobody_is_told_what_was_not_hers_to_read_when_it_was_written() {
    let settings = [
        ("LIMIT_REGISTRATIONS_PER_ADDRESS", "100000"),
        ("LIMIT_SUBSCRIPTIONS_PER_USER", "1000"),
    ];
    let app = TestApp::start_with(&settings).await;
    let replica = app.replica().await;
    for seed in dice::seeds(2, 60) {
        let round = Box::pin(Round::new(&app, &replica, Dice::new(seed))).await;
        Box::pin(round.run()).await;
    }
    replica.stop().await;
}

/// One request, with those who listen: the owner, the caretakers to be, and a stranger.
struct Round<'a> {
    replicas: [&'a TestApp; 2],
    dice: Dice,
    story: Story<'a>,
    members: Vec<Member>,
    /// Per member, her connection to each replica.
    ears: Vec<[Ear; 2]>,
    caretaker: Option<usize>,
    /// Whoever was suspended, and how far the timeline and her feed had come when that had been answered.
    suspended: BTreeMap<usize, (i64, i64)>,
    follows: u32,
}

impl<'a> Round<'a> {
    async fn new(app: &'a TestApp, replica: &'a TestApp, dice: Dice) -> Self {
        let story = Story::open(app).await;
        let mut members = vec![story.owner.clone(), story.caretaker.clone()];
        while members.len() < CARETAKERS + 2 {
            members.push(app.member("Mia").await);
        }
        let replicas = [app, replica];
        let mut ears = Vec::new();
        for member in &members {
            let [one, other] = replicas.map(|replica| replica.socket(member));
            ears.push([Ear::over(one.await), Ear::over(other.await)]);
        }
        for ear in ears.iter().flatten() {
            ear.feed();
        }
        let mut round = Self {
            replicas,
            dice,
            story,
            members,
            ears,
            caretaker: None,
            suspended: BTreeMap::new(),
            follows: 0,
        };
        round.follow(0);
        round
    }

    async fn run(mut self) {
        for _ in 0..STEPS {
            match self.dice.below(10) {
                0..3 => self.change_caretaker().await,
                3 => {
                    // Anybody tries, and is told what is hers.
                    let member = self.dice.below(self.members.len());
                    self.follow(member);
                }
                4 if self.dice.once_in(4) => {
                    let member = 1 + self.dice.below(self.members.len() - 1);
                    self.suspend(member).await;
                }
                _ => self.comment().await,
            }
        }
        if let Some(caretaker) = self.caretaker {
            self.suspend(caretaker).await;
        }
        for _ in 0..3 {
            self.comment().await;
        }
        self.judge().await;
    }

    fn anywhere(&mut self) -> &'a TestApp {
        self.replicas[self.dice.below(2)]
    }

    /// A member follows the timeline on both replicas, under a name of its own.
    fn follow(&mut self, member: usize) {
        self.follows += 1;
        for ear in &self.ears[member] {
            ear.follow(&format!("care-{}", self.follows), &self.story.request);
        }
    }

    async fn comment(&mut self) {
        let mut authors = vec![0];
        authors.extend(
            self.caretaker
                .filter(|member| !self.suspended.contains_key(member)),
        );
        let author = *self.dice.of(&authors);
        let input = json!({ "careRequestId": self.story.request, "body": "Hello." });
        let replica = self.anywhere();
        replica.done(&self.members[author], "addComment", input, "").await;
    }

    async fn change_caretaker(&mut self) {
        let replica = self.anywhere();
        match self.caretaker {
            // Whom nobody lets go of: the request stays hers.
            Some(member) if self.suspended.contains_key(&member) => {}
            Some(member) => {
                let (input, member_of) = (self.story.input(), &self.members[member]);
                replica.done(member_of, "withdrawFromCare", input, "").await;
                self.caretaker = None;
            }
            None => {
                let member = 1 + self.dice.below(CARETAKERS);
                if self.suspended.contains_key(&member) {
                    return;
                }
                let offer = self.story.offer(&self.members[member]).await;
                let input = json!({ "offerId": offer });
                replica.done(&self.members[0], "acceptOffer", input, "").await;
                self.caretaker = Some(member);
                self.follow(member);
            }
        }
    }

    async fn suspend(&mut self, member: usize) {
        if self.suspended.contains_key(&member) {
            return;
        }
        let id: UserId = key(&self.members[member].id);
        user::suspend(&self.anywhere().app, id).await.unwrap();
        let (care, feed) = (care_stream(&self.story.request), format!("user:{id}"));
        let ends = (self.last(&care).await, self.last(&feed).await);
        self.suspended.insert(member, ends);
    }

    async fn last(&self, name: &str) -> i64 {
        let row = stream::Entity::find_by_id(name)
            .one(self.story.app.rows())
            .await
            .unwrap();
        row.map_or(0, |row| row.last_seq)
    }

    /// The time of each assignment of a member, as numbers of the timeline; an open one has no end.
    async fn times(&self, member: usize, log: &[EventId]) -> Vec<(i64, Option<i64>)> {
        let request: CareRequestId = key(&self.story.request);
        let caretaker: UserId = key(&self.members[member].id);
        let rows = assignment::Entity::find()
            .filter(assignment::Column::CareRequestId.eq(request))
            .filter(assignment::Column::CaretakerId.eq(caretaker))
            .all(self.story.app.rows())
            .await
            .unwrap();
        let seq = |event: EventId| {
            let place = log.iter().position(|id| *id == event).expect("in the timeline");
            i64::try_from(place + 1).unwrap()
        };
        rows.iter()
            .map(|row| (seq(row.began_event_id), row.ended_event_id.map(seq)))
            .collect()
    }

    /// Waits until everybody was told all, and looks at what that was.
    async fn judge(self) {
        let name = care_stream(&self.story.request);
        let entries = stream_entry::Entity::find()
            .filter(stream_entry::Column::Stream.eq(name))
            .order_by_asc(stream_entry::Column::Seq)
            .all(self.story.app.rows())
            .await
            .unwrap();
        let log: Vec<_> = entries.iter().map(|entry| entry.event_id).collect();
        let last = i64::try_from(log.len()).unwrap();
        for (member, ears) in self.ears.iter().enumerate() {
            let times = self.times(member, &log).await;
            let feed = self
                .last(&format!("user:{}", key::<UserId>(&self.members[member].id)))
                .await;
            for ear in ears {
                let suspended = self.suspended.get(&member);
                if suspended.is_some() {
                    assert_eq!(ear.closed().await, (4403, "session ended".to_owned()));
                } else {
                    ear.until_answered(last, feed).await;
                }
                let most = suspended.map_or((last, feed), |ends| *ends);
                for (id, told) in ear.told() {
                    if id == "feed" {
                        assert!(numbers(&told).all(|seq| seq <= most.1), "after her suspension");
                        continue;
                    }
                    assert!(numbers(&told).all(|seq| seq <= most.0), "after her suspension");
                    assert_hers(member == 0, &times, &told, suspended.is_none(), last);
                }
            }
        }
    }
}

fn numbers(told: &[Value]) -> impl Iterator<Item = i64> {
    told.iter()
        .filter_map(|message| message["payload"]["data"].as_object()?.values().next())
        .filter_map(|told| told["cursor"].as_str())
        .map(super::number)
}

/// Checks what one subscription to the timeline was told, from its first message to its last.
fn assert_hers(is_owner: bool, times: &[(i64, Option<i64>)], told: &[Value], is_whole: bool, last: i64) {
    let seqs: Vec<_> = numbers(told).collect();
    assert!(
        seqs.windows(2).all(|pair| pair[0] < pair[1]),
        "in order: {seqs:?}"
    );
    if is_owner {
        assert_eq!(seqs, (1..=last).collect::<Vec<_>>());
        return;
    }
    // Beyond the end of her last time there is nothing for her.
    let end = times.iter().map(|(_, end)| end.unwrap_or(i64::MAX)).max();
    let end = end.unwrap_or(0);
    assert!(seqs.iter().all(|seq| *seq <= end), "{seqs:?} of {times:?}");
    let is_refused = told.iter().any(|message| message["type"] == "error");
    let types: Vec<_> = told
        .iter()
        .rev()
        .take(2)
        .map(|message| {
            (
                &message["type"],
                &message["payload"]["data"]["careEvents"]["reason"],
            )
        })
        .collect();
    if is_refused {
        assert_eq!(told.len(), 1, "refused at once: {told:?}");
        assert_eq!(told[0]["payload"][0]["extensions"]["code"], "NOT_FOUND");
    } else if types.first().is_some_and(|(kind, _)| **kind == json!("complete")) {
        assert_eq!(types[1].1, "ACCESS_LOST", "{told:?}");
        // The one that ended it was the last she was told; whoever is suspended is out wherever she is.
        let newest = seqs.last().copied();
        assert!(
            !is_whole || times.iter().any(|(_, end)| *end == newest),
            "{newest:?} ended none of {times:?}"
        );
    } else if is_whole {
        assert_eq!(end, i64::MAX, "she may read no more, and was not told: {told:?}");
        assert_eq!(seqs.last(), Some(&last), "a caretaker reads on");
        // What was written between her times she may have passed over before she came back.
        let hers = times.iter().flat_map(|(began, end)| *began..=end.unwrap_or(last));
        for seq in hers {
            assert!(seqs.contains(&seq), "{seq} of {times:?} is not among {seqs:?}");
        }
    }
}
