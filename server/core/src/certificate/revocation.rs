//! Which certificates have their CAs taken back? (RFC 5280 5)
//!
//! Lists come with the configuration, never from an address that a certificate names (`TL-11`).

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use rustls_pki_types::CertificateDer;
use webpki::{CertRevocationList, EndEntityCert, OwnedCertRevocationList};
use x509_parser::prelude::FromDer;
use x509_parser::revocation_list::CertificateRevocationList;

use super::pem::{self, PemProblem};
use super::{CertificateError, PeerCertificate, TrustAnchors};
use crate::lifetime::Timestamp;

/// The revocation lists of a Workspace. There may be none in it: then no certificate of its CA is accepted.
#[derive(Clone, Default)]
pub struct RevocationLists(Arc<Vec<List>>);

struct List {
    der: Vec<u8>,
    /// What is signed, within `der`.
    signed: Range<usize>,
    signature: Vec<u8>,
    /// The CA that has been seen to have signed it: that is worked out once, not for every request.
    signer: OnceLock<CertificateDer<'static>>,
    parsed: Arc<CertRevocationList<'static>>,
    this_update: Timestamp,
    facts: RevocationListFacts,
}

/// One list, for conditions, logs and metrics.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RevocationListFacts {
    /// Whose, as text.
    pub issuer: String,
    /// Until when it speaks. Afterwards, certificates that only it speaks for are refused.
    pub next_update: Timestamp,
    /// How many certificates it revokes.
    pub revoked: usize,
}

/// Which list of a bundle is unfit, and why.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("revocation list {position}: {kind}")]
pub struct RevocationListsError {
    /// Counted from 1.
    pub position: usize,
    /// Why.
    pub kind: RevocationListsErrorKind,
}

/// Why a list cannot be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RevocationListsErrorKind {
    /// What has changed since another list.
    #[error("is a delta list: put the complete list here")]
    Delta,
    /// No block at all.
    #[error("there is none: write one or more PEM blocks that begin with -----BEGIN X509 CRL-----")]
    Empty,
    /// Its issuer has the name of an anchor, and not its key.
    #[error("has the name of a CA in mtls.clientCa and was not signed by it")]
    Forged,
    /// No list as RFC 5280 has it, or one that is indirect.
    #[error(
        "is no complete revocation list of a single CA: RFC 5280 asks for version 2, nextUpdate and a CRL number"
    )]
    Malformed,
    /// Something else than a list.
    #[error("the PEM block is not a revocation list (X509 CRL): remove it")]
    OtherBlock,
    /// The PEM text.
    #[error(transparent)]
    Pem(PemProblem),
    /// Over 512 KiB.
    #[error(
        "all together are larger than 512 KiB: let the CA publish lists in parts, or issue from more than one CA"
    )]
    TooLarge,
}

impl From<PemProblem> for RevocationListsErrorKind {
    fn from(problem: PemProblem) -> Self {
        match problem {
            PemProblem::Empty => Self::Empty,
            PemProblem::OtherBlock => Self::OtherBlock,
            PemProblem::TooLarge => Self::TooLarge,
            other => Self::Pem(other),
        }
    }
}

impl RevocationLists {
    /// Parses PEM blocks of lists, at most 512 KiB.
    ///
    /// # Errors
    /// The first that cannot be used: nothing is skipped, since a list that silently does not count lets revoked certificates
    /// in, or locks everybody out.
    pub fn parse(pem: &[u8]) -> Result<Self, RevocationListsError> {
        let at = |index: usize, kind| RevocationListsError { position: index + 1, kind };
        let ders = pem::revocation_lists(pem).map_err(|(index, problem)| at(index, problem.into()))?;
        let lists =
            ders.into_iter().enumerate().map(|(index, der)| List::read(der).map_err(|kind| at(index, kind)));
        Ok(Self(Arc::new(lists.collect::<Result<_, _>>()?)))
    }

    /// Whether each list that claims to be of an anchor is. Lists of other CAs may be of intermediates, which only callers
    /// show: they count where those have signed them.
    ///
    /// # Errors
    /// The first that is not.
    pub fn check(&self, anchors: &TrustAnchors) -> Result<(), RevocationListsError> {
        for (index, list) in self.0.iter().enumerate() {
            let mut namesakes = anchors.ders().filter(|ca| list.is_named_like(ca)).peekable();
            if namesakes.peek().is_some() && !namesakes.any(|ca| list.is_signed_by(ca)) {
                return Err(RevocationListsError {
                    position: index + 1,
                    kind: RevocationListsErrorKind::Forged,
                });
            }
        }
        Ok(())
    }

    /// Each list, in order.
    pub fn facts(&self) -> impl Iterator<Item = &RevocationListFacts> {
        self.0.iter().map(|list| &list.facts)
    }

    /// Lists that speak no longer, and that no newer one of the same CA and part replaces.
    pub fn expired(&self, now: Timestamp) -> impl Iterator<Item = &RevocationListFacts> {
        newest(self.0.iter())
            .into_iter()
            .map(|list| &list.facts)
            .filter(move |facts| facts.next_update <= now)
    }

    /// When the first of the lists in force ends.
    pub fn next_update(&self) -> Option<Timestamp> {
        newest(self.0.iter()).into_iter().map(|list| list.facts.next_update).min()
    }

