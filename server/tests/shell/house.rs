//! A server with two doors, and a few routes that show what reaches them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::Extension;
use axum::routing::{get, post};
use fapi_config::{
    Bundle, Document, Files, KeyAlgorithm, KeyState, LoginType, PrivateKey, PublicKey, SealKey, SecretKey32,
    Secrets, StorageType,
};
use fapi_core::Timestamp;
use fapi_core::issuer::{Issuer, Mtls};
use fapi_core::profile::ProfileName;
use fapi_jose::{Alg, SigningKey};
use fapi_server::app::App;
use fapi_server::clock::TestClock;
use fapi_server::egress::{Freshness, Policy};
use fapi_server::listen::{Limits, Peer, RequestId, Routers};
use fapi_server::random::SeededRng;
use fapi_server::reload::WatchSource;
use fapi_server::run::{Listeners, Running, Setup, serve};
use fapi_server::shutdown::Patience;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};

use crate::pki::{Authority, Identity};

/// The front door's host; also the back door's, where ports tell them apart.
pub(crate) const FRONT: &str = "auth.example";
/// The back door's host, where names tell them apart.
pub(crate) const BACK: &str = "mtls.auth.example";
/// Who the operator is.
pub(crate) const OPERATOR: &str = "spiffe://fapi.rs/operator";
/// When all of this happens.
const NOON: Timestamp = Timestamp::from_unix(1_800_000_000);

/// A running server.
pub(crate) struct House {
    pub(crate) running: Running,
    pub(crate) front: SocketAddr,
    pub(crate) back: SocketAddr,
    /// Who issued the certificate of the doors.
    pub(crate) authority: Authority,
    /// Who issues certificates for the internal port.
    pub(crate) internal_authority: Authority,
    pub(crate) bundle: Bundle,
    pub(crate) desk: Arc<Behind>,
    config: watch::Sender<Option<Files>>,
    tls: watch::Sender<Option<Files>>,
    internal_tls: watch::Sender<Option<Files>>,
    revision: u64,
    _folder: TempDir,
}

/// What the routes share with the test.
#[derive(Default)]
pub(crate) struct Behind {
    /// Forms that arrived.
    pub(crate) forms: AtomicUsize,
    /// `/slow` has begun.
    pub(crate) begun: Notify,
    /// Lets `/slow` go on.
    pub(crate) go_on: Notify,
    /// `/slow` has ended.
    pub(crate) ended: Notify,
}

impl House {
    /// Both doors on one port, told apart by name.
    pub(crate) async fn open() -> Self {
        Self::limited(Limits::default()).await
    }

    /// As [`House::open`], with other limits.
    pub(crate) async fn limited(limits: Limits) -> Self {
        let house = Self::built(Mtls::Host(BACK.into()), limits).await;
        house.start().await;
        house
    }

    /// Each door on its own port.
    pub(crate) async fn with_ports() -> Self {
        let house = Self::built(Mtls::Port(8444), Limits::default()).await;
        house.start().await;
        house
    }

    /// A server that has been given nothing yet.
    pub(crate) async fn built(mtls: Mtls, limits: Limits) -> Self {
        Self::outgoing(mtls, limits, Policy::default(), Freshness::default()).await
    }

    /// As [`House::built`], with somewhere to go.
    pub(crate) async fn outgoing(mtls: Mtls, limits: Limits, egress: Policy, freshness: Freshness) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ((config, config_source), (tls, tls_source), (internal_tls, internal_source)) =
            (WatchSource::new(), WatchSource::new(), WatchSource::new());
        let database = fapi_store::Config::sqlite(folder.path().join("store.db"));
        let mut setup = Setup::new(Box::new(config_source), Box::new(tls_source), database);
        setup.internal_tls = Some(Box::new(internal_source));
        setup.clock = Arc::new(TestClock::at(NOON));
        setup.rng = Arc::new(SeededRng::new(1));
        setup.limits = limits;
        setup.egress = egress;
        setup.freshness = freshness;
        setup.patience = Patience { leaving: Duration::ZERO, draining: Duration::from_mins(1) };

