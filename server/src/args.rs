//! What is the binary told? Flags, or environment variables of the same names.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Parser;
use fapi_core::network::Network;
use fapi_store::{Config, Database, StoreError};

use crate::egress::Policy;
use crate::reload::FolderSource;
use crate::run::Setup;
use crate::shutdown::Patience;
use crate::telemetry::Format;

/// The FAPI authorization server. It reads what the operator has published for one Workspace, and serves it.
#[derive(Clone, Parser, Debug)]
#[command(name = "fapi-server", version, about)]
pub struct Args {
    /// Folder with manifest.json, workspace.json, clients-NN.json, keys.json …
    #[arg(long, env = "FAPI_CONFIG_DIR", value_name = "DIR")]
    pub config_dir: PathBuf,

    /// Folder with tls.crt and tls.key of the front door, and of the back door unless that has its own
    #[arg(long, env = "FAPI_TLS_DIR", value_name = "DIR")]
    pub tls_dir: PathBuf,

    /// Folder with tls.crt and tls.key of the back door
    #[arg(long, env = "FAPI_MTLS_TLS_DIR", value_name = "DIR")]
    pub mtls_tls_dir: Option<PathBuf>,

    /// Folder with tls.crt, tls.key and ca.crt of the internal port; without it nobody can ask for the state
    #[arg(long, env = "FAPI_INTERNAL_TLS_DIR", value_name = "DIR")]
    pub internal_tls_dir: Option<PathBuf>,

    /// File with the address of the database in its one line: `postgresql://…` or `sqlite:///path`
    #[arg(long, env = "FAPI_DATABASE_URL_FILE", value_name = "FILE", required_unless_present = "sqlite")]
    pub database_url_file: Option<PathBuf>,

    /// File with the authorities of the database's certificate, PEM
    #[arg(long, env = "FAPI_DATABASE_CA_FILE", value_name = "FILE", conflicts_with = "sqlite")]
    pub database_ca_file: Option<PathBuf>,

    /// File of an embedded database, for one process
    #[arg(long, env = "FAPI_SQLITE", value_name = "PATH", conflicts_with = "database_url_file")]
    pub sqlite: Option<PathBuf>,

    /// Networks, such as 10.2.0.0/16, in which the `jwks_uri` of a client may be although they are not public
    #[arg(long, env = "FAPI_EGRESS_NETWORKS", value_name = "NETWORK", value_delimiter = ',')]
    pub egress_networks: Vec<Network>,

    /// File with authorities, beside those of the system, of the servers that hold the keys of clients, PEM
    #[arg(long, env = "FAPI_EGRESS_CA_FILE", value_name = "FILE")]
    pub egress_ca_file: Option<PathBuf>,

    /// Where browsers come in; programs too, where a name tells the doors apart
    #[arg(long, env = "FAPI_LISTEN_FRONT", value_name = "ADDRESS", default_value = "0.0.0.0:8443")]
    pub listen_front: SocketAddr,

    /// Where programs come in, where a port tells the doors apart
    #[arg(long, env = "FAPI_LISTEN_BACK", value_name = "ADDRESS", default_value = "0.0.0.0:8444")]
    pub listen_back: SocketAddr,

    /// Where the operator asks for the state
    #[arg(long, env = "FAPI_LISTEN_INTERNAL", value_name = "ADDRESS", default_value = "0.0.0.0:9444")]
    pub listen_internal: SocketAddr,

    /// Where /livez, /readyz and /metrics are, in the clear
    #[arg(long, env = "FAPI_LISTEN_METRICS", value_name = "ADDRESS", default_value = "0.0.0.0:9090")]
    pub listen_metrics: SocketAddr,

    /// What a log line looks like
    #[arg(long, env = "FAPI_LOG_FORMAT", value_enum, default_value = "json")]
    pub log_format: Format,

    /// What is logged: error, warn, info, debug or trace, or a list such as `info,fapi_server=debug`
    #[arg(long, env = "FAPI_LOG_LEVEL", value_name = "LEVEL", default_value = "info")]
    pub log_level: String,

    /// Seconds for which requests are still accepted after /readyz has begun to fail
    #[arg(long, env = "FAPI_LEAVE_SECONDS", value_name = "SECONDS", default_value_t = 10)]
    pub leave_seconds: u64,

