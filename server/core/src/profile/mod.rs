//! Which rules does a profile set, and what may be configured on top?
//!
//! A [`Profile`] is data: for each axis what it allows (the floor) and what holds when nobody says anything (the default).
//! [`narrow`] lays a Workspace's [`Overrides`] over it and yields the [`Rules`] in force, or says with the rule's id what
//! may not be configured. The rest of this crate asks `rules`, never the profile's name.
//!
//! A refusal names the rule it comes from: `F1-R…` (FAPI 1.0 Advanced), `UK-R…`, `BR-R…`, `AU-R…`, `F2-R…`, `MS-R…` are what
//! the one profile forbids, `INV-…` what all of them do, and any other id is a single requirement. A profile narrows the one
//! it extends on every axis, so a child's refusal may carry its parent's rule.

mod narrow;
mod overrides;
mod rules;
mod statics;
#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;

use fapi_jose::{Alg, Content, KeyManagement};
use serde::{Deserialize, Serialize};

pub use narrow::{Refusal, narrow};
pub use overrides::{EncryptionOverrides, LifetimeOverrides, Overrides, RefreshOverrides};
pub use rules::{Lifetimes, Rotation, Rules};
pub use statics::{
    CDR_AUSTRALIA, FAPI2_MESSAGE_SIGNING, FAPI2_SECURITY, FINTECH, OPEN_BANKING_BRAZIL, OPEN_BANKING_UK,
};

use crate::lifetime::Lifetime;

/// The values of `spec.profile`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum ProfileName {
    /// FAPI 1.0 Advanced.
    Fintech,
    /// Open Banking UK v4.0 on FAPI 1.0 Advanced.
    OpenBankingUK,
    /// Open Finance Brasil (FAPI-BR v2).
    OpenBankingBrazil,
    /// Consumer Data Standards Australia 1.36.
    CDRAustralia,
    /// FAPI 2.0 Security Profile.
    FAPI2Security,
    /// FAPI 2.0 Message Signing.
    FAPI2MessageSigning,
}

impl ProfileName {
    /// All of them, in the order of the documentation.
    pub const ALL: [Self; 6] = [
        Self::Fintech,
        Self::OpenBankingUK,
        Self::OpenBankingBrazil,
        Self::CDRAustralia,
        Self::FAPI2Security,
        Self::FAPI2MessageSigning,
    ];

    /// As in `spec.profile`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fintech => "Fintech",
            Self::OpenBankingUK => "OpenBankingUK",
            Self::OpenBankingBrazil => "OpenBankingBrazil",
            Self::CDRAustralia => "CDRAustralia",
            Self::FAPI2Security => "FAPI2Security",
            Self::FAPI2MessageSigning => "FAPI2MessageSigning",
        }
    }

    /// Its rules.
    pub const fn profile(self) -> &'static Profile {
        match self {
            Self::Fintech => &FINTECH,
            Self::OpenBankingUK => &OPEN_BANKING_UK,
            Self::OpenBankingBrazil => &OPEN_BANKING_BRAZIL,
            Self::CDRAustralia => &CDR_AUSTRALIA,
            Self::FAPI2Security => &FAPI2_SECURITY,
            Self::FAPI2MessageSigning => &FAPI2_MESSAGE_SIGNING,
        }
    }
}

impl fmt::Display for ProfileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ProfileName {
    type Err = UnknownProfile;
    fn from_str(text: &str) -> Result<Self, UnknownProfile> {
        Self::ALL.into_iter().find(|name| name.as_str() == text).ok_or(UnknownProfile)
    }
}

/// No profile has this name.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "the profiles are Fintech, OpenBankingUK, OpenBankingBrazil, CDRAustralia, FAPI2Security, FAPI2MessageSigning"
)]
pub struct UnknownProfile;

