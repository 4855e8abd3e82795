//! What is observed, and where it goes.

use std::net::SocketAddr;
use std::str::FromStr;

use url::Url;

use super::reader::Reader;
use super::{ConfigError, Environment, Secret, shown};

const RATIO: &str = "a share from 0 to 1, such as 0.1";

/// What is observed, and where it goes.
#[derive(Clone, Debug)]
pub struct Observability {
    /// `ENABLE_OBSERVABILITY`: false means neither spans nor the management listener.
    pub enabled: bool,
    /// `MANAGEMENT_ADDR`: the address of `/metrics`; never the public one.
    pub management_addr: SocketAddr,
    /// `OTEL_SERVICE_NAME`: what the process calls itself in logs and spans.
    pub service_name: String,
    /// `OTEL_EXPORTER_OTLP_ENDPOINT`: the collector that spans are sent to, by gRPC; `None`: no spans.
    pub otlp_endpoint: Option<Secret<Url>>,
    /// `OTEL_TRACES_SAMPLER` and `OTEL_TRACES_SAMPLER_ARG`: which traces are recorded.
    pub sampling: Sampling,
    /// `RESOLVER_SPANS_RATIO`: the share of queries whose resolvers, batches and statements are looked at one
    /// by one; those of mutations always are.
    pub resolver_spans_ratio: f64,
    /// `METRICS_OPERATION_NAMES`: operation names that metrics may tell apart, besides the trusted documents'.
    pub operation_names: Vec<String>,
}

/// Which traces are recorded, in the words of OpenTelemetry's environment variables.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampling {
    /// Whether the caller's decision counts, if there is one.
    pub parent_based: bool,
    /// The share of traces that begin here.
    pub ratio: f64,
}

/// The names that `OTEL_TRACES_SAMPLER` takes.
#[derive(Clone, Copy)]
enum SamplerName {
    Always(bool),
    Ratio,
    ParentAlways(bool),
    ParentRatio,
}

impl FromStr for SamplerName {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        Ok(match name {
            "always_on" => Self::Always(true),
            "always_off" => Self::Always(false),
            "traceidratio" => Self::Ratio,
            "parentbased_always_on" => Self::ParentAlways(true),
            "parentbased_always_off" => Self::ParentAlways(false),
            "parentbased_traceidratio" => Self::ParentRatio,
            _ => return Err(()),
        })
    }
}

impl Observability {
    pub(super) fn read(reader: &Reader<'_>, environment: Environment) -> Result<Self, ConfigError> {
        let management_addr: SocketAddr = reader.parse(
            "MANAGEMENT_ADDR",
            ([127, 0, 0, 1], 8001).into(),
            "an address such as 127.0.0.1:8001",
        )?;
        if environment == Environment::Development && !management_addr.ip().is_loopback() {
            return Err(ConfigError::wrong(
                "MANAGEMENT_ADDR",
                &management_addr.to_string(),
                "a loopback address in development (set ENVIRONMENT=production to serve others)",
            ));
        }
        let argument = reader.within("OTEL_TRACES_SAMPLER_ARG", 1.0, 0.0..=1.0, RATIO)?;
        let sampler = reader.parse(
            "OTEL_TRACES_SAMPLER",
            SamplerName::ParentRatio,
            "always_on, always_off, traceidratio, parentbased_always_on, parentbased_always_off or \
             parentbased_traceidratio",
        )?;
        let sampling = match sampler {
            SamplerName::Always(on) => Sampling::new(false, if on { 1.0 } else { 0.0 }),
            SamplerName::Ratio => Sampling::new(false, argument),
            SamplerName::ParentAlways(on) => Sampling::new(true, if on { 1.0 } else { 0.0 }),
            SamplerName::ParentRatio => Sampling::new(true, argument),
        };
        Ok(Self {
            enabled: reader.parse("ENABLE_OBSERVABILITY", true, "true or false")?,
            management_addr,
            service_name: reader
                .text("OTEL_SERVICE_NAME")
                .unwrap_or_else(|| "plant-care-api".to_owned()),
            otlp_endpoint: endpoint(reader)?,
            sampling,
            resolver_spans_ratio: reader.within("RESOLVER_SPANS_RATIO", 0.1, 0.0..=1.0, RATIO)?,
            operation_names: operation_names(reader)?,
        })
    }

    pub(super) fn table(&self) -> [(&'static str, String); 8] {
        let sampler = if self.sampling.parent_based {
            "parentbased_traceidratio"
        } else {
            "traceidratio"
        };
        [
            ("ENABLE_OBSERVABILITY", self.enabled.to_string()),
            ("MANAGEMENT_ADDR", self.management_addr.to_string()),
            ("OTEL_SERVICE_NAME", self.service_name.clone()),
            (
                "OTEL_EXPORTER_OTLP_ENDPOINT",
                self.otlp_endpoint
                    .as_ref()
                    .map_or_else(String::new, |url| shown::address(url.0.as_str())),
            ),
            ("OTEL_TRACES_SAMPLER", sampler.to_owned()),
            ("OTEL_TRACES_SAMPLER_ARG", self.sampling.ratio.to_string()),
            ("RESOLVER_SPANS_RATIO", self.resolver_spans_ratio.to_string()),
            ("METRICS_OPERATION_NAMES", self.operation_names.join(",")),
        ]
    }
}

impl Sampling {
    fn new(parent_based: bool, ratio: f64) -> Self {
        Self { parent_based, ratio }
    }
}

fn endpoint(reader: &Reader<'_>) -> Result<Option<Secret<Url>>, ConfigError> {
    const VARIABLE: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
    let Some(held) = reader.text(VARIABLE) else {
        return Ok(None);
    };
    match Url::parse(&held) {
        // Nothing after the server: where an @ stands there, a password was cut off by one of its signs.
        Ok(url)
            if url.scheme() == "http"
                && url.host_str().is_some()
                && !url.path().contains('@')
                && url.query().is_none()
                && url.fragment().is_none() =>
        {
            Ok(Some(Secret(url)))
        }
        _ => Err(ConfigError::wrong(
            VARIABLE,
            &held,
            "the address of a collector that speaks OTLP over gRPC, such as http://alloy:4317",
        )),
    }
}

fn operation_names(reader: &Reader<'_>) -> Result<Vec<String>, ConfigError> {
    const VARIABLE: &str = "METRICS_OPERATION_NAMES";
    let list = reader.text(VARIABLE).unwrap_or_default();
    let names: Vec<String> = list
        .split(',')
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
        .collect();
    if names.iter().all(|name| is_name(name)) {
        Ok(names)
    } else {
        Err(ConfigError::wrong(
            VARIABLE,
            &list,
            "names of GraphQL operations, separated by commas",
        ))
    }
}

/// Whether it is a GraphQL name of a length that metrics take.
pub(crate) fn is_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    text.len() <= 64
        && bytes
            .next()
            .is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
