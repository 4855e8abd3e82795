//! Live updates: subscribers over websockets, and events that are told to them.
//!
//! | part | what it does |
//! |---|---|
//! | [`contenders`] | the servers that are measured, each a fresh process |
//! | [`copies`] | requests in progress, written straight into the tables |
//! | [`scene`] | what is followed, and by whom |
//! | [`source`] | where events come from: what a server has recorded, or what is handed to it |
//! | [`agree`] | whether all deliver the same event |
//! | [`round`] | one measurement, and all of them in turn |
//! | [`table`] | the figures, to be read |
//!
//! The same light client follows all of them (`plant_care_prove::crowd`).

pub mod agree;
pub mod contenders;
pub mod copies;
pub mod round;
pub mod scene;
pub mod source;
pub mod table;
