//! SQLite: one writer, a few readers, one process.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions as _, SqlitePool};
use tokio::time::timeout;

use fapi_core::issuer::Issuer;

use super::writer::Queue;
use super::{Lease, claim, migrations, too_slow};
use crate::connection::{Connection, Row, Value};
use crate::error::{Failure, StoreError};
use crate::write::Write;

/// How many may read at once.
const READERS: u32 = 4;

#[derive(Debug)]
pub(crate) struct SqliteBackend {
    patience: Duration,
    queue: Queue,
    readers: SqlitePool,
}

impl SqliteBackend {
    pub(crate) async fn open(path: &Path, patience: Duration, issuer: &Issuer) -> Result<Self, StoreError> {
        let lock = lock(path)?;
        private(path)?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .journal_mode(SqliteJournalMode::Wal)
            // What was acknowledged survives a power cut (L19).
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(patience)
            .pragma("journal_size_limit", "67108864")
            .pragma("trusted_schema", "OFF")
            .disable_statement_logging();
        let mut writer = options.connect().await.map_err(Failure::from)?;
        migrations::sqlite(&mut writer).await?;
        claim(&mut Connection::Sqlite(&mut writer), issuer).await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .acquire_timeout(patience)
            .idle_timeout(None)
            .max_lifetime(None)
            .test_before_acquire(false)
            .connect_lazy_with(options.clone().pragma("query_only", "ON"));
        open_all(&readers).await?;
        Ok(Self { patience, queue: Queue::start(options, writer, lock), readers })
    }

    pub(crate) async fn close(&self) {
        // The writer comes last: it folds the log into the file.
        self.readers.close().await;
        self.queue.close().await;
    }

    pub(crate) async fn row(
        &self,
        sql: &'static str,
        values: &[Value<'_>],
    ) -> Result<Option<Row>, StoreError> {
        let read = async {
            let mut reader = Lease::new(self.readers.acquire().await?);
            let row = Connection::Sqlite(reader.connection()).row(sql, values).await?;
            reader.give_back();
            Ok::<_, Failure>(row)
        };
        Ok(timeout(self.patience, read).await.map_err(|_| too_slow(self.patience))??)
    }

    pub(crate) async fn rows(&self, sql: &'static str, values: &[Value<'_>]) -> Result<Vec<Row>, StoreError> {
        let read = async {
            let mut reader = Lease::new(self.readers.acquire().await?);
            let rows = Connection::Sqlite(reader.connection()).rows(sql, values).await?;
            reader.give_back();
            Ok::<_, Failure>(rows)
        };
        Ok(timeout(self.patience, read).await.map_err(|_| too_slow(self.patience))??)
    }

    /// What is not done in time may still be done later: the caller issues nothing on the strength of it.
    pub(crate) async fn write<W: Write>(&self, write: W) -> Result<W::Answer, StoreError> {
        timeout(self.patience, self.queue.write(write)).await.map_err(|_| too_slow(self.patience))?
    }
}

/// While the disk is full or cannot be written no new reader can begin, but one that is there goes on reading.
async fn open_all(readers: &SqlitePool) -> Result<(), Failure> {
    let mut open = Vec::new();
    for _ in 0..READERS {
        open.push(readers.acquire().await?);
    }
    Ok(())
}

/// Refuses a second process (`F-E06`). The lock is the open file's: it ends with the process, however that ends.
fn lock(database: &Path) -> Result<File, StoreError> {
    let path = beside(database, ".lock");
    let unavailable = |error: std::io::Error| StoreError::Unavailable(format!("{}: {error}", path.display()));
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(&path)
        .map_err(unavailable)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::Locked { path }),
        Err(TryLockError::Error(error)) => Err(unavailable(error)),
    }
}

/// Makes the file, readable by its owner only: it holds personal data. SQLite gives its log the same mode.
fn private(database: &Path) -> Result<(), StoreError> {
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(database)
        .map(drop)
        .map_err(|error| StoreError::Unavailable(format!("{}: {error}", database.display())))
}

fn beside(database: &Path, suffix: &str) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
