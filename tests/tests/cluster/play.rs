//! `fapictl flow` against a Service or one pod.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::place::Place;
use crate::programs::{Said, fapictl};
use crate::wait::until;

/// Somebody who plays a client of a Workspace.
pub(crate) struct Player<'a> {
    place: &'a Place,
    workspace: &'a str,
    ca: PathBuf,
    connect: Vec<String>,
}

impl<'a> Player<'a> {
    /// Connects where the addresses of the issuer say, at the ports of the Service.
    pub(crate) fn new(place: &'a Place, workspace: &'a str, address: &str) -> Self {
        let connect =
            doors(place, workspace).into_iter().map(|(door, port)| format!("{door}:{address}:{port}"));
        Self { place, workspace, ca: ca(place, workspace), connect: connect.collect() }
    }

    /// Connects to one pod, whose ports are the same for every Workspace.
    pub(crate) fn of_pod(place: &'a Place, workspace: &'a str, address: &str) -> Self {
        let back_has_a_port =
            !place.object(&format!("workspaces.fapi.rs/{workspace}"))["spec"]["mtls"]["port"].is_null();
        let connect = doors(place, workspace).into_iter().enumerate().map(|(at, (door, _))| {
            let port = if at == 1 && back_has_a_port { 8444 } else { 8443 };
            format!("{door}:{address}:{port}")
        });
        Self { place, workspace, ca: ca(place, workspace), connect: connect.collect() }
    }

    fn command(&self, client: &str, more: &[&str]) -> Command {
        let mut command = fapictl();
        command.args(["flow", "--output", "json", "--resource", "none"]);
        command.args(["--workspace", self.workspace, "--client", client]);
        command.arg("--dev-dir").arg(self.place.state.path().join("dev")).arg("--ca").arg(&self.ca);
        for rule in &self.connect {
            command.args(["--connect", rule]);
        }
        command.args(more).stdin(Stdio::null());
        command
    }

    /// Plays, and tells what came of it.
    pub(crate) fn plays(&self, client: &str, more: &[&str]) -> Played {
        let said: Said = self.command(client, more).output().unwrap().into();
        Played { report: serde_json::from_str(&said.stdout).unwrap_or_default(), said }
    }

    /// Plays, and everything must hold. The number of checks is the answer.
    #[track_caller]
    pub(crate) fn passes(&self, client: &str, more: &[&str]) -> usize {
        let played = self.plays(client, more);
        assert!(played.passed(), "{:#?}", played.said);
        played.checks()
    }

    /// Plays again and again until everything holds.
    pub(crate) fn comes_to_pass(&self, client: &str, more: &[&str]) {
        until(&format!("{client} to pass {more:?}"), || self.plays(client, more).passed().then_some(()));
    }

    /// Plays again and again until a request is refused with this.
    pub(crate) fn comes_to_fail(&self, client: &str, with: &str) {
        until(&format!("{client} to be refused with {with}"), || {
            self.plays(client, &[]).failures().iter().any(|failure| failure.contains(with)).then_some(())
        });
    }
}

/// What came of it.
pub(crate) struct Played {
    pub(crate) said: Said,
    pub(crate) report: Value,
}

impl Played {
    pub(crate) fn passed(&self) -> bool {
        self.said.code == Some(0)
    }

    fn lines(&self, of: &str) -> Vec<String> {
        let steps = self.report["steps"].as_array().into_iter().flatten();
        let lines = steps.flat_map(|step| step[of].as_array().into_iter().flatten());
        lines.filter_map(|line| line.as_str().map(str::to_owned)).collect()
    }

    fn checks(&self) -> usize {
        self.lines("proved").len()
    }

    pub(crate) fn failures(&self) -> Vec<String> {
        self.lines("failed")
    }
}

/// `HOST:PORT` of the front and the back door, and the port of the Service behind each.
fn doors(place: &Place, workspace: &str) -> [(String, u64); 2] {
    let spec = place.object(&format!("workspaces.fapi.rs/{workspace}"))["spec"].take();
    let front = spec["issuer"].as_str().unwrap().strip_prefix("https://").unwrap().to_owned();
    let (host, port) = front.split_once(':').unwrap();
    let back_port = spec["mtls"]["port"].as_u64().unwrap_or_else(|| port.parse().unwrap());
    let back = format!("{}:{back_port}", spec["mtls"]["host"].as_str().unwrap_or(host));
    [(front.clone(), port.parse().unwrap()), (back, back_port)]
}

/// The CA that the operator publishes for a Workspace whose certificate it makes itself.
fn ca(place: &Place, workspace: &str) -> PathBuf {
    let map = place.object(&format!("configmap/{workspace}-ca"));
    place.file("ca.crt", map["data"]["ca.crt"].as_str().unwrap())
}
