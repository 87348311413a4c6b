//! The pods of a Workspace.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::place::Place;
use crate::programs::run;
use crate::wait::until;

/// One that serves.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Pod {
    pub(crate) name: String,
    pub(crate) address: String,
    uid: String,
}

impl Pod {
    /// Ends the server in it as the kernel would, out of memory: with SIGKILL, and waits until the kubelet has started another. In
    /// somebody else's cluster, whose processes are not here, the pod is deleted without grace.
    pub(crate) fn kill(&self, place: &Place) {
        if std::env::var_os("FAPI_TEST_CLUSTER").is_none() {
            place.kubectl(&["delete", "pod", &self.name, "--grace-period=0", "--force"]);
            return;
        }
        let process = self.server().expect("the pod is ready, so its server runs");
        let mut kill = Command::new("kill");
        kill.arg("-KILL");
        run(kill, [&process]).ok();
        until("its server to be started again", || self.server().filter(|server| *server != process));
    }

    /// The memory that the server has in use now, in KiB (`VmRSS`), where its process can be seen.
    pub(crate) fn resident_kib(&self) -> u64 {
        let process = self.server().expect("the pod is ready, so its server runs");
        let status = fs::read_to_string(Path::new("/proc").join(process).join("status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// The process id of the server, as the host knows it: of the processes in the pod's control group, the one that is it.
    fn server(&self) -> Option<String> {
        let processes = fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
        let of_pod = |process: &Path| {
            let group = fs::read_to_string(process.join("cgroup")).unwrap_or_default();
            group.contains(&self.uid) || group.contains(&self.uid.replace('-', "_"))
        };
        let serves = |process: &Path| {
            fs::read_to_string(process.join("comm")).is_ok_and(|name| name.trim() == "fapi-server")
        };
        let mut found = processes.filter(|process| serves(process) && of_pod(process));
        Some(found.next()?.file_name()?.to_str()?.to_owned())
    }
}

impl Place {
    fn list_pods(&self) -> Vec<Value> {
        let selector = format!("--selector=app.kubernetes.io/instance={}", self.workspace());
        let list = self.kubectl(&["get", "pods", &selector, "-o", "json"]);
        let mut list: Value = serde_json::from_str(&list).unwrap();
        list["items"].as_array_mut().map(std::mem::take).unwrap()
    }

    /// How many there are, with those that are about to end.
    pub(crate) fn all_pods(&self) -> usize {
        self.list_pods().len()
    }

    /// Those that are ready and not about to end.
    pub(crate) fn pods(&self) -> Vec<Pod> {
        let serves = |pod: &&Value| {
            let ready = |it: &Value| it["type"] == "Ready" && it["status"] == "True";
            pod["metadata"]["deletionTimestamp"].is_null()
                && pod["status"]["conditions"].as_array().is_some_and(|all| all.iter().any(ready))
        };
        let pod = |pod: &Value| Pod {
            name: pod["metadata"]["name"].as_str().unwrap().to_owned(),
            address: pod["status"]["podIP"].as_str().unwrap().to_owned(),
            uid: pod["metadata"]["uid"].as_str().unwrap().to_owned(),
        };
        self.list_pods().iter().filter(serves).map(pod).collect()
    }

    /// Waits until so many serve.
    pub(crate) fn pods_are(&self, count: usize) -> Vec<Pod> {
        until(&format!("{count} pods to serve"), || Some(self.pods()).filter(|pods| pods.len() == count))
    }

    /// Waits until the Service leads to three pods, each of which answers by itself: what Kubernetes says of them may lag.
    pub(crate) fn settled(&self) {
        until("three pods to answer", || {
            let players = self.players();
            let all = players.len() == 3 && players.iter().all(|player| player.plays("budget", &[]).passed());
            all.then_some(())
        });
        until("the Service to lead to them", || {
            let selector = format!("--selector=kubernetes.io/service-name={}", self.workspace());
            let list = self.kubectl(&["get", "endpointslices", &selector, "-o", "json"]);
            let list: Value = serde_json::from_str(&list).unwrap();
            let slices = list["items"].as_array()?.iter();
            let endpoints = slices.flat_map(|slice| slice["endpoints"].as_array().into_iter().flatten());
            (endpoints.filter(|endpoint| endpoint["conditions"]["ready"] == true).count() == 3).then_some(())
        });
    }
}
