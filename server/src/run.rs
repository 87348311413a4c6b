//! How is a server put together? The binary does it once, `fapictl up` once for each Workspace, tests as often as they like.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use fapi_config::state::PodState;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

use crate::app::App;
use crate::clock::{Clock, SystemClock};
use crate::egress::{ClientKeys, Egress, Freshness, Policy};
use crate::housekeeping;
use crate::listen::{InternalPort, Limits, Port, Reception, Routers};
use crate::notices;
use crate::private::{self, Readiness};
use crate::random::{Rng, SystemRng};
use crate::reload::{self, InternalTls, Source};
use crate::shutdown::{Patience, Phase, Switch};
use crate::telemetry::Metrics;
use crate::tls::{CertificateSlot, DoorTls};

/// How often [`Running::ready`] looks.
const LOOK: Duration = Duration::from_millis(20);

/// What a server is made of.
pub struct Setup {
    /// The configuration: `manifest.json`, `workspace.json` …
    pub config: Box<dyn Source>,
    /// The certificate of the front door, and of the back door unless that has its own: `tls.crt`, `tls.key`.
    pub tls: Box<dyn Source>,
    /// The certificate of the back door.
    pub mtls_tls: Option<Box<dyn Source>>,
    /// The certificate of the internal port, and the authority of its callers: `tls.crt`, `tls.key`, `ca.crt`.
    pub internal_tls: Option<Box<dyn Source>>,
    /// Where grants live.
    pub database: fapi_store::Config,
    /// Where we may fetch what resources name, and whom we trust there.
    pub egress: Policy,
    /// How long keys of clients that were fetched are used.
    pub freshness: Freshness,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Where randomness comes from.
    pub rng: Arc<dyn Rng>,
    /// What callers may take.
    pub limits: Limits,
    /// How long the end may take.
    pub patience: Patience,
}

impl Setup {
    /// A server with the clock and the randomness of this machine, and the limits of a pod.
    pub fn new(config: Box<dyn Source>, tls: Box<dyn Source>, database: fapi_store::Config) -> Self {
        Self {
            config,
            tls,
            mtls_tls: None,
            internal_tls: None,
            database,
            egress: Policy::default(),
            freshness: Freshness::default(),
            clock: Arc::new(SystemClock),
            rng: Arc::new(SystemRng),
            limits: Limits::default(),
            patience: Patience::default(),
        }
    }
}

impl fmt::Debug for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Setup").field("database", &self.database).finish_non_exhaustive()
    }
}

/// Where it is reached. Ports are bound by the caller, so that a port that is taken is known at once.
#[derive(Debug)]
pub struct Listeners {
    /// 8443: the front door; both, where a name tells them apart.
    pub front: TcpListener,
    /// 8444: the back door, where a port tells them apart.
    pub back: Option<TcpListener>,
    /// 9444: for the operator. Needs [`Setup::internal_tls`].
    pub internal: Option<TcpListener>,
    /// 9090: health and metrics, in the clear.
    pub metrics: Option<TcpListener>,
}

/// A server that runs until it is told to end.
#[derive(Debug)]
pub struct Running {
    /// Where the front door is.
    pub front: SocketAddr,
    /// Where the back door is, if it has a port of its own.
    pub back: Option<SocketAddr>,
    /// Where the operator asks.
    pub internal: Option<SocketAddr>,
    /// Where health and metrics are.
    pub metrics: Option<SocketAddr>,
    app: App,
    internal_tls: InternalTls,
    reception: Reception,
    readiness: Readiness,
    switch: Switch,
    /// How long the end may take.
    pub patience: Patience,
    _tasks: Tasks,
}

