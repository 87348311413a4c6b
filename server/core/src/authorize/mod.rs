//! Is this an authorization request we accept?
//!
//! A request comes pushed (RFC 9126) or by value (RFC 9101), is parsed once, and travels on as an [`AuthorizationRequest`]
//! inside a [`Grant`](crate::grant::Grant). What follows never reads parameters again.

mod arrival;
mod claims_parameter;
#[cfg(test)]
mod encrypted_tests;
mod parse;
mod request_object;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use arrival::{Arrival, REQUEST_URI_PREFIX, Refused, arrive, by_value};
pub use claims_parameter::{AcrWish, ClaimsRequest};
pub use parse::push;

use crate::details::AuthorizationDetails;
use crate::dpop::{HeldKey, KeyThumbprint};
use crate::profile::Response;
use crate::redirect::RedirectUri;
use crate::rejection::{ErrorCode, Rejection};
use crate::scope::Scopes;
use crate::secret::Digest;

/// An authorization request that was accepted.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct AuthorizationRequest {
    /// What the answer looks like.
    pub response: Response,
    /// Where it goes.
    pub redirect_uri: RedirectUri,
    /// What is asked for.
    pub scope: Scopes,
    /// What is asked for exactly (RFC 9396).
    #[serde(default, skip_serializing_if = "AuthorizationDetails::is_empty")]
    pub details: AuthorizationDetails,
    /// Opaque, returned unchanged (`AUT-07`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Opaque, returned in ID Tokens (`AUT-08`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    /// PKCE.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code_challenge: Option<CodeChallenge>,
    /// The `DPoP` key that alone may redeem the code (RFC 9449 10).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dpop_jkt: Option<KeyThumbprint>,
    /// How the person is to be asked.
    #[serde(default)]
    pub prompt: Prompt,
    /// Sign-in at most so many seconds old.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age: Option<i64>,
    /// `acr_values`, wished for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub acr_values: Vec<String>,
    /// The `claims` parameter.
    #[serde(default, skip_serializing_if = "ClaimsRequest::is_empty")]
    pub claims: ClaimsRequest,
    /// Who will probably sign in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login_hint: Option<String>,
    /// Languages, preferred first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ui_locales: Vec<String>,
    /// Resource server the access token is for (RFC 8707).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// How it arrived.
    pub delivery: Delivery,
}

impl AuthorizationRequest {
    /// A pushed request that came with a proof: the code is bound to its key as if `dpop_jkt` had named it (RFC 9449 10.1).
    ///
    /// # Errors
    /// `invalid_dpop_proof` if `dpop_jkt` names another key (`DPO-12`, `E-28`).
    pub fn pushed_with(self, key: &HeldKey) -> Result<Self, Rejection> {
        if self.dpop_jkt.as_ref().is_some_and(|named| named != key.thumbprint()) {
            let description = "dpop_jkt names another key than that of the DPoP proof";
            return Err(Rejection::new(
                ErrorCode::InvalidDpopProof,
                description,
                crate::Clause("RFC 9449 10.1"),
            ));
        }
        Ok(Self { dpop_jkt: Some(key.thumbprint().clone()), ..self })
    }
}

/// How a request arrived.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Delivery {
    /// Through the PAR endpoint.
    Pushed,
    /// In the `request` parameter: the object may lead to one answer only.
    ByValue {
        /// Of what was signed: the same object in another spelling of its signature is the same object.
        digest: Digest,
        /// When the object ends; its digest is remembered until then.
        expires: crate::lifetime::Timestamp,
    },
}

/// A PKCE challenge; S256 is the only method (`PKC-02`).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CodeChallenge(String);

impl CodeChallenge {
    /// 43–128 unreserved characters (RFC 7636 4.2).
    pub fn parse(text: &str) -> Option<Self> {
        well_formed(text).then(|| Self(text.to_owned()))
    }

    /// Whether `verifier` is the challenge's (RFC 7636 4.6).
    pub fn verify(&self, verifier: &str) -> bool {
        use subtle::ConstantTimeEq as _;
        let hashed = fapi_jose::b64::encode(fapi_jose::sha256(verifier.as_bytes()));
        well_formed(verifier) && bool::from(hashed.as_bytes().ct_eq(self.0.as_bytes()))
    }
}

fn well_formed(text: &str) -> bool {
    (43..=128).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~'))
}

/// `prompt` (OpenID Connect Core 3.1.2.1).
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Prompt {
    /// `none`: answer at once or fail.
    pub none: bool,
    /// `login`: sign in again.
    pub login: bool,
    /// `consent`: ask again.
    pub consent: bool,
}

#[cfg(test)]
mod pkce_tests {
    use super::*;

    #[test]
    fn the_example_of_rfc_7636_verifies() {
        let challenge = CodeChallenge::parse("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM").unwrap();
        assert!(challenge.verify("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"), "RFC 7636 B");
        assert!(!challenge.verify("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXl"), "PKC-04");
    }

    #[test]
    fn challenges_and_verifiers_have_43_to_128_characters() {
        assert!(CodeChallenge::parse(&"a".repeat(42)).is_none(), "PKC-03");
        assert!(CodeChallenge::parse(&"a".repeat(129)).is_none(), "PKC-03");
        assert!(CodeChallenge::parse(&"+".repeat(43)).is_none(), "PKC-03");
        assert!(CodeChallenge::parse(&"a".repeat(128)).is_some(), "PKC-03");
    }
}
