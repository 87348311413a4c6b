//! What can nobody write? The schemas that the API server holds everybody to.

use fapi_crds::{Kind, schema};
use serde_json::Value;

/// Every property below `spec`, as a path.
fn properties(kind: Kind) -> Vec<String> {
    let definition = serde_json::to_value(schema::definition(kind)).unwrap();
    let root = &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
    let mut found = Vec::new();
    walk(root, "spec", &mut found);
    assert!(found.len() > 10);
    found
}

fn walk(schema: &Value, path: &str, found: &mut Vec<String>) {
    assert_ne!(schema["x-kubernetes-preserve-unknown-fields"], true, "{path} takes anything");
    for (name, below) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}.{name}");
        walk(below, &path, found);
        found.push(path);
    }
    for below in [&schema["items"], &schema["additionalProperties"]] {
        if below.is_object() {
            walk(below, path, found);
        }
    }
}

/// K-01: a Secret of another namespace cannot even be named. The one reference that crosses namespaces is to a Workspace, which has
/// to admit it; a Gateway admits routes by itself.
#[test]
fn no_reference_to_a_secret_has_a_namespace() {
    let mut crossing = Vec::new();
    for all in Kind::ALL.map(properties) {
        // Of an object with a name: Brazil's consents have a namespace of another sort.
        let refers = |path: &&String| {
            path.strip_suffix(".namespace").is_some_and(|object| all.contains(&format!("{object}.name")))
        };
        crossing.extend(all.iter().filter(refers).cloned());
    }
    assert_eq!(crossing, ["spec.exposure.gateway.parentRefs.namespace", "spec.workspaceRef.namespace"]);
}

/// K-06, K-07: whoever writes a Workspace runs no code of its own beside the keys, and gives the pods no rights.
#[test]
fn nobody_chooses_what_runs_in_the_pods() {
    let not = [
        "args",
        "automountServiceAccountToken",
        "command",
        "containers",
        "env",
        "envFrom",
        "ephemeralContainers",
        "hostIPC",
        "hostNetwork",
        "hostPID",
        "hostPath",
        "image",
        "initContainers",
        "podTemplate",
        "privileged",
        "securityContext",
        "serviceAccount",
        "serviceAccountName",
        "sidecars",
        "template",
        "volumeMounts",
        "volumes",
    ];
    for path in Kind::ALL.into_iter().flat_map(properties) {
        let name = path.rsplit('.').next().unwrap();
        assert!(!not.contains(&name), "{path}");
    }
    // What does exist is found.
    assert!(properties(Kind::Workspace).contains(&"spec.server.nodeSelector".to_owned()));
}
