//! How is the bank put together? The binary does it once, `fapictl up` once for each Workspace that wants one.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use fapi_config::Users;
use fapi_core::Lifetime;
use fapi_core::ids::ClientId;
use fapi_core::issuer::Issuer;
use fapi_jose::SigningKey;
use fapi_server::clock::Clock;
use fapi_server::random::SystemRng;
use fapi_server::tls::{self, Certificate, CertificateError, CertificateSlot, DoorTls};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracing::info;

use crate::accounts::Ledger;
use crate::guard::Guard;
use crate::introspection::Introspection;
use crate::issuer::Authority;
use crate::listen::listen;
use crate::outbound::{Client, Routes};
use crate::proofs::Proofs;
use crate::routes::{Counter, Shared, router};

/// What a bank is made of.
pub struct Config {
    /// The authorization server whose tokens it takes.
    pub issuer: Issuer,
    /// The CA that the issuer's certificate comes from, PEM. No other is trusted.
    pub issuer_ca: Vec<u8>,
    /// Connections to the issuer that go elsewhere than its name says.
    pub routes: Routes,
    /// What this API is called in `aud` (RFC 9068 4): one of the Workspace's `resources`.
    pub audience: String,
    /// As which client it asks the issuer about tokens: one without grant types, in the resource's `introspectionClients`.
    pub client_id: ClientId,
    /// How it shows that it is that client.
    pub credential: Credential,
    /// For how long the issuer's answer about a token is believed again; a token that was revoked works on for that long.
    /// Zero: it is asked about every request.
    pub remember: Lifetime,
    /// Where it listens.
    pub listener: TcpListener,
    /// Its own certificate with the chain, PEM.
    pub certificate: Vec<u8>,
    /// The key of that certificate, PEM.
    pub key: Vec<u8>,
    /// Whose accounts there are.
    pub users: Users,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
}

/// How the bank shows which client it is.
pub enum Credential {
    /// `tls_client_auth` or `self_signed_tls_client_auth` (RFC 8705 2): a certificate with its chain and key, PEM.
    Certificate {
        /// The certificate, leaf first.
        chain: Vec<u8>,
        /// Its key.
        key: Vec<u8>,
    },
    /// `private_key_jwt` (RFC 7523): the key that signs assertions.
    Key(SigningKey),
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Certificate { .. } => f.write_str("Certificate(…)"),
            Self::Key(key) => f.debug_tuple("Key").field(key).finish(),
        }
    }
}

/// Why a bank cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    /// Its own certificate.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The certificate that it authenticates with.
    #[error(
        "the client certificate must be PEM, leaf first, with its unencrypted private key as PEM beside it"
    )]
    ClientCertificate,
    /// The CA of the issuer.
    #[error("the issuer's CA must be PEM with at least one CA certificate")]
    IssuerCa,
    /// Where it listens.
    #[error("the listener has no address: {0}")]
    Listener(#[from] io::Error),
}

/// A bank that can be opened.
pub struct Bank {
    counter: Counter,
    listener: TcpListener,
    addr: SocketAddr,
    tls: Arc<ServerConfig>,
    slot: CertificateSlot,
    clock: Arc<dyn Clock>,
}

/// A bank that is open. Dropping it closes it.
pub struct Running {
    addr: SocketAddr,
    counter: Counter,
    slot: CertificateSlot,
    clock: Arc<dyn Clock>,
    end: watch::Sender<()>,
    task: JoinHandle<()>,
}

impl Bank {
    /// Checks what it is made of. The issuer is not asked before the first token comes: either may start first.
    ///
    /// # Errors
    /// What cannot be used.
    pub fn new(config: Config) -> Result<Self, Unfit> {
        let clock = config.clock;
        let rng = Arc::new(SystemRng);
        let slot = CertificateSlot::new();
        slot.show(&Certificate::parse(&config.certificate, &config.key, &tls::provider(), clock.now())?);

        let (outbound, key) = outbound(&config.issuer_ca, config.credential)?;
        let with_certificate = key.is_none();
        let client = Arc::new(Client::new(outbound, with_certificate, config.routes));
        let introspection = Introspection::new(
            config.issuer.as_str(),
            config.client_id,
            key,
            Arc::clone(&client),
            Arc::clone(&clock),
            rng.clone(),
            config.remember,
        );
        let guard = Guard {
            authority: Authority::new(config.issuer, client, Arc::clone(&clock)),
            introspection,
            proofs: Proofs::default(),
            audience: config.audience,
            clock: Arc::clone(&clock),
        };
        let ledger = ArcSwap::from_pointee(Ledger::new(&config.users));
        Ok(Self {
            counter: Counter(Arc::new(Shared { guard, ledger, rng })),
            addr: config.listener.local_addr()?,
            listener: config.listener,
            // A resource server is a back door: whoever calls it is asked for a certificate.
            tls: DoorTls::new(&slot, &slot, &clock).back,
            slot,
            clock,
        })
    }

    /// Opens it.
    pub fn serve(self) -> Running {
        let (end, ended) = watch::channel(());
        let router = router(self.counter.clone());
        info!("Serving accounts at {}", self.addr);
        let task = tokio::spawn(listen(self.listener, self.tls, router, ended));
        Running { addr: self.addr, counter: self.counter, slot: self.slot, clock: self.clock, end, task }
    }
}

impl Running {
    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Shows another certificate from the next connection on.
    ///
    /// # Errors
    /// Nobody would accept it; the one before is kept.
    pub fn show_certificate(&self, certificate: &[u8], key: &[u8]) -> Result<(), CertificateError> {
        let certificate = Certificate::parse(certificate, key, &tls::provider(), self.clock.now())?;
        self.slot.show(&certificate);
        Ok(())
    }

    /// From now on these people have accounts.
    pub fn replace_users(&self, users: &Users) {
        self.counter.0.ledger.store(Arc::new(Ledger::new(users)));
    }

    /// Closes: no new connections, and what has begun is finished.
    pub async fn shutdown(self) {
        let _ = self.end.send(());
        let _ = self.task.await;
    }
}

/// TLS towards the issuer, and the key for assertions where no certificate says who we are.
fn outbound(ca: &[u8], credential: Credential) -> Result<(Arc<ClientConfig>, Option<SigningKey>), Unfit> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(ca) {
        let added = certificate.ok().and_then(|certificate| roots.add(certificate).ok());
        added.ok_or(Unfit::IssuerCa)?;
    }
    if roots.is_empty() {
        return Err(Unfit::IssuerCa);
    }
    let builder = ClientConfig::builder_with_provider(tls::provider())
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .expect("the provider has suites of TLS 1.2 and TLS 1.3")
        .with_root_certificates(roots);
    Ok(match credential {
        Credential::Certificate { chain, key } => {
            let unfit = |_| Unfit::ClientCertificate;
            let chain = CertificateDer::pem_slice_iter(&chain).collect::<Result<_, _>>().map_err(unfit)?;
            let key = PrivateKeyDer::from_pem_slice(&key).map_err(unfit)?;
            let config = builder.with_client_auth_cert(chain, key).map_err(|_| Unfit::ClientCertificate)?;
            (Arc::new(config), None)
        }
        Credential::Key(key) => (Arc::new(builder.with_no_client_auth()), Some(key)),
    })
}
