//! The parts that run for every event or every operation, each by itself: what a change of one of them costs.
//!
//! `cargo bench --bench hot` measures and compares with the last time; with `-- --test` each runs once.

mod cursor;
mod extension;
mod frame;
mod hub;
mod support;

use std::time::Duration;

use criterion::Criterion;

use self::support::{Ground, Outcome};

fn main() -> Outcome {
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    let ground = Ground::new()?;
    cursor::bench(&mut criterion);
    frame::bench(&mut criterion)?;
    hub::bench(&mut criterion, &ground)?;
    extension::bench(&mut criterion, &ground)?;
    criterion.final_summary();
    Ok(())
}
