//! The Helm chart, as a person uses it: what it prints is typed, and what it leaves behind goes on serving.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use serde_json::json;
use tempfile::TempDir;

use crate::helm::{Alone, helm};
use crate::place::Place;
use crate::programs::{Said, figure, root, run, told};

/// One journey through the life of a release, since each step begins where the one before has ended.
#[test]
#[ignore = "needs the test cluster"]
fn a_release_is_installed_upgraded_rolled_back_and_uninstalled_while_pods_serve() {
    let _alone = Alone::now();
    let checkout = checkout();
    let place = Place::bare("00-quickstart", "demo");
    symlink(checkout.path().join("examples/.fapi/dev"), place.state.path().join("dev")).unwrap();
    let helm = |arguments: &[&str]| helm(&place, arguments);

    let printed = install(&place);
    let commands = commands(&printed);
    assert!(commands.len() >= 5, "{printed}");
    for command in &commands {
        type_in(checkout.path(), command).ok();
    }
    // The operator was told of its own labels, and lets itself in by them.
    let policy = place.object("networkpolicy/demo").to_string();
    assert!(policy.contains(r#""app.kubernetes.io/instance":"fapi-operator""#), "{policy}");
    let checks = place.player().passes("demo-app", &[]);
    figure(&format!("chart: installed by Helm, {checks} checks of a flow passed"));
    may_see_no_more_than_its_namespace(&place);
    serves_a_client_of_another_namespace(&place);
    let pod = place.pods()[0].name.clone();

    let chart = root().join("charts/fapi-operator");
    let chart = chart.to_str().unwrap();
    helm(&["upgrade", "fapi-operator", chart, "--reuse-values", "--set", "replicas=3", "--wait"]).ok();
    assert_eq!(place.object("deployment/fapi-operator")["status"]["readyReplicas"], 3);
    place.player().passes("demo-app", &[]);
    let refused = helm(&["upgrade", "fapi-operator", chart, "--reuse-values", "--set", "replica=3"]);
    assert!(refused.stderr.contains("additional properties 'replica' not allowed"), "{refused:?}");

    helm(&["rollback", "fapi-operator", "1", "--wait"]).ok();
    assert_eq!(place.object("deployment/fapi-operator")["spec"]["replicas"], 2);

    let left = helm(&["uninstall", "fapi-operator", "--wait"]).ok();
    for kind in ["workspaces", "clients", "signingkeys"] {
        assert!(left.contains(&format!("[CustomResourceDefinition] {kind}.fapi.rs")), "{left}");
    }
    assert_ne!(place.try_kubectl(&["get", "deployment/fapi-operator"]).code, Some(0));
    place.player().passes("demo-app", &[]);

    // Who comes back finds everything, and restarts nothing.
    install(&place);
    let disabled = json!({"spec": {"enabled": false}}).to_string();
    place.kubectl(&["patch", "clients.fapi.rs/demo-app", "--type=merge", "--patch", &disabled]);
    place.player().comes_to_fail("demo-app", "invalid_client");
    assert_eq!(place.pods()[0].name, pod, "the pod has served throughout");
}

#[track_caller]
fn install(place: &Place) -> String {
    let image = told("FAPI_TEST_IMAGE");
    let (repository, tag) = image.rsplit_once(':').unwrap();
    let image = format!("image.repository={repository},image.tag={tag}");
    let chart = root().join("charts/fapi-operator");
    // Another test may have applied the definitions with kubectl.
    let said = helm(
        place,
        &["install", "fapi-operator", chart.to_str().unwrap(), "--set", &image, "--take-ownership", "--wait"],
    );
    said.ok()
}

/// What the notes say to type.
fn commands(printed: &str) -> Vec<String> {
    let (_, notes) = printed.split_once("NOTES:").unwrap_or_default();
    notes.lines().filter_map(|line| line.strip_prefix("  ")).map(str::to_owned).collect()
}

/// In a shell that has `kubectl` and `fapictl`, in a checkout.
fn type_in(checkout: &Path, line: &str) -> Said {
    let folders = [std::env::var("FAPI_TEST_BIN").ok(), Some(told("FAPI_TEST_PROGRAMS"))];
    let mut path: Vec<String> = folders.into_iter().flatten().collect();
    path.extend(std::env::var("PATH"));
    let mut shell = Command::new("sh");
    shell.current_dir(checkout).env("PATH", path.join(":")).env("KUBECONFIG", told("FAPI_TEST_KUBECONFIG"));
    run(shell, ["-euc", line])
}

/// Of the checkout, what the notes speak of: `fapictl` writes beside the examples.
fn checkout() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let example = folder.path().join("examples/00-quickstart");
    fs::create_dir_all(&example).unwrap();
    for file in fs::read_dir(root().join("examples/00-quickstart")).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), example.join(file.file_name())).unwrap();
    }
    symlink(root().join("crds"), folder.path().join("crds")).unwrap();
    folder
}

