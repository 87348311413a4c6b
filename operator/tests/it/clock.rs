//! The machine's clock, moved.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use fapi_operator::clock::{Clock, SystemClock};
use rustls::pki_types::UnixTime;
use rustls::time_provider::TimeProvider;

/// Runs as the machine's clock does, so many seconds ahead of it.
#[derive(Default, Debug)]
pub(crate) struct Shifted(AtomicI64);

impl Shifted {
    /// Everybody who looks at it sees that so much time has passed.
    pub(crate) fn advance(&self, by: Duration) {
        self.0.fetch_add(i64::try_from(by.as_secs()).unwrap(), Ordering::SeqCst);
    }
}

impl Clock for Shifted {
    fn now(&self) -> jiff::Timestamp {
        SystemClock.now() + jiff::SignedDuration::from_secs(self.0.load(Ordering::SeqCst))
    }
}

impl TimeProvider for Shifted {
    fn current_time(&self) -> Option<UnixTime> {
        let seconds = u64::try_from(self.now().as_second()).ok()?;
        Some(UnixTime::since_unix_epoch(Duration::from_secs(seconds)))
    }
}
