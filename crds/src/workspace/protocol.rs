//! Which choices within the profile? Every field here is profile-governed: absent means the profile's default, which
//! `status.effective` shows, and what is written may only narrow what the profile allows.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::algorithm::{
    ClientAuthMethod, ContentEncryption, KeyManagement, SenderConstraint, SigningAlgorithm, SubjectType,
};
use crate::duration::Duration;
use crate::pattern;

/// Choices within the profile. Also the shape of `status.effective`, where everything that applies is filled in.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Protocol {
    /// How clients may authenticate: `private_key_jwt`, `tls_client_auth`, `self_signed_tls_client_auth`. Brazil and CDR allow
    /// `private_key_jwt` only (F1-R02, BR-R01, AU-R01).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 3))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub client_authentication: Option<Vec<ClientAuthMethod>>,
    /// What access tokens may be bound to: `MTLS` (RFC 8705), `DPoP` (RFC 9449, FAPI 2.0 only). The first is the default for
    /// clients that do not choose (F1-R01, F2-R06).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2))]
    #[x_kube(merge_strategy = ListMerge::Atomic,
        validation = Rule::new("self.all(a, self.exists_one(b, a == b))").message("name each sender constraint once"))]
    pub sender_constraints: Option<Vec<SenderConstraint>>,
    /// Whether `DPoP` proofs need a nonce of the server's (RFC 9449 8), so that none can be made in advance: `Never`, `Required`
    /// (FAPI 2.0 only, F1-R01).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dpop_nonce: Option<DpopNonce>,
    /// Algorithms for everything that is signed, most preferred first. `EdDSA` is for FAPI 2.0 only, and Brazil allows `PS256` only
    /// (F1-R03, BR-R02).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 3))]
    #[x_kube(merge_strategy = ListMerge::Atomic,
        validation = Rule::new("self.all(a, self.exists_one(b, a == b))").message("name each algorithm once; the order is the preference"))]
    pub signing_algorithms: Option<Vec<SigningAlgorithm>>,
    /// Algorithms for everything that is encrypted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption: Option<EncryptionAlgorithms>,
    /// How authorization requests arrive: `PushedOnly` (RFC 9126), `PushedOrByValue`, `ByValueOnly`. FAPI 2.0, Brazil and CDR
    /// demand `PushedOnly`, the UK `ByValueOnly` (F2-R01, BR-R03, AU-R03, UK-R01).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_delivery: Option<RequestDelivery>,
    /// How authorization responses leave: `Code`, `CodeIdToken` (hybrid), `CodeJarm` (a signed JWT). FAPI 1.0 never sends a plain
    /// `Code` (F1-R04, UK-R02, BR-R04, AU-R02, F2-R02, MS-R02).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 3))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub responses: Option<Vec<ResponseKind>>,
    /// Who must use PKCE with S256 (RFC 7636): `Required` for every request, `PushedOnly` for pushed ones (F1-R07, F2-R03).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pkce: Option<Pkce>,
    /// When refresh tokens are issued, and whether they are replaced at each use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_tokens: Option<RefreshTokens>,
    /// Whether a person has one identifier for all clients (`public`) or one for each sector (`pairwise`). Brazil demands `public`,
    /// CDR `pairwise` (BR-R08, AU-R04).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub subject_types: Option<Vec<SubjectType>>,
    /// Authentication context classes offered, weakest first, for example `urn:openbanking:psd2:sca` (BR-R09, UK-R04).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 16), inner(length(min = 1, max = 128), regex(pattern = pattern::PRINTABLE)))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub acr_values: Option<Vec<String>>,
    /// Whether ID tokens are encrypted to the client: `Never`, `Optional` (where the client registered a key), `Required`. Brazil
    /// demands it, CDR forbids it (BR-R05, AU-R07).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id_token_encryption: Option<EncryptionDemand>,
    /// Whether JARM responses are encrypted to the client: `Never`, `Optional` (where the client registered a key), `Required`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jarm_encryption: Option<EncryptionDemand>,
    /// How long things live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifetimes: Option<Lifetimes>,
}

