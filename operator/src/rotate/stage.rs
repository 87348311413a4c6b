//! A small world for tests: key lines, what is published, pods that load it with a delay, relying parties that cache.

use std::collections::{BTreeMap, BTreeSet};

use fapi_config::state::PodState;
use fapi_config::{KeyState as Published, PublicKey};
use fapi_core::{Lifetime, Timestamp};
use fapi_crds::signing_key::RotationMode;
use fapi_crds::{KeyAlgorithm, KeyState};
use zeroize::Zeroizing;

use super::{
    Acknowledgements, Change, Event, Floors, FoundKey, KeyFacts, KeyLine, PodView, Policy, Transition,
    Windows, key_set, step,
};
use crate::fixture::SIGNER;

pub(super) const START: Timestamp = Timestamp::from_unix(1_767_225_600);

pub(super) fn policy() -> Policy {
    Policy {
        mode: RotationMode::Automatic,
        interval: Lifetime::seconds(7200),
        pre_publish: Lifetime::seconds(0),
        extra_dwell: Lifetime::seconds(0),
        retain_for: Lifetime::seconds(0),
        jwks_max_age: Lifetime::seconds(900),
        max_token_lifetime: Lifetime::seconds(300),
        floors: Floors::PRODUCTION,
        windows: Windows::default(),
        import: false,
        trigger: None,
        revoke: Vec::new(),
        history_limit: 3,
        suspend: false,
        priority: 50,
    }
}

pub(super) fn line(name: &str, algorithm: KeyAlgorithm) -> KeyLine {
    KeyLine {
        signing_key: name.to_owned(),
        algorithm,
        wanted: true,
        orphaned: false,
        policy: policy(),
        keys: Vec::new(),
        lost: BTreeSet::new(),
    }
}

/// What one revision says.
#[derive(Clone, Debug)]
pub(super) struct Revision {
    pub(super) keys: Vec<(String, Published)>,
    pub(super) max_age: Lifetime,
    pub(super) token_lifetime: Lifetime,
}

impl Revision {
    pub(super) fn jwks(&self) -> BTreeSet<String> {
        self.keys.iter().map(|(kid, _)| kid.clone()).collect()
    }

    /// With which key a pod signs: of several lines, the first.
    pub(super) fn signs_with(&self) -> Option<&str> {
        self.keys.iter().find(|(_, state)| *state == Published::Active).map(|(kid, _)| kid.as_str())
    }
}

/// A pod of the stage.
#[derive(Clone, Debug)]
pub(super) struct Pod {
    pub(super) name: String,
    /// Index into the revisions plus one; 0: nothing is loaded.
    pub(super) loaded: usize,
    pub(super) answers: bool,
    pub(super) ready: bool,
    pub(super) self_test: bool,
}

pub(super) struct Stage {
    pub(super) lines: Vec<KeyLine>,
    pub(super) revisions: Vec<Revision>,
    pub(super) pods: Vec<Pod>,
    pub(super) now: Timestamp,
    /// The document that is published, with states.
    pub(super) document: Vec<PublicKey>,
    born: u32,
}

impl Stage {
    pub(super) fn new(lines: Vec<KeyLine>, pods: usize) -> Self {
        let pods = (0..pods).map(|index| pod(&format!("pod-{index}"))).collect();
        Self { lines, revisions: Vec::new(), pods, now: START, document: Vec::new(), born: 0 }
    }

    pub(super) fn acks(&self) -> Acknowledgements {
        Acknowledgements {
            revision: self.revisions.len() as u64,
            pods: self.pods.iter().map(|pod| self.view(pod)).collect(),
        }
    }

    fn view(&self, pod: &Pod) -> PodView {
        let revision = pod.loaded.checked_sub(1).and_then(|index| self.revisions.get(index));
        let kids = |filter: &dyn Fn(Published) -> bool| -> Vec<String> {
            let keys = revision.iter().flat_map(|revision| &revision.keys);
            keys.filter(|(_, state)| filter(*state)).map(|(kid, _)| kid.clone()).collect()
        };
        let time = jiff::Timestamp::from_second(self.now.as_unix()).unwrap();
        let state = PodState {
            instance: pod.name.clone(),
            version: "0.1.0".to_owned(),
            formats: vec![1],
            revision: (pod.loaded > 0).then_some(pod.loaded as u64),
            hash: None,
            pending: None,
            published_kids: kids(&|_| true),
            signable_kids: if pod.self_test {
                kids(&|state| state != Published::Retiring)
            } else {
                Vec::new()
            },
            active_kids: kids(&|state| state == Published::Active),
            seal_keys: Vec::new(),
            internal: None,
            clients: 0,
            tombstones_done: Vec::new(),
            started_at: time,
            now: time,
        };
        let signs = revision.is_some_and(|revision| revision.signs_with().is_some());
        PodView {
            name: pod.name.clone(),
            running: true,
            ready: pod.ready && signs,
            terminating: false,
            serving: pod.ready && signs,
            state: pod.answers.then_some(state),
            lately: None,
        }
    }

