//! What may the operator do? What its manifests say, which is what it needs.

use std::collections::BTreeSet;

use fapi_crds::{Client as FapiClient, ConditionType, Workspace};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, PersistentVolumeClaim, Secret};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding};
use kube::api::{DeleteParams, Patch, PatchParams};
use kube::{Api, Client};
use serde::Deserialize as _;
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::wait::until;

/// Whom operators of tests belong to.
pub(crate) const GROUP: &str = "fapi-operators-of-tests";

/// Who the operator of a namespace is.
pub(crate) fn user(namespace: &str) -> String {
    format!("system:serviceaccount:{namespace}:fapi-operator")
}

/// Every operator of a test has the rights of the manifests, those of its Lease included and those of every integration, and no other.
pub(crate) async fn grant_everybody(client: &Client) {
    let mut role = role();
    role["metadata"]["name"] = GROUP.into();
    for more in [of_leases(), of_integrations()] {
        role["rules"].as_array_mut().unwrap().extend(more["rules"].as_array().unwrap().clone());
    }
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": GROUP},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": GROUP},
        "subjects": [{"kind": "Group", "name": GROUP, "apiGroup": "rbac.authorization.k8s.io"}],
    });
    let params = PatchParams::apply("a-person").force();
    Api::<ClusterRole>::all(client.clone()).patch(GROUP, &params, &Patch::Apply(&role)).await.unwrap();
    let bindings = Api::<ClusterRoleBinding>::all(client.clone());
    bindings.patch(GROUP, &params, &Patch::Apply(&binding)).await.unwrap();
}

/// The rules of the manifests, under a name of the test's own.
pub(crate) fn role() -> Value {
    manifest("ClusterRole")
}

/// The rules about the Lease, and about nothing else.
fn of_leases() -> Value {
    manifest("Role")
}

/// What the chart adds with all of its `integrations`, which the manifests are rendered without.
fn of_integrations() -> Value {
    let rule = |group: &str, resource: &str| {
        let verbs = ["list", "watch", "create", "patch", "delete"];
        json!({"apiGroups": [group], "resources": [resource], "verbs": verbs})
    };
    json!({"rules": [
        rule("cert-manager.io", "certificates"),
        rule("gateway.networking.k8s.io", "tlsroutes"),
        rule("monitoring.coreos.com", "servicemonitors"),
    ]})
}

fn manifest(kind: &str) -> Value {
    let path = format!("{}/../examples/operator/operator.yaml", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let mut objects =
        serde_yaml::Deserializer::from_str(&text).map(|object| Value::deserialize(object).unwrap());
    objects.find(|object| object["kind"] == kind).unwrap()
}

/// Gives the rules to a `ServiceAccount` of the namespace, which need not exist to be impersonated.
pub(crate) async fn grant(cluster: &Cluster, mut role: Value) {
    let name = cluster.namespace.as_str();
    role["metadata"]["name"] = name.into();
    let params = PatchParams::apply("a-person").force();
    let roles = Api::<ClusterRole>::all(cluster.client.clone());
    roles.patch(name, &params, &Patch::Apply(&role)).await.unwrap();
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name},
        "subjects": [{"kind": "ServiceAccount", "name": "operator", "namespace": name}],
    });
    let bindings = Api::<ClusterRoleBinding>::all(cluster.client.clone());
    bindings.patch(name, &params, &Patch::Apply(&binding)).await.unwrap();
}

pub(crate) async fn withdraw(cluster: &Cluster) {
    let params = DeleteParams::default();
    Api::<ClusterRole>::all(cluster.client.clone()).delete(&cluster.namespace, &params).await.unwrap();
    Api::<ClusterRoleBinding>::all(cluster.client.clone()).delete(&cluster.namespace, &params).await.unwrap();
}

