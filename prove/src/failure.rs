//! Why a proof failed.

use std::error::Error;
use std::fmt;

/// The reason, in words: what was asserted and is not so, or what could not be done.
pub struct Failure(String);

/// What a step of a proof gives.
pub type Result<T> = std::result::Result<T, Failure>;

impl Failure {
    /// A failure for this reason.
    pub fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

/// A failure for this reason, as a result.
pub fn fail<T>(reason: impl Into<String>) -> Result<T> {
    Err(Failure::new(reason))
}

/// Fails for this reason unless something is so.
pub fn ensure(holds: bool, reason: impl FnOnce() -> String) -> Result<()> {
    if holds { Ok(()) } else { fail(reason()) }
}

// `Failure` is no `Error` itself, so that this does not overlap with `From<T> for T`.
impl<E: Error> From<E> for Failure {
    fn from(error: E) -> Self {
        let mut reason = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            let text = error.to_string();
            if !reason.contains(&text) {
                reason = format!("{reason}: {text}");
            }
            cause = error.source();
        }
        Self(reason)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
