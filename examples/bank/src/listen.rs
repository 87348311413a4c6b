//! Who may come in, and how long may they take?
//!
//! Everybody is asked for a certificate and nobody needs one: which certificate is the right one is in the token
//! ([`AnyClientCertificate`](fapi_server::tls::AnyClientCertificate)). A handshake happens in its connection's own task, by a
//! deadline, so that it holds up nobody else.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::{Extension, Router};
use fapi_core::certificate::PeerCertificate;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use rustls::{ServerConfig, ServerConnection};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_rustls::TlsAcceptor;
use tracing::{debug, warn};

use crate::routes::Caller;

/// Connections at once; further ones wait to be accepted.
const CONNECTIONS: u32 = 1024;

/// A handshake, from the first byte to the last.
const HANDSHAKE: Duration = Duration::from_secs(5);

/// The head of a request, counted from the end of the one before.
const HEAD: Duration = Duration::from_secs(30);

/// How long a connection may stand, and how long what is under way on it may then go on.
const AGE: Duration = Duration::from_mins(15);
const FAREWELL: Duration = Duration::from_secs(10);

/// How long the accept loop rests when the system cannot give it another connection.
const BREATH: Duration = Duration::from_millis(50);

/// A head holds a token and what callers say of their customers.
const HEAD_BYTES: u32 = 64 * 1024;

/// Says that it is time to end: by a change, or by being gone.
pub(crate) type End = watch::Receiver<()>;

/// Accepts connections until it is told to end, then lets those that stand finish.
pub(crate) async fn listen(listener: TcpListener, tls: Arc<ServerConfig>, router: Router, mut end: End) {
    let room = Arc::new(Semaphore::new(CONNECTIONS as usize));
    loop {
        let next = async {
            let place = Arc::clone(&room).acquire_owned().await.expect("the semaphore is never closed");
            listener.accept().await.map(|(stream, remote)| (stream, remote, place))
        };
        let accepted = tokio::select! {
            _ = end.changed() => break,
            accepted = next => accepted,
        };
        match accepted {
            Ok((stream, remote, place)) => {
                let tls = TlsAcceptor::from(Arc::clone(&tls));
                tokio::spawn(attend(stream, remote, tls, router.clone(), end.clone(), place));
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                warn!("Cannot accept connections: {error}");
                sleep(BREATH).await;
            }
        }
    }
    drop(listener);
    // Every place is free again when everybody has gone; a little more than their farewell, and nobody is left.
    let _ = timeout(HANDSHAKE + FAREWELL, room.acquire_many(CONNECTIONS)).await;
}

async fn attend(
    stream: TcpStream,
    remote: SocketAddr,
    tls: TlsAcceptor,
    router: Router,
    mut end: End,
    _place: OwnedSemaphorePermit,
) {
    let _ = stream.set_nodelay(true);
    let stream = match timeout(HANDSHAKE, tls.accept(stream)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return debug!("No TLS with {remote}: {error}"),
        Err(_) => return debug!("No TLS with {remote} within {} s", HANDSHAKE.as_secs()),
    };
    let session = stream.get_ref().1;
    let Some(caller) = caller(session) else {
        return debug!("{remote} has shown a certificate that cannot be read");
    };
    // What to speak was agreed on in the handshake. Guessing from the first bytes would wait for them without a limit.
    let speaks = protocol(session.alpn_protocol() == Some(b"h2"));
    let service = TowerToHyperService::new(router.layer(Extension(caller)));

    let mut connection = pin!(speaks.serve_connection(TokioIo::new(stream), service));
    let mut deadline = Instant::now() + AGE;
    let mut leaving = false;
    loop {
        tokio::select! {
            served = connection.as_mut() => {
                if let Err(error) = served {
                    debug!("The connection with {remote} broke off: {error}");
                }
                return;
            }
            _ = end.changed(), if !leaving => {}
            () = sleep_until(deadline) => if leaving { return },
        }
        // What has begun may finish, nothing new begins.
        leaving = true;
        deadline = Instant::now() + FAREWELL;
        connection.as_mut().graceful_shutdown();
    }
}

/// None if it has shown a certificate that cannot be read: then it must not pass for one that has shown none.
fn caller(session: &ServerConnection) -> Option<Caller> {
    let chain = session.peer_certificates().unwrap_or_default();
    if chain.is_empty() {
        return Some(Caller(None));
    }
    let chain = chain.iter().map(|one| one.to_vec()).collect();
    PeerCertificate::from_chain(chain).map(|certificate| Caller(Some(certificate)))
}

fn protocol(http2: bool) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD).max_buf_size(HEAD_BYTES as usize);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(HEAD_BYTES)
        .max_concurrent_streams(100)
        .keep_alive_interval(HEAD)
        .keep_alive_timeout(FAREWELL);
    if http2 { builder.http2_only() } else { builder.http1_only() }
}

/// The connection was gone before it was accepted: nothing is wrong with us.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
