//! Nodes without machines: Pods that the real deployment controller makes begin to run, and answer on the internal port what a server
//! with their mounted Secrets would answer.

use std::collections::{BTreeMap, HashMap};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fapi_config::state::{InternalCertificates, Pending, PodState, fingerprint};
use fapi_config::{Bundle, Files, KeyState, Loaded, Manifest, file};
use fapi_operator::clock::Clock as _;
use fapi_operator::context::Address;
use http::{Response, StatusCode};
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use k8s_openapi::api::core::v1::{Pod, Secret};
use kube::api::{ListParams, Patch, PatchParams};
use kube::{Api, Client};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::clock::Shifted;

type Addresses = Arc<Mutex<HashMap<String, SocketAddr>>>;

/// Runs the Pods of a namespace until it is dropped.
pub(crate) struct Kubelet {
    addresses: Addresses,
    frozen: Arc<AtomicBool>,
    version: Arc<Mutex<Version>>,
    asked: Asked,
    task: JoinHandle<()>,
}

/// What the servers in the pods are.
#[derive(Clone)]
struct Version {
    formats: Vec<u32>,
    /// A member of the document that they do not know, and that is in it.
    unknown: Option<&'static str>,
}

impl Version {
    /// What is mounted, as somebody reads it who does not know a member.
    fn see(&self, mounted: Files) -> Files {
        let (Some(member), Some(document)) = (self.unknown, mounted.get(file::WORKSPACE)) else {
            return mounted;
        };
        let mut document: Value = serde_json::from_slice(document).unwrap();
        document[member] = "from tomorrow".into();
        let mut files = mounted.clone();
        files.insert(file::WORKSPACE, document.to_string().into_bytes());
        let manifest: Manifest = serde_json::from_slice(mounted.get(file::MANIFEST).unwrap()).unwrap();
        let hash = fapi_jose::sha256(files.get(file::WORKSPACE).unwrap());
        let hex: Vec<String> = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        let mut hashes = manifest.files;
        hashes.insert(file::WORKSPACE.to_owned(), hex.concat());
        let Manifest { format, workspace, workspace_uid, revision, .. } = manifest;
        let manifest = Manifest::new(format, &workspace, &workspace_uid, revision, hashes);
        files.insert(file::MANIFEST, manifest.to_bytes());
        files
    }
}

/// How often each pod has told the operator what it has loaded.
type Asked = Arc<Mutex<BTreeMap<String, u32>>>;

impl Drop for Kubelet {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Kubelet {
    pub(crate) fn start(client: Client, namespace: &str, clock: Arc<Shifted>) -> Self {
        let addresses = Addresses::default();
        let frozen = Arc::new(AtomicBool::new(false));
        let version = Arc::new(Mutex::new(Version { formats: vec![1], unknown: None }));
        let asked = Asked::default();
        let node = Node {
            pods: Api::namespaced(client.clone(), namespace),
            secrets: Api::namespaced(client, namespace),
            addresses: addresses.clone(),
            frozen: frozen.clone(),
            version: version.clone(),
            asked: asked.clone(),
            clock,
            running: HashMap::new(),
        };
        Self { addresses, frozen, version, asked, task: tokio::spawn(node.run()) }
    }

    /// Where the operator finds the pods.
    pub(crate) fn address(&self) -> Address {
        let addresses = self.addresses.clone();
        Arc::new(move |pod| addresses.lock().unwrap().get(pod.metadata.uid.as_ref()?).copied())
    }

    /// The addresses of all pods, for an operator in another process.
    pub(crate) fn addresses(&self) -> HashMap<String, SocketAddr> {
        self.addresses.lock().unwrap().clone()
    }

    /// How often each pod has told the operator what it has loaded.
    pub(crate) fn asked(&self) -> BTreeMap<String, u32> {
        self.asked.lock().unwrap().clone()
    }

