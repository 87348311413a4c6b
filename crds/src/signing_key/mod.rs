//! What is a SigningKey? One algorithm's key line of a Workspace, rotated automatically.

mod status;

pub use status::*;

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::algorithm::{KeyAlgorithm, KeyUse};
use crate::duration::Duration;
use crate::pattern;
use crate::reference::{LocalWorkspaceRef, SecretKeyRef};

/// One algorithm's key line of a Workspace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, CustomResource, KubeSchema)]
#[kube(
    group = "fapi.rs",
    version = "v1alpha1",
    kind = "SigningKey",
    plural = "signingkeys",
    singular = "signingkey",
    shortname = "fsk",
    category = "fapi",
    namespaced,
    status = "SigningKeyStatus",
    derive = "PartialEq",
    doc = "A SigningKey is one algorithm's line of keys of a Workspace. The operator makes, publishes, activates and retires them.",
    cel,
    printcolumn(name = "Workspace", type_ = "string", json_path = ".spec.workspaceRef.name"),
    printcolumn(name = "Alg", type_ = "string", json_path = ".spec.algorithm"),
    printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase"),
    printcolumn(name = "Active-Kid", type_ = "string", json_path = ".status.activeKid"),
    printcolumn(name = "Next-Move", type_ = "string", json_path = ".status.nextTransition.notBefore"),
    printcolumn(name = "Pods", type_ = "string", json_path = ".status.pods.summary"),
    printcolumn(name = "Ready", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].status"#),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    validation = Rule::new("self.metadata.name.size() <= 63").message("a SigningKey's name has at most 63 characters (its Secrets are named after it)")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("(self.use == 'sig') == (self.algorithm in ['PS256', 'ES256', 'EdDSA'])")
        .message("PS256, ES256 and EdDSA are for use: sig (the default); RSA-OAEP, RSA-OAEP-256, ECDH-ES and ECDH-ES+A256KW are for use: enc"),
    validation = Rule::new("!has(self.rsaBits) || self.algorithm in ['PS256', 'RSA-OAEP', 'RSA-OAEP-256']")
        .message("rsaBits is for PS256, RSA-OAEP and RSA-OAEP-256; remove it")
)]
pub struct SigningKeySpec {
    /// The Workspace whose keys these are, in the same namespace. Immutable.
    #[x_kube(validation = Rule::new("self == oldSelf").message("workspaceRef cannot change: make another SigningKey"))]
    pub workspace_ref: LocalWorkspaceRef,
    /// `PS256`, `ES256` or `EdDSA` to sign; `RSA-OAEP`, `RSA-OAEP-256`, `ECDH-ES` or `ECDH-ES+A256KW` for request objects that
    /// clients encrypt to the server. Immutable.
    #[x_kube(validation = Rule::new("self == oldSelf").message("the algorithm cannot change: make another SigningKey"))]
    pub algorithm: KeyAlgorithm,
    /// `sig` (default) or `enc`; must fit the algorithm. Immutable.
    #[serde(default, rename = "use")]
    #[x_kube(validation = Rule::new("self == oldSelf").message("the use cannot change: make another SigningKey"))]
    pub use_: KeyUse,
    /// Length of RSA keys: 2048, 3072 or 4096. Absent: 3072. Applies from the next key on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("enum" = [2048, 3072, 4096]))]
    pub rsa_bits: Option<i32>,
    /// Which active key signs for clients that do not ask for an algorithm: the highest, 0 to 100. Default 50.
    #[serde(default = "priority")]
    #[schemars(range(min = 0, max = 100))]
    pub priority: i32,
    /// When keys change.
    #[serde(default)]
    pub rotation: Rotation,
    /// Keys to withdraw at once. Tokens signed with them are refused from then on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["kid".into()]))]
    pub revoke: Vec<Revocation>,
    /// Bring a key from elsewhere instead of making the first one. Once the line has a key nothing is read there any more: leave it
    /// out, and delete the Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub import: Option<Import>,
    /// Stop all transitions but revocation. Default false.
    #[serde(default)]
    pub suspend: bool,
    /// Retired keys to remember, 0 to 10. Default 3.
    #[serde(default = "history_limit")]
    #[schemars(range(min = 0, max = 10))]
    pub history_limit: i32,
}

