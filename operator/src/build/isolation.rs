//! Who may connect to the pods, and whom may they reach? One `NetworkPolicy`, which a cluster enforces if its network plugin does.
//!
//! | port | who comes in |
//! |---|---|
//! | the doors | everybody, or `ingressFrom` |
//! | internal | the operator's own pods |
//! | metrics | pods of this cluster (`spec/api.md`, Two doors); a kubelet reaches the pods of its node in any case |

use fapi_core::issuer::Mtls;
use k8s_openapi::api::networking::v1::{
    NetworkPolicy, NetworkPolicyEgressRule, NetworkPolicyIngressRule, NetworkPolicyPeer, NetworkPolicyPort,
    NetworkPolicySpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::desired::Object;
use super::meta::Meta;
use super::{Inputs, OwnPods, port};

/// RFC 1035 4.2; and where the pods of the cluster's DNS may really listen behind its Service, as `OpenShift`'s do.
const DNS: [i32; 2] = [53, 5353];

/// The policy (`K-18`), unless the Workspace does without. Where it says nothing of whom the pods may reach, nothing is said here:
/// an empty rule would take back what another policy of the namespace forbids.
pub(super) fn network_policy(meta: &Meta<'_>, inputs: &Inputs<'_>) -> Option<Object> {
    let said = &inputs.spec.server.network_policy;
    if !said.enabled {
        return None;
    }
    let mut doors = vec![allowed("TCP", port::FRONT)];
    if matches!(inputs.publication.document.mtls, Mtls::Port(_)) {
        doors.push(allowed("TCP", port::BACK));
    }
    let ingress = vec![
        from((!said.ingress_from.is_empty()).then(|| said.ingress_from.clone()), doors),
        from(Some(vec![own_pods(&inputs.settings.operator)]), vec![allowed("TCP", port::INTERNAL)]),
        from(Some(vec![every_pod()]), vec![allowed("TCP", port::METRICS)]),
    ];
    let egress = (!said.egress_to.is_empty()).then(|| {
        let ports = DNS.iter().flat_map(|port| [allowed("UDP", *port), allowed("TCP", *port)]);
        let dns = NetworkPolicyEgressRule { ports: Some(ports.collect()), to: None };
        vec![dns, NetworkPolicyEgressRule { ports: None, to: Some(said.egress_to.clone()) }]
    });
    let mut policy_types = vec!["Ingress".to_owned()];
    policy_types.extend(egress.is_some().then(|| "Egress".to_owned()));
    Some(Object::NetworkPolicy(NetworkPolicy {
        metadata: meta.object(meta.names.server(), "server"),
        spec: Some(NetworkPolicySpec {
            pod_selector: Some(meta.label_selector()),
            ingress: Some(ingress),
            egress,
            policy_types: Some(policy_types),
        }),
    }))
}

fn from(peers: Option<Vec<NetworkPolicyPeer>>, ports: Vec<NetworkPolicyPort>) -> NetworkPolicyIngressRule {
    NetworkPolicyIngressRule { from: peers, ports: Some(ports) }
}

fn allowed(protocol: &str, number: i32) -> NetworkPolicyPort {
    NetworkPolicyPort {
        protocol: Some(protocol.to_owned()),
        port: Some(IntOrString::Int(number)),
        end_port: None,
    }
}

fn own_pods(operator: &OwnPods) -> NetworkPolicyPeer {
    let namespace = ("kubernetes.io/metadata.name".to_owned(), operator.namespace.clone());
    let matching = |labels| LabelSelector { match_labels: Some(labels), match_expressions: None };
    NetworkPolicyPeer {
        namespace_selector: Some(matching([namespace].into())),
        pod_selector: Some(matching(operator.labels.clone())),
        ip_block: None,
    }
}

fn every_pod() -> NetworkPolicyPeer {
    NetworkPolicyPeer { namespace_selector: Some(LabelSelector::default()), ..NetworkPolicyPeer::default() }
}
