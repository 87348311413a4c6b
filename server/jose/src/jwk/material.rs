//! The mathematics in a JWK: is it a key at all, and is it strong enough?

use aws_lc_rs::agreement;
use aws_lc_rs::rsa::PublicKeyComponents;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, ED25519, ParsedPublicKey,
    RSA_PSS_2048_8192_SHA256,
};
use serde_json::{Map, Value};

use super::{JwkError, string};
use crate::verifier::Verifier;
use crate::{Alg, b64};

/// The kinds of key we read. P-384 and P-521 fit none of our algorithms; they are kept for the certificate beside them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Rsa,
    P256,
    P384,
    P521,
    Ed25519,
    X25519,
}

/// The public half of a key, checked.
pub(crate) struct Material {
    kind: Kind,
    /// What RFC 7638 3.2 hashes: the required members in lexicographic order.
    canonical: String,
    verifier: Option<Verifier>,
    /// RSA only.
    modulus_len: usize,
}

impl Material {
    pub(crate) fn parse(map: &Map<String, Value>) -> Result<Material, JwkError> {
        match string(map, "kty")?.ok_or(JwkError::MissingMember("kty"))? {
            "RSA" => rsa(map),
            "EC" => elliptic(map),
            "OKP" => octets(map),
            _ => Err(JwkError::UnknownKeyType),
        }
    }

    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    pub(crate) fn canonical(&self) -> &str {
        &self.canonical
    }

    pub(crate) fn verifier(&self) -> Option<&Verifier> {
        self.verifier.as_ref()
    }

    /// Length of the modulus in bytes, which is the length of everything encrypted with it; 0 unless this is RSA.
    pub(crate) fn modulus_len(&self) -> usize {
        self.modulus_len
    }

    /// The members that make up the key.
    pub(crate) fn members(&self) -> &'static [&'static str] {
        match self.kind {
            Kind::Rsa => &["kty", "n", "e"],
            Kind::P256 | Kind::P384 | Kind::P521 => &["kty", "crv", "x", "y"],
            Kind::Ed25519 | Kind::X25519 => &["kty", "crv", "x"],
        }
    }
}

/// A member that must be canonical base64url: its text and its bytes.
pub(crate) fn bytes<'a>(
    map: &'a Map<String, Value>,
    name: &'static str,
) -> Result<(&'a str, Vec<u8>), JwkError> {
    let text = string(map, name)?.ok_or(JwkError::MissingMember(name))?;
    let bytes = b64::decode(text).ok_or(JwkError::BadMember(name))?;
    Ok((text, bytes))
}

/// The same, of an exact length (RFC 7518 6.2.1.2: leading zeros are part of a coordinate).
pub(crate) fn sized<'a>(
    map: &'a Map<String, Value>,
    name: &'static str,
    len: usize,
) -> Result<(&'a str, Vec<u8>), JwkError> {
    let (text, bytes) = bytes(map, name)?;
    if bytes.len() == len { Ok((text, bytes)) } else { Err(JwkError::BadMember(name)) }
}

/// RFC 7518 6.3.1. josekit takes 2041 bits for 2048 and `e` = 1 for an exponent, so this is judged here (J-17).
fn rsa(map: &Map<String, Value>) -> Result<Material, JwkError> {
    let (n_text, n) = bytes(map, "n")?;
    let (e_text, e) = bytes(map, "e")?;
    // RFC 7518 2: Base64urlUInt has no leading zero octet; with one, equal keys would have different thumbprints.
    if n.first().is_none_or(|first| *first == 0) {
        return Err(JwkError::BadMember("n"));
    }
    if e.first().is_none_or(|first| *first == 0) {
        return Err(JwkError::BadMember("e"));
    }

    let bits = n.len() * 8 - n.first().map_or(0, |first| first.leading_zeros() as usize);
    if bits < 2048 {
        return Err(JwkError::WeakKey("RSA needs a modulus of at least 2048 bits"));
    }
    if bits > 8192 {
        return Err(JwkError::BadMember("n"));
    }
    // Beyond 33 bits the library refuses: verification would be slow, which is an attack of its own.
    let exponent = e.iter().try_fold(0_u64, |sum, byte| Some(sum.checked_mul(256)? + u64::from(*byte)));
    match exponent {
        Some(small) if small < 65_537 || small % 2 == 0 => {
            return Err(JwkError::WeakKey("RSA needs an odd exponent of at least 65537"));
        }
        Some(fair) if fair < 1 << 33 => {}
        _ => return Err(JwkError::BadMember("e")),
    }
    if SMALL_PRIMES.iter().any(|prime| remainder(&n, *prime) == 0) {
        return Err(JwkError::WeakKey("the RSA modulus has a small factor"));
    }
    if has_roca_fingerprint(&n) {
        return Err(JwkError::WeakKey("the RSA modulus has the fingerprint of ROCA (CVE-2017-15361)"));
    }

    let key = PublicKeyComponents { n: &n, e: &e }
        .to_parsed_public_key(&RSA_PSS_2048_8192_SHA256)
        .map_err(|_| JwkError::BadMember("n"))?;
    Ok(Material {
        kind: Kind::Rsa,
        canonical: format!(r#"{{"e":"{e_text}","kty":"RSA","n":"{n_text}"}}"#),
        verifier: Some(Verifier::new(Alg::Ps256, key)),
        modulus_len: n.len(),
    })
}

/// RFC 7518 6.2.1
fn elliptic(map: &Map<String, Value>) -> Result<Material, JwkError> {
    let (kind, len) = match string(map, "crv")?.ok_or(JwkError::MissingMember("crv"))? {
        "P-256" => (Kind::P256, 32),
        "P-384" => (Kind::P384, 48),
        "P-521" => (Kind::P521, 66),
        _ => return Err(JwkError::UnknownCurve),
    };
    let (x_text, x) = sized(map, "x", len)?;
    let (y_text, y) = sized(map, "y", len)?;

    let point = [&[0x04], x.as_slice(), y.as_slice()].concat();
    let (crv, parsed) = match kind {
        Kind::P384 => ("P-384", ParsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, &point)),
        Kind::P521 => ("P-521", ParsedPublicKey::new(&ECDSA_P521_SHA512_FIXED, &point)),
        _ => ("P-256", ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &point)),
    };
    let key = parsed.map_err(|_| JwkError::OffCurve)?;
    Ok(Material {
        kind,
        canonical: format!(r#"{{"crv":"{crv}","kty":"EC","x":"{x_text}","y":"{y_text}"}}"#),
        verifier: (kind == Kind::P256).then(|| Verifier::new(Alg::Es256, key)),
        modulus_len: 0,
    })
}

