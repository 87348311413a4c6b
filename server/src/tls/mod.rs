//! Which certificate is shown at which door, and what is a caller's certificate worth?
//!
//! TLS 1.3, and the two suites of TLS 1.2 that FAPI 1.0 allows and are not deprecated (`TLS-03`, `TLS-05`). One
//! cryptographic provider, named explicitly. No resumption anywhere: a resumed connection shows a certificate that
//! nobody has verified on it (`TL-12`).

mod caller;
mod certificate;
mod slot;

use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::{self as provider, cipher_suite};
use rustls::server::{NoServerSessionStorage, ResolvesServerCert, WebPkiClientVerifier};
use rustls::time_provider::TimeProvider;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::UnixTime;

pub use self::caller::AnyClientCertificate;
pub use self::certificate::{Certificate, CertificateError};
pub use self::slot::CertificateSlot;
use crate::clock::Clock;

/// The protocols a door speaks, best first (RFC 7301).
const ALPN: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// The cryptography of every listener: aws-lc-rs with the suites that FAPI allows.
///
/// CHACHA20 is left out of TLS 1.2, where FAPI 1.0 forbids it, and kept in TLS 1.3. The ECDSA suites of TLS 1.2 are left
/// out too, so a server with an ECDSA certificate speaks TLS 1.3 only.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(CryptoProvider {
        cipher_suites: vec![
            cipher_suite::TLS13_AES_256_GCM_SHA384,
            cipher_suite::TLS13_AES_128_GCM_SHA256,
            cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
            cipher_suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
            cipher_suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        ],
        ..provider::default_provider()
    })
}

/// The two configurations between which the name or the port decides.
#[derive(Clone, Debug)]
pub struct DoorTls {
    /// Never asks for a certificate.
    pub front: Arc<ServerConfig>,
    /// Asks every caller for a certificate, and lets the application judge it (`MTL-09`).
    pub back: Arc<ServerConfig>,
}

impl DoorTls {
    /// Configurations that show whatever certificate is in the slots when a connection comes in.
    pub fn new(front: &CertificateSlot, back: &CertificateSlot, clock: &Arc<dyn Clock>) -> Self {
        let provider = provider();
        let verifier = Arc::new(AnyClientCertificate::new(&provider));
        Self {
            front: Arc::new(finish(
                builder(&provider, clock).with_no_client_auth().with_cert_resolver(Arc::new(front.clone())),
            )),
            back: Arc::new(finish(
                builder(&provider, clock)
                    .with_client_cert_verifier(verifier)
                    .with_cert_resolver(Arc::new(back.clone())),
            )),
        }
    }
}

/// The configuration of the internal port: a certificate that chains to the Workspace's internal CA, or no connection.
pub fn internal(
    resolver: Arc<dyn ResolvesServerCert>,
    roots: RootCertStore,
    clock: &Arc<dyn Clock>,
) -> Result<Arc<ServerConfig>, CertificateError> {
    let provider = provider();
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
        .build()
        .map_err(|_| CertificateError::NoAuthority)?;
    let config = builder(&provider, clock).with_client_cert_verifier(verifier).with_cert_resolver(resolver);
    Ok(Arc::new(finish(config)))
}

fn builder(
    provider: &Arc<CryptoProvider>,
    clock: &Arc<dyn Clock>,
) -> rustls::ConfigBuilder<ServerConfig, rustls::WantsVerifier> {
    ServerConfig::builder_with_details(Arc::clone(provider), Arc::new(RustlsTime(Arc::clone(clock))))
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .expect("the provider has suites of TLS 1.2 and TLS 1.3")
}

/// What every configuration has in common: both protocols, and no resumption of any kind (`TL-12`, `TL-14`).
fn finish(mut config: ServerConfig) -> ServerConfig {
    config.alpn_protocols = ALPN.iter().map(|name| name.to_vec()).collect();
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.max_early_data_size = 0;
    config
}

/// Our clock, as rustls asks for it.
struct RustlsTime(Arc<dyn Clock>);

impl std::fmt::Debug for RustlsTime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RustlsTime")
    }
}

impl TimeProvider for RustlsTime {
    fn current_time(&self) -> Option<UnixTime> {
        let seconds = u64::try_from(self.0.now().as_unix()).ok()?;
        Some(UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds)))
    }
}
