//! From a TCP connection to one that has proven what it has to prove.

use std::net::SocketAddr;

use rustls::server::Acceptor;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

use super::{Door, Peer, Port};
use crate::app::App;
use crate::telemetry::Handshake;
use crate::tls::DoorTls;

/// The alert `unrecognized_name`, fatal, before anything is encrypted (RFC 6066 3).
const UNRECOGNIZED_NAME: [u8; 7] = [21, 3, 3, 0, 2, 2, 112];

/// Reads the caller's first words, chooses the door from them, and finishes the handshake as that door does. Whoever
/// calls this bounds its time.
pub(super) async fn shake(
    stream: TcpStream,
    remote: SocketAddr,
    port: Port,
    app: &App,
    tls: &DoorTls,
) -> Result<(TlsStream<TcpStream>, Peer), Handshake> {
    let start = LazyConfigAcceptor::new(Acceptor::default(), stream).await.map_err(|_| Handshake::Failed)?;
    let current = app.current().ok_or(Handshake::NotConfigured)?;
    let Some(door) = Door::choose(&current.registry.doors, port, start.client_hello().server_name()) else {
        let mut stream = start.io;
        // It is refused either way; whether the alert reaches it does not matter.
        let _ = stream.write_all(&UNRECOGNIZED_NAME).await;
        let _ = stream.shutdown().await;
        return Err(Handshake::UnknownName);
    };
    let config = match door {
        Door::Back => &tls.back,
        Door::Front => &tls.front,
    };
    let stream = start.into_stream(config.clone()).await.map_err(|_| Handshake::Failed)?;
    let peer = Peer::new(door, remote, stream.get_ref().1).ok_or(Handshake::Failed)?;
    Ok((stream, peer))
}
