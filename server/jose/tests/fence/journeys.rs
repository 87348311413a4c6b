//! What works: every algorithm, from a fresh key to the claims on the other side.

use fapi_jose::{Alg, Content, DecryptionKey, JwkSet, KeyManagement, SigningKey, Unverified, encrypt};
use serde_json::{Map, Value, json};

fn claims() -> Map<String, Value> {
    json!({ "iss": "https://op.example", "sub": "alice", "aud": ["bank"], "exp": 1_900_000_000 })
        .as_object()
        .unwrap()
        .clone()
}

#[test]
fn a_signed_token_verifies_with_the_published_key() {
    for alg in Alg::ALL {
        let key = SigningKey::generate(*alg, 2048).unwrap();
        let published =
            JwkSet::parse(JwkSet::from_keys(vec![key.public().clone()]).to_json().to_string().as_bytes())
                .unwrap();

        let token = key.sign(Some("at+jwt"), &claims()).unwrap();
        let looked_at = Unverified::parse(&token).unwrap();
        assert_eq!(looked_at.alg(), *alg);
        assert_eq!(looked_at.kid(), Some(key.kid()));
        assert_eq!(looked_at.claimed_subject().as_deref(), Some("alice"));
        assert_eq!(looked_at.claimed_issuer().as_deref(), Some("https://op.example"));

        let verified = looked_at.verify(&published, Alg::ALL).unwrap();
        assert_eq!(verified.claims.as_map(), &claims());
        assert_eq!(verified.typ.as_deref(), Some("at+jwt"));
        assert_eq!(verified.kid.as_deref(), Some(key.kid()));
    }
}

#[test]
fn a_private_key_is_written_and_read_back() {
    for alg in Alg::ALL {
        let key = SigningKey::generate(*alg, 2048).unwrap();
        let again = SigningKey::from_jwk(&key.to_private_jwk()).unwrap();
        assert_eq!(again.public(), key.public());
        let token = again.sign(None, &claims()).unwrap();
        Unverified::parse(&token).unwrap().verify_with(key.public(), &[*alg]).unwrap();
    }
}

#[test]
fn an_encrypted_token_is_read_by_its_recipient() {
    for alg in KeyManagement::ALL {
        let key = DecryptionKey::generate(*alg, 2048).unwrap();
        let key = DecryptionKey::from_jwk(&key.to_private_jwk()).unwrap();
        for enc in Content::ALL {
            for payload in [&b"a nested token"[..], b""] {
                let token = encrypt(payload, Some("JWT"), key.public(), *alg, *enc).unwrap();
                assert_eq!(key.decrypt(&token, Content::ALL).unwrap(), payload);
            }
        }
    }
}
