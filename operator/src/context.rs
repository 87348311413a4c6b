//! What does a reconcile need besides the Workspace? The cluster, the time, the settings, and what was learned before.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::Client;
use zeroize::Zeroizing;

use crate::clock::Clock;
use crate::error::Error;
use crate::events::Events;
use crate::leader::Leadership;
use crate::material::Certified;
use crate::metrics::Metrics;
use crate::rotate::Floors;
use crate::validate::{FoundLogo, Guard, ObjectKey};
use crate::watch::{Scope, Stores, Switches};

/// Where the internal port of a pod is reached. Tests put stand-ins there.
pub type Address = Arc<dyn Fn(&Pod) -> Option<SocketAddr> + Send + Sync>;

/// What the operator is told when it starts.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Which namespaces are watched.
    pub scope: Scope,
    /// Which kinds that a cluster may lack are used.
    pub integrations: Switches,
    /// For the children.
    pub build: crate::build::Settings,
    /// For the keys.
    pub floors: Floors,
    /// Whether the chart's admission policies are installed.
    pub admission_policies: bool,
    /// When nothing has happened: look again, in case something was missed.
    pub resync: Duration,
    /// After so long a watch is asked anew; one that has died without a word is noticed a few seconds later.
    pub watch: Duration,
}

impl Settings {
    /// `resync`, in production.
    pub const RESYNC: Duration = Duration::from_mins(10);
    /// `watch`, in production: shorter than the patience of load balancers, some of which end what is idle for four minutes.
    pub const WATCH: Duration = Duration::from_secs(200);
}

/// Everything that reconciles share.
pub struct Context {
    /// The API server. Calls have a deadline.
    pub client: Client,
    /// What was seen of the cluster.
    pub stores: Stores,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// What the operator was told.
    pub settings: Settings,
    /// Whether anything may be written.
    pub leadership: Leadership,
    /// Where pods are reached.
    pub address: Address,
    /// For people who look on.
    pub events: Events,
    /// For machines that look on.
    pub metrics: Metrics,
    memory: Mutex<Memory>,
}

/// What saves work. Nothing in it is needed to be right: a new process begins with none.
#[derive(Default)]
pub(crate) struct Memory {
    /// Secrets that Clients refer to, as they were at a `resourceVersion`.
    pub(crate) client_secrets: HashMap<ObjectKey, Known>,
    /// Pictures that Clients refer to, as they were redrawn from a `ConfigMap` at a `resourceVersion`, by key.
    pub(crate) client_logos: HashMap<ObjectKey, KnownLogos>,
    /// The operator's certificate for the pods of a Workspace.
    pub(crate) identities: HashMap<ObjectKey, Identity>,
    /// How objects looked when they were as they should be.
    pub(crate) marks: HashMap<(&'static str, ObjectKey), Mark>,
    /// By uid: the version that was seen when a status was written, and that status.
    pub(crate) statuses: HashMap<String, (String, serde_json::Value)>,
    /// By Workspace: whether approvals are kept from others, as it was when it was tried.
    pub(crate) tried: HashMap<ObjectKey, Tried>,
    /// How often in a row a Workspace was seen on its way to a revision.
    pub(crate) polls: HashMap<ObjectKey, u32>,
    /// By Workspace and pod: when it answered last, and which revision it had loaded.
    pub(crate) heard: HashMap<ObjectKey, BTreeMap<String, (fapi_core::Timestamp, u64)>>,
}

/// Data of a Secret, wiped when dropped.
pub(crate) type Data = BTreeMap<String, Zeroizing<Vec<u8>>>;

#[derive(Clone)]
pub(crate) struct Known {
    pub(crate) resource_version: String,
    pub(crate) data: Arc<Data>,
}

#[derive(Default)]
pub(crate) struct KnownLogos {
    pub(crate) resource_version: String,
    pub(crate) by_key: BTreeMap<String, FoundLogo>,
}

#[derive(Clone)]
pub(crate) struct Identity {
    /// Those whose certificates pods may show, that which issued this one first.
    pub(crate) authorities: String,
    pub(crate) certificate: Certified,
    pub(crate) tls: Arc<rustls::ClientConfig>,
}

/// An answer of [`crate::guard`].
#[derive(Clone)]
pub(crate) struct Tried {
    pub(crate) guard: Guard,
    pub(crate) approvals: Vec<(ObjectKey, String)>,
    pub(crate) at: i64,
}

/// A version of an object in which every field of ours was as we wrote it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Mark {
    pub(crate) uid: Option<String>,
    pub(crate) version: String,
}

impl Context {
    /// With nothing learned yet.
    #[expect(clippy::too_many_arguments, reason = "one for each thing that tests replace")]
    pub fn new(
        client: Client,
        stores: Stores,
        clock: Arc<dyn Clock>,
        settings: Settings,
        leadership: Leadership,
        address: Address,
        events: Events,
        metrics: Metrics,
    ) -> Self {
        let memory = Mutex::default();
        Self { client, stores, clock, settings, leadership, address, events, metrics, memory }
    }

    pub(crate) fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Before every pass of writes: whether this process still leads.
    pub fn may_write(&self) -> Result<(), Error> {
        if self.leadership.is_valid() { Ok(()) } else { Err(Error::NotLeading) }
    }
}

/// The pod's own address and the internal port.
pub fn pod_address() -> Address {
    Arc::new(|pod| {
        let ip = pod.status.as_ref()?.pod_ip.as_ref()?.parse().ok()?;
        let port = u16::try_from(crate::build::port::INTERNAL).ok()?;
        Some(SocketAddr::new(ip, port))
    })
}
