//! A namespace that takes only pods that Pod Security `restricted` allows, with an example in it, and the operator beside.

use std::fs;
use std::hash::{BuildHasher as _, RandomState};
use std::io::Write as _;
use std::net::{IpAddr, TcpStream};
use std::path::PathBuf;
use std::sync::Once;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::play::Player;
use crate::programs::{Said, fapictl, feed, figure, kubectl, root, run, told};
use crate::wait::{PATIENCE, until};

static OPERATOR: Once = Once::new();

/// An example, applied.
pub(crate) struct Place {
    pub(crate) namespace: String,
    pub(crate) example: PathBuf,
    pub(crate) state: TempDir,
    workspace: &'static str,
    change: fn(&str) -> String,
}

impl Place {
    /// Does what the README of the example says, and waits until the Workspace is ready.
    pub(crate) fn with(example: &str, workspace: &'static str) -> Self {
        Self::altered(example, workspace, str::to_owned)
    }

    /// The operator as it ships, if nobody has installed it before.
    pub(crate) fn operator() {
        OPERATOR.call_once(install_operator);
    }

    /// The same with the example changed before it is applied.
    pub(crate) fn altered(example: &str, workspace: &'static str, change: fn(&str) -> String) -> Self {
        Self::operator();
        let mut place = Self::bare(example, workspace);
        place.change = change;
        let begun = Instant::now();
        place.serve();
        figure(&format!("{example}: {:.1} s from kubectl apply to Ready", begun.elapsed().as_secs_f64()));
        place
    }

    /// The example and the Secrets that it asks for, and waits until the Workspace is ready.
    pub(crate) fn serve(&self) {
        self.kubectl_reads(
            &["apply", "--server-side", "--field-manager=fapictl-dev", "-f", "-"],
            &self.development_secrets(),
        );
        self.apply_example();
        self.ready();
    }

