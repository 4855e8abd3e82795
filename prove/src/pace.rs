//! Writing at a steady rate, whatever the server does: an open loop, so that a slow answer is not hidden by the
//! writes that did not happen meanwhile.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::sleep_until;

use crate::api::{Api, Care};
use crate::failure::Result;
use crate::figures::{Clock, whole};
use crate::message::note;

/// What was written.
#[derive(Clone, Copy, Debug, Default)]
pub struct Written {
    /// How many events.
    pub count: u64,
    /// The newest one's number.
    pub last: u64,
    /// When the first was to be sent, in microseconds.
    pub from: u64,
    /// When the next would have been sent.
    pub to: u64,
}

/// A steady rate.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Events a second.
    pub rate: f64,
    /// For how long.
    pub time: Duration,
}

impl Pace {
    /// The moments at which to send, from now on.
    pub fn moments(self, clock: Clock) -> impl Iterator<Item = u64> {
        let start = clock.micros() + 1000;
        let step = whole(Duration::from_secs_f64(1.0 / self.rate).as_micros()).max(1);
        let count = whole(self.time.as_micros()) / step;
        (0..count.max(1)).map(move |number| start + number * step)
    }
}

/// Does something at a pace, whatever becomes of what was begun before, and waits for the last of it: how to write at a
/// moment, which gives the event's number.
pub async fn each<W>(pace: Pace, clock: Clock, mut begin: impl FnMut(u64) -> W) -> Result<Written>
where
    W: Future<Output = Result<u64>> + Send + 'static,
{
    let mut written = Written::default();
    let mut tasks = JoinSet::new();
    for moment in pace.moments(clock) {
        if written.from == 0 {
            written.from = moment;
        }
        sleep_until(clock.instant(moment)).await;
        tasks.spawn(begin(moment));
        written.to = moment + 1;
    }
    while let Some(number) = tasks.join_next().await {
        written.count += 1;
        written.last = written.last.max(number??);
    }
    Ok(written)
}

/// Does something at a pace, and each time only when the time before is done: what comes later because of that is late all
/// the same. What to do with the number that follows, the first after `seq`, and its moment.
pub async fn in_turn(
    pace: Pace,
    clock: Clock,
    seq: u64,
    mut act: impl AsyncFnMut(u64, u64) -> Result<()>,
) -> Result<Written> {
    let mut written = Written {
        last: seq,
        ..Written::default()
    };
    for moment in pace.moments(clock) {
        if written.from == 0 {
            written.from = moment;
        }
        sleep_until(clock.instant(moment)).await;
        written.last += 1;
        written.count += 1;
        act(written.last, moment).await?;
        written.to = moment + 1;
    }
    Ok(written)
}

/// Records care at a pace, and waits for the last answer.
pub async fn write(
    api: &Api,
    server: SocketAddr,
    care: &Arc<Care>,
    pace: Pace,
    clock: Clock,
) -> Result<Written> {
    each(pace, clock, |moment| {
        let (api, care) = (api.clone(), Arc::clone(care));
        async move { Ok(api.record(server, &care, &note(moment, 32), None).await?) }
    })
    .await
}

/// Records care so many times, a few at once, as quickly as the server will.
pub async fn write_many(
    api: &Api,
    server: SocketAddr,
    care: &Arc<Care>,
    count: usize,
    clock: Clock,
) -> Result<u64> {
    use futures_util::{StreamExt as _, stream};
    let mut writes = stream::iter(0..count)
        .map(|_| async {
            let note = note(clock.micros(), 32);
            api.record(server, care, &note, None).await
        })
        .buffer_unordered(4);
    let mut last = 0;
    while let Some(seq) = writes.next().await {
        last = last.max(seq?);
    }
    Ok(last)
}
