//! What holds in a cluster.

use std::time::Duration;

use fapi_config::KeyState;
use fapi_crds::{Client as FapiClient, ConditionType, SigningKey, Workspace};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Pod, Secret, Service, ServiceAccount};
use kube::api::{ListParams, Patch, PatchParams};
use serde_json::json;

use crate::cluster::{Cluster, jwks};
use crate::wait::until;

#[tokio::test]
#[ignore = "needs a control plane"]
async fn a_workspace_gets_its_children_and_becomes_ready() {
    let cluster = Cluster::start("children").await;
    let operator = cluster.operator().await;
    cluster.retail().await;

    let workspace = cluster.api::<Workspace>().get("retail").await.unwrap();
    let uid = workspace.metadata.uid.clone();
    for name in [
        "retail-bundle",
        "retail-keys",
        "retail-seal",
        "retail-subject",
        "retail-internal-ca",
        "retail-internal-tls",
        "retail-tls",
    ] {
        let secret = cluster.api::<Secret>().get(name).await.unwrap();
        assert_eq!(
            secret.metadata.owner_references.unwrap().first().map(|owner| owner.uid.clone()),
            uid,
            "{name}"
        );
    }
    let account = cluster.api::<ServiceAccount>().get("retail").await.unwrap();
    assert_eq!(account.automount_service_account_token, Some(false), "K-09");
    cluster.api::<Service>().get("retail").await.unwrap();
    cluster.api::<Deployment>().get("retail").await.unwrap();
    let key = cluster.api::<SigningKey>().get("retail-sig-es256").await.unwrap();
    assert!(key.status.unwrap().active_kid.is_some());

    let status = workspace.status.unwrap();
    assert_eq!(status.observed_generation, workspace.metadata.generation);
    assert_eq!(status.ready_replicas, Some(1));
    let config = status.config.unwrap();
    assert_eq!((config.pods_current, config.pods_total, config.laggards.len()), (1, 1, 0));
    drop(operator);
    cluster.end().await;
}

/// L9: nothing is made up for a Secret that is missing. F-O07: the order of applying does not matter.
#[tokio::test]
#[ignore = "needs a control plane"]
async fn a_client_waits_for_its_secret_and_then_programs() {
    let cluster = Cluster::start("waits").await;
    let operator = cluster.operator().await;
    // Nothing that it needs is there yet.
    cluster.fapi_client("app", "retail").await;
    let waiting = cluster.reason::<FapiClient>("app", ConditionType::Accepted, "WorkspaceNotFound").await;
    assert_eq!(waiting.status, "False");
    cluster.condition::<FapiClient>("app", ConditionType::Reconciling, "True").await;

    cluster.workspace("retail", json!({})).await;
    let waiting = cluster.reason::<FapiClient>("app", ConditionType::ResolvedRefs, "SecretNotFound").await;
    assert!(waiting.message.contains("app-jwks"), "{}", waiting.message);
    assert!(cluster.published("retail").await.is_none_or(|published| published.clients.is_empty()));

    cluster.jwks("app", true).await;
    cluster.condition::<FapiClient>("app", ConditionType::Programmed, "True").await;
    cluster.condition::<FapiClient>("app", ConditionType::Ready, "True").await;
    let published = cluster.published("retail").await.unwrap();
    assert_eq!(published.clients.len(), 1);
    drop(operator);
    cluster.end().await;
}

