//! Dies on command between two statements (tests only).

use std::sync::LazyLock;
use std::sync::atomic::{AtomicI64, Ordering};

/// Which statement is the last; set in the process that is to die.
pub(crate) const VARIABLE: &str = "FAPI_STORE_ABORT_AT";

static LEFT: LazyLock<AtomicI64> = LazyLock::new(|| {
    AtomicI64::new(std::env::var(VARIABLE).ok().and_then(|n| n.parse().ok()).unwrap_or(i64::MAX))
});

/// Before every statement, and before and after every commit.
pub(crate) fn pass() {
    if LEFT.fetch_sub(1, Ordering::SeqCst) == 1 {
        std::process::abort();
    }
}
