//! What is going on? Log lines for people, metrics for machines.

mod metrics;

pub use self::metrics::{Closed, Endpoint, Handshake, Metrics, Refused};
