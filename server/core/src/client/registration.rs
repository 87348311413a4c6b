//! What a client registers: the values of a `Client` resource, resolved, as they travel in the document.

use std::collections::BTreeMap;

use fapi_jose::{Alg, Content, JwkSet, KeyManagement};
use serde::{Deserialize, Serialize};

use crate::certificate::SubjectName;
use crate::ids::{ClientId, Incarnation};
use crate::lifetime::Lifetime;
use crate::logo::LogoId;
use crate::profile::{ClientAuth, Response, SenderConstraint, SubjectType};
use crate::scope::Scopes;

/// A client as registered. Nothing in it is secret: FAPI clients have none.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Registration {
    /// RFC 7591 `client_id`.
    pub client_id: ClientId,
    /// Which life of the client this is.
    pub incarnation: Incarnation,
    /// `false`: refused at once, keeps its registration.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// `client_name` by language tag; the empty tag is the default.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub display_name: BTreeMap<String, String>,
    /// `client_uri`; this and the next two are https.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_uri: Option<String>,
    /// `policy_uri`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_uri: Option<String>,
    /// `tos_uri`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tos_uri: Option<String>,
    /// The picture beside its name, in place of a `logo_uri`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logo: Option<LogoId>,
    /// How it authenticates.
    pub auth: AuthRegistration,
    /// `redirect_uris`, as text: parsed when the client is accepted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub redirect_uris: Vec<String>,
    /// `post_logout_redirect_uris`, as text: parsed when the client is accepted (OpenID Connect RP-Initiated Logout 3.1).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub post_logout_redirect_uris: Vec<String>,
    /// `backchannel_logout_uri` (OpenID Connect Back-Channel Logout 2.2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backchannel_logout_uri: Option<String>,
    /// `grant_types`; empty for a resource server.
    #[serde(default)]
    pub grant_types: Vec<GrantType>,
    /// `scope`; absent: whatever the Workspace offers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Scopes>,
    /// Resource servers it may ask tokens for (RFC 8707); empty: any of the Workspace's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<String>,
    /// `authorization_details_types` (RFC 9396 10); empty: any of the Workspace's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub authorization_details_types: Vec<String>,
    /// To what its tokens are bound; absent: the Workspace's first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sender_constraint: Option<SenderConstraint>,
    /// `response_modes` (FAPI 2.0 Message Signing), with their `response_type`; absent: whatever the Workspace offers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub responses: Option<Vec<Response>>,
    /// `require_pushed_authorization_requests` (RFC 9126 6): true tightens what the Workspace takes, false widens nothing.
    #[serde(default, skip_serializing_if = "is_false")]
    pub require_pushed_authorization_requests: bool,
    /// Request objects.
    #[serde(default, skip_serializing_if = "JoseChoice::is_empty")]
    pub request_object: JoseChoice,
    /// JARM.
    #[serde(default, skip_serializing_if = "JoseChoice::is_empty")]
    pub response: JoseChoice,
    /// ID Tokens.
    #[serde(default, skip_serializing_if = "JoseChoice::is_empty")]
    pub id_token: JoseChoice,
    /// UserInfo: JSON unless an algorithm is registered.
    #[serde(default, skip_serializing_if = "JoseChoice::is_empty")]
    pub userinfo: JoseChoice,
    /// Introspection: JSON unless an algorithm is registered.
    #[serde(default, skip_serializing_if = "JoseChoice::is_empty")]
    pub introspection: JoseChoice,
    /// Shorter than the Workspace's.
    #[serde(default, skip_serializing_if = "ClientLifetimes::is_empty")]
    pub lifetimes: ClientLifetimes,
    /// `subject_type`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject_type: Option<SubjectType>,
    /// Host whose clients share pairwise subjects; absent: the host of the redirect URIs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sector_identifier: Option<String>,
}

const fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
const fn is_false(flag: &bool) -> bool {
    !*flag
}

