//! Chance that falls the same way each time: the demonstration is the same wherever it is made.

/// A generator of numbers (`SplitMix64`), far from good enough for secrets.
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: usize) -> Self {
        Self(u64::try_from(seed).unwrap_or(0).wrapping_mul(0x9e37_79b9))
    }

    /// A number below `sides`.
    pub(super) fn below(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        let sides = u64::try_from(sides.max(1)).unwrap_or(1);
        usize::try_from(mixed % sides).unwrap_or(0)
    }

    /// One of several.
    pub(super) fn of<T: Copy>(&mut self, several: &[T]) -> Option<T> {
        several.get(self.below(several.len())).copied()
    }

    /// True once in `times`.
    pub(super) fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }
}