macro_rules! vocabulary {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $text)] $variant),* }

        impl $name {
            /// As written in specifications and resources.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),* }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

vocabulary! {
    /// How a client proves who it is (`token_endpoint_auth_method`).
    ClientAuth {
        /// OpenID Connect Core 9, RFC 7523.
        PrivateKeyJwt = "private_key_jwt",
        /// RFC 8705 2.1: a certificate of a CA, matched by subject or one SAN.
        Tls = "tls_client_auth",
        /// RFC 8705 2.2: a certificate that was registered itself.
        SelfSignedTls = "self_signed_tls_client_auth",
    }
}

vocabulary! {
    /// To what access tokens are bound.
    SenderConstraint {
        /// RFC 8705 3: the client's TLS certificate.
        Certificate = "MTLS",
        /// RFC 9449: a key of the client's.
        DPoP = "DPoP",
    }
}

vocabulary! {
    /// Whether `DPoP` proofs need a nonce of the server's (RFC 9449 8, 9).
    DpopNonce {
        /// No: a proof is judged by its clock.
        Never = "Never",
        /// Every proof, so that none can be made in advance.
        Required = "Required",
    }
}

vocabulary! {
    /// What an authorization response looks like.
    Response {
        /// `response_type=code`, in a signed JWT (JARM).
        CodeJarm = "CodeJarm",
        /// `response_type=code id_token` in the fragment (hybrid flow, OpenID Connect Core 3.3).
        CodeIdToken = "CodeIdToken",
        /// `response_type=code` as plain query parameters with `iss` (FAPI 2.0).
        Code = "Code",
    }
}

vocabulary! {
    /// How an authorization request may arrive.
    RequestDelivery {
        /// Through the PAR endpoint only.
        PushedOnly = "PushedOnly",
        /// Through PAR or as a signed request object in the `request` parameter.
        PushedOrByValue = "PushedOrByValue",
        /// In the `request` parameter only; there is no PAR endpoint.
        ByValueOnly = "ByValueOnly",
    }
}

vocabulary! {
    /// When a request needs PKCE with S256. Where it is not needed, a challenge that is sent is enforced (`PKC-05`).
    Pkce {
        /// Always.
        Required = "Required",
        /// In pushed requests (FAPI 1.0 Advanced 5.2.2-18).
        PushedOnly = "PushedOnly",
        /// Never.
        Tolerated = "Tolerated",
    }
}

vocabulary! {
    /// Whether something is encrypted to the client.
    Encryption {
        /// Never.
        Off = "Never",
        /// For clients that registered an algorithm.
        Optional = "Optional",
        /// For every client; one without an encryption key cannot be registered.
        Required = "Required",
    }
}

vocabulary! {
    /// What a client sees as `sub` (OpenID Connect Core 8).
    SubjectType {
        /// The same for every client.
        Public = "public",
        /// Another for every sector.
        Pairwise = "pairwise",
    }
}

vocabulary! {
    /// When refresh tokens are issued.
    RefreshIssue {
        /// To every client that has the grant type `refresh_token`.
        Granted = "Granted",
        /// Only with the scope `offline_access`.
        OfflineAccess = "OfflineAccess",
        /// As long as the consent that the token stands for lasts.
        Consent = "Consent",
        /// Never.
        Never = "Never",
    }
}

/// Signed request objects: a rule of the profile, never configured.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RequestObject {
    /// Every request is a signed request object; only what is inside counts. `exp − nbf`, and the age of `nbf`, are at most
    /// `window` (FAPI 1.0 Advanced 5.2.2-1, -13, -17; FAPI 2.0 Message Signing 5.3.1).
    SignedRequired {
        /// 60 minutes in every text.
        window: Lifetime,
    },
    /// A request may be signed; if it is, the same window holds.
    SignedOptional {
        /// 60 minutes in every text.
        window: Lifetime,
    },
}

impl RequestObject {
    /// The longest span between `nbf` and `exp`.
    pub const fn window(self) -> Lifetime {
        match self {
            Self::SignedRequired { window } | Self::SignedOptional { window } => window,
        }
    }
}

/// What a client assertion's `aud` may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AssertionAudience {
    /// The issuer, the token endpoint or the endpoint called, alone or in an array (`CA-07a`).
    IssuerOrEndpoint,
    /// The issuer, as a string (`CA-07b`).
    IssuerOnly,
}

/// When a request needs a `nonce`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Nonce {
    /// With the scope `openid`; without it `state` is needed (FAPI 1.0 Baseline 5.2.2.2, 5.2.2.3).
    RequiredWithOpenid,
    /// Never, but it is returned (FAPI 2.0 Security Profile 5.3.2.2-14).
    Optional,
}

/// Which certificate may bind a token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BindingCertificate {
    /// Any whose key the caller holds.
    Any,
    /// One that chains to the Workspace's client CA; every back-channel endpoint asks for it (`MTL-08`).
    Anchored,
}

/// Whether `iss` stands beside a plain response (RFC 9207). Inside JARM it is always a claim.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum IssParameter {
    /// Sent, because it helps against mix-up, and advertised.
    Sent,
    /// Demanded by the profile: cannot be switched off.
    Required,
}

/// What a person is asked to agree to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ConsentKind {
    /// Scopes and authorization details.
    Generic,
    /// An account-access or payment consent that the client lodged (`openbanking_intent_id`).
    UkIntent,
    /// A consent that the client created, named by the scope `consent:<id>`.
    BrazilConsent,
    /// A sharing arrangement with a duration.
    CdrArrangement,
}

/// Which `acr` values a server knows, and whether every ID Token carries one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Acr {
    /// Rule that guards `required`.
    pub rule: &'static str,
    /// Offered when the Workspace names none.
    pub default: &'static [&'static str],
    /// Must be among those offered.
    pub required: &'static [&'static str],
    /// Every ID Token has an `acr`.
    pub always: bool,
}

