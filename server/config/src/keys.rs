//! With which keys? Public facts for `workspace.json`, private halves for `keys.json`.

use std::fmt;
use std::str::FromStr as _;

use fapi_core::Lifetime;
use fapi_jose::{Alg, KeyManagement, PublicJwk, b64};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use zeroize::{Zeroize as _, Zeroizing};

use crate::error::ConfigError;
use crate::{canonical, file};

/// Where a published key is in its life (DESIGN §6, Rotation). Keys in other states are in no document.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum KeyState {
    /// In the JWKS; held, and not used to sign. A key that others encrypt to is held, and not in the JWKS yet.
    Published,
    /// In the JWKS; signs, or others are told to encrypt to it.
    Active,
    /// In the JWKS while tokens signed with it live. A key that others encrypt to is out of the JWKS, and held for those who saw
    /// it there.
    Retiring,
}

/// What a key of ours is for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
pub enum KeyAlgorithm {
    /// `use: sig`.
    Signature(Alg),
    /// `use: enc`: others encrypt to us.
    Encryption(KeyManagement),
}

impl KeyAlgorithm {
    /// The registered name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Signature(alg) => alg.as_str(),
            Self::Encryption(alg) => alg.as_str(),
        }
    }
}

impl From<KeyAlgorithm> for &'static str {
    fn from(alg: KeyAlgorithm) -> Self {
        alg.as_str()
    }
}

impl TryFrom<String> for KeyAlgorithm {
    type Error = &'static str;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        let signature = Alg::from_str(&name).map(Self::Signature);
        signature
            .or_else(|_| KeyManagement::from_str(&name).map(Self::Encryption))
            .map_err(|_| "unknown algorithm")
    }
}

/// The public half of one of the server's keys.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PublicKey {
    /// Its RFC 7638 thumbprint.
    pub kid: String,
    /// What it is for.
    pub alg: KeyAlgorithm,
    /// Where it is in its life.
    pub state: KeyState,
    /// As it stands in the JWKS.
    pub jwk: PublicJwk,
}

/// The content of `keys.json`. `Debug` shows no key.
#[derive(Clone, Debug)]
pub struct Secrets {
    /// Private halves. A retiring key has none here once every pod has stopped signing with it.
    pub keys: Vec<PrivateKey>,
    /// Keys that seal cookies and tokens of our own (CSRF, `DPoP` nonces). The first seals, all open.
    pub seal: Vec<SealKey>,
    /// The salt of pairwise subjects. Never changes.
    pub subject_salt: SubjectSalt,
}

/// A private key as it travels.
#[derive(Clone)]
pub struct PrivateKey {
    /// The thumbprint of its public half.
    pub kid: String,
    /// Where it is in its life.
    pub state: KeyState,
    jwk: Zeroizing<String>,
}

impl PrivateKey {
    /// From the text of a private JWK. That it is the key that `kid` names is checked when a registry is made of it.
    pub fn new(kid: &str, state: KeyState, jwk: &str) -> Result<Self, ConfigError> {
        let wrong = || ConfigError::at(file::KEYS, "keys", "a private key is not a JSON object");
        let mut value = fapi_jose::json::parse(jwk.as_bytes()).map_err(|_| wrong())?;
        let text = canonical_text(&value);
        wipe(&mut value);
        Ok(Self { kid: kid.to_owned(), state, jwk: text.ok_or_else(wrong)? })
    }

    /// The private JWK, for the one place that signs.
    pub fn expose_jwk(&self) -> &str {
        &self.jwk
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey({}, {:?}, …)", self.kid, self.state)
    }
}

/// 32 secret bytes. `Debug` prints `…`; wiped when dropped.
#[derive(Clone)]
pub struct SecretKey32(Zeroizing<[u8; 32]>);

impl SecretKey32 {
    /// From random bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// From base64url, as it is kept in a Secret.
    pub fn from_base64url(text: &str) -> Option<Self> {
        let bytes = Zeroizing::new(b64::decode(text)?);
        let mut key = Zeroizing::new([0; 32]);
        if bytes.len() != key.len() {
            return None;
        }
        key.copy_from_slice(&bytes);
        Some(Self(key))
    }

