//! Who has confirmed what? The pods' own word, and which pods are asked for it.

use std::collections::BTreeSet;

use fapi_config::state::PodState;
use fapi_core::ids::Incarnation;

/// What the pods of a Workspace say.
#[derive(Clone, Default, Debug)]
pub struct Acknowledgements {
    /// The revision that is published; 0 if none is.
    pub revision: u64,
    /// The pods.
    pub pods: Vec<PodView>,
}

/// A pod as the cluster shows it, and what it says of itself.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own that the cluster shows")]
pub struct PodView {
    /// Its name.
    pub name: String,
    /// Its phase is `Running`.
    pub running: bool,
    /// Its condition `Ready` is true.
    pub ready: bool,
    /// It has a deletion time.
    pub terminating: bool,
    /// An `EndpointSlice` lists it as serving.
    pub serving: bool,
    /// Its answer; absent if it did not answer.
    pub state: Option<PodState>,
    /// What it had loaded by its last answer, if that is not a minute old.
    pub lately: Option<u64>,
}

impl PodView {
    /// A pod that serves, and says so.
    pub fn serving(name: &str, state: PodState) -> Self {
        let name = name.to_owned();
        let lately = state.revision;
        Self {
            name,
            running: true,
            ready: true,
            terminating: false,
            serving: true,
            state: Some(state),
            lately,
        }
    }
}

/// Which pods are asked (DESIGN §10).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Counting {
    /// No key signs yet, so no pod can be ready: those that run and are not terminating.
    Running,
    /// Those that are ready and not terminating, and terminating ones that still get requests. Further those that are not ready
    /// and answer: they may be ready again in a moment (a database came back), with what they have loaded now.
    Serving,
}

/// Whether all pods that count have confirmed something.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Confirmation {
    /// All of them, and there is at least one.
    All,
    /// Not these.
    Waiting(Vec<String>),
    /// There is no pod to ask. That confirms nothing.
    NoPods,
}

impl Acknowledgements {
    /// The pods that count.
    pub fn counting(&self, counting: Counting) -> impl Iterator<Item = &PodView> {
        self.pods.iter().filter(move |pod| match counting {
            Counting::Running => pod.running && !pod.terminating,
            Counting::Serving if pod.terminating => pod.serving,
            Counting::Serving => pod.ready || (pod.running && pod.state.is_some()),
        })
    }

    /// Whether all that count have loaded at least this revision, and the test holds for what they say.
    pub fn confirm(
        &self,
        counting: Counting,
        revision: u64,
        test: impl Fn(&PodState) -> bool,
    ) -> Confirmation {
        self.all(counting, |pod| {
            let loaded = |state: &PodState| state.revision.is_some_and(|loaded| loaded >= revision);
            pod.state.as_ref().is_some_and(|state| loaded(state) && test(state))
        })
    }

    /// Whether all that count have loaded at least this revision, by what each said last. To tell people, not to take a step by: one
    /// answer that comes late is no reason to write the status of every Client, and again a moment later.
    pub fn loaded(&self, counting: Counting, revision: u64) -> Confirmation {
        self.all(counting, |pod| {
            let said = pod.state.as_ref().map_or(pod.lately, |state| state.revision);
            said.is_some_and(|loaded| loaded >= revision)
        })
    }

    fn all(&self, counting: Counting, confirms: impl Fn(&PodView) -> bool) -> Confirmation {
        let mut any = false;
        let mut waiting = Vec::new();
        for pod in self.counting(counting) {
            any = true;
            if !confirms(pod) {
                waiting.push(pod.name.clone());
            }
        }
        match (any, waiting.is_empty()) {
            (false, _) => Confirmation::NoPods,
            (true, true) => Confirmation::All,
            (true, false) => Confirmation::Waiting(waiting),
        }
    }

    /// Tombstones that every pod that counts knows to be done.
    pub fn tombstones_done(&self, counting: Counting) -> BTreeSet<Incarnation> {
        let mut pods = self.counting(counting).map(|pod| -> BTreeSet<Incarnation> {
            pod.state.iter().flat_map(|state| state.tombstones_done.iter().cloned()).collect()
        });
        let Some(first) = pods.next() else { return BTreeSet::new() };
        pods.fold(first, |common, done| common.intersection(&done).cloned().collect())
    }

    /// The highest revision that any pod has seen: no revision published from here on is lower.
    pub fn highest_revision(&self) -> u64 {
        self.pods.iter().filter_map(|pod| pod.state.as_ref()?.revision).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(name: &str, revision: u64) -> PodView {
        let state = json!({
            "instance": name, "version": "0.1.0", "formats": [1], "revision": revision,
            "startedAt": "2026-01-01T00:00:00Z", "now": "2026-01-01T00:00:00Z",
        });
        PodView::serving(name, serde_json::from_value(state).unwrap())
    }

    /// G-08: a late answer takes no step, and takes nothing back that people were told.
    #[test]
    fn a_pod_that_is_silent_confirms_nothing_and_is_believed_for_a_while() {
        let acks = |silent: PodView| Acknowledgements { revision: 7, pods: vec![pod("a", 7), silent] };
        let quiet = acks(PodView { state: None, ..pod("b", 7) });
        assert_eq!(
            quiet.confirm(Counting::Serving, 7, |_| true),
            Confirmation::Waiting(vec!["b".to_owned()])
        );
        assert_eq!(quiet.loaded(Counting::Serving, 7), Confirmation::All);
        let waiting = Confirmation::Waiting(vec!["b".to_owned()]);
        assert_eq!(
            quiet.loaded(Counting::Serving, 8),
            Confirmation::Waiting(vec!["a".to_owned(), "b".to_owned()])
        );
        let long_ago = acks(PodView { state: None, lately: None, ..pod("b", 7) });
        assert_eq!(long_ago.loaded(Counting::Serving, 7), waiting);
        // Its own word counts, also one that it has less than before.
        let restored = acks(PodView { lately: Some(7), ..pod("b", 6) });
        assert_eq!(restored.loaded(Counting::Serving, 7), waiting);
    }
}
