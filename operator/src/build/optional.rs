//! Children of kinds that a cluster may lack, and the autoscaler.

use std::collections::BTreeMap;

use fapi_core::issuer::{Doors, Mtls};
use fapi_crds::names::label;
use fapi_crds::workspace::{IssuerRef, ParentRef, WorkspaceSpec};
use k8s_openapi::api::autoscaling::v2::{
    CrossVersionObjectReference, HorizontalPodAutoscaler, HorizontalPodAutoscalerSpec, MetricSpec,
    MetricTarget, ResourceMetricSource,
};

use super::Inputs;
use super::desired::Object;
use super::meta::Meta;
use crate::optional::{
    BackendRef, Certificate, CertificateSpec, Endpoint, Presence, PrivateKey, Relabeling, Selector,
    ServiceMonitor, ServiceMonitorSpec, TLSRoute, TLSRouteRule, TLSRouteSpec,
};

/// Bits of the keys that cert-manager makes, as of those of `selfSigned`.
const RSA_BITS: i32 = 2048;

/// What cert-manager is asked for: a certificate for each door that names an issuer.
pub(super) fn certificates(meta: &Meta<'_>, inputs: &Inputs<'_>) -> Vec<Object> {
    if inputs.optional.certificates != Presence::Present {
        return Vec::new();
    }
    let spec = inputs.spec;
    let document = &inputs.publication.document;
    let doors = Doors::new(&document.issuer, &document.mtls);
    let (front, back) = (doors.front.host, doors.back.host);
    let mut front_hosts = vec![front];
    if spec.mtls.tls.is_none() && !front_hosts.contains(&back) {
        front_hosts.push(back.clone());
    }
    let names = meta.names;
    let back_issuer = spec.mtls.tls.as_ref().and_then(|tls| tls.issuer_ref.as_ref());
    let wanted = [
        (spec.tls.issuer_ref.as_ref(), names.tls(), names.issued_tls(), front_hosts),
        (back_issuer, names.mtls_tls(), names.issued_mtls_tls(), vec![back]),
    ];
    let certificate = |(issuer, name, secret, hosts): (Option<&IssuerRef>, _, _, _)| {
        Some(Object::Certificate(Certificate {
            metadata: meta.object(name, "server"),
            spec: certificate(issuer?, secret, hosts),
        }))
    };
    wanted.into_iter().filter_map(certificate).collect()
}

fn certificate(issuer: &IssuerRef, secret_name: String, dns_names: Vec<String>) -> CertificateSpec {
    CertificateSpec {
        secret_name,
        dns_names,
        issuer_ref: issuer.clone(),
        private_key: PrivateKey {
            algorithm: "RSA".to_owned(),
            size: RSA_BITS,
            rotation_policy: "Always".to_owned(),
        },
        usages: ["digital signature", "key encipherment", "server auth"].map(str::to_owned).into(),
    }
}

/// A route for each door: gateways pass TLS on, since client certificates end at the pods.
pub(super) fn routes(meta: &Meta<'_>, inputs: &Inputs<'_>) -> Vec<Object> {
    let gateway = inputs.spec.exposure.as_ref().and_then(|exposure| exposure.gateway.as_ref());
    let Some(gateway) = gateway.filter(|_| inputs.optional.routes == Presence::Present) else {
        return Vec::new();
    };
    let document = &inputs.publication.document;
    let doors = Doors::new(&document.issuer, &document.mtls);
    let by_port = matches!(document.mtls, Mtls::Port(_));
    let names = meta.names;
    [(names.server(), doors.front), (names.mtls_route(), doors.back)]
        .map(|(name, door)| {
            let port = i32::from(door.port);
            // One name, two ports: the listener tells the doors apart.
            let parent = |said: &ParentRef| {
                let port = if by_port { Some(port) } else { said.port };
                ParentRef { port, ..said.clone() }
            };
            Object::TLSRoute(TLSRoute {
                metadata: meta.object(name, "server"),
                spec: TLSRouteSpec {
                    parent_refs: gateway.parent_refs.iter().map(parent).collect(),
                    hostnames: vec![door.host],
                    rules: vec![TLSRouteRule {
                        backend_refs: vec![BackendRef { name: names.server(), port }],
                    }],
                },
            })
        })
        .into()
}

/// The metrics port of the internal Service.
pub(super) fn monitor(meta: &Meta<'_>, inputs: &Inputs<'_>) -> Option<Object> {
    let wanted = inputs.spec.server.metrics.service_monitor;
    if !wanted || inputs.optional.monitors != Presence::Present {
        return None;
    }
    let workspace = meta.names.workspace.to_string();
    let labels = [("app.kubernetes.io/component", "internal"), (label::WORKSPACE, workspace.as_str())];
    let match_labels: BTreeMap<_, _> = labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let mut metadata = meta.object(meta.names.server(), "server");
    let mut labels = inputs.spec.server.metrics.service_monitor_labels.clone();
    labels.extend(metadata.labels.take().unwrap_or_default());
    metadata.labels = Some(labels);
    Some(Object::ServiceMonitor(ServiceMonitor {
        metadata,
        spec: ServiceMonitorSpec {
            selector: Selector { match_labels },
            endpoints: vec![Endpoint {
                port: "metrics".to_owned(),
                relabelings: vec![Relabeling {
                    target_label: "workspace".to_owned(),
                    replacement: workspace,
                }],
            }],
        },
    }))
}

/// The number of pods by load.
pub(super) fn autoscaler(meta: &Meta<'_>, spec: &WorkspaceSpec) -> Option<Object> {
    let said = spec.server.autoscaling.as_ref()?;
    Some(Object::HorizontalPodAutoscaler(HorizontalPodAutoscaler {
        metadata: meta.object(meta.names.server(), "server"),
        spec: Some(HorizontalPodAutoscalerSpec {
            scale_target_ref: CrossVersionObjectReference {
                api_version: Some("apps/v1".to_owned()),
                kind: "Deployment".to_owned(),
                name: meta.names.server(),
            },
            min_replicas: Some(said.min_replicas),
            max_replicas: said.max_replicas,
            metrics: Some(vec![MetricSpec {
                type_: "Resource".to_owned(),
                resource: Some(ResourceMetricSource {
                    name: "cpu".to_owned(),
                    target: MetricTarget {
                        type_: "Utilization".to_owned(),
                        average_utilization: Some(said.target_cpu_utilization),
                        ..MetricTarget::default()
                    },
                }),
                ..MetricSpec::default()
            }]),
            ..HorizontalPodAutoscalerSpec::default()
        }),
        status: None,
    }))
}
