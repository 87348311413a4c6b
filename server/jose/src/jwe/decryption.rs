//! One private key that decrypts.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use aws_lc_rs::rand;
use josekit::jwe::{JweAlgorithm, JweContentEncryption, JweDecrypter, JweHeader};
use zeroize::Zeroizing;

use super::{Algorithm, CONTEXT, algorithm, guard};
use crate::private::{KeyError, PrivateJwk};
use crate::signing::{generate_p256, generate_rsa, jwk, only_key, p256_in_der, rsa_in_der};
use crate::{Content, JoseError, KeyManagement, PublicJwk};

/// A private key that decrypts what was encrypted to its public half. Parsed once, cheap to clone.
///
/// Its `kid` is always the RFC 7638 thumbprint of the public key.
#[derive(Clone)]
pub struct DecryptionKey(Arc<Inner>);

struct Inner {
    alg: KeyManagement,
    decrypter: Quiet,
    public: PublicJwk,
    private: PrivateJwk,
}

impl DecryptionKey {
    /// Makes a new key: RSA of 2048, 3072 or 4096 bits, or EC on P-256. RSA takes as long as some hundred signatures.
    pub fn generate(alg: KeyManagement, rsa_bits: usize) -> Result<DecryptionKey, KeyError> {
        let private = match alg {
            KeyManagement::RsaOaep | KeyManagement::RsaOaep256 => generate_rsa(rsa_bits)?,
            KeyManagement::EcdhEs | KeyManagement::EcdhEsA256kw => generate_p256()?,
        };
        DecryptionKey::from_private(&private, alg)
    }

    /// Reads a private JWK, whose `alg` says how it is used (RFC 7517 4.4): an RSA key could serve two algorithms, and a
    /// key should serve one. A `kid` in it is not kept: the thumbprint takes its place.
    pub fn from_jwk(text: &str) -> Result<DecryptionKey, KeyError> {
        let private = PrivateJwk::parse(text)?;
        let alg =
            private.algorithm().and_then(|name| name.parse().ok()).ok_or(KeyError::WrongPurpose("alg"))?;
        DecryptionKey::from_private(&private, alg)
    }

    /// Reads a private key as people keep it: the one key of a PEM file, unencrypted, in PKCS#8, PKCS#1 (RSA) or SEC 1 (EC); or a
    /// JWK, whose `alg`, if it has one, is this.
    pub fn from_pem_or_jwk(alg: KeyManagement, text: &[u8]) -> Result<DecryptionKey, KeyError> {
        if let Some(private) = jwk(text)? {
            return DecryptionKey::from_private(&private, alg);
        }
        let key = only_key(text)?;
        let private = match alg {
            KeyManagement::RsaOaep | KeyManagement::RsaOaep256 => rsa_in_der(key.secret_der()),
            KeyManagement::EcdhEs | KeyManagement::EcdhEsA256kw => p256_in_der(key.secret_der()),
        };
        let private = private.ok_or(KeyError::WrongKind { alg: alg.as_str(), needs: alg.needs() })?;
        DecryptionKey::from_private(&private, alg)
    }

    /// The private JWK, for the Secret or the file that keeps it.
    pub fn to_private_jwk(&self) -> Zeroizing<String> {
        self.0.private.to_text()
    }

    /// The public half: `kid` is the thumbprint, `use` is `enc`, and `alg` is set.
    pub fn public(&self) -> &PublicJwk {
        &self.0.public
    }

    /// The name of this key, its RFC 7638 thumbprint.
    pub fn kid(&self) -> &str {
        self.0.public.thumbprint()
    }

    /// The algorithm it is for.
    pub fn alg(&self) -> KeyManagement {
        self.0.alg
    }