/// Starts a server. It answers as soon as its first configuration and certificate have been read.
///
/// # Errors
/// The address of a listener cannot be told.
pub fn serve(
    setup: Setup,
    listeners: Listeners,
    routers: impl FnOnce(&App) -> Routers,
) -> io::Result<Running> {
    let client_keys = ClientKeys::new(Egress::new(setup.egress), setup.freshness);
    let app = App::new(Arc::clone(&setup.clock), setup.rng, Metrics::new(), client_keys.clone());
    let (switch, signal) = Switch::new();
    let mut tasks = Tasks(Vec::new());

    let (front_slot, back_slot) = (CertificateSlot::new(), CertificateSlot::new());
    let doors = DoorTls::new(&front_slot, &back_slot, &setup.clock);
    let both = vec![("front", front_slot.clone()), ("back", back_slot.clone())];
    let watch = |door, source, slots| reload::watch_certificate(app.clone(), door, source, slots);
    match setup.mtls_tls {
        None => tasks.run(watch("front", setup.tls, vec![front_slot, back_slot])),
        Some(own) => {
            tasks.run(watch("front", setup.tls, vec![front_slot]));
            tasks.run(watch("back", own, vec![back_slot]));
        }
    }
    tasks.run(reload::watch(app.clone(), setup.config));
    tasks.run(client_keys.keep(app.clone()));
    tasks.run(notices::deliver(app.clone()));
    tasks.run(housekeeping::keep(app.clone(), setup.database, setup.limits.answer));

    let reception = Reception::new(app.clone(), doors, routers(&app), setup.limits);
    let mut open = |listener: TcpListener, port| -> io::Result<SocketAddr> {
        let address = listener.local_addr()?;
        tasks.run(reception.clone().listen(listener, port, signal.clone()));
        Ok(address)
    };
    let front = open(listeners.front, Port::Front)?;
    let back = listeners.back.map(|listener| open(listener, Port::Back)).transpose()?;

    let readiness = Readiness::new(app.clone(), signal.clone(), both);
    let mut open = |listener: TcpListener, router, tls| -> io::Result<SocketAddr> {
        let address = listener.local_addr()?;
        let port = InternalPort::new(router, tls, app.metrics().clone(), setup.limits);
        tasks.run(port.listen(listener, signal.clone()));
        Ok(address)
    };
    let health = private::kubelet(app.clone(), readiness.clone());
    let metrics = listeners.metrics.map(|listener| open(listener, health, None)).transpose()?;
    let internal_tls = InternalTls::new();
    let internal = match (listeners.internal, setup.internal_tls) {
        (Some(listener), Some(source)) => {
            let tls = internal_tls.clone();
            let address = open(listener, private::operator(app.clone(), tls.clone()), Some(tls.clone()))?;
            tasks.run(reload::watch_internal(app.clone(), setup.clock, source, tls));
            Some(address)
        }
        // Without an authority nobody could be let in.
        _ => None,
    };

    let patience = setup.patience;
    Ok(Running {
        front,
        back,
        internal,
        metrics,
        app,
        internal_tls,
        reception,
        readiness,
        switch,
        patience,
        _tasks: tasks,
    })
}

impl Running {
    /// What everything shares.
    pub fn app(&self) -> &App {
        &self.app
    }

    /// What is loaded: what the operator is told at `/internal/v1/state`.
    pub fn state(&self) -> PodState {
        private::state(&self.app, self.internal_tls.certificates())
    }

    /// Why requests should not be sent here; empty if they should.
    pub async fn reasons(&self) -> Vec<String> {
        self.readiness.reasons().await
    }

    /// Returns once requests can be answered.
    pub async fn ready(&self) {
        while !self.reasons().await.is_empty() {
            sleep(LOOK).await;
        }
    }

    /// Ends it: says so at `/readyz`, after a while stops listening, and waits for what has begun. What has not ended by
    /// then is broken off.
    pub async fn shutdown(self) {
        info!("Ending: not ready from now on");
        self.switch.advance(Phase::Leaving);
        sleep(self.patience.leaving).await;

        info!("Ending: {} connections are open", self.reception.connections());
        self.switch.advance(Phase::Draining);
        if timeout(self.patience.draining, self.reception.empty()).await.is_err() {
            // Whatever still runs ends with the process; what it has stored is on disk.
            warn!("Ending: breaks off {} connections", self.reception.connections());
            self.reception.dismiss();
        }

        self.switch.advance(Phase::Ended);
        if let Some(store) = self.app.store() {
            store.close().await;
        }
        info!("Ended");
    }
}

/// What runs beside the connections, for as long as this is kept.
#[derive(Debug)]
struct Tasks(Vec<JoinHandle<()>>);

impl Tasks {
    fn run(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        self.0.push(tokio::spawn(task));
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        for task in &self.0 {
            task.abort();
        }
    }
}
