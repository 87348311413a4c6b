//! What a JWE must look like before josekit sees a byte of it.
//!
//! josekit 0.10.3 panics on an empty IV and on a wrapped key of 1 to 7 bytes, takes GCM tags of any length (one byte is
//! forged in 256 tries), inflates without a limit, and overlooks `crit`. Nothing that passes here can lead to one of
//! these.

use serde_json::{Map, Value};

use crate::jwk::Kind;
use crate::jws::{MAX_HEADER, MAX_TOKEN, parameter};
use crate::{Content, KeyManagement, PublicJwk, b64, json};

/// 12 bytes, as RFC 7518 5.3 wants them for GCM.
const IV_CHARS: usize = 16;
/// 16 bytes, as RFC 7518 5.3 wants them for GCM.
const TAG_CHARS: usize = 22;

/// Whether this is a JWE for this key, in the only form we decrypt. The reasons are kept from everybody (J-14).
pub(super) fn passes(compact: &str, key: &PublicJwk, alg: KeyManagement, allowed: &[Content]) -> bool {
    judge(compact, key, alg, allowed).is_some()
}

fn judge(compact: &str, key: &PublicJwk, alg: KeyManagement, allowed: &[Content]) -> Option<()> {
    ensure(compact.len() <= MAX_TOKEN)?;
    let mut parts = compact.split('.');
    let [header, encrypted_key, iv, ciphertext, tag] =
        [parts.next()?, parts.next()?, parts.next()?, parts.next()?, parts.next()?];
    ensure(parts.next().is_none())?;

    ensure(header.len() <= MAX_HEADER.div_ceil(3) * 4)?;
    let header = json::parse_object(&b64::decode(header)?)?;
    let enc = judge_header(&header, key, alg, allowed)?;

    ensure(iv.len() == IV_CHARS && tag.len() == TAG_CHARS)?;
    b64::decode(iv)?;
    b64::decode(tag)?;
    b64::decode(ciphertext)?;
    let expected = match alg {
        KeyManagement::EcdhEs => 0,
        KeyManagement::EcdhEsA256kw => enc.key_len() + 8,
        KeyManagement::RsaOaep | KeyManagement::RsaOaep256 => key.material().modulus_len(),
    };
    ensure(b64::decode(encrypted_key)?.len() == expected)
}

fn judge_header(
    header: &Map<String, Value>,
    key: &PublicJwk,
    alg: KeyManagement,
    allowed: &[Content],
) -> Option<Content> {
    const FORBIDDEN: [&str; 6] = ["crit", "zip", "jwk", "jku", "x5u", "x5c"];
    ensure(!FORBIDDEN.iter().any(|name| header.contains_key(*name)))?;
    ensure(parameter(header, "alg").ok()?? == alg.as_str())?;
    let enc: Content = parameter(header, "enc").ok()??.parse().ok()?;
    ensure(allowed.contains(&enc))?;
    // A sender that names a key means that one; for another it cannot be meant.
    ensure(parameter(header, "kid").ok()?.is_none_or(|kid| Some(kid) == key.kid()))?;
    match alg {
        KeyManagement::EcdhEs | KeyManagement::EcdhEsA256kw => {
            judge_ephemeral(header.get("epk")?.as_object()?, key.material().kind())?;
        }
        KeyManagement::RsaOaep | KeyManagement::RsaOaep256 => {}
    }
    Some(enc)
}

/// The sender's ephemeral key must be on the curve of ours (J-15). [`PublicJwk::from_json`] also sees to it that the
/// point is on the curve, that it has no small order, and that no private member came along.
fn judge_ephemeral(epk: &Map<String, Value>, kind: Kind) -> Option<()> {
    let epk = PublicJwk::from_json(&Value::Object(epk.clone())).ok()?;
    ensure(epk.material().kind() == kind)
}

fn ensure(condition: bool) -> Option<()> {
    condition.then_some(())
}