impl Registration {
    /// A client that has registered nothing beyond how it authenticates. What is absent has the default of RFC 7591 2, where it
    /// has one: `grant_types` is `authorization_code` alone. Everything else is the Workspace's to say.
    pub fn new(client_id: ClientId, incarnation: Incarnation, auth: AuthRegistration) -> Self {
        Self {
            client_id,
            incarnation,
            enabled: yes(),
            display_name: BTreeMap::new(),
            client_uri: None,
            policy_uri: None,
            tos_uri: None,
            logo: None,
            auth,
            redirect_uris: Vec::new(),
            post_logout_redirect_uris: Vec::new(),
            backchannel_logout_uri: None,
            grant_types: vec![GrantType::AuthorizationCode],
            scopes: None,
            resources: Vec::new(),
            authorization_details_types: Vec::new(),
            sender_constraint: None,
            responses: None,
            require_pushed_authorization_requests: false,
            request_object: JoseChoice::default(),
            response: JoseChoice::default(),
            id_token: JoseChoice::default(),
            userinfo: JoseChoice::default(),
            introspection: JoseChoice::default(),
            lifetimes: ClientLifetimes::default(),
            subject_type: None,
            sector_identifier: None,
        }
    }
}

/// How a client authenticates.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AuthRegistration {
    /// `token_endpoint_auth_method`.
    pub method: ClientAuth,
    /// `jwks`: public keys for assertions, request objects and encryption.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks: Option<JwkSet>,
    /// `jwks_uri`, fetched by the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks_uri: Option<String>,
    /// SHA-256 thumbprints (base64url of the DER, as `x5t#S256`) of registered certificates.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub certificates: Vec<String>,
    /// The one name a CA-issued certificate must have (RFC 8705 2.1.2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<SubjectName>,
    /// `token_endpoint_auth_signing_alg`, and of request objects unless they say otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signing_algorithms: Option<Vec<Alg>>,
}

impl AuthRegistration {
    /// A method, and nothing yet that it could be checked against.
    pub fn new(method: ClientAuth) -> Self {
        Self {
            method,
            jwks: None,
            jwks_uri: None,
            certificates: Vec::new(),
            tls: None,
            signing_algorithms: None,
        }
    }

    /// `private_key_jwt` with these keys (RFC 7523 2.2).
    pub fn private_key_jwt(jwks: JwkSet) -> Self {
        Self { jwks: Some(jwks), ..Self::new(ClientAuth::PrivateKeyJwt) }
    }
}

/// OAuth grant types that a client may be registered for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum GrantType {
    /// RFC 6749 4.1.
    #[serde(rename = "authorization_code")]
    AuthorizationCode,
    /// RFC 6749 6.
    #[serde(rename = "refresh_token")]
    RefreshToken,
    /// RFC 6749 4.4.
    #[serde(rename = "client_credentials")]
    ClientCredentials,
}

impl GrantType {
    /// As in `grant_type`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AuthorizationCode => "authorization_code",
            Self::RefreshToken => "refresh_token",
            Self::ClientCredentials => "client_credentials",
        }
    }

    /// From `grant_type`.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::AuthorizationCode, Self::RefreshToken, Self::ClientCredentials]
            .into_iter()
            .find(|g| g.as_str() == text)
    }
}

/// `…_signed_response_alg` and `…_encrypted_response_alg/enc` of one kind of message.
#[derive(Clone, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct JoseChoice {
    /// Signature algorithm; absent: the Workspace's first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signing_algorithm: Option<Alg>,
    /// Encryption; absent: none, unless the profile requires it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encryption: Option<EncryptionChoice>,
}

impl JoseChoice {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A JWE algorithm pair.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EncryptionChoice {
    /// JWE `alg`.
    pub algorithm: KeyManagement,
    /// JWE `enc`.
    pub content: Content,
}

/// Lifetimes of one client, each at most the Workspace's.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ClientLifetimes {
    /// Access tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_token: Option<Lifetime>,
    /// Refresh tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<Lifetime>,
    /// ID Tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_token: Option<Lifetime>,
}

impl ClientLifetimes {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
