//! What a process learns of a stream while it is written to: every look at the database, with a write at every point at
//! which it waits.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;

use plant_care::live::Stream;
use plant_care::live::topic::Lookup;

use crate::support::{Story, TestApp, key};

/// Runs a future until it has waited some times; whether it is done.
async fn waits(mut future: Pin<&mut impl Future<Output = ()>>, times: usize) -> bool {
    let mut left = times;
    poll_fn(|context| {
        if future.as_mut().poll(context).is_ready() {
            return Poll::Ready(true);
        }
        if left == 0 {
            return Poll::Ready(false);
        }
        left -= 1;
        Poll::Pending
    })
    .await
}

/// What waits is not always for the same, as the database's threads have their own pace: each point comes several times.
const ROUNDS: usize = 60;
/// More often than that no look waits.
const POINTS: usize = 6;

/// Looks in some way, again and again, and writes once while it looks: after it has waited not at all, once, twice…
async fn writes_while_it(looks: impl AsyncFn(&TestApp, Stream, i64)) {
    let app = TestApp::start().await;
    let story = Story::in_progress(&app).await;
    let stream = Stream::Care(key(&story.request));
    let topic = app.app.hub.topic(stream);
    topic.refresh().await.unwrap();
    for times in (0..ROUNDS).map(|round| round % POINTS) {
        let last = topic.known().1.last;
        // Whoever was told of too many looks for them while they are written: of so many that no memory begins before.
        app.app.hub.moved(stream, last + 1_000);
        let mut look = pin!(looks(&app, stream, last + 1));
        let is_done = waits(look.as_mut(), times).await;
        let written = story.water(1).await["event"]["seq"].as_i64().unwrap();
        assert_eq!(written, last + 1, "after {times} waits");
        if !is_done {
            look.await;
        }
        assert!(topic.known().1.last >= written, "forgotten after {times} waits");
        // Another mistake of the kind costs the memory of the newest; what was read before that still tells.
        app.app.hub.moved(stream, last + 2_000);
        topic.fetch(last + 1_500).await.unwrap();
        assert!(
            !matches!(topic.lookup(written), Lookup::Missing { .. }),
            "said to be trimmed after {times} waits"
        );
        assert!(topic.entry(written).await.unwrap().is_some());
        topic.refresh().await.unwrap();
        assert_eq!(topic.known().1.last, written);
    }
}

#[tokio::test]
async fn what_is_written_while_an_entry_is_fetched_is_not_said_to_be_trimmed() {
    writes_while_it(async |app, stream, seq| app.app.hub.topic(stream).fetch(seq).await.unwrap()).await;
}

#[tokio::test]
async fn what_is_written_while_a_stream_is_looked_at_is_not_forgotten() {
    writes_while_it(async |app, stream, _| {
        app.app.hub.topic(stream).refresh().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn what_is_written_while_all_streams_are_compared_is_not_forgotten() {
    writes_while_it(async |app, _, _| {
        app.app.hub.catch_up().await.unwrap();
    })
    .await;
}