/// Algorithms for everything that is encrypted (KEY-05).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct EncryptionAlgorithms {
    /// How the content key is agreed on, for example `RSA-OAEP-256` or `ECDH-ES`. Brazil allows `RSA-OAEP` only (BR-R02).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 5))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub key_management: Option<Vec<KeyManagement>>,
    /// How the content is encrypted, for example `A256GCM`. Brazil allows `A256GCM` only (BR-R02).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 3))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub content: Option<Vec<ContentEncryption>>,
}

/// Whether `DPoP` proofs need a nonce of the server's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum DpopNonce {
    /// A proof is judged by its clock.
    Never,
    /// Every proof needs one.
    Required,
}

/// How authorization requests arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum RequestDelivery {
    /// In the authorization URL, as a signed request object.
    ByValueOnly,
    /// Pushed to the server first (RFC 9126), and in no other way.
    PushedOnly,
    /// Either.
    PushedOrByValue,
}

/// How authorization responses leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum ResponseKind {
    /// A code in the query.
    Code,
    /// A code and an ID token in the fragment (hybrid).
    CodeIdToken,
    /// A code in a signed JWT (JARM).
    CodeJarm,
}

/// Who must use PKCE with S256.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Pkce {
    /// Pushed requests; those by value may go without.
    PushedOnly,
    /// Every request.
    Required,
}

/// Refresh tokens.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RefreshTokens {
    /// When one is issued: `Never`, `OfflineAccess` (with that scope, or a consent that outlives the access token), `Always`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issue: Option<RefreshIssue>,
    /// Whether it is replaced at each use. Brazil and CDR forbid it, FAPI 2.0 too but for a migration with `until` and `retryWindow`
    /// (REF-07, F2-R07, BR-R07, AU-R06).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotation: Option<RefreshRotation>,
}

/// When a refresh token is issued.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum RefreshIssue {
    /// With every authorization code.
    Always,
    /// Not at all.
    Never,
    /// With the scope `offline_access`, or with a consent that outlives the access token.
    OfflineAccess,
}

/// Replacement of refresh tokens at their use.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.mode == 'EachUse' || (!has(self.until) && !has(self.retryWindow))")
    .message("until and retryWindow belong to mode EachUse; remove them or write mode: EachUse"))]
pub struct RefreshRotation {
    /// `Never`, or `EachUse`: a new one with every refresh.
    pub mode: RefreshRotationMode,
    /// When rotation ends (RFC 3339): from then on the token that a client has stays. FAPI 2.0 demands an end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Time>,
    /// How long the replaced token still works, for clients that lost the answer: 1s to 24h, default 60s. Afterwards its use revokes
    /// the grant (REF-08).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_window: Option<Duration>,
}

/// Whether refresh tokens are replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum RefreshRotationMode {
    /// A new one with every refresh.
    EachUse,
    /// The same one as long as it lives.
    Never,
}

/// Whether something is encrypted to the client. Not `Off`: written without quotes, YAML 1.1 reads that as false.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum EncryptionDemand {
    /// Not at all.
    Never,
    /// Where the client registered a key and algorithms for it.
    Optional,
    /// Always; a client without a key is refused.
    Required,
}

/// How long things live. One set of values fits every profile: `request_uri` 60s, code 60s, access token 300s.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Lifetimes {
    /// An authorization code; at most 60s (F2-R05).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorization_code: Option<Duration>,
    /// A pushed request, until its `request_uri` is opened. CDR: 10s to 90s; Brazil: from 60s; FAPI 2.0: below 600s
    /// (AU-R03, BR-R15, F2-R01).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pushed_request: Option<Duration>,
    /// The time a person has to sign in and decide, from opening the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interaction: Option<Duration>,
    /// The longest a signed request object may be valid, from `nbf` to `exp`; at most 60m (F1-R06, MS-R03).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_object: Option<Duration>,
    /// An access token. Brazil: 300s to 900s; CDR: 120s to 600s (BR-R06, AU-R05).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_token: Option<Duration>,
    /// An ID token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id_token: Option<Duration>,
    /// A refresh token. A consent that ends earlier ends it too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<Duration>,
    /// A grant: nothing that came from it lives longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<Duration>,
    /// A signed authorization response (JARM); at most 10m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jarm: Option<Duration>,
    /// A sign-in session without use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_idle: Option<Duration>,
    /// A sign-in session in all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_absolute: Option<Duration>,
    /// How long others may keep the JWKS (`Cache-Control: max-age`). A new key waits this long before it signs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks_max_age: Option<Duration>,
}
