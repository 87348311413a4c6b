//! One private key that signs.

mod import;

pub(crate) use self::import::{generate_p256, generate_rsa, jwk, only_key, p256_in_der, rsa_in_der};

use std::fmt;
use std::sync::{Arc, LazyLock};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::RSA_PSS_SHA256;
use josekit::jws::{JwsAlgorithm, JwsContext, JwsHeader, JwsSigner};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use crate::private::{KeyError, Pair, PrivateJwk};
use crate::verifier::algorithm;
use crate::{Alg, JoseError, PublicJwk};

static CONTEXT: LazyLock<JwsContext> = LazyLock::new(JwsContext::new);

/// A private signature key with its public half. Parsed once, cheap to clone, ready to sign on any thread.
///
/// Its `kid` is always the RFC 7638 thumbprint of the public key: it needs no registry, and cannot collide.
#[derive(Clone)]
pub struct SigningKey(Arc<Inner>);

struct Inner {
    alg: Alg,
    pair: Pair,
    public: PublicJwk,
    private: PrivateJwk,
}

impl SigningKey {
    /// The public half: `kid` is the thumbprint, `use` is `sig`, and `alg` is set.
    pub fn public(&self) -> &PublicJwk {
        &self.0.public
    }

    /// The name of this key, its RFC 7638 thumbprint.
    pub fn kid(&self) -> &str {
        self.0.public.thumbprint()
    }

    /// The algorithm it signs with.
    pub fn alg(&self) -> Alg {
        self.0.alg
    }

    /// Signs claims: a JWS in compact serialization with the header `alg`, `kid` and, if given, `typ`.
    pub fn sign(&self, typ: Option<&str>, claims: &Map<String, Value>) -> Result<String, JoseError> {
        let mut header = JwsHeader::new();
        header.set_algorithm(self.alg().as_str());
        header.set_key_id(self.kid());
        if let Some(typ) = typ {
            header.set_token_type(typ);
        }
        self.serialize(&header, claims)
    }

    /// Signs a `DPoP` proof: the header is `alg`, `typ` (`dpop+jwt`) and the public key as `jwk` (RFC 9449 4.2).
    pub fn sign_dpop(&self, claims: &Map<String, Value>) -> Result<String, JoseError> {
        let mut header = JwsHeader::new();
        header.set_algorithm(self.alg().as_str());
        header.set_token_type("dpop+jwt");
        header.set_jwk(self.public().bare().ok_or(JoseError::CannotSign)?);
        self.serialize(&header, claims)
    }

    /// The private JWK, for the Secret or the file that keeps it. Nothing else gives the private half away.
    pub fn to_private_jwk(&self) -> Zeroizing<String> {
        self.0.private.to_text()
    }

    /// Where every constructor ends: the halves belong together, the key is strong enough and for this algorithm.
    fn from_private(private: &PrivateJwk, alg: Alg) -> Result<SigningKey, KeyError> {
        let public = private.public("sig", alg.as_str())?;
        if !public.fits(alg) {
            return Err(KeyError::WrongKind { alg: alg.as_str(), needs: alg.needs() });
        }
        private.check_purpose("sig", alg.as_str(), &["sign"])?;
        let pair = private.pair(&public)?;
        let private = private.named_like(&public)?;
        Ok(SigningKey(Arc::new(Inner { alg, pair, public, private })))
    }

    fn serialize(&self, header: &JwsHeader, claims: &Map<String, Value>) -> Result<String, JoseError> {
        let payload = serde_json::to_vec(claims).map_err(|_| JoseError::CannotSign)?;
        CONTEXT.serialize_compact(&payload, header, &Signer(self.clone())).map_err(|_| JoseError::CannotSign)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({}, {}, …)", self.kid(), self.alg())
    }
}

/// josekit's `JwsSigner` over keys of aws-lc-rs. Without a key id, since the header already has what it should have.
#[derive(Clone, Debug)]
struct Signer(SigningKey);

impl JwsSigner for Signer {
    fn algorithm(&self) -> &dyn JwsAlgorithm {
        algorithm(self.0.alg())
    }

    fn key_id(&self) -> Option<&str> {
        None
    }

    fn signature_len(&self) -> usize {
        match &self.0.0.pair {
            Pair::Rsa(key) => key.public_modulus_len(),
            Pair::P256(_) | Pair::Ed25519(_) | Pair::X25519 => 64,
        }
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, josekit::JoseError> {
        let random = SystemRandom::new();
        let signature = match &self.0.0.pair {
            Pair::Rsa(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&RSA_PSS_SHA256, &random, message, &mut signature).map(|()| signature)
            }
            Pair::P256(key) => key.sign(&random, message).map(|signature| signature.as_ref().to_vec()),
            Pair::Ed25519(key) => key.try_sign(message).map(|signature| signature.as_ref().to_vec()),
            Pair::X25519 => Err(aws_lc_rs::error::Unspecified),
        };
        signature.map_err(|error| josekit::JoseError::InvalidSignature(error.into()))
    }

    fn box_clone(&self) -> Box<dyn JwsSigner> {
        Box::new(self.clone())
    }
}
