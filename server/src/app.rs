//! What does everything share?

use std::collections::{BTreeSet, HashSet};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use fapi_config::state::Pending;
use fapi_config::{Document, Loaded, Logos, Manifest, SealKey, Users};
use fapi_core::Timestamp;
use fapi_core::client::Client;
use fapi_core::ids::Incarnation;
use fapi_core::logo::LogoId;
use fapi_core::registry::Registry;
use fapi_store::{Store, StoreError};
use tokio::sync::{Notify, watch};
use tokio::time::timeout;

use crate::clock::Clock;
use crate::egress::{ClientKeys, Egress};
use crate::guesses::Guesses;
use crate::keyring::Keyring;
use crate::random::Rng;
use crate::reload::Refused;
use crate::telemetry::Metrics;

/// How long one assertion may wait for newer keys of its client.
const PATIENCE: Duration = Duration::from_secs(4);

/// What every request and every task of one server shares. Cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Shared>);

struct Shared {
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
    metrics: Metrics,
    client_keys: ClientKeys,
    guesses: Guesses,
    started: Timestamp,
    instance: String,
    current: ArcSwapOption<Current>,
    pending: ArcSwapOption<Pending>,
    loads: watch::Sender<u64>,
    store: ArcSwapOption<Store>,
    store_closed: ArcSwapOption<StoreError>,
    buried: Mutex<BTreeSet<Incarnation>>,
    notices: Notify,
    explains_errors: AtomicBool,
}

/// One configuration, whole: what a request sees when it begins is what it sees until it ends.
#[derive(Debug)]
pub struct Current {
    /// Issuer, rules, clients, public keys.
    pub registry: Registry,
    /// Private keys, tried.
    pub keyring: Keyring,
    /// What the registry does not hold: sign-in, pages, tombstones.
    pub document: Document,
    /// Pictures of the clients that are served.
    pub logos: Logos,
    /// Which revision this is.
    pub manifest: Manifest,
    /// People with passwords.
    pub users: Option<Users>,
    /// Keys that seal cookies and forms; the first seals, all open.
    pub seal: Vec<SealKey>,
}

impl Current {
    /// Makes a configuration of a revision that has been read. Keys are parsed and tried: this takes milliseconds.
    ///
    /// # Errors
    /// What this version does not accept.
    pub fn new(loaded: Loaded, client_keys: &ClientKeys) -> Result<Self, Refused> {
        let mut registry = loaded.to_registry(fapi_schema::compile)?;
        registry.use_fetched_keys(|url| client_keys.at(url));
        let keyring = Keyring::load(&loaded, &registry.decryption)?;
        let Loaded { manifest, document, mut logos, secrets, users, .. } = loaded;
        let shown: HashSet<&LogoId> =
            registry.clients().filter(|client| client.enabled()).filter_map(|client| client.logo()).collect();
        logos.retain(|id, _| shown.contains(id));
        Ok(Self { registry, keyring, document, logos, manifest, users, seal: secrets.seal })
    }
}

impl App {
    /// A server without a configuration: it answers nothing until [`App::install`].
    pub fn new(clock: Arc<dyn Clock>, rng: Arc<dyn Rng>, metrics: Metrics, client_keys: ClientKeys) -> Self {
        let (started, instance) = (clock.now(), format!("{:032x}", u128::from_be_bytes(rng.bytes())));
        let guesses = Guesses::new(rng.bytes());
        Self(Arc::new(Shared {
            clock,
            rng,
            metrics,
            client_keys,
            guesses,
            started,
            instance,
            current: ArcSwapOption::empty(),
            pending: ArcSwapOption::empty(),
            loads: watch::Sender::new(0),
            store: ArcSwapOption::empty(),
            store_closed: ArcSwapOption::empty(),
            buried: Mutex::default(),
            notices: Notify::new(),
            explains_errors: AtomicBool::new(false),
        }))
    }

    /// Lets error pages show what otherwise only the log knows: for a laptop.
    pub fn explain_errors(&self) {
        self.0.explains_errors.store(true, Ordering::Relaxed);
    }

    /// Whether error pages explain.
    pub fn explains_errors(&self) -> bool {
        self.0.explains_errors.load(Ordering::Relaxed)
    }

