//! What may be used once: the `jti` of assertions and proofs, and request objects that came by value.

use fapi_core::Timestamp;
use fapi_core::secret::Digest;

use crate::connection::Connection;
use crate::error::{Failure, StoreError};
use crate::store::Store;
use crate::write::{Applied, Write};

/// Whether somebody was here before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub enum FirstUse {
    /// Nobody was.
    First,
    /// It was used before, or it is over.
    Seen,
}

impl Store {
    /// Uses something up. It is remembered through `until`, which is its expiry with twice the clock skew on top (`J-24`), and is
    /// never forgotten to make room (`P-07`). What is over already is never a first use: nobody would remember it.
    pub async fn first_use(
        &self,
        digest: &Digest,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<FirstUse, StoreError> {
        if until < now {
            return Ok(FirstUse::Seen);
        }
        self.write(Use { digest: digest.clone(), until, now }).await
    }

    /// Whether it was used up.
    pub async fn spent(&self, digest: &Digest) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM replay WHERE digest = $1";
        Ok(self.row(sql, &[digest.into()]).await?.is_some())
    }
}

struct Use {
    digest: Digest,
    until: Timestamp,
    now: Timestamp,
}

impl Write for Use {
    type Answer = FirstUse;
    // Two statements, and each decides by itself.
    const SINGLE: bool = true;

    async fn apply(&self, db: &mut Connection<'_>) -> Result<Applied<FirstUse>, Failure> {
        const INSERT: &str = "INSERT INTO replay (digest, ends) VALUES ($1, $2) ON CONFLICT DO NOTHING";
        // The same identifier long after its first life, and not yet purged.
        const AGAIN: &str = "UPDATE replay SET ends = $2 WHERE digest = $1 AND ends < $3";
        let (digest, until) = ((&self.digest).into(), self.until.into());
        let first = db.execute(INSERT, &[digest, until]).await? == 1
            || db.execute(AGAIN, &[digest, until, self.now.into()]).await? == 1;
        Ok(Applied::Commit(if first { FirstUse::First } else { FirstUse::Seen }))
    }
}
