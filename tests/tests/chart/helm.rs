//! Helm and kubectl, as a person would type them.

use std::env;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::files::chart;

/// The kinds of the Prometheus operator, which `helm template` has to be told of.
pub(crate) const MONITORING: [&str; 4] = [
    "--api-versions",
    "monitoring.coreos.com/v1/ServiceMonitor",
    "--api-versions",
    "monitoring.coreos.com/v1/PrometheusRule",
];

/// What a program said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) succeeded: bool,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Said {
    #[track_caller]
    pub(crate) fn ok(self) -> String {
        assert!(self.succeeded, "{}\n{}", self.stdout, self.stderr);
        self.stdout
    }
}

fn program(name: &str) -> Command {
    Command::new(env::var("FAPI_TEST_BIN").map_or_else(|_| name.into(), |bin| Path::new(&bin).join(name)))
}

#[track_caller]
fn run(mut command: Command, arguments: &[&str], input: &str) -> Said {
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    Said {
        succeeded: output.status.success(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// `helm`, away from any cluster.
#[track_caller]
pub(crate) fn helm(arguments: &[&str]) -> Said {
    let mut command = program("helm");
    // Whatever it would find at home is not for this test.
    command.env("KUBECONFIG", "/dev/null").env("HELM_NO_PLUGINS", "1");
    run(command, arguments, "")
}

fn kubeconfig() -> String {
    let name = "FAPI_TEST_CONTROL_PLANE_KUBECONFIG";
    env::var(name).unwrap_or_else(|_| panic!("set {name}, or use tests/run control-plane"))
}

/// `helm`, at the control plane.
#[track_caller]
pub(crate) fn helm_there(arguments: &[&str]) -> Said {
    let mut command = program("helm");
    command.env("KUBECONFIG", kubeconfig());
    run(command, arguments, "")
}

/// `kubectl`, at the control plane.
#[track_caller]
pub(crate) fn kubectl(arguments: &[&str], input: &str) -> Said {
    let mut command = program("kubectl");
    command.env("KUBECONFIG", kubeconfig());
    run(command, arguments, input)
}

/// The values in `ci/`, each a way to install the chart.
pub(crate) fn variants() -> Vec<PathBuf> {
    let folder = std::fs::read_dir(chart("ci")).unwrap();
    let mut files: Vec<PathBuf> = folder.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// `helm template`, of a release that is called as its chart.
#[track_caller]
pub(crate) fn template(namespace: &str, more: &[&str]) -> Said {
    let chart = chart("");
    let mut arguments = vec!["template", "fapi-operator", chart.to_str().unwrap(), "--namespace", namespace];
    arguments.extend(MONITORING);
    arguments.extend(more);
    helm(&arguments)
}

/// The objects in what was rendered.
#[track_caller]
pub(crate) fn objects(rendered: &str) -> Vec<Value> {
    let all: Vec<Value> = serde_saphyr::from_multiple(rendered).unwrap();
    all.into_iter().filter(|object| !object.is_null()).collect()
}

/// What `helm template` renders with the values of a file, or with none.
#[track_caller]
pub(crate) fn rendered(values: Option<&Path>) -> Vec<Value> {
    let more: Vec<&str> = values.iter().flat_map(|file| ["--values", file.to_str().unwrap()]).collect();
    objects(&template("fapi-system", &more).ok())
}
