//! What is remembered of Clients beside what is published: who holds a client id, in which life, and since when its material
//! cannot be read. It is kept in the shard Secrets beside the clients, and never mounted.

use std::collections::BTreeMap;

use fapi_config::OnDelete;
use fapi_core::Timestamp;
use fapi_core::ids::{ClientId, Incarnation};
use serde::{Deserialize, Serialize};

/// Everything that is remembered.
#[derive(Clone, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Ledger {
    /// Client ids that were accepted at least once, until their Client is deleted.
    pub clients: BTreeMap<ClientId, Entry>,
    /// Since when the Workspace's trust anchors cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_ca_failing_since: Option<Timestamp>,
    /// Since when the schemas of these types of authorization details cannot be read.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub details_failing_since: BTreeMap<String, Timestamp>,
}

/// What is remembered of one client id.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// Namespace of the Client that holds it.
    pub namespace: String,
    /// Name of that Client.
    pub name: String,
    /// Its uid: a Client that is deleted and made anew is another one.
    pub uid: String,
    /// Which life of the client this is.
    pub incarnation: Incarnation,
    /// What was asked for when it is deleted.
    pub on_delete: OnDelete,
    /// Since when its material cannot be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failing_since: Option<Timestamp>,
    /// The Client is deleted, and its grants wait for a Client of the same name.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub waiting: bool,
}
