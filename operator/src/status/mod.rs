//! What is true now? Conditions and facts for the Workspace, its Clients and its key lines, from what was judged, applied and heard.
//!
//! Everything here but [`write`] is pure. Statuses are built on top of those that are there, so that a transition time moves only
//! when something did, and are written only when they differ.

mod client;
mod signing_key;
mod workspace;

use fapi_config::Manifest;
use fapi_crds::condition::{self, Status};
use fapi_crds::{ConditionType, Reason, Workspace};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, ObjectMeta, Time};
use kube::api::{Patch, PatchParams};
use kube::core::{NamespaceResourceScope, PartialObjectMeta};
use kube::{Api, Resource};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::build::{Applied, Desired, FIELD_MANAGER};
use crate::context::Context;
use crate::error::{Error, Trying as _};
use crate::rotate::{Acknowledgements, Counting, KeyLine};
use crate::validate::{Finding, Verdict};
use crate::watch::key_of;

pub use client::client;
pub use signing_key::signing_key;
pub use workspace::{Counted, held, workspace};

/// What statuses are made of.
#[derive(Clone, Copy)]
pub struct Facts<'a> {
    /// The Workspace.
    pub workspace: &'a Workspace,
    /// What was judged.
    pub verdict: &'a Verdict,
    /// What was applied; absent if nothing may be published.
    pub applied: Option<Published<'a>>,
    /// What the pods say.
    pub acks: &'a Acknowledgements,
    /// The Deployment, as last seen.
    pub deployment: Option<&'a Deployment>,
    /// The time.
    pub now: jiff::Timestamp,
}

/// What was applied.
#[derive(Clone, Copy)]
pub struct Published<'a> {
    /// The children: nothing that was not applied is reported.
    pub children: &'a Desired<Applied>,
    /// The key lines, after every step that was taken.
    pub lines: &'a [KeyLine],
    /// The keys that were published when the pods were asked.
    pub keys: &'a [fapi_config::PublicKey],
}

impl Published<'_> {
    /// The manifest.
    pub fn manifest(&self) -> &Manifest {
        self.children.manifest()
    }
}

impl Facts<'_> {
    /// Which pods are asked.
    fn counting(&self) -> Counting {
        self.applied.map_or(Counting::Running, |applied| crate::rotate::counting(applied.lines))
    }

    /// Whether every pod has loaded a revision.
    fn loaded(&self, revision: u64) -> Finding {
        use crate::rotate::Confirmation;
        match self.acks.loaded(self.counting(), revision) {
            Confirmation::All => {
                Finding::yes(Reason::Synced, format!("every serving pod has loaded revision {revision}"))
            }
            Confirmation::NoPods => {
                Finding::no(Reason::NoServingPods, "no pod is there to load the configuration")
            }
            Confirmation::Waiting(pods) => {
                let names = listed(&pods);
                Finding::no(Reason::PodsPending, format!("waiting for {names} to load revision {revision}"))
            }
        }
    }
}

/// Names, the first few of them.
fn listed(names: &[String]) -> String {
    let shown = names.iter().take(5).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len() {
        0..=5 => shown,
        more => format!("{shown} and {} more", more - 5),
    }
}

/// Conditions that are being written.
struct Conditions<'a> {
    list: &'a mut Vec<Condition>,
    generation: Option<i64>,
    now: jiff::Timestamp,
}

