//! Only for the recipient: encryption to a public key, and decryption behind a guard.

mod decryption;
mod guard;

use std::sync::LazyLock;

use josekit::jwe::alg::ecdh_es::EcdhEsJweAlgorithm;
use josekit::jwe::alg::rsaes::RsaesJweAlgorithm;
use josekit::jwe::{JweContext, JweEncrypter, JweHeader};

pub use self::decryption::DecryptionKey;
use crate::{Content, JoseError, KeyManagement, PublicJwk};

/// josekit with everything switched off that we do not use: compression, and every `enc` that is not in [`Content`].
static CONTEXT: LazyLock<JweContext> = LazyLock::new(|| {
    let mut context = JweContext::new();
    context.remove_compression("DEF");
    for enc in ["A128CBC-HS256", "A192CBC-HS384", "A256CBC-HS512", "A192GCM"] {
        context.remove_content_encryption(enc);
    }
    context
});

/// Encrypts to the holder of `key`: a JWE in compact serialization (RFC 7516 7.1) with the header `alg`, `enc`, `kid`
/// of the key if it has one, and `cty` if given (`JWT` for a nested token, RFC 7519 5.2).
pub fn encrypt(
    payload: &[u8],
    cty: Option<&str>,
    key: &PublicJwk,
    alg: KeyManagement,
    enc: Content,
) -> Result<String, JoseError> {
    encrypt_with(payload, JweHeader::new(), cty, key, alg, enc)
}

/// As [`encrypt`] a nested token, with its issuer in the header too (RFC 7519 5.3): whoever holds keys of several issuers learns
/// whose it is.
pub fn encrypt_from(
    issuer: &str,
    jwt: &str,
    key: &PublicJwk,
    alg: KeyManagement,
    enc: Content,
) -> Result<String, JoseError> {
    let mut header = JweHeader::new();
    header.set_issuer(issuer);
    encrypt_with(jwt.as_bytes(), header, Some("JWT"), key, alg, enc)
}

fn encrypt_with(
    payload: &[u8],
    mut header: JweHeader,
    cty: Option<&str>,
    key: &PublicJwk,
    alg: KeyManagement,
    enc: Content,
) -> Result<String, JoseError> {
    if !key.fits_encryption(alg) {
        return Err(JoseError::CannotEncrypt);
    }
    let encrypter = key.encrypter(alg, || encrypter(key, alg)).ok_or(JoseError::CannotEncrypt)?;

    header.set_algorithm(alg.as_str());
    header.set_content_encryption(enc.as_str());
    if let Some(kid) = key.kid() {
        header.set_key_id(kid);
    }
    if let Some(cty) = cty {
        header.set_content_type(cty);
    }
    CONTEXT.serialize_compact(payload, &header, encrypter).map_err(|_| JoseError::CannotEncrypt)
}

fn encrypter(key: &PublicJwk, alg: KeyManagement) -> Option<Box<dyn JweEncrypter>> {
    let jwk = key.bare()?;
    match algorithm(alg) {
        Algorithm::Rsa(alg) => {
            let mut encrypter = alg.encrypter_from_jwk(&jwk).ok()?;
            encrypter.remove_key_id();
            Some(Box::new(encrypter))
        }
        Algorithm::Ecdh(alg) => {
            let mut encrypter = alg.encrypter_from_jwk(&jwk).ok()?;
            encrypter.remove_key_id();
            Some(Box::new(encrypter))
        }
    }
}

/// josekit's algorithm of the same name.
enum Algorithm {
    Rsa(RsaesJweAlgorithm),
    Ecdh(EcdhEsJweAlgorithm),
}

fn algorithm(alg: KeyManagement) -> Algorithm {
    match alg {
        KeyManagement::RsaOaep => Algorithm::Rsa(RsaesJweAlgorithm::RsaOaep),
        KeyManagement::RsaOaep256 => Algorithm::Rsa(RsaesJweAlgorithm::RsaOaep256),
        KeyManagement::EcdhEs => Algorithm::Ecdh(EcdhEsJweAlgorithm::EcdhEs),
        KeyManagement::EcdhEsA256kw => Algorithm::Ecdh(EcdhEsJweAlgorithm::EcdhEsA256kw),
    }
}
