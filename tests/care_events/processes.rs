//! Several processes over one database: wherever an event is written, it arrives everywhere.

use futures_util::future::join;
use plant_care::live::Stream;
use plant_care::live::bus::Wake;
use serde_json::json;

use super::{BEGINNING, numbers};
use crate::support::{Logs, Member, Socket, Story, TestApp, key, text};

/// Has a member water through another process than the story's.
async fn water_at(app: &TestApp, story: &Story<'_>, member: &Member) -> String {
    let input = json!({ "careRequestId": story.request, "plantId": story.plants[0], "kind": "WATER" });
    text(&app.done(member, "recordCare", input, "cursor").await["cursor"])
}

async fn following(app: &TestApp, story: &Story<'_>) -> Socket {
    let mut socket = app.socket(&story.owner).await;
    socket.follow(&story.request, None).await;
    socket.replay().await;
    socket
}

#[tokio::test]
async fn an_event_arrives_at_the_subscribers_of_every_process() {
    let app = TestApp::start().await;
    let replica = app.replica().await;
    let story = Story::in_progress(&app).await;
    let (mut here, mut there) = (following(&app, &story).await, following(&replica, &story).await);
    for writer in [&replica, &app, &replica] {
        let cursor = water_at(writer, &story, &story.caretaker).await;
        assert_eq!(here.told().await["cursor"], cursor.as_str());
        assert_eq!(there.told().await["cursor"], cursor.as_str());
    }
}

#[tokio::test]
async fn an_event_whose_wake_up_is_lost_arrives_all_the_same() {
    let app = TestApp::start().await;
    let silent = app.silent_replica().await;
    let story = Story::in_progress(&app).await;
    let mut socket = following(&app, &story).await;
    let lost = [
        water_at(&silent, &story, &story.caretaker).await,
        water_at(&silent, &story, &story.caretaker).await,
    ];
    for cursor in lost {
        assert_eq!(socket.told().await["cursor"], cursor.as_str());
    }
}

#[tokio::test]
async fn wake_ups_that_are_doubled_or_old_or_of_nothing_double_nothing() {
    let app = TestApp::start().await;
    let story = Story::in_progress(&app).await;
    let mut socket = following(&app, &story).await;
    let stream = Stream::Care(key(&story.request));
    for last in [1, 3, 4, 4, 100] {
        app.app.wake(Wake::Moved(stream, last));
    }
    // Whoever was told of too many looks for them while they are written.
    for number in 1..=40 {
        app.app.wake(Wake::Moved(stream, 200 * number));
        story.water(1).await;
    }
    let end = BEGINNING + 40;
    let expected: Vec<_> = (BEGINNING + 1..=end).collect();
    assert_eq!(socket.numbers_until(end).await, expected);
}

#[tokio::test]
async fn a_subscriber_who_moves_between_processes_while_both_write_misses_nothing() {
    const EACH: i64 = 15;
    let app = TestApp::start().await;
    let replica = app.replica().await;
    let story = Story::in_progress(&app).await;
    let end = BEGINNING + 2 * EACH;
    let writing = |app| {
        let story = &story;
        async move {
            for _ in 0..EACH {
                water_at(app, story, &story.caretaker).await;
            }
        }
    };
    let moving = async {
        let (mut seen, mut after) = (Vec::new(), None::<String>);
        for place in [&app, &replica].into_iter().cycle() {
            let mut socket = place.socket(&story.owner).await;
            socket.follow(&story.request, after.as_deref()).await;
            // A few from each, whether from the replay or live, and then on.
            for _ in 0..4 {
                let told = socket.told().await;
                after = Some(text(&told["cursor"]));
                seen.extend(told["event"]["seq"].as_i64());
                if seen.last() == Some(&end) {
                    return seen;
                }
            }
        }
        seen
    };
    let (_, seen) = join(join(writing(&app), writing(&replica)), moving).await;
    assert_eq!(seen, (1..=end).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_stream_outlives_a_failing_database() {
    let app = TestApp::start().await;
    let story = Story::in_progress(&app).await;
    let mut socket = following(&app, &story).await;
    let logs = Logs::catch();
    app.sql("ALTER TABLE stream_entries RENAME TO lost").await;
    app.app.wake(Wake::Moved(Stream::Care(key(&story.request)), 100));
    logs.until("a live stream waits for the database").await;
    app.sql("ALTER TABLE lost RENAME TO stream_entries").await;
    let cursor = text(&story.water(1).await["cursor"]);
    assert_eq!(socket.told().await["cursor"], cursor.as_str());

    let mut again = app.socket(&story.owner).await;
    again.follow(&story.request, None).await;
    let (events, position) = again.replay().await;
    assert_eq!(numbers(&events), [1, 2, 3, 4]);
    assert_eq!(position, cursor);
}