/// One axis with several values in force at once: a subset of `allowed`, in order of preference.
#[derive(Clone, Copy, Debug)]
pub struct Choice<T: 'static> {
    /// Names the refusal, e.g. `F1-R02`.
    pub rule: &'static str,
    /// The floor.
    pub allowed: &'static [T],
    /// When nothing is configured.
    pub default: &'static [T],
}

/// One axis with one value in force.
#[derive(Clone, Copy, Debug)]
pub struct One<T: 'static> {
    /// Names the refusal.
    pub rule: &'static str,
    /// The floor.
    pub allowed: &'static [T],
    /// When nothing is configured.
    pub default: T,
}

/// A span of time within bounds.
#[derive(Clone, Copy, Debug)]
pub struct Bound {
    /// Names the refusal.
    pub rule: &'static str,
    /// Not shorter.
    pub min: Lifetime,
    /// Not longer.
    pub max: Lifetime,
    /// When nothing is configured.
    pub default: Lifetime,
}

/// The bounds of all configurable spans of time.
#[derive(Clone, Copy, Debug)]
pub struct LifetimeBounds {
    /// Authorization codes.
    pub authorization_code: Bound,
    /// `request_uri` of a pushed request.
    pub pushed_request: Bound,
    /// From opening the request to the answer.
    pub interaction: Bound,
    /// `exp − nbf` of a request object.
    pub request_object: Bound,
    /// Access tokens.
    pub access_token: Bound,
    /// ID Tokens.
    pub id_token: Bound,
    /// Refresh tokens; zero means: as long as the grant.
    pub refresh_token: Bound,
    /// A grant as a whole.
    pub grant: Bound,
    /// A JARM response.
    pub jarm: Bound,
    /// A sign-in session without activity.
    pub session_idle: Bound,
    /// A sign-in session at most.
    pub session_absolute: Bound,
    /// How long relying parties may keep our JWKS.
    pub jwks_max_age: Bound,
}

/// A profile: a floor, not a template. What it forbids cannot be configured, by anyone, in any layer.
#[derive(Debug)]
pub struct Profile {
    /// Its name.
    pub name: ProfileName,
    /// The text it implements, for people.
    pub title: &'static str,
    /// Whose floor it narrows; `None` for the two bases.
    pub extends: Option<&'static Profile>,
    /// How clients authenticate.
    pub client_auth: Choice<ClientAuth>,
    /// What tokens are bound to.
    pub sender_constraint: Choice<SenderConstraint>,
    /// Whether `DPoP` proofs need a nonce.
    pub dpop_nonce: One<DpopNonce>,
    /// Algorithms of every signature we make or accept.
    pub signing: Choice<Alg>,
    /// JWE key management.
    pub key_management: Choice<KeyManagement>,
    /// JWE content encryption.
    pub content: Choice<Content>,
    /// How requests arrive.
    pub request_delivery: One<RequestDelivery>,
    /// Whether requests are signed.
    pub request_object: RequestObject,
    /// What responses look like.
    pub responses: Choice<Response>,
    /// PKCE.
    pub pkce: One<Pkce>,
    /// What assertions are addressed to.
    pub assertion_audience: AssertionAudience,
    /// When `nonce` is needed.
    pub nonce: Nonce,
    /// When refresh tokens are issued.
    pub refresh_issue: One<RefreshIssue>,
    /// Whether refresh tokens may be replaced when used.
    pub refresh_rotation: One<bool>,
    /// Whether they may be all the same for a migration, with an end and time to try again (FAPI2-SP 5.3.2.1-9).
    pub refresh_migration: bool,
    /// What `sub` is.
    pub subject_types: Choice<SubjectType>,
    /// Authentication context classes.
    pub acr: Acr,
    /// ID Token encryption.
    pub id_token_encryption: One<Encryption>,
    /// JARM encryption.
    pub jarm_encryption: One<Encryption>,
    /// Which certificate binds.
    pub binding_certificate: BindingCertificate,
    /// `iss` beside the response.
    pub iss_parameter: IssParameter,
    /// What is agreed to.
    pub consent: ConsentKind,
    /// Claims that must be advertised.
    pub claims: &'static [&'static str],
    /// Scopes that mean a person's data and need a consent of the ecosystem's own.
    pub intent_scopes: &'static [&'static str],
    /// Introspection of access tokens by clients (CDR: refresh tokens only).
    pub clients_introspect_access_tokens: bool,
    /// Signed introspection answers (RFC 9701) are offered.
    pub signed_introspection: bool,
    /// Spans of time.
    pub lifetimes: LifetimeBounds,
}
