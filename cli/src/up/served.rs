//! One Workspace on this machine: judged, rotated and built by the operator's functions, served by the server's.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use fapi_config::{Files, Manifest, Users};
use fapi_core::Timestamp;
use fapi_core::ids::ClientId;
use fapi_core::issuer::{Doors, Issuer, Mtls};
use fapi_crds::{SigningKey, Workspace};
use fapi_operator::build::{Inputs, OwnPods, Settings, bundle};
use fapi_operator::material::{self, Material, SecretData, Wanted, complete};
use fapi_operator::names::Names;
use fapi_operator::rotate::{Acknowledgements, Change, PodView, key_set, lines, step};
use fapi_operator::validate::{Finding, Found, Publication, Verdict, validate};
use fapi_server::reload::WatchSource;
use fapi_server::routes;
use fapi_server::run::{Listeners, Running, Setup, serve};
use fapi_server::shutdown::Patience;
use k8s_openapi::api::core::v1::ResourceRequirements;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::bank;
use super::found::{FLOORS, Surroundings, identity_of};
use super::state::State;
use crate::dev::DevError;
use crate::dev::authority::Authority;
use crate::source::{Object, Problem, Source};

/// A key takes a few steps to become active; each is one round.
const ROUNDS: usize = 32;
/// How long the server may take to load a revision.
const LOADING: Duration = Duration::from_secs(30);

/// A Workspace that is served.
pub(super) struct Served {
    pub(super) name: String,
    pub(super) namespace: String,
    pub(super) issuer: Issuer,
    pub(super) doors: Doors,
    pub(super) running: Running,
    state: State,
    certificate: String,
    config: watch::Sender<Option<Files>>,
    _tls: watch::Sender<Option<Files>>,
}

/// Why a Workspace cannot be served.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unserved {
    /// The state directory.
    #[error(transparent)]
    State(#[from] DevError),
    /// The resource is refused; what is said stands in the report.
    #[error("Workspace {0} is not accepted")]
    Refused(String),
    /// The address.
    #[error("cannot listen at {address}: {error}")]
    Listen {
        /// Which.
        address: String,
        /// Why.
        error: std::io::Error,
    },
    /// The server did not load what was published.
    #[error("the server did not load the configuration: {0}")]
    NotLoaded(String),
}

/// What one look at the resources came to.
#[derive(Default)]
pub(super) struct Report {
    /// Resources that are not accepted, or refer to what is not there: one line each.
    pub(super) findings: Vec<String>,
    /// A new revision is served.
    pub(super) published: Option<u64>,
    /// The bank has opened or closed.
    pub(super) bank: Option<bank::Change>,
    /// Why the bank is not as the Workspace says.
    pub(super) bank_problem: Option<Problem>,
}

/// The issuer and doors of a spec.
pub(super) fn doors(workspace: &Object<Workspace>) -> Result<(Issuer, Doors), String> {
    let spec = &workspace.value.spec;
    let issuer = Issuer::parse(&spec.issuer).map_err(|why| format!("spec.issuer: {why}"))?;
    let mtls = match (&spec.mtls.host, spec.mtls.port) {
        (Some(host), _) => Mtls::Host(host.clone()),
        (None, Some(port)) => {
            Mtls::Port(u16::try_from(port).map_err(|_| "spec.mtls.port: write 1 to 65535".to_owned())?)
        }
        (None, None) => return Err("spec.mtls: write host or port".to_owned()),
    };
    let doors = Doors::new(&issuer, &mtls);
    Ok((issuer, doors))
}