    /// Whether no list names a certificate, by the name of its CA and its number. For certificates that need no CA of ours: a
    /// list that has ended still says what was revoked, and intermediates that the caller keeps to itself do not matter.
    ///
    /// # Errors
    /// It is named, or cannot be read.
    pub fn check_unnamed(&self, certificate: &PeerCertificate) -> Result<(), CertificateError> {
        if self.0.is_empty() {
            return Ok(());
        }
        let parsed = || self.0.iter().map(|list| list.parsed.as_ref());
        if is_named(parsed(), certificate.leaf())? { Err(CertificateError::Revoked) } else { Ok(()) }
    }

    /// Of how many lists it is known who signed them.
    #[cfg(test)]
    pub(super) fn verified(&self) -> usize {
        self.0.iter().filter(|list| list.signer.get().is_some()).count()
    }

    /// The newest lists that one of these CAs has signed, one for each part.
    pub(super) fn signed_by<'a>(
        &self,
        cas: &(impl Iterator<Item = &'a CertificateDer<'static>> + Clone),
    ) -> Vec<Arc<CertRevocationList<'static>>> {
        let of_one = |list: &&List| cas.clone().any(|ca| list.is_named_like(ca) && list.is_signed_by(ca));
        newest(self.0.iter().filter(of_one)).into_iter().map(|list| Arc::clone(&list.parsed)).collect()
    }
}

/// Whether one of the lists names a certificate, by the name of its CA and its number.
pub(super) fn is_named<'a>(
    mut lists: impl Iterator<Item = &'a CertRevocationList<'static>>,
    certificate: &CertificateDer<'_>,
) -> Result<bool, CertificateError> {
    let certificate = EndEntityCert::try_from(certificate).map_err(|_| CertificateError::Malformed)?;
    Ok(lists.any(|list| {
        list.issuer() == certificate.issuer() && !matches!(list.find_serial(certificate.serial()), Ok(None))
    }))
}

/// Of several lists of one name and part, the one that was made last.
fn newest<'a>(lists: impl Iterator<Item = &'a List>) -> Vec<&'a List> {
    let mut newest: Vec<&List> = Vec::new();
    for list in lists {
        match newest.iter_mut().find(|other| other.is_like(list)) {
            Some(other) if other.this_update < list.this_update => *other = list,
            Some(_) => {}
            None => newest.push(list),
        }
    }
    newest
}

impl List {
    fn read(der: Vec<u8>) -> Result<Self, RevocationListsErrorKind> {
        let list = OwnedCertRevocationList::from_der(&der).map_err(|error| match error {
            webpki::Error::UnsupportedDeltaCrl => RevocationListsErrorKind::Delta,
            _ => RevocationListsErrorKind::Malformed,
        })?;
        let malformed = RevocationListsErrorKind::Malformed;
        let (rest, parsed) = CertificateRevocationList::from_der(&der).map_err(|_| malformed)?;
        let next_update = parsed.next_update().ok_or(malformed)?;
        if !rest.is_empty() {
            return Err(malformed);
        }
        let facts = RevocationListFacts {
            issuer: super::dn::DistinguishedName::from_der(parsed.issuer().as_raw())
                .map_or_else(|| "a CA without a readable name".to_owned(), |name| name.to_string()),
            next_update: Timestamp::from_unix(next_update.timestamp()),
            revoked: parsed.iter_revoked_certificates().count(),
        };
        let this_update = Timestamp::from_unix(parsed.last_update().timestamp());
        let body = parsed.tbs_cert_list.as_ref();
        let begins = body.as_ptr().addr() - der.as_ptr().addr();
        let signed = begins..begins + body.len();
        let signature = parsed.signature_value.data.to_vec();
        let parsed = Arc::new(list.into());
        Ok(Self { parsed, this_update, facts, signed, signature, signer: OnceLock::new(), der })
    }

    /// Of the same name and part.
    fn is_like(&self, other: &Self) -> bool {
        self.parsed.issuer() == other.parsed.issuer()
            && self.parsed.issuing_distribution_point() == other.parsed.issuing_distribution_point()
    }

    fn is_named_like(&self, ca: &CertificateDer<'_>) -> bool {
        EndEntityCert::try_from(ca).is_ok_and(|ca| ca.subject() == self.parsed.issuer())
    }

    fn is_signed_by(&self, ca: &CertificateDer<'_>) -> bool {
        if self.signer.get().is_some_and(|signer| signer == ca) {
            return true;
        }
        let Some(message) = self.der.get(self.signed.clone()) else { return false };
        let verifies = EndEntityCert::try_from(ca).is_ok_and(|ca| {
            let by = |algorithm: &_| ca.verify_signature(*algorithm, message, &self.signature).is_ok();
            webpki::ALL_VERIFICATION_ALGS.iter().any(by)
        });
        if verifies {
            // The first CA of the name and key is kept; a renewed one of the same key is worked out again.
            let _ = self.signer.set(ca.clone().into_owned());
        }
        verifies
    }
}

impl PartialEq for RevocationLists {
    fn eq(&self, other: &Self) -> bool {
        self.0.iter().map(|list| &list.der).eq(other.0.iter().map(|list| &list.der))
    }
}

impl Eq for RevocationLists {}

impl fmt::Debug for RevocationLists {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.facts()).finish()
    }
}
