//! A NATS server for a test.

use std::io::{BufRead as _, BufReader, ErrorKind};
use std::net::TcpListener;
use std::process::{Child, ChildStderr, Command, Stdio};

use tokio::task::spawn_blocking;

/// Ports that no outgoing connection is given, so that a server which stopped can have its own again.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// A server of the test's own, which may stop and start again.
pub(crate) struct Nats {
    port: u16,
    arguments: Vec<String>,
    process: Option<Process>,
}

/// With its log, so that it can always write to it.
struct Process(
    Child,
    #[expect(dead_code, reason = "kept open")] BufReader<ChildStderr>,
);

/// The server that all tests may use.
pub(crate) struct SharedNats {
    pub(crate) url: String,
    _own: Option<Nats>,
}

impl SharedNats {
    /// The one that the test run was given, or else a new one.
    pub(crate) async fn start() -> Self {
        #[expect(clippy::disallowed_methods, reason = "it says which server the tests use")]
        let given = std::env::var("TEST_NATS_URL").ok().filter(|url| !url.is_empty());
        if let Some(url) = given {
            return Self { url, _own: None };
        }
        let own = Nats::start().await;
        Self {
            url: own.url(),
            _own: Some(own),
        }
    }
}

impl Nats {
    /// Starts one that trusts everybody.
    pub(crate) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// Starts one with more arguments.
    pub(crate) async fn start_with(arguments: &[&str]) -> Self {
        let mut server = Self::absent();
        server.arguments = arguments.iter().map(ToString::to_string).collect();
        server.start_again().await;
        server
    }

    /// The place of one that is not started yet.
    pub(crate) fn absent() -> Self {
        let free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
        let mut random =
            std::iter::repeat_with(|| u16::from_ne_bytes(plant_care::crypto::random()) % PORTS.end);
        Self {
            port: random.find(|port| PORTS.contains(port) && free(port)).unwrap(),
            arguments: Vec::new(),
            process: None,
        }
    }

    /// `nats://127.0.0.1:...`
    pub(crate) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Its address with a user's name and password before it, as they are written in addresses.
    pub(crate) fn url_as(&self, user: &str) -> String {
        format!("nats://{user}@127.0.0.1:{}", self.port)
    }

    /// Starts it where it was, and waits until it serves.
    pub(crate) async fn start_again(&mut self) {
        assert!(self.process.is_none(), "it runs");
        let mut words = vec![
            "--addr".to_owned(),
            "127.0.0.1".to_owned(),
            "--port".to_owned(),
            self.port.to_string(),
        ];
        words.extend_from_slice(&self.arguments);
        self.process = Some(spawn_blocking(move || spawn(&words)).await.unwrap());
    }

    /// Ends it, and waits until it has.
    pub(crate) async fn stop(&mut self) {
        let mut process = self.process.take().expect("it runs");
        let ending = move || {
            process.0.kill().unwrap();
            process.0.wait().unwrap();
        };
        spawn_blocking(ending).await.unwrap();
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        if let Some(Process(mut child, _)) = self.process.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}

fn spawn(words: &[String]) -> Process {
    // Debian installs it where only root's path leads.
    let child = ["nats-server", "/usr/sbin/nats-server"]
        .into_iter()
        .find_map(|program| {
            let spawned = Command::new(program)
                .args(words)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::piped())
                .spawn();
            match spawned {
                Err(error) if error.kind() == ErrorKind::NotFound => None,
                spawned => Some(spawned.unwrap()),
            }
        });
    let mut child = child.expect("nats-server is on the path: `scripts/setup nats` installs it");
    let mut log = BufReader::new(child.stderr.take().unwrap());
    let mut said = String::new();
    while !said.contains("Server is ready") {
        assert_ne!(log.read_line(&mut said).unwrap(), 0, "nats-server ended:\n{said}");
    }
    Process(child, log)
}
