//! pgbench: the limit of writing, the same statements without a server.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use plant_care_prove::failure::{Failure, Result, ensure};
use plant_care_prove::figures::{Latencies, float};
use tokio::process::Command;

use crate::load::closed::Served;
use crate::operations::Operation;
use crate::stage::Stage;
use crate::usage::{Spent, ended_children_seconds, family_seconds};

/// A script of statements, and what it is told.
#[derive(Clone, Debug)]
pub struct Pgbench {
    program: PathBuf,
    script: PathBuf,
    database: String,
    folder: PathBuf,
    postmaster: u32,
    variables: Vec<String>,
}

/// How it is run.
#[derive(Clone, Copy, Debug)]
pub enum Mode {
    /// Each client begins again when it is done, for so long.
    Closed(Duration),
    /// So many transactions a second, for so long.
    Open(f64, Duration),
    /// One transaction of one client.
    Once,
}

impl Pgbench {
    /// The script of an operation, in `bench/pgbench`.
    pub async fn new(operation: Operation, stage: &Stage) -> Result<Self> {
        let bench = Path::new(env!("CARGO_MANIFEST_DIR"));
        let found = Command::new(bench.join("../scripts/postgres"))
            .arg("find")
            .output()
            .await?;
        ensure(found.status.success(), || {
            String::from_utf8_lossy(&found.stderr).into_owned()
        })?;
        Ok(Self {
            program: Path::new(String::from_utf8(found.stdout)?.trim()).join("pgbench"),
            script: bench.join(format!("pgbench/{}.sql", operation.name())),
            database: stage.harness.database.url().to_owned(),
            folder: stage.harness.folder().join("pgbench"),
            postmaster: stage.postmaster,
            variables: Vec::new(),
        })
    }

    /// The same, told the value of a variable.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl std::fmt::Display) -> Self {
        self.variables.push(format!("{name}={value}"));
        self
    }

    /// Runs it by so many clients.
    pub async fn run(&self, clients: usize, mode: Mode) -> Result<Served> {
        // Left over of a run that failed.
        drop(fs::remove_dir_all(&self.folder));
        fs::create_dir_all(&self.folder)?;
        let mut command = Command::new(&self.program);
        command
            .args(["--no-vacuum", "--protocol=prepared", "--log"])
            .arg(format!("--log-prefix={}", self.folder.join("log").display()))
            .arg(format!("--client={clients}"))
            .arg(format!("--jobs={}", clients.min(2)))
            .args(
                self.variables
                    .iter()
                    .map(|variable| format!("--define={variable}")),
            );
        match mode {
            Mode::Closed(time) => command.arg(whole_seconds(time)),
            Mode::Open(rate, time) => command.arg(format!("--rate={rate}")).arg(whole_seconds(time)),
            Mode::Once => command.arg("--transactions=1"),
        };
        command
            .args([OsStr::new("--file"), self.script.as_os_str()])
            .arg(&self.database);
        let spent = || {
            Ok::<_, Failure>(Spent {
                server: 0.0,
                postgres: family_seconds(self.postmaster)?,
                generator: ended_children_seconds()?,
            })
        };
        let before = spent()?;
        let output = command.kill_on_drop(true).output().await?;
        let spent = spent()? - before;
        let said = String::from_utf8_lossy(&output.stdout);
        let complained = String::from_utf8_lossy(&output.stderr);
        ensure(output.status.success(), || {
            format!("pgbench ended with {}: {complained}", output.status)
        })?;
        let (requests, rate) =
            summary(&said).ok_or_else(|| Failure::new(format!("pgbench: {said}{complained}")))?;
        let served = Served {
            requests,
            seconds: float(requests) / rate,
            bytes: 0,
            spent,
            latencies: self.latencies()?,
            peak_kib: None,
        };
        fs::remove_dir_all(&self.folder)?;
        Ok(served)
    }

    /// Of its logs, one for each of its threads.
    fn latencies(&self) -> Result<Latencies> {
        let mut waits = Vec::new();
        for file in fs::read_dir(&self.folder)? {
            let log = fs::read_to_string(file?.path())?;
            waits.extend(log.lines().filter_map(wait));
        }
        Ok(Latencies::new(waits))
    }
}

/// The microseconds of a transaction, of a line of the log: client, number, microseconds, and when. At a rate they
/// count from when it was to begin.
fn wait(line: &str) -> Option<u64> {
    line.split(' ').nth(2)?.parse().ok()
}

/// How many transactions succeeded, and how many a second, of what pgbench says. One that failed is no success.
fn summary(said: &str) -> Option<(u64, f64)> {
    let after = |start: &str| said.lines().find_map(|line| line.strip_prefix(start));
    let count = after("number of transactions actually processed: ")?
        .split('/')
        .next()?
        .trim()
        .parse()
        .ok()?;
    // Older ones do not say.
    let failed = after("number of failed transactions: ").unwrap_or("0 ");
    let rate = after("tps = ")?.split(' ').next()?.parse().ok()?;
    (failed.starts_with("0 ") && count > 0).then_some((count, rate))
}

/// pgbench counts in whole seconds.
fn whole_seconds(time: Duration) -> String {
    format!("--time={}", time.as_secs_f64().ceil())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &str = "transaction type: write.sql
number of transactions actually processed: 4521
number of failed transactions: 0 (0.000%)
latency average = 10.6 ms
initial connection time = 20.120 ms
tps = 1507.250000 (without initial connection time)
";

    #[test]
    fn what_pgbench_says_is_read() {
        assert_eq!(summary(SAID), Some((4521, 1507.25)));
        assert_eq!(summary(&SAID.replace("4521", "10/10")), Some((10, 1507.25)));
        assert_eq!(summary(&SAID.replace(": 0 (", ": 3 (")), None);
        assert_eq!(summary("pgbench: error"), None);
        assert_eq!(wait("0 199 2241 0 1175850568 995598"), Some(2241));
        assert_eq!(whole_seconds(Duration::from_millis(1200)), "--time=2");
    }
}
