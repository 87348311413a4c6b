//! Whose key is this, and what may it do? Public keys, parsed and checked once, their verifiers kept inside.

mod material;
mod set;

use std::fmt;
use std::sync::{Arc, OnceLock};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use josekit::jwe::JweEncrypter;
use josekit::jwk::Jwk;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

pub(crate) use self::material::{Kind, Material};
pub use self::set::{JwkSet, JwkSetError, MAX_KEYS};
use crate::verifier::Verifier;
use crate::{Alg, KeyManagement, b64, json, sha256};

/// Members that only a private or symmetric key has (RFC 7518 6.2.2, 6.3.2, 6.4).
pub(crate) const PRIVATE_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// A `kid` longer than this is an attack, not a name (J-04).
pub(crate) const MAX_KID: usize = 128;

/// The most certificates in `x5c`: chains are short (J-25).
const MAX_CHAIN: usize = 10;

/// What a key is for (RFC 7517 4.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Use {
    /// `sig`
    Signature,
    /// `enc`
    Encryption,
    /// Another value, such as `tls` in the directory of Open Banking UK: for neither of the two above.
    Other,
}

/// A public key (RFC 7517). Cheap to clone, and as often as you like: the parsed key and its verifier are shared.
///
/// There is no way to put a private member into one, so none can come out (J-20).
#[derive(Clone)]
pub struct PublicJwk(Arc<Inner>);

struct Inner {
    members: Map<String, Value>,
    material: Material,
    use_: Option<Use>,
    thumbprint: String,
    x5c: Vec<Vec<u8>>,
    /// Built at the first encryption to this key with the respective algorithm.
    encrypters: [OnceLock<Option<Box<dyn JweEncrypter>>>; 2],
}

