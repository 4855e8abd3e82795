//! The servers: real processes, started, killed and started again.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

use crate::failure::{Failure, Result, ensure, fail};
use crate::figures::random;

/// How long a server may take until it is ready.
const START: Duration = Duration::from_mins(1);
/// What limits on how many may come are raised to.
const MANY: &str = "100000";
/// Ports are taken from below those that the system gives to clients: a client that comes back again and again to a
/// server that is down could be given its port, and would then be connected to itself.
const PORTS: std::ops::Range<u64> = 12_000..20_000;

/// A folder of a proof's own, removed unless the proof fails.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// Makes it.
    pub fn new() -> Result<Self> {
        let path = std::env::temp_dir().join(format!("plant-care-prove.{:x}", random()));
        fs::create_dir_all(&path)?;
        Ok(Self(path))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Removes it.
    pub fn remove(self) -> Result<()> {
        Ok(fs::remove_dir_all(&self.0)?)
    }
}

/// A server program and what it is told by its environment.
#[derive(Clone, Debug)]
pub struct Program {
    binary: PathBuf,
    settings: Vec<(String, String)>,
    folder: PathBuf,
    /// The only core that it may run on.
    core: Option<usize>,
}

impl Program {
    /// The program in a file, over a database. Limits on how many may come are raised: each proof is many members and
    /// many sockets from one address.
    pub async fn new(
        binary: &Path,
        folder: &Path,
        database: &str,
        more: &[(String, String)],
    ) -> Result<Self> {
        let key = "cHJvb2YgcHJvb2YgcHJvb2YgcHJvb2YgcHJvb2YgISE=";
        let usual = [
            ("DATABASE_URL", database),
            ("DATABASE_MAX_CONNECTIONS", "20"),
            ("SECRET_KEY", key),
            ("ENCRYPTION_KEY", key),
            ("ACCESS_TOKEN_MINUTES", "1440"),
            ("LOG_FORMAT", "json"),
            ("RUST_LOG", "warn"),
        ];
        let usual = usual.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let mut program = Self {
            binary: fs::canonicalize(binary)
                .map_err(|error| Failure::new(format!("the server program {}: {error}", binary.display())))?,
            settings: usual.into_iter().collect(),
            folder: folder.to_owned(),
            core: None,
        };
        program
            .settings
            .push(("DATA_DIR".to_owned(), folder.display().to_string()));
        for name in program
            .config()
            .await?
            .lines()
            .filter_map(|line| line.split('=').next())
        {
            let counts = [
                "CONNECTION",
                "SUBSCRIPTION",
                "SOCKETS",
                "REGISTRATION",
                "LOGIN",
                "REQUESTS",
            ];
            let measures = ["BYTES", "SECONDS", "MINUTES"];
            if name.starts_with("LIMIT_")
                && counts.iter().any(|part| name.contains(part))
                && !measures.iter().any(|part| name.contains(part))
            {
                program.settings.push((name.to_owned(), MANY.to_owned()));
            }
        }
        program.settings.extend(more.iter().cloned());
        Ok(program)
    }

    /// The same program with one more setting.
    #[must_use]
    pub fn with(&self, name: &str, value: &str) -> Self {
        let mut program = self.clone();
        program.settings.push((name.to_owned(), value.to_owned()));
        program
    }

    /// The same program on one core.
    #[must_use]
    pub fn on_core(&self, core: usize) -> Self {
        Self {
            core: Some(core),
            ..self.clone()
        }
    }

    /// What `config` prints.
    pub async fn config(&self) -> Result<String> {
        let output = self.command("config").output().await?;
        ensure(output.status.success(), || {
            String::from_utf8_lossy(&output.stderr).into_owned()
        })?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Whether this build knows a setting.
    pub async fn knows(&self, setting: &str) -> Result<bool> {
        let start = format!("{setting}=");
        Ok(self.config().await?.lines().any(|line| line.starts_with(&start)))
    }

    fn command(&self, command: &str) -> Command {
        let mut run = match self.core {
            None => Command::new(&self.binary),
            Some(core) => {
                // It becomes the program: the process is the same.
                let mut run = Command::new("taskset");
                run.args(["-c", &core.to_string()]).arg(&self.binary);
                run
            }
        };
        run.arg(command)
            .env_clear()
            .envs(self.settings.iter().map(|(name, value)| (name, value)))
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .kill_on_drop(true);
        run
    }
}

/// A server, running or not.
#[derive(Debug)]
pub struct Server {
    program: Program,
    name: String,
    /// Where it listens, each time.
    pub address: SocketAddr,
    /// Where it tells its metrics, where it does.
    pub management: SocketAddr,
    child: Option<Child>,
}

impl Server {
    /// Starts it and waits until it is ready.
    pub async fn start(program: &Program, name: &str) -> Result<Self> {
        let mut tries = 0;
        loop {
            tries += 1;
            match Self::start_once(program, name).await {
                // Somebody else took the port just before it did.
                Err(reason) if tries < 3 && reason.to_string().contains("cannot listen on") => {}
                started => return started,
            }
        }
    }

