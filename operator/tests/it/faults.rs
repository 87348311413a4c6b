//! The API server fails in every way it can, and people and other programs do what they do. What is there in the end is what is
//! there without that, and then nothing is written.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use fapi_crds::{Client as FapiClient, ConditionType, SigningKey, Workspace};
use fapi_operator::leader::Leadership;
use http::StatusCode;
use k8s_openapi::api::admissionregistration::v1::ValidatingWebhookConfiguration;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Namespace, ResourceQuota, Secret};
use kube::Api;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::cluster::{Cluster, WATCH, jwks};
use crate::crash::{Story, play, settled};
use crate::normal::{difference, state};
use crate::proxy::{Asked, Fault, Proxy};
use crate::wait::until;

/// Long: whatever is noticed in these tests, a watch or a failure has told it.
const RESYNC: Duration = Duration::from_mins(10);

/// What the first story comes to without a fault.
async fn reference() -> &'static [String] {
    static REFERENCE: OnceCell<Vec<String>> = OnceCell::const_new();
    REFERENCE.get_or_init(async || play(Story::Create, None).await.state).await
}

/// The same number for the same request in a run; another in another run.
fn chance(seed: u64, number: usize) -> u64 {
    let mut x = seed.wrapping_add((number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (x ^ (x >> 31)) % 100
}

fn seed() -> u64 {
    let mut bytes = [0; 8];
    aws_lc_rs::rand::fill(&mut bytes).unwrap();
    let seed = u64::from_le_bytes(bytes);
    eprintln!("seed {seed}");
    seed
}

/// A Workspace and its Client come to the end that they come to without faults, and then nothing is written.
async fn withstands(plan: impl Fn(&Asked) -> Option<Fault> + Send + Sync + 'static) {
    let expected = reference().await;
    let cluster = Cluster::start("fault").await;
    let proxy = Proxy::start(cluster.config_of_the_operator()).await;
    proxy.plan(plan);
    let operator = cluster.operator_behind(proxy, Leadership::always(), RESYNC);
    Story::Create.act(&cluster).await;
    Story::Create.end(&cluster).await;
    operator.proxy.heal();
    cluster.quiet(&operator.proxy).await;
    operator.kill().await;
    ends_as(&cluster, expected).await;
    cluster.end().await;
}

/// The state is this, and another start of the operator finds nothing to write.
async fn ends_as(cluster: &Cluster, expected: &[String]) {
    let proxy = Proxy::start(cluster.config_of_the_operator()).await;
    let next = cluster.operator_behind(proxy, Leadership::always(), Duration::from_millis(400));
    settled(&next).await;
    let written = next.proxy.writes();
    assert!(written.is_empty(), "{written:#?}");
    let found = state(cluster).await;
    assert!(found == expected, "{}", difference(expected, &found));
}

/// F-O02: late, never, and begun without an end. Every call has a deadline, so nothing is held up for ever.
#[tokio::test]
#[ignore = "needs a control plane"]
async fn a_slow_api_server_delays_and_hinders_nothing() {
    let seed = seed();
    let hung = AtomicUsize::new(0);
    withstands(move |asked| {
        if asked.is_watch() {
            return None;
        }
        match chance(seed, asked.number) {
            0..30 => Some(Fault::Late(Duration::from_millis(200))),
            30..40 if hung.fetch_add(1, Ordering::SeqCst) < 4 => Some(Fault::Lost),
            40..50 if hung.fetch_add(1, Ordering::SeqCst) < 4 => Some(Fault::Stuck),
            _ => None,
        }
    })
    .await;
}

/// F-O03: refused, or done and reported as failed, or cut off amid the answer. Nothing is made twice.
#[tokio::test]
#[ignore = "needs a control plane"]
async fn what_was_done_and_reported_as_failed_is_not_done_twice() {
    let seed = seed();
    withstands(move |asked| {
        if asked.number > 60 {
            return None;
        }
        match chance(seed, asked.number) {
            0..3 => Some(Fault::Refused(StatusCode::TOO_MANY_REQUESTS, Some(1))),
            3..6 => Some(Fault::Refused(StatusCode::INTERNAL_SERVER_ERROR, None)),
            6..9 => Some(Fault::Refused(StatusCode::SERVICE_UNAVAILABLE, None)),
            9..13 => Some(Fault::DoneBut(StatusCode::GATEWAY_TIMEOUT)),
            13..16 => Some(Fault::DoneBut(StatusCode::INTERNAL_SERVER_ERROR)),
            16..20 if !asked.is_watch() => Some(Fault::Cut),
            _ => None,
        }
    })
    .await;
}

/// F-O04: ten writers change what the operator writes, and conflicts come on top. It reads again, and never overwrites blindly.
#[tokio::test]
#[ignore = "needs a control plane"]
async fn a_storm_of_conflicts_is_weathered() {
    let expected = reference().await;
    let cluster = Arc::new(Cluster::start("storm").await);
    let seed = seed();
    let proxy = Proxy::start(cluster.config_of_the_operator()).await;
    proxy.plan(move |asked| {
        let unlucky = asked.is_write() && asked.number < 80 && chance(seed, asked.number) < 10;
        unlucky.then_some(Fault::Refused(StatusCode::CONFLICT, None))
    });
    let operator = cluster.operator_behind(proxy, Leadership::always(), RESYNC);
    Story::Create.act(&cluster).await;
    let mut bots = tokio::task::JoinSet::new();
    for bot in 0..10 {
        let cluster = cluster.clone();
        bots.spawn(async move {
            for round in 0..4 {
                scribble(&cluster, json!(format!("{bot} {round}"))).await;
            }
        });
    }
    bots.join_all().await;
    scribble(&cluster, Value::Null).await;
    Story::Create.end(&cluster).await;
    operator.proxy.heal();
    cluster.quiet(&operator.proxy).await;
    operator.kill().await;
    ends_as(&cluster, expected).await;
    Arc::into_inner(cluster).unwrap().end().await;
}

/// An annotation on everything that has one label of ours.
async fn scribble(cluster: &Cluster, value: Value) {
    let patch = Patch::Merge(json!({"metadata": {"annotations": {"example.com/bot": value}}}));
    let (ours, params) = (ListParams::default().labels("fapi.rs/workspace"), PatchParams::default());
    for secret in cluster.api::<Secret>().list(&ours).await.unwrap() {
        let _ = cluster.api::<Secret>().patch(&secret.metadata.name.unwrap(), &params, &patch).await;
    }
    for deployment in cluster.api::<Deployment>().list(&ours).await.unwrap() {
        let name = deployment.metadata.name.unwrap();
        let _ = cluster.api::<Deployment>().patch(&name, &params, &patch).await;
    }
    let _ = cluster.api::<Workspace>().patch("retail", &params, &patch).await;
    let _ = cluster.api::<FapiClient>().patch("app", &params, &patch).await;
}

/// F-O05: cut again and again, then silent without an end: what happens meanwhile is seen. Nothing else would tell: the next look
/// at everything is ten minutes away.
#[tokio::test]
#[ignore = "needs a control plane"]
async fn a_watch_that_is_cut_is_resumed_and_a_silent_one_is_noticed() {
    let cluster = Cluster::start("watch").await;
    let operator = cluster.operator().await;
    cluster.retail_with_app().await;
    for name in ["a", "b", "c", "d"] {
        operator.proxy.cut_watches();
        cluster.client_with_keys(name, "retail").await;
        operator.proxy.cut_watches();
        cluster.condition::<FapiClient>(name, ConditionType::Programmed, "True").await;
    }
    cluster.quiet(&operator.proxy).await;
    operator.proxy.silence_watches();
    cluster.client_with_keys("unheard", "retail").await;
    cluster.condition::<FapiClient>("unheard", ConditionType::Programmed, "True").await;
    // That is how long a silent one may last: the API server ends it earlier, and the client a little later.
    let asked = format!("timeoutSeconds={}", WATCH.as_secs());
    let watches = operator.proxy.watches();
    assert!(!watches.is_empty() && watches.iter().all(|watch| watch.contains(&asked)), "{watches:#?}");
    drop(operator);
    cluster.end().await;
}

/// F-O06, F-O07: history is gone when the watch comes back. What was deleted in between is missed, and made again.
#[tokio::test]
#[ignore = "needs a control plane"]
async fn a_deletion_that_no_watch_tells_of_is_noticed() {
    let cluster = Cluster::start("gone").await;
    let operator = cluster.operator().await;
    cluster.retail_with_app().await;
    cluster.quiet(&operator.proxy).await;
    let before = state(&cluster).await;

    operator.proxy.plan(|asked| asked.is_watch().then_some(Fault::Lost));
    operator.proxy.cut_watches();
    cluster.delete::<Deployment>("retail").await;
    cluster.delete::<Secret>("retail-keys").await;
    until("the Deployment to go", async || {
        cluster.api::<Deployment>().get_opt("retail").await.unwrap().is_none().then_some(())
    })
    .await;
    let expired = AtomicUsize::new(0);
    operator.proxy.plan(move |asked| {
        let once = asked.is_watch() && expired.fetch_add(1, Ordering::SeqCst) < 20;
        once.then_some(Fault::Expired)
    });
    until("another Deployment", async || {
        let keys = cluster.api::<Secret>().get_opt("retail-keys").await.unwrap();
        keys.and(cluster.api::<Deployment>().get_opt("retail").await.unwrap()).map(drop)
    })
    .await;
    cluster.workspace_is_ready("retail").await;
    operator.proxy.heal();
    cluster.quiet(&operator.proxy).await;
    operator.kill().await;
    ends_as(&cluster, &before).await;
    cluster.end().await;
}

/// F-O08: lists of yesterday, and watches that say nothing. A Workspace that was made anew meanwhile loses nothing, and nothing is
/// made for the one that it replaced (I4, I6).
#[tokio::test]
#[ignore = "needs a control plane"]
async fn whoever_reads_yesterdays_state_makes_and_removes_nothing() {
    let cluster = Cluster::start("stale").await;
    let operator = cluster.operator().await;
    cluster.retail_with_app().await;
    operator.kill().await;
    let operator = cluster.operator().await;
    cluster.quiet(&operator.proxy).await;
    let yesterday = operator.proxy.lists();

    cluster.delete::<Workspace>("retail").await;
    cluster.delete::<FapiClient>("app").await;
    let of_before = cluster.api::<Secret>();
    until("everything to go", async || {
        let labelled = ListParams::default().labels("fapi.rs/workspace");
        of_before.list(&labelled).await.unwrap().items.is_empty().then_some(())
    })
    .await;
    cluster.retail_with_app().await;
    cluster.quiet(&operator.proxy).await;
    operator.kill().await;
    let today = secrets(&cluster).await;

    let proxy = Proxy::start(cluster.config_of_the_operator()).await;
    proxy.plan(move |asked| {
        let list = yesterday.iter().find(|(path, _)| asked.is_list() && *path == asked.path);
        let list = list.map(|(_, bytes)| Fault::Answered(bytes.clone()));
        list.or_else(|| asked.is_watch().then_some(Fault::Lost))
    });
    let operator = cluster.operator_behind(proxy, Leadership::always(), RESYNC);
    until("a few tries", async || {
        let reads = operator.proxy.reads();
        let looks = reads.iter().filter(|path| path.contains("workspace-uid")).count();
        (looks >= 4).then_some(())
    })
    .await;
    assert_eq!(secrets(&cluster).await, today, "{:#?}", operator.proxy.writes());
    let deleted: Vec<String> =
        operator.proxy.writes().into_iter().filter(|write| write.starts_with("DELETE")).collect();
    assert!(deleted.is_empty(), "{deleted:#?}");
    drop(operator);

    let proxy = Proxy::start(cluster.config_of_the_operator()).await;
    let next = cluster.operator_behind(proxy, Leadership::always(), Duration::from_millis(400));
    cluster.workspace_is_ready("retail").await;
    settled(&next).await;
    assert_eq!(secrets(&cluster).await, today);
    drop(next);
    cluster.end().await;
}

/// Name, uid and version of every Secret.
async fn secrets(cluster: &Cluster) -> Vec<(String, String, String)> {
    let mut found = Vec::new();
    for secret in cluster.api::<Secret>().list(&ListParams::default()).await.unwrap() {
        let meta = secret.metadata;
        found.push((meta.name.unwrap(), meta.uid.unwrap(), meta.resource_version.unwrap()));
    }
    found.sort();
    found
}

/// F-O13: a namespace with everything in it goes, also with finalizers that people have put there, and what is forbidden meanwhile
/// is not tried again and again.
#[tokio::test]
#[ignore = "needs a control plane"]
async fn a_namespace_always_ends() {
    for round in 0..3 {
        let cluster = Cluster::start("ends").await;
        let operator = cluster.operator().await;
        cluster.workspace("retail", json!({})).await;
        for name in ["a", "b", "c"] {
            cluster.client_with_keys(name, "retail").await;
            let waits = json!({"metadata": {"finalizers": ["fapi.rs/revocation"]}});
            let clients = cluster.api::<FapiClient>();
            clients.patch(name, &PatchParams::default(), &Patch::Merge(&waits)).await.unwrap();
        }
        // Once amid the start, and otherwise from a steady state.
        if round > 0 {
            cluster.workspace_is_ready("retail").await;
            cluster.condition::<FapiClient>("c", ConditionType::Programmed, "True").await;
        }
        if round > 1 {
            cluster.delete::<FapiClient>("b").await;
        }
        let namespaces = Api::<Namespace>::all(cluster.client.clone());
        namespaces.delete(&cluster.namespace, &DeleteParams::background()).await.unwrap();
        until("the namespace to go", async || {
            namespaces.get_opt(&cluster.namespace).await.unwrap().is_none().then_some(())
        })
        .await;
        let forbidden = operator.proxy.forbidden();
        assert!(forbidden.len() < 20, "{forbidden:#?}");
        cluster.quiet(&operator.proxy).await;
    }
}

/// F-O14: a quota refuses; the condition says which, and once it is gone the next look succeeds.
#[tokio::test]
#[ignore = "needs a control plane"]
async fn a_quota_that_refuses_is_named() {
    let cluster = Cluster::start("quota").await;
    let quota = json!({"spec": {"hard": {"count/deployments.apps": "0"}}});
    cluster.apply::<ResourceQuota>("no-deployments", quota).await;
    until("the quota to count", async || {
        cluster.api::<ResourceQuota>().get("no-deployments").await.unwrap().status?.used.map(drop)
    })
    .await;
    let operator = cluster.operator().await;
    cluster.workspace("retail", json!({})).await;
    let stalled = cluster.reason::<Workspace>("retail", ConditionType::Ready, "ApplyFailed").await;
    assert!(stalled.message.contains("no-deployments"), "{}", stalled.message);
    cluster.delete::<ResourceQuota>("no-deployments").await;
    // Somebody looks at it, which is sooner than the minute after which it would be tried by itself.
    touch(&cluster).await;
    cluster.workspace_is_ready("retail").await;
    drop(operator);
    cluster.end().await;
}

async fn touch(cluster: &Cluster) {
    let label = json!({"metadata": {"labels": {"team": "payments"}}});
    let workspaces = cluster.api::<Workspace>();
    workspaces.patch("retail", &PatchParams::default(), &Patch::Merge(&label)).await.unwrap();
}

/// F-O16: a webhook of somebody else's that nobody answers holds up what it was put before. The condition names it.
#[tokio::test]
#[ignore = "needs a control plane"]
async fn a_webhook_that_is_down_is_named() {
    let cluster = Cluster::alone("hook").await;
    let hook = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": cluster.namespace},
        "webhooks": [{
            "name": "deployments.example.com",
            "failurePolicy": "Fail", "sideEffects": "None", "admissionReviewVersions": ["v1"], "timeoutSeconds": 1,
            "clientConfig": {"url": "https://127.0.0.1:1/nobody"},
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": cluster.namespace}},
            "rules": [{"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["*"], "resources": ["deployments"]}],
        }],
    });
    let hooks = Api::<ValidatingWebhookConfiguration>::all(cluster.client.clone());
    let params = PatchParams::apply("a-person").force();
    hooks.patch(&cluster.namespace, &params, &Patch::Apply(&hook)).await.unwrap();
    let operator = cluster.operator().await;
    cluster.workspace("retail", json!({})).await;
    let waiting = until("a condition that names it", async || {
        let status = cluster.api::<Workspace>().get("retail").await.unwrap().status?;
        let ready = fapi_crds::condition::find(&status.conditions, ConditionType::Ready)?.clone();
        ready.message.contains("deployments.example.com").then_some(ready)
    })
    .await;
    assert_eq!(waiting.reason, "ApplyFailed");
    hooks.delete(&cluster.namespace, &DeleteParams::default()).await.unwrap();
    touch(&cluster).await;
    cluster.workspace_is_ready("retail").await;
    drop(operator);
    cluster.end().await;
}

/// F-I08: there and back again. Everything is as it was, and no pod was restarted where its configuration is the same.
#[tokio::test]
#[ignore = "needs a control plane"]
async fn what_is_changed_and_changed_back_is_as_it_was() {
    let cluster = Cluster::start("back").await;
    let operator = cluster.operator().await;
    cluster.retail_with_app().await;
    cluster.quiet(&operator.proxy).await;
    let before = state(&cluster).await;
    let deployment = async || cluster.api::<Deployment>().get("retail").await.unwrap().metadata.generation;
    let restarts = deployment().await;

    let accepted = [
        ("scopes", json!([{"name": "accounts"}, {"name": "payments"}])),
        ("protocol", json!({"signingAlgorithms": ["ES256"], "lifetimes": {"accessToken": "2m"}})),
        ("allowedClients", json!({"from": "All"})),
        ("server", json!({"networkPolicy": {"enabled": false}})),
    ];
    // A time that the profile does not allow.
    let refused =
        [("protocol", json!({"signingAlgorithms": ["ES256"], "lifetimes": {"accessToken": "24h"}}))];
    for (field, value) in accepted.iter().chain(&refused) {
        let original = serde_json::to_value(cluster.api::<Workspace>().get("retail").await.unwrap()).unwrap();
        cluster.workspace("retail", json!({*field: value})).await;
        let looked = operator.proxy.len();
        until("a look", async || (operator.proxy.len() > looked).then_some(())).await;
        cluster.quiet(&operator.proxy).await;
        cluster.workspace("retail", json!({})).await;
        cluster.workspace_is_ready("retail").await;
        cluster.quiet(&operator.proxy).await;
        let now = state(&cluster).await;
        assert!(now == before, "{field} {value} from {}\n{}", original["spec"], difference(&before, &now));
    }
    assert_eq!(deployment().await, restarts, "no pod is restarted for what a reload does");
    drop(operator);
    cluster.end().await;
}

/// F-I10: deleted and made anew within the second, again and again: a life of its own, with nothing of the one before.
#[tokio::test]
#[ignore = "needs a control plane"]
async fn a_workspace_that_is_made_anew_at_once_inherits_nothing() {
    let cluster = Cluster::start("anew").await;
    let operator = cluster.operator().await;
    let salt = async || cluster.api::<Secret>().get("retail-subject").await.unwrap().data.unwrap();
    let mut salts = Vec::new();
    for _ in 0..3 {
        cluster.retail_with_app().await;
        let workspace = cluster.api::<Workspace>().get("retail").await.unwrap();
        let published = cluster.published("retail").await.unwrap();
        assert_eq!(published.document.keys.len(), 1, "I4");
        let now = salt().await;
        assert!(!salts.contains(&now));
        salts.push(now);
        cluster.delete::<Workspace>("retail").await;
        cluster.workspace("retail", json!({})).await;
        until("another life", async || {
            let found = cluster.api::<Workspace>().get("retail").await.unwrap();
            (found.metadata.uid != workspace.metadata.uid).then_some(())
        })
        .await;
    }
    cluster.workspace_is_ready("retail").await;
    assert!(!salts.contains(&salt().await));
    drop(operator);
    cluster.end().await;
}

/// F-I02: a Secret in use is deleted: what was good last is served on, and the Client says why.
#[tokio::test]
#[ignore = "needs a control plane"]
async fn a_client_whose_secret_is_deleted_is_served_as_before_and_says_so() {
    let cluster = Cluster::start("lost").await;
    let operator = cluster.operator().await;
    cluster.retail_with_app().await;
    let before = cluster.published("retail").await.unwrap().clients;
    cluster.delete::<Secret>("app-jwks").await;
    cluster.reason::<FapiClient>("app", ConditionType::ResolvedRefs, "StaleSecret").await;
    assert_eq!(cluster.published("retail").await.unwrap().clients, before);
    cluster.jwks("app", true).await;
    cluster.condition::<FapiClient>("app", ConditionType::ResolvedRefs, "True").await;
    drop(operator);
    cluster.end().await;
}

/// F-I06, F-I11: many changes in a row are few revisions, and the last one wins.
#[tokio::test]
#[ignore = "needs a control plane"]
async fn many_changes_in_a_row_are_few_revisions_and_the_last_one_wins() {
    let cluster = Cluster::start("many").await;
    let operator = cluster.operator().await;
    cluster.retail_with_app().await;
    cluster.quiet(&operator.proxy).await;
    let before = cluster.revision("retail").await.unwrap();
    let mut last = String::new();
    for _ in 0..50 {
        last = jwks();
        cluster.secret("app-jwks", &[("jwks.json", &last)], true).await;
    }
    for number in 0..10 {
        let scopes = json!({"scopes": [{"name": "accounts"}, {"name": format!("scope-{number}")}]});
        cluster.workspace("retail", scopes).await;
    }
    cluster.quiet(&operator.proxy).await;
    cluster.workspace_is_ready("retail").await;
    let published = cluster.published("retail").await.unwrap();
    let revisions = published.manifest.revision - before;
    assert!(revisions < 60, "{revisions} revisions of 60 changes");
    let key: Value = serde_json::from_str(&last).unwrap();
    let document = serde_json::to_string(&published.clients).unwrap();
    assert!(document.contains(key["keys"][0]["x"].as_str().unwrap()), "{document}");
    let scopes = serde_json::to_string(&published.document).unwrap();
    assert!(scopes.contains("scope-9") && !scopes.contains("scope-8"), "{scopes}");
    drop(operator);
    cluster.end().await;
}

/// F-F06: a key that was published is lost before it signs. The one that signs goes on, and another takes the place of the lost one.
#[tokio::test]
#[ignore = "needs a control plane"]
async fn a_key_that_is_lost_before_it_signs_is_replaced() {
    let cluster = Cluster::start("key-lost").await;
    let proxy = Proxy::start(cluster.config_of_the_operator()).await;
    let operator = cluster.operator_behind(proxy, Leadership::always(), Duration::from_millis(400));
    cluster.retail_with_app().await;
    let active = async || {
        let line = cluster.api::<SigningKey>().get("retail-sig-es256").await.unwrap();
        line.status.and_then(|status| status.active_kid)
    };
    let first = active().await;
    let now = json!({"spec": {"rotation": {"trigger": "today"}}});
    let lines = cluster.api::<SigningKey>();
    lines.patch("retail-sig-es256", &PatchParams::default(), &Patch::Merge(&now)).await.unwrap();
    let next = async || {
        let published = ListParams::default().labels("fapi.rs/key-state=Published");
        let mut found = cluster.api::<Secret>().list(&published).await.unwrap().items;
        found.pop().and_then(|secret| secret.metadata.name)
    };
    let lost = until("a key that waits", next).await;
    cluster.delete::<Secret>(&format!("{lost}-private")).await;
    cluster.delete::<Secret>(&lost).await;
    until("another key", async || next().await.filter(|name| *name != lost)).await;
    assert_eq!(active().await, first, "nothing is signed with what is lost");
    until("the other key to sign", async || {
        cluster.clock.advance(Duration::from_mins(20));
        (active().await != first).then_some(())
    })
    .await;
    drop(operator);
    cluster.end().await;
}
