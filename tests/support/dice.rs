//! Chance for the randomised proofs: it falls the same way for the same seed.

use std::io::Write as _;

/// A generator of numbers (`SplitMix64`).
pub(crate) struct Dice {
    state: u64,
    seed: u64,
}

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self { state: seed, seed }
    }

    pub(crate) fn number(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `sides`.
    pub(crate) fn below(&mut self, sides: usize) -> usize {
        usize::try_from(self.number() % u64::try_from(sides).unwrap()).unwrap()
    }

    /// A number from the first to the second, both included.
    pub(crate) fn between(&mut self, from: i64, to: i64) -> i64 {
        from + i64::try_from(self.below(usize::try_from(to - from + 1).unwrap())).unwrap()
    }

    /// True once in `times`.
    pub(crate) fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// One of several.
    pub(crate) fn of<'a, T>(&mut self, several: &'a [T]) -> &'a T {
        &several[self.below(several.len())]
    }
}

impl Drop for Dice {
    /// Says with which seed a failure comes again.
    fn drop(&mut self) {
        if std::thread::panicking() {
            let line = format!("It failed with PROVE_SEED={}\n", self.seed);
            std::io::stderr().write_all(line.as_bytes()).unwrap();
        }
    }
}

/// Whether the long form of a proof is wanted.
pub(crate) fn in_full() -> bool {
    variable("PROVE").is_some()
}

/// The seeds of a proof's rounds: the one that was asked for, or so many of the short or the long form. The short form's
/// are always the same, the long form's always others.
pub(crate) fn seeds(short: u64, full: u64) -> impl Iterator<Item = u64> {
    let (from, rounds) = match variable("PROVE_SEED") {
        Some(seed) => (seed.parse().expect("a number in PROVE_SEED"), 1),
        None if in_full() => (u64::from_ne_bytes(plant_care::crypto::random()), full),
        None => (1, short),
    };
    (0..rounds).map(move |round| from.wrapping_add(round))
}

fn variable(name: &str) -> Option<String> {
    #[expect(
        clippy::disallowed_methods,
        reason = "it says how long and with which seed a proof runs"
    )]
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
