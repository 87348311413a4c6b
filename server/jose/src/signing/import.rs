//! Where signing keys come from: made here, or read from a JWK, from DER or from PEM.

use aws_lc_rs::encoding::{AsBigEndian, AsDer};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RsaKeyPair,
};
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject;
use zeroize::Zeroizing;

use super::SigningKey;
use crate::Alg;
use crate::private::{KeyError, PrivateJwk};

/// A PEM file with one private key is far shorter than this (J-25).
const MAX_BYTES: usize = 64 * 1024;

impl SigningKey {
    /// Makes a new key. RSA takes as long as some hundred signatures: not for a thread that serves requests.
    /// `rsa_bits` is 2048, 3072 or 4096; it matters for PS256 only.
    pub fn generate(alg: Alg, rsa_bits: usize) -> Result<SigningKey, KeyError> {
        let private = match alg {
            Alg::Ps256 => generate_rsa(rsa_bits)?,
            Alg::Es256 => generate_p256()?,
            Alg::EdDsa => from_ed25519(&Ed25519KeyPair::generate().map_err(|_| KeyError::Generation)?)?,
        };
        SigningKey::from_private(&private, alg)
    }

    /// Reads a private JWK. Its kind decides the algorithm: PS256 for RSA, ES256 for EC, `EdDSA` for OKP. A `kid` in it
    /// is not kept: the thumbprint takes its place.
    pub fn from_jwk(text: &str) -> Result<SigningKey, KeyError> {
        let private = PrivateJwk::parse(text)?;
        let alg = match private.jwk().key_type() {
            "RSA" => Alg::Ps256,
            "EC" => Alg::Es256,
            _ => Alg::EdDsa,
        };
        SigningKey::from_private(&private, alg)
    }

    /// Reads a private key in DER: PKCS#8, or else PKCS#1 (RSA) or SEC 1 (EC).
    pub fn from_pkcs8_der(alg: Alg, der: &[u8]) -> Result<SigningKey, KeyError> {
        if der.len() > MAX_BYTES {
            return Err(KeyError::TooLarge);
        }
        is_one_element(der)?;
        let private = match alg {
            Alg::Ps256 => rsa_in_der(der),
            Alg::Es256 => p256_in_der(der),
            Alg::EdDsa => Ed25519KeyPair::from_pkcs8(der).ok().and_then(|key| from_ed25519(&key).ok()),
        };
        let private = private.ok_or(KeyError::WrongKind { alg: alg.as_str(), needs: alg.needs() })?;
        SigningKey::from_private(&private, alg)
    }

    /// Reads the one private key of a PEM file, unencrypted. Certificates may stand beside it.
    pub fn from_pkcs8_pem(alg: Alg, pem: &[u8]) -> Result<SigningKey, KeyError> {
        SigningKey::from_pkcs8_der(alg, only_key(pem)?.secret_der())
    }

    /// Reads a private key as people keep it: PEM, as [`SigningKey::from_pkcs8_pem`] does, or a JWK for this algorithm.
    pub fn from_pem_or_jwk(alg: Alg, text: &[u8]) -> Result<SigningKey, KeyError> {
        match jwk(text)? {
            Some(private) => SigningKey::from_private(&private, alg),
            None => SigningKey::from_pkcs8_pem(alg, text),
        }
    }
}

/// A private JWK, if the text is JSON.
pub(crate) fn jwk(text: &[u8]) -> Result<Option<PrivateJwk>, KeyError> {
    if text.trim_ascii_start().first() != Some(&b'{') {
        return Ok(None);
    }
    let text = std::str::from_utf8(text).map_err(|_| KeyError::BadJson)?;
    PrivateJwk::parse(text).map(Some)
}

/// The one private key of a PEM file, in DER. Certificates may stand beside it.
pub(crate) fn only_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, KeyError> {
    if pem.len() > MAX_BYTES {
        return Err(KeyError::TooLarge);
    }
    let mut keys = PrivateKeyDer::pem_slice_iter(pem);
    let (Some(Ok(key)), None) = (keys.next(), keys.next()) else { return Err(KeyError::BadFile) };
    is_one_element(key.secret_der())?;
    Ok(key)
}

/// The library reads past an end of its own and ignores what follows (J-25).
fn is_one_element(der: &[u8]) -> Result<(), KeyError> {
    let whole = element(SEQUENCE, der).is_some_and(|(_, rest)| rest.is_empty());
    if whole { Ok(()) } else { Err(KeyError::BadFile) }
}

