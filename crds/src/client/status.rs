//! How is a Client doing? What the operator made of it, and whether every pod has it.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::reference::SecretKeyRef;

/// What the operator has seen of a Client.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClientStatus {
    /// Generation of the spec that this status speaks of. -1 until the operator has looked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// `Ready`, `Reconciling`, `Stalled`, `Accepted`, `Approved`, `ResolvedRefs`, `Programmed`, `CertificateExpiring`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
    /// The `client_id` in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 320))]
    pub client_id: Option<String>,
    /// The Workspace it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace: Option<WorkspaceIdentity>,
    /// Where it is published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<ClientConfigStatus>,
    /// Digest of everything that was resolved, what is public in Secrets included. Approval is of this digest. `enabled` is no part
    /// of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub registration_digest: Option<String>,
    /// Keys and certificates of the client.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub keys: Vec<ClientKey>,
    /// When the first of its certificates expires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub earliest_expiry: Option<Time>,
    /// The redirect URIs in force, counted and hashed: they may come from a Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redirect_uris: Option<RedirectUrisStatus>,
    /// The Secrets that were read, as they were.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub secrets: Vec<SecretVersion>,
}

/// A Workspace, once and for all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkspaceIdentity {
    /// Its namespace.
    #[schemars(length(max = 63))]
    pub namespace: String,
    /// Its name.
    #[schemars(length(max = 40))]
    pub name: String,
    /// Its uid: another Workspace of the same name is another one.
    #[schemars(length(max = 64))]
    pub uid: String,
}

/// Where a Client is published.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClientConfigStatus {
    /// First revision of the Workspace's document with this Client as it is.
    pub revision: i64,
    /// Shard it is in.
    pub shard: i32,
    /// Digest of the registration that is published: another than `registrationDigest` while the latter waits for approval or
    /// cannot be used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub digest: Option<String>,
}

/// A key or certificate of a client.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClientKey {
    /// Key id in the client's JWKS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub kid: Option<String>,
    /// SHA-256 thumbprint of the certificate (`x5t#S256`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub thumbprint: Option<String>,
    /// Its algorithm, as its owner named it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub algorithm: Option<String>,
    /// What it is for: `sig` or `enc`.
    #[serde(default, rename = "use", skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    pub use_: Option<String>,
    /// When the certificate expires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_after: Option<Time>,
    /// Where it was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<SecretKeyRef>,
}

/// The redirect URIs in force.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RedirectUrisStatus {
    /// How many there are.
    pub count: i32,
    /// Hash of the sorted list.
    #[schemars(length(max = 128))]
    pub hash: String,
}

/// A Secret as it was read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretVersion {
    /// Its name.
    #[schemars(length(max = 253))]
    pub name: String,
    /// Its resourceVersion.
    #[schemars(length(max = 64))]
    pub resource_version: String,
}
