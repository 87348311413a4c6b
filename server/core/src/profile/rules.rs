//! The rules in force: a profile, narrowed. What every decision in this crate asks.

use fapi_jose::{Alg, Content, KeyManagement};
use serde::Serialize;

use super::{
    AssertionAudience, BindingCertificate, ClientAuth, ConsentKind, DpopNonce, Encryption, IssParameter,
    Nonce, Pkce, Profile, ProfileName, RefreshIssue, RequestDelivery, RequestObject, Response,
    SenderConstraint, SubjectType,
};
use crate::lifetime::{Lifetime, Timestamp};

/// The rules of one Workspace. Made by [`narrow`](super::narrow) only, so they are never wider than the profile.
#[derive(Clone, Debug)]
pub struct Rules {
    pub(super) profile: &'static Profile,
    /// How clients may authenticate.
    pub client_auth: Vec<ClientAuth>,
    /// What tokens may be bound to.
    pub sender_constraint: Vec<SenderConstraint>,
    /// Whether `DPoP` proofs need a nonce.
    pub dpop_nonce: DpopNonce,
    /// Signing algorithms, preferred first.
    pub signing: Vec<Alg>,
    /// JWE `alg`.
    pub key_management: Vec<KeyManagement>,
    /// JWE `enc`.
    pub content: Vec<Content>,
    /// How requests arrive.
    pub request_delivery: RequestDelivery,
    /// What responses look like.
    pub responses: Vec<Response>,
    /// PKCE.
    pub pkce: Pkce,
    /// When refresh tokens are issued.
    pub refresh_issue: RefreshIssue,
    /// Whether refresh tokens are replaced when used, and how.
    pub refresh_rotation: Option<Rotation>,
    /// What `sub` may be; the first is the default of a client.
    pub subject_types: Vec<SubjectType>,
    /// Authentication context classes.
    pub acr_values: Vec<String>,
    /// ID Token encryption.
    pub id_token_encryption: Encryption,
    /// JARM encryption.
    pub jarm_encryption: Encryption,
    /// Spans of time.
    pub lifetimes: Lifetimes,
}

/// Replacement of refresh tokens at their use (`REF-07`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rotation {
    /// When it ends; afterwards the token that is there stays.
    pub until: Option<Timestamp>,
    /// How long a replaced token still works, so that a lost answer can be asked for again (FAPI2-SP 5.3.2.1-9).
    pub retry: Lifetime,
}

/// The spans of time in force.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "each is documented at LifetimeBounds")]
pub struct Lifetimes {
    pub authorization_code: Lifetime,
    pub pushed_request: Lifetime,
    pub interaction: Lifetime,
    pub request_object: Lifetime,
    pub access_token: Lifetime,
    pub id_token: Lifetime,
    pub refresh_token: Lifetime,
    pub grant: Lifetime,
    pub jarm: Lifetime,
    pub session_idle: Lifetime,
    pub session_absolute: Lifetime,
    pub jwks_max_age: Lifetime,
}

impl Rules {
    /// Which profile they narrow.
    pub const fn name(&self) -> ProfileName {
        self.profile.name
    }

    /// The profile itself, for what cannot be configured and for documentation.
    pub const fn profile(&self) -> &'static Profile {
        self.profile
    }

    /// Whether and how requests are signed. The window may be narrowed by `lifetimes.requestObject`.
    pub fn request_object(&self) -> RequestObject {
        let window = self.lifetimes.request_object;
        match self.profile.request_object {
            RequestObject::SignedRequired { .. } => RequestObject::SignedRequired { window },
            RequestObject::SignedOptional { .. } => RequestObject::SignedOptional { window },
        }
    }

    /// What assertions may be addressed to.
    pub const fn assertion_audience(&self) -> AssertionAudience {
        self.profile.assertion_audience
    }

    /// When `nonce` is needed.
    pub const fn nonce(&self) -> Nonce {
        self.profile.nonce
    }

    /// Which certificate may bind a token.
    pub const fn binding_certificate(&self) -> BindingCertificate {
        self.profile.binding_certificate
    }

    /// Whether `iss` stands beside plain responses.
    pub const fn iss_parameter(&self) -> IssParameter {
        self.profile.iss_parameter
    }

    /// What a person agrees to.
    pub const fn consent(&self) -> ConsentKind {
        self.profile.consent
    }

    /// How a refresh token that is used now is replaced, if it is.
    pub fn rotation(&self, now: Timestamp) -> Option<Rotation> {
        self.refresh_rotation.filter(|rotation| rotation.until.is_none_or(|until| now < until))
    }

    /// Whether there is a PAR endpoint.
    pub fn offers_par(&self) -> bool {
        self.request_delivery != RequestDelivery::ByValueOnly
    }

    /// Whether the `request` parameter is read at the authorization endpoint.
    pub fn offers_by_value(&self) -> bool {
        self.request_delivery != RequestDelivery::PushedOnly
    }

    /// Whether a response of this kind may be asked for.
    pub fn offers(&self, response: Response) -> bool {
        self.responses.contains(&response)
    }
}
