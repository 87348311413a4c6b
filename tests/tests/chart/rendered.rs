//! What does Helm make of the chart?

use std::collections::BTreeSet;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde_json::{Value, json};

use crate::files::{chart, is_generated, root, text, yaml};
use crate::helm::{helm, objects, rendered, template, variants};

/// `KIND NAMESPACE/NAME` of each.
fn inventory(objects: &[Value]) -> BTreeSet<String> {
    objects.iter().map(named).collect()
}

fn named(object: &Value) -> String {
    let part = |name: &str| object["metadata"][name].as_str().unwrap_or("-").to_owned();
    format!("{} {}/{}", object["kind"].as_str().unwrap(), part("namespace"), part("name"))
}

#[track_caller]
fn find<'a>(objects: &'a [Value], name: &str) -> &'a Value {
    objects.iter().find(|object| named(object) == name).unwrap_or_else(|| panic!("{:#?}", inventory(objects)))
}

fn with(name: &str) -> Vec<Value> {
    rendered(Some(&chart("ci").join(name)))
}

/// Each way to install, and the way without values.
fn each() -> Vec<(String, Vec<Value>)> {
    let named = variants()
        .into_iter()
        .map(|file| (file.file_name().unwrap().to_str().unwrap().to_owned(), rendered(Some(&file))));
    named.chain([("no values".to_owned(), rendered(None))]).collect()
}

fn operator(objects: &[Value]) -> &Value {
    objects.iter().find(|object| object["kind"] == "Deployment").unwrap()
}

fn environment(deployment: &Value) -> Vec<(String, Value)> {
    let variables = deployment["spec"]["template"]["spec"]["containers"][0]["env"].as_array().unwrap();
    variables.iter().map(|it| (it["name"].as_str().unwrap().to_owned(), it["value"].clone())).collect()
}

fn told(objects: &[Value], name: &str) -> Option<Value> {
    environment(operator(objects)).into_iter().find(|(variable, _)| variable == name).map(|(_, value)| value)
}

#[test]
#[ignore = "needs a control plane"]
fn helm_finds_nothing_to_complain_of() {
    let chart = chart("");
    // It does not know of the kinds of others, and cannot be told.
    let alone = ["--set", "metrics.serviceMonitor.enabled=false,metrics.prometheusRule.enabled=false"];
    for file in variants() {
        let lint = ["lint", "--strict", chart.to_str().unwrap(), "--values", file.to_str().unwrap()];
        helm(&[&lint[..], &alone[..]].concat()).ok();
    }
    helm(&["lint", "--strict", chart.to_str().unwrap()]).ok();
}

/// Least privilege: what is installed without a word serves one namespace and may read no other.
#[test]
#[ignore = "needs a control plane"]
fn without_values_one_namespace_is_served() {
    let objects = rendered(None);
    let expected = [
        "CustomResourceDefinition -/clients.fapi.rs",
        "CustomResourceDefinition -/signingkeys.fapi.rs",
        "CustomResourceDefinition -/workspaces.fapi.rs",
        "Deployment fapi-system/fapi-operator",
        "NetworkPolicy fapi-system/fapi-operator",
        "PodDisruptionBudget fapi-system/fapi-operator",
        "Role fapi-system/fapi-operator",
        "Role fapi-system/fapi-operator-leader",
        "RoleBinding fapi-system/fapi-operator",
        "RoleBinding fapi-system/fapi-operator-leader",
        "Service fapi-system/fapi-operator-metrics",
        "ServiceAccount fapi-system/fapi-operator",
        "ValidatingAdmissionPolicy -/approval.clients.fapi.rs",
        "ValidatingAdmissionPolicy -/deletion.workspaces.fapi.rs",
        "ValidatingAdmissionPolicyBinding -/approval.clients.fapi.rs",
        "ValidatingAdmissionPolicyBinding -/deletion.workspaces.fapi.rs",
    ];
    assert_eq!(inventory(&objects), expected.map(str::to_owned).into());
    assert_eq!(told(&objects, "FAPI_WATCH_NAMESPACES"), Some("fapi-system".into()));
    let said = find(&objects, "Role fapi-system/fapi-operator").to_string();
    assert!(!said.contains("namespaces"), "a Role cannot grant them: {said}");
}

