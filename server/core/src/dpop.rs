//! Does the caller hold a key, and which? `DPoP` proofs (RFC 9449).
//!
//! A proof is a JWT that the caller signs for one request, with a key that stands in its own header. It says that somebody held
//! this key a moment ago, and nothing about who that is: it never takes the place of client authentication (`DPO-14`).

#[cfg(test)]
mod tests;

use std::fmt;

use fapi_jose::{Alg, Claims, JoseError, Unverified, b64, sha256};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;
use url::Url;

use crate::clause::Clause;
use crate::client::ReplayKey;
use crate::lifetime::{CLOCK_SKEW, Lifetime, Timestamp};
use crate::rejection::{ErrorCode, Rejection};
use crate::secret::{Digest, Purpose};

/// A proof is made for a request that is sent at once: it lasts a minute (`DPO-06`).
const LONGEST_PROOF: Lifetime = Lifetime::seconds(60);

/// A nonce of ours is accepted for so long at most: whoever makes nonces keeps to it.
pub const LONGEST_NONCE: Lifetime = Lifetime::minutes(10);

/// RFC 7638 thumbprint (SHA-256) of a public key, base64url: `jkt`, and the parameter `dpop_jkt`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyThumbprint(String);

impl KeyThumbprint {
    /// The base64url text of 32 bytes; nothing else can be the thumbprint of a key.
    pub fn parse(text: &str) -> Option<Self> {
        b64::decode(text).filter(|bytes| bytes.len() == 32).map(|_| Self(text.to_owned()))
    }

    /// As in `jkt`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What is called: the method, and the URL by which callers know the place (`DPO-04`, `DPO-05`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Call<'a> {
    /// As in the request line.
    pub method: &'a str,
    /// Absolute, as published; behind a proxy the outer one.
    pub url: &'a str,
}

/// Whether a proof needs a nonce of ours (RFC 9449 8).
#[derive(Clone, Copy)]
pub enum NonceRule<'a> {
    /// No; one that is there is ignored.
    NotAsked,
    /// Yes, and this says whether a nonce is ours and still good.
    Required(&'a dyn Fn(&str) -> bool),
}

impl fmt::Debug for NonceRule<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAsked => "NotAsked",
            Self::Required(_) => "Required",
        })
    }
}

/// A proof that is right, and still has to be shown to be fresh.
#[must_use]
#[derive(Debug)]
pub struct Proof {
    key: KeyThumbprint,
    replay: ReplayKey,
}

/// A key that the caller has just been shown to hold. Only [`Proof::admit`] makes one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HeldKey(KeyThumbprint);

impl HeldKey {
    /// Which key.
    pub fn thumbprint(&self) -> &KeyThumbprint {
        &self.0
    }

    /// For tests of what happens after a proof.
    #[cfg(any(test, feature = "test-support"))]
    pub fn for_tests(key: KeyThumbprint) -> Self {
        Self(key)
    }
}

impl Proof {
    /// Which key signed it.
    pub fn key(&self) -> &KeyThumbprint {
        &self.key
    }

    /// Its `jti`, to be stored before [`admit`](Self::admit).
    pub fn replay(&self) -> &ReplayKey {
        &self.replay
    }

    /// `first_use` is the store's answer for [`replay`](Self::replay).
    ///
    /// # Errors
    /// `invalid_dpop_proof` for a proof that was used before (`DPO-08`).
    pub fn admit(self, first_use: bool) -> Result<HeldKey, Rejection> {
        if first_use {
            Ok(HeldKey(self.key))
        } else {
            Err(refuse("the DPoP proof was used before", "RFC 9449 11.1"))
        }
    }
}

fn refuse(description: &'static str, clause: &'static str) -> Rejection {
    Rejection::new(ErrorCode::InvalidDpopProof, description, Clause(clause))
}

