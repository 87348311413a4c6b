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
