//! The two databases.

mod migrations;
mod postgres;
mod sqlite;
mod writer;

pub(crate) use postgres::PostgresBackend;
pub(crate) use sqlite::SqliteBackend;

use std::time::Duration;

use sqlx::Database;
use sqlx::pool::PoolConnection;

use fapi_core::issuer::Issuer;

use crate::connection::Connection;
use crate::error::{Failure, StoreError};

/// One database, one issuer: the first to come owns it (`L3`).
async fn claim(db: &mut Connection<'_>, issuer: &Issuer) -> Result<(), Failure> {
    let mine = issuer.as_str();
    db.execute("INSERT INTO owner (id, issuer) VALUES (1, $1) ON CONFLICT DO NOTHING", &[mine.into()])
        .await?;
    let row = db.row("SELECT issuer FROM owner WHERE id = 1", &[]).await?;
    let found = row.ok_or_else(|| StoreError::Corrupt("nobody owns it".into()))?.text(0)?;
    if found == mine {
        Ok(())
    } else {
        Err(StoreError::WrongIssuer { expected: mine.to_owned(), found }.into())
    }
}

fn too_slow(patience: Duration) -> StoreError {
    StoreError::Unavailable(format!("no answer within {} s", patience.as_secs_f32()))
}

/// A connection that goes back to its pool only when its work is finished: one that was interrupted may be in the middle of
/// anything, and one that failed may go on failing. They are closed.
struct Lease<DB: Database> {
    connection: Option<PoolConnection<DB>>,
}

impl<DB: Database> Lease<DB> {
    fn new(connection: PoolConnection<DB>) -> Self {
        Self { connection: Some(connection) }
    }

    fn connection(&mut self) -> &mut DB::Connection {
        self.connection.as_mut().expect("a lease holds its connection until it is given back")
    }

    fn give_back(mut self) {
        drop(self.connection.take());
    }
}

impl<DB: Database> Drop for Lease<DB> {
    fn drop(&mut self) {
        if let Some(connection) = &mut self.connection {
            connection.close_on_drop();
        }
    }
}