    /// From now on the Pods whose names sort last do not look at what is mounted any more (all but the first), or they do again.
    pub(crate) fn freeze(&self, frozen: bool) {
        self.frozen.store(frozen, Ordering::SeqCst);
    }

    /// From now on the servers are of a version that reads these formats.
    pub(crate) fn reads(&self, formats: &[u32]) {
        self.version.lock().unwrap().formats = formats.to_vec();
    }

    /// From now on the document has a member that the servers do not know, or it has not.
    pub(crate) fn meets(&self, unknown: Option<&'static str>) {
        self.version.lock().unwrap().unknown = unknown;
    }
}

struct Node {
    pods: Api<Pod>,
    secrets: Api<Secret>,
    addresses: Addresses,
    frozen: Arc<AtomicBool>,
    version: Arc<Mutex<Version>>,
    asked: Asked,
    clock: Arc<Shifted>,
    running: HashMap<String, Running>,
}

struct Running {
    name: String,
    touched: Touched,
    server: Arc<Mutex<Server>>,
    ready: bool,
    task: JoinHandle<()>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The annotations by which the operator tells a kubelet to look.
type Touched = [Option<String>; 2];

fn touched(pod: &Pod) -> Touched {
    let told = |name: &str| pod.metadata.annotations.as_ref().and_then(|all| all.get(name)).cloned();
    ["fapi.rs/revision", "fapi.rs/internal"].map(told)
}

/// What a pod has loaded.
struct Server {
    loaded: Option<Loaded>,
    pending: Option<Pending>,
    internal: Internal,
}

/// What it shows at the internal port, to connections that begin now.
struct Internal {
    acceptor: TlsAcceptor,
    certificates: InternalCertificates,
}

impl Server {
    /// Keeps the last good revision, as a server does.
    fn reload(&mut self, mounted: &Files) -> bool {
        match Bundle::read(mounted) {
            Ok(loaded) => (self.loaded, self.pending) = (Some(loaded), None),
            Err(error) => self.pending = Some(Pending { revision: None, error: error.to_string() }),
        }
        self.pending.is_none()
    }

