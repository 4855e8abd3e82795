//! Randomised proofs of the live layer: short here, in full with `PROVE=1` (`make prove`). A failure prints its seed, and
//! `PROVE_SEED` runs that one again.

mod access;
mod fuzz;
mod model;
