//! The handle: open it, ask whether it can write, close it.

use std::sync::Arc;

use fapi_core::issuer::Issuer;

use crate::backend::{PostgresBackend, SqliteBackend};
use crate::config::{Config, Database};
use crate::connection::{Connection, Row, Value};
use crate::error::{Failure, StoreError};
use crate::write::{Applied, Write};

/// What one issuer remembers. Clones share everything.
#[derive(Clone, Debug)]
pub struct Store {
    backend: Backend,
    pub(crate) requests_per_client: u32,
}

#[derive(Clone, Debug)]
enum Backend {
    Postgres(Arc<PostgresBackend>),
    Sqlite(Arc<SqliteBackend>),
}

impl Store {
    /// Opens the database of `issuer`, and brings its tables up to date. The first issuer to open a database owns it.
    ///
    /// # Errors
    /// [`StoreError::WrongIssuer`] for somebody else's database, [`StoreError::Locked`] when another process has the SQLite file,
    /// [`StoreError::Newer`], [`StoreError::InvalidAddress`]; [`StoreError::Unavailable`] is worth trying again.
    pub async fn open(config: &Config, issuer: &Issuer) -> Result<Self, StoreError> {
        let backend = match &config.database {
            Database::Postgres(server) => {
                Backend::Postgres(Arc::new(PostgresBackend::open(server, config.patience, issuer).await?))
            }
            Database::Sqlite { path } => {
                Backend::Sqlite(Arc::new(SqliteBackend::open(path, config.patience, issuer).await?))
            }
        };
        Ok(Self { backend, requests_per_client: config.requests_per_client })
    }

    /// Whether the store can write, found out by writing.
    ///
    /// # Errors
    /// Why it cannot.
    pub async fn health(&self) -> Result<(), StoreError> {
        self.write(Probe).await
    }

    /// Ends it: what was asked for before is finished, what is asked for afterwards is [`StoreError::Unavailable`].
    pub async fn close(&self) {
        match &self.backend {
            Backend::Postgres(backend) => backend.close().await,
            Backend::Sqlite(backend) => backend.close().await,
        }
    }

    /// Makes a change; when this returns, it is on disk.
    pub(crate) async fn write<W: Write>(&self, write: W) -> Result<W::Answer, StoreError> {
        match &self.backend {
            Backend::Postgres(backend) => backend.write(&write).await,
            Backend::Sqlite(backend) => backend.write(write).await,
        }
    }

    /// Reads a row of what is on disk now.
    pub(crate) async fn row(
        &self,
        sql: &'static str,
        values: &[Value<'_>],
    ) -> Result<Option<Row>, StoreError> {
        match &self.backend {
            Backend::Postgres(backend) => backend.row(sql, values).await,
            Backend::Sqlite(backend) => backend.row(sql, values).await,
        }
    }

    /// Reads rows of what is on disk now.
    pub(crate) async fn rows(&self, sql: &'static str, values: &[Value<'_>]) -> Result<Vec<Row>, StoreError> {
        match &self.backend {
            Backend::Postgres(backend) => backend.rows(sql, values).await,
            Backend::Sqlite(backend) => backend.rows(sql, values).await,
        }
    }
}

struct Probe;

impl Write for Probe {
    type Answer = ();
    const SINGLE: bool = true;

    async fn apply(&self, db: &mut Connection<'_>) -> Result<Applied<()>, Failure> {
        db.execute("UPDATE probe SET written = written + 1 WHERE id = 1", &[]).await?;
        Ok(Applied::Commit(()))
    }
}
