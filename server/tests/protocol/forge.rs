//! What an attacker, or an old library, would sign.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use fapi_jose::{SigningKey, b64};
use serde_json::{Value, json};

fn parts(header: &Value, claims: &Value) -> String {
    format!("{}.{}", b64::encode(header.to_string()), b64::encode(claims.to_string()))
}

/// `alg: none` in some spelling, without a signature.
pub(crate) fn unsigned(alg: &str, claims: &Value) -> String {
    format!("{}.", parts(&json!({"alg": alg}), claims))
}

/// Signed with RS256, and with the right key.
pub(crate) fn rs256(key: &SigningKey, claims: &Value) -> String {
    let signed = parts(&json!({"alg": "RS256", "kid": key.kid()}), claims);
    let key = RsaKeyPair::from_der(&pkcs1(key)).unwrap();
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature).unwrap();
    format!("{signed}.{}", b64::encode(signature))
}

/// The same JWT, with one bit of its signature turned.
pub(crate) fn broken(jwt: &str) -> String {
    let (signed, signature) = jwt.rsplit_once('.').unwrap();
    let mut signature = b64::decode(signature).unwrap();
    signature[10] ^= 1;
    format!("{signed}.{}", b64::encode(signature))
}

/// RFC 8017 A.1.2.
fn pkcs1(key: &SigningKey) -> Vec<u8> {
    let jwk: Value = serde_json::from_str(&key.to_private_jwk()).unwrap();
    let mut content = vec![2, 1, 0];
    for name in ["n", "e", "d", "p", "q", "dp", "dq", "qi"] {
        let mut number = b64::decode(jwk[name].as_str().unwrap()).unwrap();
        number.insert(0, 0);
        while number.len() > 1 && number[0] == 0 && number[1] < 128 {
            number.remove(0);
        }
        content.extend(der(2, &number));
    }
    der(0x30, &content)
}

fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(content.len()).unwrap().to_be_bytes();
    let mut bytes = match (high, low) {
        (0, ..128) => vec![tag, low],
        (0, _) => vec![tag, 0x81, low],
        _ => vec![tag, 0x82, high, low],
    };
    bytes.extend(content);
    bytes
}