    /// The steps that are due.
    pub(super) fn due(&self) -> Vec<Transition> {
        step(&self.lines, &self.acks(), &self.document, self.now)
    }

    /// Writes one step, as the reconciler does.
    pub(super) fn write(&mut self, transition: &Transition) {
        self.born += 1;
        let thumbprint = fapi_jose::sha256(format!("key {}", self.born));
        let (kid, now) = (fapi_jose::b64::encode(thumbprint), self.now);
        let line = self.lines.iter_mut().find(|line| line.signing_key == transition.signing_key).unwrap();
        match &transition.change {
            Change::Generate(birth) => line.keys.push(birth.facts(&kid, &line.signing_key, now)),
            Change::Write { facts, .. } => {
                let key = line.keys.iter_mut().find(|key| key.kid == facts.kid).unwrap();
                // As a merge patch does it: what was written once is never taken away.
                let mut annotations = key.annotations();
                annotations.extend(facts.annotations());
                *key = KeyFacts::parse(&facts.labels(), &annotations).unwrap();
                assert_eq!(key, facts.as_ref(), "facts are only ever added");
            }
            Change::Forget { kid } => line.keys.retain(|key| key.kid != *kid),
        }
    }

    /// Publishes what the facts ask for, if it differs from what is published.
    pub(super) fn publish(&mut self) {
        let found: Vec<FoundKey> = self
            .lines
            .iter()
            .flat_map(|line| line.keys.iter().map(|facts| (facts, line.lost.contains(&facts.kid))))
            .map(|(facts, lost)| FoundKey {
                facts: facts.clone(),
                public: SIGNER.public().clone(),
                // Nobody looks into it here.
                private: (!lost).then(|| Zeroizing::new("{}".to_owned())),
            })
            .collect();
        let set = key_set(&self.lines, &found, self.now);
        let policy = &self.lines[0].policy;
        let revision = Revision {
            keys: set.public.iter().map(|key| (key.kid.clone(), key.state)).collect(),
            max_age: policy.jwks_max_age,
            token_lifetime: policy.max_token_lifetime,
        };
        self.document = set.public;
        let unchanged = self.revisions.last().is_some_and(|last| {
            last.keys == revision.keys
                && last.max_age == revision.max_age
                && last.token_lifetime == revision.token_lifetime
        });
        if !unchanged {
            self.revisions.push(revision);
        }
    }

    /// Every pod loads what is published.
    pub(super) fn load(&mut self) {
        let latest = self.revisions.len();
        self.pods.iter_mut().for_each(|pod| pod.loaded = latest);
    }

    /// One pass of the reconciler: all steps that are due, then what they lead to.
    pub(super) fn reconcile(&mut self) -> Vec<Event> {
        let due = self.due();
        for transition in &due {
            self.write(transition);
        }
        self.publish();
        due.into_iter()
            .filter_map(|transition| match transition.change {
                Change::Write { event, .. } => Some(event),
                _ => None,
            })
            .collect()
    }

    /// Reconciles and loads until nothing is due.
    pub(super) fn settle(&mut self) {
        for _ in 0..64 {
            if self.due().is_empty() {
                return;
            }
            self.reconcile();
            self.load();
        }
        panic!("the lines do not settle: {:?}", self.due());
    }

    pub(super) fn pass(&mut self, seconds: i64) {
        self.now = self.now + Lifetime::seconds(seconds);
    }

    pub(super) fn states(&self) -> BTreeMap<KeyState, usize> {
        self.lines[0].keys.iter().fold(BTreeMap::new(), |mut states, key| {
            *states.entry(self.lines[0].state_of(key)).or_default() += 1;
            states
        })
    }

    pub(super) fn in_state(&self, state: KeyState) -> Vec<&KeyFacts> {
        self.lines[0].keys.iter().filter(|key| self.lines[0].state_of(key) == state).collect()
    }

    pub(super) fn active(&self) -> String {
        self.lines[0].active().unwrap().kid.clone()
    }
}

pub(super) fn pod(name: &str) -> Pod {
    Pod { name: name.to_owned(), loaded: 0, answers: true, ready: true, self_test: true }
}
