//! The bus: what one server writes wakes the subscribers of the others, over NATS.

#[cfg(test)]
mod outage;

use futures_util::StreamExt as _;
use plant_care::live::Stream;
use plant_care::live::bus::Wake;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::nats::SharedNats;
use crate::support::{Nats, Socket, Story, TestApp, key, text, until};

/// Starts a server with a bus.
async fn start(url: &str) -> TestApp {
    TestApp::start_with(&[("BUS_URL", url)]).await
}

/// Waits until servers hear each other.
async fn listening(apps: &[&TestApp]) {
    for app in apps {
        until("the bus listens", || app.app.bus.is_listening()).await;
    }
}

/// Waits until a server was told so many wake-ups, and checks that it was told no more.
async fn told(app: &TestApp, wakes: u64) {
    until("it was told", || app.app.bus.received() >= wakes).await;
    assert_eq!(app.app.bus.received(), wakes);
}

/// A wake-up that nobody waits for.
fn of_nothing(number: u128) -> Wake {
    Wake::Moved(Stream::Care(key_of(number)), 1)
}

fn key_of(number: u128) -> plant_care::entity::CareRequestId {
    plant_care::entity::CareRequestId(Uuid::from_u128(number))
}

async fn following(app: &TestApp, story: &Story<'_>) -> Socket {
    let mut socket = app.socket(&story.owner).await;
    socket.follow(&story.request, None).await;
    socket.replay().await;
    socket
}

/// Whether a server is ready, and what it says of its bus.
async fn readiness(app: &TestApp) -> (u16, Value) {
    let response = app.request(Method::GET, "/health/ready").send().await.unwrap();
    let status = response.status().as_u16();
    let mut answer: Value = response.json().await.unwrap();
    (status, answer["checks"]["bus"].take())
}

#[tokio::test]
async fn an_event_at_one_server_wakes_the_subscribers_of_another() {
    let nats = SharedNats::start().await;
    let app = start(&nats.url).await;
    let replica = app.replica().await;
    listening(&[&app, &replica]).await;
    assert_eq!(readiness(&replica).await, (200, json!("ok")));

    let story = Story::in_progress(&app).await;
    let mut socket = following(&replica, &story).await;
    for _ in 0..3 {
        let before = replica.app.bus.received();
        let written = story.water(100).await;
        until("the hub was told", || replica.app.bus.received() > before).await;
        assert_eq!(socket.told().await["cursor"], written["cursor"]);
    }
    assert_eq!(app.app.bus.dropped(), 0);

    // What it sent itself, which comes back before this, does not count.
    replica.app.bus.tell(of_nothing(1));
    told(&app, 1).await;
}

#[tokio::test]
async fn deployments_on_one_nats_server_do_not_wake_each_other() {
    let nats = SharedNats::start().await;
    let (app, other) = (start(&nats.url).await, start(&nats.url).await);
    let (replica, others_replica) = (app.replica().await, other.replica().await);
    listening(&[&app, &other, &replica, &others_replica]).await;
    for number in 0..10 {
        app.app.bus.tell(of_nothing(number));
    }
    told(&replica, 10).await;
    // The ten would have come before this one.
    other.app.bus.tell(of_nothing(1));
    told(&others_replica, 1).await;
}

#[tokio::test]
async fn a_copy_of_a_database_or_other_keys_make_another_deployment() {
    let nats = Nats::start().await;
    let client = async_nats::connect(nats.url()).await.unwrap();
    let mut heard = client.subscribe("plant_care.wake.*").await.unwrap();
    client.flush().await.unwrap();
    let app = start(&nats.url()).await;
    let subject = heard.next().await.unwrap().subject;
    let replica = app.replica().await;
    listening(&[&replica]).await;
    assert_eq!(
        heard.next().await.unwrap().subject,
        subject,
        "one for all replicas"
    );

    // The same keys over another database, and another key over the same database.
    let folder = app.app.config.data_dir.display().to_string();
    let copy = TestApp::start_with(&[("BUS_URL", &nats.url()), ("DATA_DIR", &folder)]).await;
    let of_copy = heard.next().await.unwrap().subject;
    let secret = "c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0IDEyMzQ=";
    let database = &app.app.config.database_url.0;
    let settings = [
        ("BUS_URL", nats.url()),
        ("DATABASE_URL", database.clone()),
        // With its other key, which must be the database's.
        ("DATA_DIR", folder.clone()),
        ("SECRET_KEY", secret.to_owned()),
    ];
    let settings = settings.each_ref().map(|(name, value)| (*name, value.as_str()));
    let rekeyed = TestApp::start_with(&settings).await;
    let of_rekeyed = heard.next().await.unwrap().subject;
    assert!(subject != of_copy && subject != of_rekeyed && of_copy != of_rekeyed);
    listening(&[&copy, &rekeyed]).await;
}