#[test]
#[ignore = "needs a control plane"]
fn each_namespace_that_is_served_gets_a_role_and_no_other() {
    let objects = with("namespaces-values.yaml");
    let roles: BTreeSet<String> =
        inventory(&objects).into_iter().filter(|name| name.contains("Role ")).collect();
    let expected = [
        "ClusterRole -/fapi-operator-admin",
        "ClusterRole -/fapi-operator-edit",
        "ClusterRole -/fapi-operator-keys",
        "ClusterRole -/fapi-operator-view",
        "Role apps/fapi-operator-clients",
        "Role auth/fapi-operator",
        "Role fapi-system/fapi-operator-leader",
        "Role retail/fapi-operator",
    ];
    assert_eq!(roles, expected.map(str::to_owned).into());
    assert_eq!(told(&objects, "FAPI_WATCH_NAMESPACES"), Some("auth,retail".into()));
    // `retail` is named twice, and has the larger one.
    assert_eq!(told(&objects, "FAPI_CLIENT_NAMESPACES"), Some("apps".into()));
    let smaller = find(&objects, "Role apps/fapi-operator-clients")["rules"].to_string();
    assert!(
        !smaller.contains("create\",\"patch\",\"delete") && !smaller.contains("deployments"),
        "{smaller}"
    );
    let bound = find(&objects, "RoleBinding auth/fapi-operator");
    let operator = json!([{"kind": "ServiceAccount", "name": "fapi-operator", "namespace": "fapi-system"}]);
    assert_eq!(bound["subjects"], operator);
}

/// The rules are one text; the whole cluster adds the one thing that only there can be granted.
#[test]
#[ignore = "needs a control plane"]
fn the_whole_cluster_adds_the_right_to_see_namespaces() {
    let cluster = with("plain-values.yaml");
    assert_eq!(told(&cluster, "FAPI_WATCH_NAMESPACES"), None);
    let mut rules = find(&cluster, "ClusterRole -/fapi-operator")["rules"].as_array().unwrap().clone();
    rules.retain(|rule| rule["resources"] != json!(["namespaces"]));
    let one = rendered(None);
    assert_eq!(&rules, find(&one, "Role fapi-system/fapi-operator")["rules"].as_array().unwrap());
}

/// A team that brings clients cannot touch the authorization server, nor its keys.
#[test]
#[ignore = "needs a control plane"]
fn who_edits_a_namespace_writes_clients_alone() {
    const LABEL: &str = "rbac.authorization.k8s.io/aggregate-to-";
    let objects = with("namespaces-values.yaml");
    let written = |role: &str| {
        let parts =
            objects.iter().filter(|object| object["metadata"]["labels"][format!("{LABEL}{role}")] == "true");
        let rules = parts.flat_map(|part| part["rules"].as_array().unwrap());
        let written = rules.filter(|rule| rule["verbs"].as_array().unwrap().contains(&json!("patch")));
        let resources = written.flat_map(|rule| rule["resources"].as_array().unwrap());
        resources.map(|resource| resource.as_str().unwrap().to_owned()).collect::<BTreeSet<_>>()
    };
    let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(written("view"), names(&[]));
    assert_eq!(written("edit"), names(&["clients"]));
    assert_eq!(written("admin"), names(&["clients", "signingkeys", "workspaces"]));
    let keys = find(&objects, "ClusterRole -/fapi-operator-keys");
    assert_eq!(keys["rules"][0]["resources"], json!(["signingkeys"]));
    let labels = keys["metadata"]["labels"].as_object().unwrap();
    assert!(!labels.keys().any(|label| label.starts_with(LABEL)), "{labels:?}");
}

/// K-08
#[test]
#[ignore = "needs a control plane"]
fn no_rule_has_a_wildcard() {
    for (variant, objects) in each() {
        let rules = objects.iter().filter(|object| object["rules"].is_array());
        for role in rules {
            assert!(!role["rules"].to_string().contains('*'), "{variant}: {role}");
        }
    }
}

