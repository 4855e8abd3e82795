//! Cursors: every message that is told has one, every subscription that is resumed brings one.

use std::hint::black_box;

use criterion::Criterion;
use plant_care::clock::Clock;
use plant_care::entity::{CareRequestId, EventId};
use plant_care::live::{Cursor, Stream};

pub(crate) fn bench(criterion: &mut Criterion) {
    let clock = Clock::system();
    let stream = Stream::Care(CareRequestId(clock.new_id()));
    let cursor = Cursor::after(stream, 123_456, EventId(clock.new_id()));
    let text = cursor.encode();
    let mut group = criterion.benchmark_group("cursor");
    group.bench_function("encode", |bencher| bencher.iter(|| black_box(&cursor).encode()));
    group.bench_function("decode", |bencher| {
        bencher.iter(|| Cursor::decode(black_box(&text), stream));
    });
    group.finish();
}
