//! josekit's `JwsVerifier` over keys of aws-lc-rs, parsed once.

use std::fmt;

use aws_lc_rs::error::Unspecified;
use aws_lc_rs::signature::ParsedPublicKey;
use josekit::jws::alg::ecdsa::EcdsaJwsAlgorithm;
use josekit::jws::alg::eddsa::EddsaJwsAlgorithm;
use josekit::jws::alg::rsassa_pss::RsassaPssJwsAlgorithm;
use josekit::jws::{JwsAlgorithm, JwsVerifier};

use crate::Alg;
use crate::alg::FULLY_SPECIFIED;

/// One public key for one algorithm.
///
/// It has no key id: josekit would then demand one in the header, and which key to try is decided before
/// ([`crate::JwkSet`]), not by josekit.
#[derive(Clone)]
pub(crate) struct Verifier {
    alg: Alg,
    key: ParsedPublicKey,
    name: &'static dyn JwsAlgorithm,
}

/// josekit compares the name in a header with the verifier's, and does not know this one.
#[derive(Clone, Debug)]
struct Ed25519;

impl JwsAlgorithm for Ed25519 {
    fn name(&self) -> &str {
        FULLY_SPECIFIED
    }

    fn box_clone(&self) -> Box<dyn JwsAlgorithm> {
        Box::new(self.clone())
    }
}

impl Verifier {
    pub(crate) fn new(alg: Alg, key: ParsedPublicKey) -> Verifier {
        Verifier { alg, key, name: algorithm(alg) }
    }

    /// The same, for a token whose header calls `EdDSA` by its other name.
    pub(crate) fn fully_specified(&self) -> Verifier {
        let name: &dyn JwsAlgorithm = if self.alg == Alg::EdDsa { &Ed25519 } else { self.name };
        Verifier { name, ..self.clone() }
    }

    pub(crate) fn alg(&self) -> Alg {
        self.alg
    }
}

impl JwsVerifier for Verifier {
    fn algorithm(&self) -> &dyn JwsAlgorithm {
        self.name
    }

    fn key_id(&self) -> Option<&str> {
        None
    }

    fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), josekit::JoseError> {
        // RFC 7518 3.4, RFC 8037 3.1: exactly 64 bytes. The library knows too; what a signature may look like should not
        // depend on it alone (J-16). For PS256 the library compares with the length of the modulus (RFC 8017 8.1.2).
        let right_length = matches!(self.alg, Alg::Ps256) || signature.len() == 64;
        let verified = if right_length { self.key.verify_sig(message, signature) } else { Err(Unspecified) };
        verified.map_err(|error| josekit::JoseError::InvalidSignature(error.into()))
    }

    fn box_clone(&self) -> Box<dyn JwsVerifier> {
        Box::new(self.clone())
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Verifier({})", self.alg)
    }
}

/// josekit's own name tag for an algorithm.
pub(crate) fn algorithm(alg: Alg) -> &'static dyn JwsAlgorithm {
    match alg {
        Alg::Ps256 => &RsassaPssJwsAlgorithm::Ps256,
        Alg::Es256 => &EcdsaJwsAlgorithm::Es256,
        Alg::EdDsa => &EddsaJwsAlgorithm::Eddsa,
    }
}
