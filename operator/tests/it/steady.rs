//! What is written when nothing has happened? Nothing.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use fapi_crds::{Client as FapiClient, ConditionType};
use fapi_operator::leader::Leadership;
use kube::api::{ListParams, Patch, PatchParams};
use serde_json::json;

use crate::cluster::Cluster;
use crate::crash::settled;
use crate::proxy::{Asked, Proxy};
use crate::wait::until;

const CLIENTS: usize = 100;
/// Looks at everything: in production these take more than three hours.
const LOOKS: usize = 20;

/// G-08, K-16: everything is looked at again and again, by itself and because people touch it without changing anything, and by an
/// operator that starts anew. Not one write, not of a status either.
#[tokio::test]
#[ignore = "needs a control plane"]
async fn a_hundred_clients_that_do_not_change_are_never_written() {
    let cluster = Cluster::alone("rest").await;
    cluster.workspace("retail", json!({})).await;
    cluster.clients("retail", CLIENTS).await;
    let proxy = Proxy::start(cluster.config_of_the_operator()).await;
    let operator = cluster.operator_behind(proxy, Leadership::always(), Duration::from_millis(200));
    cluster.all_programmed(CLIENTS).await;
    cluster.workspace_is_ready("retail").await;
    settled(&operator).await;

    let before = operator.proxy.len();
    let looks = |asked: &[Asked]| asked.iter().filter(|asked| asked.path.contains("workspace-uid")).count();
    until("many looks", async || {
        let asked = operator.proxy.asked().split_off(before);
        (looks(&asked) >= LOOKS).then_some(())
    })
    .await;
    let label = Patch::Merge(json!({"metadata": {"labels": {"team": "payments"}}}));
    for client in cluster.api::<FapiClient>().list(&ListParams::default()).await.unwrap() {
        let name = client.metadata.name.unwrap();
        cluster.api::<FapiClient>().patch(&name, &PatchParams::default(), &label).await.unwrap();
    }
    let touched = operator.proxy.len();
    until("a look", async || {
        let asked = operator.proxy.asked().split_off(touched);
        (looks(&asked) >= 3).then_some(())
    })
    .await;
    let asked = operator.proxy.asked().split_off(before);
    let writes: Vec<&Asked> = asked.iter().filter(|asked| asked.is_write()).collect();
    assert!(writes.is_empty(), "{writes:#?}");
    // What a look asks does not grow with the number of Clients.
    let each = asked.len() / looks(&asked);
    assert!(each <= 5, "{each} requests for each look: {:#?}", operator.proxy.reads().split_off(before));
    operator.kill().await;

    let proxy = Proxy::start(cluster.config_of_the_operator()).await;
    let next = cluster.operator_behind(proxy, Leadership::always(), Duration::from_millis(200));
    settled(&next).await;
    assert!(next.proxy.writes().is_empty(), "{:#?}", next.proxy.writes());
    cluster.condition::<FapiClient>("client-7", ConditionType::Programmed, "True").await;
    drop(next);
    cluster.end().await;
}

/// K-16: whoever changes something all the time is written for less often than they change it, and delays nobody else: another
/// Workspace goes from nothing to served while they go on.
#[tokio::test]
#[ignore = "needs a control plane"]
async fn whoever_changes_something_all_the_time_delays_nobody() {
    let cluster = Rc::new(Cluster::start("busy").await);
    let operator = cluster.operator().await;
    cluster.retail_with_app().await;
    let edits = Rc::new(Cell::new(0_usize));
    let before = operator.proxy.len();
    let bot = {
        let (cluster, edits) = (cluster.clone(), edits.clone());
        async move {
            loop {
                let name = format!("https://app.example/callback/{}", edits.get());
                let patch = Patch::Merge(json!({"spec": {"redirectUris": {"values": [name]}}}));
                cluster.api::<FapiClient>().patch("app", &PatchParams::default(), &patch).await.unwrap();
                edits.set(edits.get() + 1);
            }
        }
    };
    let others = async {
        until("fifty edits", async || (edits.get() >= 50).then_some(())).await;
        cluster.workspace("calm", json!({})).await;
        cluster.client_with_keys("other", "calm").await;
        cluster.workspace_is_ready("calm").await;
        cluster.condition::<FapiClient>("other", ConditionType::Programmed, "True").await;
    };
    tokio::select! {
        () = bot => {}
        () = others => {}
    }
    let asked = operator.proxy.asked().split_off(before);
    let revisions =
        asked.iter().filter(|asked| asked.is_write() && asked.path.contains("/retail-bundle")).count();
    assert!(revisions > 0 && revisions * 2 < edits.get(), "{revisions} revisions for {} edits", edits.get());
    // The last one counts.
    until("the last edit", async || {
        let asked = cluster.api::<FapiClient>().get("app").await.unwrap().spec.redirect_uris?.values;
        let published = cluster.published("retail").await?;
        let uris = published.clients.iter().flat_map(|client| &client.redirect_uris);
        (uris.map(|uri| uri.as_str().to_owned()).collect::<Vec<_>>() == asked).then_some(())
    })
    .await;
    drop(operator);
    Rc::into_inner(cluster).expect("the bot has ended").end().await;
}
