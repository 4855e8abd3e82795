//! The servers that tell events to subscribers, each a process that has done nothing else before.

use plant_care_prove::failure::Result;

use crate::rounds::Role;
use crate::servers::{Dialect, Peer, Server};
use crate::stage::Stage;

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Plant Care, with its telemetry in its default setting.
    Ours,
    /// graphql-ws on `ws`.
    GraphqlWs,
    /// mercurius.
    Mercurius,
    /// async-graphql's own websocket, where it was built.
    Stock,
    /// A broadcast of ready bytes.
    Raw,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Ours,
        Self::GraphqlWs,
        Self::Mercurius,
        Self::Stock,
        Self::Raw,
    ];

    async fn start(self, stage: &Stage) -> Result<Option<Server>> {
        match self {
            Self::Ours => Server::program("ours", &stage.program).await.map(Some),
            Self::GraphqlWs => Server::peer(Peer::GraphqlWs, stage).await.map(Some),
            Self::Mercurius => Server::peer(Peer::Mercurius, stage).await.map(Some),
            Self::Stock => Server::stock_websocket(stage).await,
            Self::Raw => Server::raw(stage, 0).await.map(Some),
        }
    }
}

/// Starts those of these that there are.
pub async fn start(kinds: &[Kind], stage: &Stage) -> Result<Vec<Server>> {
    let mut servers = Vec::new();
    for kind in kinds {
        servers.extend(kind.start(stage).await?);
    }
    Ok(servers)
}

/// What a server is in a comparison.
pub fn role(server: &Server) -> Role {
    match server.dialect {
        Dialect::Ours => Role::Ours,
        Dialect::Limit => Role::Limit,
        Dialect::Peer | Dialect::Graphile => Role::Peer,
    }
}