    /// The clock.
    pub fn clock(&self) -> &dyn Clock {
        &*self.0.clock
    }

    /// The source of randomness.
    pub fn rng(&self) -> &dyn Rng {
        &*self.0.rng
    }

    /// What is counted.
    pub fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    /// Keys of clients that are fetched.
    pub fn client_keys(&self) -> &ClientKeys {
        &self.0.client_keys
    }

    /// The way out.
    pub fn egress(&self) -> &Egress {
        self.0.client_keys.egress()
    }

    /// Rung when clients are to be told that somebody signed out.
    pub(crate) fn notices(&self) -> &Notify {
        &self.0.notices
    }

    /// Wrong passwords of the last minutes.
    pub fn guesses(&self) -> &Guesses {
        &self.0.guesses
    }

    /// The configuration with newer keys of a client than `client` has, if it has them at a URL and there are any: looked
    /// for at once, but not for every assertion that somebody makes up (`KEY-08`).
    pub async fn with_newer_keys(&self, client: &Client) -> Option<Arc<Current>> {
        let url = client.auth().jwks_uri.as_deref()?;
        let mut loads = self.loads();
        if !self.0.client_keys.look_again(url, PATIENCE).await
            || self.0.client_keys.at(url).as_ref() == client.jwks()
        {
            return None;
        }
        timeout(PATIENCE, loads.changed()).await.ok()?.ok()?;
        self.current()
    }

    /// The configuration that a request begins with now. None before the first one has been loaded; then no request
    /// gets past the handshake.
    pub fn current(&self) -> Option<Arc<Current>> {
        self.0.current.load_full()
    }

    /// Puts a configuration in the place of the one before. Requests that have begun keep theirs.
    pub fn install(&self, current: Arc<Current>) {
        self.0.pending.store(None);
        self.renew(current);
    }

    /// As [`App::install`], with the same revision as before: what was refused since is still pending.
    pub(crate) fn renew(&self, current: Arc<Current>) {
        self.egress().follow(&current.document.egress);
        self.0.current.store(Some(current));
        self.0.loads.send_modify(|count| *count += 1);
    }

    /// Counts configurations as they are installed: for whoever waits for the next.
    pub fn loads(&self) -> watch::Receiver<u64> {
        self.0.loads.subscribe()
    }

    /// A configuration was found and refused. The one before goes on being served.
    pub fn refuse(&self, pending: Pending) {
        self.0.pending.store(Some(Arc::new(pending)));
    }

    /// What was found and refused, if nothing better has been loaded since.
    pub fn pending(&self) -> Option<Arc<Pending>> {
        self.0.pending.load_full()
    }

    /// The database; none until it has been opened, which needs the issuer.
    pub fn store(&self) -> Option<Store> {
        self.0.store.load().as_deref().cloned()
    }

    /// The database was opened.
    pub(crate) fn open_store(&self, store: Store) {
        self.0.store.store(Some(Arc::new(store)));
    }

    /// The database could not be opened, so far.
    pub(crate) fn store_closed(&self, why: StoreError) {
        self.0.store_closed.store(Some(Arc::new(why)));
    }

    /// Whether the database takes writes, found out by writing.
    ///
    /// # Errors
    /// Why it does not, as a sentence.
    pub async fn store_answers(&self) -> Result<(), String> {
        match self.store() {
            Some(store) => store.health().await.map_err(|why| why.to_string()),
            None => match self.0.store_closed.load_full() {
                Some(why) => Err(why.to_string()),
                None => Err("the database has not been opened yet".to_owned()),
            },
        }
    }

    /// Deleted clients of which nothing is left in the store, among those that the configuration still names.
    pub fn tombstones_done(&self) -> Vec<Incarnation> {
        self.buried().iter().cloned().collect()
    }

    pub(crate) fn buried(&self) -> std::sync::MutexGuard<'_, BTreeSet<Incarnation>> {
        self.0.buried.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When this server started.
    pub fn started(&self) -> Timestamp {
        self.0.started
    }

    /// A name for this run of the server: another one after a restart.
    pub fn instance(&self) -> &str {
        &self.0.instance
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let revision = self.current().map(|current| current.manifest.revision);
        f.debug_struct("App").field("revision", &revision).finish_non_exhaustive()
    }
}
