//! Connections, of whatever kind.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// Connections of the public listener, of whatever kind.
#[derive(Clone, Debug)]
pub struct Connections {
    /// Those that are open.
    pub open: Gauge,
    /// Those that were ever let in.
    pub accepted: Counter,
    refused: [Counter; 4],
    given_up: [Counter; 4],
}

/// Why somebody was not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// There were too many connections.
    All = 0,
    /// There were too many of the address.
    Address = 1,
    /// There were too many subscribers of whom nobody knows who they are.
    Anonymous = 2,
    /// The system had no room.
    System = 3,
}

/// What a peer was too slow with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Late {
    /// To say what it wants.
    Head = 0,
    /// To send the rest of it.
    Body = 1,
    /// To want something more.
    Idle = 2,
    /// To take what it asked for.
    Write = 3,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reason {
    reason: &'static str,
}

impl Connections {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let (refused, given_up) = (
            Family::<Reason, Counter>::default(),
            Family::<Reason, Counter>::default(),
        );
        let connections = Self {
            open: Gauge::default(),
            accepted: Counter::default(),
            refused: ["total", "address", "anonymous", "system"]
                .map(|reason| refused.get_or_create_owned(&Reason { reason })),
            given_up: ["head", "body", "idle", "write"]
                .map(|reason| given_up.get_or_create_owned(&Reason { reason })),
        };
        registry.register(
            "plant_care_connections",
            "Open connections of the public listener, of whatever kind",
            connections.open.clone(),
        );
        registry.register(
            "plant_care_connections_accepted",
            "Connections of the public listener that were let in",
            connections.accepted.clone(),
        );
        registry.register(
            "plant_care_connections_refused",
            "Connections that were not let in, and why",
            refused,
        );
        registry.register(
            "plant_care_connections_given_up",
            "Connections that were ended because their peers were too slow, and with what",
            given_up,
        );
        connections
    }

    /// Somebody was not let in.
    pub fn refused(&self, why: Refused) {
        self.refused[why as usize].inc();
    }

    /// A connection was ended because its peer was too slow.
    pub fn gave_up(&self, with: Late) {
        self.given_up[with as usize].inc();
    }
}