impl Served {
    /// Listens on loopback at the ports of issuer and back door, and starts a server that has nothing to serve yet.
    pub(super) async fn start(
        workspace: &Object<Workspace>,
        state: State,
        authority: &Authority,
        issuer: Issuer,
        doors: Doors,
    ) -> Result<Self, Unserved> {
        let front = listen(doors.front.port).await?;
        let back =
            if doors.back.port == doors.front.port { None } else { Some(listen(doors.back.port).await?) };
        let mut hosts = vec![doors.front.host.clone(), doors.back.host.clone()];
        hosts.dedup();
        let shown = authority.issue(&hosts)?;
        let ((config, config_source), (tls, tls_source)) = (WatchSource::new(), WatchSource::new());
        let database = fapi_store::Config::sqlite(state.database());
        let mut setup = Setup::new(Box::new(config_source), Box::new(tls_source), database);
        // Whoever listens on this machine has a certificate of this authority, if any.
        setup.egress.authorities = Some(authority.certificate().as_bytes().to_vec());
        setup.patience = Patience { leaving: Duration::ZERO, draining: Duration::from_secs(5) };
        let listeners = Listeners { front, back, internal: None, metrics: None };
        let running = serve(setup, listeners, routes::all)
            .map_err(|error| Unserved::Listen { address: doors.front.to_string(), error })?;
        running.app().explain_errors();
        let files =
            [("tls.crt", shown.certificate.clone().into_bytes()), ("tls.key", shown.key.as_bytes().to_vec())];
        tls.send_replace(Some(files.into_iter().map(|(name, bytes)| (name.to_owned(), bytes)).collect()));
        Ok(Self {
            name: workspace.name.clone(),
            namespace: workspace.namespace.clone(),
            issuer,
            doors,
            running,
            state,
            certificate: shown.certificate,
            config,
            _tls: tls,
        })
    }

    /// Judges the resources, moves keys, publishes what changed, and waits until it is served: until nothing is left to do.
    pub(super) async fn converge(&self, source: &Source, now: Timestamp) -> Result<Report, Unserved> {
        let mut report = Report::default();
        let workspace =
            source.workspaces.iter().find(|it| it.name == self.name && it.namespace == self.namespace);
        let Some(workspace) = workspace else {
            report.findings.push(format!(
                "Workspace {}/{} is gone: it is served until fapictl ends",
                self.namespace, self.name
            ));
            return Ok(report);
        };
        for _ in 0..ROUNDS {
            let acks = self.acknowledgements();
            let found = self.found(source, workspace, &acks, now)?;
            let verdict = validate(&found);
            report.findings = findings(&verdict, &self.namespace, &self.name);
            let Some(publication) = verdict.publication.as_ref() else {
                return Err(Unserved::Refused(report.findings.join("\n       ")));
            };
            let moved = self.rotate(&found, &verdict, publication, &acks, now)?;
            let revision = self.publish(&found, &verdict, publication, now)?;
            if let Some(revision) = revision {
                self.loaded(revision).await?;
                report.published = Some(revision);
            }
            if !moved && revision.is_none() {
                break;
            }
        }
        Ok(report)
    }

    fn acknowledgements(&self) -> Acknowledgements {
        let state = self.running.state();
        Acknowledgements {
            revision: state.revision.unwrap_or(0),
            pods: vec![PodView::serving("laptop", state)],
        }
    }

    fn found(
        &self,
        source: &Source,
        workspace: &Object<Workspace>,
        acks: &Acknowledgements,
        now: Timestamp,
    ) -> Result<Found, Unserved> {
        let own: BTreeSet<_> = acks.tombstones_done(fapi_operator::rotate::Counting::Running);
        let mut surroundings = Surroundings {
            source,
            workspace,
            identities: &std::collections::BTreeMap::new(),
            previous: self.state.previous()?,
            tombstones_done: own,
            certificate: &self.certificate,
            with_keys: self.state.keys()?.into_iter().map(|key| key.facts.signing_key).collect(),
            floors: FLOORS,
            now,
        };
        let mut present = vec![identity_of("Workspace", &self.namespace, &self.name)];
        present.extend(surroundings.clients().map(|it| identity_of("Client", &it.namespace, &it.name)));
        present
            .extend(surroundings.signing_keys().map(|it| identity_of("SigningKey", &it.namespace, &it.name)));
        let identities = self.state.identities(&present, now)?;
        surroundings.identities = &identities;
        Ok(surroundings.found())
    }

