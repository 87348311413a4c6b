//! Values that must not be read by accident, and the digests that are stored in their place.

use std::fmt;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

/// A code, token, handle or cookie value: 256 bits of randomness as 43 base64url characters (`KEY-10`). `Debug` prints `…`.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// From 32 random bytes.
    pub fn from_random(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// What somebody presented. Nothing is checked: it only ever becomes a digest.
    pub fn presented(value: impl Into<String>) -> Self {
        Self(Zeroizing::new(value.into()))
    }

    /// The value itself, to be sent to its owner and nobody else.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What is stored and looked up in place of the value.
    pub fn digest(&self, purpose: Purpose) -> Digest {
        Digest::of(purpose, &self.0)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// What a digest stands for. Two kinds never share a digest, so one can never be looked up as the other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Purpose {
    /// A cookie that ties an interaction to one browser.
    Browser,
    /// An authorization code.
    Code,
    /// The `jti` of a client assertion, within its client.
    Jti,
    /// The `jti` of a `DPoP` proof, within its key.
    Proof,
    /// A refresh token.
    RefreshToken,
    /// A request object that came by value.
    RequestObject,
    /// A `request_uri` of a pushed request.
    RequestUri,
    /// A sign-in session.
    Session,
}

impl Purpose {
    const fn label(self) -> &'static str {
        match self {
            Self::Browser => "browser",
            Self::Code => "code",
            Self::Jti => "jti",
            Self::Proof => "proof",
            Self::RefreshToken => "refresh_token",
            Self::RequestObject => "request_object",
            Self::RequestUri => "request_uri",
            Self::Session => "session",
        }
    }
}

/// SHA-256 over a purpose and a value, base64url. Safe to store: the values have 256 bits of entropy or are public.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Digest(String);

impl Digest {
    /// The digest of `value` for one purpose.
    pub fn of(purpose: Purpose, value: &str) -> Self {
        Self::of_parts(purpose, &[value])
    }

    /// The digest of several values, each delimited by its length.
    pub fn of_parts(purpose: Purpose, parts: &[&str]) -> Self {
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(purpose.label().as_bytes());
        for part in parts {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part.as_bytes());
        }
        Self(URL_SAFE_NO_PAD.encode(context.finish()))
    }

    /// As stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// From the store.
    pub fn from_stored(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// Equality in constant time.
    pub fn matches(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({}…)", self.0.get(..6).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_never_prints_itself() {
        let secret = Secret::from_random([7; 32]);
        assert_eq!(format!("{secret:?}"), "…");
        assert_eq!(secret.expose().len(), 43, "KEY-10");
    }

    #[test]
    fn a_digest_for_one_purpose_is_no_digest_for_another() {
        assert_ne!(Digest::of(Purpose::Code, "x"), Digest::of(Purpose::RefreshToken, "x"));
        assert_ne!(
            Digest::of_parts(Purpose::Jti, &["a", "bc"]),
            Digest::of_parts(Purpose::Jti, &["ab", "c"])
        );
    }
}
