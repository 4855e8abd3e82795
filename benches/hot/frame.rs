//! Frames: an answer whose bytes are shared, under the id that one client has for it, as it goes over the wire.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, Throughput};
use plant_care::transport::websocket::frame;
use plant_care::transport::websocket::message::{self, FromClient};

use crate::support::Outcome;

/// Clients call their operations by ids such as this.
const COMPLETE: &str = r#"{"id":"0d6a4ac8-6f0b-4b55-9d2b-6f7a6bb5a1c7","type":"complete"}"#;

pub(crate) fn bench(criterion: &mut Criterion) -> Outcome {
    let FromClient::Complete(id) = FromClient::read(COMPLETE)? else {
        return Err("this is no message of a client".into());
    };
    let mut group = criterion.benchmark_group("frame");
    for (name, bytes) in [("120 bytes", 120), ("4 KiB", 4096)] {
        let body: Arc<str> = "x".repeat(bytes).into();
        // Threads keep one, too.
        let mut frame = Vec::new();
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                frame.clear();
                frame::text(&message::next(&id, black_box(&body)), &mut frame);
                black_box(frame.len())
            });
        });
    }
    group.finish();
    Ok(())
}