/// Checks the proof of a request, in the order of RFC 9449 4.3.
///
/// `headers` are the values of every `DPoP` header; `access_token` is the token beside it, at a resource.
///
/// # Errors
/// `invalid_dpop_proof` (`T-08`, `E-28`); `use_dpop_nonce` where a nonce is needed and there is none, or an old one (`DPO-11`).
pub fn verify(
    headers: &[String],
    call: Call<'_>,
    access_token: Option<&str>,
    algorithms: &[Alg],
    nonce: NonceRule<'_>,
    now: Timestamp,
) -> Result<Proof, Rejection> {
    // DPO-01, DPO-09.
    let compact = match headers {
        [one] => one,
        [] => return Err(refuse("a DPoP proof is required", "RFC 9449 5")),
        _ => return Err(refuse("more than one DPoP header was sent", "RFC 9449 4.3-1")),
    };

    // DPO-02, KEY-04: a JWS of the right type, by a permitted algorithm, with a public key in its header that signed it.
    let unusable = |why: JoseError| {
        refuse(
            "the DPoP proof is not a JWS signed by the public key in its header with a permitted algorithm",
            "RFC 9449 4.3-2",
        )
        .detail(why.to_string())
    };
    let (unverified, key) = Unverified::parse_dpop(compact).map_err(unusable)?;
    if !unverified.typ().is_some_and(|typ| typ.eq_ignore_ascii_case("dpop+jwt")) {
        return Err(refuse("the typ of the DPoP proof must be dpop+jwt", "RFC 9449 4.3-4"));
    }
    let verified = unverified.verify_with(&key, algorithms).map_err(unusable)?;
    let claims = &verified.claims;

    // DPO-03 to DPO-05.
    let jti = text(claims, "jti").filter(|jti| !jti.is_empty() && jti.len() <= 255);
    let jti = jti.ok_or_else(|| {
        refuse("jti of the DPoP proof is missing, empty or over 255 characters", "RFC 9449 4.2")
    })?;
    if text(claims, "htm") != Some(call.method) {
        return Err(refuse("htm of the DPoP proof is not the method of this request", "RFC 9449 4.3-8"));
    }
    if !text(claims, "htu").is_some_and(|htu| same_place(htu, call.url)) {
        return Err(refuse("htu of the DPoP proof is not the URL of this request", "RFC 9449 4.3-9"));
    }

    // DPO-11, before any clock is asked: whose clock is wrong can be helped by a nonce.
    let issued =
        time(claims, "iat")?.ok_or_else(|| refuse("iat of the DPoP proof is missing", "RFC 9449 4.2"))?;
    let last = match nonce {
        NonceRule::NotAsked => {
            if issued > now + CLOCK_SKEW || now > issued + LONGEST_PROOF {
                return Err(refuse("iat of the DPoP proof is not now", "RFC 9449 4.3-11"));
            }
            issued + LONGEST_PROOF
        }
        NonceRule::Required(ours) => {
            if !text(claims, "nonce").is_some_and(ours) {
                let description = "the DPoP proof needs the nonce of the DPoP-Nonce header";
                return Err(Rejection::new(ErrorCode::UseDpopNonce, description, Clause("RFC 9449 8")));
            }
            now + LONGEST_NONCE
        }
    };
    if time(claims, "exp")?.is_some_and(|expires| now > expires + CLOCK_SKEW) {
        return Err(refuse("the DPoP proof has expired", "RFC 7519 4.1.4"));
    }
    if time(claims, "nbf")?.is_some_and(|not_before| not_before > now + CLOCK_SKEW) {
        return Err(refuse("the DPoP proof is not valid yet", "F2SP 5.3.2.1-13"));
    }

    // DPO-07.
    if let Some(token) = access_token {
        let hash = b64::encode(sha256(token));
        let fits = text(claims, "ath").is_some_and(|ath| ath.as_bytes().ct_eq(hash.as_bytes()).into());
        if !fits {
            return Err(refuse(
                "ath of the DPoP proof is not the hash of the access token",
                "RFC 9449 4.3-12",
            ));
        }
    }

    // DPO-08: the same jti of the same key, wherever it is sent, until it fails by itself.
    let digest = Digest::of_parts(Purpose::Proof, &[key.thumbprint(), jti]);
    let replay = ReplayKey { digest, until: last + CLOCK_SKEW };
    Ok(Proof { key: KeyThumbprint(key.thumbprint().to_owned()), replay })
}

fn text<'a>(claims: &'a Claims, name: &str) -> Option<&'a str> {
    claims.string(name).ok().flatten()
}

fn time(claims: &Claims, name: &'static str) -> Result<Option<Timestamp>, Rejection> {
    let value = claims.time(name).map_err(|_| {
        refuse("a time in the DPoP proof is not a number of seconds", "RFC 7519 2").detail(name)
    })?;
    Ok(value.map(Timestamp::from_unix))
}

/// RFC 9449 4.3: without query and fragment, after the normalization of RFC 3986 6.2.2 and 6.2.3 (`DPO-05`).
fn same_place(htu: &str, url: &str) -> bool {
    // What the URL parser would mend (white space, backslashes, missing slashes) is no URL.
    let written = htu.get(..8).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https://"))
        && htu.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    let (Ok(said), Ok(called)) = (Url::parse(htu), Url::parse(url)) else { return false };
    written
        && said.username().is_empty()
        && said.password().is_none()
        && said.host_str() == called.host_str()
        && said.port_or_known_default() == called.port_or_known_default()
        && said.path() == called.path()
}
