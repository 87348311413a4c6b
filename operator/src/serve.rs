//! Is the operator alive, and what does it count? `/livez`, `/readyz` and `/metrics`, in plain HTTP inside the cluster.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tracing::debug;

use crate::clock::Clock;
use crate::metrics::Metrics;

/// The loop that wakes work beats this often.
pub const BEAT: Duration = Duration::from_secs(10);
/// Without a beat for so long, the process is to be restarted.
const SILENCE: i64 = 300;
/// Scrapers and probes at a time.
const CONNECTIONS: usize = 64;

/// What the process says of itself.
pub struct Health {
    clock: Arc<dyn Clock>,
    beat: AtomicI64,
    ready: AtomicBool,
}

impl Health {
    /// Alive, and not ready yet.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let beat = AtomicI64::new(clock.now().as_second());
        Self { clock, beat, ready: AtomicBool::new(false) }
    }

    /// Still working.
    pub fn beat(&self) {
        self.beat.store(self.clock.now().as_second(), Ordering::Relaxed);
    }

    /// It has seen the cluster. A follower is ready too: it would lead at once.
    pub fn ready(&self) {
        self.ready.store(true, Ordering::Relaxed);
    }

    fn is_alive(&self) -> bool {
        self.clock.now().as_second() - self.beat.load(Ordering::Relaxed) < SILENCE
    }
}

/// Serves until it is dropped.
pub async fn serve(listener: TcpListener, health: Arc<Health>, metrics: Metrics) -> std::io::Result<()> {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let (stream, _) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                debug!(%error, "Cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let Ok(place) = places.clone().acquire_owned().await else { return Ok(()) };
        let (health, metrics) = (health.clone(), metrics.clone());
        tokio::spawn(async move {
            let _place = place;
            let answer = service_fn(|request| {
                let response = answer(&request, &health, &metrics);
                async move { Ok::<_, Infallible>(response) }
            });
            let mut builder = hyper::server::conn::http1::Builder::new();
            builder.timer(TokioTimer::new()).header_read_timeout(Duration::from_secs(10)).keep_alive(false);
            let connection = builder.serve_connection(TokioIo::new(stream), answer);
            let _ = tokio::time::timeout(Duration::from_secs(30), connection).await;
        });
    }
}

fn answer(request: &Request<Incoming>, health: &Health, metrics: &Metrics) -> Response<Full<Bytes>> {
    let (status, kind, body) = match request.uri().path() {
        "/livez" if health.is_alive() => (StatusCode::OK, "text/plain", "ok\n".to_owned()),
        "/livez" => (StatusCode::SERVICE_UNAVAILABLE, "text/plain", "no work is done any more\n".to_owned()),
        "/readyz" if health.ready.load(Ordering::Relaxed) => {
            (StatusCode::OK, "text/plain", "ok\n".to_owned())
        }
        "/readyz" => (
            StatusCode::SERVICE_UNAVAILABLE,
            "text/plain",
            "the cluster has not been listed yet\n".to_owned(),
        ),
        "/metrics" => {
            (StatusCode::OK, "application/openmetrics-text; version=1.0.0; charset=utf-8", metrics.text())
        }
        _ => (StatusCode::NOT_FOUND, "text/plain", "/livez, /readyz, /metrics\n".to_owned()),
    };
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static(kind));
    response
}
