//! Who reaches the two ports that are not doors? On 9444 whoever has a certificate of the Workspace's internal CA, on 9090
//! whoever is let through to it.
//!
//! They stay open until everything else has ended, so that the operator and the kubelet can watch it end.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls_pki_types::CertificateDer;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt as _;
use tracing::warn;

use super::body::Answer;
use super::crowd::{Crowd, Place};
use super::stream::{Heads, Watched};
use super::{BREATH, Limits, connection};
use crate::reload::InternalTls;
use crate::shutdown::{Phase, Signal};
use crate::telemetry::Metrics;

/// Heads of requests to us are short.
const HEAD_BYTES: usize = 16 * 1024;

/// The certificate of a caller at the internal port: it chains to the internal CA, and the caller holds its key. It stands
/// in the extensions of every request there.
#[derive(Clone, Debug)]
pub struct InternalPeer(pub CertificateDer<'static>);

/// A port that is not a door.
#[derive(Clone, Debug)]
pub struct InternalPort {
    router: Router,
    tls: Option<InternalTls>,
    metrics: Metrics,
    crowd: Arc<Crowd>,
    limits: Limits,
}

impl InternalPort {
    /// Serves `router`: with `tls` to those who have a certificate, without it in the clear.
    pub fn new(router: Router, tls: Option<InternalTls>, metrics: Metrics, limits: Limits) -> Self {
        // Those who belong here are few.
        let limits = Limits { connections: 64, handshakes: 16, ..limits };
        Self { router, tls, metrics, crowd: Crowd::new(limits), limits }
    }

    /// Accepts connections until the server has ended.
    pub async fn listen(self, listener: TcpListener, mut signal: Signal) {
        loop {
            let accepted = tokio::select! {
                () = signal.reached(Phase::Ended) => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, _)) => {
                    if let Some(place) = self.crowd.enter() {
                        tokio::spawn(self.clone().attend(stream, place, signal.clone()));
                    }
                }
                Err(error) => {
                    warn!("Cannot accept connections at an internal port: {error}");
                    sleep(BREATH).await;
                }
            }
        }
    }

    async fn attend(self, stream: TcpStream, place: Place, signal: Signal) {
        let Some(tls) = &self.tls else {
            return self.serve(stream, None, place, signal).await;
        };
        let Some(config) = tls.config() else { return };
        let handshake = TlsAcceptor::from(config).accept(stream);
        let shaken = tokio::select! {
            shaken = timeout(self.limits.handshake, handshake) => shaken,
            () = place.visit().evicted() => return,
        };
        let Ok(Ok(stream)) = shaken else { return };
        let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
        let peer = chain.first().map(|leaf| InternalPeer(leaf.clone().into_owned()));
        self.serve(stream, peer, place, signal).await;
    }

    async fn serve<S>(self, stream: S, peer: Option<InternalPeer>, place: Place, signal: Signal)
    where
        S: AsyncRead + AsyncWrite + Unpin + 'static,
    {
        place.settled();
        let visit = Arc::clone(place.visit());
        let (router, limit) = (self.router, self.limits.answer);
        let service = service_fn(|mut request: Request<Incoming>| {
            let (router, busy) = (router.clone(), visit.begin());
            if let Some(peer) = &peer {
                request.extensions_mut().insert(peer.clone());
            }
            async move {
                let answer = timeout(limit, router.oneshot(request.map(Body::new))).await?;
                let response: Response = answer.unwrap_or_else(|never| match never {});
                Ok::<_, tokio::time::error::Elapsed>(response.map(|body| Answer::new(body, busy)))
            }
        });
        let io = TokioIo::new(Watched::new(stream, Arc::clone(&visit), Heads::Follow));
        let connection = connection::http1(HEAD_BYTES, &self.limits).serve_connection(io, service);
        connection::attend(connection, &visit, &self.metrics, signal, Phase::Ended).await;
    }
}
