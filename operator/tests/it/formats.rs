//! Pods of other versions.

use fapi_crds::{Client as FapiClient, ConditionType, Workspace};
use k8s_openapi::api::core::v1::Event;
use kube::api::ListParams;

use crate::cluster::Cluster;
use crate::wait::until;

/// F-C06: an operator of the past, and servers two versions later.
#[tokio::test]
#[ignore = "needs a control plane"]
async fn nothing_is_published_that_a_pod_cannot_read_and_what_was_published_before_stays() {
    let cluster = Cluster::start("formats").await;
    let operator = cluster.operator().await;
    cluster.retail_with_app().await;
    let before = cluster.revision("retail").await.unwrap();

    cluster.kubelet.reads(&[2, 3]);
    cluster.client_with_keys("late", "retail").await;
    let synced = cluster.reason::<Workspace>("retail", ConditionType::ConfigSynced, "FormatNotShared").await;
    let pod = cluster.pod("retail").await;
    let said = format!(
        "writes format 1, and pod {pod} (0.0.0-test) reads formats 2 and 3: upgrade the operator first"
    );
    assert!(synced.message.contains(&said), "{}", synced.message);
    cluster.condition::<Workspace>("retail", ConditionType::Stalled, "True").await;
    until("an event that says so", async || {
        let events = cluster.api::<Event>().list(&ListParams::default()).await.unwrap();
        let mut told = events.iter().filter(|event| event.reason.as_deref() == Some("FormatNotShared"));
        told.any(|event| event.message.as_ref().is_some_and(|message| message.contains(&pod))).then_some(())
    })
    .await;
    assert_eq!(cluster.revision("retail").await, Some(before), "the last good one stays");
    assert!(
        cluster
            .published("retail")
            .await
            .unwrap()
            .clients
            .iter()
            .all(|it| !it.client_id.as_str().contains("late"))
    );
    let status = cluster.api::<Workspace>().get("retail").await.unwrap().status.unwrap();
    assert_eq!(
        status.config.unwrap().revision,
        i64::try_from(before).unwrap(),
        "what is served is still told"
    );

    // A server that reads what is written too, as each does that is one version later.
    cluster.kubelet.reads(&[1, 2]);
    cluster.touch("retail").await;
    cluster.condition::<FapiClient>("late", ConditionType::Programmed, "True").await;
    cluster.workspace_is_ready("retail").await;
    drop(operator);
    cluster.end().await;
}

/// F-C06: the additive rule. A member that is new is refused by a server that does not know it, and nobody overlooks that.
#[tokio::test]
#[ignore = "needs a control plane"]
async fn a_member_that_an_older_server_does_not_know_is_named_with_the_pod_that_refuses_it() {
    let cluster = Cluster::start("members").await;
    let operator = cluster.operator().await;
    cluster.retail_with_app().await;
    let before = cluster.revision("retail").await.unwrap();

    cluster.kubelet.meets(Some("fromTomorrow"));
    cluster.client_with_keys("late", "retail").await;
    let pod = cluster.pod("retail").await;
    let synced = cluster.reason::<Workspace>("retail", ConditionType::ConfigSynced, "PodsPending").await;
    assert!(synced.message.contains(&pod), "{}", synced.message);
    until("the pod to be told of as a laggard", async || {
        let status = cluster.api::<Workspace>().get("retail").await.unwrap().status?;
        let laggards = status.config?.laggards;
        let laggard = laggards.iter().find(|laggard| laggard.pod == pod)?;
        assert_eq!(laggard.revision, Some(i64::try_from(before).unwrap()), "it serves what it had");
        laggard.error.as_ref()?.contains("workspace.json:1:").then_some(())?;
        laggard.error.as_ref()?.contains("unknown field `fromTomorrow`").then_some(())
    })
    .await;

    cluster.kubelet.meets(None);
    cluster.condition::<FapiClient>("late", ConditionType::Programmed, "True").await;
    cluster.workspace_is_ready("retail").await;
    drop(operator);
    cluster.end().await;
}
