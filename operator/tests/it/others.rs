//! Kinds of others, and the autoscaler: asked for where they are, said to be missing where they are not.

use std::time::Duration;

use fapi_crds::{ConditionType, Workspace};
use fapi_operator::optional::{Certificate, ServiceMonitor, TLSRoute};
use fapi_operator::watch::Switches;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{DeleteParams, Patch, PatchParams};
use kube::{Api, Client, Resource};
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::wait::until;

/// Definitions that take anything: the kinds are others', and so are their rules.
struct Stubs(Client);

impl Stubs {
    const KINDS: [(&str, &str, &str); 3] = [
        ("cert-manager.io", "certificates", "Certificate"),
        ("gateway.networking.k8s.io", "tlsroutes", "TLSRoute"),
        ("monitoring.coreos.com", "servicemonitors", "ServiceMonitor"),
    ];

    async fn install(client: &Client) -> Self {
        let api = Api::<CustomResourceDefinition>::all(client.clone());
        for (group, plural, kind) in Self::KINDS {
            let name = format!("{plural}.{group}");
            let crd = json!({
                "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
                "metadata": {
                    "name": name,
                    // Guards the groups of Kubernetes itself.
                    "annotations": {"api-approved.kubernetes.io": "unapproved, a stand-in for tests"},
                },
                "spec": {
                    "group": group, "scope": "Namespaced",
                    "names": {"plural": plural, "singular": kind.to_lowercase(), "kind": kind},
                    "versions": [{
                        "name": "v1", "served": true, "storage": true, "subresources": {"status": {}},
                        "schema": {"openAPIV3Schema": {
                            "type": "object", "x-kubernetes-preserve-unknown-fields": true,
                        }},
                    }],
                },
            });
            api.patch(&name, &PatchParams::apply("a-person").force(), &Patch::Apply(&crd)).await.unwrap();
        }
        Self(client.clone())
    }

    async fn remove(self) {
        let api = Api::<CustomResourceDefinition>::all(self.0);
        for (group, plural, _) in Self::KINDS {
            let _ = api.delete(&format!("{plural}.{group}"), &DeleteParams::default()).await;
        }
        for (group, plural, _) in Self::KINDS {
            let name = format!("{plural}.{group}");
            until("the definitions to go", async || {
                api.get_opt(&name).await.unwrap().is_none().then_some(())
            })
            .await;
        }
    }
}

fn asking() -> Value {
    json!({
        "mtls": {"host": "mtls.auth.example"},
        "tls": {"issuerRef": {"name": "public", "kind": "ClusterIssuer"}},
        "exposure": {"gateway": {"parentRefs": [{"name": "edge"}]}},
        "server": {"metrics": {"serviceMonitor": true}},
    })
}

/// F-O09: optional kinds that are absent are said to be, and the rest is served; they are used as soon as they are there, without a
/// restart, and given up when the spec does.
#[tokio::test]
#[ignore = "needs a control plane"]
async fn kinds_that_a_cluster_may_lack_are_used_from_when_they_are_there() {
    let cluster = Cluster::alone("others").await;
    let switches =
        Switches { certificates: true, routes: true, monitors: true, again: Duration::from_millis(200) };
    let operator = cluster.operator_using(switches).await;
    cluster.workspace("retail", asking()).await;
    let missing = cluster.reason::<Workspace>("retail", ConditionType::ResolvedRefs, "KindUnavailable").await;
    for field in ["tls.issuerRef", "exposure.gateway", "server.metrics.serviceMonitor"] {
        assert!(missing.message.contains(field), "{}", missing.message);
    }
    assert!(cluster.published("retail").await.is_some(), "it is served all the same");

    let stubs = Stubs::install(&cluster.client).await;
    there::<Certificate>(&cluster, "retail-tls").await;
    until("a condition that waits for the Secret alone", async || {
        let status = cluster.api::<Workspace>().get("retail").await.unwrap().status?;
        let found = fapi_crds::condition::find(&status.conditions, ConditionType::ResolvedRefs)?;
        let waits = found.message.contains("ClusterIssuer public");
        (waits && !found.message.contains("the cluster has no")).then_some(())
    })
    .await;
    let certificate = cluster.api::<Certificate>().get("retail-tls").await.unwrap();
    assert_eq!(certificate.spec.secret_name, "retail-tls-issued");
    assert_eq!(certificate.spec.dns_names.len(), 2, "one certificate for both doors");
    for route in ["retail", "retail-mtls"] {
        there::<TLSRoute>(&cluster, route).await;
    }
    there::<ServiceMonitor>(&cluster, "retail").await;

    // What cert-manager does then.
    let (chain, key) = rsa_certificate(&certificate.spec.dns_names);
    cluster.secret("retail-tls-issued", &[("tls.crt", &chain), ("tls.key", &key)], false).await;
    cluster.condition::<Workspace>("retail", ConditionType::ResolvedRefs, "True").await;
    cluster.workspace_is_ready("retail").await;

    // K-14: what somebody else changes is changed back.
    let other = json!({"spec": {"dnsNames": ["evil.example"]}});
    let params = PatchParams::default();
    cluster.api::<Certificate>().patch("retail-tls", &params, &Patch::Merge(&other)).await.unwrap();
    until("the names as they were", async || {
        let now = cluster.api::<Certificate>().get("retail-tls").await.unwrap();
        (now.spec.dns_names == certificate.spec.dns_names).then_some(())
    })
    .await;

    let without = json!({"spec": {
        "tls": {"issuerRef": null, "selfSigned": {}}, "exposure": null,
        "server": {"metrics": {"serviceMonitor": false}},
    }});
    cluster.api::<Workspace>().patch("retail", &params, &Patch::Merge(&without)).await.unwrap();
    gone::<Certificate>(&cluster, "retail-tls").await;
    gone::<TLSRoute>(&cluster, "retail").await;
    gone::<TLSRoute>(&cluster, "retail-mtls").await;
    gone::<ServiceMonitor>(&cluster, "retail").await;
    assert!(cluster.api::<Secret>().get_opt("retail-tls-issued").await.unwrap().is_some(), "cert-manager's");

    // The kinds go, and the operator goes on.
    stubs.remove().await;
    let mut again = asking();
    again["tls"]["selfSigned"] = Value::Null;
    let again = json!({"spec": again});
    cluster.api::<Workspace>().patch("retail", &params, &Patch::Merge(&again)).await.unwrap();
    cluster.reason::<Workspace>("retail", ConditionType::ResolvedRefs, "KindUnavailable").await;
    drop(operator);
    cluster.end().await;
}

