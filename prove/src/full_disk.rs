//! A disk that is full, may not be written, or fails under a SQLite server: what was acknowledged is stored, and writing
//! goes on without a restart once the disk does.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use tokio::process::Command;
use tokio::time::{Instant, sleep, timeout};

use crate::api::{Member, Refusal};
use crate::database::Database;
use crate::failure::{Failure, Result, ensure, fail};
use crate::harness::Harness;
use crate::processes::{Program, Server, get};

/// How long it may take until readiness tells of it, and until writing goes on afterwards.
const SOON: Duration = Duration::from_secs(5);
/// How long one write may take; longer than the server waits for a lock.
const PATIENCE: Duration = Duration::from_secs(30);
/// Writes after which a disk must have been full.
const MOST: usize = 20_000;
/// What the database may take while it is full.
const FULL_BYTES: &str = "6m";

/// Which disks.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// What happens to the disk; all of it by default.
    #[arg(long = "fault", value_enum)]
    faults: Vec<Fault>,
    /// How often it happens to one server.
    #[arg(long, default_value_t = 2)]
    rounds: usize,
    /// Writes before it happens and after it is over, each time.
    #[arg(long, default_value_t = 50)]
    writes: usize,
}

/// What happens to the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Fault {
    /// A file system of 6 MB is full, and then made larger.
    Full,
    /// The process may not write a file as large as it has become (SIGXFSZ), and then may.
    Quota,
    /// The files may not be changed, and then may.
    ReadOnly,
    /// The database's file is moved away, and then back.
    Gone,
    /// Another program holds the lock for longer than the server waits, and then lets go.
    Locked,
    /// The file system becomes read-only by an error of its own; the server is killed and it is mounted again.
    Remounted,
}

const FAULTS: [Fault; 6] = [
    Fault::Full,
    Fault::Quota,
    Fault::ReadOnly,
    Fault::Gone,
    Fault::Locked,
    Fault::Remounted,
];

/// A server on a disk of its own, and what it has acknowledged.
struct Stage<'h> {
    harness: &'h Harness,
    fault: Fault,
    folder: PathBuf,
    is_mounted: bool,
    database: Database,
    server: Server,
    owner: Member,
    acknowledged: usize,
    refusals: Vec<String>,
}

/// Runs the proof.
pub async fn run(harness: &Harness, options: &Options) -> Result<Value> {
    ensure(harness.common.sqlite, || {
        "this proof is for SQLite: run it with --sqlite".to_owned()
    })?;
    let faults = if options.faults.is_empty() {
        FAULTS.to_vec()
    } else {
        options.faults.clone()
    };
    let mut figures = Vec::new();
    for fault in faults {
        let mut stage = Stage::new(harness, fault).await?;
        let outcome = stage.play(options).await;
        let swept = stage.sweep().await;
        figures.push(outcome?);
        swept?;
    }
    Ok(json!({ "proof": "full-disk", "faults": figures }))
}

impl<'h> Stage<'h> {
    async fn new(harness: &'h Harness, fault: Fault) -> Result<Self> {
        let folder = harness.folder().join(format!("{fault:?}").to_lowercase());
        std::fs::create_dir_all(&folder)?;
        let is_mounted = match fault {
            Fault::Full => {
                let size = format!("size={FULL_BYTES}");
                command("mount", &["-t", "tmpfs", "-o", &size, "tmpfs", path(&folder)]).await?;
                true
            }
            Fault::Remounted => {
                let image = image(&folder);
                command("truncate", &["-s", "32M", path(&image)]).await?;
                command("mkfs.ext4", &["-q", "-F", "-O", "^has_journal", path(&image)]).await?;
                mount_image(&folder).await?;
                true
            }
            _ => false,
        };
        let url = format!("sqlite://{}/prove.db", folder.display());
        let program = Program::new(
            &harness.common.bin,
            harness.folder(),
            &url,
            &harness.common.environment,
        )
        .await?;
        let server = Server::start(&program, &format!("{fault:?}").to_lowercase()).await?;
        let owner = harness.api.member(server.address, "Olga").await?;
        Ok(Self {
            harness,
            fault,
            folder,
            is_mounted,
            database: Database::at(&url),
            server,
            owner,
            acknowledged: 0,
            refusals: Vec::new(),
        })
    }

