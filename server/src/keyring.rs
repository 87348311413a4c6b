//! With which key is this signed? Private keys, parsed once and proven to work.

use std::fmt;

use fapi_config::{ConfigError, KeyState, Loaded};
use fapi_jose::{Alg, JoseError, JwkSet, SigningKey, Unverified};
use serde_json::{Map, Value, json};

/// The private keys of one configuration.
#[derive(Clone, Default)]
pub struct Keyring(Vec<Held>);

#[derive(Clone)]
struct Held {
    key: SigningKey,
    active: bool,
    works: bool,
}

/// A key of a configuration cannot be used.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum UnusableKey {
    /// It is active, so every token would fail.
    #[error("keys.json: key {0} is active, and what it signs cannot be verified")]
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
    pub fn load(loaded: &Loaded) -> Result<Self, UnusableKey> {
        let signers = loaded.signers()?;
        let keyring = Self::new(signers.into_iter().map(|one| (one.key, one.state == KeyState::Active)));
        match keyring.0.iter().find(|held| held.active && !held.works) {
            Some(broken) => Err(UnusableKey::Broken(broken.key.kid().to_owned())),
            None => Ok(keyring),
        }
    }

    /// Keys, and whether each is active.
    fn new(keys: impl IntoIterator<Item = (SigningKey, bool)>) -> Self {
        let held = keys.into_iter().map(|(key, active)| Held { works: works(&key), key, active });
        Self(held.collect())
    }

    /// Signs claims with the active key of `alg`; where several are active, with the first.
    pub fn sign(
        &self,
        alg: Alg,
        typ: Option<&str>,
        claims: &Map<String, Value>,
    ) -> Result<String, SigningError> {
        let active = self.0.iter().find(|held| held.active && held.key.alg() == alg);
        let held = active.ok_or(SigningError::NoActiveKey(alg))?;
        Ok(held.key.sign(typ, claims)?)
    }

    /// Whether anything can be signed at all.
    pub fn can_sign(&self) -> bool {
        self.0.iter().any(|held| held.active && held.works)
    }

    /// The keys that have been tried and work, active or not.
    pub fn signable(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter(|held| held.works).map(|held| held.key.kid())
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|held| held.key.kid())).finish()
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