/// K-08, K-22: and no wildcard among them.
#[tokio::test]
#[ignore = "needs a control plane"]
async fn the_rights_of_the_manifests_are_enough() {
    let cluster = Cluster::alone("rights").await;
    let role = role();
    assert!(!role.to_string().contains("\"*\""));
    grant(&cluster, role).await;
    let operator = cluster.operator_as(&cluster.namespace, "operator").await;
    cluster.secret("database", &[("url", "postgresql://fapi@db.example/fapi")], false).await;
    let storage =
        json!({"type": "PostgreSQL", "postgresql": {"urlSecretRef": {"name": "database", "key": "url"}}});
    let allowed = json!({"from": "Selector", "selector": {"matchLabels": {"team": "payments"}}});
    cluster.workspace("retail", json!({"replicas": 2, "storage": storage, "allowedClients": allowed})).await;
    cluster.client_with_keys("app", "retail").await;
    cluster.reason::<FapiClient>("app", ConditionType::Accepted, "NotAllowedByWorkspace").await;
    // K-02: the namespace gets the label that the Workspace asks for.
    let label = json!({"metadata": {"labels": {"team": "payments"}}});
    let namespaces = Api::<Namespace>::all(cluster.client.clone());
    namespaces.patch(&cluster.namespace, &PatchParams::default(), &Patch::Merge(&label)).await.unwrap();
    cluster.condition::<FapiClient>("app", ConditionType::Programmed, "True").await;
    cluster.workspace_is_ready("retail").await;
    cluster.api::<PodDisruptionBudget>().get("retail").await.unwrap();

    shows_a_logo(&cluster).await;

    let waits = json!({"metadata": {"finalizers": ["fapi.rs/revocation"]}});
    cluster.api::<FapiClient>().patch("app", &PatchParams::default(), &Patch::Merge(&waits)).await.unwrap();
    cluster.delete::<FapiClient>("app").await;
    until("the Client to go", async || {
        cluster.api::<FapiClient>().get_opt("app").await.unwrap().is_none().then_some(())
    })
    .await;
    cluster.api::<NetworkPolicy>().get("retail").await.unwrap();
    // Fewer pods, for everybody: the budget and the policy are removed.
    cluster.apply::<Workspace>("retail", one_open_replica(&cluster).await).await;
    until("the policy to go", async || {
        cluster.api::<NetworkPolicy>().get_opt("retail").await.unwrap().is_none().then_some(())
    })
    .await;
    until("the budget to go", async || {
        cluster.api::<PodDisruptionBudget>().get_opt("retail").await.unwrap().is_none().then_some(())
    })
    .await;
    // Other tests leave namespaces that are being terminated, where nothing may be made.
    let mut forbidden = operator.proxy.forbidden();
    forbidden.retain(|request| !request.contains("/namespaces/") || request.contains(&cluster.namespace));
    assert!(forbidden.is_empty(), "{forbidden:#?}");
    drop(operator);
    withdraw(&cluster).await;
    cluster.end().await;
}

/// A grey pixel.
const PNG: &[u8] = b"\x89PNG\x0d\x0a\x1a\x0a\x00\x00\x00\x0dIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x00\x00\x00\x00:~\x9bU\x00\x00\x00\x0aIDATx\xdach\x00\x00\x00\x82\x00\x81\xdaE\x08;\x00\x00\x00\x00IEND\xaeB`\x82";

/// B-06: its `ConfigMap` is read and watched: it may come after the Client, and be better the next time.
async fn shows_a_logo(cluster: &Cluster) {
    let brand = async |bytes: &[u8]| {
        let data = json!({"binaryData": {"logo.png": ByteString(bytes.to_vec())}});
        cluster.apply::<ConfigMap>("brand", data).await;
    };
    let spec = json!({"spec": {"logo": {"name": "brand", "key": "logo.png"}}});
    cluster.api::<FapiClient>().patch("app", &PatchParams::default(), &Patch::Merge(&spec)).await.unwrap();
    let refused = async |said: &str| {
        until("the Client to say what is wrong", async || {
            let client = cluster.api::<FapiClient>().get("app").await.unwrap();
            let conditions = client.status.map(|status| status.conditions).unwrap_or_default();
            conditions.iter().any(|condition| condition.message.contains(said)).then_some(())
        })
        .await;
    };
    refused("ConfigMap").await;
    brand(b"<svg onload='alert(1)'/>").await;
    refused("is no PNG").await;
    assert!(cluster.published("retail").await.unwrap().logos.is_empty(), "B-06");
    brand(PNG).await;
    cluster.condition::<FapiClient>("app", ConditionType::Programmed, "True").await;
    assert_eq!(cluster.published("retail").await.unwrap().logos.len(), 1, "B-06");
}

/// K-08: what a Workspace needs only now and then is among them: a volume, an authority that a `ConfigMap` holds, and the removal
/// of our own authority once there is a certificate of somebody else's.
#[tokio::test]
#[ignore = "needs a control plane"]
async fn volumes_and_config_maps_are_within_the_rights() {
    let cluster = Cluster::alone("seldom").await;
    let operator = cluster.operator().await;
    let storage = json!({"type": "SQLite", "sqlite": {"volumeClaim": {"size": "1Gi"}}});
    cluster.workspace("retail", json!({"storage": storage})).await;
    cluster.workspace_is_ready("retail").await;
    cluster.api::<PersistentVolumeClaim>().get("retail-data").await.unwrap();

    let ours = cluster.api::<ConfigMap>().get("retail-ca").await.unwrap().data.unwrap();
    cluster.apply::<ConfigMap>("anchors", json!({"data": {"ca.pem": ours["ca.crt"]}})).await;
    let made = cluster.api::<Secret>().get("retail-tls").await.unwrap().data.unwrap();
    let data = json!({"tls.crt": made["tls.crt"], "tls.key": made["tls.key"]});
    cluster.apply::<Secret>("own-tls", json!({"type": "kubernetes.io/tls", "data": data})).await;
    let spec = json!({
        "storage": storage,
        "tls": {"secretName": "own-tls"},
        "mtls": {"port": 9443, "clientCa": {"configMapRef": {"name": "anchors", "key": "ca.pem"}}},
    });
    cluster.workspace("retail", spec).await;
    until("our authority to go", async || {
        cluster.api::<ConfigMap>().get_opt("retail-ca").await.unwrap().is_none().then_some(())
    })
    .await;
    cluster.workspace_is_ready("retail").await;
    assert!(operator.proxy.forbidden().is_empty(), "{:#?}", operator.proxy.forbidden());
    drop(operator);
    cluster.end().await;
}

