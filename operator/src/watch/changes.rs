//! Has it really changed? What the operator writes itself, such as a status, wakes nobody; an object that vanished while the watch
//! was interrupted does.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeSet, HashMap};
use std::hash::{Hash as _, Hasher as _};

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use kube::runtime::watcher::Event;

use super::key_of;
use crate::validate::ObjectKey;

/// What is known of one kind, to tell changes from repetitions.
pub(super) struct Changes<K, W> {
    fingerprint: fn(&K) -> u64,
    wakes: W,
    known: HashMap<ObjectKey, Known>,
    /// While a list is coming in: what was not in it yet.
    unlisted: Option<HashMap<ObjectKey, Known>>,
}

struct Known {
    fingerprint: u64,
    woken: Vec<ObjectKey>,
}

impl<K: Resource, W: Fn(Option<&K>, &ObjectKey) -> Vec<ObjectKey>> Changes<K, W> {
    pub(super) fn new(fingerprint: fn(&K) -> u64, wakes: W) -> Self {
        Self { fingerprint, wakes, known: HashMap::new(), unlisted: None }
    }

    /// Whom an event wakes. `wakes` is asked with an object that is there, and with `None` about one that is gone.
    pub(super) fn of(&mut self, event: &Event<K>) -> BTreeSet<ObjectKey> {
        match event {
            Event::Init => {
                self.unlisted = Some(std::mem::take(&mut self.known));
                BTreeSet::new()
            }
            Event::InitApply(object) => {
                let before = self.unlisted.as_mut().and_then(|unlisted| unlisted.remove(&key_of(object)));
                self.seen(object, before)
            }
            Event::Apply(object) => {
                let before = self.known.remove(&key_of(object));
                self.seen(object, before)
            }
            Event::Delete(object) => {
                let key = key_of(object);
                // Asked while it was still there, so that its label is known; and then as gone.
                let mut woken: BTreeSet<_> = (self.wakes)(Some(object), &key).into_iter().collect();
                let before = self.known.remove(&key);
                woken.extend(self.gone(&key, before));
                woken
            }
            Event::InitDone => {
                let vanished = self.unlisted.take().unwrap_or_default();
                vanished.into_iter().flat_map(|(key, known)| self.gone(&key, Some(known))).collect()
            }
        }
    }

    fn seen(&mut self, object: &K, before: Option<Known>) -> BTreeSet<ObjectKey> {
        let key = key_of(object);
        let fingerprint = (self.fingerprint)(object);
        let woken = (self.wakes)(Some(object), &key);
        let mut all: BTreeSet<ObjectKey> = BTreeSet::new();
        match before {
            Some(known) if known.fingerprint == fingerprint => {}
            before => {
                all.extend(before.into_iter().flat_map(|known| known.woken));
                all.extend(woken.iter().cloned());
            }
        }
        self.known.insert(key, Known { fingerprint, woken });
        all
    }

    fn gone(&self, key: &ObjectKey, before: Option<Known>) -> Vec<ObjectKey> {
        let mut woken = (self.wakes)(None, key);
        woken.extend(before.into_iter().flat_map(|known| known.woken));
        woken
    }
}

fn hashed(write: impl FnOnce(&mut DefaultHasher)) -> u64 {
    let mut hasher = DefaultHasher::new();
    write(&mut hasher);
    hasher.finish()
}

/// Spec and metadata that a person writes, without the status.
pub(super) fn of_spec<K: Resource>(object: &K) -> u64 {
    let meta = object.meta();
    hashed(|hasher| {
        meta.generation.hash(hasher);
        meta.annotations.hash(hasher);
        meta.finalizers.hash(hasher);
        whose(meta, hasher);
    })
}

/// Which object it is, whose, and whether it is going.
fn whose(meta: &ObjectMeta, hasher: &mut DefaultHasher) {
    meta.uid.hash(hasher);
    meta.labels.hash(hasher);
    meta.owner_references.iter().flatten().for_each(|owner| owner.uid.hash(hasher));
    meta.deletion_timestamp.is_some().hash(hasher);
}

/// Anything: for kinds without a generation.
pub(super) fn of_version<K: Resource>(object: &K) -> u64 {
    hashed(|hasher| {
        object.meta().uid.hash(hasher);
        object.meta().resource_version.hash(hasher);
    })
}

