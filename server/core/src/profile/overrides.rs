//! What a Workspace says under `protocol`: everything optional, nothing may widen the profile.

use fapi_jose::{Alg, Content, KeyManagement};
use serde::{Deserialize, Serialize};

use super::{
    ClientAuth, DpopNonce, Encryption, Pkce, RefreshIssue, RequestDelivery, Response, SenderConstraint,
    SubjectType,
};
use crate::lifetime::{Lifetime, Timestamp};

/// `spec.protocol` of a Workspace. An absent field means the profile's default.
#[derive(Clone, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Overrides {
    /// How clients may authenticate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_authentication: Option<Vec<ClientAuth>>,
    /// What tokens may be bound to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sender_constraints: Option<Vec<SenderConstraint>>,
    /// Whether `DPoP` proofs need a nonce.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dpop_nonce: Option<DpopNonce>,
    /// Signing algorithms in order of preference.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signing_algorithms: Option<Vec<Alg>>,
    /// JWE algorithms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encryption: Option<EncryptionOverrides>,
    /// How requests arrive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_delivery: Option<RequestDelivery>,
    /// What responses look like.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub responses: Option<Vec<Response>>,
    /// PKCE.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pkce: Option<Pkce>,
    /// Refresh tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_tokens: Option<RefreshOverrides>,
    /// What `sub` is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject_types: Option<Vec<SubjectType>>,
    /// Authentication context classes in ascending order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acr_values: Option<Vec<String>>,
    /// ID Token encryption.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_token_encryption: Option<Encryption>,
    /// JARM encryption.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jarm_encryption: Option<Encryption>,
    /// Spans of time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lifetimes: Option<LifetimeOverrides>,
}

/// `protocol.encryption`.
#[derive(Clone, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct EncryptionOverrides {
    /// JWE `alg`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_management: Option<Vec<KeyManagement>>,
    /// JWE `enc`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<Vec<Content>>,
}

/// `protocol.refreshTokens`.
#[derive(Clone, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RefreshOverrides {
    /// When they are issued.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issue: Option<RefreshIssue>,
    /// Whether each use replaces the token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rotation: Option<bool>,
    /// When that ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rotation_until: Option<Timestamp>,
    /// How long a replaced token still works.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_window: Option<Lifetime>,
}

/// `protocol.lifetimes`, in seconds.
#[derive(Clone, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct LifetimeOverrides {
    /// Authorization codes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorization_code: Option<Lifetime>,
    /// `request_uri`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pushed_request: Option<Lifetime>,
    /// From opening to answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interaction: Option<Lifetime>,
    /// `exp − nbf` of request objects.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_object: Option<Lifetime>,
    /// Access tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_token: Option<Lifetime>,
    /// ID Tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_token: Option<Lifetime>,
    /// Refresh tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<Lifetime>,
    /// Grants.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grant: Option<Lifetime>,
    /// JARM responses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jarm: Option<Lifetime>,
    /// Sessions without activity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_idle: Option<Lifetime>,
    /// Sessions at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_absolute: Option<Lifetime>,
    /// JWKS caching.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwks_max_age: Option<Lifetime>,
}
