//! Whom do we trust, and which certificate do we show?

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustls::client::ResolvesClientCert;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, RootCertStore, SignatureScheme};

use crate::exit::Stop;

/// The certificates that servers are verified with: those of the given CA, and no others.
#[derive(Clone, Debug)]
pub struct Trust(Arc<RootCertStore>);

/// A client certificate with its key.
#[derive(Debug)]
pub struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    thumbprint: String,
}

impl Trust {
    /// Reads a PEM file with one or more CA certificates.
    pub fn read(path: &Path) -> Result<Trust, Stop> {
        let mut roots = RootCertStore::empty();
        for certificate in certificates(path, "--ca")? {
            roots.add(certificate).map_err(|error| {
                Stop::usage(
                    format!("{} holds a certificate that cannot be a CA: {error}", path.display()),
                    format!("openssl x509 -in {} -noout -text", path.display()),
                )
            })?;
        }
        Ok(Trust(Arc::new(roots)))
    }

    /// TLS as a browser speaks it: no certificate. The flag tells whether a server asked for one.
    pub(crate) fn anonymous(&self) -> (Arc<ClientConfig>, Arc<AtomicBool>) {
        let asked = Arc::new(AtomicBool::new(false));
        let config = self.config(Arc::new(Shy { asked: Arc::clone(&asked) }));
        (config, asked)
    }

    /// TLS with a certificate for every server that asks.
    pub(crate) fn identified(&self, identity: &Identity) -> Result<Arc<ClientConfig>, Stop> {
        let key = rustls::crypto::aws_lc_rs::sign::any_supported_type(&identity.key)
            .map_err(|error| Stop::usage(format!("the certificate's key cannot be used: {error}"), HELP))?;
        let certified = CertifiedKey::new(identity.chain.clone(), key);
        if certified.keys_match().is_err() {
            return Err(Stop::usage("the certificate and its key do not belong together", HELP));
        }
        Ok(self.config(Arc::new(Ready(Arc::new(certified)))))
    }

    fn config(&self, certificates: Arc<dyn ResolvesClientCert>) -> Arc<ClientConfig> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the provider has suites for TLS 1.2 and 1.3")
            .with_root_certificates(Arc::clone(&self.0))
            .with_client_cert_resolver(certificates);
        Arc::new(config)
    }
}

const HELP: &str = "fapictl flow --help";

impl Identity {
    /// Reads a certificate chain and its key, both PEM.
    pub fn read(certificate: &Path, key: &Path) -> Result<Identity, Stop> {
        let chain = certificates(certificate, "--cert")?;
        let key = PrivateKeyDer::from_pem_file(key).map_err(|error| {
            Stop::usage(format!("--cert-key: {} has no private key in PEM: {error}", key.display()), HELP)
        })?;
        Ok(Identity::new(chain, key))
    }

    /// A certificate that nobody has seen before: a thief's.
    pub fn throw_away() -> Result<Identity, Stop> {
        let made = rcgen::generate_simple_self_signed(vec!["somebody.else.example".to_owned()])
            .map_err(|error| Stop::internal(format!("cannot make a certificate: {error}")))?;
        let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
        Ok(Identity::new(vec![made.cert.der().clone()], key.into()))
    }

    /// `x5t#S256`: base64url of the SHA-256 of the certificate (RFC 8705 3.1).
    pub fn thumbprint(&self) -> &str {
        &self.thumbprint
    }

    fn new(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Identity {
        let thumbprint = chain.first().map(|leaf| fapi_jose::b64::encode(fapi_jose::sha256(leaf)));
        Identity { thumbprint: thumbprint.unwrap_or_default(), chain, key }
    }
}

fn certificates(path: &Path, option: &str) -> Result<Vec<CertificateDer<'static>>, Stop> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    match read {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => Err(Stop::usage(format!("{option}: {} holds no certificate in PEM", path.display()), HELP)),
        Err(error) => Err(Stop::usage(format!("{option}: cannot read {}: {error}", path.display()), HELP)),
    }
}

/// Has no certificate, and notices who asks.
#[derive(Debug)]
struct Shy {
    asked: Arc<AtomicBool>,
}

impl ResolvesClientCert for Shy {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.asked.store(true, Ordering::Relaxed);
        None
    }

    /// `true`, although there is none: otherwise nobody would be told that a server asked.
    fn has_certs(&self) -> bool {
        true
    }
}

/// Shows its certificate to everybody who asks, whatever CA they name: which one is meant is for the server to say.
#[derive(Debug)]
struct Ready(Arc<CertifiedKey>);

impl ResolvesClientCert for Ready {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }

    fn has_certs(&self) -> bool {
        true
    }
}
