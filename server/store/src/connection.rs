//! How a statement reaches a database: the same text and the same three kinds of values for both.

use sqlx::{Database, Encode, PgConnection, Row as _, SqliteConnection, Type};

use fapi_core::Timestamp;
use fapi_core::ids::{ClientId, GrantId, Incarnation};
use fapi_core::secret::Digest;

use crate::error::{Failure, StoreError};

/// A connection, inside or outside a transaction.
pub(crate) enum Connection<'c> {
    Postgres(&'c mut PgConnection),
    Sqlite(&'c mut SqliteConnection),
}

/// A bound value. Values never become part of the text (`D-01`).
#[derive(Clone, Copy)]
pub(crate) enum Value<'v> {
    MaybeText(Option<&'v str>),
    Number(i64),
    Text(&'v str),
}

/// One row of an answer; columns go by position.
pub(crate) enum Row {
    Postgres(sqlx::postgres::PgRow),
    Sqlite(sqlx::sqlite::SqliteRow),
}

impl Connection<'_> {
    /// Runs a statement and tells how many rows it touched.
    pub(crate) async fn execute(&mut self, sql: &'static str, values: &[Value<'_>]) -> Result<u64, Failure> {
        #[cfg(test)]
        crate::failpoint::pass();
        Ok(match self {
            Self::Postgres(db) => bound(sql, values).execute(&mut **db).await?.rows_affected(),
            Self::Sqlite(db) => bound(sql, values).execute(&mut **db).await?.rows_affected(),
        })
    }

    /// The first row of an answer.
    pub(crate) async fn row(
        &mut self,
        sql: &'static str,
        values: &[Value<'_>],
    ) -> Result<Option<Row>, Failure> {
        #[cfg(test)]
        crate::failpoint::pass();
        Ok(match self {
            Self::Postgres(db) => bound(sql, values).fetch_optional(&mut **db).await?.map(Row::Postgres),
            Self::Sqlite(db) => bound(sql, values).fetch_optional(&mut **db).await?.map(Row::Sqlite),
        })
    }

    /// The rows of an answer. Its statement says how many at most.
    pub(crate) async fn rows(
        &mut self,
        sql: &'static str,
        values: &[Value<'_>],
    ) -> Result<Vec<Row>, Failure> {
        #[cfg(test)]
        crate::failpoint::pass();
        Ok(match self {
            Self::Postgres(db) => {
                bound(sql, values).fetch_all(&mut **db).await?.into_iter().map(Row::Postgres).collect()
            }
            Self::Sqlite(db) => {
                bound(sql, values).fetch_all(&mut **db).await?.into_iter().map(Row::Sqlite).collect()
            }
        })
    }

    /// The stage of a grant, which stays as it is until this transaction ends: the grant's row is the lock that everything
    /// about the grant takes first (`P-23`). SQLite has one writer and needs no lock.
    pub(crate) async fn lock(&mut self, grant: &GrantId) -> Result<Option<String>, Failure> {
        let sql = match self {
            Self::Postgres(_) => "SELECT stage FROM grants WHERE id = $1 FOR UPDATE",
            Self::Sqlite(_) => "SELECT stage FROM grants WHERE id = $1",
        };
        self.row(sql, &[grant.as_str().into()]).await?.map(|row| row.text(0)).transpose()
    }
}

fn bound<'q, DB>(sql: &'static str, values: &[Value<'q>]) -> sqlx::query::Query<'q, DB, DB::Arguments>
where
    DB: Database,
    &'q str: Encode<'q, DB> + Type<DB>,
    Option<&'q str>: Encode<'q, DB> + Type<DB>,
    i64: Encode<'q, DB> + Type<DB>,
{
    values.iter().fold(sqlx::query(sql), |query, value| match *value {
        Value::MaybeText(text) => query.bind(text),
        Value::Number(number) => query.bind(number),
        Value::Text(text) => query.bind(text),
    })
}

impl Row {
    pub(crate) fn number(&self, column: usize) -> Result<i64, Failure> {
        Ok(match self {
            Self::Postgres(row) => row.try_get(column)?,
            Self::Sqlite(row) => row.try_get(column)?,
        })
    }

    pub(crate) fn text(&self, column: usize) -> Result<String, Failure> {
        Ok(match self {
            Self::Postgres(row) => row.try_get(column)?,
            Self::Sqlite(row) => row.try_get(column)?,
        })
    }

    /// JSON that we wrote. What is wrong with it is told by position only: it may hold personal data.
    pub(crate) fn json<T: serde::de::DeserializeOwned>(
        &self,
        column: usize,
        what: &str,
    ) -> Result<T, Failure> {
        serde_json::from_str(&self.text(column)?).map_err(|error| {
            let text = format!("{what} cannot be read (column {} of its text)", error.column());
            StoreError::Corrupt(text).into()
        })
    }
}

/// As it is stored.
pub(crate) fn json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("our own types have string keys and serialise without fail")
}

impl<'v> From<&'v str> for Value<'v> {
    fn from(text: &'v str) -> Self {
        Self::Text(text)
    }
}

impl<'v> From<&'v String> for Value<'v> {
    fn from(text: &'v String) -> Self {
        Self::Text(text)
    }
}

impl<'v> From<&'v Option<String>> for Value<'v> {
    fn from(text: &'v Option<String>) -> Self {
        Self::MaybeText(text.as_deref())
    }
}

impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

macro_rules! value_of {
    ($($name:ty),*) => {$(
        impl<'v> From<&'v $name> for Value<'v> {
            fn from(name: &'v $name) -> Self {
                Self::Text(name.as_str())
            }
        }
    )*};
}
value_of!(ClientId, Digest, GrantId, Incarnation);

impl From<Timestamp> for Value<'_> {
    fn from(time: Timestamp) -> Self {
        Self::Number(time.as_unix())
    }
}
