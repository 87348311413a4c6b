//! What a person may do from Argo CD's menu.

use fapi_crds::SigningKeySpec;
use serde_json::{Value, json};

use crate::script::run;

fn signing_key() -> Value {
    json!({
        "apiVersion": "fapi.rs/v1alpha1",
        "kind": "SigningKey",
        "metadata": {"name": "retail-ps256"},
        "spec": {"workspaceRef": {"name": "retail"}, "algorithm": "PS256"},
    })
}

fn offered(resource: &Value) -> Vec<String> {
    let actions = run("actions/discovery.lua", resource);
    let actions = actions.as_object().unwrap().iter();
    let offered = actions.filter(|(_, action)| action["disabled"] != true).map(|(name, _)| name.clone());
    let mut offered: Vec<String> = offered.collect();
    offered.sort();
    offered
}

#[test]
fn what_is_offered_is_what_has_an_effect() {
    let mut key = signing_key();
    assert_eq!(offered(&key), ["rotate", "suspend"]);
    key["spec"]["suspend"] = json!(true);
    assert_eq!(offered(&key), ["resume"]);
    let workspace = json!({"kind": "Workspace", "spec": {}});
    assert_eq!(offered(&workspace), ["suspend"], "keys are rotated one line at a time");
}

/// KEY-09: a new trigger, and nothing else, makes a new key.
#[test]
fn rotating_changes_the_trigger_and_nothing_else() {
    let before = signing_key();
    let mut after = run("actions/rotate.lua", &before);
    let spec: SigningKeySpec = serde_json::from_value(after["spec"].clone()).unwrap();
    let trigger = spec.rotation.trigger.unwrap();
    assert!(trigger.parse::<jiff::Timestamp>().is_ok(), "{trigger}");
    after["spec"].as_object_mut().unwrap().remove("rotation");
    assert_eq!(after, before);
}

#[test]
fn suspending_is_taken_back_by_resuming() {
    let before = signing_key();
    let suspended = run("actions/suspend.lua", &before);
    assert_eq!(suspended["spec"]["suspend"], true);
    let mut resumed = run("actions/resume.lua", &suspended);
    assert_eq!(resumed["spec"]["suspend"].take(), json!(false));
    resumed["spec"].as_object_mut().unwrap().remove("suspend");
    assert_eq!(resumed, before);
}
