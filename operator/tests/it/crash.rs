//! The operator dies before or after any of its writes. Whoever comes next brings the cluster to where it would have come without
//! that, and then writes nothing.
//!
//! A write is counted where it is on the wire; "after" means that it is done and that nobody heard of it. Reads are not counted: to
//! die beside one leaves behind what dying after the write before it does. Events are left out for another reason: nothing reads them.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use fapi_crds::{Client as FapiClient, ConditionType, SigningKey, Workspace};
use fapi_operator::leader::Leadership;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{Patch, PatchParams};
use serde_json::json;

use crate::cluster::{Cluster, Running};
use crate::normal::{difference, state};
use crate::proxy::{Crash, Proxy};
use crate::wait::until;

/// What people do meanwhile.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Story {
    /// A Workspace with a Client, from nothing.
    Create,
    /// One Client goes, with a finalizer; another comes; a third gets other redirect URIs; the Workspace does without a policy.
    Change,
    /// A key is rotated by hand, until the one before is history.
    Rotate,
}

const STORIES: [Story; 3] = [Story::Create, Story::Change, Story::Rotate];
/// At the same time, each in a namespace of its own.
const AT_A_TIME: usize = 4;
/// In `tests/run`.
const SAMPLE: usize = 8;
/// So often everything is looked at again: a rotation waits for time, which passes quickly here.
const RESYNC: Duration = Duration::from_millis(400);
const LINE: &str = "retail-sig-es256";

/// Which Clients share a shard follows from the name of the namespace: here all do.
fn one_shard() -> serde_json::Value {
    json!({"config": {"clientShards": 1}})
}

impl Story {
    /// What is there before.
    async fn begin(self, cluster: &Cluster) {
        if self == Self::Create {
            return;
        }
        let operator = start(cluster).await;
        cluster.workspace("retail", one_shard()).await;
        cluster.client_with_keys("app", "retail").await;
        if self == Self::Change {
            let waits = json!({"metadata": {"finalizers": ["fapi.rs/revocation"]}});
            let clients = cluster.api::<FapiClient>();
            clients.patch("app", &PatchParams::default(), &Patch::Merge(&waits)).await.unwrap();
            cluster.client_with_keys("other", "retail").await;
            cluster.condition::<FapiClient>("other", ConditionType::Programmed, "True").await;
        }
        cluster.workspace_is_ready("retail").await;
        cluster.condition::<FapiClient>("app", ConditionType::Programmed, "True").await;
        settled(&operator).await;
        operator.kill().await;
    }

    /// What is done while the operator dies.
    pub(crate) async fn act(self, cluster: &Cluster) {
        match self {
            Self::Create => {
                cluster.workspace("retail", one_shard()).await;
                cluster.client_with_keys("app", "retail").await;
            }
            Self::Change => {
                cluster.delete::<FapiClient>("app").await;
                cluster.client_with_keys("new", "retail").await;
                let uris = json!({"spec": {"redirectUris": {"values": ["https://other.example/elsewhere"]}}});
                let clients = cluster.api::<FapiClient>();
                clients.patch("other", &PatchParams::default(), &Patch::Merge(&uris)).await.unwrap();
                let open = json!({"spec": {"server": {"networkPolicy": {"enabled": false}}}});
                let workspaces = cluster.api::<Workspace>();
                workspaces.patch("retail", &PatchParams::default(), &Patch::Merge(&open)).await.unwrap();
            }
            Self::Rotate => {
                let now = json!({"spec": {"rotation": {"trigger": "today"}}});
                let lines = cluster.api::<SigningKey>();
                lines.patch(LINE, &PatchParams::default(), &Patch::Merge(&now)).await.unwrap();
            }
        }
    }

    /// Waits for the end.
    pub(crate) async fn end(self, cluster: &Cluster) {
        match self {
            Self::Create => {
                cluster.condition::<FapiClient>("app", ConditionType::Programmed, "True").await;
            }
            Self::Change => {
                cluster.condition::<FapiClient>("new", ConditionType::Programmed, "True").await;
                until("the Client to go", async || {
                    cluster.api::<FapiClient>().get_opt("app").await.unwrap().is_none().then_some(())
                })
                .await;
                until("what is published", async || {
                    let published = cluster.published("retail").await?;
                    let there = published.clients.iter().any(|client| {
                        client.redirect_uris.iter().any(|uri| uri == "https://other.example/elsewhere")
                    });
                    (there && published.document.tombstones.is_empty()).then_some(())
                })
                .await;
                cluster.condition::<FapiClient>("other", ConditionType::Programmed, "True").await;
            }
            Self::Rotate => {
                until("the key before to be history", async || {
                    let keys = keys(cluster).await;
                    let retired = keys.iter().any(|(state, _)| state == "Retired");
                    // Time passes, and nobody waits for it.
                    if !retired {
                        cluster.clock.advance(Duration::from_mins(20));
                    }
                    retired.then_some(())
                })
                .await;
            }
        }
        cluster.workspace_is_ready("retail").await;
    }
}

/// State and name of every key.
async fn keys(cluster: &Cluster) -> Vec<(String, String)> {
    let labelled = kube::api::ListParams::default().labels("fapi.rs/key-state");
    let secrets = cluster.api::<Secret>().list(&labelled).await.unwrap();
    let of = |secret: Secret| {
        let labels = secret.metadata.labels.unwrap_or_default();
        (
            labels.get("fapi.rs/key-state").cloned().unwrap_or_default(),
            secret.metadata.name.unwrap_or_default(),
        )
    };
    secrets.into_iter().map(of).collect()
}

