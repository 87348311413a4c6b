//! Who signed this? A token can be looked at before it is verified, and believed only after.

use std::fmt;
use std::sync::LazyLock;

use josekit::jws::JwsContext;
use serde_json::{Map, Value};

use crate::alg::FULLY_SPECIFIED;
use crate::jwk::MAX_KID;
use crate::{Alg, Claims, JoseError, JwkSet, PublicJwk, b64, json, sha256};

/// The longest token, in its compact form.
pub(crate) const MAX_TOKEN: usize = 64 * 1024;

/// The longest header, decoded.
pub(crate) const MAX_HEADER: usize = 4 * 1024;

/// Header parameters that would let the sender choose the key (J-05), or change what the signature covers (J-06).
const FORBIDDEN: &[&str] = &["crit", "b64", "jwk", "jku", "x5u", "x5c"];

/// The same for a `DPoP` proof, which brings its own key.
const FORBIDDEN_IN_PROOF: &[&str] = &["crit", "b64", "jku", "x5u", "x5c"];

static CONTEXT: LazyLock<JwsContext> = LazyLock::new(JwsContext::new);

/// A JWS in compact serialization that has the right form, and nothing else to be said for it.
///
/// Its claims cannot be read: [`Unverified::verify`] is the way to [`Verified`]. Checked by [`Unverified::parse`], so
/// that josekit only sees tokens for which its own parser has no surprises: three parts, each canonical base64url; a
/// strict JSON header of at most 4 KiB; no `crit`; an `alg` we know.
#[derive(Clone)]
pub struct Unverified {
    compact: String,
    payload: std::ops::Range<usize>,
    alg: Alg,
    /// The header says `Ed25519` where we would say `EdDSA`.
    fully_specified: bool,
    kid: Option<String>,
    typ: Option<String>,
}

/// A JWS whose signature was verified with a key and an algorithm that the caller allowed.
///
/// There is no other way to get one. Times, audience and `typ` are for the caller to judge.
#[derive(Clone)]
pub struct Verified {
    /// The algorithm it is signed with.
    pub alg: Alg,
    /// The header's `kid`.
    pub kid: Option<String>,
    /// The header's `typ`.
    pub typ: Option<String>,
    /// What it says.
    pub claims: Claims,
    digest: [u8; 32],
}

impl Unverified {
    /// Takes a token apart, without believing any of it.
    pub fn parse(compact: &str) -> Result<Unverified, JoseError> {
        let (parts, header) = open(compact, FORBIDDEN)?;
        parts.with_header(&header)
    }

    /// A `DPoP` proof: the one kind of token that brings its own key, in the header `jwk` (RFC 9449 4.2). The key proves
    /// possession and nothing more; verify with it ([`Unverified::verify_with`]), then compare its thumbprint.
    pub fn parse_dpop(compact: &str) -> Result<(Unverified, PublicJwk), JoseError> {
        let (parts, header) = open(compact, FORBIDDEN_IN_PROOF)?;
        let embedded = header.get("jwk").ok_or(JoseError::BadHeader("jwk"))?;
        let key = PublicJwk::from_json(embedded).map_err(JoseError::EmbeddedKey)?;
        Ok((parts.with_header(&header)?, key))
    }

    /// The header's `alg`.
    pub fn alg(&self) -> Alg {
        self.alg
    }

    /// The header's `kid`: the name of a key in a set that the caller trusts, and nothing else. It is whatever the
    /// sender wrote, at most 128 bytes of it.
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The header's `typ`.
    pub fn typ(&self) -> Option<&str> {
        self.typ.as_deref()
    }

    /// The `sub` of the unverified payload: only to look up whose key to try, never evidence.
    pub fn claimed_subject(&self) -> Option<String> {
        self.claimed("sub")
    }

    /// The `iss` of the unverified payload: only to look up whose key to try, never evidence.
    pub fn claimed_issuer(&self) -> Option<String> {
        self.claimed("iss")
    }

    /// Verifies with the key of the set that the header names, if its algorithm is one of `allowed`.
    ///
    /// A key is tried if it carries the token's `kid` (if the token has one), and if its type, `use`, `key_ops` and
    /// `alg` agree with the token's `alg`. Of two keys with one `kid`, the one that fits is tried; without a `kid`, at
    /// most eight that fit, one after the other.
    pub fn verify(self, keys: &JwkSet, allowed: &[Alg]) -> Result<Verified, JoseError> {
        self.allowed(allowed)?;
        let mut outcome = Err(JoseError::KeyNotFound);
        for key in keys.candidates(self.alg, self.kid.as_deref()) {
            outcome = self.verified_by(key);
            if outcome != Err(JoseError::BadSignature) {
                break;
            }
        }
        outcome.map(|claims| self.into_verified(claims))
    }