async fn one_open_replica(cluster: &Cluster) -> Value {
    let workspace = cluster.api::<Workspace>().get("retail").await.unwrap();
    let mut spec = serde_json::to_value(&workspace.spec).unwrap();
    spec["replicas"] = 1.into();
    spec["server"]["networkPolicy"]["enabled"] = false.into();
    json!({"spec": spec})
}

/// F-O09, F-O14: a condition names the verb; what works goes on.
#[tokio::test]
#[ignore = "needs a control plane"]
async fn a_missing_right_is_named() {
    let cluster = Cluster::alone("missing").await;
    let mut role = role();
    let rules = role["rules"].as_array_mut().unwrap();
    for rule in rules.iter_mut().filter(|rule| rule["resources"] == json!(["deployments"])) {
        rule["verbs"] = json!(["list", "watch"]);
    }
    grant(&cluster, role).await;
    let operator = cluster.operator_as(&cluster.namespace, "operator").await;
    cluster.workspace("retail", json!({})).await;
    let stalled = cluster.condition::<Workspace>("retail", ConditionType::Stalled, "True").await;
    assert!(stalled.message.contains("cannot patch resource \"deployments\""), "{}", stalled.message);
    assert_eq!(stalled.reason, "ApplyFailed");
    drop(operator);
    withdraw(&cluster).await;
    cluster.end().await;
}

/// What no entry of an audit log can show, and why it is granted all the same.
const UNSEEN: [(&str, &str); 1] = [
    // The admission plugin OwnerReferencesPermissionEnforcement asks for it, where it is switched on; nobody ever sends it.
    ("update", "fapi.rs workspaces/finalizers"),
];

/// G-20: whatever the manifests grant was used in the run that the log is of. (What is used and not granted is refused, which the
/// tests of that run notice: their operators have these rights and no other.)
#[test]
#[ignore = "run by tests/run when all other tests of the control plane have been run"]
fn no_right_is_granted_in_vain() {
    let Ok(log) = std::env::var("FAPI_TEST_AUDIT_LOG") else { return };
    let log = std::fs::read_to_string(&log).unwrap_or_else(|error| panic!("{log}: {error}"));
    let mut used = BTreeSet::new();
    for line in log.lines() {
        let Ok(entry) = serde_json::from_str::<Value>(line) else { continue };
        let name = entry["impersonatedUser"]["username"].as_str().unwrap_or_default();
        let code = entry["responseStatus"]["code"].as_u64().unwrap_or_default();
        if !name.starts_with("system:serviceaccount:oprun-") || code == 403 {
            continue;
        }
        let of = &entry["objectRef"];
        let text = |member: &str| of[member].as_str().unwrap_or_default();
        let mut resource = format!("{} {}", text("apiGroup"), text("resource"));
        if let Some(part) = of["subresource"].as_str() {
            resource = format!("{resource}/{part}");
        }
        let verb = entry["verb"].as_str().unwrap_or_default();
        used.insert((verb.to_owned(), resource.clone()));
        // Server-side apply of what is not there yet asks for both.
        if (verb, code) == ("patch", 201) {
            used.insert(("create".to_owned(), resource));
        }
    }
    let mut granted = BTreeSet::new();
    for rule in
        [role(), of_leases(), of_integrations()].iter().flat_map(|role| role["rules"].as_array().unwrap())
    {
        let list = |member: &str| rule[member].as_array().unwrap().iter().map(|item| item.as_str().unwrap());
        for group in list("apiGroups") {
            for resource in list("resources") {
                granted.extend(list("verbs").map(|verb| (verb.to_owned(), format!("{group} {resource}"))));
            }
        }
    }
    assert!(!used.is_empty() && !granted.is_empty());
    let unseen = |(verb, resource): &&(String, String)| UNSEEN.contains(&(verb.as_str(), resource.as_str()));
    let in_vain: Vec<_> = granted.difference(&used).filter(|right| !unseen(right)).collect();
    assert!(in_vain.is_empty(), "granted and never used: {in_vain:#?}");
    let more: Vec<_> = used.difference(&granted).collect();
    assert!(more.is_empty(), "used and not granted: {more:#?}");
}
