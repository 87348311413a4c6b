//! Where a store keeps what it keeps.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use fapi_core::secret::Secret;

use crate::error::StoreError;

/// What [`Store::open`](crate::Store::open) needs to know.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where.
    pub database: Database,
    /// How long one call may take, waiting included, before it is [`StoreError::Unavailable`] (`F-G01`, `F-G02`, `F-E07`).
    pub patience: Duration,
    /// How many unfinished authorization requests one client may have (`H-11`): pushed and not opened, and as many again that
    /// came by value and in which nobody has signed in.
    pub requests_per_client: u32,
}

/// A database.
#[derive(Clone, Debug)]
pub enum Database {
    /// A PostgreSQL server, or one that speaks like it: for any number of replicas.
    Postgres(Postgres),
    /// A file, for one process.
    Sqlite {
        /// The file; it is made if it is missing, its folder is not.
        path: PathBuf,
    },
}

/// A PostgreSQL server.
#[derive(Clone)]
pub struct Postgres {
    /// `postgresql://user:password@host:port/database`. A host elsewhere is verified in full, whatever the URL says (`TL-19`).
    pub url: Secret,
    /// The authorities its certificate may come from (PEM). With it the server's name is checked, whatever the URL says.
    pub ca: Option<PathBuf>,
    /// How many connections one replica opens at most.
    pub connections: u32,
}

impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Postgres {{ url: …, ca: {:?}, connections: {} }}", self.ca, self.connections)
    }
}

impl Config {
    /// A SQLite file, with the default limits.
    pub fn sqlite(path: impl Into<PathBuf>) -> Self {
        Self::new(Database::Sqlite { path: path.into() })
    }

    /// A PostgreSQL URL, with the default limits.
    pub fn postgres(url: Secret) -> Self {
        Self::new(Database::Postgres(Postgres { url, ca: None, connections: 8 }))
    }

    /// Reads `sqlite:///path/to/file` or `postgresql://…`, as it stands in a file or flag.
    ///
    /// # Errors
    /// [`StoreError::InvalidAddress`], which never repeats the address: it may hold a password.
    pub fn parse(address: &str) -> Result<Self, StoreError> {
        let address = address.trim();
        match address.split_once("://") {
            Some(("sqlite", path)) if path.starts_with('/') => Ok(Self::sqlite(path)),
            Some(("sqlite", _)) => {
                Err(StoreError::InvalidAddress("the path of a SQLite database begins with /".into()))
            }
            Some(("postgres" | "postgresql", _)) => Ok(Self::postgres(Secret::presented(address))),
            _ => Err(StoreError::InvalidAddress(
                "the database address is neither SQLite nor PostgreSQL".into(),
            )),
        }
    }

    fn new(database: Database) -> Self {
        Self { database, patience: Duration::from_secs(2), requests_per_client: 10_000 }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn an_address_is_a_sqlite_path_or_a_postgresql_url() {
        let sqlite = Config::parse("sqlite:///var/lib/fapi/store.db\n").unwrap();
        assert!(
            matches!(sqlite.database, Database::Sqlite { path } if path.as_path() == Path::new("/var/lib/fapi/store.db"))
        );
        assert!(matches!(Config::parse("postgresql://u:p@h/d").unwrap().database, Database::Postgres(_)));
        for bad in ["sqlite://relative", "mysql://u:p@h/d", "/var/lib/store.db", ""] {
            assert!(matches!(Config::parse(bad), Err(StoreError::InvalidAddress(_))), "{bad}");
        }
    }

    #[test]
    fn a_password_is_not_printed() {
        let config = Config::parse("postgresql://u:canary@h/d").unwrap();
        assert!(!format!("{config:?}").contains("canary"));
        let refused = Config::parse("mysql://u:canary@h/d").unwrap_err();
        assert!(!format!("{refused} {refused:?}").contains("canary"));
    }
}
