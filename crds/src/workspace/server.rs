//! How do the pods run? No image, no environment, no free pod template: whoever writes a Workspace must not run code beside its
//! keys. The image is the operator's flag.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    Affinity, LocalObjectReference, ResourceRequirements, Toleration, TopologySpreadConstraint,
};
use k8s_openapi::api::networking::v1::NetworkPolicyPeer;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::pattern;
use crate::text::{annotations, labels, node_selector};

/// How the pods run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Server {
    /// CPU and memory of the server container. Absent: the operator's defaults.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<ResourceRequirements>,
    /// Further labels for the pods. Those under `fapi.rs/` and `app.kubernetes.io/` belong to the operator.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "labels")]
    pub pod_labels: BTreeMap<String, String>,
    /// Further annotations for the pods. Those under `fapi.rs/` belong to the operator.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "annotations")]
    pub pod_annotations: BTreeMap<String, String>,
    /// Labels a node must have.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "node_selector")]
    pub node_selector: BTreeMap<String, String>,
    /// Taints of nodes that the pods tolerate.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub tolerations: Vec<Toleration>,
    /// Where the pods like to be. Absent: spread over nodes and zones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub affinity: Option<Affinity>,
    /// How the pods spread. Absent: over nodes and zones, where possible.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub topology_spread_constraints: Vec<TopologySpreadConstraint>,
    /// Priority class of the pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = pattern::OBJECT_NAME))]
    pub priority_class_name: Option<String>,
    /// Secrets that the image is pulled with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub image_pull_secrets: Vec<LocalObjectReference>,
    /// Seconds a pod has to finish what it began. Default 45.
    #[serde(default = "termination_grace_period_seconds")]
    #[schemars(range(min = 10, max = 600))]
    pub termination_grace_period_seconds: i64,
    /// Number of pods by load, with a `HorizontalPodAutoscaler`. While set, `spec.replicas` is ignored; the number stays as it is when it
    /// is set, and becomes `spec.replicas` when it is removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub autoscaling: Option<Autoscaling>,
    /// How many pods a drain may take. Absent: one at a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod_disruption_budget: Option<PodDisruptionBudget>,
    /// Who may connect to the pods, and whom they may reach. Takes effect where the cluster's network plugin enforces it.
    #[serde(default)]
    pub network_policy: NetworkPolicy,
    /// What the pods log.
    #[serde(default)]
    pub logging: Logging,
    /// Who reads the metrics.
    #[serde(default)]
    pub metrics: Metrics,
    /// How a new configuration takes effect: `Hot` (default) in the running pods, or `Restart` by a rollout, for clusters in which the
    /// operator cannot reach the pods.
    #[serde(default)]
    pub reload_strategy: ReloadStrategy,
}

fn termination_grace_period_seconds() -> i64 {
    45
}

impl Default for Server {
    fn default() -> Self {
        Self {
            resources: None,
            pod_labels: BTreeMap::new(),
            pod_annotations: BTreeMap::new(),
            node_selector: BTreeMap::new(),
            tolerations: Vec::new(),
            affinity: None,
            topology_spread_constraints: Vec::new(),
            priority_class_name: None,
            image_pull_secrets: Vec::new(),
            termination_grace_period_seconds: termination_grace_period_seconds(),
            autoscaling: None,
            pod_disruption_budget: None,
            network_policy: NetworkPolicy::default(),
            logging: Logging::default(),
            metrics: Metrics::default(),
            reload_strategy: ReloadStrategy::default(),
        }
    }
}

/// Number of pods by load.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.minReplicas <= self.maxReplicas")
    .message("autoscaling.minReplicas (default 2) must not be above maxReplicas"))]
pub struct Autoscaling {
    /// Fewest pods. Default 2.
    #[serde(default = "min_replicas")]
    #[schemars(range(min = 1, max = 100))]
    pub min_replicas: i32,
    /// Most pods.
    #[schemars(range(min = 1, max = 100))]
    pub max_replicas: i32,
    /// CPU to aim at, in percent of the request. Default 70.
    #[serde(default = "target_cpu_utilization", rename = "targetCPUUtilization")]
    #[schemars(range(min = 1, max = 100))]
    pub target_cpu_utilization: i32,
}

fn min_replicas() -> i32 {
    2
}

fn target_cpu_utilization() -> i32 {
    70
}

/// How many pods a drain may take.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.maxUnavailable) != has(self.minAvailable)")
    .message("set exactly one of podDisruptionBudget.maxUnavailable and minAvailable"))]
pub struct PodDisruptionBudget {
    /// Most pods that may be away: a number, or a percentage such as `25%`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_unavailable: Option<IntOrString>,
    /// Fewest pods that must be there: a number, or a percentage such as `75%`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_available: Option<IntOrString>,
}

/// Who may connect to the pods, and whom they may reach.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct NetworkPolicy {
    /// Whether the operator makes a NetworkPolicy for the pods. Default true. In it the two doors are open to `ingressFrom`, the
    /// internal port to the operator's pods alone, and metrics to every pod of the cluster.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Who may reach the two doors. Empty: everybody.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub ingress_from: Vec<NetworkPolicyPeer>,
    /// Whom the pods may reach, besides DNS (port 53 of anybody): the database of PostgreSQL and the hosts of `jwksUri` and
    /// `backchannelLogoutUri` belong here.
    /// Empty: everybody, as the database's address is only known inside the pods.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub egress_to: Vec<NetworkPolicyPeer>,
}

fn yes() -> bool {
    true
}

impl Default for NetworkPolicy {
    fn default() -> Self {
        Self { enabled: yes(), ingress_from: Vec::new(), egress_to: Vec::new() }
    }
}

/// What the pods log.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Logging {
    /// `Error`, `Warn`, `Info` (default) or `Debug`. No level logs secrets.
    #[serde(default)]
    pub level: LogLevel,
    /// `Json` (default) or `Text`.
    #[serde(default)]
    pub format: LogFormat,
}

/// How much is logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum LogLevel {
    /// Decisions in detail.
    Debug,
    /// What went wrong.
    Error,
    /// What happened.
    #[default]
    Info,
    /// What looks wrong.
    Warn,
}

/// How a log line is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum LogFormat {
    /// For machines.
    #[default]
    Json,
    /// For people.
    Text,
}

/// Who reads the metrics.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Metrics {
    /// Whether the operator makes a ServiceMonitor (Prometheus operator). Default false. Needs `integrations.serviceMonitor` of the
    /// operator's Helm chart.
    #[serde(default)]
    pub service_monitor: bool,
    /// Labels for the ServiceMonitor, for the Prometheus that selects by them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "labels")]
    pub service_monitor_labels: BTreeMap<String, String>,
}

/// How a new configuration takes effect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum ReloadStrategy {
    /// In the running pods.
    #[default]
    Hot,
    /// By a rollout.
    Restart,
}
