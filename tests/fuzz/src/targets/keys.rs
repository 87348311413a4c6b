//! Keys: what is accepted is a key to another library too, is public, and reads itself back.

use fapi_jose::{Alg, JwkSet, MAX_KEYS, PublicJwk, SigningKey, Unverified, b64, json, sha256};
use josekit::jwk::Jwk;
use josekit::jwk::alg::ec::EcKeyPair;
use josekit::jws::{self, JwsVerifier};
use serde_json::{Map, Value};

use crate::actors::Signer;
use crate::token::josekit_key;

const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// One public key.
pub(super) fn jwk(input: &[u8]) -> bool {
    let Ok(value) = json::parse(input) else {
        assert!(serde_json::from_slice::<PublicJwk>(input).is_err(), "J-07: strict by either way");
        return false;
    };
    let parsed = PublicJwk::from_json(&value);
    assert_eq!(
        serde_json::from_slice::<PublicJwk>(input).ok(),
        parsed.clone().ok(),
        "either way says the same"
    );
    let Ok(key) = parsed else { return false };
    holds(&value, &key);
    true
}

fn holds(given: &Value, key: &PublicJwk) {
    assert!(PRIVATE.iter().all(|name| given.get(name).is_none()), "J-18: a private key is refused");
    let printed = key.to_json();
    assert_eq!(PublicJwk::from_json(&printed).as_ref(), Ok(key), "it reads itself back");
    assert!(PRIVATE.iter().all(|name| printed.get(name).is_none()), "J-20");
    assert!(key.kid().is_none_or(|kid| (1..=128).contains(&kid.len())), "J-04");

    // RFC 7638 3.2: the required members, in lexicographic order, without white space.
    let names: &[&str] = match printed["kty"].as_str() {
        Some("RSA") => &["e", "kty", "n"],
        Some("EC") => &["crv", "kty", "x", "y"],
        Some("OKP") => &["crv", "kty", "x"],
        other => panic!("{other:?} is no kind of ours"),
    };
    let members: Vec<String> = names.iter().map(|name| format!("\"{name}\":{}", printed[*name])).collect();
    assert_eq!(key.thumbprint(), b64::encode(sha256(format!("{{{}}}", members.join(",")))), "RFC 7638");

    let bare: Map<String, Value> =
        names.iter().map(|name| ((*name).to_owned(), printed[*name].clone())).collect();
    let jwk = Jwk::from_map(bare).expect("a JWK to josekit");
    let verifier: Option<Box<dyn JwsVerifier>> = match (printed["kty"].as_str(), printed["crv"].as_str()) {
        (Some("RSA"), _) => Some(Box::new(jws::PS256.verifier_from_jwk(&jwk).expect("RSA to OpenSSL"))),
        (_, Some("P-256")) => Some(Box::new(jws::ES256.verifier_from_jwk(&jwk).expect("J-15: on the curve"))),
        (_, Some("P-384")) => Some(Box::new(jws::ES384.verifier_from_jwk(&jwk).expect("J-15: on the curve"))),
        (_, Some("P-521")) => Some(Box::new(jws::ES512.verifier_from_jwk(&jwk).expect("J-15: on the curve"))),
        (_, Some("Ed25519")) => {
            Some(Box::new(jws::EdDSA.verifier_from_jwk(&jwk).expect("Ed25519 to OpenSSL")))
        }
        _ => None,
    };
    let fits = Alg::ALL.iter().filter(|alg| key.fits(**alg)).count();
    assert!(fits <= 1, "one key, one algorithm");
    assert!(fits == 0 || verifier.is_some());
    if printed["kty"] == "RSA" {
        let modulus = b64::decode(printed["n"].as_str().expect("text")).expect("bytes");
        assert!((256..=1024).contains(&modulus.len()) && modulus[0] != 0, "J-17");
    }
}

/// A set of keys.
pub(super) fn jwk_set(input: &[u8]) -> bool {
    let parsed = JwkSet::parse(input);
    assert_eq!(serde_json::from_slice::<JwkSet>(input).is_ok(), parsed.is_ok(), "either way says the same");
    let Ok(set) = parsed else { return false };
    assert!(set.keys().len() <= MAX_KEYS, "J-18");
    let text = serde_json::to_vec(&set).expect("JSON");
    assert_eq!(JwkSet::parse(&text).as_ref(), Ok(&set), "it reads itself back");
    let given = json::parse(input).expect("strict JSON");
    for member in given["keys"].as_array().expect("a list") {
        assert!(PRIVATE.iter().all(|name| member.get(name).is_none()), "J-18: a private key is refused");
    }
    for key in set.keys() {
        holds(&key.to_json(), key);
        let alike = set.keys().iter().filter(|other| {
            let (one, other) = (key.to_json(), other.to_json());
            ["kid", "kty", "crv", "use"].iter().all(|name| one.get(name) == other.get(name))
        });
        assert!(key.kid().is_none() || alike.count() == 1, "J-04: one kid names one key");
    }
    true
}

/// A private key as a Secret or an import holds it: line 1 says whose and how it is written, line 2 where something else is written over
/// it, the rest what.
pub(super) fn private_key(input: &[u8]) -> bool {
    let mut lines = input.splitn(3, |byte| *byte == b'\n');
    let (Some(which), Some(offset), Some(over)) = (lines.next(), lines.next(), lines.next()) else {
        return false;
    };
    let Ok(which) = std::str::from_utf8(which) else { return false };
    let (who, how) = which.split_once(' ').unwrap_or((which, "jwk"));
    let signer = if who == "app-ed" { Signer::AppEd } else { Signer::App };
    let offset = std::str::from_utf8(offset).ok().and_then(|text| text.parse::<usize>().ok()).unwrap_or(0);
    let read = match how {
        "der" | "pem" => {
            let mut der = EcKeyPair::from_jwk(&josekit_key(Signer::App)).expect("a key").to_der_private_key();
            write_over(&mut der, offset, over);
            SigningKey::from_pkcs8_der(Alg::Es256, &der)
        }
        "raw" => SigningKey::from_pkcs8_pem(Alg::Es256, over),
        _ => {
            let mut text = signer.key().to_private_jwk().as_bytes().to_vec();
            write_over(&mut text, offset, over);
            let Ok(text) = String::from_utf8(text) else { return false };
            SigningKey::from_jwk(&text)
        }
    };
    match read {
        Err(error) => {
            assert!(error.to_string().len() < 200, "K-10: nothing of it is repeated");
            false
        }
        Ok(key) => {
            let token = key.sign(None, &Map::new()).expect("J-19: both halves belong together");
            let unverified = Unverified::parse(&token).expect("our own token");
            unverified.verify_with(key.public(), &[key.alg()]).expect("J-19: both halves belong together");
            assert_eq!(
                SigningKey::from_jwk(&key.to_private_jwk()).expect("it reads itself back").kid(),
                key.kid()
            );
            true
        }
    }
}

fn write_over(bytes: &mut Vec<u8>, offset: usize, over: &[u8]) {
    let start = offset.min(bytes.len());
    let end = (start + over.len()).min(bytes.len());
    bytes.splice(start..end, over.iter().copied());
}
