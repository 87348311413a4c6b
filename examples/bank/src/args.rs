//! What is the binary told? Flags, or environment variables `FAPI_BANK_…` of the same names.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow};
use clap::Parser;
use fapi_config::Users;
use fapi_core::Lifetime;
use fapi_core::ids::ClientId;
use fapi_core::issuer::Issuer;
use fapi_jose::SigningKey;
use fapi_server::clock::SystemClock;
use fapi_server::telemetry::Format;
use serde_json::Value;
use tokio::net::TcpListener;

use crate::{Config, Credential, Reroute, Routes};

/// The longest that an answer about a token may be believed: a revoked token is refused within seconds (`REV-03`).
const LONGEST_MEMORY: i64 = 10;

/// A sample bank: an API that takes FAPI access tokens of one issuer.
#[derive(Clone, Parser, Debug)]
#[command(name = "fapi-bank", version, about)]
pub struct Args {
    /// The authorization server whose tokens are taken
    #[arg(long, env = "FAPI_BANK_ISSUER", value_name = "URL", value_parser = Issuer::parse)]
    pub issuer: Issuer,

    /// CA of the authorization server's certificate, PEM; no other is trusted
    #[arg(long, env = "FAPI_BANK_ISSUER_CA", value_name = "FILE")]
    pub issuer_ca: PathBuf,

    /// Connections that go elsewhere; names in TLS and HTTP stay. May be repeated
    #[arg(
        long,
        env = "FAPI_BANK_CONNECT",
        value_name = "FROM_HOST:FROM_PORT:HOST:PORT",
        value_delimiter = ','
    )]
    pub connect: Vec<Reroute>,

    /// What this API is called in the `aud` of tokens: one of the Workspace's resources
    #[arg(long, env = "FAPI_BANK_AUDIENCE", value_name = "IDENTIFIER")]
    pub audience: String,

    /// The client as which tokens are introspected
    #[arg(long, env = "FAPI_BANK_CLIENT_ID", value_name = "ID", value_parser = ClientId::parse)]
    pub client_id: ClientId,

    /// Its private key, for `private_key_jwt`: a JWK, or a JWK Set of which the first key that signs is taken
    #[arg(
        long,
        env = "FAPI_BANK_CLIENT_KEY",
        value_name = "FILE",
        required_unless_present = "client_cert",
        conflicts_with_all = ["client_cert", "client_cert_key"]
    )]
    pub client_key: Option<PathBuf>,

    /// Its certificate instead, for `tls_client_auth` and `self_signed_tls_client_auth`: PEM, leaf first
    #[arg(long, env = "FAPI_BANK_CLIENT_CERT", value_name = "FILE", requires = "client_cert_key")]
    pub client_cert: Option<PathBuf>,

    /// The key of that certificate, PEM
    #[arg(long, env = "FAPI_BANK_CLIENT_CERT_KEY", value_name = "FILE", requires = "client_cert")]
    pub client_cert_key: Option<PathBuf>,

    /// Seconds for which the answer about a token is believed again, 10 at most; 0 asks about every request
    #[arg(
        long,
        env = "FAPI_BANK_INTROSPECTION_CACHE",
        value_name = "SECONDS",
        default_value_t = 0,
        value_parser = clap::value_parser!(i64).range(0..=LONGEST_MEMORY)
    )]
    pub introspection_cache: i64,

    /// Folder with tls.crt and tls.key of this API; watched for changes
    #[arg(long, env = "FAPI_BANK_TLS_DIR", value_name = "DIR")]
    pub tls_dir: PathBuf,

    /// People and their accounts, as the authorization server reads them: users.json; watched for changes
    #[arg(long, env = "FAPI_BANK_USERS", value_name = "FILE")]
    pub users: PathBuf,

    /// Where callers come in
    #[arg(long, env = "FAPI_BANK_LISTEN", value_name = "ADDRESS", default_value = "0.0.0.0:8445")]
    pub listen: SocketAddr,

    /// What a log line looks like
    #[arg(long, env = "FAPI_BANK_LOG_FORMAT", value_enum, default_value = "json")]
    pub log_format: Format,

    /// What is logged: error, warn, info, debug or trace, or a list such as `info,fapi_bank=debug`
    #[arg(long, env = "FAPI_BANK_LOG_LEVEL", value_name = "LEVEL", default_value = "info")]
    pub log_level: String,
}

impl Args {
    /// The bank that they describe, with its port open.
    ///
    /// # Errors
    /// The flag whose file cannot be used, and why. Nothing of a key is repeated.
    pub async fn config(&self) -> Result<Config> {
        let listener = TcpListener::bind(self.listen)
            .await
            .with_context(|| format!("--listen {}: choose an address that is free", self.listen))?;
        Ok(Config {
            issuer: self.issuer.clone(),
            issuer_ca: read(&self.issuer_ca, "--issuer-ca")?,
            routes: Routes::new(self.connect.clone()),
            audience: self.audience.clone(),
            client_id: self.client_id.clone(),
            credential: self.credential()?,
            remember: Lifetime::seconds(self.introspection_cache),
            listener,
            certificate: read(&self.tls_dir.join("tls.crt"), "--tls-dir")?,
            key: read(&self.tls_dir.join("tls.key"), "--tls-dir")?,
            users: self.users()?,
            clock: Arc::new(SystemClock),
        })
    }

