//! How is the server doing? What the operator has seen of a Workspace.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::protocol::Protocol;
use crate::algorithm::{KeyAlgorithm, KeyState, KeyUse};

/// What the operator has seen of a Workspace.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkspaceStatus {
    /// Generation of the spec that this status speaks of. -1 until the operator has looked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// `Ready`, `Reconciling`, `Stalled`, `Accepted`, `ResolvedRefs`, `KeysReady`, `ConfigSynced`, `RevocationsPending`, `Available`, `Suspended`, `Insecure`,
    /// `Ephemeral`, `ClockSkew`, `CertificateExpiring`, `DeletionProtected`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
    /// The settings in force: the profile's, narrowed by `spec.protocol`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effective: Option<Protocol>,
    /// Issuer that is served.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 255))]
    pub issuer: Option<String>,
    /// Where clients find the metadata.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2048))]
    pub discovery_url: Option<String>,
    /// Where others find the public keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2048))]
    pub jwks_uri: Option<String>,
    /// Pods there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,
    /// Pods that are ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready_replicas: Option<i32>,
    /// Label selector of the pods, for the scale subresource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub selector: Option<String>,
    /// The document that is published, and who has loaded it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<ConfigStatus>,
    /// How many Clients there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clients: Option<ClientCounts>,
    /// The keys that are published, or about to be.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["kid".into()]))]
    pub keys: Vec<WorkspaceKey>,
    /// The server certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsStatus>,
}

/// The document that is published, and who has loaded it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConfigStatus {
    /// Counter of published documents. Equal content does not count again.
    pub revision: i64,
    /// Hash of the document's content.
    #[schemars(length(max = 128))]
    pub hash: String,
    /// When it was published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published_time: Option<Time>,
    /// Serving pods that have loaded it.
    pub pods_current: i32,
    /// Serving pods.
    pub pods_total: i32,
    /// Up to ten pods that have not, with what they say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["pod".into()]))]
    pub laggards: Vec<Laggard>,
}

/// A pod that has not loaded the published document.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Laggard {
    /// Name of the pod.
    #[schemars(length(max = 253))]
    pub pod: String,
    /// Revision it has loaded. Absent: none, or it does not answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<i64>,
    /// What is in its way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub error: Option<String>,
}

/// How many Clients there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClientCounts {
    /// Clients that refer to the Workspace.
    pub total: i32,
    /// Clients that were accepted.
    pub accepted: i32,
    /// Clients that every serving pod has loaded.
    pub programmed: i32,
    /// Clients that were refused; their conditions say why.
    pub rejected: i32,
    /// Clients that registered themselves.
    pub dynamic: i32,
}

/// A key of the Workspace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkspaceKey {
    /// Key id: the RFC 7638 thumbprint.
    #[schemars(length(max = 64))]
    pub kid: String,
    /// Its algorithm.
    pub algorithm: KeyAlgorithm,
    /// What it is for.
    #[serde(rename = "use")]
    pub use_: KeyUse,
    /// Where it is in its life.
    pub state: KeyState,
    /// SigningKey it belongs to.
    #[schemars(length(max = 63))]
    pub signing_key: String,
}

/// The server certificate.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TlsStatus {
    /// When the first of the doors' certificates expires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_after: Option<Time>,
}