fn priority() -> i32 {
    50
}

fn history_limit() -> i32 {
    3
}

/// When keys change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("duration(self.interval) > duration(self.prePublish)")
        .message("rotation.interval (default 720h) must be longer than rotation.prePublish (default 24h)"),
    validation = Rule::new("duration(self.interval) <= duration('17520h')").message("rotation.interval is at most 17520h (two years)")
)]
pub struct Rotation {
    /// `Automatic` (default): by the interval. `Manual`: when `trigger` changes.
    #[serde(default)]
    pub mode: RotationMode,
    /// Time from one activation to the next. Default 720h (30 days), at most 17520h.
    #[serde(default = "interval")]
    pub interval: Duration,
    /// How long a key is published before it signs, at least: for others that refresh the JWKS once a day. Default 24h. A key of
    /// `use: enc` may be used as soon as it is seen, so it is shown once every pod can open what comes.
    #[serde(default = "pre_publish")]
    pub pre_publish: Duration,
    /// How long a key stays in the JWKS after it stopped signing, at least. Absent: as long as something it signed is valid. A key
    /// of `use: enc` leaves the JWKS first, and what was encrypted to it is opened for this long, at least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retain_for: Option<Duration>,
    /// Further time before activation, where a cache between us and others ignores `max-age`. Default 0s.
    #[serde(default = "no_dwell")]
    pub extra_dwell: Duration,
    /// When a successor may take over. Empty: any time. The first key of a Workspace, retirement, and what follows from a revocation or
    /// a lost key wait for none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub windows: Vec<Window>,
    /// Any text. A change rotates now, with the same care as always, and in a window if there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    pub trigger: Option<String>,
}

/// Time from one activation to the next.
pub(crate) fn interval() -> Duration {
    Duration::from_seconds(720 * 3600)
}

/// How long a key is published before it signs.
pub(crate) fn pre_publish() -> Duration {
    Duration::from_seconds(24 * 3600)
}

fn no_dwell() -> Duration {
    Duration::from_seconds(0)
}

impl Default for Rotation {
    fn default() -> Self {
        Self {
            mode: RotationMode::default(),
            interval: interval(),
            pre_publish: pre_publish(),
            retain_for: None,
            extra_dwell: no_dwell(),
            windows: Vec::new(),
            trigger: None,
        }
    }
}

/// What makes keys change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum RotationMode {
    /// Time.
    #[default]
    Automatic,
    /// A person.
    Manual,
}

/// A time in the week in which keys may be activated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Window {
    /// Days it begins on, for example `[Tue, Wed]`.
    #[schemars(length(min = 1, max = 7))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub days: Vec<Day>,
    /// When it begins by the clock on the wall, for example `09:00`. In an hour that is skipped: when that hour is over. In one that
    /// comes twice: the first time.
    #[schemars(length(min = 5, max = 5), regex(pattern = pattern::TIME_OF_DAY))]
    pub start: String,
    /// How long it is open, for example `6h`: 1m to 168h, whatever clocks do meanwhile.
    pub duration: Duration,
    /// Time zone of `start` as the IANA database names it, for example `Europe/Berlin`. Default `UTC`.
    #[serde(default = "utc")]
    #[schemars(length(min = 1, max = 64), regex(pattern = pattern::TIME_ZONE))]
    pub time_zone: String,
}

fn utc() -> String {
    "UTC".to_owned()
}

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the days of the week")]
pub enum Day {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

/// A key to withdraw at once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Revocation {
    /// Its key id, as `status.keys` shows it.
    #[schemars(length(min = 43, max = 43), regex(pattern = pattern::KID))]
    pub kid: String,
    /// Why, for the record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub reason: Option<String>,
}

/// A key from elsewhere, for the algorithm of the line. Its kid is its RFC 7638 thumbprint, whatever it was called before; a weak
/// key is refused, and so is one that another line has or that was revoked.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Import {
    /// Key of a Secret in the same namespace with one unencrypted private key: PEM (PKCS #8, PKCS #1 or SEC 1) or a JWK.
    pub secret_ref: SecretKeyRef,
}
