//! What a person sees and does with `fapictl` while an operator runs.

use fapi_crds::{Client as FapiClient, ConditionType, SigningKey, Workspace};
use serde_json::Value;
use tokio::process::Command;

use crate::cluster::{Cluster, KUBECONFIG};
use crate::wait::until;

/// Its exit code and what it printed, as JSON.
async fn fapictl(cluster: &Cluster, arguments: &[&str]) -> (i32, Value) {
    let programs = std::env::var("FAPI_TEST_PROGRAMS").expect("tests/run control-plane sets it");
    let output = Command::new(format!("{programs}/fapictl"))
        .args(arguments)
        .args(["-o", "json", "-n", &cluster.namespace])
        .args(["--kubeconfig", &std::env::var(KUBECONFIG).unwrap()])
        .output()
        .await
        .unwrap();
    let said = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    (output.status.code().unwrap(), said)
}

#[tokio::test]
#[ignore = "needs a control plane"]
async fn a_person_looks_rotates_approves_and_stops_a_client() {
    let cluster = Cluster::start("verbs").await;
    let operator = cluster.operator().await;
    cluster.retail_with_app().await;
    cluster.condition::<Workspace>("retail", ConditionType::ConfigSynced, "True").await;

    // All is well, for whoever asks.
    let (code, status) = fapictl(&cluster, &["status"]).await;
    assert_eq!((code, &status["ok"]), (0, &true.into()), "{status:#}");
    assert_eq!(status["workspaces"][0]["clients"]["programmed"], 1);
    let (_, doctor) = fapictl(&cluster, &["doctor"]).await;
    // There are no nodes here, and other tests have the same issuer.
    let expected = |finding: &Value| finding["kind"] == "Pod" || finding["field"] == "spec.issuer";
    assert!(doctor["findings"].as_array().unwrap().iter().all(expected), "{doctor:#}");
    let (_, keys) = fapictl(&cluster, &["keys", "retail"]).await;
    assert_eq!((&keys["keys"][0]["state"], &keys["keys"][0]["podsConfirmed"]), (&"Active".into(), &1.into()));

    // The successor is shown by every pod, and the old key goes on signing.
    let line = "retail-sig-es256";
    let (code, rotated) = fapictl(&cluster, &["rotate", line, "--trigger", "change-1", "--wait"]).await;
    assert_eq!((code, &rotated["state"]), (0, &"Published".into()), "{rotated:#}");
    let now = cluster.api::<SigningKey>().get(line).await.unwrap().status.unwrap();
    assert_eq!(now.next_kid.as_deref(), rotated["kid"].as_str());
    assert_eq!(now.active_kid.as_deref(), keys["keys"][0]["kid"].as_str());

    // What is approved is what the operator has resolved.
    let (code, approved) = fapictl(&cluster, &["approve", "app", "--yes"]).await;
    assert_eq!(code, 0, "{approved:#}");
    let client = cluster.api::<FapiClient>().get("app").await.unwrap();
    let digest = client.status.unwrap().registration_digest;
    assert_eq!(digest.as_deref(), approved["digest"].as_str());
    assert_eq!(client.metadata.annotations.unwrap().get("fapi.rs/approved-digest"), digest.as_ref());

    let (code, _) = fapictl(&cluster, &["revoke", "client", "app", "--yes"]).await;
    assert_eq!(code, 0);
    until("the Client to be refused", async || {
        let published = cluster.published("retail").await?;
        published.clients.iter().all(|client| !client.enabled).then_some(())
    })
    .await;
    drop(operator);
    cluster.end().await;
}
