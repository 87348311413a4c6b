//! With which key is this signed, and with which was it encrypted to us? Private keys, parsed once and proven to work.

use std::fmt;

use fapi_config::{ConfigError, KeyAlgorithm, KeyState, Loaded};
use fapi_jose::{Alg, Content, DecryptionKey, JoseError, JwkSet, KeyError, SigningKey, Unverified, encrypt};
use serde_json::{Map, Value, json};

/// The private keys of one configuration.
#[derive(Clone, Default)]
pub struct Keyring {
    signing: Vec<Held>,
    decrypting: Vec<DecryptionKey>,
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
    /// It is active, so everything that needs it would fail.
    #[error("keys.json: key {0} is active, and what it does is not undone by its public half")]
    Broken(String),
    /// It cannot be read, or is not what `workspace.json` says.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// It cannot be read.
    #[error("keys.json: key {kid}: {why}")]
    Unreadable {
        /// Its name.
        kid: String,
        /// Why; nothing of the key is repeated.
        why: KeyError,
    },
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
    /// The keys of a revision, each of which has done and undone something (F-F06). RSA takes milliseconds: not for a
    /// thread that serves requests.
    ///
    /// # Errors
    /// A key that cannot be read, or an active one that does not work. One that is only published and does not work is
    /// missing in [`Keyring::signable`], and will not be activated.
    pub fn load(loaded: &Loaded) -> Result<Self, UnusableKey> {
        let signers = loaded.signers()?;
        let mut keyring =
            Self::signing(signers.into_iter().map(|one| (one.key, one.state == KeyState::Active)));
        if let Some(broken) = keyring.signing.iter().find(|held| held.active && !held.works) {
            return Err(UnusableKey::Broken(broken.key.kid().to_owned()));
        }
        for public in &loaded.document.keys {
            let private = loaded.secrets.keys.iter().find(|private| private.kid == public.kid);
            let (KeyAlgorithm::Encryption(_), Some(private)) = (public.alg, private) else { continue };
            let key = DecryptionKey::from_jwk(private.expose_jwk())
                .map_err(|why| UnusableKey::Unreadable { kid: public.kid.clone(), why })?;
            let works = key.kid() == public.kid && decrypts(&key);
            if works {
                keyring.decrypting.push(key);
            } else if public.state == KeyState::Active {
                return Err(UnusableKey::Broken(public.kid.clone()));
            }
        }
        Ok(keyring)
    }

    /// Keys that sign, and whether each is active.
    fn signing(keys: impl IntoIterator<Item = (SigningKey, bool)>) -> Self {
        let held = keys.into_iter().map(|(key, active)| Held { works: signs(&key), key, active });
        Self { signing: held.collect(), decrypting: Vec::new() }
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

    /// What others have encrypted to us. Which key did not fit, and why, nobody learns.
    ///
    /// # Errors
    /// Always [`JoseError::CannotDecrypt`].
    pub fn decrypt(&self, compact: &str, allowed: &[Content]) -> Result<Vec<u8>, JoseError> {
        let mut tried = self.decrypting.iter().map(|key| key.decrypt(compact, allowed));
        tried.find_map(Result::ok).ok_or(JoseError::CannotDecrypt)
    }

    /// Whether anything can be signed at all.
    pub fn can_sign(&self) -> bool {
        self.signing.iter().any(|held| held.active && held.works)
    }

    /// The keys that have been tried and work, active or not.
    pub fn signable(&self) -> impl Iterator<Item = &str> {
        let signing = self.signing.iter().filter(|held| held.works).map(|held| held.key.kid());
        signing.chain(self.decrypting.iter().map(DecryptionKey::kid))
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let signing = self.signing.iter().map(|held| held.key.kid());
        f.debug_list().entries(signing.chain(self.decrypting.iter().map(DecryptionKey::kid))).finish()
    }
}

/// Whether what the private half signs is verified by the public half that stands in the JWKS.
fn signs(key: &SigningKey) -> bool {
    let claims = match json!({ "iss": "self-test" }) {
        Value::Object(claims) => claims,
        _ => Map::new(),
    };
    let keys = JwkSet::from_keys(vec![key.public().clone()]);
    let signed = key.sign(Some("JWT"), &claims);
    let verified = signed.and_then(|jws| Unverified::parse(&jws)?.verify(&keys, &[key.alg()]));
    verified.is_ok()
}

/// Whether the private half reads what was encrypted to the public half that stands in the JWKS.
fn decrypts(key: &DecryptionKey) -> bool {
    let sealed = encrypt(b"self-test", None, key.public(), key.alg(), Content::A256Gcm);
    sealed.and_then(|jwe| key.decrypt(&jwe, &[Content::A256Gcm])).is_ok_and(|text| text == b"self-test")
}

#[cfg(test)]
mod tests {
    use fapi_jose::KeyManagement;

