//! The program as a process of its own.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::Value;
use tokio::task::spawn_blocking;

use crate::support::{self, TestApp};

/// The program with its environment: nothing of the test's own.
#[derive(Clone)]
pub(super) struct Program {
    folder: PathBuf,
    settings: Vec<(String, String)>,
    /// How many files and sockets it may have open, if not as many as the test.
    files: Option<u32>,
}

/// What a command did.
#[derive(Debug)]
pub(super) struct Ran {
    pub(super) code: Option<i32>,
    pub(super) out: String,
    pub(super) err: String,
}

impl Program {
    /// The program with an empty database and a folder of its own.
    pub(super) async fn new() -> Self {
        let (config, folder) = support::config(&[]).await;
        Self::over(&config.database_url.0, &folder)
    }

    /// The program as another process of a test's server.
    pub(super) fn of(app: &TestApp) -> Self {
        Self::over(&app.app.config.database_url.0, &app.app.config.data_dir)
    }

    fn over(database: &str, folder: &Path) -> Self {
        let program = Self {
            folder: folder.to_owned(),
            settings: Vec::new(),
            files: None,
        };
        program.with(&[
            ("DATABASE_URL", database),
            ("DATA_DIR", folder.to_str().unwrap()),
            ("LISTEN_ADDR", "127.0.0.1:0"),
            ("MANAGEMENT_ADDR", "127.0.0.1:0"),
            ("LOG_FORMAT", "json"),
        ])
    }

    /// The program with more settings, or others.
    pub(super) fn with(&self, settings: &[(&str, &str)]) -> Self {
        let mut program = self.clone();
        let settings = settings
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        program.settings.extend(settings);
        program
    }

    /// The program with so many files and sockets at most.
    pub(super) fn with_files(&self, files: u32) -> Self {
        Self {
            files: Some(files),
            ..self.clone()
        }
    }

    /// Writes a file into the program's folder.
    pub(super) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder.join(name), text).unwrap();
    }

    /// The path of a file in the program's folder.
    pub(super) fn path(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let binary = env!("CARGO_BIN_EXE_plant-care");
        let mut command = match self.files {
            None => Command::new(binary),
            Some(files) => {
                let mut shell = Command::new("/bin/sh");
                shell.args(["-c", &format!("ulimit -n {files}; exec \"$0\" \"$@\""), binary]);
                shell
            }
        };
        command
            .args(arguments)
            .env_clear()
            .envs(self.settings.iter().map(|(name, value)| (name, value)))
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs a command to its end.
    pub(super) async fn run(&self, arguments: &[&str]) -> Ran {
        let mut command = self.command(arguments);
        let output = spawn_blocking(move || command.output().unwrap()).await.unwrap();
        Ran {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Runs a command that must succeed: what it printed.
    pub(super) async fn says(&self, arguments: &[&str]) -> String {
        let ran = self.run(arguments).await;
        assert_eq!(ran.code, Some(0), "{arguments:?}: {ran:?}");
        ran.out
    }

    /// Runs a command that must fail, with one line that holds a text, and print nothing.
    pub(super) async fn complains(&self, arguments: &[&str], text: &str) {
        let ran = self.run(arguments).await;
        assert_eq!(ran.code, Some(1), "{arguments:?}: {ran:?}");
        assert_eq!(ran.out, "", "{arguments:?}: {ran:?}");
        assert!(
            ran.err.starts_with("plant-care: ") && ran.err.contains(text),
            "{arguments:?}: {ran:?}"
        );
        assert_eq!(ran.err.lines().count(), 1, "{arguments:?}: {ran:?}");
    }
}

/// A running `plant-care serve`.
pub(super) struct Server {
    child: Option<Child>,
    lines: Option<BufReader<ChildStdout>>,
    /// `http://127.0.0.1:...`
    pub(super) url: String,
    /// The same of the management listener.
    pub(super) management: String,
}

impl Server {
    /// Starts it and waits until it says where it serves.
    pub(super) async fn start(program: Program) -> Self {
        let starting = move || {
            let mut child = program.command(&["serve"]).spawn().unwrap();
            let mut lines = BufReader::new(child.stdout.take().unwrap());
            let mut address = || {
                loop {
                    let mut line = String::new();
                    let read = lines.read_line(&mut line).unwrap();
                    assert_ne!(read, 0, "it ended before it served");
                    let told: Value = serde_json::from_str(&line).unwrap();
                    if let Some(address) = told["address"].as_str() {
                        break format!("http://{address}");
                    }
                }
            };
            let (url, management) = (address(), address());
            Self {
                child: Some(child),
                lines: Some(lines),
                url,
                management,
            }
        };
        spawn_blocking(starting).await.unwrap()
    }

    /// Sends SIGTERM, and gives what it has said since it served when it has ended.
    pub(super) fn terminate(mut self) -> impl Future<Output = Ran> {
        let mut child = self.child.take().unwrap();
        let mut lines = self.lines.take().unwrap();
        let signal = ["-TERM", &child.id().to_string()].map(ToOwned::to_owned);
        assert!(Command::new("kill").args(signal).status().unwrap().success());
        let ended = spawn_blocking(move || {
            // Read to the end, so that it can write to its end.
            let mut out = String::new();
            lines.read_to_string(&mut out).unwrap();
            let mut err = String::new();
            child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
            let code = child.wait().unwrap().code();
            Ran { code, out, err }
        });
        async { ended.await.unwrap() }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // A test that failed leaves no process behind.
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}
