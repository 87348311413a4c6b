//! What did the caller present, and may its key be used at all?

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::digest;
use rustls_pki_types::CertificateDer;
use subtle::ConstantTimeEq;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::oid_registry::{
    OID_EC_P256, OID_KEY_TYPE_EC_PUBLIC_KEY, OID_NIST_EC_P384, OID_NIST_EC_P521, OID_PKCS1_RSAENCRYPTION,
    OID_SIG_ED25519,
};
use x509_parser::prelude::FromDer;
use x509_parser::public_key::PublicKey;
use x509_parser::x509::{SubjectPublicKeyInfo, X509Version};

use super::CertificateError;
use super::dn::DistinguishedName;
use crate::lifetime::Timestamp;

/// The certificate of a TLS connection: the caller holds its private key, everything else about it is still a claim.
#[derive(Clone)]
pub struct PeerCertificate(Arc<Presented>);

struct Presented {
    leaf: CertificateDer<'static>,
    intermediates: Vec<CertificateDer<'static>>,
    thumbprint: String,
    facts: Facts,
}

/// What the leaf says, read once.
pub(super) struct Facts {
    pub(super) not_before: Timestamp,
    pub(super) not_after: Timestamp,
    /// X.509 v3, a strong key, made for signatures: whatever does not depend on time.
    pub(super) fit: Result<(), CertificateError>,
    /// `None` where the name is no DER we would compare.
    pub(super) subject: Option<DistinguishedName>,
    pub(super) alternative_names: Vec<AlternativeName>,
}

/// One entry of `subjectAltName`, of the kinds that RFC 8705 2.1.2 knows.
#[derive(PartialEq, Eq)]
pub(super) enum AlternativeName {
    Dns(String),
    Email(String),
    Ip(Vec<u8>),
    Uri(String),
}

impl PeerCertificate {
    /// From the chain that the handshake yields: DER, the leaf first. `None` for an empty chain, and for a leaf that is no
    /// certificate: then it is as if none had been sent.
    pub fn from_chain(chain: Vec<Vec<u8>>) -> Option<Self> {
        let mut chain = chain.into_iter().map(CertificateDer::from);
        let leaf = chain.next()?;
        let facts = Facts::read(&leaf)?;
        let thumbprint = thumbprint(&leaf);
        Some(Self(Arc::new(Presented { leaf, intermediates: chain.collect(), thumbprint, facts })))
    }

    /// `x5t#S256`: base64url of the SHA-256 of the leaf (RFC 8705 3.1).
    pub fn thumbprint(&self) -> &str {
        &self.0.thumbprint
    }

    /// Whether it is the one with this thumbprint, in constant time.
    pub fn has_thumbprint(&self, expected: &str) -> bool {
        self.0.thumbprint.as_bytes().ct_eq(expected.as_bytes()).into()
    }

    /// The leaf.
    pub fn der(&self) -> &[u8] {
        &self.0.leaf
    }

    /// The whole chain as presented, the leaf first.
    pub fn chain(&self) -> impl Iterator<Item = &[u8]> {
        std::iter::once(&self.0.leaf).chain(&self.0.intermediates).map(AsRef::as_ref)
    }

    /// When it ends.
    pub fn not_after(&self) -> Timestamp {
        self.0.facts.not_after
    }

    /// Whether it may be used now, whoever issued it: X.509 v3, a strong key, within its validity (RFC 8705 2.2 needs no
    /// more; RFC 8705 2.1 needs [`TrustAnchors::check`](super::TrustAnchors::check)).
    ///
    /// # Errors
    /// Why not.
    pub fn valid_at(&self, now: Timestamp) -> Result<(), CertificateError> {
        let facts = &self.0.facts;
        facts.fit?;
        if now < facts.not_before {
            return Err(CertificateError::NotYetValid);
        }
        if now > facts.not_after {
            return Err(CertificateError::Expired);
        }
        Ok(())
    }

    pub(super) fn facts(&self) -> &Facts {
        &self.0.facts
    }

