//! Who may connect to the pods.

use fapi_crds::{ConditionType, Workspace};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::wait::until;

/// K-18: the policy is there from the start, returns as it was, and goes when the Workspace does without.
#[tokio::test]
#[ignore = "needs a control plane"]
async fn pods_are_isolated_unless_the_workspace_does_without() {
    let cluster = Cluster::start("isolated").await;
    let operator = cluster.operator().await;
    let edge = json!([{"namespaceSelector": {"matchLabels": {"edge": "true"}}}]);
    cluster.workspace("retail", json!({"server": {"networkPolicy": {"ingressFrom": edge}}})).await;
    cluster.workspace_is_ready("retail").await;
    let policies = cluster.api::<NetworkPolicy>();
    let doors = async || {
        let policy = serde_json::to_value(policies.get_opt("retail").await.unwrap()?).unwrap();
        Some(policy["spec"]["ingress"][0]["from"].clone())
    };
    assert_eq!(doors().await.unwrap(), edge);

    // Opened by hand, then deleted.
    let open = json!({"spec": {"ingress": [{}]}});
    policies.patch("retail", &PatchParams::default(), &Patch::Merge(&open)).await.unwrap();
    let restored = async || doors().await.filter(|doors| *doors == edge);
    until("the policy as it was", restored).await;
    cluster.delete::<NetworkPolicy>("retail").await;
    until("another policy", restored).await;

    let without =
        json!({"spec": {"server": {"networkPolicy": {"enabled": false, "ingressFrom": Value::Null}}}});
    let params = PatchParams::default();
    cluster.api::<Workspace>().patch("retail", &params, &Patch::Merge(&without)).await.unwrap();
    until("no policy", async || policies.get_opt("retail").await.unwrap().is_none().then_some(())).await;

    // A peer that no policy could name is told of the Workspace, and nothing is applied half.
    let wrong = json!({"spec": {"server": {"networkPolicy": {"enabled": true, "ingressFrom": [{}]}}}});
    cluster.api::<Workspace>().patch("retail", &params, &Patch::Merge(&wrong)).await.unwrap();
    let refused = cluster.condition::<Workspace>("retail", ConditionType::Accepted, "False").await;
    assert!(refused.message.contains("server.networkPolicy.ingressFrom[0]"), "{}", refused.message);
    assert!(policies.get_opt("retail").await.unwrap().is_none());
    drop(operator);
    cluster.end().await;
}
