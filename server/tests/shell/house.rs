//! A server with two doors and a few routes that show what reaches them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::Extension;
use axum::routing::{get, post};
use fapi_core::Timestamp;
use fapi_core::issuer::{Doors, Issuer, Mtls};
use fapi_core::profile::{Overrides, ProfileName, narrow};
use fapi_core::registry::{Registry, RegistryParts, SubjectSalt};
use fapi_server::app::{App, Current};
use fapi_server::clock::{Clock, SystemClock};
use fapi_server::keyring::Keyring;
use fapi_server::listen::{Limits, Peer, Port, Reception, RequestId, Routers};
use fapi_server::random::SeededRng;
use fapi_server::shutdown::{Phase, Signal, Switch};
use fapi_server::telemetry::Metrics;
use fapi_server::tls::{Certificate, CertificateSlot, DoorTls, provider};
use tokio::net::TcpListener;
use tokio::sync::Notify;

use crate::pki::{Authority, Identity};

/// The front door's host; also the back door's, where ports tell them apart.
pub(crate) const FRONT: &str = "auth.example";
/// The back door's host, where names tell them apart.
pub(crate) const BACK: &str = "mtls.auth.example";

/// A running server.
pub(crate) struct House {
    pub(crate) app: App,
    pub(crate) authority: Authority,
    pub(crate) front: SocketAddr,
    pub(crate) back: SocketAddr,
    pub(crate) slot: CertificateSlot,
    pub(crate) reception: Reception,
    pub(crate) switch: Switch,
    pub(crate) desk: Arc<Behind>,
}

/// What the routes share with the test.
#[derive(Default)]
pub(crate) struct Behind {
    /// Forms that arrived.
    pub(crate) forms: AtomicUsize,
    /// `/slow` has begun.
    pub(crate) begun: Notify,
    /// Lets `/slow` go on.
    pub go_on: Notify,
    /// `/slow` has ended.
    pub(crate) ended: Notify,
}

impl House {
    /// Both doors on one port, told apart by name.
    pub(crate) async fn open() -> Self {
        Self::build(&Mtls::Host(BACK.into()), Limits::default()).await
    }

    /// As [`House::open`], with other limits.
    pub(crate) async fn limited(limits: Limits) -> Self {
        Self::build(&Mtls::Host(BACK.into()), limits).await
    }

    /// Each door on its own port.
    pub(crate) async fn with_ports() -> Self {
        Self::build(&Mtls::Port(8444), Limits::default()).await
    }

    async fn build(mtls: &Mtls, limits: Limits) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let app = App::new(Arc::clone(&clock), Arc::new(SeededRng::new(1)), Metrics::new());
        let doors = Doors::new(&Issuer::parse("https://auth.example").unwrap(), mtls);
        app.install(Arc::new(Current { registry: registry(doors), keyring: Keyring::default() }));

        let authority = Authority::new("Test CA");
        let slot = CertificateSlot::new();
        slot.show(&certificate(&authority.server(&[FRONT, BACK]), clock.now()));
        let desk = Arc::new(Behind::default());
        let routers = Routers { front: routes("front", &desk), back: routes("back", &desk) };
        let reception = Reception::new(app.clone(), DoorTls::new(&slot, &slot, &clock), routers, limits);

        let (switch, signal) = Switch::new();
        let front = listen(&reception, Port::Front, &signal).await;
        let back = listen(&reception, Port::Back, &signal).await;
        Self { app, authority, front, back, slot, reception, switch, desk }
    }

    pub(crate) fn forms(&self) -> usize {
        self.desk.forms.load(Ordering::SeqCst)
    }

    /// Ends it, and returns once every connection has ended.
    pub(crate) async fn close(&self) {
        self.switch.advance(Phase::Draining);
        self.reception.empty().await;
    }

    pub(crate) fn metric(&self, line: &str) -> bool {
        self.app.metrics().encode().lines().any(|one| one == line)
    }
}

pub(crate) fn certificate(identity: &Identity, now: Timestamp) -> Certificate {
    Certificate::parse(identity.chain.as_bytes(), identity.key.as_bytes(), &provider(), now).unwrap()
}

async fn listen(reception: &Reception, port: Port, signal: &Signal) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(reception.clone().listen(listener, port, signal.clone()));
    address
}

fn registry(doors: Doors) -> Registry {
    let rules = narrow(ProfileName::FAPI2Security.profile(), &Overrides::default()).unwrap();
    Registry::new(RegistryParts {
        issuer: Issuer::parse("https://auth.example").unwrap(),
        doors,
        rules,
        scope_definitions: Vec::new(),
        resources: Vec::new(),
        anchors: None,
        keys: Vec::new(),
        subject_salt: SubjectSalt::new(&[7; 32]),
        languages: vec!["en".into()],
        clients: Vec::new(),
    })
}

fn routes(door: &'static str, behind: &Arc<Behind>) -> Router {
    let (forms, slow) = (Arc::clone(behind), Arc::clone(behind));
    Router::new()
        .route("/hello", get(async move || door))
        .route(
            "/peer",
            get(async move |Extension(peer): Extension<Peer>, Extension(id): Extension<RequestId>| {
                let certificate = peer.certificate().map_or("none", |one| one.thumbprint());
                let (version, suite) = (peer.tls_version(), peer.cipher_suite());
                format!("{} {certificate} {version} {suite} {}", peer.door(), id.as_str())
            }),
        )
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

async fn panicking() -> &'static str {
    assert!(Duration::ZERO > Duration::from_secs(1), "a defect, with a secret in its message");
    "unreachable"
}
