//! Live updates: the log, the hub that follows it, and the bus that wakes other processes.
//!
//! An event is stored first and pushed after commit. Each stream is a log whose entries are numbered
//! without a hole; a subscriber is a position in it and a wake-up, nothing else. So nothing is lost
//! when a wake-up is, or a connection: whoever comes back reads on from where she was.

pub mod bus;
pub mod cursor;
pub mod follow;
pub mod hub;
pub mod log;
pub mod stream;

pub use cursor::Cursor;
pub use hub::Hub;
pub use stream::Stream;
