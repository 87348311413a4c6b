//! What is a Workspace? One authorization server: an issuer, a profile, and the pods that serve it.

mod catalog;
mod doors;
mod ecosystem;
mod egress;
mod login;
mod protocol;
mod server;
mod status;
mod storage;

pub use catalog::*;
pub use doors::*;
pub use ecosystem::*;
pub use egress::*;
pub use login::*;
pub use protocol::*;
pub use server::*;
pub use status::*;
pub use storage::*;

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::duration::Duration;
use crate::reference::SecretKeyRef;

/// One authorization server: an issuer, a profile, and the pods that serve it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, CustomResource, KubeSchema)]
#[kube(
    group = "fapi.rs",
    version = "v1alpha1",
    kind = "Workspace",
    plural = "workspaces",
    singular = "workspace",
    shortname = "fws",
    category = "fapi",
    namespaced,
    status = "WorkspaceStatus",
    derive = "PartialEq",
    doc = "A Workspace is one FAPI authorization server: an issuer, a profile, and the pods that serve it.",
    cel,
    scale(
        spec_replicas_path = ".spec.replicas",
        status_replicas_path = ".status.replicas",
        label_selector_path = ".status.selector"
    ),
    selectable = ".spec.issuer",
    printcolumn(name = "Issuer", type_ = "string", json_path = ".spec.issuer"),
    printcolumn(name = "Profile", type_ = "string", json_path = ".spec.profile"),
    printcolumn(name = "Ready", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].status"#),
    printcolumn(name = "Pods", type_ = "integer", json_path = ".status.readyReplicas"),
    printcolumn(name = "Clients", type_ = "integer", json_path = ".status.clients.accepted"),
    printcolumn(name = "Revision", type_ = "integer", json_path = ".status.config.revision", priority = 1),
    printcolumn(name = "Reason", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].reason"#, priority = 1),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    validation = Rule::new("self.metadata.name.size() <= 40 && self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')")
        .message("a Workspace's name has at most 40 characters: a letter first, then lower-case letters, digits and dashes, no dash at the end (its Services are named after it)")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("self.storage.type != 'SQLite' || self.replicas <= 1")
        .message("SQLite serves one replica: write replicas: 1, or storage.type: PostgreSQL"),
    validation = Rule::new("self.storage.type != 'SQLite' || !has(self.server.autoscaling)")
        .message("SQLite serves one replica: remove server.autoscaling, or write storage.type: PostgreSQL")
)]
pub struct WorkspaceSpec {
    /// Issuer identifier: https, a host and perhaps a port, without path, query or trailing slash, for example
    /// `https://auth.bank.example`. At most 255 characters. Immutable.
    #[schemars(length(min = 9, max = 255))]
    #[x_kube(
        validation = Rule::new(r"self.matches('^https://[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*(:([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))?$')")
            .message("an issuer is https://host or https://host:port in lower case, without path, query or trailing slash, for example https://auth.bank.example"),
        validation = Rule::new("!self.endsWith(':443')").message("443 is the port of https: leave it out"),
        validation = Rule::new("self == oldSelf").message("the issuer cannot change: everything issued so far names it; make another Workspace")
    )]
    pub issuer: String,
    /// The rules in force, a floor that nothing below can relax: `Fintech` (FAPI 1.0 Advanced), `OpenBankingUK`, `OpenBankingBrazil`,
    /// `CDRAustralia`, `FAPI2Security`, `FAPI2MessageSigning`. Immutable.
    #[x_kube(validation = Rule::new("self == oldSelf").message("the profile cannot change: make another Workspace and move Clients to it"))]
    pub profile: Profile,
    /// Stop changes that the spec asks for. Keys go on rotating, revocations go on, the status goes on. Default false.
    #[serde(default)]
    pub suspend: bool,
    /// Refuse deletion until this is false. A ValidatingAdmissionPolicy of the chart does it, and the condition `DeletionProtected`
    /// says whether it is there; a deleted namespace still goes. Default false.
    #[serde(default)]
    pub deletion_protection: bool,
    /// Number of pods, 0 to 100. Default 1; with SQLite at most 1; ignored while `server.autoscaling` is set.
    #[serde(default = "one")]
    #[schemars(range(min = 0, max = 100))]
    pub replicas: i32,
    /// The back door: where programs call.
    pub mtls: Mtls,
    /// Choices within the profile. What is absent is the profile's default; `status.effective` shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<Protocol>,
    /// Scopes that clients may ask for, besides `openid` and `offline_access`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 128))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub scopes: Vec<Scope>,
    /// APIs that accept this server's tokens (RFC 8707). With none, the audience is the issuer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    #[x_kube(
        merge_strategy = ListMerge::Map(vec!["identifier".into()]),
        validation = Rule::new("self.filter(r, r.default).size() <= 1").message("at most one resource is the default")
    )]
    pub resources: Vec<Resource>,
    /// Types of `authorization_details` that clients may use (RFC 9396).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub authorization_details_types: Vec<AuthorizationDetailsType>,
    /// Whose Clients are admitted. Default: those of the same namespace, without approval.
    #[serde(default)]
    pub allowed_clients: AllowedClients,
    /// Dynamic client registration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registration: Option<Registration>,
    /// What people agree to, and for how long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent: Option<Consent>,
    /// The pages people see.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ui: Option<Ui>,
    /// Certificate of the front door, and of the back door unless `mtls.tls` is set. RSA, with every host name it serves.
    pub tls: Tls,
    /// How traffic gets to the pods. Absent: a ClusterIP Service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exposure: Option<Exposure>,
    /// Where the pods may go for what Clients name. Absent: to public addresses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub egress: Option<Egress>,
    /// How people sign in.
    pub login: Login,
    /// Where grants live.
    pub storage: Storage,
    /// The server's own keys.
    #[serde(default)]
    pub keys: Keys,
    /// Key of a Secret with the salt of pairwise subject identifiers, to bring it from elsewhere. Absent: made once, kept in
    /// `<workspace>-subject`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject_salt_ref: Option<SecretKeyRef>,
    /// How the configuration is handed to the pods.
    #[serde(default)]
    pub config: Config,
    /// How the pods run.
    #[serde(default)]
    pub server: Server,
}