    fn is_ready(&self) -> bool {
        let keys = self.loaded.iter().flat_map(|loaded| &loaded.document.keys);
        keys.into_iter().any(|key| key.state == KeyState::Active)
    }
}

impl Node {
    async fn run(mut self) {
        loop {
            if let Ok(pods) = self.pods.list(&ListParams::default().labels("fapi.rs/workspace")).await {
                let mut pods = pods.items;
                pods.sort_by(|one, other| one.metadata.name.cmp(&other.metadata.name));
                let uids: Vec<String> = pods.iter().filter_map(|pod| pod.metadata.uid.clone()).collect();
                self.running.retain(|uid, _| uids.contains(uid));
                for (index, pod) in pods.iter().enumerate() {
                    self.tend(pod, index).await;
                }
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Starts a pod, or lets it look at what is mounted when it is touched, as kubelet does.
    async fn tend(&mut self, pod: &Pod, index: usize) {
        let uid = pod.metadata.uid.clone().unwrap();
        let touched = touched(pod);
        if !self.running.contains_key(&uid) {
            let Some(running) = self.start(pod, touched.clone()).await else { return };
            self.running.insert(uid.clone(), running);
        }
        let frozen = self.frozen.load(Ordering::SeqCst) && index > 0;
        let running = &self.running[&uid];
        let is_new = running.server.lock().unwrap().loaded.is_none();
        let looks = (is_new || running.touched != touched) && !frozen;
        let mounted = if looks { self.mounted(pod).await } else { Files::default() };
        let mounted = if looks { self.version.lock().unwrap().see(mounted) } else { mounted };
        let running = self.running.get_mut(&uid).unwrap();
        if looks {
            // A mix of two revisions is met between two writes: kubelet would come again.
            let whole = running.server.lock().unwrap().reload(&mounted);
            let internal = internal(&self.secrets, pod, &self.clock).await;
            let mut server = running.server.lock().unwrap();
            if let Some(internal) = internal {
                server.internal = internal;
            }
            running.touched = if whole { touched } else { Touched::default() };
        }
        let ready = running.server.lock().unwrap().is_ready();
        if ready != running.ready {
            running.ready = ready;
            let name = running.name.clone();
            self.report(&name, ready).await;
        }
    }

    async fn start(&self, pod: &Pod, touched: Touched) -> Option<Running> {
        let name = pod.metadata.name.clone()?;
        let internal = internal(&self.secrets, pod, &self.clock).await?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        self.addresses.lock().unwrap().insert(pod.metadata.uid.clone()?, listener.local_addr().unwrap());
        let server = Arc::new(Mutex::new(Server { loaded: None, pending: None, internal }));
        let (version, asked, clock) = (self.version.clone(), self.asked.clone(), self.clock.clone());
        let task = tokio::spawn(serve(listener, server.clone(), version, asked, name.clone(), clock));
        self.report(&name, false).await;
        Some(Running { name, touched, server, ready: false, task })
    }

    /// The projected volume: every file of every source that is there.
    async fn mounted(&self, pod: &Pod) -> Files {
        let volumes = pod.spec.as_ref().unwrap().volumes.as_ref().unwrap();
        let config = volumes.iter().find(|volume| volume.name == "config").unwrap();
        let mut secrets: BTreeMap<String, Option<Secret>> = BTreeMap::new();
        let mut files = Files::default();
        for source in config.projected.as_ref().unwrap().sources.as_ref().unwrap() {
            let projection = source.secret.as_ref().unwrap();
            if !secrets.contains_key(&projection.name) {
                secrets.insert(
                    projection.name.clone(),
                    self.secrets.get_opt(&projection.name).await.ok().flatten(),
                );
            }
            let data = secrets[&projection.name].as_ref().and_then(|secret| secret.data.as_ref());
            for item in projection.items.as_ref().unwrap() {
                if let Some(bytes) = data.and_then(|data| data.get(&item.key)) {
                    files.insert(item.path.clone(), bytes.0.clone());
                }
            }
        }
        files
    }

    async fn report(&self, name: &str, ready: bool) {
        let ready = if ready { "True" } else { "False" };
        let condition = |type_: &str, status: &str| json!({"type": type_, "status": status});
        let status = json!({"status": {
            "phase": "Running",
            // Where nobody is: an EndpointSlice takes no loopback address, and the operator is told another way.
            "podIP": "192.0.2.1",
            "podIPs": [{"ip": "192.0.2.1"}],
            "conditions": [condition("Ready", ready), condition("ContainersReady", ready), condition("Initialized", "True")],
        }});
        let _ = self.pods.patch_status(name, &PatchParams::default(), &Patch::Merge(&status)).await;
    }
}

/// What a pod has mounted for the internal port.
async fn internal(secrets: &Api<Secret>, pod: &Pod, clock: &Arc<Shifted>) -> Option<Internal> {
    let workspace = pod.metadata.labels.as_ref()?.get("fapi.rs/workspace")?;
    let tls = secrets.get_opt(&format!("{workspace}-internal-tls")).await.ok()??.data?;
    let text = |key: &str| {
        tls.get(key).map_or_else(String::new, |bytes| String::from_utf8(bytes.0.clone()).unwrap())
    };
    let fingerprints = |pem: String| -> Vec<String> {
        CertificateDer::pem_slice_iter(pem.as_bytes()).map(|der| fingerprint(&der.unwrap())).collect()
    };
    let (leaf, authorities) =
        (fingerprints(text("tls.crt")).into_iter().next()?, fingerprints(text("ca.crt")));
    Some(Internal {
        acceptor: acceptor(&text("tls.crt"), &text("tls.key"), &text("ca.crt"), clock.clone()),
        certificates: InternalCertificates { leaf, authorities },
    })
}

fn acceptor(certificate: &str, key: &str, authority: &str, clock: Arc<Shifted>) -> TlsAcceptor {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(authority.as_bytes()) {
        roots.add(certificate.unwrap()).unwrap();
    }
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build().unwrap();
    let chain = CertificateDer::pem_slice_iter(certificate.as_bytes()).map(Result::unwrap).collect();
    let config = rustls::ServerConfig::builder_with_details(provider, clock)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap())
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

async fn serve(
    listener: TcpListener,
    server: Arc<Mutex<Server>>,
    version: Arc<Mutex<Version>>,
    asked: Asked,
    name: String,
    clock: Arc<Shifted>,
) {
    while let Ok((stream, _)) = listener.accept().await {
        let (server, version, asked, name) = (server.clone(), version.clone(), asked.clone(), name.clone());
        let (acceptor, clock) = (server.lock().unwrap().internal.acceptor.clone(), clock.clone());
        tokio::spawn(async move {
            let Ok(stream) = acceptor.accept(stream).await else { return };
            // As the server does: the authority issues the pods' own certificates too.
            let peer = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first()).cloned();
            let is_operator = peer.is_some_and(|peer| names_the_operator(&peer));
            let answer = service_fn(move |request: http::Request<_>| {
                let known = request.uri().path() == "/internal/v1/state" && is_operator;
                let body = if known {
                    *asked.lock().unwrap().entry(name.clone()).or_default() += 1;
                    let formats = version.lock().unwrap().formats.clone();
                    serde_json::to_vec(&state(&server.lock().unwrap(), &name, formats, &clock)).unwrap()
                } else {
                    Vec::new()
                };
                let mut response = Response::new(Full::new(Bytes::from(body)));
                *response.status_mut() = if known { StatusCode::OK } else { StatusCode::FORBIDDEN };
                async move { Ok::<_, std::convert::Infallible>(response) }
            });
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), answer)
                .await;
        });
    }
}

fn names_the_operator(certificate: &CertificateDer<'_>) -> bool {
    use x509_parser::extensions::GeneralName;
    let (_, certificate) = x509_parser::parse_x509_certificate(certificate).unwrap();
    let names =
        certificate.subject_alternative_name().unwrap().map(|names| names.value.general_names.clone());
    names.is_some_and(|names| names.contains(&GeneralName::URI("spiffe://fapi.rs/operator")))
}

fn state(server: &Server, name: &str, formats: Vec<u32>, clock: &Shifted) -> PodState {
    let loaded = server.loaded.as_ref();
    let kids = |states: &[KeyState]| -> Vec<String> {
        let keys = loaded.iter().flat_map(|loaded| &loaded.document.keys);
        keys.filter(|key| states.contains(&key.state)).map(|key| key.kid.clone()).collect()
    };
    PodState {
        instance: name.to_owned(),
        version: "0.0.0-test".to_owned(),
        formats,
        revision: loaded.map(|loaded| loaded.manifest.revision),
        hash: loaded.map(|loaded| loaded.manifest.hash.clone()),
        pending: server.pending.clone(),
        published_kids: kids(&[KeyState::Published, KeyState::Active, KeyState::Retiring]),
        signable_kids: loaded
            .map(|loaded| loaded.secrets.keys.iter().map(|key| key.kid.clone()).collect())
            .unwrap_or_default(),
        active_kids: kids(&[KeyState::Active]),
        seal_keys: loaded
            .map(|loaded| loaded.secrets.seal.iter().map(|key| key.id.clone()).collect())
            .unwrap_or_default(),
        internal: Some(server.internal.certificates.clone()),
        clients: loaded.map_or(0, |loaded| loaded.clients.len() as u64),
        tombstones_done: loaded
            .map(|loaded| {
                loaded.document.tombstones.iter().map(|tombstone| tombstone.incarnation.clone()).collect()
            })
            .unwrap_or_default(),
        started_at: jiff::Timestamp::UNIX_EPOCH,
        now: clock.now(),
    }
}
