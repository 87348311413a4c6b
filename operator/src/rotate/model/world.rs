//! What there is at one moment, and what is true of it.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use fapi_config::state::PodState;
use fapi_config::{KeyState as Published, PublicKey};
use fapi_core::Timestamp;
use fapi_crds::{KeyAlgorithm, KeyState};

use super::A_DAY_AGO;
use crate::fixture::SIGNER;
use crate::rotate::stage::START;
use crate::rotate::{KeyFacts, PodView, published_algorithm};

/// A key as the API server has it: the Secret that holds its facts, and whether there is the private one. Facts are only ever
/// added, so they stand for the version of the Secret as well.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Stored {
    pub(super) facts: KeyFacts,
    pub(super) private: bool,
}

/// The keys of one revision, and in which state each is.
pub(super) type Revision = Vec<(String, Published)>;

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) struct Pod {
    /// The number of the revision that it has loaded; 0: none.
    pub(super) loaded: u8,
    /// Neither asked by clients nor answering the operator.
    pub(super) away: bool,
}

/// What an operator has read. When it stops to be true, nobody tells it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct View {
    pub(super) keys: Vec<Stored>,
    pub(super) revision: u8,
    pub(super) pods: Option<Vec<Pod>>,
}

#[derive(Clone, Default, PartialEq, Eq, Hash, Debug)]
pub(super) struct Operator {
    /// By how many minutes its clock is fast.
    pub(super) fast: u8,
    pub(super) view: Option<View>,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct World {
    pub(super) keys: Vec<Stored>,
    pub(super) revisions: Vec<Revision>,
    pub(super) pods: Vec<Pod>,
    pub(super) operators: Vec<Operator>,
    /// For each revision, whether a relying party may hold its JWKS.
    pub(super) cached: Vec<bool>,
    /// For each key, whether something that was signed with it is valid.
    pub(super) tokens: Vec<bool>,
}

/// A minute passes; what is long past is all the same.
fn age(facts: &mut KeyFacts, minutes: i64) {
    let past = |time: &mut Option<Timestamp>, matters: bool| {
        if let Some(time) = time {
            let long_ago = START.as_unix() - 600;
            let aged = (time.as_unix() - 60 * minutes).max(long_ago);
            *time = Timestamp::from_unix(if matters { aged } else { long_ago });
        }
    };
    let state = facts.state;
    past(&mut facts.published_acked_at, state == KeyState::Published);
    past(&mut facts.demotion_acked_at, state == KeyState::Retiring);
    past(&mut facts.activation_acked_at, false);
    past(&mut facts.removal_acked_at, false);
    // Its successor is due when the story begins, or far in the future.
    facts.activated_at = facts.activated_at.map(|time| if time <= A_DAY_AGO { A_DAY_AGO } else { START });
    facts.generated_at = START;
}

impl World {
    pub(super) fn signs_with(&self, pod: &Pod) -> Option<&str> {
        let revision = self.revisions.get(usize::from(pod.loaded).checked_sub(1)?)?;
        revision.iter().find(|(_, state)| *state == Published::Active).map(|(kid, _)| kid.as_str())
    }

    pub(super) fn serves(&self, pod: &Pod) -> bool {
        !pod.away && self.signs_with(pod).is_some()
    }

    /// Pods that serve sign all the time, and somebody fetches their JWKS all the time.
    pub(super) fn live(&mut self) {
        for pod in self.pods.clone() {
            let Some(kid) = self.signs_with(&pod).filter(|_| !pod.away).map(str::to_owned) else { continue };
            let key = self.keys.iter().position(|key| key.facts.kid == kid).unwrap();
            self.tokens[key] = true;
            self.cached[usize::from(pod.loaded) - 1] = true;
        }
        self.pass(0);
        self.pods.sort();
        // Which of two alike does something makes no difference.
        self.operators.sort_by_cached_key(|operator| {
            let mut hasher = DefaultHasher::new();
            operator.hash(&mut hasher);
            hasher.finish()
        });
    }

    pub(super) fn pass(&mut self, minutes: i64) {
        let seen = self.operators.iter_mut().filter_map(|operator| operator.view.as_mut());
        for key in seen.flat_map(|view| &mut view.keys).chain(&mut self.keys) {
            age(&mut key.facts, minutes);
        }
    }

    pub(super) fn seen(&self, pod: &Pod, index: usize) -> PodView {
        let revision = usize::from(pod.loaded).checked_sub(1).and_then(|at| self.revisions.get(at));
        let kids = |wanted: &dyn Fn(Published) -> bool| -> Vec<String> {
            let keys = revision.into_iter().flatten();
            keys.filter(|(_, state)| wanted(*state)).map(|(kid, _)| kid.clone()).collect()
        };
        let time = jiff::Timestamp::UNIX_EPOCH;
        let state = PodState {
            instance: String::new(),
            version: String::new(),
            formats: vec![1],
            revision: (pod.loaded > 0).then_some(u64::from(pod.loaded)),
            hash: None,
            pending: None,
            published_kids: kids(&|_| true),
            signable_kids: kids(&|state| state != Published::Retiring),
            active_kids: kids(&|state| state == Published::Active),
            seal_keys: Vec::new(),
            internal: None,
            clients: 0,
            tombstones_done: Vec::new(),
            started_at: time,
            now: time,
        };
        let ready = self.serves(pod);
        PodView {
            name: format!("pod-{index}"),
            running: true,
            ready,
            terminating: false,
            serving: ready,
            state: (!pod.away).then_some(state),
            lately: None,
        }
    }

    pub(super) fn document(&self, revision: u8) -> Vec<PublicKey> {
        let revision = usize::from(revision).checked_sub(1).and_then(|at| self.revisions.get(at));
        let keys = revision.into_iter().flatten();
        let key = |(kid, state): &(String, Published)| PublicKey {
            kid: kid.clone(),
            alg: published_algorithm(KeyAlgorithm::Es256),
            state: *state,
            jwk: SIGNER.public().clone(),
        };
        keys.map(key).collect()
    }

    pub(super) fn forget(&mut self, operator: usize) {
        self.operators[operator].view = None;
    }
}
