//! What does a real API server say to what Helm renders?

use serde_json::json;

use crate::files::chart;
use crate::helm::{MONITORING, helm_there, kubectl, template, variants};

/// The stand-ins for the Prometheus operator's kinds.
const STAND_INS: &str = include_str!("monitoring.yaml");

/// A namespace that is gone with this.
struct Namespace(String);

impl Namespace {
    fn new(name: &str) -> Self {
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {
            "name": name, "labels": {"pod-security.kubernetes.io/warn": "restricted"},
        }});
        kubectl(&["apply", "--server-side", "-f", "-"], &namespace.to_string()).ok();
        Self(name.to_owned())
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        kubectl(&["delete", "namespace", &self.0, "--wait=false"], "");
    }
}

/// The kinds of the Prometheus operator, gone with this.
struct Monitoring;

impl Monitoring {
    fn installed() -> Self {
        kubectl(&["apply", "--server-side", "-f", "-"], STAND_INS).ok();
        let wait = ["wait", "--for=condition=Established", "--timeout=60s", "-f", "-"];
        kubectl(&wait, STAND_INS).ok();
        Self
    }
}

impl Drop for Monitoring {
    fn drop(&mut self) {
        kubectl(&["delete", "--wait=true", "-f", "-"], STAND_INS);
    }
}

/// Every field is known, every object allowed, and the pods are what Pod Security `restricted` takes (K-06).
#[test]
#[ignore = "needs a control plane"]
fn an_api_server_takes_everything_that_is_rendered() {
    let own = Namespace::new("chart-accepted");
    let others = ["chart-auth", "chart-retail", "chart-apps"].map(Namespace::new);
    let _monitoring = Monitoring::installed();
    let [auth, retail, apps] = others.each_ref().map(|other| &other.0);
    let namespaces = format!("watchNamespaces={{{auth},{retail}}},clientNamespaces={{{apps}}}");
    let mut files: Vec<Option<_>> = variants().into_iter().map(Some).collect();
    files.push(None);
    for file in files {
        let path = file.as_ref().map(|file| file.to_str().unwrap().to_owned());
        let mut more: Vec<&str> = path.iter().flat_map(|path| ["--values", path.as_str()]).collect();
        if path.as_ref().is_some_and(|path| path.ends_with("namespaces-values.yaml")) {
            more.extend(["--set", &namespaces]);
        }
        let rendered = template(&own.0, &more).ok();
        // Nothing says `--namespace`: every object has to bring its own.
        let dry = ["apply", "--server-side", "--dry-run=server", "--force-conflicts", "--validate=strict"];
        let said = kubectl(&[&dry[..], &["-f", "-"]].concat(), &rendered);
        assert!(said.succeeded, "{path:?}: {}", said.stderr);
        assert!(!said.stderr.contains("would violate PodSecurity"), "{path:?}: {}", said.stderr);
        let taken = said.stdout.lines().filter(|line| line.ends_with("(server dry run)")).count();
        assert_eq!(taken, crate::helm::objects(&rendered).len(), "{path:?}: {}", said.stdout);
    }
}

/// The warning above would be given: a pod that may do more is told so.
#[test]
#[ignore = "needs a control plane"]
fn a_pod_that_may_do_more_would_be_warned_of() {
    let own = Namespace::new("chart-warned");
    let rendered = template(&own.0, &["--set", "crds.enabled=false"]).ok();
    let loose = rendered.replace("runAsNonRoot: true", "runAsNonRoot: false");
    let said = kubectl(&["apply", "--server-side", "--dry-run=server", "-f", "-"], &loose);
    assert!(said.stderr.contains("would violate PodSecurity"), "{}", said.stderr);
}

/// Helm asks the cluster itself, where there is one.
#[test]
#[ignore = "needs a control plane"]
fn monitors_are_refused_where_prometheus_is_not_and_taken_where_it_is() {
    let own = Namespace::new("chart-monitored");
    let chart = chart("");
    let install = || {
        helm_there(&[
            "install",
            "fapi-operator",
            chart.to_str().unwrap(),
            "--namespace",
            &own.0,
            "--dry-run=server",
            "--set",
            "crds.enabled=false,policies.create=false,metrics.serviceMonitor.enabled=true,metrics.prometheusRule.enabled=true",
        ])
    };
    let said = install();
    assert!(!said.succeeded && said.stderr.contains("this cluster has no ServiceMonitor"), "{said:?}");
    let _monitoring = Monitoring::installed();
    let said = install().ok();
    assert!(said.contains(MONITORING[1].rsplit('/').next().unwrap()), "{said}");
}