    /// At most one step for each key line. Whether any was taken.
    fn rotate(
        &self,
        found: &Found,
        verdict: &Verdict,
        publication: &Publication,
        acks: &Acknowledgements,
        now: Timestamp,
    ) -> Result<bool, Unserved> {
        let keys = self.state.keys()?;
        let signing_keys = self.signing_keys(found, publication);
        let verdicts = self.verdicts(found, verdict, publication);
        let lines = lines(&signing_keys, &verdicts, &keys, &publication.rules, FLOORS);
        let published =
            found.previous.as_ref().map(|previous| previous.document.keys.clone()).unwrap_or_default();
        let transitions = step(&lines, acks, &published, now);
        for transition in &transitions {
            match &transition.change {
                Change::Generate(birth) => {
                    let line = signing_keys
                        .iter()
                        .find(|key| key.metadata.name.as_ref() == Some(&transition.signing_key));
                    let bits = line.and_then(|key| key.spec.rsa_bits);
                    let import = found.references.imports.get(&transition.signing_key);
                    self.state.born(birth, &transition.signing_key, bits, import, now)?;
                }
                Change::Write { facts, .. } => self.state.write(facts)?,
                Change::Forget { kid } => self.state.forget(kid)?,
            }
        }
        Ok(!transitions.is_empty())
    }

    /// The lines that people wrote, and those that are made for algorithms without one (`keys.autoCreate`).
    fn signing_keys(&self, found: &Found, publication: &Publication) -> Vec<SigningKey> {
        let own = publication.own_signing_keys.iter().filter_map(|alg| {
            serde_json::from_value(serde_json::json!({
                "apiVersion": fapi_crds::names::API_VERSION,
                "kind": "SigningKey",
                "metadata": { "name": publication.names.signing_key(*alg), "namespace": self.namespace, "uid": publication.workspace_uid },
                "spec": { "workspaceRef": { "name": self.name }, "algorithm": alg.as_str() },
            }))
            .ok()
        });
        found.signing_keys.iter().cloned().chain(own).collect()
    }

    fn verdicts(
        &self,
        found: &Found,
        verdict: &Verdict,
        publication: &Publication,
    ) -> Vec<fapi_operator::validate::SigningKeyVerdict> {
        if publication.own_signing_keys.is_empty() {
            return verdict.signing_keys.clone();
        }
        let with_own = Found { signing_keys: self.signing_keys(found, publication), ..found.clone() };
        validate(&with_own).signing_keys
    }

    /// Serves what is judged now, if it differs from what is served. The revision that has to be loaded.
    fn publish(
        &self,
        found: &Found,
        verdict: &Verdict,
        publication: &Publication,
        now: Timestamp,
    ) -> Result<Option<u64>, Unserved> {
        let keys = self.state.keys()?;
        let signing_keys = self.signing_keys(found, publication);
        let verdicts = self.verdicts(found, verdict, publication);
        let lines = lines(&signing_keys, &verdicts, &keys, &publication.rules, FLOORS);
        let keys = key_set(&lines, &keys, now);
        let material = self.material(&found.workspace, &publication.names, now)?;
        let settings = Settings {
            image: String::new(),
            version: String::new(),
            resources: ResourceRequirements::default(),
            operator: OwnPods::default(),
        };
        let previous = found.previous.as_ref().map(|previous| &previous.manifest);
        let inputs = Inputs {
            spec: &found.workspace.spec,
            publication,
            keys: &keys,
            material: &material,
            previous,
            seen_revision: self.running.state().revision.unwrap_or(0),
            optional: found.optional,
            settings: &settings,
        };
        let rendered = bundle(&inputs).render();
        let manifest: Manifest = rendered.manifest_after(previous);
        let loaded = self.running.state();
        if loaded.revision == Some(manifest.revision)
            && loaded.hash.as_deref() == Some(manifest.hash.as_str())
        {
            return Ok(None);
        }
        let files = rendered.with(&manifest);
        self.state.published(&files, &publication.ledger)?;
        self.config.send_replace(Some(files));
        Ok(Some(manifest.revision))
    }

