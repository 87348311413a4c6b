//! How much is one operator good for? A measurement: the operator in a process of its own, everything else beside it.
//!
//! `tests/run` plays it in a small size, so that it works when somebody wants to know. `FAPI_SCALE_CLIENTS` and
//! `FAPI_SCALE_WORKSPACES` say how many; `docs/scale.md` has the command and figures.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use fapi_crds::condition::is_true;
use fapi_crds::{Client as FapiClient, ConditionType, Workspace};
use fapi_operator::client::Deadlines;
use fapi_operator::clock::{Clock, SystemClock};
use fapi_operator::context::{Address, Settings};
use fapi_operator::leader::Leadership;
use fapi_operator::metrics::Metrics;
use fapi_operator::queue::Pace;
use fapi_operator::run::Operator;
use fapi_operator::serve::Health;
use fapi_operator::watch::Scope;
use futures::StreamExt as _;
use kube::Config;
use kube::api::{ListParams, Patch, PatchParams};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStdin, Command};

use crate::cluster::{Cluster, HasConditions, settings};
use crate::proxy::{Asked, Proxy};

const API: &str = "FAPI_SCALE_API";
const NAMESPACE: &str = "FAPI_SCALE_NAMESPACE";
const PODS: &str = "FAPI_SCALE_PODS";

fn size(variable: &str, small: usize) -> usize {
    std::env::var(variable).ok().map_or(small, |text| text.parse().unwrap())
}

/// An operator as it is in production, in a process of its own.
struct Process {
    child: Child,
    stdin: Option<ChildStdin>,
    proxy: Proxy,
    begun: Instant,
}

impl Process {
    async fn start(cluster: &Cluster, pods: &Path) -> Self {
        let proxy = Proxy::start(cluster.config_of_the_operator()).await;
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--ignored", "--nocapture", "scale::the_operator_of_a_measurement"])
            .env(API, proxy.url())
            .env(NAMESPACE, &cluster.namespace)
            .env(PODS, pods)
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let stdin = child.stdin.take();
        Self { child, stdin, proxy, begun: Instant::now() }
    }

    /// Resident memory now and at its highest, in MiB, and seconds of a processor.
    fn used(&self) -> (f64, f64, f64) {
        let pid = self.child.id().unwrap();
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let kib = |name: &str| -> f64 {
            let line = status.lines().find(|line| line.starts_with(name)).unwrap();
            line.split_whitespace().nth(1).unwrap().parse().unwrap()
        };
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
        let ticks: f64 = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
        (kib("VmRSS:") / 1024.0, kib("VmHWM:") / 1024.0, ticks / 100.0)
    }

    fn says_what_it_uses(&self, when: &str) {
        let (now, highest, processor) = self.used();
        println!(
            "{when}: RSS {now:.0} MiB, at its highest {highest:.0} MiB, {processor:.1} s of a processor"
        );
    }

    /// Waits until nothing has been asked for a while; how long it took until then since the start.
    async fn quiet(&self) -> Duration {
        let mut last = (self.proxy.len(), Instant::now());
        while last.1.elapsed() < Duration::from_secs(4) {
            tokio::time::sleep(Duration::from_millis(50)).await;
            if self.proxy.len() != last.0 {
                last = (self.proxy.len(), Instant::now());
            }
        }
        last.1 - self.begun
    }

    /// Ends it; what it has counted.
    async fn end(mut self) -> String {
        if let Some(mut stdin) = self.stdin.take() {
            stdin.shutdown().await.unwrap();
        }
        let mut said = String::new();
        let mut stdout = self.child.stdout.take().unwrap();
        stdout.read_to_string(&mut said).await.unwrap();
        self.child.wait().await.unwrap();
        said
    }
}

