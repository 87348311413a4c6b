//! Children that somebody else deletes or edits.

use fapi_crds::{ConditionType, Workspace};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Secret, Service, ServiceAccount};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams};
use kube::{Api, Resource, discovery::ApiResource};
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::normal::{self, difference};
use crate::wait::until;

/// A child, and what a person who means harm, or well, writes into it.
struct Child {
    kind: ApiResource,
    name: &'static str,
    edit: Value,
}

fn child<K: Resource<DynamicType = ()>>(name: &'static str, edit: Value) -> Child {
    Child { kind: ApiResource::erase::<K>(&()), name, edit }
}

/// Everything that can be made again. Private keys, the salt and the sealing keys cannot: they have tests of their own.
fn children() -> Vec<Child> {
    let open = json!({"spec": {"ingress": [{}], "podSelector": {"matchLabels": {"app": "other"}}}});
    let elsewhere = json!({"spec": {"selector": {"app": "evil"}}});
    let privileged = json!({"spec": {"template": {"spec": {"automountServiceAccountToken": true, "serviceAccountName": "default"}}}});
    vec![
        child::<Deployment>("retail", privileged),
        child::<Service>("retail", elsewhere.clone()),
        child::<Service>("retail-internal", elsewhere),
        child::<ServiceAccount>("retail", json!({"automountServiceAccountToken": true})),
        child::<NetworkPolicy>("retail", open),
        child::<PodDisruptionBudget>("retail", json!({"spec": {"maxUnavailable": 2}})),
        child::<ConfigMap>("retail-ca", json!({"data": {"ca.crt": "another authority"}})),
        child::<Secret>("retail-keys", json!({"data": {"keys.json": "e30="}})),
        // Of damaged clients, which hold the last good registrations, nothing is assumed: that is told, and deleting them is the answer.
        child::<Secret>("retail-clients-00", json!({"metadata": {"annotations": null}})),
    ]
}

/// K-14: whatever is deleted, edited or hidden from the operator by taking its labels is as it was, and only that was touched.
#[tokio::test]
#[ignore = "needs a control plane"]
async fn what_others_do_to_the_children_is_undone() {
    let cluster = Cluster::start("drift").await;
    let operator = cluster.operator().await;
    let storage =
        json!({"type": "PostgreSQL", "postgresql": {"urlSecretRef": {"name": "database", "key": "url"}}});
    cluster.secret("database", &[("url", "postgresql://fapi@db.example/fapi")], false).await;
    cluster
        .workspace("retail", json!({"replicas": 2, "storage": storage, "config": {"clientShards": 1}}))
        .await;
    cluster.client_with_keys("app", "retail").await;
    cluster.workspace_is_ready("retail").await;
    cluster.quiet(&operator.proxy).await;
    let before = state(&cluster).await;
    for Child { kind, name, edit } in children() {
        let objects: Api<DynamicObject> =
            Api::namespaced_with(cluster.client.clone(), &cluster.namespace, &kind);
        let original = objects.get(name).await.unwrap();
        objects.delete(name, &DeleteParams::background()).await.unwrap();
        until("another one", async || {
            let found = objects.get_opt(name).await.unwrap()?;
            (found.metadata.uid != original.metadata.uid && found.metadata.deletion_timestamp.is_none())
                .then_some(())
        })
        .await;
        let hidden = json!({"metadata": {"labels": null, "annotations": null}});
        let orphaned = json!({"metadata": {"ownerReferences": null}});
        let edits = if kind.kind == "Secret" { vec![edit, orphaned] } else { vec![edit, orphaned, hidden] };
        for edit in edits {
            objects.patch(name, &PatchParams::default(), &Patch::Merge(&edit)).await.unwrap();
            is_as_it_was(&cluster, &before, &format!("{} {name} after {edit}", kind.kind)).await;
        }
    }
    drop(operator);
    cluster.end().await;
}

/// A Secret without its labels was not read: whatever the operator would write in its place could be another salt, or another key.
#[tokio::test]
#[ignore = "needs a control plane"]
async fn a_secret_that_lost_its_labels_is_named_and_never_replaced() {
    let cluster = Cluster::start("labels").await;
    let operator = cluster.operator().await;
    cluster.retail().await;
    let secrets = cluster.api::<Secret>();
    let before = secrets.get("retail-subject").await.unwrap();
    let labels = |labels: Value| Patch::Merge(json!({"metadata": {"labels": labels}}));
    secrets.patch("retail-subject", &PatchParams::default(), &labels(Value::Null)).await.unwrap();
    let stalled = cluster.condition::<Workspace>("retail", ConditionType::Stalled, "True").await;
    let uid = &before.metadata.labels.as_ref().unwrap()["fapi.rs/workspace-uid"];
    let command =
        format!("kubectl label secret retail-subject -n {} fapi.rs/workspace-uid={uid}", cluster.namespace);
    assert!(stalled.message.ends_with(&command), "{}", stalled.message);
    let back = labels(json!({"fapi.rs/workspace-uid": uid}));
    secrets.patch("retail-subject", &PatchParams::default(), &back).await.unwrap();
    cluster.workspace_is_ready("retail").await;
    let after = secrets.get("retail-subject").await.unwrap();
    assert!(after.data == before.data && after.metadata.uid == before.metadata.uid);
    drop(operator);
    cluster.end().await;
}

/// K-04, K-15: the name of a Workspace is no way to take over what somebody else has made.
#[tokio::test]
#[ignore = "needs a control plane"]
async fn an_object_of_somebody_else_is_not_taken_over() {
    let cluster = Cluster::start("clash").await;
    let spec = json!({"spec": {"selector": {"app": "shop"}, "ports": [{"port": 80}]}});
    let theirs = cluster.apply::<Service>("retail", spec).await.spec;
    let operator = cluster.operator().await;
    cluster.workspace("retail", json!({})).await;
    let stalled = cluster.condition::<Workspace>("retail", ConditionType::Stalled, "True").await;
    assert_eq!(stalled.message, "Service retail exists and is not the operator's: rename or delete it");
    let service = cluster.api::<Service>().get("retail").await.unwrap();
    assert!(service.spec == theirs && service.metadata.owner_references.is_none());
    cluster.delete::<Service>("retail").await;
    cluster.workspace_is_ready("retail").await;
    drop(operator);
    cluster.end().await;
}

/// What is there, without what is said of pods: they come and go with each edit of the Deployment.
async fn state(cluster: &Cluster) -> Vec<String> {
    let mut lines = normal::state(cluster).await;
    lines.retain(|line| {
        !["Client ", "Pods ", "SigningKey ", "Workspace "].iter().any(|kind| line.starts_with(kind))
    });
    lines
}

async fn is_as_it_was(cluster: &Cluster, before: &[String], what: &str) {
    let last = std::sync::Mutex::new(String::new());
    let same = until("everything to be as it was", async || {
        let now = state(cluster).await;
        *last.lock().unwrap() = difference(before, &now);
        (now == before).then_some(())
    });
    let same = tokio::time::timeout(std::time::Duration::from_mins(1), same).await;
    assert!(same.is_ok(), "{what}:\n{}", last.lock().unwrap());
}