/// RFC 8037 2
fn octets(map: &Map<String, Value>) -> Result<Material, JwkError> {
    let crv = string(map, "crv")?.ok_or(JwkError::MissingMember("crv"))?;
    let kind = match crv {
        "Ed25519" => Kind::Ed25519,
        "X25519" => Kind::X25519,
        _ => return Err(JwkError::UnknownCurve),
    };
    let (x_text, x) = sized(map, "x", 32)?;

    let verifier = if kind == Kind::Ed25519 {
        if has_small_order(&x) {
            return Err(JwkError::WeakKey(
                "the Ed25519 point has a small order: it verifies anybody's signature",
            ));
        }
        let key = ParsedPublicKey::new(&ED25519, &x).map_err(|_| JwkError::OffCurve)?;
        Some(Verifier::new(Alg::EdDsa, key))
    } else {
        agrees_on_a_secret(&x)?;
        None
    };
    Ok(Material {
        kind,
        canonical: format!(r#"{{"crv":"{crv}","kty":"OKP","x":"{x_text}"}}"#),
        verifier,
        modulus_len: 0,
    })
}

/// RFC 7748 6.1: with a point of small order the shared secret is zero, known to everybody. The library says so.
fn agrees_on_a_secret(x: &[u8]) -> Result<(), JwkError> {
    const WEAK: JwkError = JwkError::WeakKey("the X25519 point has a small order");
    let own = agreement::PrivateKey::generate(&agreement::X25519).map_err(|_| WEAK)?;
    let peer = agreement::UnparsedPublicKey::new(&agreement::X25519, x);
    agreement::agree(&own, peer, WEAK, |_| Ok(()))
}

/// The encodings of the eight points of small order of Ed25519, canonical or not: with such a key, a signature can be
/// made that verifies for every message.
fn has_small_order(x: &[u8]) -> bool {
    const ORDER_EIGHT: [[u8; 32]; 2] = [
        *b"\xc7\x17\x6a\x70\x3d\x4d\xd8\x4f\xba\x3c\x0b\x76\x0d\x10\x67\x0f\
           \x2a\x20\x53\xfa\x2c\x39\xcc\xc6\x4e\xc7\xfd\x77\x92\xac\x03\x7a",
        *b"\x26\xe8\x95\x8f\xc2\xb2\x27\xb0\x45\xc3\xf4\x89\xf2\xef\x98\xf0\
           \xd5\xdf\xac\x05\xd3\xc6\x33\x39\xb1\x38\x02\x88\x6d\x53\xfc\x05",
    ];
    let Some((last, first)) = x.split_last() else { return true };
    // The highest bit is the sign of the other coordinate.
    let last = last & 0x7f;
    if ORDER_EIGHT.iter().any(|point| point.split_last() == Some((&last, first))) {
        return true;
    }
    // 0 and 1; and p - 1, p, p + 1, which are 2^255 - 20, - 19, - 18.
    let Some((lowest, middle)) = first.split_first() else { return true };
    (last == 0 && middle.iter().all(|byte| *byte == 0) && *lowest <= 1)
        || (last == 0x7f && middle.iter().all(|byte| *byte == 0xff) && (0xec..=0xee).contains(lowest))
}

const SMALL_PRIMES: [u32; 20] = [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71];

/// Primes of Infineon's faulty generator; modulo each of them its moduli are powers of 65537 (J-17).
const ROCA_PRIMES: [u32; 17] = [11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157];

fn has_roca_fingerprint(n: &[u8]) -> bool {
    ROCA_PRIMES.iter().all(|prime| {
        let target = remainder(n, *prime);
        let generator = 65_537 % prime;
        std::iter::successors(Some(1), |power| Some(power * generator % prime))
            .take(*prime as usize)
            .any(|power| power == target)
    })
}

/// `n` modulo a small prime.
fn remainder(n: &[u8], prime: u32) -> u32 {
    n.iter().fold(0, |rest, byte| (rest * 256 + u32::from(*byte)) % prime)
}
