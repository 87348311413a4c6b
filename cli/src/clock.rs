//! What time is it? The only place in this crate that asks the machine.

/// Seconds since 1970.
pub fn now() -> i64 {
    #[expect(clippy::disallowed_methods, reason = "the one place in this crate that reads the clock")]
    jiff::Timestamp::now().as_second()
}
