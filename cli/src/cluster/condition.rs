//! What does a condition mean to a person? Something to do, something to wait for, something to know, or nothing.

use fapi_crds::condition::{Status, find};
use fapi_crds::{Client, ConditionType, Kind, Reason, SigningKey, Workspace};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, ObjectMeta, Time};
use serde::Serialize;

/// What should have happened by itself is somebody's business after this many seconds.
const PATIENCE: i64 = 600;

/// An object that nobody has looked at is somebody's business after this many seconds.
const UNSEEN: i64 = 60;

/// What is to be done about it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Weight {
    /// Somebody has to do something.
    Problem,
    /// It goes on by itself.
    Waiting,
    /// Good to know.
    Note,
}

/// Something about one object.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Matter {
    pub(crate) weight: Weight,
    pub(crate) kind: &'static str,
    pub(crate) namespace: String,
    pub(crate) name: String,
    /// Type of the condition; absent: there is none yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) condition: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    pub(crate) message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) since: Option<Time>,
}

/// One of the three kinds, as far as it is looked at here.
pub(crate) trait Conditioned {
    const KIND: Kind;
    fn metadata(&self) -> &ObjectMeta;
    fn conditions(&self) -> &[Condition];
    fn observed(&self) -> Option<i64>;
}

macro_rules! conditioned {
    ($($type:ident),+) => {
        $(impl Conditioned for $type {
            const KIND: Kind = Kind::$type;
            fn metadata(&self) -> &ObjectMeta {
                &self.metadata
            }
            fn conditions(&self) -> &[Condition] {
                self.status.as_ref().map_or(&[], |status| &status.conditions)
            }
            fn observed(&self) -> Option<i64> {
                self.status.as_ref()?.observed_generation.filter(|generation| *generation >= 0)
            }
        })+
    };
}

conditioned!(Client, SigningKey, Workspace);

/// What there is to say about an object, what needs somebody first.
pub(crate) fn matters<K: Conditioned>(object: &K, now: i64) -> Vec<Matter> {
    let meta = object.metadata();
    let matter = |weight, condition: Option<&Condition>, message: String| Matter {
        weight,
        kind: K::KIND.as_str(),
        namespace: meta.namespace.clone().unwrap_or_default(),
        name: meta.name.clone().unwrap_or_default(),
        condition: condition.map(|it| it.type_.clone()),
        reason: condition.map(|it| it.reason.clone()),
        message,
        since: condition.map(|it| it.last_transition_time.clone()),
    };
    if meta.deletion_timestamp.is_some() {
        let waits = meta.finalizers.as_deref().unwrap_or_default().join(", ");
        return vec![matter(Weight::Waiting, None, format!("is being deleted, and waits for {waits}"))];
    }
    let mut found = Vec::new();
    if object.observed() != meta.generation {
        let late = now - changed(meta) > UNSEEN;
        let message = if late {
            "the operator has not looked at it: is it running, and does it watch this namespace?"
        } else {
            "the operator has not looked at it yet"
        };
        found.push(matter(if late { Weight::Problem } else { Weight::Waiting }, None, message.to_owned()));
    }
    let broken = object.conditions().iter().any(is_cause);
    for condition in object.conditions() {
        if let Some(weight) = weigh(condition, broken, now) {
            found.push(matter(weight, Some(condition), condition.message.clone()));
        }
    }
    // The summary says something only where nothing else does.
    if found.iter().all(|matter| matter.weight == Weight::Note) {
        let stalled = find(object.conditions(), ConditionType::Stalled).filter(|it| is(it, Status::True));
        let unready = find(object.conditions(), ConditionType::Ready).filter(|it| !is(it, Status::True));
        if let Some(condition) = stalled {
            found.push(matter(Weight::Problem, Some(condition), condition.message.clone()));
        } else if let Some(condition) = unready {
            let weight = overdue(condition, now);
            found.push(matter(weight, Some(condition), condition.message.clone()));
        }
    }
    found.sort_by_key(|matter| matter.weight);
    found
}

/// When somebody last changed the object, other than its status.
fn changed(meta: &ObjectMeta) -> i64 {
    let written = meta.managed_fields.iter().flatten().filter(|entry| entry.subresource.is_none());
    let latest = written.filter_map(|entry| entry.time.as_ref()).map(|time| time.0.as_second()).max();
    let created = meta.creation_timestamp.as_ref().map(|time| time.0.as_second());
    latest.or(created).unwrap_or(0)
}

fn is(condition: &Condition, status: Status) -> bool {
    condition.status == status.as_str()
}

/// What is wrong with the object itself; what follows from that is not told again.
fn is_cause(condition: &Condition) -> bool {
    let cause = matches!(
        condition.type_.parse(),
        Ok(ConditionType::Accepted | ConditionType::ResolvedRefs | ConditionType::Approved)
    );
    cause && is(condition, Status::False)
}

