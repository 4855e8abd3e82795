//! Retention: how long each kind of stream keeps its entries.