/// F-O05 to F-O07: whatever comes in whatever order, each Client is judged for itself.
#[tokio::test]
#[ignore = "needs a control plane"]
async fn one_bad_client_never_holds_back_another() {
    let cluster = Cluster::start("bad").await;
    let operator = cluster.operator().await;
    cluster.workspace("retail", json!({})).await;
    cluster.secret("bad-jwks", &[("jwks.json", "{\"keys\": [canary")], true).await;
    cluster.fapi_client("bad", "retail").await;
    cluster.client_with_keys("good", "retail").await;

    cluster.condition::<FapiClient>("good", ConditionType::Programmed, "True").await;
    let refused = cluster.condition::<FapiClient>("bad", ConditionType::Ready, "False").await;
    assert_eq!(refused.reason, "InvalidJwks");
    assert!(
        refused.message.contains("bad-jwks") && !refused.message.contains("canary"),
        "K-10 {}",
        refused.message
    );
    cluster.condition::<FapiClient>("bad", ConditionType::Stalled, "True").await;
    cluster.workspace_is_ready("retail").await;

    // Mended, it works without anybody touching the Client.
    cluster.jwks("bad", true).await;
    cluster.condition::<FapiClient>("bad", ConditionType::Programmed, "True").await;
    drop(operator);
    cluster.end().await;
}

/// L8: whoever may write a Client cannot make the operator read any Secret of its namespace.
#[tokio::test]
#[ignore = "needs a control plane"]
async fn an_unlabelled_secret_is_not_read() {
    let cluster = Cluster::start("label").await;
    let operator = cluster.operator().await;
    cluster.workspace("retail", json!({})).await;
    cluster.jwks("app", false).await;
    cluster.fapi_client("app", "retail").await;
    let refused = cluster.reason::<FapiClient>("app", ConditionType::ResolvedRefs, "NotLabelled").await;
    assert_eq!(refused.status, "False");
    let reads = operator.proxy.reads();
    assert!(!reads.iter().any(|path| path.contains("/secrets/app-jwks")), "L8: {reads:?}");

    // The positive twin: its owner labels it.
    cluster.jwks("app", true).await;
    cluster.condition::<FapiClient>("app", ConditionType::Programmed, "True").await;
    let reads = operator.proxy.reads();
    assert!(reads.iter().any(|path| path.contains("/secrets/app-jwks")));
    drop(operator);
    cluster.end().await;
}

#[tokio::test]
#[ignore = "needs a control plane"]
async fn a_first_key_is_activated_only_when_every_pod_has_loaded_it() {
    let cluster = Cluster::start("first-key").await;
    cluster.kubelet.freeze(true);
    let operator = cluster.operator().await;
    cluster.secret("database", &[("url", "postgresql://fapi@db.example/fapi")], false).await;
    let storage =
        json!({"type": "PostgreSQL", "postgresql": {"urlSecretRef": {"name": "database", "key": "url"}}});
    cluster.workspace("retail", json!({"replicas": 2, "storage": storage})).await;

    // One of two pods has it.
    let line = "retail-sig-es256";
    until("one pod of two", async || {
        let status = cluster.api::<SigningKey>().get_opt(line).await.unwrap()?.status?;
        status.pods.filter(|pods| pods.summary == "1/2")
    })
    .await;
    let published = cluster.published("retail").await.unwrap();
    assert_eq!(
        published.document.keys.iter().map(|key| key.state).collect::<Vec<_>>(),
        [KeyState::Published]
    );
    // Time alone changes nothing.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let published = cluster.published("retail").await.unwrap();
    assert_eq!(published.document.keys.first().unwrap().state, KeyState::Published);
    cluster.condition::<Workspace>("retail", ConditionType::Ready, "False").await;

    cluster.kubelet.freeze(false);
    cluster.condition::<SigningKey>(line, ConditionType::Ready, "True").await;
    cluster.workspace_is_ready("retail").await;
    let published = cluster.published("retail").await.unwrap();
    assert_eq!(published.document.keys.first().unwrap().state, KeyState::Active);
    drop(operator);
    cluster.end().await;
}

