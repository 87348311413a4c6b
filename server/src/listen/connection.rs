//! One connection, from its handshake to its end.

use std::pin::pin;
use std::sync::Arc;

use http::HeaderValue;
use http::header::CONNECTION;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulConnection;
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;
use tracing::debug;

use super::desk::{Caller, Desk};
use super::stream::{Heads, Watched};
use super::visit::{Overdue, Visit};
use super::{Door, Limits, Peer, Place};
use crate::shutdown::{Phase, Signal};
use crate::telemetry::{Closed, Metrics};

/// Streams that a peer may open and reset before we have looked at them (H-03, RUSTSEC-2024-0003).
const RESETS: usize = 20;

/// Bytes that a peer may send ahead, on one stream and on all together: what it costs us to keep them.
const STREAM_WINDOW: u32 = 64 * 1024;
const CONNECTION_WINDOW: u32 = 256 * 1024;

/// Serves the requests of one connection until either side ends it.
///
/// What to speak was agreed on in the handshake. Guessing from the first bytes would wait for them without a limit.
pub(super) async fn serve(
    stream: TlsStream<TcpStream>,
    peer: Peer,
    place: Place,
    desk: Arc<Desk>,
    limits: &Limits,
    metrics: &Metrics,
    signal: Signal,
) {
    let speaks_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    let door = peer.door();
    let visit = Arc::clone(place.visit());
    let caller = Arc::new(Caller::new(peer, place, limits));
    caller.place().settled();
    let phase = signal.clone();
    let service = service_fn(move |request| {
        let (desk, caller, phase) = (Arc::clone(&desk), Arc::clone(&caller), phase.clone());
        async move {
            let mut answer = desk.serve(&caller, request).await;
            // A caller that is told goes elsewhere by itself; a connection that is closed while it stands may meet a request that
            // is already under way (RFC 9112 9.5). HTTP/2 says which requests it still takes (GOAWAY).
            if !speaks_http2 && phase.phase() >= Phase::Leaving {
                answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, std::convert::Infallible>(answer)
        }
    });

    if speaks_http2 {
        let io = TokioIo::new(Watched::new(stream, Arc::clone(&visit), Heads::MayFollow));
        let connection = http2(door, limits).serve_connection(io, service);
        attend(connection, &visit, metrics, signal, Phase::Draining).await;
    } else {
        let io = TokioIo::new(Watched::new(stream, Arc::clone(&visit), Heads::Follow));
        let connection = http1(head_bytes(door, limits), limits).serve_connection(io, service);
        attend(connection, &visit, metrics, signal, Phase::Draining).await;
    }
}

/// Drives a connection, and ends it when its time is up or the server has reached the phase in which it ends.
pub(super) async fn attend<C>(connection: C, visit: &Visit, metrics: &Metrics, mut signal: Signal, end: Phase)
where
    C: GracefulConnection,
    C::Error: std::fmt::Display,
{
    let mut connection = pin!(connection);
    let mut asked_to_end = false;
    loop {
        tokio::select! {
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    debug!("A connection broke off: {error}");
                }
                return;
            }
            () = signal.reached(end), if !asked_to_end => {
                asked_to_end = true;
                metrics.closed(Closed::Drained);
            }
            overdue = visit.overdue() => match overdue {
                Overdue::Cut(reason) => {
                    metrics.closed(reason);
                    return;
                }
                Overdue::Retire(reason) => {
                    asked_to_end = true;
                    metrics.closed(reason);
                }
            }
        }
        visit.retiring();
        connection.as_mut().graceful_shutdown();
    }
}

pub(super) fn http1(head: usize, limits: &Limits) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        // Ours is counted from a head's first byte. This one is counted from the end of the request before: it also ends
        // connections that stand idle, so it must not be shorter.
        .header_read_timeout(limits.idle + limits.head)
        .max_header_size(head)
        .max_buf_size(head.max(limits.body_bytes))
        .max_headers(64);
    builder
}

fn http2(door: Door, limits: &Limits) -> http2::Builder<TokioExecutor> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.streams)
        .max_header_list_size(u32::try_from(head_bytes(door, limits)).unwrap_or(u32::MAX))
        .max_pending_accept_reset_streams(RESETS)
        .max_local_error_reset_streams(RESETS)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(256 * 1024)
        // Finds peers that have gone without saying so.
        .keep_alive_interval(limits.idle / 2)
        .keep_alive_timeout(limits.head);
    builder
}

fn head_bytes(door: Door, limits: &Limits) -> usize {
    match door {
        Door::Back => limits.back_head_bytes,
        Door::Front => limits.front_head_bytes,
    }
}