        let desk = Arc::new(Behind::default());
        let listeners = Listeners {
            front: listener().await,
            back: Some(listener().await),
            internal: Some(listener().await),
            metrics: Some(listener().await),
        };
        let routers = Routers { front: routes("front", &desk), back: routes("back", &desk) };
        let running = serve(setup, listeners, |_: &App| routers).unwrap();
        Self {
            front: running.front,
            back: running.back.unwrap(),
            running,
            authority: Authority::new("Test CA"),
            internal_authority: Authority::new("Internal CA"),
            bundle: bundle(mtls),
            desk,
            config,
            tls,
            internal_tls,
            revision: 0,
            _folder: folder,
        }
    }

    /// Gives it everything, and returns once it answers.
    pub(crate) async fn start(&self) {
        self.show(&self.authority.server(&[FRONT, BACK]));
        self.internal_tls.send_replace(Some(internal_files(&self.internal_authority)));
        self.deliver(self.bundle.files(1));
        self.running.ready().await;
    }

    /// Delivers what `edit` makes of the last revision as the next one.
    pub(crate) fn publish(&mut self, edit: impl FnOnce(&mut Bundle)) -> u64 {
        edit(&mut self.bundle);
        self.revision = self.revision.max(1) + 1;
        self.deliver(self.bundle.files(self.revision));
        self.revision
    }

    /// Delivers these files, whatever they are.
    pub(crate) fn deliver(&self, files: Files) {
        self.config.send_replace(Some(files));
    }

    /// Delivers a certificate for both doors.
    pub(crate) fn show(&self, identity: &Identity) {
        self.tls.send_replace(Some(tls_files(identity)));
    }

    /// Delivers what is shown at the internal port, and whose callers are let in there.
    pub(crate) fn show_internally(&self, issuer: &Authority, trusted: &[&Authority]) {
        let mut files = internal_files(issuer);
        let authorities: String = trusted.iter().map(|authority| authority.pem.as_str()).collect();
        files.insert("ca.crt", authorities.into_bytes());
        self.internal_tls.send_replace(Some(files));
    }

    pub(crate) fn forms(&self) -> usize {
        self.desk.forms.load(Ordering::SeqCst)
    }

    pub(crate) fn metrics(&self) -> String {
        self.running.app().metrics().encode()
    }

    pub(crate) fn metric(&self, line: &str) -> bool {
        self.metrics().lines().any(|one| one == line)
    }

    /// Returns once a line stands in the metrics.
    pub(crate) async fn until_metric(&self, line: &str) {
        until(|| self.metric(line)).await;
    }
}

/// Returns once something is so. A test that waits for what never comes is ended by its runner.
pub(crate) async fn until(mut condition: impl FnMut() -> bool) {
    while !condition() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

pub(crate) fn tls_files(identity: &Identity) -> Files {
    let files = [("tls.crt", &identity.chain), ("tls.key", &identity.key)];
    files.into_iter().map(|(name, text)| (name.to_owned(), text.clone().into_bytes())).collect()
}

pub(crate) fn internal_files(authority: &Authority) -> Files {
    let mut files = tls_files(&authority.server(&["pod.internal"]));
    files.insert("ca.crt", authority.pem.clone().into_bytes());
    files
}

async fn listener() -> TcpListener {
    TcpListener::bind(("127.0.0.1", 0)).await.unwrap()
}

/// A key and its state, in the document and in the key file.
pub(crate) fn add_key(bundle: &mut Bundle, key: &SigningKey, state: KeyState) {
    let jwk = key.public().clone();
    let alg = KeyAlgorithm::Signature(key.alg());
    bundle.document.keys.push(PublicKey { kid: key.kid().to_owned(), alg, state, jwk });
    bundle.secrets.keys.push(PrivateKey::new(key.kid(), state, &key.to_private_jwk()).unwrap());
}

pub(crate) fn bundle(mtls: Mtls) -> Bundle {
    let issuer = Issuer::parse("https://auth.example").unwrap();
    let mut bundle = Bundle {
        workspace: "auth/test".into(),
        workspace_uid: "0c2d9e6a".into(),
        document: Document::new(
            issuer,
            mtls,
            ProfileName::FAPI2Security,
            LoginType::Users,
            StorageType::SQLite,
        ),
        clients: Vec::new(),
        client_shards: 1,
        logos: fapi_config::Logos::new(),
        secrets: Secrets {
            keys: Vec::new(),
            seal: vec![SealKey { id: "1".into(), key: SecretKey32::from_bytes([1; 32]) }],
            subject_salt: SecretKey32::from_bytes([2; 32]),
        },
        users: Some(b"{}".to_vec().into()),
        client_ca: None,
        crl: None,
    };
    add_key(&mut bundle, &SigningKey::generate(Alg::Es256, 2048).unwrap(), KeyState::Active);
    bundle
}

fn routes(door: &'static str, behind: &Arc<Behind>) -> Router {
    let (forms, slow) = (Arc::clone(behind), Arc::clone(behind));
    Router::new()
        .route("/hello", get(async move || door))
        .route("/peer", get(peer))
        .route(
            "/form",
            post(async move |body: Bytes| {
                forms.forms.fetch_add(1, Ordering::SeqCst);
                body.len().to_string()
            }),
        )
        .route(
            "/slow",
            get(async move || {
                slow.begun.notify_one();
                slow.go_on.notified().await;
                slow.ended.notify_one();
                "done"
            }),
        )
        .route("/panic", get(panicking))
        .route("/forever", get(std::future::pending::<()>))
}

async fn peer(Extension(peer): Extension<Peer>, Extension(id): Extension<RequestId>) -> String {
    let certificate = peer.certificate().map_or("none", |one| one.thumbprint());
    let (version, suite) = (peer.tls_version(), peer.cipher_suite());
    format!("{} {certificate} {version} {suite} {}", peer.door(), id.as_str())
}

async fn panicking() -> &'static str {
    assert!(Duration::ZERO > Duration::from_secs(1), "a defect, with a secret in its message");
    "unreachable"
}
