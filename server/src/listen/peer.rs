//! Who is at the other end, as far as the connection knows?

use std::net::SocketAddr;
use std::sync::Arc;

use fapi_core::certificate::PeerCertificate;
use rustls::ServerConnection;

use super::Door;

/// What the handshake has shown, and the certificate of the client: from the handshake too, or where the other end is the proxy
/// that the Workspace names, from what it passes on. It stands in the extensions of every request. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Peer(Arc<Facts>);

#[derive(Clone, Debug)]
struct Facts {
    door: Door,
    remote: SocketAddr,
    certificate: Option<PeerCertificate>,
    version: &'static str,
    suite: &'static str,
}

impl Peer {
    /// None if it has shown a certificate that cannot be read.
    pub(super) fn new(door: Door, remote: SocketAddr, connection: &ServerConnection) -> Option<Self> {
        let chain = connection.peer_certificates().unwrap_or_default();
        let certificate = if chain.is_empty() {
            None
        } else {
            Some(PeerCertificate::from_chain(chain.iter().map(|one| one.to_vec()).collect())?)
        };
        Some(Self(Arc::new(Facts {
            door,
            remote,
            certificate,
            version: connection.protocol_version().and_then(|one| one.as_str()).unwrap_or_default(),
            suite: connection
                .negotiated_cipher_suite()
                .and_then(|one| one.suite().as_str())
                .unwrap_or_default(),
        })))
    }

    /// The same connection, with the certificate that the proxy at its other end passes on for one request.
    pub(super) fn passing_on(&self, certificate: Option<PeerCertificate>) -> Self {
        Self(Arc::new(Facts { certificate, ..Facts::clone(&self.0) }))
    }

    /// The door it came in by.
    pub fn door(&self) -> Door {
        self.0.door
    }

    /// The other end of the TCP connection: a proxy that passes TLS through, or the caller itself. `X-Forwarded-For` and
    /// its kind are not read (B-09).
    pub fn remote(&self) -> SocketAddr {
        self.0.remote
    }

    /// The certificate that the client has shown, with its chain; none if it has shown none, and never one at the front door.
    /// The client holds the key; nothing else has been verified.
    pub fn certificate(&self) -> Option<&PeerCertificate> {
        self.0.certificate.as_ref()
    }

    /// `TLSv1_3` or `TLSv1_2`.
    pub fn tls_version(&self) -> &'static str {
        self.0.version
    }

    /// The cipher suite, as its registry names it.
    pub fn cipher_suite(&self) -> &'static str {
        self.0.suite
    }
}
