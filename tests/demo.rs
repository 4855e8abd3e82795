//! The commands that play and watch a story, as the program that people start.

use std::io::{BufRead as _, BufReader};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use plant_care::entity::event::EventKind;
use plant_care::entity::{event, user};
use sea_orm::{EntityTrait as _, PaginatorTrait as _};
use tokio::sync::mpsc;

use crate::support::{Member, Story, TestApp, text};

#[tokio::test]
async fn the_demonstration_shows_every_event_once_and_proves_it() {
    let app = TestApp::start().await;
    let played = finish(program(&["demo", "--pace", "fast", "--url", &app.url])).await;
    let (shown, said) = texts(&played);
    assert!(played.status.success(), "{said}");

    for once in [
        "Nora published the request",
        "Nora accepted Emil's offer",
        "Emil started",
        "Emil watered Fernanda, 300 ml  “Dry two fingers deep.”",
        "Nora: “How is Fernanda?”",
        "Emil: “All well here. Enjoy the sea!”",
        "Emil ended the care",
        "Nora confirmed that all went well",
    ] {
        assert_eq!(shown.matches(once).count(), 1, "{once}: {shown}");
    }
    assert_eq!(shown.matches("missed  ").count(), 4, "{shown}");
    assert!(
        shown.contains("4 events missed, 4 arrived: each once, in order"),
        "{shown}"
    );
    assert!(shown.contains("15 events, no gap, no double."), "{shown}");
    assert!(!shown.contains('\u{1b}'), "colours outside a terminal: {shown}");

    let stored = event::Entity::find().all(app.rows()).await.unwrap();
    let recorded = stored
        .iter()
        .filter(|event| event.kind == EventKind::CareRecorded);
    assert_eq!(recorded.count(), 7);
    app.assert_whole_log().await;
    app.stop().await;
}

#[tokio::test]
async fn a_demonstration_in_a_loop_goes_on_with_the_same_members_until_it_is_interrupted() {
    let app = TestApp::start().await;
    let mut playing = Lines::of(&mut program(&[
        "demo", "--loop", "--pace", "fast", "--url", &app.url,
    ]));
    playing.until("2 rounds: 30 events, no gap, no double.").await;
    playing.interrupt();
    assert!(playing.ended().await);
    assert_eq!(user::Entity::find().count(app.rows()).await.unwrap(), 3);
    app.stop().await;
}

#[tokio::test]
async fn a_demonstration_without_a_server_says_so_in_one_line() {
    let played = finish(program(&["demo", "--url", "http://127.0.0.1:9"])).await;
    let (shown, said) = texts(&played);
    assert!(!played.status.success() && shown.is_empty());
    assert!(
        said.contains("no server answers at http://127.0.0.1:9/graphql"),
        "{said}"
    );
    assert_eq!(said.lines().count(), 1, "{said}");
}

#[tokio::test]
async fn watching_replays_goes_on_live_and_resumes_where_it_ended() {
    let app = TestApp::start().await;
    let story = Story::in_progress(&app).await;
    story.water(100).await;
    let mut watching = Lines::of(&mut watch(&app.url, &story.owner, &[&story.request]));
    let replayed = watching.until("caught up").await;
    assert_eq!(replayed.matches("replay").count(), 4, "{replayed}");
    story.water(200).await;
    let live = watching.until("Carl watered Fern, 200 ml").await;
    assert!(live.contains("#5     live"), "{live}");
    watching.interrupt();
    let cursor = watching.until("--after ").await;
    let cursor = cursor.rsplit(' ').next().unwrap().trim().to_owned();
    assert!(watching.ended().await);

    story.water(300).await;
    let mut resumed = Lines::of(&mut watch(
        &app.url,
        &story.owner,
        &[&story.request, "--after", &cursor],
    ));
    let missed = resumed.until("caught up").await;
    assert!(missed.contains("Carl watered Fern, 300 ml"), "{missed}");
    assert_eq!(missed.matches("replay").count(), 1, "{missed}");
    resumed.interrupt();
    assert!(resumed.ended().await);
    app.stop().await;
}

#[tokio::test]
async fn watching_comes_back_when_the_network_does_and_misses_nothing() {
    let app = TestApp::start().await;
    let story = Story::in_progress(&app).await;
    let wire = Wire::to(&app);
    let mut watching = Lines::of(&mut watch(&wire.url, &story.owner, &[&story.request]));
    watching.until("caught up").await;
    wire.cut();
    watching.until("connection lost").await;
    let payload = story.water(400).await;
    wire.mend();
    let missed = watching.until("caught up").await;
    assert_eq!(missed.matches("Carl watered Fern, 400 ml").count(), 1, "{missed}");
    assert_eq!(missed.matches("replay").count(), 1, "{missed}");
    watching.interrupt();
    let resume = watching.until("--after ").await;
    assert!(resume.contains(&text(&payload["cursor"])), "{resume}");
    assert!(watching.ended().await);
    app.stop().await;
}

