//! What is a Client? One OAuth client of a Workspace.

mod auth;
mod output;
mod status;

pub use auth::*;
pub use output::*;
pub use status::*;

use std::collections::BTreeMap;

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::algorithm::{SenderConstraint, SubjectType};
use crate::duration::Duration;
use crate::pattern;
use crate::reference::{ConfigMapKeyRef, SecretKeyRef, WorkspaceRef};
use crate::text::{by_language, https_uri, metadata};
use crate::workspace::ResponseKind;

/// One OAuth client of a Workspace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, CustomResource, KubeSchema)]
#[kube(
    group = "fapi.rs",
    version = "v1alpha1",
    kind = "Client",
    plural = "clients",
    singular = "client",
    shortname = "fcl",
    category = "fapi",
    namespaced,
    status = "ClientStatus",
    derive = "PartialEq",
    doc = "A Client is one OAuth client of a Workspace: how it authenticates, where people are sent back to, and what it may ask for.",
    cel,
    printcolumn(name = "Client-ID", type_ = "string", json_path = ".status.clientId"),
    printcolumn(name = "Workspace", type_ = "string", json_path = ".spec.workspaceRef.name"),
    printcolumn(name = "Method", type_ = "string", json_path = ".spec.auth.method"),
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].status"#
    ),
    printcolumn(
        name = "Programmed",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Programmed")].status"#,
        priority = 1
    ),
    printcolumn(name = "Expires", type_ = "string", json_path = ".status.earliestExpiry"),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].reason"#,
        priority = 1
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("has(self.clientId) == has(oldSelf.clientId) && (!has(self.clientId) || self.clientId == oldSelf.clientId)")
        .message("clientId cannot be changed, added or removed: make another Client").field_path(".clientId"),
    validation = Rule::new("!('authorization_code' in self.grantTypes) || (has(self.redirectUris) && ((has(self.redirectUris.from) && self.redirectUris.from.size() > 0) || (has(self.redirectUris.values) && self.redirectUris.values.size() > 0)))")
        .message("authorization_code (in the default grantTypes) needs redirectUris.from or redirectUris.values; a resource server writes grantTypes: []")
)]
pub struct ClientSpec {
    /// The Workspace it is a client of. Immutable. The Workspace must admit this namespace (`allowedClients`).
    #[x_kube(validation = Rule::new("self == oldSelf").message("workspaceRef cannot change: make another Client"))]
    pub workspace_ref: WorkspaceRef,
    /// The `client_id`. Default `<namespace>.<name>`. Does not begin with `dyn-`, and holds a dot only after the Client's own namespace.
    /// Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255), regex(pattern = pattern::PRINTABLE))]
    #[x_kube(validation = Rule::new("!self.startsWith('dyn-')").message("client ids that begin with dyn- belong to dynamic registration"))]
    pub client_id: Option<String>,
    /// False: refused at once, and its grants stop. Default true.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Name that people see, by language, for example `{en: Budget, pt-BR: Orçamento}`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "by_language")]
    pub display_name: BTreeMap<String, String>,
    /// Key in `binaryData` of a ConfigMap in the Client's namespace. There is the logo, a PNG of at most 64 KiB and 512 by 512 pixels.
    /// It is drawn anew from its pixels, and shown beside the name where people sign in and consent. Never fetched from elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logo: Option<ConfigMapKeyRef>,
    /// Home page of the client, offered where people consent; https.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "https_uri")]
    pub client_uri: Option<String>,
    /// Privacy policy of the client, offered where people consent; https.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "https_uri")]
    pub policy_uri: Option<String>,
    /// Terms of the client, offered where people consent; https.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "https_uri")]
    pub tos_uri: Option<String>,
    /// Whom to reach about the client, for example e-mail addresses. For the bank's records: the server does not read them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), inner(length(min = 1, max = 254)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub contacts: Vec<String>,
    /// How the client proves who it is.
    pub auth: ClientAuth,
    /// Where people are sent back to: https, query allowed, no fragment, compared exactly. Needed for `authorization_code`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redirect_uris: Option<UriSources>,
    /// Where people may be sent after signing out (OpenID Connect RP-Initiated Logout), if the client shows an ID token: absolute
    /// `https` URLs, compared character for character.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub post_logout_redirect_uris: Option<UriSources>,
    /// Where the client is told that a person signed out (OpenID Connect Back-Channel Logout): https, without fragment. It gets a
    /// logout token with `sub` and `sid` for every session in which it got an ID token, and is tried again for a day. Its address is
    /// public, or in the Workspace's `egress.allowedNetworks`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "https_uri")]
    pub backchannel_logout_uri: Option<String>,
    /// What it may exchange for tokens: `authorization_code`, `refresh_token`, `client_credentials`, `ciba`. Default the first two.
    /// Empty (`[]`): a resource server, which only introspects.
    #[serde(default = "grant_types")]
    #[schemars(length(max = 4))]
    #[x_kube(
        merge_strategy = ListMerge::Set,
        validation = Rule::new("!('refresh_token' in self) || 'authorization_code' in self || 'ciba' in self")
            .message("refresh_token needs authorization_code or ciba beside it")
    )]
    pub grant_types: Vec<GrantType>,
    /// Scopes it may ask for, out of the Workspace's. Empty: all of those.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 128), inner(length(min = 1, max = 128), regex(pattern = pattern::SCOPE)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub scopes: Vec<String>,
    /// Resources it may ask for, out of the Workspace's. Empty: all of those.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(min = 1, max = 512), regex(pattern = pattern::URI)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub resources: Vec<String>,
    /// Types of `authorization_details` it may use, out of the Workspace's. Empty: all of those.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(min = 1, max = 255), regex(pattern = pattern::PRINTABLE)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub authorization_details_types: Vec<String>,
    /// What its access tokens are bound to: `MTLS` or `DPoP`; profile-governed. Absent: the Workspace's first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sender_constraint: Option<SenderConstraint>,
    /// Which responses it may ask for, out of the Workspace's: `Code`, `CodeIdToken`, `CodeJarm` (`response_modes` of FAPI 2.0
    /// Message Signing). Empty: all of those.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 3))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub responses: Vec<ResponseKind>,
    /// True: its authorization requests must be pushed (RFC 9126), also where the Workspace takes requests by value
    /// (`protocol.requestDelivery`). It can only tighten: false leaves what the Workspace says.
    #[serde(default)]
    pub require_pushed_authorization_requests: bool,
    /// Request objects it sends; profile-governed. With `encryption`, those that come through a browser must be encrypted so, and
    /// pushed ones may be; without, any way that the Workspace has a SigningKey (`use: enc`) for will do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_object: Option<Protection>,
    /// Authorization responses (JARM) it gets; profile-governed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<Protection>,
    /// ID tokens it gets; profile-governed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id_token: Option<Protection>,
    /// Userinfo answers it gets; profile-governed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub userinfo: Option<Protection>,
    /// Introspection answers it gets (RFC 9701); profile-governed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub introspection: Option<Protection>,
    /// How long its tokens live, at most as long as the Workspace's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifetimes: Option<ClientLifetimes>,
    /// Whether people have one identifier for all clients (`public`) or one for this client's sector (`pairwise`); profile-governed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject_type: Option<SubjectType>,
    /// Sector of pairwise identifiers (OpenID Connect Core 8.1); https. Absent: the host of the redirect URIs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "https_uri")]
    pub sector_identifier_uri: Option<String>,
    /// Facts for the bank's records, for example `{owner: payments-team}`. The server does not read them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "metadata")]
    pub metadata: BTreeMap<String, String>,
    /// What happens to its grants when it is deleted: `RevokeGrants` (default) or `KeepGrants`, which a Client of the same id finds
    /// again.
    #[serde(default)]
    pub on_delete: OnDelete,
    /// What the operator writes for the application.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Output>,
}

