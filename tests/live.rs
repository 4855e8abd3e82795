//! Randomised proofs of the live layer: short here, in full with `PROVE=1` (`make prove`). A failure prints its seed, and
//! `PROVE_SEED` runs that one again.

mod access;
mod fuzz;
mod interleaved;
mod model;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The number that a cursor holds.
fn number(cursor: &str) -> i64 {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).unwrap();
    i64::from_be_bytes(bytes[17..25].try_into().unwrap())
}