/// K-08, K-22: nothing by which it could become somebody else or give itself rights, and nothing by which it could approve.
#[test]
#[ignore = "needs a control plane"]
fn the_operator_may_neither_impersonate_nor_bind_nor_approve() {
    for (variant, objects) in each() {
        for role in objects.iter().filter(|object| object["rules"].is_array()) {
            for rule in role["rules"].as_array().unwrap() {
                let verbs: Vec<&str> =
                    rule["verbs"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
                for verb in ["impersonate", "bind", "escalate", "approve"] {
                    assert!(!verbs.contains(&verb), "{variant}: {rule}");
                }
                assert_ne!(rule["apiGroups"], json!(["rbac.authorization.k8s.io"]), "{variant}: {rule}");
            }
        }
    }
}

/// A policy without its binding does nothing, and the operator is told of what is there.
#[test]
#[ignore = "needs a control plane"]
fn policies_are_bound_and_the_operator_knows_of_them() {
    for (policies, told_so) in
        [("enabled=true", "true"), ("create=false", "true"), ("enabled=false", "false")]
    {
        let said = template("fapi-system", &["--set", &format!("policies.{policies}")]).ok();
        let objects = objects(&said);
        assert_eq!(told(&objects, "FAPI_ADMISSION_POLICIES"), Some(told_so.into()), "{policies}");
        let named = |kind: &str| -> Vec<Value> {
            let all = objects.iter().filter(|object| object["kind"] == kind);
            all.map(|object| object["metadata"]["name"].clone()).collect()
        };
        let bound = named("ValidatingAdmissionPolicyBinding");
        assert_eq!(named("ValidatingAdmissionPolicy"), bound);
        assert_eq!(bound.len(), if policies == "enabled=true" { 2 } else { 0 }, "{policies}");
        for object in objects.iter().filter(|object| object["kind"] == "ValidatingAdmissionPolicyBinding") {
            assert_eq!(object["spec"]["policyName"], object["metadata"]["name"]);
            assert_eq!(object["spec"]["validationActions"], json!(["Deny"]));
        }
    }
}

#[test]
#[ignore = "needs a control plane"]
fn definitions_are_those_in_crds_and_stay() {
    for (variant, kept) in [("single-values.yaml", true), ("namespaces-values.yaml", false)] {
        let objects = with(variant);
        for kind in ["workspaces", "clients", "signingkeys"] {
            let mut rendered = find(&objects, &format!("CustomResourceDefinition -/{kind}.fapi.rs")).clone();
            let metadata = rendered["metadata"].as_object_mut().unwrap();
            let annotations = metadata.remove("annotations").unwrap_or_default();
            assert_eq!(annotations["helm.sh/resource-policy"] == "keep", kept, "{variant}: {annotations}");
            metadata.remove("labels");
            // Helm writes 10.0 as 10, which is the same to everybody who reads a bound.
            let rendered: CustomResourceDefinition = serde_json::from_value(rendered).unwrap();
            let own = text(&root().join("crds").join(kind).with_extension("yaml"));
            let own: CustomResourceDefinition = serde_saphyr::from_str(&own).unwrap();
            assert!(rendered == own, "{variant}: {kind} is not crds/{kind}.yaml");
        }
    }
    assert!(!inventory(&with("plain-values.yaml")).iter().any(|name| name.starts_with("CustomResource")));
}

/// The operator is told of its own labels, by which pods of Workspaces let it in.
#[test]
#[ignore = "needs a control plane"]
fn everybody_selects_the_operator_by_the_same_labels() {
    for (variant, objects) in each() {
        let deployment = operator(&objects);
        let selector = &deployment["spec"]["selector"]["matchLabels"];
        let labels = &deployment["spec"]["template"]["metadata"]["labels"];
        let told = told(&objects, "FAPI_POD_LABELS").unwrap();
        let written: Vec<String> = selector
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, value)| {
                assert_eq!(labels[name], *value, "{variant}");
                format!("{name}={}", value.as_str().unwrap())
            })
            .collect();
        assert_eq!(told, written.join(",").as_str(), "{variant}");
        for object in &objects {
            let found = match object["kind"].as_str().unwrap() {
                "PodDisruptionBudget" => &object["spec"]["selector"]["matchLabels"],
                "NetworkPolicy" => &object["spec"]["podSelector"]["matchLabels"],
                "Service" => &object["spec"]["selector"],
                _ => continue,
            };
            assert_eq!(found, selector, "{variant}: {object}");
        }
    }
}

#[test]
#[ignore = "needs a control plane"]
fn the_operator_knows_every_variable_that_it_is_given() {
    let known = text(&root().join("operator/src/args.rs"));
    for (variant, objects) in each() {
        for (name, value) in environment(operator(&objects)) {
            let ours = name.starts_with("FAPI_") || name.starts_with("POD_");
            assert!(!ours || known.contains(&format!("env = \"{name}\"")), "{variant}: {name}");
            assert!(value.is_null() || value.is_string(), "{variant}: {name}: {value}");
        }
    }
    let everything = with("everything-values.yaml");
    assert_eq!(told(&everything, "FAPI_MIN_JWKS_MAX_AGE"), Some("300".into()));
    assert_eq!(told(&everything, "FAPI_SERVER_IMAGE"), Some("registry.example/fapi-server:1".into()));
    let single = with("single-values.yaml");
    assert_eq!(told(&single, "FAPI_MIN_JWKS_MAX_AGE"), Some("0".into()), "zero is said, not absent");
    assert_eq!(told(&single, "FAPI_ROTATION_MARGIN"), None);
}

#[test]
#[ignore = "needs a control plane"]
fn one_replica_has_no_budget_that_would_block_a_drain() {
    let objects = with("single-values.yaml");
    assert!(!inventory(&objects).iter().any(|name| name.starts_with("PodDisruptionBudget")));
    assert!(!inventory(&objects).iter().any(|name| name.ends_with("-leader")), "and needs no Lease");
}

