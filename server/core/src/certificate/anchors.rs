//! Does a certificate chain to the Workspace's client CA?

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rustls_pki_types::{CertificateDer, TrustAnchor, UnixTime};
use webpki::{
    CertRevocationList, EndEntityCert, ExpirationPolicy, KeyUsage, RevocationCheckDepth, RevocationOptions,
    RevocationOptionsBuilder, UnknownStatusPolicy, VerifiedPath,
};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

use super::peer::is_strong;
use super::pem::{self, PemProblem};
use super::revocation::is_named;
use super::{CertificateError, PeerCertificate, RevocationLists};
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
        self.path(certificate, now).map(drop)
    }

    /// The same, and no CA on the way has taken back what it issued (RFC 5280 6.3): each must have a list among `lists` that
    /// it signed itself and that is current. Not knowing is not enough (`TL-10`).
    ///
    /// # Errors
    /// Why not.
    pub fn check_unrevoked(
        &self,
        certificate: &PeerCertificate,
        lists: &RevocationLists,
        now: Timestamp,
    ) -> Result<(), CertificateError> {
        // Several CAs may have one name, a renewed one and its predecessor for example, and each has lists of its own. So the
        // path comes first, then the lists that the CAs on it have signed.
        let (anchor, intermediates) = self.path(certificate, now)?;
        let cas = std::iter::once(&anchor.der).chain(&intermediates);
        let lists = lists.signed_by(&cas);
        let lists: Vec<&CertRevocationList<'_>> = lists.iter().map(AsRef::as_ref).collect();
        let options =
            RevocationOptionsBuilder::new(&lists).map_err(|_| CertificateError::RevocationUnknown)?;
        let options = options
            .with_depth(RevocationCheckDepth::Chain)
            .with_status_policy(UnknownStatusPolicy::Deny)
            .with_expiration_policy(ExpirationPolicy::Enforce)
            .build();
        verify(certificate, &[anchor], &intermediates, Some(options), now).map(drop)?;
        // Of several lists that speak of a certificate, the first decided: one without parts beside newer ones in parts.
        for named in std::iter::once(certificate.leaf()).chain(&intermediates) {
            if is_named(lists.iter().copied(), named)? {
                return Err(CertificateError::Revoked);
            }
        }
        Ok(())
    }

    /// The CAs by which a certificate is trusted: an anchor, and what stands between.
    fn path(
        &self,
        certificate: &PeerCertificate,
        now: Timestamp,
    ) -> Result<(&Anchor, Vec<CertificateDer<'static>>), CertificateError> {
        certificate.valid_at(now)?;
        let intermediates = certificate.intermediates();
        if intermediates.len() > MAX_INTERMEDIATES {
            return Err(CertificateError::PathLength);
        }
        // An anchor ends like every other certificate, although RFC 5280 would let it live on.
        let current: Vec<&Anchor> =
            self.0.iter().filter(|anchor| (anchor.not_before..=anchor.not_after).contains(&now)).collect();
        verify(certificate, &current, intermediates, None, now)
    }

    /// The DER of every anchor.
    pub(super) fn ders(&self) -> impl Iterator<Item = &CertificateDer<'static>> {
        self.0.iter().map(|anchor| &anchor.der)
    }
}

/// Builds a path and checks everything on it.
fn verify<'a>(
    certificate: &PeerCertificate,
    anchors: &[&'a Anchor],
    intermediates: &[CertificateDer<'static>],
    revocation: Option<RevocationOptions<'_>>,
    now: Timestamp,
) -> Result<(&'a Anchor, Vec<CertificateDer<'static>>), CertificateError> {
    let time = u64::try_from(now.as_unix()).map_err(|_| CertificateError::NotYetValid)?;
    let time = UnixTime::since_unix_epoch(Duration::from_secs(time));
    let trusted: Vec<TrustAnchor<'_>> = anchors.iter().map(|anchor| anchor.trust.clone()).collect();
    let anchor_of =
        |path: &VerifiedPath<'_>| anchors.iter().copied().find(|anchor| anchor.trust == *path.anchor());
    let within_path_length = |path: &VerifiedPath<'_>| {
        let used = path.intermediate_certificates().count();
        match anchor_of(path) {
            Some(anchor) if anchor.path_length.is_none_or(|most| used <= most) => Ok(()),
            _ => Err(webpki::Error::PathLenConstraintViolated),
        }
    };
    let leaf = EndEntityCert::try_from(certificate.leaf()).map_err(|error| refusal(&error))?;
    let path = leaf
        .verify_for_usage(
            webpki::ALL_VERIFICATION_ALGS,
            &trusted,
            intermediates,
            time,
            KeyUsage::client_auth(),
            revocation,
            Some(&within_path_length),
        )
        .map_err(|error| refusal(&error))?;
    let anchor = anchor_of(&path).ok_or(CertificateError::UnknownIssuer)?;
    Ok((anchor, path.intermediate_certificates().map(|one| one.der().into_owned()).collect()))
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
        Error::CertRevoked => CertificateError::Revoked,
        Error::CrlExpired { .. } => CertificateError::RevocationListExpired,
        Error::UnknownRevocationStatus
        | Error::InvalidCrlSignatureForPublicKey
        | Error::IssuerNotCrlSigner
        | Error::UnsupportedCrlSignatureAlgorithmContext(_)
        | Error::UnsupportedCrlSignatureAlgorithmForPublicKeyContext(_) => {
            CertificateError::RevocationUnknown
        }
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
