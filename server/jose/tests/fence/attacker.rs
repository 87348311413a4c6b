//! What an attacker has: any bytes, in any arrangement. And what an honest party of another make would send.

use fapi_jose::{Alg, JwkSet, SigningKey, b64};
use josekit::jwk::Jwk;
use josekit::jws::{self, JwsSigner};
use serde_json::{Map, Value, json};

/// Claims of an ordinary client assertion.
pub(crate) fn claims() -> Map<String, Value> {
    let claims = json!({
        "iss": "bank", "sub": "bank", "aud": "https://op.example", "jti": "1", "iat": 1_900_000_000, "exp": 1_900_000_060,
    });
    claims.as_object().expect("an object").clone()
}

/// A key without the wait for RSA.
pub(crate) fn es256() -> SigningKey {
    SigningKey::generate(Alg::Es256, 2048).expect("a P-256 key")
}

/// A key for this algorithm, as small as is allowed.
pub(crate) fn signing_key(alg: Alg) -> SigningKey {
    SigningKey::generate(alg, 2048).expect("a key")
}

/// The set that a party with these keys publishes.
pub(crate) fn published(keys: &[&SigningKey]) -> JwkSet {
    JwkSet::from_keys(keys.iter().map(|key| key.public().clone()).collect())
}

/// The private key as josekit reads it, without `alg` and `use`, so that it can be misused.
pub(crate) fn josekit_key(key: &SigningKey) -> Jwk {
    let mut members: Map<String, Value> = serde_json::from_str(&key.to_private_jwk()).expect("a JWK");
    members.retain(|name, _| !["alg", "use", "kid"].contains(&name.as_str()));
    Jwk::from_map(members).expect("a JWK")
}

/// josekit's own signer, made with OpenSSL: an honest party of another make.
pub(crate) fn other_signer(key: &SigningKey) -> Box<dyn JwsSigner> {
    let jwk = josekit_key(key);
    match key.alg() {
        Alg::Ps256 => Box::new(jws::PS256.signer_from_jwk(&jwk).expect("a signer")),
        Alg::Es256 => Box::new(jws::ES256.signer_from_jwk(&jwk).expect("a signer")),
        Alg::EdDsa => Box::new(jws::EdDSA.signer_from_jwk(&jwk).expect("a signer")),
    }
}

/// A correctly signed token with exactly this header and payload, however strange.
pub(crate) fn sign_raw(key: &SigningKey, header: &str, payload: impl AsRef<[u8]>) -> String {
    let message = format!("{}.{}", b64::encode(header), b64::encode(payload));
    let signature = other_signer(key).sign(message.as_bytes()).expect("a signature");
    format!("{message}.{}", b64::encode(signature))
}

/// A token with exactly these parts.
pub(crate) fn forge(header: &str, payload: impl AsRef<[u8]>, signature: impl AsRef<[u8]>) -> String {
    format!("{}.{}.{}", b64::encode(header), b64::encode(payload), b64::encode(signature))
}

/// The decoded part of a compact token.
pub(crate) fn part(token: &str, index: usize) -> Vec<u8> {
    let text = token.split('.').nth(index).expect("that many parts");
    b64::decode(text).expect("base64url")
}

/// The token with one part replaced by other bytes.
pub(crate) fn with_part(token: &str, index: usize, bytes: impl AsRef<[u8]>) -> String {
    let replacement = b64::encode(bytes);
    with_text(token, index, &replacement)
}

/// The token with one part replaced by this text.
pub(crate) fn with_text(token: &str, index: usize, text: &str) -> String {
    let mut parts: Vec<&str> = token.split('.').collect();
    *parts.get_mut(index).expect("that many parts") = text;
    parts.join(".")
}