async fn start(cluster: &Cluster) -> Running {
    let proxy = Proxy::start(cluster.config_of_the_operator()).await;
    cluster.operator_behind(proxy, Leadership::always(), RESYNC)
}

/// Waits until three looks at everything in a row have written nothing.
pub(crate) async fn settled(operator: &Running) {
    until("three looks without a write", async || {
        let asked = operator.proxy.asked();
        let last = asked.iter().rposition(crate::proxy::Asked::is_write).map_or(0, |last| last + 1);
        let looks = asked[last..].iter().filter(|asked| asked.path.contains("workspace-uid"));
        (looks.count() >= 3).then_some(())
    })
    .await;
}

/// What a run has come to, and how many writes it took.
pub(crate) struct Outcome {
    pub(crate) state: Vec<String>,
    writes: usize,
}

/// Plays a story with an operator that dies there, and one that comes after it.
pub(crate) async fn play(story: Story, crash: Option<Crash>) -> Outcome {
    let cluster = Cluster::start("crash").await;
    story.begin(&cluster).await;
    let proxy = Proxy::start(cluster.config_of_the_operator()).await;
    if let Some(crash) = crash {
        proxy.crash(crash);
    }
    let operator = cluster.operator_behind(proxy, Leadership::always(), RESYNC);
    story.act(&cluster).await;
    let operator = if crash.is_some() {
        tokio::select! {
            () = operator.proxy.crashed() => {}
            // It took a shorter way than the run without a fault.
            () = story.end(&cluster) => {}
        }
        operator.kill().await;
        start(&cluster).await
    } else {
        operator
    };
    story.end(&cluster).await;
    settled(&operator).await;
    let writes = operator.proxy.writes().into_iter().filter(|write| !write.contains("/events")).count();
    operator.kill().await;

    // Another start looks at everything, and finds nothing to write.
    let next = start(&cluster).await;
    settled(&next).await;
    let written = next.proxy.writes();
    assert!(written.is_empty(), "{story:?} {crash:?}: {written:#?}");
    drop(next);
    let state = state(&cluster).await;
    cluster.end().await;
    Outcome { state, writes }
}

async fn every(points: Vec<(Story, Crash)>, references: &BTreeMap<Story, Outcome>) -> Vec<String> {
    let mut points = points.into_iter();
    let mut players = tokio::task::JoinSet::new();
    let mut named = HashMap::new();
    let mut wrong = Vec::new();
    loop {
        while players.len() < AT_A_TIME
            && let Some(point) = points.next()
        {
            // A task of its own, so that one that fails stops no other.
            named.insert(players.spawn_local(play(point.0, Some(point.1))).id(), point);
        }
        let Some(played) = players.join_next_with_id().await else { return wrong };
        let id = played.as_ref().map_or_else(tokio::task::JoinError::id, |(id, _)| *id);
        let (story, crash) = named[&id];
        match played {
            Err(error) => wrong.push(format!("{story:?} {crash:?}: {error}")),
            Ok((_, outcome)) if outcome.state != references[&story].state => {
                let difference = difference(&references[&story].state, &outcome.state);
                wrong.push(format!("{story:?} {crash:?}:\n{difference}"));
            }
            Ok(_) => {}
        }
    }
}

async fn references() -> BTreeMap<Story, Outcome> {
    let mut references = BTreeMap::new();
    for story in STORIES {
        let reference = play(story, None).await;
        eprintln!("{story:?}: {} writes", reference.writes);
        references.insert(story, reference);
    }
    references
}

fn points(references: &BTreeMap<Story, Outcome>) -> Vec<(Story, Crash)> {
    let writes = references.iter().flat_map(|(story, reference)| (1..=reference.writes).map(|n| (*story, n)));
    writes.flat_map(|(story, n)| [(story, Crash::Before(n)), (story, Crash::After(n))]).collect()
}

/// F-C01, F-C03, G-09: a sample, another one in every run; all of them with `FAPI_CRASH_POINTS=all`.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a control plane"]
async fn an_operator_that_dies_at_a_write_is_followed_by_one_that_finishes() {
    tokio::task::LocalSet::new().run_until(the_operator_dies()).await;
}

async fn the_operator_dies() {
    let references = references().await;
    let mut points = points(&references);
    let asked = std::env::var("FAPI_CRASH_POINTS").unwrap_or_default();
    let sample =
        if asked == "all" { points.len() } else { asked.parse().unwrap_or(SAMPLE).min(points.len()) };
    eprintln!("{sample} of {} crash points", points.len());
    let mut random = vec![0; sample * 4];
    aws_lc_rs::rand::fill(&mut random).unwrap();
    let number = |bytes: &[u8]| usize::try_from(u32::from_le_bytes(bytes.try_into().unwrap())).unwrap();
    let mut chosen = Vec::new();
    for bytes in random.chunks_exact(4) {
        chosen.push(points.swap_remove(number(bytes) % points.len()));
    }
    eprintln!("{chosen:?}");
    let wrong = every(chosen, &references).await;
    assert!(wrong.is_empty(), "{} of {sample} are wrong\n{}", wrong.len(), wrong.join("\n\n"));
}
