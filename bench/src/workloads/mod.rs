//! What is measured: each workload gives a section of the report.
//!
//! A workload is a variant of [`Workload`] and an arm of [`Workload::run`]; what it gives is its own matter.

mod curves;
mod fan_out;
mod idle;
mod live_curves;
pub mod operations;
mod resume;
mod start;
mod statements;
mod telemetry;

use clap::ValueEnum;
use plant_care_prove::failure::Result;

use crate::ground::Ground;
use crate::operations::Operation;
use crate::report::Section;
use crate::rounds::Plan;

/// Something to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Workload {
    /// An owner's 50 requests with plants, caretaker and comments.
    Feed,
    /// 50 open requests near a place with their plants.
    Board,
    /// One request by its id.
    One,
    /// The feed with more and less telemetry.
    Telemetry,
    /// How long a process takes until it is ready, and what it holds while nobody asks.
    Start,
    /// Comments, with their events and wake-ups; after what is only read, so that all of that meets the same rows.
    Write,
    /// Comments of 50 writers on one request.
    OneStream,
    /// Events at a steady rate to many subscribers.
    FanOut,
    /// Thousands of subscribers who come back at once.
    Resume,
    /// The memory of connections while nothing is told.
    Idle,
    /// The feed against the number of its rows.
    Rows,
    /// One request against how many there are.
    Size,
    /// A delivery against the number of subscribers.
    Subscribers,
    /// A delivery against the number of other streams.
    Streams,
    /// The memory of a connection against their number.
    Connections,
}

impl Workload {
    /// What tables and files call it.
    pub fn name(self) -> String {
        self.to_possible_value()
            .map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// Whether it compares servers of other makers.
    pub fn has_peers(self) -> bool {
        matches!(
            self,
            Self::Feed | Self::Board | Self::One | Self::Write | Self::OneStream
        )
    }

    /// Measures it.
    pub async fn run(self, ground: &Ground, plan: &Effort) -> Result<Section> {
        let mut section = match self {
            Self::Feed => operations::run(Operation::Feed, ground, plan.http).await,
            Self::Board => operations::run(Operation::Board, ground, plan.http).await,
            Self::One => operations::run(Operation::One, ground, plan.http).await,
            Self::Write => operations::run(Operation::Write, ground, plan.http).await,
            Self::OneStream => operations::run(Operation::OneStream, ground, plan.http).await,
            Self::Telemetry => telemetry::run(ground, plan.http).await,
            Self::Start => start::run(ground, plan).await,
            Self::FanOut => fan_out::run(ground, plan).await,
            Self::Resume => resume::run(ground, plan).await,
            Self::Idle => idle::run(ground, plan).await,
            Self::Rows => curves::rows(ground, plan).await,
            Self::Size => curves::size(ground, plan).await,
            Self::Subscribers => live_curves::subscribers(ground, plan).await,
            Self::Streams => live_curves::streams(ground, plan).await,
            Self::Connections => idle::connections(ground, plan).await,
        }?;
        section.name = self.name();
        Ok(section)
    }
}

/// How long everything takes.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Of what is asked over HTTP.
    pub http: Plan,
    /// Whether a look is enough: fewer points of a curve, and fewer of everything.
    pub is_quick: bool,
}
