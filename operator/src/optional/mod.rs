//! Kinds that a cluster may lack: cert-manager's Certificate, the Gateway API's `TLSRoute`, the Prometheus operator's `ServiceMonitor`.
//!
//! The operator touches one only where it was told to (its rights end there too) and the cluster has it. What a Workspace asks of
//! another is told in its condition `ResolvedRefs`, and the rest of it is served.

mod kinds;

use fapi_crds::workspace::{Tls, WorkspaceSpec};

pub use kinds::{
    BackendRef, Certificate, CertificateSpec, Endpoint, PrivateKey, Relabeling, Selector, ServiceMonitor,
    ServiceMonitorSpec, TLSRoute, TLSRouteRule, TLSRouteSpec,
};

/// Whether objects of a kind can be made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Presence {
    /// The operator was not told to use it.
    Off,
    /// The operator may, and the cluster does not know it (yet).
    Absent,
    /// The cluster knows it.
    Present,
}

/// The presence of each kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Optional {
    /// `Certificate` of `cert-manager.io/v1`.
    pub certificates: Presence,
    /// `TLSRoute` of `gateway.networking.k8s.io/v1`.
    pub routes: Presence,
    /// `ServiceMonitor` of `monitoring.coreos.com/v1`.
    pub monitors: Presence,
}

impl Optional {
    /// For who cannot ask a cluster: `fapictl lint` and `fapictl up`.
    pub const ASSUMED: Self =
        Self { certificates: Presence::Present, routes: Presence::Present, monitors: Presence::Present };

    /// What a spec asks for and cannot have, each with the way to have it.
    pub fn missing(self, spec: &WorkspaceSpec) -> Vec<String> {
        let kinds = [
            (asks_issuer(spec), "tls.issuerRef", "cert-manager", "certManager", self.certificates),
            (asks_route(spec), "exposure.gateway", "Gateway API with TLSRoute v1", "gatewayApi", self.routes),
            (
                asks_monitor(spec),
                "server.metrics.serviceMonitor",
                "Prometheus operator",
                "serviceMonitor",
                self.monitors,
            ),
        ];
        kinds
            .into_iter()
            .filter(|(asked, ..)| *asked)
            .filter_map(|(_, field, product, value, presence)| match presence {
                Presence::Present => None,
                Presence::Absent => Some(format!("{field}: the cluster has no {product}: install it, or leave the field out")),
                Presence::Off => Some(format!(
                    "{field}: this operator does not use {product}: set integrations.{value}=true in its Helm chart, or leave the field out"
                )),
            })
            .collect()
    }
}

/// Whether cert-manager is to issue a certificate of a door.
pub fn asks_issuer(spec: &WorkspaceSpec) -> bool {
    let asks = |tls: &Tls| tls.issuer_ref.is_some();
    asks(&spec.tls) || spec.mtls.tls.as_ref().is_some_and(asks)
}

/// Whether gateways are to pass TLS on.
pub fn asks_route(spec: &WorkspaceSpec) -> bool {
    spec.exposure.as_ref().is_some_and(|exposure| exposure.gateway.is_some())
}

/// Whether Prometheus is to read the pods' metrics.
pub fn asks_monitor(spec: &WorkspaceSpec) -> bool {
    spec.server.metrics.service_monitor
}
