//! Which certificates are shown from now on? What does not fit together is refused, and the one before is kept (`TL-18`).

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use fapi_config::Files;
use fapi_config::state::{InternalCertificates, fingerprint};
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use tracing::{error, info};

use super::Source;
use crate::app::App;
use crate::clock::Clock;
use crate::tls::{self, Certificate, CertificateError, CertificateSlot};

/// Names of the files in a TLS folder, as Secrets of type `kubernetes.io/tls` have them.
const CHAIN: &str = "tls.crt";
const KEY: &str = "tls.key";
const AUTHORITY: &str = "ca.crt";

/// Shows what the source has, now and whenever it changes, in all of `slots`. `door` names them in logs and metrics.
pub async fn watch_certificate(
    app: App,
    door: &'static str,
    mut source: Box<dyn Source>,
    slots: Vec<CertificateSlot>,
) {
    loop {
        let outcome = match source.changed().await {
            Ok(files) => read(&files, app.clock()).map_err(|refused| refused.to_string()),
            Err(unreadable) => Err(unreadable.to_string()),
        };
        match outcome {
            Ok(certificate) => {
                let until = certificate.not_after();
                info!("Showing a certificate that is valid until {until} at the {door} door");
                app.metrics().certificate(door, until);
                for slot in &slots {
                    slot.show(&certificate);
                }
            }
            Err(refused) => {
                error!("Refused a certificate for the {door} door, the one before is kept: {refused}");
                app.metrics().certificate_refused(door);
            }
        }
    }
}

/// The configuration of the internal port; none until its certificate has been read. Clones share it.
#[derive(Clone, Default)]
pub struct InternalTls(Arc<ArcSwapOption<Shown>>);

struct Shown {
    config: Arc<ServerConfig>,
    certificates: InternalCertificates,
    until: fapi_core::Timestamp,
}

impl InternalTls {
    /// None so far.
    pub fn new() -> Self {
        Self::default()
    }

    /// For the next connection.
    pub fn config(&self) -> Option<Arc<ServerConfig>> {
        self.0.load().as_ref().map(|shown| Arc::clone(&shown.config))
    }

    /// What is shown and who is trusted, for the operator: it replaces neither before it has heard this from every pod.
    pub fn certificates(&self) -> Option<InternalCertificates> {
        self.0.load().as_ref().map(|shown| shown.certificates.clone())
    }
}

impl fmt::Debug for InternalTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InternalTls({})", if self.0.load().is_some() { "filled" } else { "empty" })
    }
}

/// As [`watch_certificate`], for the internal port: the authority of its callers is in the same folder, and may be replaced
/// with the certificate.
pub async fn watch_internal(app: App, clock: Arc<dyn Clock>, mut source: Box<dyn Source>, tls: InternalTls) {
    loop {
        let outcome = match source.changed().await {
            Ok(files) => internal(&files, &clock).map_err(|refused| refused.to_string()),
            Err(unreadable) => Err(unreadable.to_string()),
        };
        match outcome {
            Ok(shown) => {
                let until = shown.until;
                info!("Showing a certificate that is valid until {until} at the internal port");
                app.metrics().certificate("internal", until);
                tls.0.store(Some(Arc::new(shown)));
            }
            Err(refused) => {
                error!("Refused a certificate for the internal port, the one before is kept: {refused}");
                app.metrics().certificate_refused("internal");
            }
        }
    }
}

fn read(files: &Files, clock: &dyn Clock) -> Result<Certificate, CertificateError> {
    let chain = files.get(CHAIN).ok_or(CertificateError::Missing(CHAIN))?;
    let key = files.get(KEY).ok_or(CertificateError::Missing(KEY))?;
    Certificate::parse(chain, key, &tls::provider(), clock.now())
}

fn internal(files: &Files, clock: &Arc<dyn Clock>) -> Result<Shown, CertificateError> {
    let certificate = read(files, &**clock)?;
    let authority = files.get(AUTHORITY).ok_or(CertificateError::Missing(AUTHORITY))?;
    let (mut roots, mut authorities) = (RootCertStore::empty(), Vec::new());
    for root in CertificateDer::pem_slice_iter(authority) {
        let root = root.map_err(|_| CertificateError::NoAuthority)?;
        authorities.push(fingerprint(&root));
        roots.add(root).map_err(|_| CertificateError::NoAuthority)?;
    }
    let slot = CertificateSlot::new();
    slot.show(&certificate);
    let config = tls::internal(Arc::new(slot), roots, clock)?;
    let leaf = fingerprint(certificate.leaf());
    Ok(Shown {
        config,
        certificates: InternalCertificates { leaf, authorities },
        until: certificate.not_after(),
    })
}
