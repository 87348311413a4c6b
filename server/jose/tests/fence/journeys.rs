//! What works: every algorithm, from a fresh key to the claims on the other side.

use fapi_jose::{Alg, Content, DecryptionKey, JwkSet, KeyManagement, SigningKey, Unverified, encrypt};

use josekit::jwk::Jwk;
use josekit::jws::{self, JwsVerifier};
use serde_json::Value;

use crate::attacker::{claims, other_signer, part, published, sign_raw, signing_key};

fn josekit_public(key: &SigningKey) -> Jwk {
    let Value::Object(members) = key.public().to_json() else { unreachable!() };
    Jwk::from_map(members).expect("a JWK")
}

#[test]
fn a_signed_token_verifies_with_the_published_key() {
    for alg in Alg::ALL {
        let key = signing_key(*alg);
        let document = published(&[&key]).to_json().to_string();
        let published = JwkSet::parse(document.as_bytes()).unwrap();

        let token = key.sign(Some("at+jwt"), &claims()).unwrap();
        let looked_at = Unverified::parse(&token).unwrap();
        assert_eq!(looked_at.alg(), *alg);
        assert_eq!(looked_at.kid(), Some(key.kid()));
        assert_eq!(looked_at.claimed_subject().as_deref(), Some("bank"));
        assert_eq!(looked_at.claimed_issuer().as_deref(), Some("bank"));

        let verified = looked_at.verify(&published, Alg::ALL).unwrap();
        assert_eq!(verified.claims.as_map(), &claims());
        assert_eq!(verified.typ.as_deref(), Some("at+jwt"));
        assert_eq!(verified.kid.as_deref(), Some(key.kid()));
    }
}

#[test]
fn a_private_key_is_written_and_read_back() {
    for alg in Alg::ALL {
        let key = signing_key(*alg);
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

/// josekit's own signers and verifiers, made with OpenSSL, understand ours.
#[test]
fn another_implementation_agrees_about_signatures() {
    for alg in Alg::ALL {
        let key = signing_key(*alg);
        let payload = serde_json::to_vec(&claims()).unwrap();
        let theirs = sign_raw(&key, &format!(r#"{{"alg":"{alg}"}}"#), &payload);
        let verified = Unverified::parse(&theirs).unwrap().verify(&published(&[&key]), &[*alg]).unwrap();
        assert_eq!(verified.claims.as_map(), &claims());
        assert_eq!(other_signer(&key).algorithm().name(), alg.as_str());

        let ours = key.sign(Some("JWT"), &claims()).unwrap();
        let public = josekit_public(&key);
        let josekit: Box<dyn JwsVerifier> = match alg {
            Alg::Ps256 => Box::new(jws::PS256.verifier_from_jwk(&public).unwrap()),
            Alg::Es256 => Box::new(jws::ES256.verifier_from_jwk(&public).unwrap()),
            Alg::EdDsa => Box::new(jws::EdDSA.verifier_from_jwk(&public).unwrap()),
        };
        let (read, header) = jws::deserialize_compact(&ours, &*josekit).unwrap();
        assert_eq!(read, payload);
        let names: Vec<&String> = header.claims_set().keys().collect();
        assert_eq!(names, ["alg", "kid", "typ"]);
    }
}

/// RFC 9449 4.2
#[test]
fn a_proof_brings_its_own_key() {
    for alg in Alg::ALL {
        let key = signing_key(*alg);
        let proof = key.sign_dpop(&claims()).unwrap();
        let (proof, embedded) = Unverified::parse_dpop(&proof).unwrap();
        assert_eq!(embedded.thumbprint(), key.kid());
        assert_eq!((proof.kid(), proof.typ()), (None, Some("dpop+jwt")));
        proof.verify_with(&embedded, Alg::ALL).unwrap();
    }
}

#[test]
fn the_times_we_write_are_whole_numbers() {
    let token = signing_key(Alg::Es256).sign(None, &claims()).unwrap();
    let payload = String::from_utf8(part(&token, 1)).unwrap();
    assert!(payload.contains(r#""exp":1900000060"#), "{payload}");
}