/// Not a test: the operator of [`how_much_one_operator_is_good_for`], which starts it.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "run by how_much_one_operator_is_good_for"]
async fn the_operator_of_a_measurement() {
    let Ok(api) = std::env::var(API) else { return };
    let pods = PathBuf::from(std::env::var(PODS).unwrap());
    let address: Address = Arc::new(move |pod| {
        std::fs::read_to_string(pods.join(pod.metadata.uid.as_ref()?)).ok()?.parse().ok()
    });
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let metrics = Metrics::default();
    let config = Config::new(api.parse().unwrap());
    let namespace = std::env::var(NAMESPACE).unwrap();
    let operator = Operator {
        client: fapi_operator::client::build(config, Deadlines::default(), metrics.clone()).unwrap(),
        clock: clock.clone(),
        settings: Settings {
            scope: Scope::Namespaces { workspaces: vec![namespace], clients: Vec::new() },
            ..settings()
        },
        pace: Pace::default(),
        leadership: Leadership::always(),
        address,
        instance: None,
        metrics: metrics.clone(),
        health: Arc::new(Health::new(clock)),
    };
    let told = tokio::task::spawn_blocking(|| std::io::copy(&mut std::io::stdin(), &mut std::io::sink()));
    tokio::select! {
        () = operator.run() => {}
        _ = told => {}
    }
    println!("{}", metrics.text());
}

