//! How requests reach the pods, and how many pods a drain may take.

use fapi_crds::workspace::{ServiceType, WorkspaceSpec};
use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use k8s_openapi::api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::desired::Object;
use super::meta::Meta;
use super::{Inputs, port};
use fapi_core::issuer::Mtls;

/// The Service with the published ports, and the headless one for the operator and for metrics.
pub(super) fn services(meta: &Meta<'_>, inputs: &Inputs<'_>) -> [Object; 2] {
    let document = &inputs.publication.document;
    let mut ports = vec![service_port("front", i32::from(document.issuer.port()), port::FRONT)];
    if let Mtls::Port(back) = document.mtls {
        ports.push(service_port("back", i32::from(back), port::BACK));
    }
    let exposure = inputs.spec.exposure.as_ref().and_then(|exposure| exposure.service.as_ref());
    let type_ = match exposure.map(|service| service.type_).unwrap_or_default() {
        ServiceType::ClusterIP => "ClusterIP",
        ServiceType::LoadBalancer => "LoadBalancer",
        ServiceType::NodePort => "NodePort",
    };
    let mut metadata = meta.object(meta.names.server(), "server");
    metadata.annotations =
        exposure.map(|service| service.annotations.clone()).filter(|annotations| !annotations.is_empty());
    let public = Service {
        metadata,
        spec: Some(ServiceSpec {
            type_: Some(type_.to_owned()),
            selector: Some(meta.selector()),
            ports: Some(ports),
            ..ServiceSpec::default()
        }),
        status: None,
    };
    let internal = Service {
        metadata: meta.object(meta.names.internal_service(), "internal"),
        spec: Some(ServiceSpec {
            type_: Some("ClusterIP".to_owned()),
            cluster_ip: Some("None".to_owned()),
            // Pods are asked what they have loaded before they are ready.
            publish_not_ready_addresses: Some(true),
            selector: Some(meta.selector()),
            ports: Some(vec![
                service_port("internal", port::INTERNAL, port::INTERNAL),
                service_port("metrics", port::METRICS, port::METRICS),
            ]),
            ..ServiceSpec::default()
        }),
        status: None,
    };
    [Object::Service(public), Object::Service(internal)]
}

fn service_port(name: &str, published: i32, target: i32) -> ServicePort {
    ServicePort {
        name: Some(name.to_owned()),
        port: published,
        target_port: Some(IntOrString::Int(target)),
        protocol: Some("TCP".to_owned()),
        ..ServicePort::default()
    }
}

/// With more than one pod: one at a time, unless the spec says otherwise.
pub(super) fn disruption_budget(meta: &Meta<'_>, spec: &WorkspaceSpec) -> Option<Object> {
    let fewest = spec.server.autoscaling.as_ref().map_or(spec.replicas, |said| said.min_replicas);
    if fewest <= 1 {
        return None;
    }
    let said = spec.server.pod_disruption_budget.as_ref();
    let min_available = said.and_then(|budget| budget.min_available.clone());
    let max_unavailable = match &min_available {
        Some(_) => None,
        None => said.and_then(|budget| budget.max_unavailable.clone()).or(Some(IntOrString::Int(1))),
    };
    Some(Object::PodDisruptionBudget(PodDisruptionBudget {
        metadata: meta.object(meta.names.server(), "server"),
        spec: Some(PodDisruptionBudgetSpec {
            max_unavailable,
            min_available,
            selector: Some(meta.label_selector()),
            // A pod that never becomes ready must not block a drain.
            unhealthy_pod_eviction_policy: Some("AlwaysAllow".to_owned()),
        }),
        status: None,
    }))
}
