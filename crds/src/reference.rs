//! Where is it? References to Secrets, ConfigMaps and Workspaces. None to a Secret or ConfigMap ever crosses a namespace.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::pattern;

/// One key of a Secret in the same namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretKeyRef {
    /// Name of the Secret, in the namespace of the object that refers to it.
    #[schemars(length(min = 1, max = 253), regex(pattern = pattern::OBJECT_NAME))]
    pub name: String,
    /// Key in the data of the Secret.
    #[schemars(length(min = 1, max = 253), regex(pattern = pattern::DATA_KEY))]
    pub key: String,
}

/// One key of a ConfigMap in the same namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConfigMapKeyRef {
    /// Name of the ConfigMap, in the namespace of the object that refers to it.
    #[schemars(length(min = 1, max = 253), regex(pattern = pattern::OBJECT_NAME))]
    pub name: String,
    /// Key in the data of the ConfigMap.
    #[schemars(length(min = 1, max = 253), regex(pattern = pattern::DATA_KEY))]
    pub key: String,
}

/// One key of a ConfigMap or of a Secret: public material that clusters keep in either.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.configMapRef) != has(self.secretRef)").message("set exactly one of configMapRef and secretRef"))]
pub struct KeySource {
    /// Key of a ConfigMap in the same namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_map_ref: Option<ConfigMapKeyRef>,
    /// Key of a Secret in the same namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<SecretKeyRef>,
}

/// A Workspace, from any namespace: the Workspace decides with `allowedClients` whom it admits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkspaceRef {
    /// Name of the Workspace.
    #[schemars(length(min = 1, max = 40), regex(pattern = pattern::NAMESPACE))]
    pub name: String,
    /// Namespace of the Workspace. Absent: the Client's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = pattern::NAMESPACE))]
    pub namespace: Option<String>,
}

/// A Workspace in the same namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LocalWorkspaceRef {
    /// Name of the Workspace, in the same namespace.
    #[schemars(length(min = 1, max = 40), regex(pattern = pattern::NAMESPACE))]
    pub name: String,
}
