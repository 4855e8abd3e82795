//! The bus: wakes the hubs of other processes. It never carries the truth, which is in the log.

mod nats;
mod postgres;
mod wire;

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sea_orm::DbErr;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{Hub, Stream};
use crate::config::Config;
use crate::crypto::{self, Keys};
use crate::database::Database;
use crate::telemetry::outage::Outage;

/// Wake-ups that may wait to be sent; beyond it they are dropped, and anti-entropy makes up for them.
const WAITING: usize = 10_000;
/// Wake-ups in one message. NOTIFY takes less than 8,000 bytes, and a wake-up at most 64.
const BATCH: usize = 100;

/// What other processes are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// A stream has reached this number.
    Moved(Stream, i64),
    /// A feed was read up to this number.
    Read(Stream, i64),
}

impl Wake {
    /// Tells a hub of this process.
    pub fn tell(self, hub: &Hub) {
        match self {
            Self::Moved(stream, last) => hub.moved(stream, last),
            Self::Read(stream, read) => hub.read(stream, read),
        }
    }
}

/// The way to other processes' hubs.
#[derive(Clone, Debug)]
pub enum Bus {
    /// There is no other process to wake.
    InProcess,
    /// Messages to all processes over one database, by NATS or Postgres's NOTIFY.
    Shared {
        /// The way to the task that sends.
        sender: mpsc::Sender<Wake>,
        /// What became of wake-ups.
        state: Arc<State>,
    },
}

/// What a bus does, for health, metrics and tests.
#[derive(Debug, Default)]
pub struct State {
    listening: AtomicBool,
    has_listened: AtomicBool,
    received: AtomicU64,
    dropped: AtomicU64,
}

/// Why a bus could not be made. A server that cannot be reached is no reason: it is tried again.
#[derive(Debug, thiserror::Error)]
pub enum BusError {
    /// The database's address is none, or it could not say which database it is.
    #[error("the database failed: {0}")]
    Database(#[from] DbErr),
    /// The address of the NATS server is none.
    #[error("the NATS server's address cannot be used: {0}")]
    Nats(#[from] async_nats::Error),
}

/// What a bus is tied to in its process.
#[derive(Clone, Debug)]
pub struct Ties {
    /// Told of every wake-up that is received.
    pub hub: Arc<Hub>,
    /// Asked to compare the hub with the database each time that wake-ups begin to come: what was sent
    /// before then is not received.
    pub compare: Arc<Notify>,
    /// The process's tasks.
    pub tasks: TaskTracker,
    /// Set when the process begins to stop.
    pub stop: CancellationToken,
}

/// How a back end sends.
trait Speaker: Send + Sync + 'static {
    type Error: Debug + Send;

    /// Sends a message to all processes; `false` if there is no connection and it was dropped, which
    /// whoever listens on the same connection has logged.
    fn publish(&self, message: String) -> impl Future<Output = Result<bool, Self::Error>> + Send;
}

impl Bus {
    /// Starts the bus that is configured, or the one that the database brings.
    pub async fn start(
        config: &Config,
        database: &Database,
        keys: &Keys,
        ties: Ties,
    ) -> Result<Self, BusError> {
        match (&config.bus_url, config.postgres()) {
            (Some(url), _) => {
                let subject = nats::subject(config, database, keys).await?;
                let (speaker, listener) = nats::connect(&url.0, subject, Arc::clone(&ties.compare)).await?;
                Ok(Self::shared(ties, speaker, |ear| listener.listen(ear)))
            }
            (None, Some(options)) => {
                let pool = postgres::pool(options);
                let speaker = postgres::Notifier(pool.clone());
                Ok(Self::shared(ties, speaker, |ear| postgres::listen(pool, ear)))
            }
            (None, None) => Ok(Self::InProcess),
        }
    }

    /// One task that sends and one that listens, until the process stops.
    fn shared<L>(ties: Ties, speaker: impl Speaker, listen: impl FnOnce(Ear) -> L) -> Self
    where
        L: Future<Output = ()> + Send + 'static,
    {
        let (sender, waiting) = mpsc::channel(WAITING);
        let state = Arc::new(State::default());
        let ear = Ear {
            name: URL_SAFE_NO_PAD.encode(crypto::random::<8>()),
            hub: ties.hub,
            compare: ties.compare,
            state: Arc::clone(&state),
        };
        let sending = send(speaker, ear.name.clone(), waiting, Arc::clone(&state));
        ties.tasks
            .spawn(ties.stop.clone().run_until_cancelled_owned(sending));
        ties.tasks.spawn(ties.stop.run_until_cancelled_owned(listen(ear)));
        Self::Shared { sender, state }
    }

    /// Whether other processes' wake-ups come at once. While they do not, followed streams are compared
    /// with the database once a second: events come late, and none is lost.
    pub fn is_listening(&self) -> bool {
        match self {
            Self::InProcess => true,
            Self::Shared { state, .. } => state.listening.load(Ordering::Relaxed),
        }
    }