    /// Seconds for which requests under way may then go on
    #[arg(long, env = "FAPI_DRAIN_SECONDS", value_name = "SECONDS", default_value_t = 25)]
    pub drain_seconds: u64,
}

/// Why a flag cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// A file cannot be read.
    #[error("{flag} {}: {error}", path.display())]
    File {
        /// By which flag it was named.
        flag: &'static str,
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The address in it.
    #[error("--database-url-file: {0}")]
    Address(#[from] StoreError),
}

impl Args {
    /// The server that they describe.
    ///
    /// # Errors
    /// A file that it needs at once cannot be read. What else may be wrong can become right while the server waits.
    pub fn setup(&self) -> Result<Setup, Unusable> {
        let folder = |path: &Path| Box::new(FolderSource::new(path));
        let mut setup = Setup::new(folder(&self.config_dir), folder(&self.tls_dir), self.database()?);
        setup.mtls_tls = self.mtls_tls_dir.as_deref().map(|path| folder(path) as _);
        setup.internal_tls = self.internal_tls_dir.as_deref().map(|path| folder(path) as _);
        let authorities = self.egress_ca_file.as_deref().map(|path| read("--egress-ca-file", path));
        setup.egress = Policy {
            networks: self.egress_networks.clone(),
            authorities: authorities.transpose()?,
            ..Policy::default()
        };
        setup.patience = Patience {
            leaving: Duration::from_secs(self.leave_seconds),
            draining: Duration::from_secs(self.drain_seconds),
        };
        Ok(setup)
    }

    fn database(&self) -> Result<Config, Unusable> {
        let mut config = match (&self.sqlite, &self.database_url_file) {
            (Some(path), _) => return Ok(Config::sqlite(path)),
            (None, None) => Config::parse("")?,
            (None, Some(path)) => {
                Config::parse(&String::from_utf8_lossy(&read("--database-url-file", path)?))?
            }
        };
        if let Database::Postgres(postgres) = &mut config.database {
            postgres.ca.clone_from(&self.database_ca_file);
        }
        Ok(config)
    }
}

fn read(flag: &'static str, path: &Path) -> Result<Vec<u8>, Unusable> {
    fs::read(path).map_err(|error| Unusable::File { flag, path: path.to_owned(), error })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;
    use clap::error::ErrorKind;

    use super::*;

    fn parse(flags: &[&str]) -> Result<Args, clap::Error> {
        let always = ["fapi-server", "--config-dir", "/etc/fapi", "--tls-dir", "/etc/tls"];
        Args::try_parse_from(always.iter().chain(flags))
    }

    #[test]
    fn the_flags_are_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn every_flag_can_be_an_environment_variable() {
        for flag in Args::command()
            .get_arguments()
            .filter(|flag| flag.get_id() != "help" && flag.get_id() != "version")
        {
            let name = flag.get_id().as_str().to_uppercase();
            assert_eq!(flag.get_env().unwrap().to_str().unwrap(), format!("FAPI_{name}"));
        }
    }

    #[test]
    fn a_server_needs_exactly_one_database() {
        assert_eq!(parse(&[]).unwrap_err().kind(), ErrorKind::MissingRequiredArgument);
        let both = parse(&["--sqlite", "/db", "--database-url-file", "/url"]);
        assert_eq!(both.unwrap_err().kind(), ErrorKind::ArgumentConflict);
        let sqlite = parse(&["--sqlite", "/db"]).unwrap();
        assert_eq!(sqlite.listen_front.port(), 8443);
        assert!(sqlite.setup().is_ok());
    }

    #[test]
    fn the_address_of_a_database_is_read_from_its_file_and_never_repeated() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("url");
        let args = parse(&["--database-url-file", file.to_str().unwrap()]).unwrap();
        assert!(matches!(args.setup(), Err(Unusable::File { .. })));
        fs::write(&file, "mysql://user:canary@host/db").unwrap();
        let refused = args.setup().unwrap_err().to_string();
        assert!(!refused.contains("canary"), "{refused}");
        fs::write(&file, "postgresql://user:canary@host/db\n").unwrap();
        let setup = args.setup().unwrap();
        assert!(matches!(setup.database.database, Database::Postgres(_)));
        assert!(!format!("{setup:?}").contains("canary"));
    }
}
