//! What can be asked for, and who may ask? Scopes, resources, authorization details types, and which namespaces may attach Clients.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::pattern;
use crate::reference::ConfigMapKeyRef;
use crate::text::by_language;

/// A scope that clients may ask for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Scope {
    /// The scope, as it is written in requests.
    #[schemars(length(min = 1, max = 128), regex(pattern = pattern::SCOPE))]
    pub name: String,
    /// What a person is told it allows, by language, for example `{en: See your accounts}`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "by_language")]
    pub description: BTreeMap<String, String>,
    /// Claims about the person that come with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(min = 1, max = 128), regex(pattern = pattern::CLAIM)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub claims: Vec<String>,
}

/// An API that accepts this server's tokens (RFC 8707).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Resource {
    /// Absolute URI of the API: the `resource` parameter, and the audience of its tokens.
    #[schemars(length(min = 1, max = 512), regex(pattern = pattern::URI))]
    pub identifier: String,
    /// Scopes that its tokens may carry. Empty: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 128), inner(length(min = 1, max = 128), regex(pattern = pattern::SCOPE)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub scopes: Vec<String>,
    /// Client ids of the resource servers that may introspect its tokens (RFC 7662).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(min = 1, max = 255), regex(pattern = pattern::PRINTABLE)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub introspection_clients: Vec<String>,
    /// The audience of tokens that were asked for without `resource`. At most one resource is the default; without one it is the
    /// issuer.
    #[serde(default)]
    pub default: bool,
}

/// A type of `authorization_details` that clients may use (RFC 9396).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuthorizationDetailsType {
    /// The type, as it is written in requests.
    #[serde(rename = "type")]
    #[schemars(length(min = 1, max = 255), regex(pattern = pattern::PRINTABLE))]
    pub type_: String,
    /// Key of a ConfigMap with the JSON Schema that such details must fit.
    pub schema_ref: ConfigMapKeyRef,
}

/// Whose Clients are admitted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("(self.from == 'Selector') == has(self.selector)")
    .message("set allowedClients.selector exactly when from is Selector"))]
pub struct AllowedClients {
    /// Namespaces that may attach Clients: `Same` as the Workspace's (default), `All`, or `Selector`.
    #[serde(default)]
    pub from: AllowedFrom,
    /// Labels of the namespaces, when `from` is `Selector`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<LabelSelector>,
    /// `Automatic` (default), or `Manual`: a Client takes effect when its annotation `fapi.rs/approved-digest` equals its
    /// `status.registrationDigest`. Every change asks again, also one in a Secret; until then the last approved registration is
    /// served. Disabling and deleting act at once. It needs the ValidatingAdmissionPolicy of the chart, which lets only holders of
    /// the verb `approve` on the Workspace set the annotation: where that is not in force, no approval counts.
    #[serde(default)]
    pub approval: Approval,
}

/// Namespaces that may attach Clients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum AllowedFrom {
    /// All namespaces.
    All,
    /// The Workspace's own.
    #[default]
    Same,
    /// Those whose labels match.
    Selector,
}

/// Whether somebody has to approve a Client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Approval {
    /// Nobody.
    #[default]
    Automatic,
    /// Somebody who holds the verb `approve` on the Workspace.
    Manual,
}