    use super::*;

    fn key(alg: Alg) -> SigningKey {
        SigningKey::generate(alg, 2048).unwrap()
    }

    #[test]
    fn only_an_active_key_signs() {
        let (next, now, other) = (key(Alg::Es256), key(Alg::Es256), key(Alg::EdDsa));
        let keyring = Keyring::signing([(next.clone(), false), (now.clone(), true), (other, false)]);

        let signed = keyring.sign(Alg::Es256, Some("JWT"), &Map::new()).unwrap();
        assert_eq!(Unverified::parse(&signed).unwrap().kid(), Some(now.kid()), "KEY-02");
        let refused = keyring.sign(Alg::EdDsa, None, &Map::new()).unwrap_err();
        assert_eq!(refused, SigningError::NoActiveKey(Alg::EdDsa));
        assert!(keyring.can_sign());
    }

    #[test]
    fn a_published_key_is_tested_before_it_is_needed() {
        let (next, now) = (key(Alg::Ps256), key(Alg::Es256));
        let keyring = Keyring::signing([(next.clone(), false), (now.clone(), true)]);
        assert_eq!(keyring.signable().collect::<Vec<_>>(), [next.kid(), now.kid()], "F-F06");
    }

    #[test]
    fn a_server_without_an_active_key_cannot_sign() {
        assert!(!Keyring::default().can_sign());
        assert!(!Keyring::signing([(key(Alg::Es256), false)]).can_sign());
    }

    #[test]
    fn what_is_encrypted_to_any_of_our_keys_is_read() {
        let (one, two, foreign) = (
            DecryptionKey::generate(KeyManagement::RsaOaep, 2048).unwrap(),
            DecryptionKey::generate(KeyManagement::EcdhEs, 2048).unwrap(),
            DecryptionKey::generate(KeyManagement::EcdhEs, 2048).unwrap(),
        );
        let sealed =
            |key: &DecryptionKey| encrypt(b"x", None, key.public(), key.alg(), Content::A256Gcm).unwrap();
        let keyring = Keyring { decrypting: vec![one.clone(), two.clone()], ..Keyring::default() };
        assert!(decrypts(&one) && decrypts(&two));
        assert_eq!(keyring.decrypt(&sealed(&one), &[Content::A256Gcm]).unwrap(), b"x");
        assert_eq!(keyring.decrypt(&sealed(&two), &[Content::A256Gcm]).unwrap(), b"x");
        assert!(keyring.decrypt(&sealed(&foreign), &[Content::A256Gcm]).is_err());
        assert!(keyring.decrypt(&sealed(&one), &[Content::A128Gcm]).is_err());
    }

    #[test]
    fn a_keyring_prints_names_only() {
        let key = key(Alg::Es256);
        let printed = format!("{:?}", Keyring::signing([(key.clone(), true)]));
        assert!(printed.contains(key.kid()) && !printed.contains("\"d\""));
    }
}
