//! What the operator makes for itself and its pods, over the years: sealing keys, and the authority of the internal port.

use std::collections::BTreeMap;
use std::time::Duration;

use fapi_crds::names::annotation::ROTATE;
use fapi_crds::{Client as FapiClient, ConditionType, Workspace};
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::api::events::v1::Event;
use kube::api::{ListParams, Patch, PatchParams};
use serde_json::json;

use crate::cluster::Cluster;
use crate::trust::two_pods;
use crate::wait::until;

const HOUR: Duration = Duration::from_hours(1);

async fn annotate<K>(cluster: &Cluster, name: &str, annotation: &str, text: &str)
where
    K: kube::Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>
        + Clone
        + serde::de::DeserializeOwned
        + std::fmt::Debug,
{
    let patch = json!({"metadata": {"annotations": {annotation: text}}});
    cluster.api::<K>().patch(name, &PatchParams::default(), &Patch::Merge(&patch)).await.unwrap();
}

async fn data(cluster: &Cluster, name: &str) -> BTreeMap<String, Vec<u8>> {
    let secret = cluster.api::<Secret>().get_opt(name).await.unwrap();
    let data = secret.and_then(|secret| secret.data).unwrap_or_default();
    data.into_iter().map(|(name, bytes)| (name, bytes.0)).collect()
}

/// Names of the sealing keys that are published, that which seals first.
async fn sealing(cluster: &Cluster) -> Vec<String> {
    let published = cluster.published("retail").await;
    let keys = published.map(|published| published.secrets.seal).unwrap_or_default();
    keys.into_iter().map(|key| key.id).collect()
}

async fn authorities(cluster: &Cluster) -> usize {
    let bundle = data(cluster, "retail-internal-tls").await.remove("ca.crt").unwrap();
    String::from_utf8(bundle).unwrap().matches("BEGIN CERTIFICATE").count()
}

async fn reasons(cluster: &Cluster) -> Vec<String> {
    let events = cluster.api::<Event>().list(&ListParams::default()).await.unwrap();
    events.into_iter().filter_map(|event| event.reason).collect()
}

/// Waits for something that follows from the time, which wakes nobody by itself when it jumps.
async fn in_time<T>(cluster: &Cluster, what: &str, mut test: impl AsyncFnMut() -> Option<T>) -> T {
    let mut looks = 0;
    until(what, async || {
        annotate::<Workspace>(cluster, "retail", "example.com/look", &looks.to_string()).await;
        looks += 1;
        tokio::time::sleep(Duration::from_millis(300)).await;
        test().await
    })
    .await
}

/// A sealing key seals once every pod can open with it, and the former opens on.
#[tokio::test]
#[ignore = "needs a control plane"]
async fn a_sealing_key_seals_once_every_pod_can_open_with_it() {
    let cluster = Cluster::start("seal").await;
    let operator = cluster.operator().await;
    two_pods(&cluster).await;
    let first = sealing(&cluster).await;
    assert_eq!(first.len(), 1);

    cluster.kubelet.freeze(true);
    annotate::<Secret>(&cluster, "retail-seal", ROTATE, "now").await;
    let announced =
        until("a key that opens", async || Some(sealing(&cluster).await).filter(|keys| keys.len() == 2))
            .await;
    assert_eq!(announced[0], first[0]);
    // Another operator begins with what the Secret holds, and one pod still says nothing of it.
    operator.kill().await;
    let operator = cluster.operator().await;
    annotate::<Workspace>(&cluster, "retail", "example.com/look", "now").await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(sealing(&cluster).await, announced);

    cluster.kubelet.freeze(false);
    until("a key that seals", async || {
        (sealing(&cluster).await == [announced[1].clone(), first[0].clone()]).then_some(())
    })
    .await;
    cluster.quiet(&operator.proxy).await;
    let writes = operator.proxy.writes().len();
    annotate::<Workspace>(&cluster, "retail", "example.com/look", "again").await;
    cluster.quiet(&operator.proxy).await;
    assert_eq!(operator.proxy.writes().len(), writes, "steady: {:?}", operator.proxy.writes());
    let told = reasons(&cluster).await;
    for reason in ["SealingKeyMade", "SealingKeySwitched"] {
        assert_eq!(told.iter().filter(|told| *told == reason).count(), 1, "{told:?}");
    }

    cluster.clock.advance(HOUR * 24 * 182);
    in_time(&cluster, "the first to be erased", async || {
        (!sealing(&cluster).await.contains(&first[0])).then_some(())
    })
    .await;
    drop(operator);
    cluster.end().await;
}

/// The authority of the internal port is replaced while pods are behind and operators change: at every step they can be asked.
#[tokio::test]
#[ignore = "needs a control plane"]
async fn the_internal_authority_is_replaced_while_every_pod_is_asked() {
    let cluster = Cluster::start("internal-ca").await;
    let operator = cluster.operator().await;
    two_pods(&cluster).await;
    let first = data(&cluster, "retail-internal-ca").await;
    let asked = async || {
        let before = cluster.kubelet.asked();
        in_time(&cluster, "both pods to be asked", async || {
            let now = cluster.kubelet.asked();
            let more =
                now.iter().filter(|(name, asked)| before.get(*name).is_none_or(|before| before < asked));
            (more.count() == 2).then_some(())
        })
        .await;
    };

    cluster.clock.advance(HOUR * 24 * 366);
    in_time(&cluster, "another that is trusted", async || (authorities(&cluster).await == 2).then_some(()))
        .await;
    asked().await;
    cluster.kubelet.freeze(true);
    cluster.clock.advance(HOUR * 25);
    operator.kill().await;
    let operator = cluster.operator().await;
    in_time(&cluster, "another that issues", async || {
        data(&cluster, "retail-internal-ca").await.contains_key("former.crt").then_some(())
    })
    .await;
    // One pod shows a certificate of the new one, and one still of the old: both are asked.
    asked().await;
    cluster.clock.advance(HOUR * 25);
    annotate::<Workspace>(&cluster, "retail", "example.com/look", "now").await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(authorities(&cluster).await, 2, "one pod would not be believed any more");

    cluster.kubelet.freeze(false);
    cluster.client_with_keys("app", "retail").await;
    in_time(&cluster, "both pods to show it", async || {
        let facts = data(&cluster, "retail-internal-ca").await.remove("rotation.json")?;
        String::from_utf8(facts).unwrap().contains("confirmed").then_some(())
    })
    .await;
    cluster.clock.advance(HOUR * 25);
    in_time(&cluster, "the former to go", async || (authorities(&cluster).await == 1).then_some(())).await;
    let last = data(&cluster, "retail-internal-ca").await;
    assert!(last["tls.crt"] != first["tls.crt"] && !last.contains_key("former.crt"));
    asked().await;
    cluster.condition::<FapiClient>("app", ConditionType::Programmed, "True").await;

    // The emergency: nothing of the old counts, and pods are asked again once they have the new.
    cluster.delete::<Secret>("retail-internal-ca").await;
    cluster.delete::<Secret>("retail-seal").await;
    let sealed = sealing(&cluster).await;
    in_time(&cluster, "others", async || {
        let now = data(&cluster, "retail-internal-ca").await;
        let seals = sealing(&cluster).await;
        let other = now.get("tls.crt").is_some_and(|made| !made.is_empty() && *made != last["tls.crt"]);
        (other && seals.len() == 1 && !sealed.contains(&seals[0])).then_some(())
    })
    .await;
    asked().await;
    drop(operator);
    cluster.end().await;
}
