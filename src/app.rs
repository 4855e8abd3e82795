//! The only wiring: everything a use case needs, built once.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;

use opentelemetry::context::FutureExt as _;
use sea_orm::DbErr;
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::admission::Admission;
use crate::auth::Recent;
use crate::clock::Clock;
use crate::config::Config;
use crate::crypto::{KeyError, Keys};
use crate::database::Database;
use crate::database::reach;
use crate::database::schema::{self, SchemaError};
use crate::domain::heartbeat::Heartbeat;
use crate::domain::key_fingerprint::{self, KeysError};
use crate::domain::throttle::Throttle;
use crate::live::Hub;
use crate::live::bus::{Bus, BusError, Ties};
use crate::telemetry::Telemetry;

/// What a process is made of.
#[derive(Clone)]
pub struct App {
    /// What is in force.
    pub config: Arc<Config>,
    /// Time and ids.
    pub clock: Clock,
    /// What it tells of itself.
    pub telemetry: Arc<Telemetry>,
    /// The database.
    pub database: Database,
    /// Keys.
    pub keys: Keys,
    /// Whether what is written is stored.
    pub heartbeat: Arc<Heartbeat>,
    /// Whether the replicas have one `SECRET_KEY`.
    pub shared_key: Arc<key_fingerprint::Shared>,
    /// Who was looked up a moment ago.
    pub recent: Arc<Recent>,
    /// Wakes this process's subscribers, and knows what they read.
    pub hub: Arc<Hub>,
    /// Wakes other processes'.
    pub bus: Bus,
    /// Has the hub compared with the database at once, instead of within a second.
    pub compare: Arc<Notify>,
    /// How many passwords may be hashed at once: as many as there are cores, so that logins cannot
    /// starve everything else.
    pub hashing: Arc<Semaphore>,
    /// Who is served when not everybody can be.
    pub admission: Admission,
    /// How often one may log in and register.
    pub throttle: Throttle,
    /// Every task that the process started; it waits for them when it stops.
    pub tasks: TaskTracker,
    /// Set when the process is told to stop: it still serves for `DRAIN_DELAY_SECONDS`, and says that it is no longer ready.
    pub leaving: CancellationToken,
    /// Set when it begins to stop: nobody new is let in.
    pub stop: CancellationToken,
    /// Set when all connections are closed, and what served them may end.
    pub halt: CancellationToken,
}

/// Why the process could not be built.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A key could not be had.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// The keys are not the database's.
    #[error(transparent)]
    OtherKeys(#[from] KeysError),
    /// The database could not be opened.
    #[error("cannot open the database {url}: {source}")]
    Database {
        /// Which, without its password.
        url: String,
        /// What it said.
        source: DbErr,
    },
    /// The schema cannot be used.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// What sends spans could not be made.
    #[error("cannot send spans to OTEL_EXPORTER_OTLP_ENDPOINT: {0}")]
    Telemetry(#[from] opentelemetry_otlp::ExporterBuildError),
    /// The bus could not be made.
    #[error("cannot make the wake-up bus: {0}")]
    Bus(#[from] BusError),
}

impl App {
    /// Builds the process over an existing schema, or one that it migrates first.
    pub async fn build(config: Config, clock: Clock, migrate: bool) -> Result<Self, StartError> {
        let telemetry = Telemetry::start(&config)?;
        let database = connect(&config, Arc::clone(&telemetry), clock.clone()).await?;
        if migrate {
            let applied = schema::migrate_up(&database).await?;
            if applied > 0 {
                tracing::info!(migrations = applied, "the database was migrated");
            }
        }
        schema::check(&database).await?;
        let keys = Keys::load(&config)?;
        key_fingerprint::settle(&database, &keys, &clock).await?;
        let tasks = TaskTracker::new();
        let (stop, halt) = (CancellationToken::new(), CancellationToken::new());
        let hub = Arc::new(Hub::new(database.clone(), clock.clone(), halt.clone()));
        hub.control.begin().await.map_err(SchemaError::from)?;
        let compare = Arc::new(Notify::new());
        let ties = Ties {
            hub: Arc::clone(&hub),
            compare: Arc::clone(&compare),
            tasks: tasks.clone(),
            stop: halt.clone(),
        };
        let bus = Bus::start(&config, &database, &keys, ties).await?;
        let heartbeat = Arc::new(Heartbeat::new(&clock));
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Self {
            admission: Admission::new(&config, &clock, &telemetry.metrics.shedding),
            throttle: Throttle::new(&config.limits, clock.clone()),
            config: Arc::new(config),
            clock,
            telemetry,
            database,
            keys,
            heartbeat,
            shared_key: Arc::default(),
            recent: Arc::default(),
            hub,
            bus,
            compare,
            hashing: Arc::new(Semaphore::new(cores)),
            tasks,
            leaving: CancellationToken::new(),
            stop,
            halt,
        })
    }
}

impl App {
    /// Runs something to its end in a task of its own, whatever becomes of whoever waits for it.
    pub async fn to_its_end<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, Interrupted> {
        let running = self.tasks.spawn(work.with_current_context());
        running.await.map_err(|_| Interrupted)
    }
}

/// A task ended before its answer: it failed, or the process is stopping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interrupted;

/// Connects to the configured database.
pub async fn connect(
    config: &Config,
    telemetry: Arc<Telemetry>,
    clock: Clock,
) -> Result<Database, StartError> {
    let failed = |source| StartError::Database {
        url: config.shown_database_url(),
        source,
    };
    if let Some(file) = config.sqlite_file() {
        make_private_file(&file).map_err(|error| failed(DbErr::Custom(error.to_string())))?;
    }
    if let Some(postgres) = config.postgres() {
        reach::listens(&postgres).await.map_err(failed)?;
    }
    Database::connect(config, telemetry, clock).await.map_err(failed)
}

/// Makes a database file that nobody else on the machine may read, if there is none; SQLite gives the files
/// it adds beside it the same mode, and takes an empty file for a new database.
fn make_private_file(file: &Path) -> io::Result<()> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    match OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)
    {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}
