use std::time::Duration;

use super::open::{Open, Schedule};

#[test]
fn a_schedule_is_steady_and_ends() {
    let open = Open {
        rate: 4.0,
        time: Duration::from_secs(1),
    };
    let schedule = Schedule::new(1_000_000, open);
    let moments: Vec<_> = (0..5).map(|number| schedule.moment(number)).collect();
    assert_eq!(
        moments,
        [Some(1_000_000), Some(1_250_000), Some(1_500_000), Some(1_750_000), None]
    );
}
