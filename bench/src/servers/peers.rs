//! The peers: servers of other makers for Node, over the same database.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use plant_care_prove::failure::{Result, ensure};
use serde_json::json;
use tokio::process::Command;

use super::{Dialect, Process};
use crate::load::{Ask, Asks};
use crate::stage::Stage;

/// As many connections to the database as Plant Care has.
const POOL: &str = "20";

/// A peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// mercurius on Fastify, with its just-in-time compiler.
    Mercurius,
    /// GraphQL Yoga.
    Yoga,
    /// Apollo Server.
    Apollo,
    /// `PostGraphile` 5.
    Postgraphile,
    /// graphql-ws, which has subscriptions alone.
    GraphqlWs,
}

impl Peer {
    /// Those that answer queries.
    pub const ALL: [Self; 4] = [Self::Mercurius, Self::Yoga, Self::Apollo, Self::Postgraphile];

    /// What tables and files call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mercurius => "mercurius",
            Self::Yoga => "yoga",
            Self::Apollo => "apollo",
            Self::Postgraphile => "postgraphile",
            Self::GraphqlWs => "graphql-ws",
        }
    }

    /// How it is asked.
    pub fn dialect(self) -> Dialect {
        match self {
            Self::Postgraphile => Dialect::Graphile,
            _ => Dialect::Peer,
        }
    }

    /// Whether it writes comments; those with the same resolvers differ no more in that than in what is read.
    pub(super) fn writes(self) -> bool {
        matches!(self, Self::Mercurius | Self::Postgraphile)
    }

    /// Starts it and waits until it is ready.
    pub(super) async fn start(self, address: SocketAddr, stage: &Stage) -> Result<Process> {
        let file = folder().join(format!("{}.mjs", self.name()));
        for needed in [&node(), &file] {
            ensure(needed.exists(), || {
                format!("{} is missing: run `npm ci` in bench/peers", needed.display())
            })?;
        }
        let mut command = Command::new(node());
        command
            .arg(file)
            .env("DATABASE_URL", stage.harness.database.url())
            .env("PORT", address.port().to_string())
            .env("POOL", POOL)
            .env("NODE_ENV", "production");
        let mut process = Process::start(self.name(), stage.harness.folder(), &mut command)?;
        let ask = Ask::post("/graphql", &json!({ "query": "{ __typename }" }));
        process.answers(&Asks::new(address, [ask], "Query")?).await?;
        Ok(process)
    }
}

/// Where they are.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("peers")
}

/// The Node that they run on.
pub fn node() -> PathBuf {
    folder().join("node_modules/node/bin/node")
}