#[test]
#[ignore = "needs a control plane"]
fn alerts_are_rendered_with_their_runbooks_and_for_this_release() {
    let objects = with("everything-values.yaml");
    let rule = find(&objects, "PrometheusRule fapi-system/bank-fapi");
    let said = rule.to_string();
    assert!(!said.contains("%operator%") && !said.contains("%workspaces%"), "{said}");
    let alert = &rule["spec"]["groups"][0]["rules"][0];
    assert_eq!(alert["expr"], "absent(fapi_operator_leading{job=\"fapi-system/bank-fapi\"} == 1)");
    let runbook = "https://runbooks.example/fapi#fapioperatornoleader";
    assert_eq!(alert["annotations"]["runbook_url"], runbook);
    let monitors: Vec<&Value> = ["bank-fapi", "bank-fapi-workspaces"]
        .iter()
        .map(|name| find(&objects, &format!("ServiceMonitor fapi-system/{name}")))
        .collect();
    for (monitor, job) in monitors.iter().zip(["fapi-system/bank-fapi", "fapi-system/bank-fapi-workspaces"]) {
        assert_eq!(monitor["spec"]["endpoints"][0]["relabelings"][0]["replacement"], job);
        assert_eq!(monitor["metadata"]["labels"]["release"], "prometheus");
    }
    let dashboard = &find(&objects, "ConfigMap fapi-system/bank-fapi-dashboard")["data"]["fapi.json"];
    let dashboard: Value = serde_json::from_str(dashboard.as_str().unwrap()).unwrap();
    assert_eq!(dashboard, yaml(&chart("files/dashboard.json")));
    assert_eq!(find(&objects, "ConfigMap fapi-system/bank-fapi-more")["data"]["release"], "fapi-operator");
}

#[track_caller]
fn is_refused(values: &[&str], with: &str) {
    let said = template("fapi-system", values);
    assert!(!said.succeeded && said.stderr.contains(with), "{values:?}: {}", said.stderr);
}

#[test]
#[ignore = "needs a control plane"]
fn a_wrong_value_is_refused_in_words() {
    for (value, with) in [
        ("replica=3", "additional properties 'replica' not allowed"),
        ("image.tags=a", "at '/image': additional properties 'tags' not allowed"),
        ("replicas=two", "at '/replicas': got string, want integer"),
        ("image.digest=abc", "at '/image/digest': 'abc' does not match pattern"),
        ("watchNamespaces={Retail}", "at '/watchNamespaces/0': 'Retail' does not match pattern"),
        ("log.format=yaml", "at '/log/format': value must be one of 'json', 'text'"),
        (
            "clusterWide=true,watchNamespaces={a}",
            "clusterWide and watchNamespaces exclude each other: remove",
        ),
        (
            "clusterWide=true,clientNamespaces={a}",
            "clusterWide and clientNamespaces exclude each other: remove",
        ),
        ("leaderElection=false", "more than one needs leaderElection: set leaderElection to true"),
        ("serviceAccount.create=false", "serviceAccount.name: write the name of the ServiceAccount"),
    ] {
        is_refused(&["--set", value], with);
    }
}

#[test]
#[ignore = "needs a control plane"]
fn a_kind_that_the_cluster_has_not_is_named() {
    let chart = chart("");
    for (value, kind) in [("serviceMonitor", "ServiceMonitor"), ("prometheusRule", "PrometheusRule")] {
        let value = format!("metrics.{value}.enabled=true");
        let said = helm(&["template", "x", chart.to_str().unwrap(), "--set", &value]);
        let words =
            format!("this cluster has no {kind} (monitoring.coreos.com/v1): install the Prometheus operator");
        assert!(!said.succeeded && said.stderr.contains(&words), "{}", said.stderr);
    }
}

/// What `kubectl apply` takes is what Helm would install.
#[test]
#[ignore = "needs a control plane"]
fn the_plain_manifests_are_the_chart() {
    let values = chart("ci/plain-values.yaml");
    let rendered = template("fapi-system", &["--values", values.to_str().unwrap()]).ok();
    let path = root().join("examples/operator/operator.yaml");
    let wanted = format!("{PLAIN}{}", rendered.trim_start_matches("---\n"));
    is_generated(&path, &wanted, "tests/run control-plane plain_manifests");
    assert_eq!(objects(&text(&path)).len(), objects(&rendered).len());
}

/// What stands above them.
const PLAIN: &str = "\
# The operator for a whole cluster, as plain manifests:
#
#   kubectl apply --server-side -f crds/
#   kubectl apply --server-side -f examples/operator/
#
# Generated from charts/fapi-operator with ci/plain-values.yaml: do not edit. Each verb of the ClusterRole is used, and none beside it.
# Watching Secrets, metadata or not, is the right to read them: where that is too much, let Helm install an operator for some
# namespaces.
";
