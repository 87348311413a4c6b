//! What stands in a Secret with certificates?

use rustls_pki_types::CertificateDer;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

use super::CertificateError;
use super::peer::{Facts, thumbprint};
use super::pem::{self, PemProblem};
use crate::lifetime::Timestamp;

/// One certificate, for conditions and status.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CertificateFacts {
    /// `x5t#S256`: base64url of the SHA-256 of the DER. What a registration holds.
    pub thumbprint: String,
    /// Valid from.
    pub not_before: Timestamp,
    /// Valid until.
    pub not_after: Timestamp,
    /// The subject as RFC 4514 text.
    pub subject: String,
    /// It is its own issuer, and its signature says so.
    pub self_signed: bool,
    /// Its key is too weak to be accepted (`INV-05`).
    pub weak: bool,
}

/// Which certificate (from 0) could not be read, and why.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("certificate {}: {kind}", index + 1)]
pub struct CertificatesError {
    /// Counted from 0.
    pub index: usize,
    /// Why.
    pub kind: CertificatesErrorKind,
}

/// Why a certificate could not be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CertificatesErrorKind {
    /// The PEM text.
    #[error(transparent)]
    Pem(#[from] PemProblem),
    /// The DER inside, which [`CertificateError::Malformed`] describes.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
}

/// Describes the certificates in PEM text, in their order.
///
/// # Errors
/// The first that cannot be read. A weak or expired one can: the caller decides with its facts.
pub fn describe_pem(pem: &[u8]) -> Result<Vec<CertificateFacts>, CertificatesError> {
    let ders = pem::certificates(pem)
        .map_err(|(index, problem)| CertificatesError { index, kind: problem.into() })?;
    let describe = |(index, der): (usize, Vec<u8>)| {
        describe(&der).ok_or(CertificatesError { index, kind: CertificateError::Malformed.into() })
    };
    ders.into_iter().enumerate().map(describe).collect()
}

fn describe(der: &[u8]) -> Option<CertificateFacts> {
    let facts = Facts::read(der)?;
    if facts.fit == Err(CertificateError::Malformed) {
        return None;
    }
    Some(CertificateFacts {
        thumbprint: thumbprint(der),
        not_before: facts.not_before,
        not_after: facts.not_after,
        subject: facts.subject?.to_string(),
        self_signed: is_self_signed(der),
        weak: facts.fit == Err(CertificateError::Weak),
    })
}

/// Whether a certificate is its own issuer. The name alone would not tell: two CAs may issue the same name (`TL-05`).
fn is_self_signed(der: &[u8]) -> bool {
    let Ok((_, certificate)) = X509Certificate::from_der(der) else { return false };
    if certificate.subject().as_raw() != certificate.issuer().as_raw() {
        return false;
    }
    let der = CertificateDer::from(der);
    let Ok(verifier) = webpki::EndEntityCert::try_from(&der) else { return false };
    let (message, signature) =
        (certificate.tbs_certificate.as_ref(), certificate.signature_value.data.as_ref());
    webpki::ALL_VERIFICATION_ALGS
        .iter()
        .any(|algorithm| verifier.verify_signature(*algorithm, message, signature).is_ok())
}
