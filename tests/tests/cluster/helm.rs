//! `helm`, and a cluster in which a release may have Workspaces for itself.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::place::Place;
use crate::programs::{Said, kubectl, run, told};
use crate::wait::until;

/// `helm`, in the namespace of a place.
pub(crate) fn helm(place: &Place, arguments: &[&str]) -> Said {
    let program = std::env::var("FAPI_TEST_BIN").map_or("helm".into(), |bin| Path::new(&bin).join("helm"));
    let mut command = Command::new(program);
    command.env("KUBECONFIG", told("FAPI_TEST_KUBECONFIG")).args(["--namespace", &place.namespace]);
    run(command, arguments)
}

/// The operator that other tests have installed for the whole cluster rests: two would each say who may ask the pods.
pub(crate) struct Alone(bool);

const ELSEWHERE: [&str; 3] = ["deployment/fapi-operator", "--namespace", "fapi-system"];

fn scale(replicas: u8) {
    let mut command = kubectl();
    command.arg("scale").args(ELSEWHERE);
    run(command, [format!("--replicas={replicas}")]).ok();
}

impl Alone {
    pub(crate) fn now() -> Self {
        let mut command = kubectl();
        command.arg("get").args(ELSEWHERE);
        let there = run(command, ["--ignore-not-found", "-o", "name"]).ok();
        if there.is_empty() {
            return Self(false);
        }
        scale(0);
        until("the other operator to end", || {
            let pods = [
                "get",
                "pods",
                "-n",
                "fapi-system",
                "-l",
                "app.kubernetes.io/name=fapi-operator",
                "-o",
                "json",
            ];
            let pods: Value = serde_json::from_str(&run(kubectl(), pods).ok()).unwrap();
            pods["items"].as_array().unwrap().is_empty().then_some(())
        });
        Self(true)
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        if self.0 {
            scale(2);
            let mut command = kubectl();
            command.args(["rollout", "status"]).args(ELSEWHERE);
            run(command, ["--timeout=180s"]);
        }
    }
}
