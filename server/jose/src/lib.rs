//! Tokens and keys: JWS, JWE, JWK and thumbprints. josekit, fenced.
//!
//! josekit builds and takes apart every JOSE structure here: compact serialization, JWE, JWK. What it is not trusted
//! with stands in front of it, and signatures are made and verified by aws-lc-rs through josekit's own traits.
//!
//! | what could go wrong | what stands in front |
//! |---|---|
//! | an algorithm of the sender's choosing (`none`, HS256 with a public key, RS256) | [`Alg`], [`KeyManagement`] and [`Content`] are the allow-list: others cannot be named |
//! | claims that are read before they are verified | [`Unverified`] has no claims; only its `verify` makes a [`Verified`] |
//! | a key of the sender's choosing (`jwk`, `jku`, `x5u`, `x5c`) | such headers are refused; a `DPoP` proof is parsed by [`Unverified::parse_dpop`] |
//! | a signature that covers less than one thinks (`crit`, `b64`) | refused |
//! | two readings of one text (a name twice, base64url with bits to spare) | [`json`] and [`b64`] are strict; lengths and nesting are limited before anything is decoded |
//! | keys that are no keys (1024 bits, `e` = 1, off the curve, small order, ROCA) | [`PublicJwk`] and [`SigningKey`] check once, when they are read |
//! | a private key where a public one belongs | refused on the way in; [`PublicJwk`] has no place for one, so none comes out |
//! | decryption that panics, inflates, or tells what was wrong | a guard checks every length first; compression and CBC are switched off; every failure is the same error |
//! | secrets in logs | `Debug` of every type shows names, never keys, claims or tokens; errors are fixed sentences |
//!
//! josekit 0.10.3 panics on some inputs: an empty IV, a wrapped key of 1 to 7 bytes, times beyond its calendar. The
//! guard in front of [`DecryptionKey::decrypt`] and the strict [`Claims`] make these unreachable.
//!
//! There is no clock in this crate. Whether a token has expired, and whether it is meant for us, is for the caller.
//!
//! ```
//! use fapi_jose::{Alg, JwkSet, SigningKey, Unverified};
//!
//! let key = SigningKey::generate(Alg::Es256, 2048)?;
//! let published = JwkSet::from_keys(vec![key.public().clone()]);
//! let claims = serde_json::Map::from_iter([("sub".to_owned(), "alice".into())]);
//! let token = key.sign(Some("at+jwt"), &claims)?;
//!
//! let verified = Unverified::parse(&token)?.verify(&published, &[Alg::Ps256, Alg::Es256])?;
//! assert_eq!(verified.claims.string("sub")?, Some("alice"));
//!
//! // Another key, or an algorithm that is not allowed here:
//! let other = SigningKey::generate(Alg::Es256, 2048)?;
//! assert!(Unverified::parse(&token)?.verify_with(other.public(), &[Alg::Es256]).is_err());
//! assert!(Unverified::parse(&token)?.verify(&published, &[Alg::Ps256]).is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod alg;
mod claims;
mod error;
mod hash;
pub mod json;
mod jwe;
mod jwk;
mod jws;
mod private;
mod signing;
mod verifier;

pub use self::alg::{Alg, Content, KeyManagement, UnknownAlgorithm};
pub use self::claims::{ClaimError, Claims};
pub use self::error::JoseError;
pub use self::hash::{b64, half_hash, sha256};
pub use self::jwe::{DecryptionKey, encrypt, encrypt_from};
pub use self::jwk::{JwkError, JwkSet, JwkSetError, MAX_KEYS, PublicJwk, Use};
pub use self::jws::{Unverified, Verified};
pub use self::private::KeyError;
pub use self::signing::SigningKey;