    /// Decrypts a JWE in compact serialization whose `enc` is one of `enc`, and which names this key or none.
    ///
    /// Every failure is the same [`JoseError::CannotDecrypt`]: what exactly was wrong is what an attacker wants to know.
    /// What comes out was written by somebody who knows the public key, that is, by anybody.
    pub fn decrypt(&self, compact: &str, enc: &[Content]) -> Result<Vec<u8>, JoseError> {
        if !guard::passes(compact, &self.0.public, self.0.alg, enc) {
            return Err(JoseError::CannotDecrypt);
        }
        let (payload, _) =
            CONTEXT.deserialize_compact(compact, &self.0.decrypter).map_err(|_| JoseError::CannotDecrypt)?;
        Ok(payload)
    }

    fn from_private(private: &PrivateJwk, alg: KeyManagement) -> Result<DecryptionKey, KeyError> {
        let public = private.public("enc", alg.as_str())?;
        if !public.fits_encryption(alg) {
            return Err(KeyError::WrongKind { alg: alg.as_str(), needs: alg.needs() });
        }
        private.check_purpose("enc", alg.as_str(), &["unwrapKey", "decrypt", "deriveKey", "deriveBits"])?;
        private.pair(&public)?;
        let private = private.named_like(&public)?;
        let decrypter = Quiet(
            decrypter(&private, alg).ok_or(KeyError::WrongKind { alg: alg.as_str(), needs: alg.needs() })?,
        );
        Ok(DecryptionKey(Arc::new(Inner { alg, decrypter, public, private })))
    }
}

/// josekit's decrypter. Without a key id, which would make josekit demand a `kid`; the guard has compared it.
fn decrypter(private: &PrivateJwk, alg: KeyManagement) -> Option<Box<dyn JweDecrypter>> {
    match algorithm(alg) {
        Algorithm::Rsa(alg) => {
            let mut decrypter = alg.decrypter_from_jwk(private.jwk()).ok()?;
            decrypter.remove_key_id();
            Some(Box::new(decrypter))
        }
        Algorithm::Ecdh(alg) => {
            let mut decrypter = alg.decrypter_from_jwk(private.jwk()).ok()?;
            decrypter.remove_key_id();
            Some(Box::new(decrypter))
        }
    }
}

impl fmt::Debug for DecryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DecryptionKey({}, {}, …)", self.kid(), self.alg())
    }
}

/// A decrypter that never says that the encrypted key was wrong: it goes on with a random one, and the content then
/// fails to authenticate, after the same work (RFC 7516 11.5, J-14).
#[derive(Clone)]
struct Quiet(Box<dyn JweDecrypter>);

impl JweDecrypter for Quiet {
    fn algorithm(&self) -> &dyn JweAlgorithm {
        self.0.algorithm()
    }

    fn key_id(&self) -> Option<&str> {
        None
    }

    fn decrypt(
        &self,
        encrypted_key: Option<&[u8]>,
        enc: &dyn JweContentEncryption,
        header: &JweHeader,
    ) -> Result<Cow<'_, [u8]>, josekit::JoseError> {
        let mut substitute = vec![0; enc.key_len()];
        rand::fill(&mut substitute).map_err(|error| josekit::JoseError::InvalidJweFormat(error.into()))?;
        Ok(match self.0.decrypt(encrypted_key, enc, header) {
            Ok(key) if key.len() == enc.key_len() => key,
            _ => Cow::Owned(substitute),
        })
    }

    fn box_clone(&self) -> Box<dyn JweDecrypter> {
        Box::new(self.clone())
    }
}

impl fmt::Debug for Quiet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Decrypter(…)")
    }
}

#[cfg(test)]
mod tests {
    use josekit::jwe::enc::A256GCM;

    use super::*;

    /// J-14: the content, not the key, is what fails to authenticate.
    #[test]
    fn a_wrong_encrypted_key_becomes_a_random_one() {
        for alg in [KeyManagement::RsaOaep, KeyManagement::RsaOaep256] {
            let key = DecryptionKey::generate(alg, 2048).unwrap();
            let unwrap = || {
                key.0.decrypter.decrypt(Some(&[7; 256]), &A256GCM, &JweHeader::new()).unwrap().into_owned()
            };
            let (one, other) = (unwrap(), unwrap());
            assert_eq!((one.len(), other.len()), (32, 32));
            assert_ne!(one, other);
        }
    }
}
