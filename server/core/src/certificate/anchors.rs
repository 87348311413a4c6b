//! Does a certificate chain to the Workspace's client CA?

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rustls_pki_types::{CertificateDer, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, KeyUsage, VerifiedPath};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

use super::peer::is_strong;
use super::pem::{self, PemProblem};
use super::{CertificateError, PeerCertificate};
use crate::lifetime::Timestamp;

/// More certificates than this nobody needs to send: the leaf's CA, its CA, and room.
const MAX_INTERMEDIATES: usize = 8;

/// The CAs whose client certificates a Workspace accepts. Only these: never those of the system or the web (`TL-04`).
#[derive(Clone)]
pub struct TrustAnchors(Arc<Vec<Anchor>>);

struct Anchor {
    der: CertificateDer<'static>,
    trust: TrustAnchor<'static>,
    not_before: Timestamp,
    not_after: Timestamp,
    path_length: Option<usize>,
}

/// Which certificate of a CA bundle is unfit, and why.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("certificate {position}: {kind}")]
pub struct TrustAnchorsError {
    /// Counted from 1.
    pub position: usize,
    /// Why.
    pub kind: TrustAnchorsErrorKind,
}

/// Why a certificate cannot be a trust anchor.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TrustAnchorsErrorKind {
    /// The PEM text.
    #[error(transparent)]
    Pem(#[from] PemProblem),
    /// No certificate inside, or a weak one.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// A client's own certificate: as an anchor its key could issue others.
    #[error(
        "not a CA (basicConstraints CA:TRUE): put the issuing CA here, and single client certificates at the Client"
    )]
    NotACa,
}

impl TrustAnchors {
    /// Parses a CA bundle: PEM blocks of CA certificates, at most 64 KiB.
    ///
    /// # Errors
    /// The first certificate that cannot be an anchor: nothing is skipped, since a CA that silently does not count locks
    /// clients out, and one that silently counts lets strangers in.
    pub fn parse(pem: &[u8]) -> Result<Self, TrustAnchorsError> {
        let at = |index: usize, kind| TrustAnchorsError { position: index + 1, kind };
        let ders = pem::certificates(pem).map_err(|(index, problem)| at(index, problem.into()))?;
        let anchors = ders
            .into_iter()
            .enumerate()
            .map(|(index, der)| Anchor::read(der).map_err(|kind| at(index, kind)));
        Ok(Self(Arc::new(anchors.collect::<Result<_, _>>()?)))
    }

    /// Whether a certificate is valid now and chains to one of these anchors through what the caller presented
    /// (RFC 8705 2.1, RFC 5280 6): signatures, validity of every certificate and of the anchor, path length, name
    /// constraints, and that it was made for client authentication.
    ///
    /// # Errors
    /// Why not.
    pub fn check(&self, certificate: &PeerCertificate, now: Timestamp) -> Result<(), CertificateError> {
        certificate.valid_at(now)?;
        let time = u64::try_from(now.as_unix()).map_err(|_| CertificateError::NotYetValid)?;
        let time = UnixTime::since_unix_epoch(Duration::from_secs(time));
        let intermediates = certificate.intermediates();
        if intermediates.len() > MAX_INTERMEDIATES {
            return Err(CertificateError::PathLength);
        }
        // An anchor ends like every other certificate, although RFC 5280 would let it live on.
        let current: Vec<&Anchor> =
            self.0.iter().filter(|anchor| (anchor.not_before..=anchor.not_after).contains(&now)).collect();
        let trusted: Vec<TrustAnchor<'_>> = current.iter().map(|anchor| anchor.trust.clone()).collect();
        let within_path_length = |path: &VerifiedPath<'_>| {
            let used = path.intermediate_certificates().count();
            let anchor = current.iter().find(|anchor| anchor.trust == *path.anchor());
            match anchor {
                Some(anchor) if anchor.path_length.is_none_or(|most| used <= most) => Ok(()),
                _ => Err(webpki::Error::PathLenConstraintViolated),
            }
        };
        let leaf = EndEntityCert::try_from(certificate.leaf()).map_err(|error| refusal(&error))?;
        leaf.verify_for_usage(
            webpki::ALL_VERIFICATION_ALGS,
            &trusted,
            intermediates,
            time,
            KeyUsage::client_auth(),
            None,
            Some(&within_path_length),
        )
        .map_err(|error| refusal(&error))?;
        Ok(())
    }
}

impl Anchor {
    fn read(der: Vec<u8>) -> Result<Self, TrustAnchorsErrorKind> {
        let malformed = TrustAnchorsErrorKind::Certificate(CertificateError::Malformed);
        let der = CertificateDer::from(der);
        let (rest, certificate) = X509Certificate::from_der(&der).map_err(|_| malformed)?;
        if !rest.is_empty() {
            return Err(malformed);
        }
        let constraints =
            certificate.basic_constraints().map_err(|_| malformed)?.map(|extension| extension.value);
        let signs =
            certificate.key_usage().map_err(|_| malformed)?.is_none_or(|usage| usage.value.key_cert_sign());
        let Some(constraints) = constraints.filter(|constraints| constraints.ca && signs) else {
            return Err(TrustAnchorsErrorKind::NotACa);
        };
        if !is_strong(certificate.public_key()) {
            return Err(CertificateError::Weak.into());
        }
        let validity = certificate.validity();
        let not_before = Timestamp::from_unix(validity.not_before.timestamp());
        let not_after = Timestamp::from_unix(validity.not_after.timestamp());
        let path_length =
            constraints.path_len_constraint.map(|most| usize::try_from(most).unwrap_or(usize::MAX));
        let trust = webpki::anchor_from_trusted_cert(&der).map_err(|_| malformed)?.to_owned();
        Ok(Self { der, trust, not_before, not_after, path_length })
    }
}

fn refusal(error: &webpki::Error) -> CertificateError {
    use webpki::Error;
    match error {
        Error::CertExpired { .. } => CertificateError::Expired,
        Error::CertNotValidYet { .. } => CertificateError::NotYetValid,
        Error::UnknownIssuer | Error::InvalidSignatureForPublicKey => CertificateError::UnknownIssuer,
        Error::CaUsedAsEndEntity
        | Error::EndEntityUsedAsCa
        | Error::RequiredEkuNotFoundContext(_)
        | Error::EmptyEkuExtension => CertificateError::WrongUsage,
        Error::PathLenConstraintViolated
        | Error::MaximumPathDepthExceeded
        | Error::MaximumPathBuildCallsExceeded
        | Error::MaximumSignatureChecksExceeded => CertificateError::PathLength,
        Error::NameConstraintViolation | Error::MaximumNameConstraintComparisonsExceeded => {
            CertificateError::NameConstraint
        }
        Error::UnsupportedSignatureAlgorithmContext(_)
        | Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_)
        | Error::SignatureAlgorithmMismatch => CertificateError::Weak,
        _ => CertificateError::Malformed,
    }
}

impl PartialEq for TrustAnchors {
    fn eq(&self, other: &Self) -> bool {
        self.0.iter().map(|anchor| &anchor.der).eq(other.0.iter().map(|anchor| &anchor.der))
    }
}

impl Eq for TrustAnchors {}

impl fmt::Debug for TrustAnchors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let thumbprints = self.0.iter().map(|anchor| super::peer::thumbprint(&anchor.der));
        f.debug_list().entries(thumbprints).finish()
    }
}
