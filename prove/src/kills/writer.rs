//! Writers that never give up: each act has a key, and is sent again, elsewhere, until it is answered.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use super::Scene;
use crate::api::{Api, Care, Refusal};
use crate::failure::Result;

/// How long a writer waits when nobody answered.
const AGAIN: Duration = Duration::from_millis(50);

/// One act that was answered.
#[derive(Debug)]
pub(super) struct Act {
    /// The request it is about.
    pub(super) care: usize,
    /// Its key, which is also its text.
    pub(super) key: String,
}

struct Writer {
    api: Api,
    scene: Arc<Scene>,
    care: Arc<Care>,
    number: usize,
    server: usize,
    comments: bool,
}

/// Starts two writers a request: the caretaker records care, the owner comments.
pub(super) fn start(
    api: &Api,
    scene: &Arc<Scene>,
    cares: &[Arc<Care>],
    rate: f64,
    stopped: &watch::Receiver<bool>,
) -> JoinSet<Result<Vec<Act>>> {
    let writers = u32::try_from(2 * cares.len()).unwrap_or(u32::MAX);
    let every = Duration::from_secs_f64(f64::from(writers) / rate);
    let mut tasks = JoinSet::new();
    for (number, care) in cares.iter().enumerate() {
        for comments in [false, true] {
            let writer = Writer {
                api: api.clone(),
                scene: Arc::clone(scene),
                care: Arc::clone(care),
                number,
                server: (number + usize::from(comments)) % scene.servers.len(),
                comments,
            };
            tasks.spawn(writer.write(every, stopped.clone()));
        }
    }
    tasks
}

impl Writer {
    async fn write(mut self, every: Duration, stopped: watch::Receiver<bool>) -> Result<Vec<Act>> {
        let mut acts = Vec::new();
        let mut next = Instant::now() + every.mul_f64(f64::from(u8::from(self.comments)) / 2.0);
        while !*stopped.borrow() {
            sleep_until(next).await;
            next += every;
            let key = format!(
                "{}-{}-{}",
                self.number,
                if self.comments { "said" } else { "done" },
                acts.len()
            );
            while let Err(refusal) = self.send(&key).await {
                let Refusal::Unavailable(_) = refusal else {
                    return Err(refusal.into());
                };
                self.scene.retries.fetch_add(1, Ordering::Relaxed);
                self.server = self.scene.other(self.server);
                sleep(AGAIN).await;
            }
            acts.push(Act {
                care: self.number,
                key,
            });
        }
        Ok(acts)
    }

    async fn send(&self, key: &str) -> std::result::Result<(), Refusal> {
        let server = self.scene.servers[self.server];
        if self.comments {
            let input = json!({ "careRequestId": self.care.request, "body": key, "idempotencyKey": key });
            let owner = Some(&self.care.owner);
            let sent = self
                .api
                .mutate(server, owner, "addComment", input, "cursor")
                .await;
            return sent.map(drop);
        }
        self.api
            .record(server, &self.care, key, Some(key))
            .await
            .map(drop)
    }
}
