//! JWS, JWE, JWK and thumbprints: josekit, fenced.

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
pub use self::jwe::{DecryptionKey, encrypt};
pub use self::jwk::{JwkError, JwkSet, JwkSetError, MAX_KEYS, PublicJwk, Use};
pub use self::jws::{Unverified, Verified};
pub use self::private::KeyError;
pub use self::signing::SigningKey;
