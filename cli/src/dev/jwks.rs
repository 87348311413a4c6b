//! Which keys does a development client have? One that signs, and one for each way in which it wants to be encrypted to.

use std::fs;
use std::path::Path;

use fapi_crds::{KeyManagement, SigningAlgorithm};
use fapi_jose::{Alg, DecryptionKey, JwkSet, PublicJwk, SigningKey};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::{DevError, Folder};

/// Large enough for every profile.
const RSA_BITS: usize = 2048;

/// Where the private half of a Secret's key is kept.
pub(super) fn private_file(key: &str) -> String {
    format!("{key}.private.json")
}

/// The public JWK Set. Keys that are there are kept; one that is newly needed is added.
pub(super) fn jwks(
    folder: &Folder,
    key: &str,
    signing: SigningAlgorithm,
    encryption: &[KeyManagement],
) -> Result<Zeroizing<Vec<u8>>, DevError> {
    let mut private = kept(folder, key)?;
    let mut changed = false;
    let signing = alg(signing);
    if !private.iter().any(|key| key.signs_with(signing)) {
        private.insert(0, Private::Signing(SigningKey::generate(signing, RSA_BITS)?));
        changed = true;
    }
    for wanted in encryption.iter().filter_map(|wanted| key_management(*wanted)) {
        if !private.iter().any(|key| matches!(key, Private::Decryption(key) if key.alg() == wanted)) {
            private.push(Private::Decryption(DecryptionKey::generate(wanted, RSA_BITS)?));
            changed = true;
        }
    }
    // The one that is wanted now stands first: it is the one that signs.
    let first = private.iter().position(|key| key.signs_with(signing)).unwrap_or(0);
    if first != 0 {
        private.swap(0, first);
        changed = true;
    }
    if changed {
        let keys: Vec<Value> =
            private.iter().filter_map(|key| serde_json::from_str(&key.text()).ok()).collect();
        let text = Zeroizing::new(json!({ "keys": keys }).to_string());
        folder.write(&private_file(key), text.as_bytes())?;
    }
    let public = JwkSet::from_keys(private.iter().map(Private::public).collect());
    Ok(Zeroizing::new(format!("{:#}\n", public.to_json()).into_bytes()))
}

/// The key that signs, of a private set that was made here.
pub(crate) fn signing_key(file: &Path) -> Result<SigningKey, DevError> {
    let failed = |error| DevError::File { path: file.display().to_string(), error };
    let text = Zeroizing::new(fs::read(file).map_err(failed)?);
    let signs = read(&text)?.into_iter().find_map(|key| match key {
        Private::Signing(key) => Some(key),
        Private::Decryption(_) => None,
    });
    signs.ok_or_else(|| DevError::Made(format!("{}: no key that signs", file.display())))
}

enum Private {
    Signing(SigningKey),
    Decryption(DecryptionKey),
}

impl Private {
    fn signs_with(&self, alg: Alg) -> bool {
        matches!(self, Private::Signing(key) if key.alg() == alg)
    }

    fn public(&self) -> PublicJwk {
        match self {
            Private::Signing(key) => key.public().clone(),
            Private::Decryption(key) => key.public().clone(),
        }
    }

    fn text(&self) -> Zeroizing<String> {
        match self {
            Private::Signing(key) => key.to_private_jwk(),
            Private::Decryption(key) => key.to_private_jwk(),
        }
    }
}

fn kept(folder: &Folder, key: &str) -> Result<Vec<Private>, DevError> {
    folder.read(&private_file(key))?.map_or_else(|| Ok(Vec::new()), |text| read(&text))
}

fn read(text: &[u8]) -> Result<Vec<Private>, DevError> {
    let set = fapi_jose::json::parse(text).map_err(|error| DevError::Made(error.to_string()))?;
    let keys = set.get("keys").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let read = keys.iter().map(|key| {
        let text = Zeroizing::new(key.to_string());
        if key.get("use").and_then(Value::as_str) == Some("enc") {
            Ok(Private::Decryption(DecryptionKey::from_jwk(&text)?))
        } else {
            Ok(Private::Signing(SigningKey::from_jwk(&text)?))
        }
    });
    read.collect()
}

const fn alg(algorithm: SigningAlgorithm) -> Alg {
    match algorithm {
        SigningAlgorithm::Ps256 => Alg::Ps256,
        SigningAlgorithm::Es256 => Alg::Es256,
        SigningAlgorithm::EdDsa => Alg::EdDsa,
    }
}

/// `None` for what the server does not do; it will say so.
const fn key_management(algorithm: KeyManagement) -> Option<fapi_jose::KeyManagement> {
    match algorithm {
        KeyManagement::RsaOaep => Some(fapi_jose::KeyManagement::RsaOaep),
        KeyManagement::RsaOaep256 => Some(fapi_jose::KeyManagement::RsaOaep256),
        KeyManagement::EcdhEs => Some(fapi_jose::KeyManagement::EcdhEs),
        KeyManagement::EcdhEsA128Kw => None,
        KeyManagement::EcdhEsA256Kw => Some(fapi_jose::KeyManagement::EcdhEsA256kw),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_stay_when_more_are_wanted() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::open(root.path()).unwrap();
        let make = |signing, encryption: &[KeyManagement]| {
            JwkSet::parse(&jwks(&folder, "jwks.json", signing, encryption).unwrap()).unwrap()
        };
        let first = make(SigningAlgorithm::Es256, &[]);
        assert_eq!(first.keys().len(), 1);
        assert_eq!(make(SigningAlgorithm::Es256, &[]), first);

        let more = make(SigningAlgorithm::EdDsa, &[KeyManagement::EcdhEs]);
        assert_eq!(more.keys().len(), 3);
        assert!(more.keys()[0].fits(Alg::EdDsa), "the one that is wanted signs");
        assert!(more.keys().contains(&first.keys()[0]));
        assert_eq!(make(SigningAlgorithm::Es256, &[]).keys()[0], first.keys()[0]);
    }
}