    /// Verifies with this key, if its algorithm is one of `allowed` and fits the key. The caller has chosen: `kid` is
    /// not compared.
    pub fn verify_with(self, key: &PublicJwk, allowed: &[Alg]) -> Result<Verified, JoseError> {
        self.allowed(allowed)?;
        let claims = self.verified_by(key)?;
        Ok(self.into_verified(claims))
    }

    fn allowed(&self, allowed: &[Alg]) -> Result<(), JoseError> {
        if allowed.contains(&self.alg) { Ok(()) } else { Err(JoseError::AlgorithmNotAllowed(self.alg)) }
    }

    fn verified_by(&self, key: &PublicJwk) -> Result<Claims, JoseError> {
        let verifier = key.verifier().filter(|_| key.fits(self.alg)).ok_or(JoseError::KeyNotFound)?;
        let named = self.fully_specified.then(|| verifier.fully_specified());
        let (payload, _) = CONTEXT
            .deserialize_compact(&self.compact, named.as_ref().unwrap_or(verifier))
            .map_err(|_| JoseError::BadSignature)?;
        Claims::parse(&payload)
    }

    fn into_verified(self, claims: Claims) -> Verified {
        let signed = self.compact.get(..self.payload.end).unwrap_or_default();
        Verified { digest: sha256(signed), alg: self.alg, kid: self.kid, typ: self.typ, claims }
    }

    fn claimed(&self, name: &str) -> Option<String> {
        let payload = b64::decode(self.compact.get(self.payload.clone())?)?;
        let claims = Claims::parse(&payload).ok()?;
        claims.string(name).ok().flatten().map(str::to_owned)
    }
}

impl Verified {
    /// SHA-256 of header and payload, the part the signature covers: what to remember in order to refuse a replay.
    ///
    /// Not of the whole token: for every ECDSA signature (r, s) there is a second one, (r, -s), that anybody can compute
    /// and that verifies as well, so the same token comes in two spellings.
    pub fn digest(&self) -> &[u8; 32] {
        &self.digest
    }
}

/// The token, its form checked, on the way to [`Unverified`].
struct Parts<'a> {
    compact: &'a str,
    payload: std::ops::Range<usize>,
}

/// Limits first, then form, then the header's JSON, then what must not be in it.
fn open<'a>(
    compact: &'a str,
    forbidden: &[&'static str],
) -> Result<(Parts<'a>, Map<String, Value>), JoseError> {
    if compact.len() > MAX_TOKEN {
        return Err(JoseError::TooLarge);
    }
    let mut segments = compact.split('.');
    let (Some(header), Some(payload), Some(signature), None) =
        (segments.next(), segments.next(), segments.next(), segments.next())
    else {
        return Err(JoseError::NotCompact);
    };
    let parts = Parts { compact, payload: header.len() + 1..header.len() + 1 + payload.len() };

    if header.len() > MAX_HEADER.div_ceil(3) * 4 {
        return Err(JoseError::TooLarge);
    }
    let header = b64::decode(header).ok_or(JoseError::NotBase64Url)?;
    if header.len() > MAX_HEADER {
        return Err(JoseError::TooLarge);
    }
    let header = json::parse_object(&header).ok_or(JoseError::BadJson)?;
    for name in forbidden {
        if header.contains_key(*name) {
            return Err(JoseError::ForbiddenHeader(name));
        }
    }

    b64::decode(payload).ok_or(JoseError::NotBase64Url)?;
    b64::decode(signature).ok_or(JoseError::NotBase64Url)?;
    Ok((parts, header))
}

impl Parts<'_> {
    fn with_header(self, header: &Map<String, Value>) -> Result<Unverified, JoseError> {
        let name = parameter(header, "alg")?.ok_or(JoseError::BadHeader("alg"))?;
        let alg = Alg::named(name).ok_or(JoseError::UnknownAlgorithm)?;
        let kid = parameter(header, "kid")?;
        if kid.is_some_and(|kid| kid.len() > MAX_KID) {
            return Err(JoseError::BadHeader("kid"));
        }
        let typ = parameter(header, "typ")?;
        Ok(Unverified {
            compact: self.compact.to_owned(),
            payload: self.payload,
            alg,
            fully_specified: name == FULLY_SPECIFIED,
            kid: kid.map(str::to_owned),
            typ: typ.map(str::to_owned),
        })
    }
}

/// A header parameter that must be a string if it is there.
pub(crate) fn parameter<'a>(
    header: &'a Map<String, Value>,
    name: &'static str,
) -> Result<Option<&'a str>, JoseError> {
    match header.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(JoseError::BadHeader(name)),
    }
}

impl fmt::Debug for Unverified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Unverified({}, kid {:?}, typ {:?}, …)", self.alg, self.kid, self.typ)
    }
}

impl fmt::Debug for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Verified({}, kid {:?}, typ {:?}, {:?})", self.alg, self.kid, self.typ, self.claims)
    }
}
