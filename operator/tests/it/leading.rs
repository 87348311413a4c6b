//! Two operators, and one that loses its lease.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fapi_crds::{Client as FapiClient, ConditionType};
use fapi_operator::clock::SystemClock;
use fapi_operator::leader::{Candidate, Timings};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::json;

use crate::cluster::Cluster;
use crate::wait::until;

/// F-C04: two operators that both believe to lead, without any lease at all, publish one history: no revision has two contents.
#[tokio::test]
#[ignore = "needs a control plane"]
async fn two_leaders_cannot_both_publish() {
    let cluster = Cluster::start("two").await;
    let (one, other) = (cluster.operator().await, cluster.operator().await);
    let seen: Arc<Mutex<BTreeMap<u64, Vec<String>>>> = Arc::default();
    let history = {
        let (seen, bundles) = (seen.clone(), cluster.api::<Secret>());
        tokio::spawn(async move {
            loop {
                let bundle = bundles.get_opt("retail-bundle").await.unwrap().and_then(|secret| secret.data);
                if let Some(manifest) = bundle.and_then(|data| data.get("manifest.json").cloned()) {
                    let manifest: fapi_config::Manifest = serde_json::from_slice(&manifest.0).unwrap();
                    let mut seen = seen.lock().unwrap();
                    let hashes = seen.entry(manifest.revision).or_default();
                    if !hashes.contains(&manifest.hash) {
                        hashes.push(manifest.hash);
                    }
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        })
    };
    cluster.workspace("retail", json!({})).await;
    for name in ["a", "b", "c", "d"] {
        cluster.client_with_keys(name, "retail").await;
    }
    for name in ["a", "b", "c", "d"] {
        cluster.condition::<FapiClient>(name, ConditionType::Programmed, "True").await;
    }
    cluster.workspace_is_ready("retail").await;
    history.abort();
    let seen = std::mem::take(&mut *seen.lock().unwrap());
    assert!(seen.values().all(|hashes| hashes.len() == 1), "{seen:#?}");
    assert!(!seen.is_empty());
    drop((one, other));
    cluster.end().await;
}

/// F-C04, F-C05: whoever takes the lease away ends the process, before it writes anything more.
#[tokio::test]
#[ignore = "needs a control plane"]
async fn a_lost_lease_ends_the_process() {
    let cluster = Cluster::start("lease").await;
    let timings = Timings {
        duration: Duration::from_secs(3),
        renew_deadline: Duration::from_secs(2),
        retry: Duration::from_millis(400),
    };
    let rightful = kube::Client::try_from(cluster.config_of_the_operator()).unwrap();
    let candidate = |identity: &str| {
        let clock = Arc::new(SystemClock);
        Candidate::new(
            rightful.clone(),
            &cluster.namespace,
            "fapi-operator",
            identity.to_owned(),
            timings,
            clock,
        )
    };
    let first = candidate("first");
    let leads = first.leadership();
    let mut waits = leads.clone();
    let ended = tokio::spawn(first.run(std::future::pending()));
    waits.acquired().await;
    assert!(leads.is_valid());
    let operator = cluster.operator_with(leads.clone()).await;
    cluster.retail().await;

    let thief = json!({"spec": {"holderIdentity": "thief"}});
    let leases: Api<Lease> = cluster.api();
    leases.patch("fapi-operator", &PatchParams::default(), &Patch::Merge(&thief)).await.unwrap();
    // Returns: `main` exits with 1 then.
    ended.await.unwrap();
    assert!(!leads.is_valid());
    cluster.quiet(&operator.proxy).await;
    let before = operator.proxy.writes().len();
    cluster.client_with_keys("app", "retail").await;
    cluster.quiet(&operator.proxy).await;
    assert_eq!(operator.proxy.writes().split_off(before), Vec::<String>::new());

    // Another takes over once it has seen the lease unchanged for its duration.
    let second = candidate("second");
    let mut leads = second.leadership();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(second.run(async {
        let _ = stopped.await;
    }));
    leads.acquired().await;
    let next = cluster.operator_with(leads.clone()).await;
    cluster.condition::<FapiClient>("app", ConditionType::Programmed, "True").await;
    // Told to stop, it gives the lease back.
    stop.send(()).unwrap();
    running.await.unwrap();
    until("an empty lease", async || {
        let holder = leases.get("fapi-operator").await.unwrap().spec?.holder_identity;
        holder.is_none_or(|holder| holder.is_empty()).then_some(())
    })
    .await;
    assert!(!leads.is_valid());
    drop((operator, next));
    cluster.end().await;
}
