//! A JWK Set, its members read one by one: the error says which key is wrong, and how.

use std::fmt;

use serde::de::DeserializeSeed;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value, json};

use super::{JwkError, MAX_KID, PublicJwk, Use};
use crate::json::Strict;
use crate::{Alg, KeyManagement, json};

/// The most keys a set may have (J-18).
pub const MAX_KEYS: usize = 32;

/// A set with 32 keys and their certificate chains is far below this.
const MAX_BYTES: usize = 512 * 1024;

/// The most keys that are tried for a token without a `kid`.
const MAX_TRIES: usize = 8;

/// The public keys of one party (RFC 7517 5).
#[derive(Clone, PartialEq, Eq, Default)]
pub struct JwkSet(Vec<PublicJwk>);

/// Why a document is not a JWK Set we accept. It names the key, never the content of a member.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum JwkSetError {
    /// Not strict JSON.
    #[error(
        "malformed JSON, a member named twice, or nesting beyond 16 levels, at line {line}, column {column}"
    )]
    BadJson {
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
    },
    /// Longer than 512 KiB.
    #[error("a key set must not be longer than 512 KiB")]
    TooLarge,
    /// Not an object with an array `keys`.
    #[error("a key set must be an object with an array \"keys\"")]
    NotASet,
    /// More than [`MAX_KEYS`] keys.
    #[error("{0} keys are too many: a key set may have 32")]
    TooManyKeys(usize),
    /// Two keys of one kind and one use share a `kid`, so it names neither (J-04).
    #[error(
        "keys[{index}]: another key of the same kind has the kid {kid:?}: give each key a kid of its own"
    )]
    DuplicateKid {
        /// Position of the second one.
        index: usize,
        /// What both are called.
        kid: String,
    },
    /// One key is refused.
    #[error("keys[{index}]{}: {error}", Named(.kid.as_deref()))]
    Key {
        /// Its position.
        index: usize,
        /// What it is called, if it says so in a reasonable way.
        kid: Option<String>,
        /// What is wrong.
        error: JwkError,
    },
}

struct Named<'a>(Option<&'a str>);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |kid| write!(f, " (kid {kid:?})"))
    }
}

impl JwkSet {
    /// Reads a key set. Keys of a type or on a curve that we do not know are skipped, as RFC 7517 5 asks; everything
    /// else that is wrong with one key refuses the set, so that nobody is left wondering why a key is not used.
    pub fn parse(bytes: &[u8]) -> Result<JwkSet, JwkSetError> {
        if bytes.len() > MAX_BYTES {
            return Err(JwkSetError::TooLarge);
        }
        let value = json::parse(bytes)
            .map_err(|json::JsonError { line, column }| JwkSetError::BadJson { line, column })?;
        JwkSet::from_json(&value)
    }

    /// Reads a key set from JSON that was parsed already. What [`JwkSet::parse`] would have said about a member named
    /// twice is lost by then.
    pub fn from_json(value: &Value) -> Result<JwkSet, JwkSetError> {
        let members = value.get("keys").and_then(Value::as_array).ok_or(JwkSetError::NotASet)?;
        if members.len() > MAX_KEYS {
            return Err(JwkSetError::TooManyKeys(members.len()));
        }
        let mut keys: Vec<PublicJwk> = Vec::with_capacity(members.len());
        for (index, member) in members.iter().enumerate() {
            let key = match PublicJwk::from_json(member) {
                Ok(key) => key,
                Err(JwkError::UnknownKeyType | JwkError::UnknownCurve) => continue,
                Err(error) => return Err(JwkSetError::Key { index, kid: printable_kid(member), error }),
            };
            if let Some(kid) = key.kid()
                && keys.iter().any(|other| confusable(other, &key))
            {
                return Err(JwkSetError::DuplicateKid { index, kid: kid.to_owned() });
            }
            keys.push(key);
        }
        Ok(JwkSet(keys))
    }

    /// A set of keys that are parsed already. A key given twice is kept once.
    pub fn from_keys(keys: Vec<PublicJwk>) -> JwkSet {
        let mut distinct: Vec<PublicJwk> = Vec::with_capacity(keys.len());
        for key in keys {
            if !distinct.contains(&key) {
                distinct.push(key);
            }
        }
        JwkSet(distinct)
    }

    /// The keys, in their order.
    pub fn keys(&self) -> &[PublicJwk] {
        &self.0
    }

    /// The document to publish: public members only, whatever went in (J-20).
    pub fn to_json(&self) -> Value {
        json!({ "keys": self.0.iter().map(PublicJwk::to_json).collect::<Vec<_>>() })
    }

    /// The key to encrypt to: the first that fits and says `"use": "enc"`, else the first that fits.
    pub fn encryption_key(&self, alg: KeyManagement) -> Option<&PublicJwk> {
        let mut fitting = self.0.iter().filter(|key| key.fits_encryption(alg));
        let first = fitting.clone().next();
        fitting.find(|key| key.use_() == Some(Use::Encryption)).or(first)
    }

    /// The keys that may have signed a token: named by its `kid` if there is one, and fit for its `alg` (KEY-06, KEY-07).
    pub(crate) fn candidates(&self, alg: Alg, kid: Option<&str>) -> impl Iterator<Item = &PublicJwk> {
        let named = move |key: &&PublicJwk| kid.is_none() || key.kid() == kid;
        self.0.iter().filter(named).filter(move |key| key.fits(alg)).take(MAX_TRIES)
    }
}

/// Two keys that one `kid` cannot tell apart, even with `kty`, `crv` and `use` beside it (FAPI 1.0 Part 2 8.9).
fn confusable(one: &PublicJwk, other: &PublicJwk) -> bool {
    one.kid() == other.kid() && one.material().kind() == other.material().kind() && one.use_() == other.use_()
}

fn printable_kid(member: &Value) -> Option<String> {
    member.get("kid").and_then(Value::as_str).filter(|kid| kid.len() <= MAX_KID).map(str::to_owned)
}

impl fmt::Debug for JwkSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.0).finish()
    }
}

impl Serialize for JwkSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Map::from_iter([("keys".to_owned(), self.0.iter().map(PublicJwk::to_json).collect())])
            .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for JwkSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Strict::ROOT.deserialize(deserializer)?;
        JwkSet::from_json(&value).map_err(serde::de::Error::custom)
    }
}