fn yes() -> bool {
    true
}

fn grant_types() -> Vec<GrantType> {
    vec![GrantType::AuthorizationCode, GrantType::RefreshToken]
}

/// URIs, from Secrets and written out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct UriSources {
    /// Keys of Secrets with URIs: a JSON array, or one a line.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub from: Vec<SecretKeyRef>,
    /// URIs written out, for example `https://app.example/callback`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(min = 1, max = 2048)))]
    #[x_kube(
        merge_strategy = ListMerge::Set,
        validation = Rule::new(r"self.all(uri, uri.matches('^https://[-A-Za-z0-9.:\\[\\]]+([/?][!$-~]*)?$'))")
            .message("each URI is https, without fragment, user information or wildcard, for example https://app.example/callback")
    )]
    pub values: Vec<String>,
}

/// What a client may exchange for tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GrantType {
    /// A code that a person's consent produced.
    AuthorizationCode,
    /// A consent that was asked for apart from the browser (OpenID Connect CIBA).
    Ciba,
    /// Itself: no person.
    ClientCredentials,
    /// A refresh token.
    RefreshToken,
}

/// How long a client's tokens live.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClientLifetimes {
    /// An access token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_token: Option<Duration>,
    /// A refresh token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<Duration>,
    /// An ID token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id_token: Option<Duration>,
}

/// What happens to a client's grants when it is deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum OnDelete {
    /// They are kept for a Client of the same id.
    KeepGrants,
    /// They are revoked and purged.
    #[default]
    RevokeGrants,
}
