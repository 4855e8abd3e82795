//! All servers over one database.

use plant_care_prove::failure::Result;
use plant_care_prove::harness::Common;

use crate::data::Size;
use crate::servers::{Peer, Server};
use crate::stage::Stage;

/// The database, and all servers over it.
#[derive(Debug)]
pub struct Ground {
    /// What it was told.
    pub common: Common,
    /// Plant Care, with its telemetry in its default setting.
    pub ours: Server,
    /// The servers of other makers.
    pub peers: Vec<Server>,
    /// The limit.
    pub limit: Server,
    /// The database and those who ask; the last to go.
    pub stage: Stage,
}

impl Ground {
    /// Fills a database and starts the servers.
    pub async fn prepare(common: &Common, size: Size, peers: &[Peer]) -> Result<Self> {
        let (stage, ours) = Stage::set(common, size).await?;
        let limit = Server::limit(&stage).await?;
        let mut started = Vec::new();
        for peer in peers {
            started.push(Server::peer(*peer, &stage).await?);
        }
        Ok(Self {
            common: common.clone(),
            ours,
            peers: started,
            limit,
            stage,
        })
    }

    /// Takes all down; where something failed, the logs stay.
    pub async fn finish<T>(self, outcome: Result<T>) -> Result<T> {
        drop((self.ours, self.peers, self.limit));
        self.stage.finish(outcome).await
    }
}