/// An RSA key in PKCS#8 or PKCS#1.
pub(crate) fn rsa_in_der(der: &[u8]) -> Option<PrivateJwk> {
    let key = RsaKeyPair::from_pkcs8(der).or_else(|_| RsaKeyPair::from_der(der)).ok()?;
    from_rsa(&key).ok()
}

/// A key on P-256 in PKCS#8 or SEC 1.
pub(crate) fn p256_in_der(der: &[u8]) -> Option<PrivateJwk> {
    let key = EcdsaKeyPair::from_private_key_der(&ECDSA_P256_SHA256_FIXED_SIGNING, der).ok()?;
    from_p256(&key).ok()
}

const INTEGER: u8 = 0x02;
const OCTETS: u8 = 0x04;
const SEQUENCE: u8 = 0x30;

/// A new RSA key. `bits` is 2048, 3072 or 4096.
pub(crate) fn generate_rsa(bits: usize) -> Result<PrivateJwk, KeyError> {
    let size = match bits {
        2048 => KeySize::Rsa2048,
        3072 => KeySize::Rsa3072,
        4096 => KeySize::Rsa4096,
        _ => return Err(KeyError::RsaSize),
    };
    from_rsa(&RsaKeyPair::generate(size).map_err(|_| KeyError::Generation)?)
}

/// A new key on P-256.
pub(crate) fn generate_p256() -> Result<PrivateJwk, KeyError> {
    from_p256(&EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(|_| KeyError::Generation)?)
}

fn from_rsa(key: &RsaKeyPair) -> Result<PrivateJwk, KeyError> {
    let der = key.as_der().map_err(|_| KeyError::Generation)?;
    let numbers = rsa_numbers(der.as_ref()).ok_or(KeyError::Generation)?;
    let names = ["n", "e", "d", "p", "q", "dp", "dq", "qi"];
    let members: Vec<(&str, &[u8])> = names.into_iter().zip(numbers).collect();
    PrivateJwk::build("RSA", None, &members)
}

fn from_p256(key: &EcdsaKeyPair) -> Result<PrivateJwk, KeyError> {
    let d = key.private_key().as_be_bytes().map_err(|_| KeyError::Generation)?;
    let [0x04, point @ ..] = key.public_key().as_ref() else { return Err(KeyError::Generation) };
    let (x, y) = point.split_at(point.len() / 2);
    PrivateJwk::build("EC", Some("P-256"), &[("x", x), ("y", y), ("d", d.as_ref())])
}

fn from_ed25519(key: &Ed25519KeyPair) -> Result<PrivateJwk, KeyError> {
    let seed = key.seed().and_then(|seed| seed.as_be_bytes()).map_err(|_| KeyError::Generation)?;
    let seed = Zeroizing::new(seed.as_ref().to_vec());
    PrivateJwk::build("OKP", Some("Ed25519"), &[("x", key.public_key().as_ref()), ("d", &seed)])
}

/// The eight numbers of an RSA key in PKCS#8 as aws-lc-rs writes it, leading zeros removed (RFC 8017 A.1.2).
///
/// Only for the library's own output: josekit's DER reader allocates what a length field asks for.
fn rsa_numbers(pkcs8: &[u8]) -> Option<[&[u8]; 8]> {
    let (info, _) = element(SEQUENCE, pkcs8)?;
    let (_, rest) = element(INTEGER, info)?;
    let (_, rest) = element(SEQUENCE, rest)?;
    let (key, _) = element(OCTETS, rest)?;
    let (key, _) = element(SEQUENCE, key)?;
    let (_, mut rest) = element(INTEGER, key)?;
    let mut numbers: [&[u8]; 8] = [&[]; 8];
    for number in &mut numbers {
        let (bytes, after) = element(INTEGER, rest)?;
        *number = bytes.strip_prefix(&[0]).unwrap_or(bytes);
        rest = after;
    }
    Some(numbers)
}

/// The contents of the DER element at the start of `input`, and what follows it.
fn element(tag: u8, input: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&[found, first], rest) = input.split_first_chunk::<2>()?;
    let (len, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81 => rest.split_first().map(|(len, rest)| (usize::from(*len), rest))?,
        0x82 => {
            rest.split_first_chunk::<2>().map(|(len, rest)| (usize::from(u16::from_be_bytes(*len)), rest))?
        }
        _ => return None,
    };
    if found == tag { rest.split_at_checked(len) } else { None }
}
