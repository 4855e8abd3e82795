//! Whatever happens in whatever order, each subscriber is told every entry that is hers once and in order, or that it is
//! not to be had: random interleavings against a model.

mod client;
mod sockets;
mod truth;
mod world;

use plant_care::app::App;
use plant_care::clock::Clock;

use self::world::World;
use crate::support::{Dice, TODAY, config, dice};

/// Things that happen in one round.
const STEPS: usize = 150;
/// Rounds that found something: who moved to a replica that had not heard of the end of her access stayed for ever.
const FOUND: [u64; 2] = [7_706_966_121_641_230_539, 16_201_933_474_305_520_357];

#[tokio::test]
async fn every_entry_is_told_once_and_in_order_or_missed_aloud_in_all_interleavings() {
    let (config, folder) = config(&[]).await;
    let clock = Clock::manual(format!("{TODAY}T09:00:00Z").parse().unwrap());
    let app = App::build(config, clock, true).await.unwrap();
    for seed in FOUND.into_iter().chain(dice::seeds(25, 3_000)) {
        let mut world = World::new(&app, Dice::new(seed));
        for _ in 0..STEPS {
            world.step().await;
        }
        world.settle().await;
    }
    app.stop.cancel();
    app.halt.cancel();
    app.database.close().await.unwrap();
    std::fs::remove_dir_all(folder).unwrap();
}