    /// The people of the users file.
    ///
    /// # Errors
    /// Line and column of what is wrong, never its content.
    pub fn users(&self) -> Result<Users> {
        let bytes = read(&self.users, "--users")?;
        Users::parse(&bytes).with_context(|| format!("--users {}", self.users.display()))
    }

    fn credential(&self) -> Result<Credential> {
        match (&self.client_key, &self.client_cert, &self.client_cert_key) {
            (Some(key), _, _) => {
                let text = String::from_utf8(read(key, "--client-key")?).unwrap_or_default();
                let key = signing_key(&text).with_context(|| {
                    format!("--client-key {}: a private JWK or JWK Set is needed", key.display())
                })?;
                Ok(Credential::Key(key))
            }
            (None, Some(chain), Some(key)) => Ok(Credential::Certificate {
                chain: read(chain, "--client-cert")?,
                key: read(key, "--client-cert-key")?,
            }),
            _ => Err(anyhow!("give --client-key, or --client-cert with --client-cert-key")),
        }
    }
}

/// A private JWK, or the first of a set that can sign.
fn signing_key(text: &str) -> Result<SigningKey> {
    let document = fapi_jose::json::parse(text.as_bytes())?;
    let Some(keys) = document.get("keys").and_then(Value::as_array) else {
        return Ok(SigningKey::from_jwk(text)?);
    };
    let mut tried = keys.iter().map(|key| SigningKey::from_jwk(&key.to_string()));
    let first = tried.next().ok_or_else(|| anyhow!("the set has no keys"))?;
    Ok(first.or_else(|why| tried.find_map(Result::ok).ok_or(why))?)
}

fn read(path: &Path, flag: &str) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("{flag}: cannot read {}", path.display()))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;
    use clap::error::ErrorKind;
    use fapi_jose::Alg;

    use super::*;

    const REQUIRED: [&str; 13] = [
        "fapi-bank",
        "--issuer",
        "https://demo.localhost:8443",
        "--issuer-ca",
        "ca.pem",
        "--audience",
        "https://api.bank.example",
        "--client-id",
        "bank",
        "--tls-dir",
        "tls",
        "--users",
        "users.json",
    ];

    fn parse(more: &[&str]) -> Result<Args, clap::Error> {
        Args::try_parse_from(REQUIRED.iter().chain(more))
    }

    #[test]
    fn the_flags_are_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn every_flag_can_be_an_environment_variable() {
        let command = Args::command();
        let flags =
            command.get_arguments().filter(|flag| !["help", "version"].contains(&flag.get_id().as_str()));
        for flag in flags {
            let name = flag.get_id().as_str().to_uppercase();
            assert_eq!(flag.get_env().unwrap().to_str().unwrap(), format!("FAPI_BANK_{name}"));
        }
    }

    #[test]
    fn a_bank_authenticates_with_a_key_or_a_certificate_and_not_with_both() {
        assert_eq!(parse(&[]).unwrap_err().kind(), ErrorKind::MissingRequiredArgument);
        assert!(parse(&["--client-key", "key.json"]).is_ok());
        assert!(parse(&["--client-cert", "c.pem", "--client-cert-key", "k.pem"]).is_ok());
        for wrong in [
            &["--client-cert", "c.pem"][..],
            &["--client-cert-key", "k.pem"],
            &["--client-key", "key.json", "--client-cert", "c.pem", "--client-cert-key", "k.pem"],
        ] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_revoked_token_cannot_be_made_to_live_on() {
        let cached = |seconds| parse(&["--client-key", "key.json", "--introspection-cache", seconds]);
        assert_eq!(parse(&["--client-key", "key.json"]).unwrap().introspection_cache, 0, "JAT-03");
        assert!(cached("10").is_ok());
        assert!(cached("11").is_err() && cached("-1").is_err(), "REV-03");
    }

    #[test]
    fn a_client_key_is_a_jwk_or_the_first_of_a_set_that_signs() {
        let key = SigningKey::generate(Alg::Es256, 2048).unwrap();
        let jwk = key.to_private_jwk();
        assert_eq!(signing_key(&jwk).unwrap().kid(), key.kid());
        let encryption = r#"{"kty":"EC","crv":"P-256","use":"enc"}"#;
        assert_eq!(signing_key(&format!(r#"{{"keys":[{encryption},{}]}}"#, *jwk)).unwrap().kid(), key.kid());
        for wrong in ["", "{}", r#"{"keys":[]}"#, &format!(r#"{{"keys":[{encryption}]}}"#)] {
            assert!(signing_key(wrong).is_err(), "{wrong}");
        }
    }
}
