//! A server certificate with its key, checked before anybody is shown it.

use std::fmt;
use std::sync::Arc;

use fapi_core::Timestamp;
use rustls::crypto::CryptoProvider;
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use webpki::EndEntityCert;

/// A chain and its key are far shorter than this.
const MAX_BYTES: usize = 256 * 1024;

/// What a certificate signs to show that the key is its own.
const PROBE: &[u8] = b"fapi-server: does this key belong to this certificate?";

/// Why a certificate is not shown. Nothing of the key is repeated.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CertificateError {
    /// No PEM, no certificate in it, or one that cannot be parsed.
    #[error("tls.crt must hold the server certificate and its chain as PEM, leaf first")]
    BadCertificate,
    /// Not exactly one private key that can be read.
    #[error("tls.key must hold one unencrypted private key as PEM: PKCS#8, PKCS#1 or SEC 1")]
    BadKey,
    /// The certificate is somebody else's, or was renewed without its key.
    #[error("tls.key is not the key of the first certificate in tls.crt: replace both together")]
    Mismatch,
    /// No caller would accept it.
    #[error("the certificate in tls.crt expired at {0}")]
    Expired(Timestamp),
    /// Nobody could be let in.
    #[error("ca.crt must hold at least one CA certificate as PEM")]
    NoAuthority,
    /// A file is not there.
    #[error("{0} is missing")]
    Missing(&'static str),
}

/// A certificate whose key has signed for it.
#[derive(Clone)]
pub struct Certificate {
    key: Arc<CertifiedKey>,
    not_after: Timestamp,
}

impl Certificate {
    /// Reads a chain and its key, and lets the key sign something that the certificate must verify (`TL-18`).
    pub fn parse(
        chain: &[u8],
        key: &[u8],
        provider: &CryptoProvider,
        now: Timestamp,
    ) -> Result<Self, CertificateError> {
        if chain.len() > MAX_BYTES {
            return Err(CertificateError::BadCertificate);
        }
        let chain: Vec<_> = CertificateDer::pem_slice_iter(chain)
            .collect::<Result<_, _>>()
            .map_err(|_| CertificateError::BadCertificate)?;
        let leaf = chain.first().ok_or(CertificateError::BadCertificate)?;
        let not_after = expiry(leaf).ok_or(CertificateError::BadCertificate)?;
        let parsed = EndEntityCert::try_from(leaf).map_err(|_| CertificateError::BadCertificate)?;

        if key.len() > MAX_BYTES {
            return Err(CertificateError::BadKey);
        }
        let mut keys = PrivateKeyDer::pem_slice_iter(key);
        let (Some(Ok(key)), None) = (keys.next(), keys.next()) else { return Err(CertificateError::BadKey) };
        let key = provider.key_provider.load_private_key(key).map_err(|_| CertificateError::BadKey)?;

        // A comparison of public keys would believe what the key file says of itself. A signature has to be made.
        let algorithms = provider.signature_verification_algorithms;
        let signer = key.choose_scheme(&algorithms.supported_schemes()).ok_or(CertificateError::BadKey)?;
        let signature = signer.sign(PROBE).map_err(|_| CertificateError::BadKey)?;
        let verifiers = algorithms.mapping.iter().find(|(scheme, _)| *scheme == signer.scheme());
        let verified = verifiers.is_some_and(|(_, verifiers)| {
            verifiers.iter().any(|one| parsed.verify_signature(*one, PROBE, &signature).is_ok())
        });
        if !verified {
            return Err(CertificateError::Mismatch);
        }

        if not_after <= now {
            return Err(CertificateError::Expired(not_after));
        }
        Ok(Self { key: Arc::new(CertifiedKey::new(chain, key)), not_after })
    }

    /// When it expires.
    pub fn not_after(&self) -> Timestamp {
        self.not_after
    }

    /// The first of its chain, DER.
    pub fn leaf(&self) -> &[u8] {
        self.key.cert.first().map_or(&[], |leaf| leaf)
    }

    /// As rustls shows it.
    pub(super) fn certified_key(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.key)
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate(until {}, …)", self.not_after)
    }
}

fn expiry(leaf: &CertificateDer<'_>) -> Option<Timestamp> {
    let (rest, parsed) = x509_parser::parse_x509_certificate(leaf).ok()?;
    rest.is_empty().then(|| Timestamp::from_unix(parsed.validity().not_after.timestamp()))
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256};

    use super::*;
    use crate::tls::provider;

    const NOW: Timestamp = Timestamp::from_unix(1_790_000_000);

    fn made() -> (String, String) {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let params = CertificateParams::new(vec!["auth.example".to_owned()]).unwrap();
        (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
    }

    fn parse(chain: &str, key: &str, now: Timestamp) -> Result<Certificate, CertificateError> {
        Certificate::parse(chain.as_bytes(), key.as_bytes(), &provider(), now)
    }

    #[test]
    fn a_certificate_is_accepted_with_its_own_key_only() {
        let ((chain, key), (_, other)) = (made(), made());
        assert!(parse(&chain, &key, NOW).is_ok());
        assert_eq!(parse(&chain, &other, NOW).unwrap_err(), CertificateError::Mismatch, "TL-18");
    }

    #[test]
    fn a_certificate_that_nobody_would_accept_is_not_shown() {
        let (chain, key) = made();
        let after = parse(&chain, &key, NOW).unwrap().not_after();
        assert_eq!(parse(&chain, &key, after).unwrap_err(), CertificateError::Expired(after), "TL-18");
    }

    #[test]
    fn a_refusal_names_the_file_and_repeats_nothing_of_it() {
        let (chain, key) = made();
        assert_eq!(parse("", &key, NOW).unwrap_err(), CertificateError::BadCertificate);
        assert_eq!(parse(&key, &key, NOW).unwrap_err(), CertificateError::BadCertificate);
        assert_eq!(parse(&chain, "", NOW).unwrap_err(), CertificateError::BadKey);
        assert_eq!(parse(&chain, &format!("{key}{key}"), NOW).unwrap_err(), CertificateError::BadKey);
        assert_eq!(format!("{:?}", parse(&chain, &key, NOW).unwrap()).matches('…').count(), 1);
    }
}
