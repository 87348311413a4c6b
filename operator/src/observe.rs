//! What have the pods loaded? Each is told by a touch that there is something new, and asked over mutual TLS.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use fapi_config::Manifest;
use fapi_config::state::PodState;
use fapi_core::Lifetime;
use fapi_crds::names::{annotation, label};
use futures::StreamExt as _;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::{Patch, PatchParams};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::time_provider::TimeProvider;
use serde_json::json;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tracing::{debug, info};

use crate::build::FIELD_MANAGER;
use crate::clock::Clock;
use crate::context::{Context, Identity};
use crate::error::{Error, Trying as _};
use crate::material::{
    Certified, Material, Trust, internal_host, operator_certificate, operator_certificate_is_due,
};
use crate::names::Names;
use crate::rotate::{Acknowledgements, PodView};
use crate::validate::ObjectKey;

/// How long a pod may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// For so long the word of a pod that does not answer holds, in what people are told.
const LATELY: Lifetime = Lifetime::minutes(1);
/// How many pods are asked at a time.
const AT_A_TIME: usize = 16;
/// No state is longer.
const LONGEST_ANSWER: usize = 1 << 20;

/// Asks every pod of a Workspace. Without an authority of the internal port there is nothing to ask with, and nobody is asked.
pub async fn observe(
    cx: &Context,
    names: &Names,
    uid: &str,
    trust: Option<&Trust>,
    published: Option<&Manifest>,
) -> Result<Acknowledgements, Error> {
    let pods = pods(cx, names, uid);
    let identity = match trust {
        Some(trust) => Some(identity(cx, names, trust)?),
        None => None,
    };
    let server = internal_host(names);
    let serving = serving(cx, names);
    let views = futures::stream::iter(pods).map(|pod| {
        let (identity, server, serving) = (identity.as_ref(), &server, &serving);
        async move {
            let mut view = view(&pod, serving);
            let address = (cx.address)(&pod);
            if let (true, Some(identity), Some(address)) = (view.running, identity, address) {
                view.state = match tokio::time::timeout(PATIENCE, ask(address, server, identity)).await {
                    Ok(Ok(state)) => Some(state),
                    Ok(Err(error)) => {
                        debug!(pod = view.name, %error, "Pod {} does not answer", view.name);
                        None
                    }
                    Err(_) => {
                        debug!(pod = view.name, "Pod {} does not answer in time", view.name);
                        None
                    }
                };
            }
            view
        }
    });
    let mut pods: Vec<PodView> = views.buffered(AT_A_TIME).collect().await;
    if let Some(published) = published {
        pods.iter_mut().filter_map(|pod| pod.state.as_mut()).for_each(|state| disown(state, published));
    }
    remind(cx, names, &mut pods);
    Ok(Acknowledgements { revision: published.map_or(0, |manifest| manifest.revision), pods })
}

/// A revision of the same number and another content (a restored cluster) confirms nothing.
fn disown(state: &mut PodState, published: &Manifest) {
    let same_number = state.revision == Some(published.revision);
    if same_number && state.hash.as_deref() != Some(&published.hash) {
        state.revision = None;
    }
}

