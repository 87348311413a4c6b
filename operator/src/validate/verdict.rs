//! What is judged: one verdict for the Workspace and one for each Client and `SigningKey`, and what may be published.

use std::fmt;

use fapi_config::{Document, Logos};
use fapi_core::client::Registration;
use fapi_core::ids::{ClientId, Incarnation};
use fapi_core::profile::Rules;
use fapi_crds::client::{ClientKey, RedirectUrisStatus, SecretVersion};
use fapi_crds::condition::Status;
use fapi_crds::workspace::Protocol;
use fapi_crds::{KeyAlgorithm, Reason};
use fapi_jose::Alg;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use zeroize::Zeroizing;

use super::ledger::Ledger;
use crate::names::Names;

/// The judgement on everything that was found.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// On the Workspace.
    pub workspace: WorkspaceVerdict,
    /// On each Client, by namespace and name.
    pub clients: Vec<ClientVerdict>,
    /// On each `SigningKey`, by name.
    pub signing_keys: Vec<SigningKeyVerdict>,
    /// What may be published; absent if the Workspace is not accepted and never was.
    pub publication: Option<Publication>,
    /// What follows from an absence must not follow from a cache that lags: a published Client is not in the list, and would be
    /// purged; or nobody made a line for an algorithm, and one would be made. List freshly and judge again.
    pub wants_fresh_list: bool,
}

/// A condition's status, reason and message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// Whether it is so.
    pub status: Status,
    /// Why.
    pub reason: Reason,
    /// In words: names objects, fields and what to write instead; never content of Secrets.
    pub message: String,
}

impl Finding {
    /// It is so.
    pub fn yes(reason: Reason, message: impl Into<String>) -> Self {
        Self { status: Status::True, reason, message: message.into() }
    }

    /// It is not so.
    pub fn no(reason: Reason, message: impl Into<String>) -> Self {
        Self { status: Status::False, reason, message: message.into() }
    }

    /// Nobody can tell yet.
    pub fn unknown(reason: Reason, message: impl Into<String>) -> Self {
        Self { status: Status::Unknown, reason, message: message.into() }
    }

    /// Whether the status is `True`.
    pub fn is_true(&self) -> bool {
        self.status == Status::True
    }
}

/// Namespace and name.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct ObjectKey {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// The judgement on a Workspace.
#[derive(Clone, Debug)]
pub struct WorkspaceVerdict {
    /// Condition `Accepted`.
    pub accepted: Finding,
    /// Condition `ResolvedRefs`.
    pub resolved_refs: Finding,
    /// Condition `Insecure`: `True` names what is only for trying things out.
    pub insecure: Finding,
    /// Condition `Ephemeral`.
    pub ephemeral: Finding,
    /// Condition `Suspended`, when it is.
    pub suspended: Option<Finding>,
    /// Condition `DeletionProtected`, when it is asked for.
    pub deletion_protected: Option<Finding>,
    /// Condition `CertificateExpiring`, if its certificates come from elsewhere.
    pub certificate_expiring: Option<Finding>,
    /// `status.effective`: the settings in force.
    pub effective: Option<Protocol>,
    /// `status.tls.notAfter`: when the first certificate that the spec refers to expires.
    pub tls_not_after: Option<Time>,
}

/// The judgement on a Client.
#[derive(Clone, Debug)]
pub struct ClientVerdict {
    /// Which Client.
    pub key: ObjectKey,
    /// Its uid.
    pub uid: String,
    /// `metadata.generation` that was judged.
    pub generation: Option<i64>,
    /// The `client_id` in force, unless it is no valid one.
    pub client_id: Option<ClientId>,
    /// Condition `Accepted`.
    pub accepted: Finding,
    /// Condition `ResolvedRefs`.
    pub resolved_refs: Finding,
    /// Condition `Approved`.
    pub approved: Finding,
    /// Condition `CertificateExpiring`, if it has certificates.
    pub certificate_expiring: Option<Finding>,
    /// As it is published; absent: every pod refuses it.
    pub registration: Option<Registration>,
    /// Which life of the client this is; rows in the store belong to it.
    pub incarnation: Option<Incarnation>,
    /// Shard that it is published in.
    pub shard: Option<u8>,
    /// It is being deleted: it is published no more, and its tombstone is in the document.
    pub deleting: bool,
    /// What its status shows.
    pub facts: ClientFacts,
}

/// Facts for a Client's status.
#[derive(Clone, Default, PartialEq, Debug)]
pub struct ClientFacts {
    /// `status.registrationDigest`.
    pub registration_digest: Option<String>,
    /// `status.keys`.
    pub keys: Vec<ClientKey>,
    /// `status.earliestExpiry`.
    pub earliest_expiry: Option<Time>,
    /// `status.redirectUris`: counted and hashed, never listed.
    pub redirect_uris: Option<RedirectUrisStatus>,
    /// `status.secrets`.
    pub secrets: Vec<SecretVersion>,
}

/// The judgement on a `SigningKey`.
#[derive(Clone, Debug)]
pub struct SigningKeyVerdict {
    /// Its name; it is in the Workspace's namespace.
    pub name: String,
    /// Its uid.
    pub uid: Option<String>,
    /// `metadata.generation` that was judged.
    pub generation: Option<i64>,
    /// Its algorithm.
    pub algorithm: KeyAlgorithm,
    /// Condition `Accepted`. A key line that is not accepted makes no keys, and retires those it has once another line signs.
    pub accepted: Finding,
    /// Condition `ResolvedRefs`: whether the key that it brings along (`import`) can be used. Absent once the line has a key.
    pub resolved_refs: Option<Finding>,
    /// Condition `Insecure`: timings below the production floors.
    pub insecure: Option<Finding>,
}

impl SigningKeyVerdict {
    /// Whether the line may make keys.
    pub fn may_make_keys(&self) -> bool {
        self.accepted.is_true() && self.resolved_refs.as_ref().is_none_or(Finding::is_true)
    }
}

/// What may be published.
#[derive(Clone, Debug)]
pub struct Publication {
    /// What the children are called.
    pub names: Names,
    /// The Workspace's uid.
    pub workspace_uid: String,
    /// Whether the Workspace's spec is in force as it is. If not (refused or suspended), what was published before holds, and
    /// only revocations, deletions and keys change; children other than the configuration stay as they are.
    pub spec_in_force: bool,
    /// The document, but for its keys and revoked keys.
    pub document: Document,
    /// The rules in force.
    pub rules: Rules,
    /// Published clients.
    pub clients: Vec<Registration>,
    /// Over how many shards they are spread.
    pub client_shards: u8,
    /// Their pictures.
    pub logos: Logos,
    /// The people's Secret.
    pub users: Option<Zeroizing<Vec<u8>>>,
    /// Trust anchors for client certificates, PEM.
    pub client_ca: Option<Vec<u8>>,
    /// Revocation lists of those authorities, PEM; empty where they are asked for and none can be used.
    pub crl: Option<Vec<u8>>,
    /// To be remembered beside the shards.
    pub ledger: Ledger,
    /// Signature algorithms whose `SigningKey` the operator makes (`keys.autoCreate`): those that nobody made one for.
    pub own_signing_keys: Vec<Alg>,
}
