//! Why did the store not answer?
//!
//! A refusal by the protocol is never an error here: each verb answers with what happened. An error means that nobody can say.

use std::path::PathBuf;

/// The store could not do what it was asked. Nothing may be issued on the strength of an error: a write that failed this way
/// may or may not have happened.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum StoreError {
    /// What is stored cannot be read.
    #[error("the database is damaged: {0}; restore it from a backup")]
    Corrupt(String),
    /// The same identifier was stored before. They are random: this is a defect, never bad luck.
    #[error("this identifier is stored already: identifiers must be made from fresh random bytes")]
    Duplicate,
    /// A client has as many unfinished requests as it may (`H-11`).
    #[error(
        "client {client} has {limit} authorization requests that nobody finished: it may make more when those have ended"
    )]
    Full {
        /// Whose.
        client: String,
        /// How many it may have.
        limit: u32,
    },
    /// The database's address cannot be used.
    #[error("{0}: write sqlite:///path/to/file or postgresql://user:password@host/database")]
    InvalidAddress(String),
    /// Another process has the SQLite file open.
    #[error(
        "{} is in use by another process: a SQLite database serves one process, use PostgreSQL for more than one replica",
        path.display()
    )]
    Locked {
        /// The lock file.
        path: PathBuf,
    },
    /// A newer version of this program wrote the database.
    #[error(
        "the database has the format of a newer version (migration {0}): run that version, or restore a backup"
    )]
    Newer(i64),
    /// The database cannot be reached or written now; worth trying again (HTTP 503).
    #[error("the database cannot be used now: {0}")]
    Unavailable(String),
    /// The database belongs to another issuer.
    #[error(
        "the database belongs to the issuer {found}, not to {expected}: give every issuer a database of its own"
    )]
    WrongIssuer {
        /// Who is asking.
        expected: String,
        /// Whose it is.
        found: String,
    },
}

/// What a statement can fail with, before it is decided who has to know.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Another transaction won and this one was rolled back: safe to try again (`F-G03`).
    Conflict(String),
    /// The disk did not take what it was given: nothing it says afterwards can be trusted (`F-E03`).
    Flush(String),
    /// For the caller.
    Store(StoreError),
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Conflict(text) => Self::Unavailable(format!("too many transactions at once: {text}")),
            Failure::Flush(text) => Self::Unavailable(format!("{text}; writing has stopped until a restart")),
            Failure::Store(error) => error,
        }
    }
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        let text = error.to_string();
        match &error {
            sqlx::Error::Database(cause) if cause.is_unique_violation() => Self::Store(StoreError::Duplicate),
            sqlx::Error::Database(cause) => of_code(cause.code().as_deref().unwrap_or_default(), text),
            sqlx::Error::ColumnDecode { .. }
            | sqlx::Error::Decode(_)
            | sqlx::Error::ColumnIndexOutOfBounds { .. } => Self::Store(StoreError::Corrupt(text)),
            sqlx::Error::PoolTimedOut => {
                Self::Store(StoreError::Unavailable("no connection became free in time".into()))
            }
            _ => Self::Store(StoreError::Unavailable(text)),
        }
    }
}

/// SQLSTATE of PostgreSQL has five characters, result codes of SQLite are numbers with the kind in the low byte.
fn of_code(code: &str, text: String) -> Failure {
    match (code, code.parse::<u32>().map(|code| code & 0xff)) {
        ("40001" | "40P01", _) => Failure::Conflict(text),
        // SQLITE_IOERR_FSYNC, SQLITE_IOERR_DIR_FSYNC
        ("1034" | "1290", _) => Failure::Flush(format!("the disk did not confirm a write: {text}")),
        // SQLITE_CORRUPT, SQLITE_NOTADB
        (code, Ok(11 | 26)) if code.len() < 5 => Failure::Store(StoreError::Corrupt(text)),
        _ => Failure::Store(StoreError::Unavailable(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `F-G03`, `F-E03`, `F-E04`, `F-E05`.
    #[test]
    fn what_may_be_retried_is_told_apart_from_what_may_not() {
        let of = |code| of_code(code, "why".into());
        assert!(matches!(of("40001"), Failure::Conflict(_)));
        assert!(matches!(of("40P01"), Failure::Conflict(_)));
        assert!(matches!(of("1034"), Failure::Flush(_)), "a failed fsync is never retried");
        assert!(matches!(of("11"), Failure::Store(StoreError::Corrupt(_))));
        assert!(matches!(of("267"), Failure::Store(StoreError::Corrupt(_))), "SQLITE_CORRUPT_VTAB");
        assert!(matches!(of("13"), Failure::Store(StoreError::Unavailable(_))), "SQLITE_FULL");
        assert!(matches!(of("08006"), Failure::Store(StoreError::Unavailable(_))));
        assert!(matches!(of("57014"), Failure::Store(StoreError::Unavailable(_))), "statement_timeout");
    }
}
