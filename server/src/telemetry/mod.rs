//! What is going on? Log lines for people, metrics for machines.

mod log;
mod metrics;

pub use self::log::{Format, Log, NoLog};
pub use self::metrics::{Closed, Endpoint, Handshake, Metrics, Refused, Told};
