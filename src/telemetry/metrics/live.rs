//! Live streams.

use std::time::Duration;

use opentelemetry::trace::TraceId;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::{Timing, Timings, TraceLabel, timings};

const DELIVERY_EDGES: [f64; 13] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];
const LAG_EDGES: [f64; 7] = [0.0, 1.0, 10.0, 100.0, 1_000.0, 10_000.0, 100_000.0];
/// The subscriptions there are.
const FIELDS: [&str; 3] = ["careEvents", "myFeed", "openCareRequests"];

/// Live streams.
#[derive(Debug)]
pub struct Live {
    connections: Family<Transport, Gauge>,
    subscriptions: Family<Field, Gauge>,
    ended: Family<FieldEnd, Counter>,
    delivery: Timings<FieldStage>,
    /// Those of `commit_to_socket`, which are counted for each delivery.
    to_socket: [Timing; 3],
    backfill: [Counter; 2],
    gaps: Family<Reason, Counter>,
    /// Entries that subscribers were behind.
    pub lag: Histogram,
    /// Wake-ups of other processes that were heard.
    pub wakeups: Counter,
    /// How often wake-ups began to come again.
    pub reconnects: Counter,
    /// Streams that had moved without a wake-up.
    pub rescues: Counter,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Transport {
    transport: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Field {
    field: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FieldEnd {
    field: &'static str,
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FieldStage {
    field: &'static str,
    stage: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reason {
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct BackfillSource {
    source: &'static str,
}

/// Where an entry that was missed came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// From memory.
    Ring = 0,
    /// From the database.
    Database = 1,
}

/// Why a subscription ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndedBy {
    /// Its client left or completed it.
    Client = 0,
    /// There is nothing more to tell.
    Complete = 1,
    /// Its reader may read no more, or her session ended.
    AccessRevoked = 2,
    /// Her token expired.
    TokenExpired = 3,
    /// Its client did not take what was written.
    WriteDeadline = 4,
    /// The process stops.
    Drain = 5,
    /// The client broke the protocol.
    Error = 6,
}

impl EndedBy {
    /// All of them, in order.
    pub const ALL: [Self; 7] = [
        Self::Client,
        Self::Complete,
        Self::AccessRevoked,
        Self::TokenExpired,
        Self::WriteDeadline,
        Self::Drain,
        Self::Error,
    ];
}

const REASONS: [&str; 7] = [
    "client",
    "complete",
    "access_revoked",
    "token_expired",
    "write_deadline",
    "drain",
    "error",
];

impl Live {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let backfill = Family::<BackfillSource, Counter>::default();
        let delivery: Timings<FieldStage> = timings(|| Timing::new(DELIVERY_EDGES.into_iter()));
        let stage = "commit_to_socket";
        let live = Self {
            to_socket: FIELDS.map(|field| delivery.get_or_create_owned(&FieldStage { field, stage })),
            connections: Family::default(),
            subscriptions: Family::default(),
            ended: Family::default(),
            delivery,
            backfill: ["ring", "database"]
                .map(|source| backfill.get_or_create_owned(&BackfillSource { source })),
            gaps: Family::default(),
            lag: Histogram::new(LAG_EDGES),
            wakeups: Counter::default(),
            reconnects: Counter::default(),
            rescues: Counter::default(),
        };
        registry.register(
            "plant_care_live_connections",
            "Open connections of subscribers",
            live.connections.clone(),
        );
        registry.register(
            "plant_care_live_subscriptions",
            "Open subscriptions",
            live.subscriptions.clone(),
        );
        registry.register(
            "plant_care_live_subscriptions_ended",
            "Subscriptions that have ended, and why",
            live.ended.clone(),
        );
        registry.register(
            "plant_care_live_delivery_seconds",
            "From an event's recordedAt to this process's hub, and to the flushed write to a subscriber",
            live.delivery.clone(),
        );
        registry.register(
            "plant_care_live_backfill_entries",
            "Entries that were told to subscribers who had missed them",
            backfill,
        );
        registry.register(
            "plant_care_live_gaps",
            "Gaps that subscribers were told of",
            live.gaps.clone(),
        );
        registry.register(
            "plant_care_live_subscriber_lag_entries",
            "By how many entries subscribers are behind, sampled every 5 seconds",
            live.lag.clone(),
        );
        registry.register(
            "plant_care_live_bus_wakeups",
            "Wake-ups of other processes that were heard",
            live.wakeups.clone(),
        );
        registry.register(
            "plant_care_live_bus_reconnects",
            "How often the bus was heard again after it was lost",
            live.reconnects.clone(),
        );
        registry.register(
            "plant_care_live_bus_rescues",
            "Streams whose wake-up was lost, found by comparing with the database",
            live.rescues.clone(),
        );
        live.begin();
        live
    }

    fn begin(&self) {
        for transport in ["websocket", "sse"] {
            drop(self.connections.get_or_create(&Transport { transport }));
        }
        for reason in ["trimmed", "log_reset"] {
            drop(self.gaps.get_or_create(&Reason { reason }));
        }
        for field in FIELDS {
            drop(self.subscriptions.get_or_create(&Field { field }));
            for reason in REASONS {
                drop(self.ended.get_or_create(&FieldEnd { field, reason }));
            }
            for stage in ["commit_to_hub", "commit_to_socket"] {
                drop(self.delivery.get_or_create(&FieldStage { field, stage }));
            }
        }
    }

    /// A connection was opened; it is counted until this is dropped.
    pub fn connection(&self, transport: &'static str) -> Counted {
        let open = self.connections.get_or_create_owned(&Transport { transport });
        open.inc();
        Counted(open)
    }

    /// A subscription was opened; it is counted until this is dropped.
    pub fn subscription(&self, field: &'static str) -> Counted {
        let open = self.subscriptions.get_or_create_owned(&Field { field });
        open.inc();
        Counted(open)
    }

    /// A subscription has ended.
    pub fn ended(&self, field: &'static str, why: EndedBy) {
        let reason = REASONS[why as usize];
        self.ended.get_or_create(&FieldEnd { field, reason }).inc();
    }

    /// An entry came to the hub; both times are in microseconds since 1970.
    pub fn arrived(&self, field: &'static str, recorded_at: i64, now: i64) {
        let stage = "commit_to_hub";
        let timing = self.delivery.get_or_create(&FieldStage { field, stage });
        timing.observe(seconds_since(recorded_at, now), None, None);
    }

    /// An event was written to a subscriber; `now` is in microseconds since 1970.
    pub fn delivered(&self, delivery: &Delivery, now: i64) {
        let Some(field) = FIELDS.iter().position(|field| *field == delivery.field) else {
            return;
        };
        let timing = &self.to_socket[field];
        let trace = delivery.trace.map(|trace| TraceLabel {
            trace_id: trace.to_string(),
        });
        timing.observe(seconds_since(delivery.recorded_at, now), trace, None);
    }

    /// An entry was missed and told later.
    pub fn backfilled(&self, source: Source) {
        self.backfill[source as usize].inc();
    }

    /// A subscriber was told of a gap.
    pub fn gap(&self, reason: &'static str) {
        self.gaps.get_or_create(&Reason { reason }).inc();
    }
}

/// An event on its way to a subscriber, as it happened.
#[derive(Clone, Copy, Debug)]
pub struct Delivery {
    /// Of which subscription.
    pub field: &'static str,
    /// When the event was recorded, in microseconds since 1970.
    pub recorded_at: i64,
    /// The trace of what caused it, for the first of those who share an answer.
    pub trace: Option<TraceId>,
}

/// Seconds between two times of servers' clocks, which may differ, in microseconds since 1970.
fn seconds_since(then: i64, now: i64) -> f64 {
    Duration::from_micros(u64::try_from(now - then).unwrap_or_default()).as_secs_f64()
}

/// Something that is open, counted until it is dropped.
#[derive(Debug)]
pub struct Counted(Gauge);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}
