//! Queues of what cannot be served at once.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::admission::Queue;

/// Queues of what cannot be served at once.
#[derive(Debug)]
pub struct Shedding {
    refused: Family<QueueLabel, Counter>,
    requests: Family<QueueState, Gauge>,
}

/// How often a queue has turned somebody away.
pub type Refusals = Counter;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct QueueLabel {
    queue: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct QueueState {
    queue: &'static str,
    state: &'static str,
}

impl Shedding {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let shedding = Self {
            refused: Family::default(),
            requests: Family::default(),
        };
        registry.register(
            "plant_care_admission_refused",
            "What was told at once that the server is busy",
            shedding.refused.clone(),
        );
        registry.register(
            "plant_care_admission_requests",
            "What is served, and what waits for it",
            shedding.requests.clone(),
        );
        for queue in Queue::ALL {
            drop(shedding.of(queue));
            shedding.depth(queue, 0, 0);
        }
        shedding
    }

    /// How often a queue has turned somebody away.
    pub fn of(&self, queue: Queue) -> Refusals {
        self.refused
            .get_or_create_owned(&QueueLabel { queue: queue.name() })
    }

    /// How many are served and wait.
    pub fn depth(&self, queue: Queue, served: usize, waiting: usize) {
        for (state, count) in [("served", served), ("waiting", waiting)] {
            let label = QueueState {
                queue: queue.name(),
                state,
            };
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            self.requests.get_or_create(&label).set(count);
        }
    }
}