    /// Sealing keys rotate as in a cluster, and the salt is kept. Certificates are the development CA's, so none are made here.
    fn material(&self, workspace: &Workspace, names: &Names, now: Timestamp) -> Result<Material, Unserved> {
        let mut spec = workspace.spec.clone();
        spec.tls.self_signed = None;
        spec.mtls.tls = None;
        let wanted = Wanted::new(names, &spec, self.issuer.host());
        let mut there = SecretData::new();
        for name in wanted.secrets() {
            if let Some(data) = self.state.secret(&name)? {
                there.insert(name, data);
            }
        }
        let around =
            material::Surroundings { acks: self.acknowledgements(), ..material::Surroundings::quiet(now) };
        let material =
            complete(&there, &wanted, &around).map_err(|error| DevError::Made(error.to_string()))?;
        for (name, data) in [(names.seal(), material.seal_data()), (names.subject(), material.subject_data())]
        {
            if there.get(&name) != Some(&data) {
                self.state.keep_secret(&name, &data)?;
            }
        }
        Ok(material)
    }

    async fn loaded(&self, revision: u64) -> Result<(), Unserved> {
        let mut loads = self.running.app().loads();
        let reached = async {
            while self.running.state().revision != Some(revision) {
                if loads.changed().await.is_err() {
                    break;
                }
            }
        };
        if tokio::time::timeout(LOADING, reached).await.is_err() {
            let why = self.running.state().pending.map(|pending| pending.error).unwrap_or_default();
            return Err(Unserved::NotLoaded(why));
        }
        Ok(())
    }

    /// The people who can sign in now.
    pub(super) fn users(&self) -> Users {
        self.running.app().current().and_then(|current| current.users.clone()).unwrap_or_default()
    }

    /// Whether a client of this id can do anything here now.
    pub(super) fn knows(&self, client_id: &str) -> bool {
        let (current, id) = (self.running.app().current(), ClientId::parse(client_id));
        current.zip(id.ok()).is_some_and(|(current, id)| current.registry.client(&id).is_some())
    }

    /// Where connections to its doors go, as `--connect` takes it.
    pub(super) fn connects(&self) -> [String; 2] {
        let back = self.running.back.unwrap_or(self.running.front);
        [format!("{}:{}", self.doors.front, self.running.front), format!("{}:{back}", self.doors.back)]
    }

    /// Where the database is.
    pub(super) fn database(&self) -> PathBuf {
        self.state.database()
    }
}

async fn listen(port: u16) -> Result<TcpListener, Unserved> {
    let address = format!("127.0.0.1:{port}");
    TcpListener::bind(&address).await.map_err(|error| Unserved::Listen { address, error })
}

/// What is not as its author wished, a line each.
fn findings(verdict: &Verdict, namespace: &str, name: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut say = |object: String, condition: &str, finding: &Finding| {
        if !finding.is_true() {
            lines.push(format!(
                "{object}: {condition}={:?} {}: {}",
                finding.status, finding.reason, finding.message
            ));
        }
    };
    let workspace = format!("Workspace {namespace}/{name}");
    say(workspace.clone(), "Accepted", &verdict.workspace.accepted);
    say(workspace, "ResolvedRefs", &verdict.workspace.resolved_refs);
    for client in &verdict.clients {
        say(format!("Client {}", client.key), "Accepted", &client.accepted);
        say(format!("Client {}", client.key), "ResolvedRefs", &client.resolved_refs);
    }
    for key in &verdict.signing_keys {
        say(format!("SigningKey {namespace}/{}", key.name), "Accepted", &key.accepted);
    }
    lines
}
