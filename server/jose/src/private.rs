//! Private keys on their way in and out: read strictly, wiped afterwards, both halves compared.

use std::fmt;
use std::mem;

use aws_lc_rs::agreement::{self, X25519};
use aws_lc_rs::rsa::{KeyPairComponents, PublicKeyComponents};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RsaKeyPair};
use josekit::jwk::Jwk;
use serde_json::{Map, Value, json};
use zeroize::{Zeroize, Zeroizing};

use crate::jwk::{JwkError, Kind, PRIVATE_MEMBERS};
use crate::{PublicJwk, b64, json};

/// A private key is far shorter than this.
const MAX_BYTES: usize = 64 * 1024;

/// Why a private key was refused. Nothing of the key is repeated.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum KeyError {
    /// Longer than 64 KiB.
    #[error("a private key must not be longer than 64 KiB")]
    TooLarge,
    /// Not one strict JSON object with the types that RFC 7517 gives its members.
    #[error("the private key is not a well-formed JWK")]
    BadJson,
    /// Not one private key in unencrypted PEM or DER, and nothing after it.
    #[error("give exactly one unencrypted private key, in PKCS#8, PKCS#1 (RSA) or SEC 1 (EC)")]
    BadFile,
    /// The key is of another kind than the algorithm needs.
    #[error("the key does not suit {alg}, which needs {needs}")]
    WrongKind {
        /// The algorithm.
        alg: &'static str,
        /// The kind of key to give instead.
        needs: &'static str,
    },
    /// `alg`, `use` or `key_ops` of the JWK say that it is for something else.
    #[error("the member {0:?} of the private key says that it is for something else")]
    WrongPurpose(&'static str),
    /// The public half is refused, as a key of somebody else would be.
    #[error("{0}")]
    Refused(#[from] JwkError),
    /// The public half is not that of the private half (J-19).
    #[error("the public and the private half of the key do not belong together")]
    Mismatch,
    /// Only 2048, 3072 and 4096 bits are made.
    #[error("an RSA key has 2048, 3072 or 4096 bits")]
    RsaSize,
    /// The cryptographic library failed.
    #[error("the key could not be made")]
    Generation,
}

/// A private key whose halves belong together.
pub(crate) enum Pair {
    Rsa(RsaKeyPair),
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    /// Never signs: only kept as josekit's decrypter.
    X25519,
}

/// A private JWK, wiped when dropped. Its `Debug` shows nothing.
pub(crate) struct PrivateJwk(Jwk);

impl PrivateJwk {
    pub(crate) fn parse(text: &str) -> Result<PrivateJwk, KeyError> {
        if text.len() > MAX_BYTES {
            return Err(KeyError::TooLarge);
        }
        let map = json::parse_object(text.as_bytes()).ok_or(KeyError::BadJson)?;
        Jwk::from_map(map).map(PrivateJwk).map_err(|_| KeyError::BadJson)
    }

    /// From raw members, which are encoded here.
    pub(crate) fn build(
        kty: &str,
        crv: Option<&str>,
        members: &[(&str, &[u8])],
    ) -> Result<PrivateJwk, KeyError> {
        let mut built = PrivateJwk(Jwk::new(kty));
        if let Some(crv) = crv {
            built.0.set_curve(crv);
        }
        for (name, bytes) in members {
            let value = Value::String(b64::encode(bytes));
            built.0.set_parameter(name, Some(value)).map_err(|_| KeyError::Generation)?;
        }
        Ok(built)
    }

    /// The public half for this purpose, named by its thumbprint.
    pub(crate) fn public(&self, use_: &str, alg: &str) -> Result<PublicJwk, KeyError> {
        let own: &Map<String, Value> = self.0.as_ref();
        let mut members: Map<String, Value> = ["kty", "crv", "n", "e", "x", "y"]
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), own.get(*name)?.clone())))
            .collect();
        let bare = PublicJwk::from_json(&Value::Object(members.clone()))?;
        members.insert("use".to_owned(), json!(use_));
        members.insert("alg".to_owned(), json!(alg));
        members.insert("kid".to_owned(), json!(bare.thumbprint()));
        Ok(PublicJwk::from_json(&Value::Object(members))?)
    }

    /// What the JWK says it is for must not contradict what it is used for.
    pub(crate) fn check_purpose(&self, use_: &str, alg: &str, operations: &[&str]) -> Result<(), KeyError> {
        if self.0.key_use().is_some_and(|own| own != use_) {
            return Err(KeyError::WrongPurpose("use"));
        }
        if self.0.algorithm().is_some_and(|own| own != alg) {
            return Err(KeyError::WrongPurpose("alg"));
        }
        if !operations.iter().any(|operation| self.0.is_for_key_operation(operation)) {
            return Err(KeyError::WrongPurpose("key_ops"));
        }
        Ok(())
    }

    pub(crate) fn algorithm(&self) -> Option<&str> {
        self.0.algorithm()
    }

    /// The key pair, if the public half is that of the private half. josekit and OpenSSL do not ask (J-19).
    pub(crate) fn pair(&self, public: &PublicJwk) -> Result<Pair, KeyError> {
        let mismatch = |_| KeyError::Mismatch;
        match public.material().kind() {
            Kind::Rsa => {
                let public_key = PublicKeyComponents { n: self.bytes("n")?, e: self.bytes("e")? };
                let components = KeyPairComponents {
                    public_key,
                    d: self.bytes("d")?,
                    p: self.bytes("p")?,
                    q: self.bytes("q")?,
                    dP: self.bytes("dp")?,
                    dQ: self.bytes("dq")?,
                    qInv: self.bytes("qi")?,
                };
                RsaKeyPair::from_components(&components).map(Pair::Rsa).map_err(mismatch)
            }
            Kind::P256 => {
                let d = self.sized("d", 32)?;
                let point = [&[0x04], self.bytes("x")?.as_slice(), self.bytes("y")?.as_slice()].concat();
                EcdsaKeyPair::from_private_key_and_public_key(&ECDSA_P256_SHA256_FIXED_SIGNING, &d, &point)
                    .map(Pair::P256)
                    .map_err(mismatch)
            }
            Kind::Ed25519 => {
                Ed25519KeyPair::from_seed_and_public_key(&self.sized("d", 32)?, &self.bytes("x")?)
                    .map(Pair::Ed25519)
                    .map_err(mismatch)
            }
            Kind::X25519 => {
                let derived = agreement::PrivateKey::from_private_key(&X25519, &self.sized("d", 32)?)
                    .map_err(mismatch)?
                    .compute_public_key()
                    .map_err(|_| KeyError::Mismatch)?;
                if derived.as_ref() == self.bytes("x")?.as_slice() {
                    Ok(Pair::X25519)
                } else {
                    Err(KeyError::Mismatch)
                }
            }
            Kind::P384 | Kind::P521 => Err(KeyError::Refused(JwkError::UnknownCurve)),
        }
    }

    /// The same key with the names and purpose of its public half, and no members that we do not know.
    pub(crate) fn named_like(&self, public: &PublicJwk) -> Result<PrivateJwk, KeyError> {
        let own: &Map<String, Value> = self.0.as_ref();
        let Value::Object(mut members) = public.to_json() else { return Err(KeyError::BadJson) };
        for name in PRIVATE_MEMBERS {
            if let Some(value) = own.get(name) {
                members.insert(name.to_owned(), value.clone());
            }
        }
        Jwk::from_map(members).map(PrivateJwk).map_err(|_| KeyError::BadJson)
    }

    /// The key alone, as josekit's decrypters read it.
    pub(crate) fn jwk(&self) -> &Jwk {
        &self.0
    }

    pub(crate) fn to_text(&self) -> Zeroizing<String> {
        Zeroizing::new(self.0.to_string())
    }

    fn bytes(&self, name: &'static str) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let text = match self.0.parameter(name) {
            Some(Value::String(text)) => text,
            Some(_) => return Err(JwkError::BadMember(name).into()),
            None => return Err(JwkError::MissingMember(name).into()),
        };
        Ok(Zeroizing::new(b64::decode(text).ok_or(JwkError::BadMember(name))?))
    }

    fn sized(&self, name: &'static str, len: usize) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let bytes = self.bytes(name)?;
        if bytes.len() == len { Ok(bytes) } else { Err(JwkError::BadMember(name).into()) }
    }
}

impl Drop for PrivateJwk {
    fn drop(&mut self) {
        let members: Map<String, Value> = mem::replace(&mut self.0, Jwk::new("")).into();
        for (_, value) in members {
            if let Value::String(mut text) = value {
                text.zeroize();
            }
        }
    }
}

impl fmt::Debug for PrivateJwk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateJwk(…)")
    }
}