impl Conditions<'_> {
    fn set(&mut self, type_: ConditionType, finding: &Finding) {
        let Finding { status, reason, message } = finding;
        condition::set(self.list, type_, *status, *reason, message.clone(), self.generation, self.now);
    }

    /// One that is there only when there is something to say.
    fn set_or_remove(&mut self, type_: ConditionType, finding: Option<&Finding>) {
        match finding {
            Some(finding) => self.set(type_, finding),
            None => {
                condition::remove(self.list, type_);
            }
        }
    }

    /// `Ready`, `Reconciling` and `Stalled`, from what has to be true: the first that is not gives the reason.
    fn summarize(&mut self, needed: &[&Finding]) {
        // What is known to be wrong says more than what cannot be told because of it.
        let missing = needed.iter().find(|finding| finding.status == Status::False);
        let missing = missing.or_else(|| needed.iter().find(|finding| !finding.is_true()));
        let (ready, reconciling, stalled) = match missing {
            None => {
                let fine = Finding::no(Reason::Ready, "");
                (Finding::yes(Reason::Ready, "everything is as it should be"), fine.clone(), fine)
            }
            Some(finding) => {
                let ready = Finding::no(finding.reason, finding.message.clone());
                let same = |status: bool| Finding { status: Status::from(status), ..ready.clone() };
                let human = needs_somebody(finding.reason);
                (ready.clone(), same(!human), same(human))
            }
        };
        self.set(ConditionType::Ready, &ready);
        self.set(ConditionType::Reconciling, &reconciling);
        self.set(ConditionType::Stalled, &stalled);
    }
}

/// Whether it stays so until somebody changes something. What is merely on its way, in whatever order it was applied, is waited for.
fn needs_somebody(reason: Reason) -> bool {
    !matches!(
        reason,
        Reason::ApplyFailed
            | Reason::ConfigMapNotFound
            | Reason::FetchFailed
            | Reason::KeyNotFound
            | Reason::KeyPending
            | Reason::NoServingPods
            | Reason::Pending
            | Reason::PodsPending
            | Reason::Reconciling
            | Reason::RevocationsPending
            | Reason::SecretNotFound
            | Reason::StaleSecret
            | Reason::Unavailable
            | Reason::WaitingForWindow
            | Reason::WorkspaceNotFound
            | Reason::WorkspaceNotReady
    )
}

fn time(at: fapi_core::Timestamp) -> Option<Time> {
    jiff::Timestamp::from_second(at.as_unix()).ok().map(Time)
}

fn whole_seconds(at: jiff::Timestamp) -> Time {
    Time(jiff::Timestamp::from_second(at.as_second()).unwrap_or(at))
}

/// A revision as statuses write it.
fn signed(revision: u64) -> i64 {
    i64::try_from(revision).unwrap_or(i64::MAX)
}

/// Writes a status if it differs from the one that is there. Says whether it did.
pub async fn write<K, S>(cx: &Context, object: &K, before: Option<&S>, status: &S) -> Result<bool, Error>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + DeserializeOwned
        + std::fmt::Debug,
    S: Serialize + PartialEq,
{
    if before == Some(status) {
        return Ok(false);
    }
    cx.may_write()?;
    let key = key_of(object);
    let kind = K::kind(&());
    // With the uid: another object of the same name has another status.
    let body = json!({
        "apiVersion": K::api_version(&()),
        "kind": kind,
        "metadata": {"name": key.name, "namespace": key.namespace, "uid": object.meta().uid},
        "status": status,
    });
    // Of the answer nothing is read but that it is one: the object may be one that this version cannot read.
    let api: Api<PartialObjectMeta<K>> = Api::namespaced(cx.client.clone(), &key.namespace);
    let params = PatchParams::apply(FIELD_MANAGER).force();
    let written = api.patch_status(&key.name, &params, &Patch::Apply(&body)).await;
    match written.trying(|| format!("patch the status of {kind} {key}")) {
        Ok(_) => {
            remember(cx, object.meta(), status);
            Ok(true)
        }
        // It was deleted meanwhile, or another one has its name.
        Err(error) if error.is_not_found() => Ok(false),
        Err(error) => Err(error),
    }
}

/// The cache shows what was written a moment later. Until then, this is what the object says.
fn remember(cx: &Context, metadata: &ObjectMeta, status: &impl Serialize) {
    let (Some(uid), Some(seen)) = (metadata.uid.clone(), metadata.resource_version.clone()) else { return };
    let Ok(status) = serde_json::to_value(status) else { return };
    cx.memory().statuses.insert(uid, (seen, status));
}

