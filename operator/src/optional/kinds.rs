//! As much of these kinds as the operator writes. Names and shapes are those of cert-manager 1, Gateway API 1.5 and the Prometheus
//! operator.

use std::collections::BTreeMap;

use fapi_crds::workspace::{IssuerRef, ParentRef};
use kube::CustomResource;
use serde::{Deserialize, Serialize};

/// What cert-manager is to issue, and where to.
#[derive(CustomResource, Clone, PartialEq, Debug, Serialize, Deserialize)]
#[kube(group = "cert-manager.io", version = "v1", kind = "Certificate", plural = "certificates")]
#[kube(namespaced, schema = "disabled", derive = "PartialEq")]
#[serde(rename_all = "camelCase")]
pub struct CertificateSpec {
    /// Secret of type `kubernetes.io/tls` that cert-manager writes.
    pub secret_name: String,
    /// Subject alternative names.
    pub dns_names: Vec<String>,
    /// Who issues.
    pub issuer_ref: IssuerRef,
    /// How the key is made.
    pub private_key: PrivateKey,
    /// Extended and plain key usages.
    pub usages: Vec<String>,
}

/// How the key is made.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PrivateKey {
    /// `RSA`, which the suites of TLS 1.2 that FAPI allows need.
    pub algorithm: String,
    /// Bits.
    pub size: i32,
    /// `Always`: a new key with every certificate.
    pub rotation_policy: String,
}

/// Which TLS connections go where, told by the name that they ask for.
#[derive(CustomResource, Clone, PartialEq, Debug, Serialize, Deserialize)]
#[kube(group = "gateway.networking.k8s.io", version = "v1", kind = "TLSRoute", plural = "tlsroutes")]
#[kube(namespaced, schema = "disabled", derive = "PartialEq")]
#[serde(rename_all = "camelCase")]
pub struct TLSRouteSpec {
    /// Gateways.
    pub parent_refs: Vec<ParentRef>,
    /// Server names.
    pub hostnames: Vec<String>,
    /// Exactly one.
    pub rules: Vec<TLSRouteRule>,
}

/// Where connections go.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TLSRouteRule {
    /// Services.
    pub backend_refs: Vec<BackendRef>,
}

/// A Service of the route's namespace.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct BackendRef {
    /// Its name.
    pub name: String,
    /// Its port.
    pub port: i32,
}

/// Whose metrics Prometheus reads.
#[derive(CustomResource, Clone, PartialEq, Debug, Serialize, Deserialize)]
#[kube(group = "monitoring.coreos.com", version = "v1", kind = "ServiceMonitor", plural = "servicemonitors")]
#[kube(namespaced, schema = "disabled", derive = "PartialEq")]
#[serde(rename_all = "camelCase")]
pub struct ServiceMonitorSpec {
    /// Labels of the Service.
    pub selector: Selector,
    /// Its ports.
    pub endpoints: Vec<Endpoint>,
}

/// Labels of the Service.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Selector {
    /// All of these.
    pub match_labels: BTreeMap<String, String>,
}

/// A port with metrics.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Endpoint {
    /// Name of the port.
    pub port: String,
    /// How labels come about.
    pub relabelings: Vec<Relabeling>,
}

/// A label that every series gets.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Relabeling {
    /// Its name.
    pub target_label: String,
    /// Its value.
    pub replacement: String,
}