/// K-14: what somebody deletes or changes is put right.
#[tokio::test]
#[ignore = "needs a control plane"]
async fn a_deleted_deployment_returns() {
    let cluster = Cluster::start("returns").await;
    let operator = cluster.operator().await;
    cluster.retail().await;
    let first = cluster.api::<Deployment>().get("retail").await.unwrap().metadata.uid;
    let keys = cluster.published("retail").await.unwrap().document.keys;
    cluster.delete::<Deployment>("retail").await;
    until("another Deployment", async || {
        let found = cluster.api::<Deployment>().get_opt("retail").await.unwrap()?;
        (found.metadata.uid != first).then_some(())
    })
    .await;
    cluster.workspace_is_ready("retail").await;
    assert_eq!(cluster.published("retail").await.unwrap().document.keys, keys, "the keys are the same");

    // Changed by hand.
    let scaled = json!({"spec": {"template": {"spec": {"containers": [{"name": "server", "image": "evil.example/x"}]}}}});
    cluster
        .api::<Deployment>()
        .patch("retail", &PatchParams::default(), &Patch::Strategic(&scaled))
        .await
        .unwrap();
    until("our image", async || {
        let found = cluster.api::<Deployment>().get("retail").await.unwrap();
        let image = found.spec?.template.spec?.containers.first()?.image.clone()?;
        image.starts_with("localhost/").then_some(())
    })
    .await;
    drop(operator);
    cluster.end().await;
}

/// CL: a deleted Client is refused with the next revision, and its grants are purged by a tombstone that goes once all pods are done.
#[tokio::test]
#[ignore = "needs a control plane"]
async fn a_deleted_client_leaves_the_document() {
    let cluster = Cluster::start("leaves").await;
    let operator = cluster.operator().await;
    cluster.retail_with_app().await;
    let before = cluster.revision("retail").await.unwrap();
    let waits = json!({"metadata": {"finalizers": ["fapi.rs/revocation"]}});
    cluster.api::<FapiClient>().patch("app", &PatchParams::default(), &Patch::Merge(&waits)).await.unwrap();

    cluster.delete::<FapiClient>("app").await;
    until("a document without it", async || {
        let published = cluster.published("retail").await?;
        (published.clients.is_empty() && published.manifest.revision > before).then_some(())
    })
    .await;
    // Where a person has asked for it, the deletion waits for every pod.
    until("the Client to go", async || {
        cluster.api::<FapiClient>().get_opt("app").await.unwrap().is_none().then_some(())
    })
    .await;
    until("a document without a tombstone", async || {
        cluster.published("retail").await.filter(|published| published.document.tombstones.is_empty())
    })
    .await;
    cluster.workspace_is_ready("retail").await;
    drop(operator);
    cluster.end().await;
}

#[tokio::test]
#[ignore = "needs a control plane"]
async fn a_new_redirect_uri_reaches_every_pod() {
    let cluster = Cluster::start("reaches").await;
    let operator = cluster.operator().await;
    cluster.workspace("retail", json!({})).await;
    cluster.secret("app-jwks", &[("jwks.json", &jwks()), ("uris", "https://a.example/cb")], true).await;
    let spec = json!({
        "workspaceRef": {"name": "retail"},
        "auth": {"method": "private_key_jwt", "jwksRef": {"name": "app-jwks", "key": "jwks.json"}},
        "redirectUris": {"from": [{"name": "app-jwks", "key": "uris"}]},
    });
    cluster.apply::<FapiClient>("app", json!({"spec": spec})).await;
    cluster.condition::<FapiClient>("app", ConditionType::Programmed, "True").await;
    let config = async || {
        cluster.api::<FapiClient>().get("app").await.unwrap().status.unwrap().config.unwrap().revision
    };
    let before = config().await;

    let keys = cluster.api::<Secret>().get("app-jwks").await.unwrap().data.unwrap()["jwks.json"].0.clone();
    let keys = String::from_utf8(keys).unwrap();
    cluster
        .secret(
            "app-jwks",
            &[("jwks.json", &keys), ("uris", "https://a.example/cb\nhttps://a.example/other")],
            true,
        )
        .await;
    until("another revision of it", async || (config().await > before).then_some(())).await;
    cluster.condition::<FapiClient>("app", ConditionType::Programmed, "True").await;
    let client = cluster.published("retail").await.unwrap().clients.remove(0);
    assert_eq!(client.redirect_uris.len(), 2);
    drop(operator);
    cluster.end().await;
}

