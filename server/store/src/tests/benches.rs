//! A database of its own for every test.

use std::io::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use fapi_core::issuer::Issuer;
use fapi_core::secret::Secret;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Executor as _, PgConnection};
use tempfile::TempDir;

use crate::conformance::Pair;
use crate::{Config, Store};

pub(super) fn issuer() -> Issuer {
    Issuer::parse("https://id.bank.example").unwrap()
}

/// The machine may be busy: no claim is about how long something takes, unless it says so.
pub(super) fn patient(config: Config) -> Config {
    Config { patience: Duration::from_secs(30), ..config }
}

pub(super) fn postgres_at(url: &str) -> Config {
    patient(Config::postgres(Secret::presented(url)))
}

/// A folder with a SQLite file in it.
pub(super) struct SqliteBench {
    pub(super) folder: TempDir,
}

impl SqliteBench {
    pub(super) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(super) fn config(&self) -> Config {
        patient(Config::sqlite(self.folder.path().join("store.db")))
    }

    pub(super) async fn open(&self) -> Store {
        Store::open(&self.config(), &issuer()).await.unwrap()
    }

    pub(super) async fn pair(&self) -> Pair {
        let one = self.open().await;
        Pair { other: one.clone(), one }
    }

    /// A connection past the store.
    pub(super) async fn raw(&self) -> sqlx::SqliteConnection {
        let file = self.folder.path().join("store.db");
        sqlx::sqlite::SqliteConnectOptions::new().filename(file).connect().await.unwrap()
    }
}

/// A schema in the PostgreSQL of `FAPI_TEST_POSTGRES_URL`.
pub(super) struct PostgresBench {
    schema: String,
    url: String,
}

impl PostgresBench {
    /// `None`, and a line on standard error that nothing captures, when there is no PostgreSQL.
    pub(super) async fn new() -> Option<Self> {
        static SKIPPED: AtomicUsize = AtomicUsize::new(0);
        static MADE: AtomicUsize = AtomicUsize::new(0);
        let Ok(url) = std::env::var("FAPI_TEST_POSTGRES_URL") else {
            let n = SKIPPED.fetch_add(1, Ordering::Relaxed) + 1;
            let line = format!("fapi-store: {n} not run: FAPI_TEST_POSTGRES_URL is not set\n");
            std::io::stderr().write_all(line.as_bytes()).unwrap();
            return None;
        };
        let n = MADE.fetch_add(1, Ordering::Relaxed);
        let schema = format!("store_{}_{n}", std::process::id());
        let bench = Self { url: with(&url, &format!("options[search_path]={schema}")), schema };
        bench.run(&format!("DROP SCHEMA IF EXISTS {} CASCADE", bench.schema)).await;
        bench.run(&format!("CREATE SCHEMA {}", bench.schema)).await;
        Some(bench)
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(super) fn config(&self) -> Config {
        postgres_at(&self.url)
    }

    /// The same with another parameter in its URL.
    pub(super) fn config_with(&self, parameter: &str) -> Config {
        postgres_at(&with(&self.url, parameter))
    }

    pub(super) async fn open(&self) -> Store {
        Store::open(&self.config(), &issuer()).await.unwrap()
    }

    pub(super) async fn pair(&self) -> Pair {
        Pair { one: self.open().await, other: self.open().await }
    }

    /// A connection past the store.
    pub(super) async fn raw(&self) -> PgConnection {
        let options: sqlx::postgres::PgConnectOptions = self.url.parse().unwrap();
        options.connect().await.unwrap()
    }

    pub(super) async fn run(&self, sql: &str) {
        self.raw().await.execute(AssertSqlSafe(sql)).await.unwrap();
    }

    /// After a test that passed; what a failed one leaves can be looked at.
    pub(super) async fn remove(self) {
        self.run(&format!("DROP SCHEMA {} CASCADE", self.schema)).await;
    }
}

fn with(url: &str, parameter: &str) -> String {
    let mark = if url.contains('?') { '&' } else { '?' };
    format!("{url}{mark}{parameter}")
}
