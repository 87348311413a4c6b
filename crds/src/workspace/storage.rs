//! Where do grants live? The database of the Workspace.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::pattern;
use crate::reference::{KeySource, SecretKeyRef};

/// The database: a type and the block of that type. One database belongs to one issuer; another's is refused.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("self.type == 'SQLite' || !has(self.sqlite)").message("storage.sqlite belongs to storage.type SQLite"),
    validation = Rule::new("(self.type == 'PostgreSQL') == has(self.postgresql)")
        .message("set storage.postgresql exactly when storage.type is PostgreSQL")
)]
pub struct Storage {
    /// `SQLite`: embedded, for one replica. `PostgreSQL`: for any number.
    #[serde(rename = "type")]
    pub type_: StorageType,
    /// The embedded database. Absent: it lives and dies with the pod, and the condition `Ephemeral` says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sqlite: Option<SqliteStorage>,
    /// A PostgreSQL database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postgresql: Option<PostgresqlStorage>,
}

/// Which database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum StorageType {
    /// A PostgreSQL database.
    PostgreSQL,
    /// The embedded database.
    SQLite,
}

/// The embedded database.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SqliteStorage {
    /// A volume that outlives the pod. Absent: an emptyDir, and the condition `Ephemeral`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volume_claim: Option<VolumeClaim>,
}

/// A PersistentVolumeClaim.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VolumeClaim {
    /// Storage class. Absent: the cluster's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = pattern::OBJECT_NAME))]
    pub storage_class_name: Option<String>,
    /// Size with a binary suffix, for example `1Gi`.
    #[schemars(length(min = 1, max = 20), regex(pattern = pattern::SIZE))]
    pub size: String,
}

/// A PostgreSQL database.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PostgresqlStorage {
    /// Key of a Secret with the connection URL, for example `postgresql://user:password@host/database?sslmode=verify-full`.
    pub url_secret_ref: SecretKeyRef,
    /// PEM certificates of the authorities that the database's certificate may come from, beside the public ones. A database on
    /// another machine is always reached with `sslmode=verify-full`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_ref: Option<KeySource>,
}