    async fn play(&mut self, options: &Options) -> Result<Value> {
        let mut recovered_ms: Vec<u128> = Vec::new();
        for round in 0..options.rounds {
            for _ in 0..options.writes {
                self.write_one().await?;
            }
            let holding = self.break_it(round).await?;
            self.write_until_refused().await?;
            // What failed once fails the next, too, and is never acknowledged.
            ensure(!self.write().await?, || {
                format!("{:?}: acknowledged while nothing can be stored", self.fault)
            })?;
            if !matches!(self.fault, Fault::Locked) {
                self.until_ready(false).await?;
            }
            drop(holding);
            self.mend().await?;
            let began = Instant::now();
            self.until_ready(true).await?;
            let mut was_stored = self.write().await?;
            while !was_stored {
                ensure(began.elapsed() < SOON, || {
                    format!("{:?}: writing does not go on", self.fault)
                })?;
                sleep(Duration::from_millis(20)).await;
                was_stored = self.write().await?;
            }
            recovered_ms.push(began.elapsed().as_millis());
            for _ in 0..options.writes {
                self.write_one().await?;
            }
        }
        // What nobody but a process that is gone would have seen is not stored.
        self.server.kill().await?;
        self.server.restart().await?;
        let stored = self.database.number("SELECT count(*) FROM plants").await?;
        let stored = usize::try_from(stored)?;
        let figures = json!({ "fault": format!("{:?}", self.fault), "acknowledged": self.acknowledged,
            "stored": stored, "refused": self.refusals.len(), "recovered_ms": format!("{recovered_ms:?}") });
        ensure(stored >= self.acknowledged, || {
            format!("acknowledged writes are lost: {figures}")
        })?;
        // A write whose outcome is unknown may be stored; each other refusal is nowhere.
        let unknown = self
            .refusals
            .iter()
            .filter(|text| text.contains("UNKNOWN"))
            .count();
        ensure(stored <= self.acknowledged + unknown, || {
            format!("refused writes are stored: {figures}")
        })?;
        Ok(figures)
    }

    /// Asks for a plant: whether that was acknowledged.
    async fn write(&mut self) -> Result<bool> {
        let input = json!({ "name": "Figaro", "instructions": "x".repeat(1900) });
        let asked = self.harness.api.mutate(
            self.server.address,
            Some(&self.owner),
            "createPlant",
            input,
            "plant { id }",
        );
        match timeout(PATIENCE, asked).await {
            Ok(Ok(_)) => {
                self.acknowledged += 1;
                Ok(true)
            }
            Ok(Err(Refusal::Unavailable(text))) if text.contains("SERVER_BUSY") => {
                self.refusals.push(text);
                Ok(false)
            }
            Ok(Err(refusal)) => fail(format!("{:?}: {}", self.fault, Failure::from(refusal))),
            Err(_) => fail(format!("{:?}: a write was not answered", self.fault)),
        }
    }

    async fn write_one(&mut self) -> Result<()> {
        let was_stored = self.write().await?;
        ensure(was_stored, || {
            format!("{:?}: refused: {:?}", self.fault, self.refusals.last())
        })
    }

    async fn write_until_refused(&mut self) -> Result<()> {
        for _ in 0..MOST {
            if !self.write().await? {
                return Ok(());
            }
        }
        fail(format!("{:?}: {MOST} writes were acknowledged", self.fault))
    }