    pub(super) fn leaf(&self) -> &CertificateDer<'static> {
        &self.0.leaf
    }

    pub(super) fn intermediates(&self) -> &[CertificateDer<'static>] {
        &self.0.intermediates
    }
}

impl fmt::Debug for PeerCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PeerCertificate").field(&self.0.thumbprint).finish()
    }
}

impl Facts {
    /// `None` when the bytes are no certificate, or more than one.
    pub(super) fn read(der: &[u8]) -> Option<Self> {
        let (rest, certificate) = X509Certificate::from_der(der).ok()?;
        if !rest.is_empty() {
            return None;
        }
        let validity = certificate.validity();
        Some(Self {
            not_before: Timestamp::from_unix(validity.not_before.timestamp()),
            not_after: Timestamp::from_unix(validity.not_after.timestamp()),
            fit: fit(&certificate),
            subject: DistinguishedName::from_der(certificate.subject().as_raw()),
            alternative_names: alternative_names(&certificate),
        })
    }
}

pub(super) fn thumbprint(der: &[u8]) -> String {
    fapi_jose::b64::encode(digest::digest(&digest::SHA256, der))
}

fn fit(certificate: &X509Certificate<'_>) -> Result<(), CertificateError> {
    if certificate.version() != X509Version::V3 {
        return Err(CertificateError::Malformed);
    }
    if !is_strong(certificate.public_key()) {
        return Err(CertificateError::Weak);
    }
    // RFC 8446 4.4.2.2, RFC 5246 7.4.6: a key that signs in the handshake must be allowed to sign.
    match certificate.key_usage() {
        Ok(Some(usage)) if !usage.value.digital_signature() => Err(CertificateError::WrongUsage),
        Ok(_) => Ok(()),
        Err(_) => Err(CertificateError::Malformed),
    }
}

/// RSA from 2048 bits with an odd exponent above 1, the three NIST curves from 256 bits, Ed25519 (`INV-05`, `J-17`).
pub(super) fn is_strong(key: &SubjectPublicKeyInfo<'_>) -> bool {
    let algorithm = &key.algorithm.algorithm;
    if *algorithm == OID_PKCS1_RSAENCRYPTION {
        let Ok(PublicKey::RSA(rsa)) = key.parsed() else { return false };
        return bits(rsa.modulus) >= 2048
            && is_odd(rsa.modulus)
            && is_odd(rsa.exponent)
            && bits(rsa.exponent) > 1;
    }
    if *algorithm == OID_KEY_TYPE_EC_PUBLIC_KEY {
        let curve = key.algorithm.parameters.as_ref().and_then(|parameters| parameters.as_oid().ok());
        return curve.is_some_and(|curve| [OID_EC_P256, OID_NIST_EC_P384, OID_NIST_EC_P521].contains(&curve));
    }
    *algorithm == OID_SIG_ED25519
}

fn bits(number: &[u8]) -> usize {
    let significant =
        number.iter().position(|byte| *byte != 0).and_then(|start| number.get(start..)).unwrap_or_default();
    significant.first().map_or(0, |top| significant.len() * 8 - top.leading_zeros() as usize)
}

fn is_odd(number: &[u8]) -> bool {
    number.last().is_some_and(|byte| byte & 1 == 1)
}

/// Entries that are no valid text are left out: they match nothing.
fn alternative_names(certificate: &X509Certificate<'_>) -> Vec<AlternativeName> {
    let Ok(Some(extension)) = certificate.subject_alternative_name() else { return Vec::new() };
    let names = extension.value.general_names.iter();
    names
        .filter_map(|name| match name {
            GeneralName::DNSName(name) => Some(AlternativeName::Dns((*name).to_owned())),
            GeneralName::RFC822Name(name) => Some(AlternativeName::Email((*name).to_owned())),
            GeneralName::IPAddress(bytes) => Some(AlternativeName::Ip(bytes.to_vec())),
            GeneralName::URI(uri) => Some(AlternativeName::Uri((*uri).to_owned())),
            _ => None,
        })
        .collect()
}