#[tokio::test]
async fn watching_ends_when_access_does() {
    let app = TestApp::start().await;
    let story = Story::in_progress(&app).await;
    let mut watching = Lines::of(&mut watch(&app.url, &story.caretaker, &[&story.request]));
    watching.until("caught up").await;
    story.does(&story.caretaker, "withdrawFromCare").await;
    watching.until("the stream has ended (ACCESS_LOST)").await;
    watching.until("--after ").await;
    assert!(watching.ended().await);
    app.stop().await;
}

#[tokio::test]
async fn watching_without_a_token_or_a_request_says_so_in_one_line() {
    let app = TestApp::start().await;
    let story = Story::in_progress(&app).await;
    let without = finish(program(&["watch", &story.request, "--url", &app.url])).await;
    let stranger = app.member("Sid").await;
    let unseen = finish(watch(&app.url, &stranger, &[&story.request])).await;
    for (output, word) in [(without, "PLANT_CARE_TOKEN"), (unseen, "refused")] {
        let (_, said) = texts(&output);
        assert!(!output.status.success() && said.contains(word), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
    app.stop().await;
}

/// The program, outside of any terminal and without this process's settings of it.
fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_plant-care"));
    command
        .args(arguments)
        .env_remove("PLANT_CARE_TOKEN")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn watch(url: &str, member: &Member, arguments: &[&str]) -> Command {
    let mut command = program(&["watch", "--url", url]);
    command.args(arguments).env("PLANT_CARE_TOKEN", &member.token);
    command
}

/// Waits for a program while the server of the test goes on.
async fn finish(mut command: Command) -> Output {
    tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap()
}

fn texts(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (text(&output.stdout), text(&output.stderr))
}

/// A way to a server that can be cut.
struct Wire {
    url: String,
    whole: Arc<AtomicBool>,
    sockets: Arc<Mutex<Vec<TcpStream>>>,
}

impl Wire {
    fn to(app: &TestApp) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let wire = Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            whole: Arc::new(AtomicBool::new(true)),
            sockets: Arc::default(),
        };
        let server = app.url.trim_start_matches("http://").to_owned();
        let (whole, sockets) = (Arc::clone(&wire.whole), Arc::clone(&wire.sockets));
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if !whole.load(Ordering::Relaxed) {
                    continue;
                }
                let server = TcpStream::connect(&server).unwrap();
                for (from, to) in [(&client, &server), (&server, &client)] {
                    let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    sockets.lock().unwrap().push(from.try_clone().unwrap());
                    // It ends with an error where the other side was quicker to leave.
                    std::thread::spawn(move || std::io::copy(&mut from, &mut to).ok());
                }
            }
        });
        wire
    }

    /// Ends all connections and lets no new one through.
    fn cut(&self) {
        self.whole.store(false, Ordering::Relaxed);
        for socket in self.sockets.lock().unwrap().drain(..) {
            // It may be gone already.
            socket.shutdown(Shutdown::Both).ok();
        }
    }

    fn mend(&self) {
        self.whole.store(true, Ordering::Relaxed);
    }
}

/// A running program, line by line.
struct Lines {
    child: Child,
    lines: mpsc::UnboundedReceiver<String>,
}

impl Lines {
    fn of(command: &mut Command) -> Self {
        let mut child = command.stderr(Stdio::inherit()).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = mpsc::unbounded_channel();
        std::thread::spawn(move || {
            for line in out.lines() {
                if sender.send(line.unwrap()).is_err() {
                    return;
                }
            }
        });
        Self { child, lines }
    }

    /// All lines up to the one with a text.
    async fn until(&mut self, wanted: &str) -> String {
        let mut seen = String::new();
        let found = async {
            while let Some(line) = self.lines.recv().await {
                seen.push_str(&line);
                if line.contains(wanted) {
                    return true;
                }
                seen.push('\n');
            }
            false
        };
        let found = tokio::time::timeout(Duration::from_mins(1), found).await;
        assert_eq!(found, Ok(true), "{wanted} is not in: {seen}");
        seen
    }

    /// Ctrl-C.
    fn interrupt(&self) {
        let sent = Command::new("kill")
            .args(["-INT", &self.child.id().to_string()])
            .status();
        assert!(sent.unwrap().success());
    }

    /// Waits for its end: whether it was a good one.
    async fn ended(mut self) -> bool {
        tokio::task::spawn_blocking(move || self.child.wait().unwrap().success())
            .await
            .unwrap()
    }
}