/// K-16: no loop of reconciles that feed each other.
#[tokio::test]
#[ignore = "needs a control plane"]
async fn steady_state_writes_nothing() {
    let cluster = Cluster::start("steady").await;
    let operator = cluster.operator().await;
    cluster.retail_with_app().await;
    cluster.quiet(&operator.proxy).await;
    let before = operator.proxy.writes();

    // Something that wakes it and changes nothing.
    let label = json!({"metadata": {"labels": {"team": "payments"}}});
    cluster.api::<Workspace>().patch("retail", &PatchParams::default(), &Patch::Merge(&label)).await.unwrap();
    cluster.api::<FapiClient>().patch("app", &PatchParams::default(), &Patch::Merge(&label)).await.unwrap();
    let asked = operator.proxy.len();
    until("a reconcile", async || (operator.proxy.len() > asked).then_some(())).await;
    cluster.quiet(&operator.proxy).await;
    let written = operator.proxy.writes().split_off(before.len());
    assert!(written.is_empty(), "{written:#?}");
    drop(operator);
    cluster.end().await;
}

/// F-C01: everything that matters is in the cluster, nothing in the process.
#[tokio::test]
#[ignore = "needs a control plane"]
async fn restart_writes_nothing() {
    let cluster = Cluster::start("restart").await;
    let operator = cluster.operator().await;
    cluster.retail_with_app().await;
    cluster.quiet(&operator.proxy).await;
    operator.kill().await;

    let operator = cluster.operator().await;
    until("a reconcile", async || {
        operator.proxy.reads().iter().any(|path| path.contains("workspace-uid")).then_some(())
    })
    .await;
    cluster.quiet(&operator.proxy).await;
    let written = operator.proxy.writes();
    assert!(written.is_empty(), "{written:#?}");
    drop(operator);
    cluster.end().await;
}

/// F-C01, F-C03: killed at any moment of a first start, the next process finishes it, with the salt and the keys that are there.
#[tokio::test]
#[ignore = "needs a control plane"]
async fn an_operator_killed_again_and_again_gets_there() {
    let cluster = Cluster::start("killed").await;
    cluster.workspace("retail", json!({})).await;
    let mut salt = None;
    for writes in [1, 2, 4, 7, 11, 16, 22] {
        let operator = cluster.operator().await;
        let enough = until("some writes", async || {
            let ready =
                cluster.api::<Workspace>().get("retail").await.unwrap().status.is_some_and(|status| {
                    fapi_crds::condition::is_true(&status.conditions, ConditionType::Ready)
                });
            (operator.proxy.writes().len() >= writes || ready).then_some(())
        });
        enough.await;
        operator.kill().await;
        let made = cluster.api::<Secret>().get_opt("retail-subject").await.unwrap();
        let made = made.and_then(|secret| secret.data);
        assert!(salt.is_none() || made == salt, "the salt of pairwise subjects never changes");
        salt = made;
    }
    let operator = cluster.operator().await;
    cluster.workspace_is_ready("retail").await;
    let made = cluster.api::<Secret>().get("retail-subject").await.unwrap().data;
    assert!(salt.is_none() || made == salt);
    drop(operator);
    cluster.end().await;
}

#[tokio::test]
#[ignore = "needs a control plane"]
async fn a_deleted_workspace_leaves_nothing() {
    let cluster = Cluster::start("nothing").await;
    let operator = cluster.operator().await;
    cluster.retail_with_app().await;
    cluster.delete::<Workspace>("retail").await;
    cluster.reason::<FapiClient>("app", ConditionType::Accepted, "WorkspaceNotFound").await;
    until("its children to go", async || {
        let labelled = ListParams::default().labels("fapi.rs/workspace");
        let secrets = cluster.api::<Secret>().list(&labelled).await.unwrap().items;
        let pods = cluster.api::<Pod>().list(&labelled).await.unwrap().items;
        let deployments = cluster.api::<Deployment>().list(&labelled).await.unwrap().items;
        (secrets.is_empty() && pods.is_empty() && deployments.is_empty()).then_some(())
    })
    .await;
    drop(operator);
    cluster.end().await;
}