/// Why a JWK is not a public key we accept. Member names only, never content.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum JwkError {
    /// Not a JSON object.
    #[error("a key must be a JSON object")]
    NotAnObject,
    /// A private or symmetric key: whoever sent it should replace it, others may have seen it (J-18).
    #[error("the key has the private member {0:?}: give the public key only, and replace this one")]
    PrivateMember(&'static str),
    /// A member that this kind of key needs is missing.
    #[error("the key lacks the member {0:?}")]
    MissingMember(&'static str),
    /// A member has the wrong type, length or encoding.
    #[error("the member {0:?} of the key is malformed")]
    BadMember(&'static str),
    /// Too weak to rely on (J-17).
    #[error("the key is too weak: {0}")]
    WeakKey(&'static str),
    /// The point is not on its curve (J-15).
    #[error("the point of the key is not on its curve")]
    OffCurve,
    /// A `kty` that we do not know; in a set such a key is skipped (RFC 7517 5).
    #[error("the type of the key is none of RSA, EC and OKP")]
    UnknownKeyType,
    /// A `crv` that we do not know; in a set such a key is skipped (RFC 7517 5).
    #[error("the curve of the key is none of P-256, P-384, P-521, Ed25519 and X25519")]
    UnknownCurve,
}

impl PublicJwk {
    /// Reads a public key. Members that we do not know are dropped.
    pub fn from_json(value: &Value) -> Result<PublicJwk, JwkError> {
        let Value::Object(given) = value else { return Err(JwkError::NotAnObject) };
        // Before anything else, whatever the type of the key: a private key in the wrong place must not go unnoticed.
        if let Some(name) = PRIVATE_MEMBERS.into_iter().find(|name| given.contains_key(*name)) {
            return Err(JwkError::PrivateMember(name));
        }

        let material = Material::parse(given)?;
        let use_ = match string(given, "use")? {
            None => None,
            Some("sig") => Some(Use::Signature),
            Some("enc") => Some(Use::Encryption),
            Some(_) => Some(Use::Other),
        };
        if string(given, "kid")?.is_some_and(|kid| kid.is_empty() || kid.len() > MAX_KID) {
            return Err(JwkError::BadMember("kid"));
        }
        string(given, "alg")?;
        check_operations(given)?;
        let x5c = certificates(given)?;
        for name in ["x5t", "x5t#S256"] {
            if string(given, name)?.is_some_and(|digest| b64::decode(digest).is_none()) {
                return Err(JwkError::BadMember(if name == "x5t" { "x5t" } else { "x5t#S256" }));
            }
        }

        let thumbprint = b64::encode(sha256(material.canonical()));
        let kept =
            material.members().iter().chain(&["use", "key_ops", "alg", "kid", "x5c", "x5t", "x5t#S256"]);
        let members = kept.filter_map(|name| Some(((*name).to_owned(), given.get(*name)?.clone()))).collect();
        Ok(PublicJwk(Arc::new(Inner {
            members,
            material,
            use_,
            thumbprint,
            x5c,
            encrypters: Default::default(),
        })))
    }

    /// `kid`, the name that tokens call it by.
    pub fn kid(&self) -> Option<&str> {
        self.member("kid")
    }

    /// `use`, what it is for.
    pub fn use_(&self) -> Option<Use> {
        self.0.use_
    }

    /// `alg`, the one algorithm it may be used with. Any name: it need not be one of ours.
    pub fn alg(&self) -> Option<&str> {
        self.member("alg")
    }

    /// RFC 7638 thumbprint with SHA-256, as base64url: equal for equal keys, whatever their other members.
    pub fn thumbprint(&self) -> &str {
        &self.0.thumbprint
    }

    /// `x5c`: the certificate of this key and its chain, DER. That the certificate holds this key is for the caller to
    /// check, where certificates are parsed (RFC 7517 4.7).
    pub fn x5c(&self) -> &[Vec<u8>] {
        &self.0.x5c
    }

    /// The JWK, always with its members in the same order.
    pub fn to_json(&self) -> Value {
        Value::Object(self.0.members.clone())
    }

    /// Whether signatures of this algorithm may be verified with this key: type and curve match, and `use`, `key_ops`
    /// and `alg` do not say otherwise (J-18).
    pub fn fits(&self, alg: Alg) -> bool {
        self.0.material.verifier().is_some_and(|verifier| verifier.alg() == alg)
            && matches!(self.0.use_, None | Some(Use::Signature))
            && self.permits(&["verify"])
            && self.alg().is_none_or(|name| Alg::named(name) == Some(alg))
    }

    /// Whether tokens may be encrypted to this key with this algorithm.
    pub fn fits_encryption(&self, alg: KeyManagement) -> bool {
        let kind = self.0.material.kind();
        let (suits, operations): (bool, &[&str]) = match alg {
            KeyManagement::RsaOaep | KeyManagement::RsaOaep256 => {
                (kind == Kind::Rsa, &["wrapKey", "encrypt"])
            }
            KeyManagement::EcdhEs | KeyManagement::EcdhEsA256kw => {
                (matches!(kind, Kind::P256 | Kind::X25519), &["deriveKey", "deriveBits"])
            }
        };
        suits
            && matches!(self.0.use_, None | Some(Use::Encryption))
            && self.permits(operations)
            && self.alg().is_none_or(|name| name == alg.as_str())
    }

    pub(crate) fn material(&self) -> &Material {
        &self.0.material
    }

    pub(crate) fn verifier(&self) -> Option<&Verifier> {
        self.0.material.verifier()
    }

    /// The encrypter for one of the two algorithms of this key's type, made by `build` the first time.
    pub(crate) fn encrypter(
        &self,
        alg: KeyManagement,
        build: impl FnOnce() -> Option<Box<dyn JweEncrypter>>,
    ) -> Option<&dyn JweEncrypter> {
        let [plain, other] = &self.0.encrypters;
        let slot = match alg {
            KeyManagement::RsaOaep | KeyManagement::EcdhEs => plain,
            KeyManagement::RsaOaep256 | KeyManagement::EcdhEsA256kw => other,
        };
        slot.get_or_init(build).as_deref()
    }

    /// The key alone, as josekit reads it: no `use`, `alg` or `key_ops`, which [`Self::fits_encryption`] has judged.
    pub(crate) fn bare(&self) -> Option<Jwk> {
        let names = self.0.material.members().iter();
        let members: Map<String, Value> =
            names.filter_map(|name| Some(((*name).to_owned(), self.0.members.get(*name)?.clone()))).collect();
        Jwk::from_map(members).ok()
    }

    fn member(&self, name: &str) -> Option<&str> {
        self.0.members.get(name).and_then(Value::as_str)
    }

    fn permits(&self, operations: &[&str]) -> bool {
        match self.0.members.get("key_ops") {
            Some(Value::Array(given)) => {
                given.iter().any(|one| one.as_str().is_some_and(|one| operations.contains(&one)))
            }
            _ => true,
        }
    }
}

impl PartialEq for PublicJwk {
    fn eq(&self, other: &Self) -> bool {
        self.0.members == other.0.members
    }
}

impl Eq for PublicJwk {}

impl fmt::Debug for PublicJwk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicJwk({:?}, {})", self.kid().unwrap_or_default(), self.thumbprint())
    }
}

impl Serialize for PublicJwk {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.members.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for PublicJwk {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = serde::de::DeserializeSeed::deserialize(json::Strict::ROOT, deserializer)?;
        PublicJwk::from_json(&value).map_err(serde::de::Error::custom)
    }
}

/// A member that must be a string if it is there.
pub(crate) fn string<'a>(
    map: &'a Map<String, Value>,
    name: &'static str,
) -> Result<Option<&'a str>, JwkError> {
    match map.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(JwkError::BadMember(name)),
    }
}

/// RFC 7517 4.3: strings, none of them twice.
fn check_operations(map: &Map<String, Value>) -> Result<(), JwkError> {
    let operations = match map.get("key_ops") {
        None => return Ok(()),
        Some(Value::Array(operations)) => operations,
        Some(_) => return Err(JwkError::BadMember("key_ops")),
    };
    let names: Option<Vec<&str>> = operations.iter().map(Value::as_str).collect();
    let mut names = names.ok_or(JwkError::BadMember("key_ops"))?;
    names.sort_unstable();
    if names.is_sorted_by(|a, b| a < b) { Ok(()) } else { Err(JwkError::BadMember("key_ops")) }
}

/// RFC 7517 4.7: base64 (not base64url) of DER.
fn certificates(map: &Map<String, Value>) -> Result<Vec<Vec<u8>>, JwkError> {
    let chain = match map.get("x5c") {
        None => return Ok(Vec::new()),
        Some(Value::Array(chain)) if (1..=MAX_CHAIN).contains(&chain.len()) => chain,
        Some(_) => return Err(JwkError::BadMember("x5c")),
    };
    let decoded = chain.iter().map(|one| STANDARD.decode(one.as_str()?).ok().filter(|der| !der.is_empty()));
    decoded.collect::<Option<_>>().ok_or(JwkError::BadMember("x5c"))
}
