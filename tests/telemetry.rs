//! What the server tells of itself: metrics, spans and log lines.

mod metrics;
mod outages;
mod secrets;
mod spans;

/// A place in a trace, as a client sends it: the header, the trace and the span.
fn traceparent(number: u8) -> (String, String, String) {
    let (trace, span) = (format!("{number:032x}"), format!("{number:016x}"));
    (format!("00-{trace}-{span}-01"), trace, span)
}