/// Beside the tests from outside: that it is the guard that refuses, not only what comes after it.
#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{DecryptionKey, SigningKey, encrypt};

    const ALG: KeyManagement = KeyManagement::EcdhEs;

    fn token(key: &PublicJwk) -> (String, Value) {
        let token = encrypt(b"secret", None, key, ALG, Content::A256Gcm).unwrap();
        let header = b64::decode(token.split('.').next().unwrap()).unwrap();
        (token, serde_json::from_slice(&header).unwrap())
    }

    fn with_header(token: &str, header: &Value) -> String {
        let (_, rest) = token.split_once('.').unwrap();
        format!("{}.{rest}", b64::encode(header.to_string()))
    }

    #[test]
    fn an_honest_token_passes() {
        let key = DecryptionKey::generate(ALG, 2048).unwrap();
        let (token, header) = token(key.public());
        assert!(passes(&token, key.public(), ALG, Content::ALL));
        assert!(passes(&with_header(&token, &header), key.public(), ALG, Content::ALL));
    }

    /// J-05, J-06, J-12, J-13, J-15
    #[test]
    fn a_header_of_another_kind_does_not_pass() {
        let key = DecryptionKey::generate(ALG, 2048).unwrap();
        let (token, header) = token(key.public());
        let ed = SigningKey::generate(crate::Alg::EdDsa, 2048).unwrap().public().to_json();
        for (name, value) in [
            ("alg", json!("ECDH-ES+A256KW")),
            ("alg", json!("RSA1_5")),
            ("alg", json!(null)),
            ("enc", json!("A128CBC-HS256")),
            ("enc", json!("A192GCM")),
            ("zip", json!("DEF")),
            ("zip", json!(null)),
            ("crit", json!(["exp"])),
            ("kid", json!("other")),
            ("jku", json!("https://mallory.example")),
            ("epk", json!({ "kty": "EC", "crv": "P-256", "x": "A".repeat(43), "y": "A".repeat(43) })),
            ("epk", json!({ "kty": "OKP", "crv": "Ed25519", "x": ed["x"] })),
            ("epk", json!(null)),
        ] {
            let mut changed = header.clone();
            changed[name] = value;
            let changed = with_header(&token, &changed);
            assert!(!passes(&changed, key.public(), ALG, Content::ALL), "{name}");
        }
        assert!(!passes(&token, key.public(), ALG, &[Content::A128Gcm]));
    }

    /// J-10
    #[test]
    fn a_header_may_have_four_kibibytes() {
        let key = DecryptionKey::generate(ALG, 2048).unwrap();
        let (token, header) = token(key.public());
        let of_length = |len: usize| {
            let mut padded = header.clone();
            padded["pad"] = json!("");
            padded["pad"] = json!("p".repeat(len - padded.to_string().len()));
            with_header(&token, &padded)
        };
        assert!(passes(&of_length(MAX_HEADER), key.public(), ALG, Content::ALL));
        assert!(!passes(&of_length(MAX_HEADER + 3), key.public(), ALG, Content::ALL));
    }

    #[test]
    fn another_length_does_not_pass() {
        let key = DecryptionKey::generate(ALG, 2048).unwrap();
        let (token, _) = token(key.public());
        let part = |index: usize, text: &str| {
            let mut parts: Vec<&str> = token.split('.').collect();
            parts[index] = text;
            parts.join(".")
        };
        let long = "A".repeat(MAX_TOKEN);
        for changed in [
            format!("{token}."),
            format!("{token}.AA"),
            part(1, "AA"),
            part(2, ""),
            part(2, "AAAAAAAAAAAAAAA"),
            part(2, "AAAAAAAAAAAAAAA="),
            part(3, &long),
            part(4, ""),
            part(4, "AA"),
            part(4, "AAAAAAAAAAAAAAAAAAAAA"),
            part(4, "AAAAAAAAAAAAAAAAAAAAAB"),
        ] {
            assert!(!passes(&changed, key.public(), ALG, Content::ALL), "{changed}");
        }
    }

    /// J-12, J-14
    #[test]
    fn josekit_has_everything_else_switched_off() {
        let context = &super::super::CONTEXT;
        assert!(context.get_compression("DEF").is_none());
        for enc in ["A128CBC-HS256", "A192CBC-HS384", "A256CBC-HS512", "A192GCM"] {
            assert!(context.get_content_encryption(enc).is_none());
        }
        for enc in Content::ALL {
            assert_eq!(context.get_content_encryption(enc.as_str()).unwrap().key_len(), enc.key_len());
        }
    }
}