fn rsa_certificate(names: &[String]) -> (String, String) {
    let key = rcgen::KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048).unwrap();
    let params = rcgen::CertificateParams::new(names.to_vec()).unwrap();
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

async fn there<K>(cluster: &Cluster, name: &str)
where
    K: Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>
        + Clone
        + std::fmt::Debug
        + serde::de::DeserializeOwned,
{
    // Its kind may be as young as the object.
    until("the object", async || cluster.api::<K>().get_opt(name).await.ok().flatten()).await;
}

async fn gone<K>(cluster: &Cluster, name: &str)
where
    K: Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>
        + Clone
        + std::fmt::Debug
        + serde::de::DeserializeOwned,
{
    until("the object to go", async || {
        cluster.api::<K>().get_opt(name).await.unwrap().is_none().then_some(())
    })
    .await;
}

/// The number of pods never jumps when an autoscaler takes over, and is the spec's again when it is given up.
#[tokio::test]
#[ignore = "needs a control plane"]
async fn an_autoscaler_takes_the_replicas_over_as_they_are() {
    let cluster = Cluster::start("scales").await;
    let operator = cluster.operator().await;
    cluster.secret("database", &[("url", "postgresql://fapi@db.example/fapi")], false).await;
    let storage =
        json!({"type": "PostgreSQL", "postgresql": {"urlSecretRef": {"name": "database", "key": "url"}}});
    cluster.workspace("retail", json!({"replicas": 3, "storage": storage})).await;
    cluster.workspace_is_ready("retail").await;
    let deployments = cluster.api::<Deployment>();
    let replicas = async || deployments.get("retail").await.unwrap().spec.unwrap().replicas;

    let params = PatchParams::default();
    let change = async |spec: Value| {
        let patch = json!({"spec": spec});
        cluster.api::<Workspace>().patch("retail", &params, &Patch::Merge(&patch)).await.unwrap();
    };
    change(json!({"server": {"autoscaling": {"minReplicas": 2, "maxReplicas": 6}}})).await;
    let autoscalers = cluster.api::<HorizontalPodAutoscaler>();
    until("the autoscaler", async || autoscalers.get_opt("retail").await.unwrap()).await;
    // Had it been less for a moment, nobody would have made it three again: the autoscaler's fewest are two.
    assert_eq!(replicas().await, Some(3), "nothing was scaled on the way");

    // What the autoscaler does.
    let five = json!({"spec": {"replicas": 5}});
    deployments.patch_scale("retail", &params, &Patch::Merge(&five)).await.unwrap();
    // Something else that makes the operator write the Deployment.
    change(json!({"server": {"podLabels": {"team": "identity"}}})).await;
    until("the label", async || {
        let template = deployments.get("retail").await.unwrap().spec.unwrap().template.metadata.unwrap();
        template.labels.unwrap().contains_key("team").then_some(())
    })
    .await;
    assert_eq!(replicas().await, Some(5), "the autoscaler decides");
    let limits = json!({"spec": {"maxReplicas": 50}});
    autoscalers.patch("retail", &params, &Patch::Merge(&limits)).await.unwrap();
    until("the limits as they were", async || {
        let spec = autoscalers.get("retail").await.unwrap().spec.unwrap();
        (spec.max_replicas == 6).then_some(())
    })
    .await;

    change(json!({"server": {"autoscaling": null}})).await;
    gone::<HorizontalPodAutoscaler>(&cluster, "retail").await;
    until("as many as the spec says", async || (replicas().await == Some(3)).then_some(())).await;
    cluster.quiet(&operator.proxy).await;
    drop(operator);
    cluster.end().await;
}