    async fn start_once(program: &Program, name: &str) -> Result<Self> {
        let address = free_address().await?;
        let management = free_address().await?;
        let mut server = Self {
            program: program
                .with("LISTEN_ADDR", &address.to_string())
                .with("MANAGEMENT_ADDR", &management.to_string()),
            name: name.to_owned(),
            address,
            management,
            child: None,
        };
        server.restart().await?;
        Ok(server)
    }

    /// Starts it again, at the same address, and waits until it is ready.
    pub async fn restart(&mut self) -> Result<()> {
        let log = self.log();
        let out = File::options().create(true).append(true).open(&log)?;
        let mut command = self.program.command("serve");
        let child = command.stdout(out.try_clone()?).stderr(out).spawn()?;
        let child = self.child.insert(child);
        let deadline = Instant::now() + START;
        loop {
            if let Some(status) = child.try_wait()? {
                let said = fs::read_to_string(&log).unwrap_or_default();
                let last: Vec<&str> = said.lines().rev().take(3).collect();
                return fail(format!("{} ended with {status}: {}", self.name, last.join(" / ")));
            }
            if is_ready(self.address).await {
                return Ok(());
            }
            ensure(Instant::now() < deadline, || {
                format!(
                    "{} is not ready after {START:?}; its log: {}",
                    self.name,
                    log.display()
                )
            })?;
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Its process's id.
    pub fn id(&self) -> Result<u32> {
        self.child
            .as_ref()
            .and_then(Child::id)
            .ok_or_else(|| Failure::new(format!("{} does not run", self.name)))
    }

    /// SIGKILL; waits until it is gone.
    pub async fn kill(&mut self) -> Result<()> {
        if let Some(mut child) = self.child.take() {
            child.kill().await?;
        }
        Ok(())
    }

    /// SIGKILL without waiting for anything.
    pub fn kill_now(&mut self) -> Result<()> {
        match &mut self.child {
            Some(child) => Ok(child.start_kill()?),
            None => fail(format!("{} does not run", self.name)),
        }
    }

    fn log(&self) -> PathBuf {
        self.program.folder.join(format!("{}.log", self.name))
    }
}

/// An address of this machine that nobody listens on.
pub async fn free_address() -> Result<SocketAddr> {
    for _ in 0..50 {
        let port = PORTS.start + random() % (PORTS.end - PORTS.start);
        let address = SocketAddr::from(([127, 0, 0, 1], u16::try_from(port)?));
        if TcpListener::bind(address).await.is_ok() {
            return Ok(address);
        }
    }
    fail("no free port was found")
}

/// Whether `/health/ready` answers with success.
async fn is_ready(address: SocketAddr) -> bool {
    matches!(get(address, "/health/ready").await, Ok(answer) if answer.contains(" 200 "))
}

/// The whole answer to a GET of a page of plain HTTP.
pub async fn get(address: SocketAddr, path: &str) -> Result<String> {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    let mut answer = Vec::new();
    let asked = async {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(request.as_bytes()).await?;
        stream.read_to_end(&mut answer).await
    };
    tokio::time::timeout(Duration::from_secs(5), asked).await??;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// Has all threads of a process on one core.
pub async fn pin(process: u32, core: usize) -> Result<()> {
    let pinned = Command::new("taskset")
        .args(["-a", "-c", "-p", &core.to_string(), &process.to_string()])
        .stdout(Stdio::null())
        .status()
        .await?;
    ensure(pinned.success(), || {
        format!("taskset cannot pin {process} to core {core}")
    })
}
