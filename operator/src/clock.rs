//! What time is it? Asked once a reconcile, so that everything in it agrees; tests bring their own.

use fapi_core::Timestamp;

/// The time, as pods and relying parties would tell it.
pub trait Clock: Send + Sync + 'static {
    /// Now.
    fn now(&self) -> jiff::Timestamp;

    /// Now, in whole seconds as JWTs count them.
    fn seconds(&self) -> Timestamp {
        Timestamp::from_unix(self.now().as_second())
    }
}

/// The machine's clock.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the machine for the time")]
    fn now(&self) -> jiff::Timestamp {
        jiff::Timestamp::now()
    }
}

/// A random share of a span, so that many who wait do not come back at once.
pub(crate) fn share_of(span: std::time::Duration) -> std::time::Duration {
    let mut bytes = [0; 4];
    // Without randomness everybody waits the whole span, which is right too.
    let share = aws_lc_rs::rand::fill(&mut bytes)
        .map_or(1.0, |()| f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX));
    span.mul_f64(share)
}
