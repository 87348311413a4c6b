//! One Workspace, from nothing to a finished journey.

use serde_json::Value;

use crate::place::Place;
use crate::programs::{figure, own_cluster};

#[test]
#[ignore = "needs the test cluster"]
fn three_resources_become_a_server_that_does_the_whole_journey() {
    let place = Place::with("00-quickstart", "demo");
    let checks = place.player().passes("demo-app", &[]);
    figure(&format!("quickstart: {checks} checks of a flow against the pod passed"));
    assert!(checks > 100, "{checks}");
    let hybrid = place.player().plays("demo-app", &["--response", "hybrid"]);
    assert!(!hybrid.passed(), "this Workspace offers JARM alone: {:?}", hybrid.said);
    place.player().passes("demo-app", &["--deny"]);
}

#[test]
#[ignore = "needs the test cluster"]
fn a_table_of_the_category_tells_how_everything_is() {
    let place = Place::with("00-quickstart", "demo");
    let table = place.kubectl(&["get", "fapi"]);
    for kind in ["workspace.fapi.rs/demo ", "client.fapi.rs/demo-app ", "signingkey.fapi.rs/demo-ps256 "] {
        let row =
            table.lines().find(|line| line.starts_with(kind)).unwrap_or_else(|| panic!("{kind}: {table}"));
        assert!(row.contains(" True "), "{table}");
    }
    for kind in ["workspaces.fapi.rs/demo", "clients.fapi.rs/demo-app", "signingkeys.fapi.rs/demo-ps256"] {
        let object = place.object(kind);
        let conditions = object["status"]["conditions"].as_array().unwrap();
        for condition in conditions {
            assert_eq!(
                condition["observedGeneration"], object["metadata"]["generation"],
                "{kind}: {condition}"
            );
        }
    }
}

/// The default limit of a pod is 256 MiB. What grows with the number of people who sign in reaches it one day, at night.
#[test]
#[ignore = "needs the test cluster"]
fn a_pod_keeps_no_memory_of_flows_that_are_over() {
    const FLOWS: &str = "500";
    if own_cluster("no process of somebody else's cluster can be seen").is_none() {
        return;
    }
    let place = Place::with("00-quickstart", "demo");
    let pod = place.pods().remove(0);
    let idle = pod.resident_kib();
    let load =
        |count| place.player().plays("demo-app", &["--count", count, "--parallel", "8", "--no-attacks"]);
    assert!(load("100").passed());
    let warm = pod.resident_kib();
    let played = load(FLOWS);
    assert!(played.passed(), "{:?}", played.said);
    let after = pod.resident_kib();
    figure(&format!(
        "server: RSS {} MiB idle, {} MiB after 100 flows, {} MiB after {FLOWS} more; {} flows a second on this machine",
        idle / 1024,
        warm / 1024,
        after / 1024,
        played.report["perSecond"]
    ));
    assert!(after < warm + 32 * 1024, "{warm} KiB became {after} KiB");
}

/// K-06 (the namespace enforces `restricted`), K-09: what a pod may do is nothing but answer.
#[test]
#[ignore = "needs the test cluster"]
fn a_pod_has_no_token_no_root_and_nowhere_to_write_but_its_volumes() {
    let place = Place::with("00-quickstart", "demo");
    let name = &place.pods()[0].name;
    let pod = place.object(&format!("pod/{name}"));
    let spec = &pod["spec"];
    assert_eq!(spec["automountServiceAccountToken"], false);
    let projected = serde_json::to_string(&spec["volumes"]).unwrap();
    assert!(!projected.contains("serviceAccountToken"), "{projected}");
    for container in spec["containers"].as_array().unwrap() {
        assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true, "{container}");
        assert_eq!(container["securityContext"]["allowPrivilegeEscalation"], false, "{container}");
    }
    assert_ne!(spec["serviceAccountName"], Value::from("default"));
}
