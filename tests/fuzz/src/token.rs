//! How do bytes become a signed token, though no key is checked in? The first line says who signs, the second is the header, the rest
//! is the payload: all of it in plain text, so that mutations reach what stands behind the signature.
//!
//! ```text
//! app
//! {"alg":"ES256","kid":"@kid"}
//! {"iss":"app"}
//! ```
//!
//! `@kid` and `@jwk` stand for the signer's. Instead of a signer, `unsigned` leaves the signature empty; another word is the signature's
//! own text. A first line `raw` makes the second the whole token.

use fapi_jose::{Alg, b64};
use josekit::jwk::Jwk;
use josekit::jws::{self, JwsSigner};
use serde_json::{Map, Value};

use crate::actors::Signer;

/// A token as somebody would send it.
#[derive(Debug)]
pub(crate) struct Token {
    /// In compact form, whatever that is worth.
    pub(crate) compact: String,
    /// Who signed it, if anybody, and by that signer's own algorithm.
    pub(crate) signer: Option<Signer>,
    /// What was signed.
    pub(crate) header: String,
    /// What was signed.
    pub(crate) payload: String,
}

impl Token {
    /// Makes a token of an input. `None` for what is no text.
    pub(crate) fn from_input(input: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(input).ok()?;
        let (first, rest) = text.split_once('\n')?;
        if first == "raw" {
            let compact = rest.trim_end_matches('\n').to_owned();
            return Some(Self { compact, signer: None, header: String::new(), payload: String::new() });
        }
        let (header, payload) = rest.split_once('\n').unwrap_or((rest, ""));
        let payload = payload.strip_suffix('\n').unwrap_or(payload);
        let signer = Signer::named(first);
        let said = signer.unwrap_or(Signer::App).key().public();
        let named = |text: &str| {
            text.replace("@kid", said.thumbprint()).replace("\"@jwk\"", &said.to_json().to_string())
        };
        let (header, payload) = (named(header), named(payload));
        let message = format!("{}.{}", b64::encode(&header), b64::encode(&payload));
        let signature = match (signer, first) {
            (Some(signer), _) => b64::encode(sign(signer, message.as_bytes())),
            (None, "unsigned") => String::new(),
            (None, other) => other.to_owned(),
        };
        Some(Self { compact: format!("{message}.{signature}"), signer, header, payload })
    }

    /// The payload as a parser would read it that takes the last of two members of one name.
    pub(crate) fn claims(&self) -> Map<String, Value> {
        serde_json::from_str(&self.payload).expect("what was accepted has an object for a payload")
    }

    /// The header, in the same way.
    pub(crate) fn headers(&self) -> Map<String, Value> {
        serde_json::from_str(&self.header).expect("what was accepted has an object for a header")
    }
}

/// The key as josekit reads it, without `alg` and `use`.
pub(crate) fn josekit_key(signer: Signer) -> Jwk {
    let mut members: Map<String, Value> =
        serde_json::from_str(&signer.key().to_private_jwk()).expect("a JWK");
    members.retain(|name, _| !["alg", "use", "kid"].contains(&name.as_str()));
    Jwk::from_map(members).expect("a JWK")
}

/// josekit's own signer, made with OpenSSL: an honest party of another make.
fn sign(signer: Signer, message: &[u8]) -> Vec<u8> {
    let jwk = josekit_key(signer);
    let signer: Box<dyn JwsSigner> = match signer.key().alg() {
        Alg::Ps256 => Box::new(jws::PS256.signer_from_jwk(&jwk).expect("a signer")),
        Alg::Es256 => Box::new(jws::ES256.signer_from_jwk(&jwk).expect("a signer")),
        Alg::EdDsa => Box::new(jws::EdDSA.signer_from_jwk(&jwk).expect("a signer")),
    };
    signer.sign(message).expect("a signature")
}

/// Whether josekit, which knows nothing of our fence, verifies this token with the public key of that signer.
pub(crate) fn josekit_agrees(compact: &str, signer: Signer) -> bool {
    let mut members = signer.key().public().to_json();
    for name in ["alg", "use", "kid"] {
        members.as_object_mut().expect("a JWK").remove(name);
    }
    let Value::Object(members) = members else { return false };
    let jwk = Jwk::from_map(members).expect("a JWK");
    let verifier: Box<dyn jws::JwsVerifier> = match signer.key().alg() {
        Alg::Ps256 => Box::new(jws::PS256.verifier_from_jwk(&jwk).expect("a verifier")),
        Alg::Es256 => Box::new(jws::ES256.verifier_from_jwk(&jwk).expect("a verifier")),
        Alg::EdDsa => Box::new(jws::EdDSA.verifier_from_jwk(&jwk).expect("a verifier")),
    };
    let Some((message, signature)) = compact.rsplit_once('.') else { return false };
    b64::decode(signature).is_some_and(|signature| verifier.verify(message.as_bytes(), &signature).is_ok())
}