/// Spec and metadata: for a kind whose status is written all the time and that has no generation.
pub(super) fn of_autoscaler(autoscaler: &HorizontalPodAutoscaler) -> u64 {
    hashed(|hasher| {
        whose(&autoscaler.metadata, hasher);
        autoscaler.metadata.annotations.hash(hasher);
        serde_json::to_string(&autoscaler.spec).unwrap_or_default().hash(hasher);
    })
}

/// Labels.
pub(super) fn of_labels<K: Resource>(object: &K) -> u64 {
    hashed(|hasher| object.meta().labels.hash(hasher))
}

/// What decides whether a pod serves. Its annotations do not: the operator touches them.
pub(super) fn of_pod(pod: &Pod) -> u64 {
    hashed(|hasher| {
        pod.metadata.uid.hash(hasher);
        pod.metadata.deletion_timestamp.is_some().hash(hasher);
        let Some(status) = &pod.status else { return };
        status.phase.hash(hasher);
        status.pod_ip.hash(hasher);
        let ready = status.conditions.iter().flatten().find(|condition| condition.type_ == "Ready");
        ready.map(|condition| &condition.status).hash(hasher);
    })
}

/// Spec, metadata, and how many replicas there are.
pub(super) fn of_deployment(deployment: &Deployment) -> u64 {
    let status = deployment.status.as_ref();
    hashed(|hasher| {
        // The deployment controller writes its revision into the annotations: they are left out, but for ours.
        let meta = &deployment.metadata;
        let hash = meta.annotations.as_ref().and_then(|all| all.get(fapi_crds::names::annotation::HASH));
        (meta.generation, hash).hash(hasher);
        whose(meta, hasher);
        status.map(|status| (status.replicas, status.ready_replicas, status.updated_replicas)).hash(hasher);
    })
}

/// Which pods get requests.
pub(super) fn of_slice(slice: &EndpointSlice) -> u64 {
    hashed(|hasher| {
        for endpoint in &slice.endpoints {
            let conditions = endpoint.conditions.as_ref();
            endpoint.target_ref.as_ref().map(|target| &target.name).hash(hasher);
            conditions.map(|conditions| (conditions.serving, conditions.terminating)).hash(hasher);
        }
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use fapi_crds::names::label;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

    use super::*;
    use crate::watch::labelled;

    fn pod(name: &str, workspace: &str, phase: &str) -> Pod {
        Pod {
            metadata: ObjectMeta {
                name: Some(name.to_owned()),
                namespace: Some("auth".to_owned()),
                uid: Some(name.to_owned()),
                labels: Some(BTreeMap::from([(label::WORKSPACE.to_owned(), workspace.to_owned())])),
                ..ObjectMeta::default()
            },
            status: serde_json::from_value(serde_json::json!({"phase": phase})).unwrap(),
            ..Pod::default()
        }
    }

    fn woken(keys: BTreeSet<ObjectKey>) -> Vec<String> {
        keys.into_iter().map(|key| key.name).collect()
    }

    /// F-O07: told twice, late, or only by the next list.
    #[test]
    fn only_what_changed_wakes_and_what_vanished_unseen_does_too() {
        let mut changes = Changes::new(of_pod, labelled);
        assert_eq!(woken(changes.of(&Event::Init)), [""; 0]);
        assert_eq!(woken(changes.of(&Event::InitApply(pod("one", "retail", "Pending")))), ["retail"]);
        assert_eq!(woken(changes.of(&Event::InitApply(pod("two", "business", "Pending")))), ["business"]);
        changes.of(&Event::InitDone);

        assert_eq!(woken(changes.of(&Event::Apply(pod("one", "retail", "Pending")))), [""; 0]);
        let mut touched = pod("one", "retail", "Pending");
        touched.metadata.annotations =
            Some(BTreeMap::from([("fapi.rs/revision".to_owned(), "7".to_owned())]));
        assert_eq!(woken(changes.of(&Event::Apply(touched))), [""; 0], "the operator's own touch");
        assert_eq!(woken(changes.of(&Event::Apply(pod("one", "retail", "Running")))), ["retail"]);
        // Moved from one to another: both look.
        let moved = changes.of(&Event::Apply(pod("one", "business", "Failed")));
        assert_eq!(woken(moved), ["business", "retail"]);

        // The watch was interrupted, and one of two is gone when it is back.
        changes.of(&Event::Init);
        assert_eq!(woken(changes.of(&Event::InitApply(pod("one", "business", "Failed")))), [""; 0]);
        assert_eq!(woken(changes.of(&Event::InitDone)), ["business"]);
        assert_eq!(woken(changes.of(&Event::Delete(pod("one", "business", "Failed")))), ["business"]);
    }
}