    /// The namespace, with nothing in it.
    pub(crate) fn bare(example: &str, workspace: &'static str) -> Self {
        let place = Self {
            namespace: format!("{workspace}-{:08x}", unique()),
            example: root().join("examples").join(example),
            state: tempfile::tempdir().unwrap(),
            workspace,
            change: str::to_owned,
        };
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {
            "name": place.namespace, "labels": {"pod-security.kubernetes.io/enforce": "restricted"},
        }});
        feed(kubectl(), ["apply", "--server-side", "-f", "-"], &namespace.to_string()).ok();
        place
    }

    /// What `fapictl dev secrets` prints; the private halves stay in a folder of this test.
    fn development_secrets(&self) -> String {
        let mut command = fapictl();
        command.args(["dev", "secrets"]).arg(&self.example).arg("--state").arg(self.state.path());
        run(command, ["--namespace", &self.namespace]).ok()
    }

    /// `kubectl apply` of every file, the database's image being the one that the cluster has.
    pub(crate) fn apply_example(&self) {
        let mut files: Vec<PathBuf> =
            fs::read_dir(&self.example).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.retain(|file| file.extension().is_some_and(|extension| extension == "yaml"));
        files.sort();
        let mut all =
            files.iter().map(|file| fs::read_to_string(file).unwrap()).collect::<Vec<_>>().join("\n---\n");
        if let Ok(image) = std::env::var("FAPI_TEST_POSTGRES_IMAGE") {
            all = all.replace("docker.io/library/postgres:17", &image);
        }
        self.kubectl_reads(&["apply", "--server-side", "-f", "-"], &(self.change)(&all));
    }

    /// `kubectl wait` for the Workspace.
    pub(crate) fn ready(&self) {
        let workspace = format!("workspaces.fapi.rs/{}", self.workspace);
        let patience = format!("--timeout={}s", PATIENCE.as_secs());
        let said = self.try_kubectl(&["wait", "--for=condition=Ready", &workspace, &patience]);
        assert_eq!(said.code, Some(0), "{}\n{}", said.stderr, self.told());
        self.reachable();
    }

    /// Waits until the Service takes connections: kube-proxy writes its rules in its own time, and refuses them until then.
    fn reachable(&self) {
        let service = self.object(&format!("service/{}", self.workspace));
        let address: IpAddr = service["spec"]["clusterIP"].as_str().unwrap().parse().unwrap();
        for port in service["spec"]["ports"].as_array().unwrap() {
            let port = u16::try_from(port["port"].as_u64().unwrap()).unwrap();
            until("the Service to take connections", || {
                TcpStream::connect_timeout(&(address, port).into(), Duration::from_secs(5)).ok()
            });
        }
    }

    /// What a person would ask for first when something is wrong.
    fn told(&self) -> String {
        let objects = self.try_kubectl(&["get", "fapi,pods", "-o", "yaml"]).stdout;
        let events = self.try_kubectl(&["get", "events", "--sort-by=.lastTimestamp"]).stdout;
        format!("{objects}\n{events}")
    }

    pub(crate) fn try_kubectl(&self, arguments: &[&str]) -> Said {
        let mut command = kubectl();
        command.args(["--namespace", &self.namespace]);
        run(command, arguments)
    }

    #[track_caller]
    pub(crate) fn kubectl(&self, arguments: &[&str]) -> String {
        self.try_kubectl(arguments).ok()
    }

    #[track_caller]
    pub(crate) fn kubectl_reads(&self, arguments: &[&str], input: &str) -> String {
        let mut command = kubectl();
        command.args(["--namespace", &self.namespace]);
        feed(command, arguments, input).ok()
    }

    /// Something of the namespace, as JSON.
    #[track_caller]
    pub(crate) fn object(&self, resource: &str) -> Value {
        serde_json::from_str(&self.kubectl(&["get", resource, "-o", "json"])).unwrap()
    }

    /// Where a file is that only this test reads. Somebody else may be reading what was there before.
    pub(crate) fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.state.path().join(name);
        let mut part = tempfile::NamedTempFile::new_in(self.state.path()).unwrap();
        part.write_all(content.as_bytes()).unwrap();
        part.persist(&path).unwrap();
        path
    }

    /// Somebody who plays a client of the Workspace, connected to its Service.
    pub(crate) fn player(&self) -> Player<'_> {
        let address = self.object(&format!("service/{}", self.workspace));
        Player::new(self, self.workspace, address["spec"]["clusterIP"].as_str().unwrap())
    }

    /// One player for each pod that serves, connected to that pod alone.
    pub(crate) fn players(&self) -> Vec<Player<'_>> {
        self.pods().iter().map(|pod| Player::of_pod(self, self.workspace, &pod.address)).collect()
    }

    pub(crate) fn workspace(&self) -> &'static str {
        self.workspace
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            run(kubectl(), ["delete", "namespace", &self.namespace, "--wait=false"]);
        }
    }
}

/// The manifests that ship, with the image under test: CRDs, operator, and wait until it runs.
fn install_operator() {
    let crds = root().join("crds");
    run(kubectl(), ["apply", "--server-side", "-f", crds.to_str().unwrap()]).ok();
    let manifest = fs::read_to_string(root().join("examples/operator/operator.yaml")).unwrap();
    let manifest = manifest.replace("localhost/fapi-operator:dev", &told("FAPI_TEST_IMAGE"));
    // A release of another test may have left policies, which belong to the cluster.
    feed(kubectl(), ["apply", "--server-side", "--force-conflicts", "-f", "-"], &manifest).ok();
    run(kubectl(), ["rollout", "status", "deployment/fapi-operator", "-n", "fapi-system", "--timeout=180s"])
        .ok();
    until("one operator to lead", || {
        let said = run(kubectl(), ["get", "lease/fapi-operator", "-n", "fapi-system", "-o", "json"]);
        let lease: Value = serde_json::from_str(&said.stdout).ok()?;
        lease["spec"]["holderIdentity"].as_str().filter(|holder| !holder.is_empty()).map(drop)
    });
}

/// Hashers begin with a seed of the system's.
fn unique() -> u32 {
    u32::try_from(RandomState::new().hash_one(()) >> 32).unwrap()
}