/// Touches the pods that have not said that they are there yet, which makes their kubelet look at the mounted Secrets now instead
/// of within 90 seconds. Only speed depends on it.
pub async fn nudge(
    cx: &Context,
    names: &Names,
    uid: &str,
    acks: &Acknowledgements,
    manifest: &Manifest,
    material: &Material,
) -> Result<(), Error> {
    let revision = manifest.revision.to_string();
    let certificates = material.internal_certificates();
    let mark = certificates.as_ref().map(|all| format!("{:.16}.{}", all.leaf, all.authorities.len()));
    let mark = mark.unwrap_or_default();
    let api: Api<Pod> = Api::namespaced(cx.client.clone(), &names.namespace);
    for pod in pods(cx, names, uid) {
        let name = pod.metadata.name.clone().unwrap_or_default();
        let told = |name: &str| pod.metadata.annotations.as_ref().and_then(|all| all.get(name));
        let state = acks.pods.iter().find(|view| view.name == name).and_then(|view| view.state.as_ref());
        let knows_revision = told(annotation::REVISION) == Some(&revision)
            || state.is_some_and(|state| state.revision == Some(manifest.revision));
        let knows_certificates = told(annotation::INTERNAL) == Some(&mark)
            || state.is_some_and(|state| state.internal.is_some() && state.internal == certificates);
        if (knows_revision && knows_certificates) || pod.metadata.deletion_timestamp.is_some() {
            continue;
        }
        cx.may_write()?;
        let touched = json!({annotation::REVISION: revision, annotation::INTERNAL: mark});
        let patch = json!({"metadata": {"annotations": touched}});
        let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        match api.patch(&name, &params, &Patch::Merge(&patch)).await.trying(|| format!("patch Pod {name}")) {
            Ok(_) => debug!(pod = name, revision, "Touched pod {name}"),
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn pods(cx: &Context, names: &Names, uid: &str) -> Vec<Arc<Pod>> {
    let mut pods = cx.stores.pods.filter(|pod| {
        let labels = pod.metadata.labels.as_ref();
        let uid_matches =
            labels.and_then(|labels| labels.get(label::WORKSPACE_UID)).is_some_and(|found| found == uid);
        let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
        uid_matches
            && pod.metadata.namespace.as_ref() == Some(&names.namespace)
            && !matches!(phase, Some("Succeeded" | "Failed"))
    });
    pods.sort_by(|one, other| one.metadata.name.cmp(&other.metadata.name));
    pods
}

fn view(pod: &Pod, serving: &[String]) -> PodView {
    let status = pod.status.as_ref();
    let ready =
        status.and_then(|status| status.conditions.as_ref()?.iter().find(|found| found.type_ == "Ready"));
    let name = pod.metadata.name.clone().unwrap_or_default();
    PodView {
        running: status.and_then(|status| status.phase.as_deref()) == Some("Running"),
        ready: ready.is_some_and(|condition| condition.status == "True"),
        terminating: pod.metadata.deletion_timestamp.is_some(),
        serving: serving.contains(&name),
        state: None,
        lately: None,
        name,
    }
}

/// Notes what each pod says, and reminds of what one that is silent said less than a minute ago.
fn remind(cx: &Context, names: &Names, pods: &mut [PodView]) {
    let now = cx.clock.seconds();
    let key = ObjectKey { namespace: names.namespace.clone(), name: names.workspace.to_string() };
    let mut memory = cx.memory();
    let before = memory.heard.remove(&key).unwrap_or_default();
    let mut heard = BTreeMap::new();
    for pod in pods {
        let said = match &pod.state {
            Some(state) => state.revision.map(|revision| (now, revision)),
            None => before.get(&pod.name).copied().filter(|(at, _)| now < *at + LATELY),
        };
        pod.lately = said.map(|(_, revision)| revision);
        heard.extend(said.map(|said| (pod.name.clone(), said)));
    }
    memory.heard.insert(key, heard);
}

/// Pods that get requests, by the word of the `EndpointSlices`.
fn serving(cx: &Context, names: &Names) -> Vec<String> {
    let ours = |object: &k8s_openapi::api::discovery::v1::EndpointSlice| {
        let of = object.metadata.labels.as_ref().and_then(|labels| labels.get("kubernetes.io/service-name"));
        object.metadata.namespace.as_ref() == Some(&names.namespace) && of == Some(&names.server())
    };
    let mut found = Vec::new();
    for slice in cx.stores.endpoint_slices.filter(ours) {
        for endpoint in &slice.endpoints {
            let serves = endpoint.conditions.as_ref().and_then(|conditions| conditions.serving) == Some(true);
            let name = endpoint.target_ref.as_ref().and_then(|target| target.name.clone());
            found.extend(name.filter(|_| serves));
        }
    }
    found
}

/// The operator's certificate for the pods of this Workspace: made once a process, and anew before it expires.
fn identity(cx: &Context, names: &Names, trust: &Trust) -> Result<Identity, Error> {
    let key = ObjectKey { namespace: names.namespace.clone(), name: names.workspace.to_string() };
    let now = cx.clock.seconds();
    let known = cx.memory().identities.get(&key).cloned();
    let usable = |known: &Identity| {
        known.authorities == trust.authorities && !operator_certificate_is_due(&known.certificate, now)
    };
    if let Some(known) = known.filter(usable) {
        return Ok(known);
    }
    let failed = |error: &dyn std::fmt::Display| {
        Error::Material(format!("certificate for the internal port: {error}"))
    };
    let certificate = operator_certificate(&trust.issuing, now).map_err(|error| failed(&error))?;
    let tls = client_config(&trust.authorities, &certificate, &cx.clock).map_err(|error| failed(&error))?;
    let identity = Identity { authorities: trust.authorities.clone(), certificate, tls: Arc::new(tls) };
    cx.memory().identities.insert(key, identity.clone());
    info!(workspace = %names.qualified(), "Made a certificate to ask the pods of {} with", names.qualified());
    Ok(identity)
}

fn client_config(
    authorities: &str,
    own: &Certified,
    clock: &Arc<dyn Clock>,
) -> anyhow::Result<rustls::ClientConfig> {
    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(authorities.as_bytes()) {
        roots.add(certificate?)?;
    }
    let chain = CertificateDer::pem_slice_iter(own.certificate.as_bytes()).collect::<Result<Vec<_>, _>>()?;
    let key = PrivateKeyDer::from_pem_slice(own.key.as_bytes())?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let time = Arc::new(Time(clock.clone()));
    let builder = rustls::ClientConfig::builder_with_details(provider, time);
    let builder = builder.with_protocol_versions(&[&rustls::version::TLS13])?;
    let mut config = builder.with_root_certificates(roots).with_client_auth_cert(chain, key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// Certificates are judged by the same clock as everything else.
#[derive(Clone)]
struct Time(Arc<dyn Clock>);

impl std::fmt::Debug for Time {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Time")
    }
}

impl TimeProvider for Time {
    fn current_time(&self) -> Option<UnixTime> {
        let seconds = u64::try_from(self.0.seconds().as_unix()).ok()?;
        Some(UnixTime::since_unix_epoch(Duration::from_secs(seconds)))
    }
}

async fn ask(address: SocketAddr, server: &str, identity: &Identity) -> anyhow::Result<PodState> {
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::try_from(server.to_owned())?;
    let stream = TlsConnector::from(identity.tls.clone()).connect(name, stream).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let request = hyper::Request::get("/internal/v1/state").header(http::header::HOST, server);
    let response = sender.send_request(request.body(Empty::<Bytes>::new())?).await?;
    let status = response.status();
    anyhow::ensure!(status.is_success(), "the answer is {status}");
    let body = Limited::new(response.into_body(), LONGEST_ANSWER).collect().await;
    connection.abort();
    let body = body.map_err(|error| anyhow::anyhow!("the answer cannot be read: {error}"))?.to_bytes();
    Ok(serde_json::from_slice(&body)?)
}
