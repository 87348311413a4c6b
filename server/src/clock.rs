//! What time is it? Everything that asks has it from here.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use fapi_core::{Lifetime, Timestamp};

/// Tells the time.
pub trait Clock: Send + Sync + 'static {
    /// The time now.
    fn now(&self) -> Timestamp;
}

/// The clock of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the Clock that everything else is given")]
    fn now(&self) -> Timestamp {
        // A clock before 1970 is as wrong as any other: everything that expires then has not begun yet.
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_unix(i64::try_from(since_epoch.as_secs()).unwrap_or(i64::MAX))
    }
}

/// A clock that stands still until it is moved: for tests, where waiting would prove nothing.
#[derive(Debug)]
pub struct TestClock(AtomicI64);

impl TestClock {
    /// A clock that shows `now`.
    pub fn at(now: Timestamp) -> Self {
        Self(AtomicI64::new(now.as_unix()))
    }

    /// Moves the clock; a negative span moves it back.
    pub fn advance(&self, span: Lifetime) {
        self.0.fetch_add(span.as_seconds(), Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix(self.0.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_clock_moves_when_it_is_told_to() {
        let clock = TestClock::at(Timestamp::from_unix(1_000));
        assert_eq!(clock.now(), clock.now());
        clock.advance(Lifetime::seconds(60));
        assert_eq!(clock.now(), Timestamp::from_unix(1_060));
    }

    #[test]
    fn the_system_clock_is_past_the_year_2025() {
        assert!(SystemClock.now() > Timestamp::from_unix(1_735_689_600));
    }
}
