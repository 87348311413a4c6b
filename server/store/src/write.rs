//! What a change to the store is: something that can be applied inside a transaction, and says whether it stays.

use std::future::Future;

use crate::connection::Connection;
use crate::error::Failure;

/// One atomic change.
///
/// On PostgreSQL it is a transaction, or a single statement; on SQLite it shares a transaction with others, inside a savepoint
/// of its own. It may be applied more than once, when the transaction it was in had to give way.
pub(crate) trait Write: Send + Sync + 'static {
    /// What happened.
    type Answer: Send + 'static;

    /// One statement is enough, and is a transaction by itself.
    const SINGLE: bool = false;

    /// Runs its statements.
    fn apply(
        &self,
        db: &mut Connection<'_>,
    ) -> impl Future<Output = Result<Applied<Self::Answer>, Failure>> + Send;
}

/// What is to become of a change that ran without fail.
pub(crate) enum Applied<T> {
    /// It stays.
    Commit(T),
    /// It must leave no trace.
    RollBack(T),
}
