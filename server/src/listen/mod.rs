//! Who may come in, by which door, and how long may they take?
//!
//! Our own accept loop. Each connection has a task, from which on nothing it does holds up another: the handshake (by a
//! deadline), then HTTP/1.1 or HTTP/2 as agreed in it, then the end, by the peer, by one of the [`Limits`], or by the
//! server's own.
//!
//! | file | decides |
//! |---|---|
//! | `door` | which door is meant, by port and name |
//! | `handshake` | what the caller has shown |
//! | `crowd`, `visit` | who has to go, and when |
//! | `connection` | what is spoken |
//! | `desk` | what happens to every request, whatever its route |
//! | `internal` | who reaches the two ports that are not doors |
//! | `authority`, `forwarded`, `body`, `refusal` | what is refused before a route sees it, and how |

mod authority;
mod body;
mod connection;
mod crowd;
mod desk;
mod door;
mod forwarded;
mod handshake;
mod internal;
mod limits;
mod peer;
mod refusal;
mod stream;
mod visit;

use std::io;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tracing::warn;

use self::crowd::{Crowd, Place};
use self::desk::Desk;
pub use self::desk::{RequestId, Routers};
pub use self::door::{Door, Port};
pub use self::internal::{InternalPeer, InternalPort};
pub use self::limits::Limits;
pub use self::peer::Peer;
use self::visit::Visit;
use crate::app::App;
use crate::shutdown::{Phase, Signal};
use crate::telemetry::{Closed, Handshake};
use crate::tls::DoorTls;

/// How long the accept loop rests when the system cannot give it another connection (F-S07).
const BREATH: Duration = Duration::from_millis(50);

/// Everything that a connection is served with. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Reception {
    app: App,
    tls: DoorTls,
    desk: Arc<Desk>,
    crowd: Arc<Crowd>,
    limits: Limits,
}

impl Reception {
    /// Serves `routers` behind the doors that the configuration of `app` names.
    pub fn new(app: App, tls: DoorTls, routers: Routers, limits: Limits) -> Self {
        let desk = Arc::new(Desk::new(app.clone(), routers, limits));
        Self { app, tls, desk, crowd: Crowd::new(limits), limits }
    }

    /// Accepts connections until the server drains; then the port is closed.
    pub async fn listen(self, listener: TcpListener, port: Port, mut signal: Signal) {
        loop {
            let accepted = tokio::select! {
                () = signal.reached(Phase::Draining) => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, remote)) => self.receive(stream, remote, port, signal.clone()),
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    warn!("Cannot accept connections: {error}");
                    sleep(BREATH).await;
                }
            }
        }
    }

    /// Connections that are open.
    pub fn connections(&self) -> usize {
        self.crowd.len()
    }

    /// Returns once all connections have ended, and all requests of those who hung up before.
    pub async fn empty(&self) {
        self.crowd.empty().await;
        self.desk.idle().await;
    }

    /// Ends all connections, whatever they are doing. Requests that have begun go on.
    pub fn dismiss(&self) {
        self.crowd.dismiss_all();
    }

    fn receive(&self, stream: TcpStream, remote: SocketAddr, port: Port, signal: Signal) {
        let metrics = self.app.metrics();
        let Some(place) = self.crowd.enter() else {
            metrics.closed(Closed::Crowded);
            return;
        };
        let (this, metrics) = (self.clone(), metrics.clone());
        tokio::spawn(async move {
            metrics.connections().inc();
            // TL-17: a panic in the handshake or in the framing ends this connection only, and is counted.
            let attended = AssertUnwindSafe(this.attend(stream, remote, port, place, signal)).catch_unwind();
            if attended.await.is_err() {
                metrics.panicked();
            }
            metrics.connections().dec();
        });
    }

    async fn attend(self, stream: TcpStream, remote: SocketAddr, port: Port, place: Place, signal: Signal) {
        let metrics = self.app.metrics();
        // Answers are small and complete: waiting to fill a packet would only delay them.
        let _ = stream.set_nodelay(true);
        let handshake = handshake::shake(stream, remote, port, &self.app, &self.tls);
        let shaken = tokio::select! {
            shaken = timeout(self.limits.handshake, handshake) => shaken.unwrap_or(Err(Handshake::TooSlow)),
            () = place.visit().evicted() => {
                metrics.closed(Closed::Crowded);
                return;
            }
        };
        match shaken {
            Ok((stream, peer)) => {
                metrics.handshake(Handshake::Completed);
                connection::serve(stream, peer, place, Arc::clone(&self.desk), &self.limits, metrics, signal)
                    .await;
            }
            Err(outcome) => metrics.handshake(outcome),
        }
    }
}

/// The connection was gone before it was accepted: nothing is wrong with us.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
