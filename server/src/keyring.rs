//! With which key is this signed? Private keys, parsed once and proven to work.

use std::fmt;

use fapi_config::{ConfigError, KeyState, Loaded};
use fapi_core::registry::HeldKey;
use fapi_jose::{Alg, Content, DecryptionKey, JoseError, JwkSet, SigningKey, Unverified};
use serde_json::{Map, Value, json};

/// The private keys of one configuration.
#[derive(Clone, Default)]
pub struct Keyring {
    signing: Vec<Held>,
    /// Names of keys that open what was encrypted to them.
    opening: Vec<String>,
}

#[derive(Clone)]
struct Held {
    key: SigningKey,
    active: bool,
    works: bool,
}

/// A key of a configuration cannot be used.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum UnusableKey {
    /// It is active, so everything would fail that it signs or that was encrypted to it.
    #[error("keys.json: key {0} is active, and its two halves do not work together")]
    Broken(String),
    /// It cannot be read, or is not what `workspace.json` says.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

/// Why nothing was signed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SigningError {
    /// No key of this algorithm is active.
    #[error("no active {0} key is loaded")]
    NoActiveKey(Alg),
    /// The cryptographic library refused.
    #[error(transparent)]
    Failed(#[from] JoseError),
}

impl Keyring {
    /// The keys of a revision, each of which has signed something that was verified (F-F06). RSA takes milliseconds: not
    /// for a thread that serves requests.
    ///
    /// # Errors
    /// A key that cannot be read, or an active one that does not work. One that is only published and does not work is
    /// missing in [`Keyring::signable`], and will not be activated.
    pub fn load(loaded: &Loaded, decryption: &[HeldKey]) -> Result<Self, UnusableKey> {
        let signers = loaded.signers()?;
        let mut keyring = Self::new(signers.into_iter().map(|one| (one.key, one.state == KeyState::Active)));
        if let Some(broken) = keyring.signing.iter().find(|held| held.active && !held.works) {
            return Err(UnusableKey::Broken(broken.key.kid().to_owned()));
        }
        for held in decryption {
            if opens(&held.key) {
                keyring.opening.push(held.key.kid().to_owned());
            } else if held.active {
                return Err(UnusableKey::Broken(held.key.kid().to_owned()));
            }
        }
        Ok(keyring)
    }

    /// Keys, and whether each is active.
    fn new(keys: impl IntoIterator<Item = (SigningKey, bool)>) -> Self {
        let held = keys.into_iter().map(|(key, active)| Held { works: works(&key), key, active });
        Self { signing: held.collect(), opening: Vec::new() }
    }

    /// Signs claims with the active key of `alg`; where several are active, with the first.
    pub fn sign(
        &self,
        alg: Alg,
        typ: Option<&str>,
        claims: &Map<String, Value>,
    ) -> Result<String, SigningError> {
        let active = self.signing.iter().find(|held| held.active && held.key.alg() == alg);
        let held = active.ok_or(SigningError::NoActiveKey(alg))?;
        Ok(held.key.sign(typ, claims)?)
    }

    /// Whether anything can be signed at all.
    pub fn can_sign(&self) -> bool {
        self.signing.iter().any(|held| held.active && held.works)
    }

    /// The keys that have been tried and work, active or not: those that sign, and those that open.
    pub fn signable(&self) -> impl Iterator<Item = &str> {
        let signing = self.signing.iter().filter(|held| held.works).map(|held| held.key.kid());
        signing.chain(self.opening.iter().map(String::as_str))
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let signing = self.signing.iter().map(|held| held.key.kid());
        f.debug_list().entries(signing.chain(self.opening.iter().map(String::as_str))).finish()
    }
}

/// Whether what the private half signs is verified by the public half that stands in the JWKS.
fn works(key: &SigningKey) -> bool {
    let claims = match json!({ "iss": "self-test" }) {
        Value::Object(claims) => claims,
        _ => Map::new(),
    };
    let keys = JwkSet::from_keys(vec![key.public().clone()]);
    let signed = key.sign(Some("JWT"), &claims);
    let verified = signed.and_then(|jws| Unverified::parse(&jws)?.verify(&keys, &[key.alg()]));
    verified.is_ok()
}

/// Whether what is encrypted to the public half is opened by the private one.
fn opens(key: &DecryptionKey) -> bool {
    let sealed = fapi_jose::encrypt(b"self-test", None, key.public(), key.alg(), Content::A256Gcm);
    sealed.is_ok_and(|jwe| key.decrypt(&jwe, Content::ALL).is_ok_and(|opened| opened == b"self-test"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(alg: Alg) -> SigningKey {
        SigningKey::generate(alg, 2048).unwrap()
    }

    #[test]
    fn only_an_active_key_signs() {
        let (next, now, other) = (key(Alg::Es256), key(Alg::Es256), key(Alg::EdDsa));
        let keyring = Keyring::new([(next.clone(), false), (now.clone(), true), (other, false)]);

        let signed = keyring.sign(Alg::Es256, Some("JWT"), &Map::new()).unwrap();
        assert_eq!(Unverified::parse(&signed).unwrap().kid(), Some(now.kid()), "KEY-02");
        let refused = keyring.sign(Alg::EdDsa, None, &Map::new()).unwrap_err();
        assert_eq!(refused, SigningError::NoActiveKey(Alg::EdDsa));
        assert!(keyring.can_sign());
    }

    #[test]
    fn a_published_key_is_tested_before_it_is_needed() {
        let (next, now) = (key(Alg::Ps256), key(Alg::Es256));
        let keyring = Keyring::new([(next.clone(), false), (now.clone(), true)]);
        assert_eq!(keyring.signable().collect::<Vec<_>>(), [next.kid(), now.kid()], "F-F06");
    }

    #[test]
    fn a_server_without_an_active_key_cannot_sign() {
        assert!(!Keyring::default().can_sign());
        assert!(!Keyring::new([(key(Alg::Es256), false)]).can_sign());
    }

    #[test]
    fn a_keyring_prints_names_only() {
        let key = key(Alg::Es256);
        let printed = format!("{:?}", Keyring::new([(key.clone(), true)]));
        assert!(printed.contains(key.kid()) && !printed.contains("\"d\""));
    }
}
