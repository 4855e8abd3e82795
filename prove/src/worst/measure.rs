//! What a server takes for one document.

use std::fs;
use std::net::SocketAddr;

use serde_json::json;

use crate::api::{Api, Member};
use crate::failure::{Failure, Result};
use crate::figures::{float, resident_kib};
use crate::processes::{Server, get};

/// What came of a document, and what it took.
#[derive(Clone, Debug, Default)]
pub(super) struct Taken {
    /// Which limit refused it, the value and the maximum.
    pub(super) refused: Option<(String, u64, u64)>,
    /// What else went wrong, as its code.
    pub(super) error: Option<String>,
    pub(super) cpu_ms: f64,
    pub(super) mib: f64,
    pub(super) statements: u64,
    pub(super) bytes: usize,
}

impl Taken {
    /// Whether it was run.
    pub(super) fn is_accepted(&self) -> bool {
        self.refused.is_none() && self.error.is_none()
    }
}

/// What measures.
pub(super) struct Gauge<'g> {
    pub(super) api: &'g Api,
    pub(super) address: SocketAddr,
    pub(super) management: SocketAddr,
    pub(super) process: u32,
    pub(super) member: Member,
}

impl<'g> Gauge<'g> {
    pub(super) fn new(api: &'g Api, server: &Server, member: Member) -> Result<Self> {
        Ok(Self {
            api,
            address: server.address,
            management: server.management,
            process: server.id()?,
            member,
        })
    }

    /// Runs a document, and measures what the server takes for it.
    pub(super) async fn run(&self, document: &str) -> Result<Taken> {
        let statements = self.statements().await?;
        let before_kib = self.forget_peak()?;
        let before_ms = processor_ms(self.process)?;
        let body = json!({ "query": document });
        let (bytes, answer) = self.api.answer(self.address, &self.member, &body).await?;
        let cpu_ms = processor_ms(self.process)? - before_ms;
        let grown = peak_kib(self.process)?.saturating_sub(before_kib);
        let mut taken = Taken {
            cpu_ms,
            mib: float(grown) / 1024.0,
            statements: self.statements().await? - statements,
            bytes,
            ..Taken::default()
        };
        let extensions = &answer["errors"][0]["extensions"];
        match extensions["code"].as_str() {
            None => {}
            Some("LIMIT_EXCEEDED") => {
                let number = |name: &str| extensions[name].as_u64().unwrap_or_default();
                let limit = extensions["limit"].as_str().unwrap_or_default().to_owned();
                taken.refused = Some((limit, number("value"), number("maximum")));
            }
            // What is no document, or asks for what is not there, costs what it costs.
            Some(code) => taken.error = (code != "INVALID_ID").then(|| code.to_owned()),
        }
        Ok(taken)
    }

    /// Statements of all operations so far.
    async fn statements(&self) -> Result<u64> {
        let told = get(self.management, "/metrics").await?;
        let mut sum = 0.0;
        for line in told.lines() {
            if line.starts_with("graphql_database_queries_per_operation_sum")
                && let Some((_, value)) = line.rsplit_once(' ')
            {
                sum += value.parse::<f64>()?;
            }
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a count that is written as a fraction"
        )]
        Ok(sum as u64)
    }

    /// Begins to measure the most memory anew: what there is now.
    pub(super) fn forget_peak(&self) -> Result<u64> {
        fs::write(format!("/proc/{}/clear_refs", self.process), "5")?;
        resident_kib(self.process)
    }
}

/// The most memory that a process has had since it was forgotten, in KiB.
pub(super) fn peak_kib(process: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let mut lines = status.lines();
    lines
        .find_map(|line| {
            line.strip_prefix("VmHWM:")?
                .split_whitespace()
                .next()?
                .parse()
                .ok()
        })
        .ok_or_else(|| Failure::new(format!("/proc/{process}/status tells no VmHWM")))
}

/// The processor time of all threads of a process, in milliseconds: finer than the hundredths of a second that a process
/// is told to have taken.
pub(super) fn processor_ms(process: u32) -> Result<f64> {
    let mut nanoseconds = 0;
    for thread in fs::read_dir(format!("/proc/{process}/task"))? {
        // One that has ended meanwhile is not there any more.
        let Ok(told) = fs::read_to_string(thread?.path().join("schedstat")) else {
            continue;
        };
        nanoseconds += told.split(' ').next().unwrap_or_default().parse::<u64>()?;
    }
    Ok(float(nanoseconds / 1_000) / 1_000.0)
}
