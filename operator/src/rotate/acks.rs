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
}

impl PodView {
    /// A pod that serves, and says so.
    pub fn serving(name: &str, state: PodState) -> Self {
        let name = name.to_owned();
        Self { name, running: true, ready: true, terminating: false, serving: true, state: Some(state) }
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
        let mut any = false;
        let mut waiting = Vec::new();
        for pod in self.counting(counting) {
            any = true;
            let confirmed = pod
                .state
                .as_ref()
                .is_some_and(|state| state.revision.is_some_and(|loaded| loaded >= revision) && test(state));
            if !confirmed {
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
