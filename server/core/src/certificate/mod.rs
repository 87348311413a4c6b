//! Does this certificate name this client, and is it valid?
//!
//! | file | answers |
//! |---|---|
//! | `peer` | what did the caller present, and may its key be used at all? |
//! | `anchors` | does it chain to the Workspace's client CA? |
//! | `revocation` | has its CA taken it back? |
//! | `forwarded` | which certificate does a proxy pass on, and is it that proxy? |
//! | `name` | does it have the one name that was registered (RFC 8705 2.1.2)? |
//! | `dn` | which distinguished name is this text, and this DER? Are they equal? |
//! | `pem`, `facts` | what stands in a Secret with certificates or revocation lists? |
//!
//! Everything here is judged from bytes and a `now`. That the caller holds the private key is proved by the TLS handshake, or is
//! the word of the one proxy that the Workspace names: in a header of anybody else, a certificate is only text (`TL-01`,
//! `TL-02`).

mod anchors;
mod dn;
mod facts;
mod forwarded;
mod name;
mod peer;
mod pem;
mod revocation;
#[cfg(test)]
pub(crate) mod tests;

pub use anchors::{TrustAnchors, TrustAnchorsError, TrustAnchorsErrorKind};
pub use dn::InvalidDn;
pub use facts::{CertificateFacts, CertificatesError, CertificatesErrorKind, describe_pem};
pub use forwarded::{Dialect, Forwarded, ForwardedError};
pub use name::{InvalidSubjectName, SubjectName};
pub use peer::PeerCertificate;
pub use pem::PemProblem;
pub use revocation::{RevocationListFacts, RevocationLists, RevocationListsError, RevocationListsErrorKind};

/// Why a certificate is refused. No content: these sentences go to logs and conditions.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
pub enum CertificateError {
    /// `notAfter` has passed, its own or that of a certificate above it.
    #[error("expired")]
    Expired,
    /// No X.509 v3 certificate as RFC 5280 has it.
    #[error("not a well-formed X.509 v3 certificate")]
    Malformed,
    /// A CA above it limits the names it may have (RFC 5280 4.2.1.10).
    #[error("its CA may not issue certificates for this name")]
    NameConstraint,
    /// `notBefore` has not come yet.
    #[error("not valid yet")]
    NotYetValid,
    /// More certificates between it and the anchor than allowed (RFC 5280 4.2.1.9).
    #[error("the chain is longer than its CAs allow")]
    PathLength,
    /// One of its CAs has taken it, or a certificate above it, back (RFC 5280 5).
    #[error("revoked by its CA")]
    Revoked,
    /// Revocation lists are asked for, and the newest one that speaks for it is past its `nextUpdate` (`TL-10`).
    #[error("the revocation list of its CA is past its nextUpdate: put a newer one in mtls.crl")]
    RevocationListExpired,
    /// Revocation lists are asked for, and none speaks for it (`TL-10`).
    #[error(
        "no revocation list in mtls.crl speaks for it: every CA between it and the anchor needs one that it signed itself"
    )]
    RevocationUnknown,
    /// No path to the Workspace's client CA through the certificates that were presented.
    #[error("no chain to the client CA: the CA is another one, or an intermediate certificate was not sent")]
    UnknownIssuer,
    /// RSA below 2048 bits, a curve below P-256, or a signature algorithm that nobody should use (`INV-05`).
    #[error(
        "its key or signature algorithm is too weak: use RSA from 2048 bits, P-256, P-384, P-521 or Ed25519"
    )]
    Weak,
    /// Made for something else than client authentication.
    #[error("not made for TLS client authentication (key usage)")]
    WrongUsage,
}
