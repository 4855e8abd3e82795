//! The load generator: requests over connections that are kept, as quickly as they are answered or at a steady rate.
//!
//! | part | what it does |
//! |---|---|
//! | [`ask`] | what is asked, and what a right answer has |
//! | [`connection`] | one connection |
//! | [`closed`] | each connection asks again when it was answered: how much a server can do |
//! | [`open`] | a steady rate whatever the server does: how long a client waits |

pub mod ask;
pub mod closed;
pub mod connection;
pub mod open;

pub use self::ask::{Ask, Asks};
pub use self::closed::Closed;
pub use self::open::Open;

#[cfg(test)]
mod tests;