    /// The bytes.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// As it is kept in a Secret.
    pub fn to_base64url(&self) -> Zeroizing<String> {
        Zeroizing::new(b64::encode(self.0.as_slice()))
    }
}

impl<'de> Deserialize<'de> for SecretKey32 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        Self::from_base64url(&text).ok_or_else(|| serde::de::Error::custom("not 32 bytes in base64url"))
    }
}

impl fmt::Debug for SecretKey32 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// The salt of pairwise subject identifiers (OpenID Connect Core 8.1).
pub type SubjectSalt = SecretKey32;

/// The longest that anything sealed is presented again: what a browser keeps in which somebody has signed in. A key that sealed is
/// kept for as long.
pub const LONGEST_SEALED: Lifetime = Lifetime::days(180);

/// A key that seals values which only this server opens again.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealKey {
    /// Its name, by which pods say that they have it.
    pub id: String,
    /// The key.
    pub key: SecretKey32,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RawSecrets {
    keys: Vec<RawPrivateKey>,
    seal: Vec<SealKey>,
    subject_salt: SubjectSalt,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPrivateKey {
    kid: String,
    state: KeyState,
    jwk: Value,
}

impl Secrets {
    /// Its bytes: canonical, and wiped when dropped.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        // Put together by hand: going through `serde_json::Value` would leave copies of the keys in freed memory.
        let mut out = Zeroizing::new(Vec::with_capacity(4096));
        out.extend_from_slice(b"{\"keys\":[");
        for (index, key) in self.keys.iter().enumerate() {
            out.extend_from_slice(if index == 0 { b"{\"jwk\":" } else { b",{\"jwk\":" });
            out.extend_from_slice(key.jwk.as_bytes());
            member(&mut out, "kid", &Value::from(key.kid.as_str()));
            member(&mut out, "state", &serde_json::to_value(key.state).unwrap_or_default());
            out.push(b'}');
        }
        out.extend_from_slice(b"],\"seal\":[");
        for (index, key) in self.seal.iter().enumerate() {
            out.extend_from_slice(if index == 0 { b"{\"id\":" } else { b",{\"id\":" });
            text(&mut out, &Value::from(key.id.as_str()));
            out.extend_from_slice(b",\"key\":\"");
            out.extend_from_slice(key.key.to_base64url().as_bytes());
            out.extend_from_slice(b"\"}");
        }
        out.extend_from_slice(b"],\"subjectSalt\":\"");
        out.extend_from_slice(self.subject_salt.to_base64url().as_bytes());
        out.extend_from_slice(b"\"}");
        out
    }

    /// Reads `keys.json`. What it says about a mistake never repeats content.
    pub fn parse(bytes: &[u8]) -> Result<Self, ConfigError> {
        let raw: RawSecrets = serde_json::from_slice(bytes).map_err(|error| {
            let message = "is not what format 1 says a key file is";
            ConfigError::position(file::KEYS, error.line(), error.column(), message)
        })?;
        let mut keys = Vec::with_capacity(raw.keys.len());
        for (index, mut key) in raw.keys.into_iter().enumerate() {
            let jwk = canonical_text(&key.jwk);
            wipe(&mut key.jwk);
            let jwk = jwk.ok_or_else(|| {
                ConfigError::at(file::KEYS, format!("keys[{index}].jwk"), "is not a JSON object of strings")
            })?;
            keys.push(PrivateKey { kid: key.kid, state: key.state, jwk });
        }
        Ok(Self { keys, seal: raw.seal, subject_salt: raw.subject_salt })
    }
}

fn member(out: &mut Vec<u8>, name: &str, value: &Value) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
    text(out, value);
}

fn text(out: &mut Vec<u8>, value: &Value) {
    canonical::write(value, out).expect("a string has a canonical text");
}

fn canonical_text(value: &Value) -> Option<Zeroizing<String>> {
    let mut out = Zeroizing::new(Vec::with_capacity(4096));
    value.as_object()?;
    canonical::write(value, &mut out).ok()?;
    std::str::from_utf8(&out).ok().map(|text| Zeroizing::new(text.to_owned()))
}

/// Overwrites every string in a value.
fn wipe(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(items) => items.iter_mut().for_each(wipe),
        Value::Object(members) => members.iter_mut().for_each(|(_, value)| wipe(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
