//! Health, and the same question asked of kstatus.

use fapi_crds::condition::{self, Status};
use fapi_crds::{ConditionType, Reason};
use serde_json::{Value, json};

use crate::script::run;

const GENERATION: i64 = 3;

fn resource(observed: i64, conditions: &[(ConditionType, bool)]) -> Value {
    let mut list = Vec::new();
    for (type_, is) in conditions {
        let (status, reason) = (Status::from(*is), Reason::PodsPending);
        condition::set(&mut list, *type_, status, reason, "why", Some(observed), jiff::Timestamp::UNIX_EPOCH);
    }
    json!({
        "apiVersion": "fapi.rs/v1alpha1",
        "kind": "Workspace",
        "metadata": {"name": "retail", "generation": GENERATION},
        "spec": {},
        "status": {"observedGeneration": observed, "conditions": list},
    })
}

fn health(resource: &Value) -> String {
    let health = run("health.lua", resource);
    assert!(health["message"].is_string(), "{health}");
    health["status"].as_str().unwrap().to_owned()
}

/// As the library of that name decides (kubernetes-sigs/cli-utils, `pkg/kstatus/status`: generic rules).
fn kstatus(resource: &Value) -> &'static str {
    if !resource["metadata"]["deletionTimestamp"].is_null() {
        return "Terminating";
    }
    if resource["status"]["observedGeneration"].as_i64().is_some_and(|observed| observed != GENERATION) {
        return "InProgress";
    }
    let conditions = resource["status"]["conditions"].as_array().into_iter().flatten();
    let all: Vec<(&str, &str)> = conditions
        .map(|condition| (condition["type"].as_str().unwrap(), condition["status"].as_str().unwrap()))
        .collect();
    match &all {
        all if all.contains(&("Reconciling", "True")) => "InProgress",
        all if all.contains(&("Stalled", "True")) => "Failed",
        all if all.contains(&("Ready", "False")) || all.contains(&("Ready", "Unknown")) => "InProgress",
        _ => "Current",
    }
}

/// A resource that was just applied has the default of its schema, `observedGeneration: -1`: neither takes it for finished.
#[test]
fn what_nobody_has_looked_at_is_on_its_way() {
    for fresh in [resource(-1, &[]), json!({"metadata": {"generation": 1}, "spec": {}})] {
        assert_eq!(health(&fresh), "Progressing");
    }
    assert_eq!(kstatus(&resource(-1, &[])), "InProgress");
}

#[test]
fn what_was_said_of_an_older_generation_does_not_count() {
    let was_fine =
        [(ConditionType::Ready, true), (ConditionType::Reconciling, false), (ConditionType::Stalled, false)];
    let stale = resource(GENERATION - 1, &was_fine);
    assert_eq!((health(&stale).as_str(), kstatus(&stale)), ("Progressing", "InProgress"));
    let current = resource(GENERATION, &was_fine);
    assert_eq!((health(&current).as_str(), kstatus(&current)), ("Healthy", "Current"));
}

/// Each summary that the operator writes, with and without `Suspended`.
#[test]
fn argo_cd_and_kstatus_agree() {
    for (ready, reconciling, stalled, argo_cd, expected) in [
        (true, false, false, "Healthy", "Current"),
        (false, true, false, "Progressing", "InProgress"),
        (false, false, true, "Degraded", "Failed"),
    ] {
        let mut conditions = vec![
            (ConditionType::Ready, ready),
            (ConditionType::Reconciling, reconciling),
            (ConditionType::Stalled, stalled),
            (ConditionType::Insecure, true),
        ];
        let plain = resource(GENERATION, &conditions);
        assert_eq!((health(&plain).as_str(), kstatus(&plain)), (argo_cd, expected));
        conditions.push((ConditionType::Suspended, true));
        let suspended = resource(GENERATION, &conditions);
        let held = if stalled { "Degraded" } else { "Suspended" };
        assert_eq!((health(&suspended).as_str(), kstatus(&suspended)), (held, expected));
    }
}

#[test]
fn what_is_being_deleted_is_on_its_way() {
    let mut going = resource(GENERATION, &[(ConditionType::Ready, true)]);
    going["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    assert_eq!((health(&going).as_str(), kstatus(&going)), ("Progressing", "Terminating"));
}

#[test]
fn the_message_says_what_is_waited_for() {
    let waiting = resource(GENERATION, &[(ConditionType::Ready, false), (ConditionType::Reconciling, true)]);
    assert_eq!(run("health.lua", &waiting)["message"], "PodsPending: why");
}
