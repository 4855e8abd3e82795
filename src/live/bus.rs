//! The bus: wakes the hubs of other processes. It never carries the truth, which is in the log.

mod postgres;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sea_orm::DbErr;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{Hub, Stream};

/// Wake-ups that may wait to be sent; beyond it they are dropped, and anti-entropy makes up for them.
const WAITING: usize = 10_000;

/// What other processes are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// A stream has reached this number.
    Moved(Stream, i64),
    /// A feed was read up to this number.
    Read(Stream, i64),
}

/// The way to other processes' hubs.
#[derive(Clone, Debug)]
pub enum Bus {
    /// There is no other process that serves (SQLite).
    InProcess,
    /// Postgres NOTIFY.
    Postgres {
        /// The way to the task that sends.
        sender: mpsc::Sender<Wake>,
        /// Whether wake-ups are being received.
        listening: Arc<AtomicBool>,
    },
}

impl Bus {
    /// Starts the Postgres bus: one task that sends, one that listens, each on a connection of its own.
    pub fn postgres(
        url: &str,
        hub: Arc<Hub>,
        tasks: &TaskTracker,
        stop: &CancellationToken,
    ) -> Result<Self, DbErr> {
        let (sender, waiting) = mpsc::channel(WAITING);
        let pool = postgres::pool(url)?;
        tasks.spawn(postgres::send(pool.clone(), waiting, stop.clone()));
        let listening = Arc::new(AtomicBool::new(false));
        tasks.spawn(postgres::listen(pool, hub, Arc::clone(&listening), stop.clone()));
        Ok(Self::Postgres { sender, listening })
    }

    /// Whether other processes' wake-ups come at once. While they do not, followed streams are compared
    /// with the database once a second: events come late, and none is lost.
    pub fn is_listening(&self) -> bool {
        match self {
            Self::InProcess => true,
            Self::Postgres { listening, .. } => listening.load(Ordering::Relaxed),
        }
    }

    /// Tells the other processes; never waits.
    pub fn tell(&self, wake: Wake) {
        if let Self::Postgres { sender, .. } = self
            && sender.try_send(wake).is_err()
        {
            tracing::debug!("a wake-up was dropped; anti-entropy makes up for it");
        }
    }
}

impl Wake {
    /// Tells a hub of this process.
    pub fn tell(self, hub: &Hub) {
        match self {
            Self::Moved(stream, last) => hub.moved(stream, last),
            Self::Read(stream, read) => hub.read(stream, read),
        }
    }

    fn encode(self) -> String {
        match self {
            Self::Moved(stream, last) => format!("m {stream} {last}"),
            Self::Read(stream, read) => format!("r {stream} {read}"),
        }
    }

    fn decode(text: &str) -> Option<Self> {
        let mut parts = text.split(' ');
        let (kind, stream, number) = (
            parts.next()?,
            parts.next()?.parse().ok()?,
            parts.next()?.parse().ok()?,
        );
        match kind {
            "m" => Some(Self::Moved(stream, number)),
            "r" => Some(Self::Read(stream, number)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::entity::{CareRequestId, UserId};

    #[test]
    fn wake_ups_survive_the_wire_and_noise_is_ignored() {
        let care = Stream::Care(CareRequestId(Uuid::from_u128(1)));
        let user = Stream::User(UserId(Uuid::from_u128(2)));
        for wake in [Wake::Moved(care, 7), Wake::Read(user, 0)] {
            assert_eq!(Wake::decode(&wake.encode()), Some(wake));
        }
        for noise in [
            "",
            "m",
            "m care:1 2",
            "x care:00000000-0000-0000-0000-000000000001 2",
        ] {
            assert_eq!(Wake::decode(noise), None, "{noise}");
        }
    }
}
