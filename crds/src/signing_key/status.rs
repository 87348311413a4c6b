//! Where is the rotation? What the operator has seen of a SigningKey.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::algorithm::KeyState;

/// What the operator has seen of a SigningKey.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct SigningKeyStatus {
    /// Generation of the spec that this status speaks of. -1 until the operator has looked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// `Ready`, `Reconciling`, `Stalled`, `Accepted`, `ResolvedRefs`, `Published`, `RotationBlocked`, `Overdue`, `Suspended`, `Insecure`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
    /// What is going on: `Pending`, `Steady`, `Publishing`, `Dwelling`, `Activating`, `Retiring`, `Blocked`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,
    /// The key that signs (or, for `use: enc`, that others encrypt to).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub active_kid: Option<String>,
    /// The key that will be next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub next_kid: Option<String>,
    /// The keys of the line, and up to `historyLimit` retired ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["kid".into()]))]
    pub keys: Vec<KeyStatus>,
    /// What will happen next, and what it waits for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_transition: Option<NextTransition>,
    /// Pods that have confirmed the last transition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pods: Option<PodCounts>,
    /// The `rotation.trigger` that was acted on last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub last_trigger: Option<String>,
}

/// What is going on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Phase {
    /// The successor begins to sign.
    Activating,
    /// Something is in the way; `nextTransition.waitingFor` says what.
    Blocked,
    /// The successor is published, and others get time to see it.
    Dwelling,
    /// There is no active key yet.
    Pending,
    /// The successor is being published.
    Publishing,
    /// The predecessor stays in the JWKS while tokens signed with it live.
    Retiring,
    /// One active key, and nothing due.
    Steady,
}

/// One key of the line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyStatus {
    /// Key id: the RFC 7638 thumbprint.
    #[schemars(length(max = 64))]
    pub kid: String,
    /// Where it is in its life.
    pub state: KeyState,
    /// When it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_time: Option<Time>,
    /// First revision of the document that carries it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published_revision: Option<i64>,
    /// When the last serving pod had loaded that revision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published_confirmed_time: Option<Time>,
    /// When it was told to sign.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activated_time: Option<Time>,
    /// When the last serving pod signed with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activation_confirmed_time: Option<Time>,
    /// When it leaves the JWKS, at the earliest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retire_time: Option<Time>,
    /// Secret with its public half and the facts of its life.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub secret_name: Option<String>,
    /// SHA-256 thumbprint in hexadecimal, as `openssl` prints it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub thumbprint: Option<String>,
}

/// What will happen next.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NextTransition {
    /// The state that a key will enter.
    pub to: KeyState,
    /// The key. Absent: one that is not made yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub kid: Option<String>,
    /// When, at the earliest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Time>,
    /// What it waits for, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub waiting_for: Option<String>,
}

/// Pods that have confirmed something.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct PodCounts {
    /// Serving pods that have confirmed.
    pub confirmed: i32,
    /// Serving pods.
    pub total: i32,
    /// Both, for the eye: `2/3`.
    #[schemars(length(max = 16))]
    pub summary: String,
    /// Up to ten pods that have not confirmed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10), inner(length(max = 253)))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub blocking: Vec<String>,
}

impl PodCounts {
    /// Most pods that are named.
    pub const MOST_NAMED: usize = 10;

    /// How many of `total` pods are not among `blocking`; the first ten of those are named.
    pub fn new(total: usize, mut blocking: Vec<String>) -> Self {
        let total = i32::try_from(total).unwrap_or(i32::MAX);
        let confirmed = total.saturating_sub(i32::try_from(blocking.len()).unwrap_or(i32::MAX)).max(0);
        blocking.sort();
        blocking.truncate(Self::MOST_NAMED);
        Self { confirmed, total, summary: format!("{confirmed}/{total}"), blocking }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pods_are_counted_and_ten_of_them_named() {
        let blocking = (0..12).rev().map(|n| format!("pod-{n:02}")).collect();
        let counts = PodCounts::new(15, blocking);
        assert_eq!((counts.confirmed, counts.total, counts.summary.as_str()), (3, 15, "3/15"));
        assert_eq!((counts.blocking.len(), counts.blocking.first().unwrap().as_str()), (10, "pod-00"));
        assert_eq!(PodCounts::new(0, Vec::new()).summary, "0/0");
    }
}
