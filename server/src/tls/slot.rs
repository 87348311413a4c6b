//! Where the certificate of a door is kept, and replaced while connections come in.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::Certificate;

/// The certificate that the next connection is shown. Clones share the place.
///
/// Connections that stand keep the one they were shown; they live for fifteen minutes at most.
#[derive(Clone, Default)]
pub struct CertificateSlot(Arc<ArcSwapOption<CertifiedKey>>);

impl CertificateSlot {
    /// An empty place: until something is put into it, handshakes fail.
    pub fn new() -> Self {
        Self::default()
    }

    /// Shows `certificate` from the next connection on.
    pub fn show(&self, certificate: &Certificate) {
        self.0.store(Some(certificate.certified_key()));
    }

    /// Whether there is a certificate.
    pub fn is_filled(&self) -> bool {
        self.0.load().is_some()
    }
}

impl ResolvesServerCert for CertificateSlot {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.load_full()
    }
}

impl fmt::Debug for CertificateSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CertificateSlot({})", if self.is_filled() { "filled" } else { "empty" })
    }
}
