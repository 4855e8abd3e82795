//! Processes other than Plant Care's servers.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use plant_care_prove::failure::{Failure, Result, ensure, fail};
use plant_care_prove::processes::get;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

use crate::load::Asks;

/// How long one may take until it is ready.
const START: Duration = Duration::from_mins(1);

/// A process that ends with this value; what it says goes to a log.
#[derive(Debug)]
pub struct Process {
    name: String,
    log: PathBuf,
    child: Child,
}

impl Process {
    /// Starts a command.
    pub fn start(name: &str, folder: &Path, command: &mut Command) -> Result<Self> {
        let log = folder.join(format!("{name}.log"));
        let out = File::options().create(true).append(true).open(&log)?;
        let child = command
            .stdin(Stdio::null())
            .stdout(out.try_clone()?)
            .stderr(out)
            .kill_on_drop(true)
            .spawn()?;
        Ok(Self {
            name: name.to_owned(),
            log,
            child,
        })
    }

    /// Starts this program once more, to do something else.
    pub fn own(name: &str, folder: &Path, arguments: &[&str]) -> Result<Self> {
        Self::start(
            name,
            folder,
            Command::new(std::env::current_exe()?).args(arguments),
        )
    }

    /// Its id.
    pub fn id(&self) -> Result<u32> {
        self.child
            .id()
            .ok_or_else(|| Failure::new(format!("{} does not run", self.name)))
    }

    /// Waits until it answers to a GET of a path with success.
    pub async fn ready(&mut self, address: SocketAddr, path: &str) -> Result<()> {
        self.until(async || matches!(get(address, path).await, Ok(answer) if answer.contains(" 200 ")))
            .await
    }

    /// Waits until it listens.
    pub async fn listens(&mut self, address: SocketAddr) -> Result<()> {
        self.until(async || TcpStream::connect(address).await.is_ok())
            .await
    }

    /// Waits until it answers to a request with 200.
    pub async fn answers(&mut self, asks: &Asks) -> Result<()> {
        self.until(async || asks.answers(1).await.is_ok()).await
    }

    /// Waits until something is so.
    pub async fn until(&mut self, mut holds: impl AsyncFnMut() -> bool) -> Result<()> {
        let deadline = Instant::now() + START;
        while !holds().await {
            if let Some(status) = self.child.try_wait()? {
                let said = fs::read_to_string(&self.log).unwrap_or_default();
                return fail(format!("{} ended with {status}: {said}", self.name));
            }
            ensure(Instant::now() < deadline, || {
                format!(
                    "{} is not ready after {START:?}; its log: {}",
                    self.name,
                    self.log.display()
                )
            })?;
            sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }
}
