//! What does a server serve? Everything of a Workspace but its clients and its secrets: `workspace.json`.

use fapi_core::certificate::Forwarded;
use fapi_core::ids::{ClientId, Incarnation};
use fapi_core::issuer::{Issuer, Mtls};
use fapi_core::link::Link;
use fapi_core::network::Network;
use fapi_core::profile::{Overrides, ProfileName};
use fapi_core::registry::{Resource, ScopeDefinition};
use serde::{Deserialize, Serialize};

use crate::keys::PublicKey;
use crate::{canonical, format};

/// The content of `workspace.json`. Nothing in it is secret.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Document {
    /// Which format this is, see [`crate::format`].
    pub format: u32,
    /// The issuer identifier.
    pub issuer: Issuer,
    /// Where the back door is.
    pub mtls: Mtls,
    /// The proxy whose word counts for client certificates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forwarded: Option<Forwarded>,
    /// The floor.
    pub profile: ProfileName,
    /// What the Workspace narrows.
    #[serde(default)]
    pub protocol: Overrides,
    /// Scopes besides `openid` and `offline_access`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<ScopeDefinition>,
    /// APIs that accept the tokens (RFC 8707).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<Resource>,
    /// Types of authorization details (RFC 9396).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub authorization_details_types: Vec<DetailsTypeEntry>,
    /// How people sign in.
    pub login: Login,
    /// The pages.
    #[serde(default)]
    pub ui: Ui,
    /// Where the server may go for what clients name.
    #[serde(default, skip_serializing_if = "Egress::is_empty")]
    pub egress: Egress,
    /// Where grants live.
    pub storage: Storage,
    /// Public halves of the server's keys, in order of preference: of several active keys that fit, the first signs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<PublicKey>,
    /// Keys that were withdrawn: tokens signed with them are refused while they could otherwise be valid.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub revoked_keys: Vec<RevokedKey>,
    /// Clients that were deleted, until every pod has purged what they had. Sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tombstones: Vec<Tombstone>,
    /// Clients that registered themselves and are refused. Sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub disabled_registrations: Vec<ClientId>,
}

impl Document {
    /// A document that says no more than it must, in the newest format.
    pub fn new(
        issuer: Issuer,
        mtls: Mtls,
        profile: ProfileName,
        login: LoginType,
        storage: StorageType,
    ) -> Self {
        Self {
            format: format::newest(),
            issuer,
            mtls,
            forwarded: None,
            profile,
            protocol: Overrides::default(),
            scopes: Vec::new(),
            resources: Vec::new(),
            authorization_details_types: Vec::new(),
            login: Login { kind: login },
            ui: Ui::default(),
            egress: Egress::default(),
            storage: Storage { kind: storage },
            keys: Vec::new(),
            revoked_keys: Vec::new(),
            tombstones: Vec::new(),
            disabled_registrations: Vec::new(),
        }
    }

    /// Its bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        canonical::of(self)
    }
}

/// A type of authorization details that clients may register.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DetailsTypeEntry {
    /// As in the member `type`.
    #[serde(rename = "type")]
    pub name: String,
    /// The text of its JSON Schema: text, because a schema may hold fractions, and a document may not. Absent while it cannot be
    /// read: then the type is not offered, and Clients that name it stay as they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
}

/// How people sign in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Login {
    /// The kind of sign-in.
    #[serde(rename = "type")]
    pub kind: LoginType,
}

/// Kinds of sign-in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum LoginType {
    /// With a password, by `users.json`.
    Users,
}

/// The pages that people see.
#[derive(Clone, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Ui {
    /// Name of the bank; absent: the host of the issuer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub brand: Option<String>,
    /// Language where a person asks for none that there is; absent: `en`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_language: Option<String>,
    /// Where people find help.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub support_uri: Option<Link>,
    /// The bank's privacy policy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy_uri: Option<Link>,
    /// The bank's terms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tos_uri: Option<Link>,
}

/// Where the server may go for what clients name (`auth.jwksUri`, `backchannelLogoutUri`), beside public addresses (`H-13`).
#[derive(Clone, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Egress {
    /// Networks that may be reached although they are not public.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub networks: Vec<Network>,
    /// Authorities beside the public ones, PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorities: Option<String>,
}

impl Egress {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Where grants live.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Storage {
    /// The kind of database. Its address comes by flag and file: it may be secret.
    #[serde(rename = "type")]
    pub kind: StorageType,
}

/// Kinds of database.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum StorageType {
    /// For any number of pods.
    PostgreSQL,
    /// Embedded, for one pod.
    SQLite,
}

/// A key that was withdrawn.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RevokedKey {
    /// Its `kid`.
    pub kid: String,
}

/// A client that was deleted (`spec/api.md`, Removal). Only this purges rows: a client that is merely absent is refused and
/// loses nothing.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Tombstone {
    /// The client.
    pub client_id: ClientId,
    /// Which life of it ended.
    pub incarnation: Incarnation,
    /// What happens to what it had.
    pub on_delete: OnDelete,
}

/// What happens to the grants of a deleted client.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum OnDelete {
    /// They wait for a client of the same id.
    KeepGrants,
    /// They are revoked and purged.
    RevokeGrants,
}