/// The status that was written to an object, if the cache does not show it yet.
pub(crate) fn newer<S: DeserializeOwned>(cx: &Context, metadata: &ObjectMeta) -> Option<S> {
    let uid = metadata.uid.as_ref()?;
    let mut memory = cx.memory();
    let (seen, status) = memory.statuses.get(uid)?;
    if metadata.resource_version.as_ref() != Some(seen) {
        memory.statuses.remove(uid);
        return None;
    }
    serde_json::from_value(status.clone()).ok()
}

/// The condition of a type, if its status has just changed.
pub fn turned<'a>(
    type_: ConditionType,
    before: &[Condition],
    after: &'a [Condition],
) -> Option<&'a Condition> {
    let now = condition::find(after, type_)?;
    let then = condition::find(before, type_);
    then.is_none_or(|then| then.status != now.status).then_some(now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{self, NOON};
    use crate::validate::validate;

    fn now() -> jiff::Timestamp {
        jiff::Timestamp::from_second(NOON.as_unix()).unwrap()
    }

    fn conditions(list: &[Condition]) -> Vec<String> {
        list.iter()
            .map(|condition| format!("{} {} {}", condition.type_, condition.status, condition.reason))
            .collect()
    }

    #[test]
    fn what_is_wrong_gives_the_reason_before_what_cannot_be_told_because_of_it() {
        let mut list = Vec::new();
        let mut conditions = Conditions { list: &mut list, generation: Some(3), now: now() };
        let unknown = Finding::unknown(Reason::Pending, "the Secrets come first");
        let wrong = Finding::no(Reason::InvalidJwks, "Secret a key b line 1: malformed JSON");
        conditions.summarize(&[&unknown, &wrong]);
        let ready = condition::find(&list, ConditionType::Ready).unwrap();
        assert_eq!((ready.reason.as_str(), ready.observed_generation), ("InvalidJwks", Some(3)));
        assert!(condition::is_true(&list, ConditionType::Stalled), "somebody has to write another JWKS");
        assert!(!condition::is_true(&list, ConditionType::Reconciling));
    }

    /// Resources may be applied in any order: what is not there yet is waited for.
    #[test]
    fn what_may_still_come_is_waited_for() {
        let mut list = Vec::new();
        let mut conditions = Conditions { list: &mut list, generation: Some(1), now: now() };
        conditions.summarize(&[&Finding::no(Reason::SecretNotFound, "Secret a does not exist")]);
        assert!(condition::is_true(&list, ConditionType::Reconciling));
        assert!(!condition::is_true(&list, ConditionType::Stalled));
    }

    #[test]
    fn the_same_facts_a_day_later_are_the_same_status() {
        let found = fixture::found(fixture::workspace(), Vec::new());
        let verdict = validate(&found);
        let acks = Acknowledgements::default();
        let mut workspace = found.workspace.clone();
        let facts = Facts {
            workspace: &workspace,
            verdict: &verdict,
            applied: None,
            acks: &acks,
            deployment: None,
            now: now(),
        };
        let first = super::workspace(&facts, Counted::default());
        workspace.status = Some(first.clone());
        let later = jiff::Timestamp::from_second(NOON.as_unix() + 86_400).unwrap();
        let facts = Facts {
            workspace: &workspace,
            verdict: &verdict,
            applied: None,
            acks: &acks,
            deployment: None,
            now: later,
        };
        assert_eq!(super::workspace(&facts, Counted::default()), first);
        insta::assert_snapshot!(conditions(&first.conditions).join("\n"), @r"
        Accepted True Accepted
        ResolvedRefs True Resolved
        KeysReady False KeyPending
        ConfigSynced False Pending
        RevocationsPending False RevocationsConfirmed
        Available False Unavailable
        Insecure True Insecure
        Ephemeral True Ephemeral
        Ready False KeyPending
        Reconciling True KeyPending
        Stalled False KeyPending
        ");
    }
}
