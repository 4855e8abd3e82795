//! What is followed, by whom, and what is told there.

use std::sync::Arc;

use plant_care_prove::api::{Care, Member};
use plant_care_prove::crowd::Place;
use plant_care_prove::failure::Result;
use plant_care_prove::message::{Kind, Message, Topic};
use plant_care_prove::socket::Socket;

use super::agree;
use super::source::{Board, CELL, Event, Source};
use crate::servers::{Dialect, Server};
use crate::stage::Stage;

/// One stream and those who may follow it.
#[derive(Debug)]
pub struct Scene<'a> {
    /// What it stands on.
    pub stage: &'a Stage,
    topic: Topic,
    care: Option<Arc<Care>>,
    recorded: Source,
    /// Who follows, in turn, by their tokens; a peer takes the token for the viewer's name.
    tokens: Vec<String>,
    /// An event, as Plant Care told it.
    message: String,
}

impl<'a> Scene<'a> {
    /// The timeline of a request that is looked after, followed by its owner. The members are registered by another server
    /// than those that are measured: hashing passwords leaves memory behind.
    pub async fn care(stage: &'a Stage, other: &Server, servers: &[Server]) -> Result<Self> {
        let care = Arc::new(stage.harness.api.care(other.address).await?);
        let mut scene = Self {
            stage,
            topic: Topic::Care(care.request.clone()),
            tokens: vec![care.owner.token.clone()],
            recorded: Source::Care([Arc::clone(&care)].into()),
            care: Some(care),
            message: String::new(),
        };
        scene.message = agree::all(&scene, servers, &agree::CARE_EVENT).await?;
        Ok(scene)
    }

    /// The board, followed by members of whom none owns what is published there.
    pub async fn board(
        stage: &'a Stage,
        board: Board,
        viewers: &[Member],
        servers: &[Server],
    ) -> Result<Self> {
        let mut scene = Self {
            stage,
            topic: Topic::Board(CELL),
            tokens: viewers.iter().map(|viewer| viewer.token.clone()).collect(),
            recorded: Source::Board(Arc::new(board)),
            care: None,
            message: String::new(),
        };
        scene.message = agree::all(&scene, servers, &agree::BOARD_EVENT).await?;
        Ok(scene)
    }

    /// The request that is followed, where it is one.
    pub fn request(&self) -> Option<&Arc<Care>> {
        self.care.as_ref()
    }

    /// Where a server's events come from: Plant Care's are recorded, all others are handed what it told.
    pub fn source(&self, server: &Server) -> Source {
        self.handing(server, &self.message)
    }

    /// The same, where others are handed the event of this message.
    pub(super) fn handing(&self, server: &Server, message: &str) -> Source {
        match server.dialect {
            Dialect::Ours => self.recorded.clone(),
            Dialect::Limit => Source::Bytes(message.to_owned()),
            Dialect::Peer | Dialect::Graphile => Source::Posted(Event::new(&self.topic, message)),
        }
    }

    /// So many places at the end of the stream.
    pub async fn places(&self, server: &Server, count: usize) -> Result<Vec<Place>> {
        let mut first = Place {
            server: server.address,
            token: String::new(),
            topic: self.topic.clone(),
            after: None,
            seq: 0,
        };
        match (&self.care, server.dialect) {
            (Some(care), Dialect::Ours) => {
                let (seq, after) = self.stage.harness.api.head(server.address, care).await?;
                (first.seq, first.after) = (seq, Some(after));
            }
            (None, Dialect::Ours) => {
                // What is open now is listed first: its end is the place.
                first.after = self.end(server).await?;
            }
            _ => {}
        }
        let tokens = self.tokens.iter().cycle().take(count);
        let place = |token: &String| Place {
            token: token.clone(),
            ..first.clone()
        };
        Ok(tokens.map(place).collect())
    }

    /// The cursor with which the stream has caught up.
    async fn end(&self, server: &Server) -> Result<Option<String>> {
        let token = self.tokens.first().cloned().unwrap_or_default();
        let mut socket = Socket::open(server.address, &token).await?;
        socket.subscribe("1", &self.topic.payload(None)).await?;
        loop {
            let text = socket.text().await?;
            let message = Message::read(&text);
            if message.kind == Kind::CaughtUp {
                return Ok(message.cursor().map(ToOwned::to_owned));
            }
        }
    }
}