/// Writes the addresses of pods where the operator reads them.
async fn tell_addresses(cluster: &Cluster, folder: &Path) {
    let mut told: HashMap<String, SocketAddr> = HashMap::new();
    loop {
        for (uid, address) in cluster.kubelet.addresses() {
            if told.insert(uid.clone(), address) != Some(address) {
                std::fs::write(folder.join(uid), address.to_string()).unwrap();
            }
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn all<K: HasConditions>(cluster: &Cluster, count: usize, type_: ConditionType) {
    loop {
        let found = cluster.api::<K>().list(&ListParams::default()).await.unwrap();
        if found.iter().filter(|object| is_true(object.conditions(), type_)).count() == count {
            return;
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

fn count(asked: &[Asked], test: impl Fn(&Asked) -> bool) -> usize {
    asked.iter().filter(|asked| test(asked)).count()
}

#[expect(clippy::cast_precision_loss, reason = "counts of a measurement")]
fn each(number: usize, of: usize) -> f64 {
    number as f64 / of as f64
}

fn what_it_asked(process: &Process, of: usize, what: &str) {
    let asked = process.proxy.asked();
    let statuses = count(&asked, |asked| asked.is_write() && asked.path.contains("/status"));
    let events = count(&asked, Asked::is_event);
    let writes = count(&asked, Asked::is_write) - statuses - events;
    let reads = count(&asked, |asked| !asked.is_write());
    println!(
        "for each of {of} {what}: {:.2} statuses, {:.2} events, {:.2} other writes, {:.2} reads",
        each(statuses, of),
        each(events, of),
        each(writes, of),
        each(reads, of)
    );
}

async fn idle(process: &Process) {
    let (asked, watches, begun) = (process.proxy.len(), process.proxy.watches().len(), Instant::now());
    let waits = size("FAPI_SCALE_IDLE_SECONDS", 5);
    tokio::time::sleep(Duration::from_secs(waits as u64)).await;
    let asked = process.proxy.asked().split_off(asked);
    let writes = count(&asked, Asked::is_write);
    let watches = process.proxy.watches().len() - watches;
    println!(
        "idle for {:.0} s: {} requests, {watches} watches begun, {writes} writes",
        begun.elapsed().as_secs_f64(),
        asked.len()
    );
    assert_eq!(writes, 0, "{asked:#?}");
}

/// G-08: whatever its size, nothing is written while nothing happens, and another start writes nothing.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a control plane"]
async fn how_much_one_operator_is_good_for() {
    tokio::task::LocalSet::new()
        .run_until(async {
            many_clients(size("FAPI_SCALE_CLIENTS", 50)).await;
            many_workspaces(size("FAPI_SCALE_WORKSPACES", 3)).await;
        })
        .await;
}

async fn many_clients(clients: usize) {
    println!("== {clients} Clients of one Workspace");
    let cluster = std::rc::Rc::new(Cluster::alone("scale").await);
    let folder = tempfile::tempdir().unwrap();
    let (beside, pods) = (cluster.clone(), folder.path().to_owned());
    let telling = tokio::task::spawn_local(async move { tell_addresses(&beside, &pods).await });
    let process = Process::start(&cluster, folder.path()).await;
    cluster.workspace("retail", json!({"config": {"clientShards": 32}})).await;
    all::<Workspace>(&cluster, 1, ConditionType::Ready).await;
    process.quiet().await;
    process.says_what_it_uses("without Clients");

    let begun = Instant::now();
    cluster.clients("retail", clients).await;
    println!("made, with a Secret each, in {:.1} s", begun.elapsed().as_secs_f64());
    let made = Instant::now();
    all::<FapiClient>(&cluster, clients, ConditionType::Programmed).await;
    println!("all programmed {:.1} s later", made.elapsed().as_secs_f64());
    process.quiet().await;
    process.says_what_it_uses("afterwards");
    what_it_asked(&process, clients, "Clients");
    idle(&process).await;

    // One of them changes.
    let one = cluster.api::<FapiClient>();
    let revision = async || one.get("client-0").await.unwrap().status.unwrap().config.unwrap().revision;
    let (before, begun) = (revision().await, Instant::now());
    let uris = json!({"spec": {"redirectUris": {"values": ["https://another.example/callback"]}}});
    one.patch("client-0", &PatchParams::default(), &Patch::Merge(&uris)).await.unwrap();
    while revision().await == before {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    println!("one changed, and every pod has loaded it after {:.2} s", begun.elapsed().as_secs_f64());
    process.quiet().await;

    // One of them changes again and again.
    let (before, begun) = (process.proxy.len(), Instant::now());
    let edits = clients.min(1000);
    let edited = futures::stream::iter(0..edits).map(|number| {
        let (one, uri) = (one.clone(), format!("https://another.example/{number}"));
        async move {
            let uris = json!({"spec": {"redirectUris": {"values": [uri]}}});
            one.patch("client-0", &PatchParams::default(), &Patch::Merge(&uris)).await.unwrap();
        }
    });
    edited.buffer_unordered(4).collect::<Vec<()>>().await;
    let took = begun.elapsed().as_secs_f64();
    process.quiet().await;
    let asked = process.proxy.asked().split_off(before);
    let writes = count(&asked, |asked| asked.is_write() && !asked.is_event());
    println!("{edits} edits of one in {took:.1} s: {writes} writes");
    println!(
        "{}",
        process
            .end()
            .await
            .lines()
            .filter(|line| line.contains("reconcile_seconds"))
            .collect::<Vec<_>>()
            .join("\n")
    );

    let next = Process::start(&cluster, folder.path()).await;
    let took = next.quiet().await;
    println!(
        "another start: nothing left to ask after {:.1} s, {} writes",
        took.as_secs_f64(),
        next.proxy.writes().len()
    );
    next.says_what_it_uses("afterwards");
    assert!(next.proxy.writes().is_empty(), "{:#?}", next.proxy.writes());
    println!(
        "{}",
        next.end()
            .await
            .lines()
            .filter(|line| line.contains("reconcile_seconds"))
            .collect::<Vec<_>>()
            .join("\n")
    );
    telling.abort();
    let _ = telling.await;
    std::rc::Rc::into_inner(cluster).unwrap().end().await;
}

async fn many_workspaces(workspaces: usize) {
    println!("== {workspaces} Workspaces");
    let cluster = std::rc::Rc::new(Cluster::alone("scale").await);
    let folder = tempfile::tempdir().unwrap();
    let (beside, pods) = (cluster.clone(), folder.path().to_owned());
    let telling = tokio::task::spawn_local(async move { tell_addresses(&beside, &pods).await });
    let process = Process::start(&cluster, folder.path()).await;
    let begun = Instant::now();
    for number in 0..workspaces {
        cluster.workspace(&format!("ws-{number}"), json!({})).await;
    }
    println!("made in {:.1} s", begun.elapsed().as_secs_f64());
    all::<Workspace>(&cluster, workspaces, ConditionType::Ready).await;
    println!("all ready {:.1} s after the first was made", begun.elapsed().as_secs_f64());
    process.quiet().await;
    process.says_what_it_uses("afterwards");
    what_it_asked(&process, workspaces, "Workspaces");
    idle(&process).await;
    process.end().await;
    telling.abort();
    let _ = telling.await;
    std::rc::Rc::into_inner(cluster).unwrap().end().await;
}
