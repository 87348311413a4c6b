//! Does this certificate name this client, and is it valid?

use serde::{Deserialize, Serialize};

use crate::lifetime::Timestamp;

/// The one name that a CA-issued client certificate must have (RFC 8705 2.1.2).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SubjectName {
    /// `tls_client_auth_subject_dn`: an RFC 4514 distinguished name, compared by meaning.
    SubjectDn(String),
    /// `tls_client_auth_san_dns`.
    SanDns(String),
    /// `tls_client_auth_san_uri`.
    SanUri(String),
    /// `tls_client_auth_san_ip`.
    SanIp(String),
    /// `tls_client_auth_san_email`.
    SanEmail(String),
}

impl SubjectName {
    /// Whether the certificate has this name. No name is matched yet.
    pub fn matches(&self, _certificate: &PeerCertificate) -> bool {
        false
    }
}

/// A certificate whose key the peer holds.
#[derive(Clone, Debug)]
pub struct PeerCertificate {
    thumbprint: String,
}

impl PeerCertificate {
    /// From the DER chain of a TLS handshake, leaf first.
    pub fn from_chain(chain: Vec<Vec<u8>>) -> Option<Self> {
        let leaf = chain.first()?;
        Some(Self { thumbprint: fapi_jose::b64::encode(fapi_jose::sha256(leaf)) })
    }

    /// `x5t#S256` (RFC 8705 3.1).
    pub fn thumbprint(&self) -> &str {
        &self.thumbprint
    }

    /// Whether this is its thumbprint, in constant time.
    pub fn has_thumbprint(&self, other: &str) -> bool {
        use subtle::ConstantTimeEq as _;
        self.thumbprint.as_bytes().ct_eq(other.as_bytes()).into()
    }

    /// Whether it is valid now. None is accepted yet.
    ///
    /// # Errors
    /// Why not.
    pub fn valid_at(&self, _now: Timestamp) -> Result<(), CertificateError> {
        Err(CertificateError::UnknownIssuer)
    }
}

/// Roots of client certificates.
#[derive(Clone, Debug)]
pub struct TrustAnchors;

impl TrustAnchors {
    /// Whether a chain leads to one of the roots. None does yet.
    ///
    /// # Errors
    /// Why not.
    pub fn check(&self, _certificate: &PeerCertificate, _now: Timestamp) -> Result<(), CertificateError> {
        Err(CertificateError::UnknownIssuer)
    }
}

/// Why a certificate is not accepted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CertificateError {
    /// It does not chain to a known root.
    #[error("unknown issuer")]
    UnknownIssuer,
}