fn weigh(condition: &Condition, broken: bool, now: i64) -> Option<Weight> {
    let type_: ConditionType = condition.type_.parse().ok()?;
    match type_ {
        ConditionType::Ready | ConditionType::Reconciling | ConditionType::Stalled => None,
        ConditionType::Ephemeral | ConditionType::Insecure | ConditionType::Suspended => {
            is(condition, Status::True).then_some(Weight::Note)
        }
        ConditionType::RevocationsPending => is(condition, Status::True).then(|| overdue(condition, now)),
        _ if !type_.is_good() => is(condition, Status::True).then_some(Weight::Problem),
        _ if is(condition, Status::True) => {
            (condition.reason == Reason::Disabled.as_str()).then_some(Weight::Note)
        }
        _ if broken && !is_cause(condition) => None,
        _ if is(condition, Status::Unknown) || passes(condition) => Some(overdue(condition, now)),
        _ => Some(Weight::Problem),
    }
}

/// Whether it goes on by itself.
fn passes(condition: &Condition) -> bool {
    matches!(
        condition.reason.parse(),
        Ok(Reason::KeyPending
            | Reason::NoServingPods
            | Reason::Pending
            | Reason::PodsPending
            | Reason::Reconciling
            | Reason::Unavailable
            | Reason::WaitingForWindow
            | Reason::WorkspaceNotReady)
    )
}

fn overdue(condition: &Condition, now: i64) -> Weight {
    let since = condition.last_transition_time.0.as_second();
    if now - since > PATIENCE { Weight::Problem } else { Weight::Waiting }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const NOON: i64 = 1_800_000_000;

    fn client(conditions: &Value, generation: i64, observed: i64) -> Client {
        let time = |back: i64| jiff::Timestamp::from_second(NOON - back).unwrap().to_string();
        let conditions: Vec<Value> = conditions
            .as_array()
            .unwrap()
            .iter()
            .map(|it| {
                json!({
                    "type": it[0], "status": it[1], "reason": it[2], "message": "m",
                    "lastTransitionTime": time(it[3].as_i64().unwrap()),
                })
            })
            .collect();
        serde_json::from_value(json!({
            "apiVersion": "fapi.rs/v1alpha1", "kind": "Client",
            "metadata": {"name": "app", "namespace": "bank", "generation": generation, "creationTimestamp": time(3600)},
            "spec": {"workspaceRef": {"name": "retail"}, "auth": {"method": "private_key_jwt"}},
            "status": {"observedGeneration": observed, "conditions": conditions},
        }))
        .unwrap()
    }

    fn told(conditions: &Value) -> Vec<(Weight, String)> {
        let matters = matters(&client(conditions, 1, 1), NOON);
        matters.into_iter().map(|it| (it.weight, it.condition.unwrap_or_default())).collect()
    }

    #[test]
    fn nothing_is_said_of_what_is_well() {
        let well = json!([
            ["Accepted", "True", "Accepted", 9999],
            ["Programmed", "True", "Programmed", 9999],
            ["CertificateExpiring", "False", "CertificatesValid", 9999],
            ["Ready", "True", "Ready", 9999],
        ]);
        assert_eq!(told(&well), []);
    }

    #[test]
    fn the_cause_is_told_and_not_what_follows_from_it() {
        let broken = json!([
            ["Programmed", "False", "SecretNotFound", 5],
            ["ResolvedRefs", "False", "SecretNotFound", 5],
            ["Ready", "False", "SecretNotFound", 5],
        ]);
        assert_eq!(told(&broken), [(Weight::Problem, "ResolvedRefs".to_owned())]);
    }

    #[test]
    fn what_is_on_its_way_is_waited_for_and_not_for_ever() {
        let young = json!([["Programmed", "False", "PodsPending", 60]]);
        assert_eq!(told(&young), [(Weight::Waiting, "Programmed".to_owned())]);
        let old = json!([["Programmed", "False", "PodsPending", 3600]]);
        assert_eq!(told(&old), [(Weight::Problem, "Programmed".to_owned())]);
    }

    #[test]
    fn what_is_not_for_customers_is_a_note_and_what_expires_a_problem() {
        let both = json!([
            ["Insecure", "True", "Insecure", 5],
            ["CertificateExpiring", "True", "CertificateExpiring", 5],
        ]);
        let expected =
            [(Weight::Problem, "CertificateExpiring".to_owned()), (Weight::Note, "Insecure".to_owned())];
        assert_eq!(told(&both), expected);
    }

    #[test]
    fn a_status_of_another_generation_is_no_status() {
        let said = matters(&client(&json!([["Ready", "True", "Ready", 5]]), 2, 1), NOON);
        assert_eq!(said[0].weight, Weight::Problem);
        assert!(said[0].message.contains("has not looked at it"), "{}", said[0].message);
        let stalled = json!([["Stalled", "True", "ApplyFailed", 5], ["Ready", "False", "ApplyFailed", 5]]);
        assert_eq!(told(&stalled), [(Weight::Problem, "Stalled".to_owned())]);
    }
}
