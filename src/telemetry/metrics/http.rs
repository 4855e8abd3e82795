//! HTTP requests.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::registry::Registry;

use super::{Timings, TraceLabel, request_timing, timings};

/// HTTP requests.
#[derive(Debug)]
pub struct Http {
    requests: Timings<Labels>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    method: &'static str,
    route: &'static str,
    status_code: u16,
}

impl Http {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let requests = timings(request_timing);
        registry.register(
            "plant_care_request_duration_seconds",
            "From a request's head to its answer's head",
            requests.clone(),
        );
        let http = Self { requests };
        drop(http.requests.get_or_create(&Labels {
            method: "POST",
            route: "/graphql",
            status_code: 200,
        }));
        http
    }

    /// A request was answered.
    pub fn answered(
        &self,
        method: &'static str,
        route: &'static str,
        status_code: u16,
        took: Duration,
        trace: Option<TraceLabel>,
    ) {
        let labels = Labels {
            method,
            route,
            status_code,
        };
        self.requests
            .get_or_create(&labels)
            .observe(took.as_secs_f64(), trace, None);
    }
}