/// K-08: least privilege, as the API server sees it.
fn may_see_no_more_than_its_namespace(place: &Place) {
    let account = format!("--as=system:serviceaccount:{}:fapi-operator", place.namespace);
    let may = |arguments: &[&str]| {
        let question = [&["auth", "can-i", account.as_str()], arguments].concat();
        place.try_kubectl(&question).stdout.trim() == "yes"
    };
    assert!(may(&["list", "secrets"]));
    for not in [
        &["list", "secrets", "--namespace=default"][..],
        &["list", "secrets", "--all-namespaces"],
        &["list", "namespaces"],
        &["create", "pods"],
        &["create", "roles"],
        &["delete", "workspaces.fapi.rs"],
    ] {
        assert!(!may(not), "{not:?}");
    }
}

/// A namespace with Clients alone gets the smaller Role, and it is enough.
fn serves_a_client_of_another_namespace(place: &Place) {
    let apps = Place::bare("00-quickstart", "apps");
    let chart = root().join("charts/fapi-operator");
    let more = format!("clientNamespaces={{{}}}", apps.namespace);
    let upgrade =
        ["upgrade", "fapi-operator", chart.to_str().unwrap(), "--reuse-values", "--set", &more, "--wait"];
    helm(place, &upgrade).ok();
    let open = json!({"spec": {"allowedClients": {"from": "All"}}}).to_string();
    place.kubectl(&["patch", "workspaces.fapi.rs/demo", "--type=merge", "--patch", &open]);
    let mut secret = place.object("secret/demo-app");
    secret["metadata"] = json!({"name": "guest", "labels": secret["metadata"]["labels"]});
    apps.kubectl_reads(&["apply", "--server-side", "-f", "-"], &secret.to_string());
    let mut client = place.object("clients.fapi.rs/demo-app");
    client["metadata"] = json!({"name": "guest"});
    client["spec"]["clientId"] = "guest".into();
    client["spec"]["workspaceRef"] = json!({"name": "demo", "namespace": place.namespace});
    let moved = client["spec"].to_string().replace(r#""name":"demo-app""#, r#""name":"guest""#);
    client["spec"] = serde_json::from_str(&moved).unwrap();
    // Its logo is read there too (B-06).
    let logo = root().join("examples/10-fintech-mtls/logo.yaml");
    apps.kubectl(&["apply", "--server-side", "-f", logo.to_str().unwrap()]);
    client["spec"]["logo"] = json!({"name": "budget-brand", "key": "logo.png"});
    client.as_object_mut().unwrap().remove("status");
    apps.kubectl_reads(&["apply", "--server-side", "-f", "-"], &client.to_string());
    apps.kubectl(&["wait", "--for=condition=Programmed", "clients.fapi.rs/guest", "--timeout=120s"]);

    has_asked_for_nothing_that_it_may_not(place);
    let account = format!("--as=system:serviceaccount:{}:fapi-operator", place.namespace);
    for not in [
        ["create", "secrets"],
        ["patch", "secrets"],
        ["create", "configmaps"],
        ["patch", "configmaps"],
        ["list", "pods"],
        ["list", "workspaces.fapi.rs"],
    ] {
        let question = [&["auth", "can-i", account.as_str()], &not[..]].concat();
        assert_eq!(apps.try_kubectl(&question).stdout.trim(), "no", "{not:?}");
    }
}

/// By its own count of what the API server has answered.
fn has_asked_for_nothing_that_it_may_not(place: &Place) {
    let pods = place.object("pods");
    let operators = pods["items"].as_array().unwrap().iter().filter(|pod| {
        pod["metadata"]["labels"]["app.kubernetes.io/name"] == "fapi-operator"
            && pod["metadata"]["deletionTimestamp"].is_null()
    });
    let mut counted = String::new();
    for pod in operators {
        let name = pod["metadata"]["name"].as_str().unwrap();
        let path = format!("/api/v1/namespaces/{}/pods/{name}:9090/proxy/metrics", place.namespace);
        counted += &place.kubectl(&["get", "--raw", &path]);
    }
    assert!(
        counted.contains(r#"fapi_operator_api_requests_total{method="PATCH",status="200"}"#),
        "{counted}"
    );
    assert!(!counted.contains(r#"status="403""#), "{counted}");
}
