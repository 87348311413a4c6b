//! Why a token was refused. The sentences are fixed: nothing that somebody sent is ever repeated in them.

use crate::Alg;
use crate::jwk::JwkError;

/// Why a JWS or JWE was refused, or could not be made.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum JoseError {
    /// Longer than 64 KiB, or its header longer than 4 KiB. Checked before anything is decoded (J-10).
    #[error("the token is too long")]
    TooLarge,
    /// Not three parts (a JWS, RFC 7515 7.1) where a JWS is expected. A JWE, with five, is refused here (J-11).
    #[error("the token is not a JWS in compact serialization")]
    NotCompact,
    /// A part is not unpadded base64url in its one canonical spelling (RFC 7515 2, J-10).
    #[error("a part of the token is not canonical base64url")]
    NotBase64Url,
    /// The header or the payload is not one JSON object without duplicate names, at most 16 levels deep (J-07, J-09).
    #[error("the token holds JSON that is malformed, nested too deeply, or names a member twice")]
    BadJson,
    /// The header holds a member we never act upon: `crit` and `b64` (J-06), or a key of the sender's choosing (J-05).
    #[error("the token has a header parameter that is not allowed here: {0}")]
    ForbiddenHeader(&'static str),
    /// A header parameter has the wrong type, or `kid` is longer than 128 bytes (J-04).
    #[error("the token has a malformed header parameter: {0}")]
    BadHeader(&'static str),
    /// `alg` is not one of [`Alg`] (J-01, J-02, J-03).
    #[error("the token is signed with an algorithm that is not supported")]
    UnknownAlgorithm,
    /// `alg` is known, and not allowed here.
    #[error("the token is signed with {0}, which is not allowed here")]
    AlgorithmNotAllowed(Alg),
    /// No key of the set carries the token's `kid` and fits its `alg`.
    #[error("no key fits the token's kid and alg")]
    KeyNotFound,
    /// A key was chosen and the signature does not verify with it.
    #[error("the signature does not verify")]
    BadSignature,
    /// The `jwk` header of a `DPoP` proof is missing or unacceptable (RFC 9449 4.2).
    #[error("the proof has no acceptable jwk header: {0}")]
    EmbeddedKey(JwkError),
    /// Decryption failed. Whatever the reason, the answer is this one (J-14).
    #[error("the token cannot be decrypted")]
    CannotDecrypt,
    /// The recipient's key does not fit the algorithm.
    #[error("the recipient's key does not fit the encryption algorithm")]
    CannotEncrypt,
    /// The cryptographic library refused to sign.
    #[error("signing failed")]
    CannotSign,
}
