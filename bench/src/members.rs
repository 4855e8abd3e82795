//! The three members who log in.

use std::net::SocketAddr;

use plant_care_prove::api::{Api, Member};
use plant_care_prove::failure::Result;

use crate::data::{OWNER, READER, WRITER};

/// Those who ask.
#[derive(Clone, Debug)]
pub struct Members {
    /// Asks for the feed.
    pub owner: Member,
    /// Comments.
    pub writer: Member,
    /// Reads the board.
    pub reader: Member,
}

impl Members {
    /// Registers them.
    pub async fn register(api: &Api, server: SocketAddr) -> Result<Self> {
        Ok(Self {
            owner: api.member(server, OWNER).await?,
            writer: api.member(server, WRITER).await?,
            reader: api.member(server, READER).await?,
        })
    }
}
