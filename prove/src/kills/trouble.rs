//! The trouble: kills, a bus that goes away, connections that are cut.

use std::time::Duration;

use tokio::time::sleep;

use super::{Options, Scene};
use crate::failure::{Result, ensure};
use crate::harness::Harness;
use crate::nats::Nats;
use crate::processes::{Server, get};

/// How long a replica lives again before the next is killed.
const BETWEEN: Duration = Duration::from_millis(700);
/// How long the bus is away.
const AWAY: Duration = Duration::from_millis(1500);
/// Cuts the connections of this database on which a process listens. What it last ran names them; a server whose
/// listening connection does other things, too, says so in its name.
const CUT: &str = "SELECT pg_terminate_backend(pid)::int::bigint FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
    AND (query ILIKE 'LISTEN%' OR application_name ILIKE '%listen%')";

/// What was done.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Done {
    pub(super) kills: u64,
    pub(super) bus_stops: u64,
    pub(super) listen_cut: u64,
}

/// Who makes it.
pub(super) struct Trouble<'a> {
    pub(super) harness: &'a Harness,
    pub(super) options: &'a Options,
    pub(super) scene: &'a Scene,
    pub(super) servers: Vec<Server>,
    pub(super) nats: Option<Nats>,
    pub(super) done: Done,
}

impl Trouble<'_> {
    /// Makes as much as was asked for, and waits for the resumes.
    pub(super) async fn make(&mut self) -> Result<()> {
        let rounds = self.options.kills.max(self.options.cut_listen);
        for round in 0..rounds {
            if round < self.options.cut_listen {
                self.cut_listen().await?;
            }
            if round.is_multiple_of(4) {
                self.stop_bus().await?;
            }
            if round < self.options.kills {
                let server = usize::try_from(round)? % self.servers.len();
                self.servers[server].kill().await?;
                self.servers[server].restart().await?;
                self.done.kills += 1;
            }
            sleep(BETWEEN).await;
        }
        while self.scene.resumes() < self.options.resumes {
            sleep(Duration::from_millis(100)).await;
        }
        self.bus_is_back().await
    }

    async fn cut_listen(&mut self) -> Result<()> {
        let cut = self
            .harness
            .database
            .column::<i64>(CUT)
            .await?
            .into_iter()
            .sum::<i64>();
        ensure(cut > 0, || {
            "no connection that listens was found to cut".to_owned()
        })?;
        self.done.listen_cut += u64::try_from(cut)?;
        Ok(())
    }

    async fn stop_bus(&mut self) -> Result<()> {
        if let Some(nats) = &mut self.nats {
            nats.stop().await?;
            sleep(AWAY).await;
            nats.restart().await?;
            self.done.bus_stops += 1;
        }
        Ok(())
    }

    /// Each replica says that wake-ups reach it again.
    async fn bus_is_back(&self) -> Result<()> {
        for server in &self.servers {
            let mut answer = String::new();
            for _ in 0..100 {
                answer = get(server.address, "/health/ready").await?;
                if answer.contains("\"bus\":\"ok\"") {
                    break;
                }
                sleep(Duration::from_millis(100)).await;
            }
            ensure(answer.contains("\"bus\":\"ok\""), || {
                format!("the bus of a replica did not come back within 10 s: {answer}")
            })?;
        }
        Ok(())
    }
}