    /// How many wake-ups of other processes this one's hub was told.
    pub fn received(&self) -> u64 {
        match self {
            Self::InProcess => 0,
            Self::Shared { state, .. } => state.received.load(Ordering::Relaxed),
        }
    }

    /// How many wake-ups were not sent: there was no connection, or too many were waiting.
    pub fn dropped(&self) -> u64 {
        match self {
            Self::InProcess => 0,
            Self::Shared { state, .. } => state.dropped.load(Ordering::Relaxed),
        }
    }

    /// Tells the other processes; never waits.
    pub fn tell(&self, wake: Wake) {
        if let Self::Shared { sender, state } = self
            && sender.try_send(wake).is_err()
        {
            state.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Sends what waits, together; what cannot be sent is dropped.
async fn send(speaker: impl Speaker, name: String, mut waiting: mpsc::Receiver<Wake>, state: Arc<State>) {
    let mut batch = Vec::with_capacity(BATCH);
    let mut outage = Outage::of("sending wake-ups");
    while waiting.recv_many(&mut batch, BATCH).await > 0 {
        let sent = speaker.publish(wire::encode(&name, batch.iter().copied())).await;
        if !matches!(sent, Ok(true)) {
            state.dropped.fetch_add(batch.len() as u64, Ordering::Relaxed);
        }
        outage.note(&sent);
        batch.clear();
    }
}

/// What a back end does with what it hears.
struct Ear {
    /// What this process calls itself in messages.
    name: String,
    hub: Arc<Hub>,
    compare: Arc<Notify>,
    state: Arc<State>,
}

impl Ear {
    /// Messages come from now on; what was sent before is made up for at once.
    fn open(&self) {
        self.state.listening.store(true, Ordering::Relaxed);
        if self.state.has_listened.swap(true, Ordering::Relaxed) {
            self.hub.metrics().live.reconnects.inc();
        }
        self.compare.notify_one();
    }

    /// No messages come any more.
    fn close(&self) {
        self.state.listening.store(false, Ordering::Relaxed);
    }

    /// Tells the hub what another process sent.
    fn hear(&self, message: &str) {
        for wake in wire::decode(&self.name, message) {
            wake.tell(&self.hub);
            self.state.received.fetch_add(1, Ordering::Relaxed);
            self.hub.metrics().live.wakeups.inc();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::net::TcpListener;
    use uuid::Uuid;

    use super::*;
    use crate::clock::Clock;
    use crate::entity::UserId;
    use crate::telemetry::Telemetry;

    async fn ties() -> Ties {
        let file = std::env::temp_dir().join(format!(
            "plant_care_bus_{:x}.db",
            u64::from_ne_bytes(crypto::random())
        ));
        let url = format!("sqlite://{}", file.display());
        let config = Config::from_source(&|name| (name == "DATABASE_URL").then(|| url.clone())).unwrap();
        let database = crate::app::connect(&config, Telemetry::start(&config).unwrap(), Clock::system())
            .await
            .unwrap();
        Ties {
            hub: Arc::new(Hub::new(database, Clock::system(), CancellationToken::new())),
            compare: Arc::default(),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
        }
    }

    fn wake(number: i64) -> Wake {
        Wake::Moved(Stream::User(UserId(Uuid::from_u128(1))), number)
    }

    #[test]
    fn a_full_message_fits_into_a_notification() {
        let longest = Wake::Moved(Stream::User(UserId(Uuid::max())), i64::MAX);
        let name = URL_SAFE_NO_PAD.encode([0; 8]);
        let message = wire::encode(&name, std::iter::repeat_n(longest, BATCH));
        assert!(message.len() < 8_000, "{}", message.len());
    }

    #[tokio::test]
    async fn a_writer_never_waits_for_a_bus_that_is_stuck_and_neither_does_the_end_of_the_process() {
        // Accepts connections and never answers.
        let mute = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = mute.local_addr().unwrap();
        let ties = ties().await;
        let pool = postgres::pool(format!("postgres://care@{address}/care").parse().unwrap());
        let speaker = postgres::Notifier(pool.clone());
        let bus = Bus::shared(ties.clone(), speaker, |ear| postgres::listen(pool, ear));

        bus.tell(wake(0));
        // The sender has begun to send, and will not end.
        let Bus::Shared { sender, .. } = &bus else {
            panic!("not shared")
        };
        while sender.capacity() < WAITING {
            tokio::task::yield_now().await;
        }
        let more = 5;
        for number in 0..i64::try_from(WAITING).unwrap() + more {
            bus.tell(wake(number));
        }
        assert_eq!(bus.dropped(), u64::try_from(more).unwrap());
        assert!(!bus.is_listening());

        ties.stop.cancel();
        ties.tasks.close();
        // The connection itself would be waited for for 30 seconds.
        tokio::time::timeout(Duration::from_secs(10), ties.tasks.wait())
            .await
            .expect("the tasks of the bus end with the process");
    }
}