#[tokio::test]
async fn noise_on_the_bus_is_ignored_and_what_other_programs_say_is_understood() {
    let nats = Nats::start().await;
    let client = async_nats::connect(nats.url()).await.unwrap();
    let mut heard = client.subscribe("plant_care.wake.>").await.unwrap();
    client.flush().await.unwrap();
    let app = start(&nats.url()).await;
    let hello = heard.next().await.unwrap();
    listening(&[&app]).await;

    let stream = Stream::Care(key_of(7));
    let wake = format!("m {stream} 3");
    for message in [
        vec![0xff, 0x00],
        Vec::new(),
        wake.clone().into_bytes(),
        format!("2 another\n{wake}").into_bytes(),
        // Its own words from somewhere else tell it nothing.
        hello.payload.to_vec(),
        format!("1 another\nnoise\n{wake}").into_bytes(),
    ] {
        client
            .publish(hello.subject.clone(), message.into())
            .await
            .unwrap();
    }
    told(&app, 1).await;

    app.app.bus.tell(Wake::Moved(stream, 4));
    let sent = loop {
        let message = heard.next().await.unwrap();
        // What it published itself comes back to this client, too.
        let message = String::from_utf8_lossy(&message.payload).into_owned();
        if message.ends_with('4') {
            break message;
        }
    };
    let (header, lines) = sent.split_once('\n').unwrap();
    assert!(header.starts_with("1 "), "{sent}");
    assert_eq!(lines, format!("m {stream} 4"));
}

#[tokio::test]
async fn of_a_burst_of_wake_ups_all_arrive_and_each_event_once() {
    const EVENTS: i64 = 20;
    const EACH: i64 = 100;
    let nats = SharedNats::start().await;
    let app = start(&nats.url).await;
    let replica = app.replica().await;
    listening(&[&app, &replica]).await;
    let story = Story::in_progress(&app).await;
    let mut socket = following(&replica, &story).await;
    let before = replica.app.bus.received();
    let stream = Stream::Care(key(&story.request));
    let mut last = 0;
    for event in 0..EVENTS {
        let written = story.water(100).await;
        last = written["event"]["seq"].as_i64().unwrap();
        // The same again, older ones, and of others.
        for number in 0..EACH / 2 {
            app.app.bus.tell(Wake::Moved(stream, (last - number).max(1)));
            app.app
                .bus
                .tell(of_nothing(u128::try_from(event * EACH + number).unwrap()));
        }
    }
    let first = last - EVENTS + 1;
    assert_eq!(
        socket.numbers_until(last).await,
        (first..=last).collect::<Vec<_>>()
    );
    let burst = u64::try_from(EVENTS * EACH).unwrap();
    until("all wake-ups came", || {
        replica.app.bus.received() >= before + burst
    })
    .await;
    assert_eq!(app.app.bus.dropped(), 0);

    let written = text(&story.water(1).await["cursor"]);
    assert_eq!(socket.told().await["cursor"], written.as_str());
}

#[tokio::test]
async fn a_wake_up_counts_as_lost_only_if_it_does_not_come() {
    const RESCUES: &str = "plant_care_live_bus_rescues_total";
    let app = TestApp::start().await;
    let story = Story::in_progress(&app).await;
    let mut socket = following(&app, &story).await;
    // Compared at every moment, also between a commit and its wake-up.
    let hub = &app.app.hub;
    let writing = async {
        for amount in 1..=30 {
            story.water(amount).await;
            socket.told().await;
        }
    };
    let comparing = async {
        loop {
            hub.catch_up().await.unwrap();
        }
    };
    tokio::select! {
        () = writing => {}
        () = comparing => {}
    }
    hub.catch_up().await.unwrap();
    assert_eq!(app.metrics().await.value(RESCUES), 0);

    let silent = app.silent_replica().await;
    let body = json!({ "careRequestId": story.request, "body": "In silence" });
    silent.done(&story.caretaker, "addComment", body, "").await;
    socket.told().await;
    // The timeline, and the owner's feed if she follows it.
    app.until_metric(RESCUES, |count| count == 1).await;
}