fn one() -> i32 {
    1
}

/// The rules in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum Profile {
    /// FAPI 1.0 Advanced.
    Fintech,
    /// Open Banking UK.
    OpenBankingUK,
    /// Open Finance Brazil.
    OpenBankingBrazil,
    /// Consumer Data Right, Australia.
    CDRAustralia,
    /// FAPI 2.0 Security Profile.
    FAPI2Security,
    /// FAPI 2.0 Message Signing.
    FAPI2MessageSigning,
}

/// The server's own keys.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Keys {
    /// Make a SigningKey `<workspace>-sig-<alg>` for each signing algorithm in force. Default true.
    #[serde(default = "yes")]
    pub auto_create: bool,
    /// How those rotate.
    #[serde(default)]
    pub rotation: KeyRotation,
}

impl Default for Keys {
    fn default() -> Self {
        Self { auto_create: true, rotation: KeyRotation::default() }
    }
}

/// How the SigningKeys that the operator makes rotate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("duration(self.interval) > duration(self.prePublish)")
        .message("keys.rotation.interval (default 720h) must be longer than prePublish (default 24h)"),
    validation = Rule::new("duration(self.interval) <= duration('17520h')").message("keys.rotation.interval is at most 17520h (two years)")
)]
pub struct KeyRotation {
    /// Time from one activation to the next. Default 720h (30 days), at most 17520h.
    #[serde(default = "crate::signing_key::interval")]
    pub interval: Duration,
    /// How long a key is published before it signs, at least. Default 24h.
    #[serde(default = "crate::signing_key::pre_publish")]
    pub pre_publish: Duration,
}

impl Default for KeyRotation {
    fn default() -> Self {
        Self { interval: crate::signing_key::interval(), pre_publish: crate::signing_key::pre_publish() }
    }
}

/// How the configuration is handed to the pods.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Config {
    /// Number of Secrets that the Clients are spread over, 1 to 64. Default 16.
    #[serde(default = "client_shards")]
    #[schemars(range(min = 1, max = 64))]
    pub client_shards: i32,
    /// How long a Client keeps working after its Secret vanished or became unreadable. Default 1h. Disabling or deleting the Client
    /// acts at once.
    #[serde(default = "stale_secret_grace")]
    pub stale_secret_grace: Duration,
}

fn yes() -> bool {
    true
}

fn client_shards() -> i32 {
    16
}

fn stale_secret_grace() -> Duration {
    Duration::from_seconds(3600)
}

impl Default for Config {
    fn default() -> Self {
        Self { client_shards: client_shards(), stale_secret_grace: stale_secret_grace() }
    }
}