    /// Waits until readiness says so.
    async fn until_ready(&self, expected: bool) -> Result<()> {
        let began = Instant::now();
        loop {
            let answer = get(self.server.address, "/health/ready").await?;
            if answer.contains(" 200 ") == expected {
                return Ok(());
            }
            ensure(began.elapsed() < SOON, || {
                format!("{:?}: readiness does not tell: {answer}", self.fault)
            })?;
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Breaks the disk; what it gives keeps it broken.
    async fn break_it(&self, round: usize) -> Result<Option<tokio::process::Child>> {
        match self.fault {
            Fault::Full => {}
            Fault::Quota => {
                let now = std::fs::metadata(self.folder.join("prove.db-wal"))?.len();
                self.limit_files(&(now + 1_000_000).to_string()).await?;
            }
            Fault::ReadOnly => self.change_files("+i").await?,
            Fault::Gone => {
                std::fs::rename(self.folder.join("prove.db"), self.folder.join("away"))?;
            }
            Fault::Locked => {
                let code = "import sqlite3, sys, time\n\
                            c = sqlite3.connect(sys.argv[1], isolation_level=None)\n\
                            c.execute('PRAGMA busy_timeout = 20000')\n\
                            c.execute('BEGIN IMMEDIATE')\n\
                            print('held', flush=True)\n\
                            time.sleep(60)";
                let mut child = Command::new("python3")
                    .args(["-c", code, path(&self.folder.join("prove.db"))])
                    .stdout(std::process::Stdio::piped())
                    .kill_on_drop(true)
                    .spawn()?;
                let mut out = child.stdout.take();
                if let Some(out) = &mut out {
                    use tokio::io::AsyncReadExt as _;
                    let mut word = [0; 4];
                    out.read_exact(&mut word).await?;
                }
                return Ok(Some(child));
            }
            Fault::Remounted => {
                let found = Command::new("findmnt")
                    .args(["-no", "SOURCE", path(&self.folder)])
                    .output()
                    .await?;
                let device = String::from_utf8_lossy(&found.stdout).trim().replace("/dev/", "");
                std::fs::write(
                    format!("/sys/fs/ext4/{device}/trigger_fs_error"),
                    format!("{round}"),
                )?;
            }
        }
        Ok(None)
    }

    /// Mends the disk.
    async fn mend(&mut self) -> Result<()> {
        match self.fault {
            Fault::Full => {
                // Twice what is used, so that it can be full again.
                let size = format!("remount,size={}m", 12 * (self.refusals.len() + 1));
                command("mount", &["-o", &size, path(&self.folder)]).await
            }
            Fault::Quota => self.limit_files("unlimited").await,
            Fault::ReadOnly => self.change_files("-i").await,
            Fault::Gone => Ok(std::fs::rename(
                self.folder.join("away"),
                self.folder.join("prove.db"),
            )?),
            Fault::Locked => Ok(()),
            Fault::Remounted => {
                self.server.kill().await?;
                command("umount", &[path(&self.folder)]).await?;
                mount_image(&self.folder).await?;
                self.server.restart().await
            }
        }
    }

    async fn limit_files(&self, bytes: &str) -> Result<()> {
        let process = self.server.id()?.to_string();
        // The soft limit alone: the hard one could not be raised again.
        let limit = format!("--fsize={bytes}:");
        command("prlimit", &["--pid", &process, &limit]).await
    }

    async fn change_files(&self, flag: &str) -> Result<()> {
        for file in ["prove.db", "prove.db-wal"] {
            command("chattr", &[flag, path(&self.folder.join(file))]).await?;
        }
        Ok(())
    }

    /// Takes down what was put up.
    async fn sweep(mut self) -> Result<()> {
        self.server.kill().await?;
        if self.fault == Fault::ReadOnly {
            // They may be gone with the server's last connection.
            drop(self.change_files("-i").await);
        }
        if self.is_mounted {
            command("umount", &[path(&self.folder)]).await?;
        }
        Ok(())
    }
}

fn image(folder: &Path) -> PathBuf {
    folder.with_extension("image")
}

async fn mount_image(folder: &Path) -> Result<()> {
    let image = image(folder);
    command(
        "mount",
        &["-o", "loop,errors=remount-ro", path(&image), path(folder)],
    )
    .await
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap_or_default()
}

/// Runs a program of the system's.
async fn command(program: &str, arguments: &[&str]) -> Result<()> {
    let run = Command::new(program).args(arguments).output().await?;
    ensure(run.status.success(), || {
        format!(
            "{program} {}: {} (mounting and the like take root)",
            arguments.join(" "),
            String::from_utf8_lossy(&run.stderr).trim()
        )
    })
}
