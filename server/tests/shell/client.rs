//! A client that can do what browsers and programs do, and what they should not.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::client::ResolvesClientCert;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, RootCertStore, SignatureScheme, SupportedCipherSuite, SupportedProtocolVersion};
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::pki::{Authority, Identity};

/// How to connect.
#[derive(Clone)]
pub(crate) struct Client {
    roots: RootCertStore,
    versions: Vec<&'static SupportedProtocolVersion>,
    suites: Vec<SupportedCipherSuite>,
    shown: Option<Arc<CertifiedKey>>,
    http2: bool,
    named: bool,
    /// Whether the server has asked for a certificate.
    pub(crate) asked: Arc<AtomicBool>,
}

impl Client {
    /// Trusts one authority, speaks everything, HTTP/1.1, and has no certificate.
    pub(crate) fn trusting(authority: &Authority) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(authority.certificate.clone()).unwrap();
        Self {
            roots,
            versions: rustls::ALL_VERSIONS.to_vec(),
            suites: aws_lc_rs::ALL_CIPHER_SUITES.to_vec(),
            shown: None,
            http2: false,
            named: true,
            asked: Arc::default(),
        }
    }

    pub(crate) fn http2(mut self) -> Self {
        self.http2 = true;
        self
    }

    pub(crate) fn version(mut self, version: &'static SupportedProtocolVersion) -> Self {
        self.versions = vec![version];
        self
    }

    pub(crate) fn suite(mut self, suite: SupportedCipherSuite) -> Self {
        self.suites = vec![suite];
        self
    }

    pub(crate) fn without_name(mut self) -> Self {
        self.named = false;
        self
    }

    pub(crate) fn showing(self, identity: &Identity) -> Self {
        self.showing_with_key_of(identity, identity)
    }

    /// Shows a certificate and signs with whatever key it has: what a thief of the certificate does.
    pub(crate) fn showing_with_key_of(mut self, identity: &Identity, holder: &Identity) -> Self {
        let key = aws_lc_rs::sign::any_supported_type(&holder.private_key()).unwrap();
        self.shown = Some(Arc::new(CertifiedKey::new(identity.certificates(), key)));
        self
    }

    /// The configuration, to connect more than once with what is remembered between the times.
    pub(crate) fn config(&self) -> Arc<ClientConfig> {
        let provider = CryptoProvider { cipher_suites: self.suites.clone(), ..aws_lc_rs::default_provider() };
        let resolver = Showing { key: self.shown.clone(), asked: Arc::clone(&self.asked) };
        let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&self.versions)
            .unwrap()
            .with_root_certificates(self.roots.clone())
            .with_client_cert_resolver(Arc::new(resolver));
        config.alpn_protocols = if self.http2 { vec![b"h2".to_vec()] } else { vec![b"http/1.1".to_vec()] };
        config.enable_sni = self.named;
        Arc::new(config)
    }

    /// A TLS connection that asks for `name`.
    pub(crate) async fn handshake(
        &self,
        address: SocketAddr,
        name: &str,
    ) -> io::Result<TlsStream<TcpStream>> {
        handshake(self.config(), address, name).await
    }

    /// An HTTP connection.
    pub(crate) async fn connect(&self, address: SocketAddr, name: &str) -> io::Result<Connection> {
        Connection::over(self.handshake(address, name).await?, self.http2).await
    }

    /// One request on a connection of its own, to the host that was connected to.
    pub(crate) async fn get(
        &self,
        address: SocketAddr,
        name: &str,
        path: &str,
    ) -> io::Result<Response<Bytes>> {
        self.connect(address, name).await?.send(get(name, path)).await
    }

    pub(crate) fn was_asked(&self) -> bool {
        self.asked.load(Ordering::SeqCst)
    }
}

pub(crate) async fn handshake(
    config: Arc<ClientConfig>,
    address: SocketAddr,
    name: &str,
) -> io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::try_from(name.to_owned()).unwrap();
    TlsConnector::from(config).connect(name, stream).await
}

/// An HTTP connection that is open.
pub(crate) enum Connection {
    One(http1::SendRequest<Full<Bytes>>),
    Two(http2::SendRequest<Full<Bytes>>),
}

impl Connection {
    pub(crate) async fn over(stream: TlsStream<TcpStream>, http2: bool) -> io::Result<Self> {
        let io = TokioIo::new(stream);
        if http2 {
            let builder = http2::Builder::new(TokioExecutor::new());
            let (sender, connection) = builder.handshake(io).await.map_err(io::Error::other)?;
            tokio::spawn(connection);
            Ok(Self::Two(sender))
        } else {
            let (sender, connection) = http1::handshake(io).await.map_err(io::Error::other)?;
            tokio::spawn(connection);
            Ok(Self::One(sender))
        }
    }

    /// Sends a request whose URI is absolute, as its protocol wants it sent.
    pub(crate) async fn send(&mut self, mut request: Request<Full<Bytes>>) -> io::Result<Response<Bytes>> {
        let response = match self {
            Self::One(sender) => {
                let target = request.uri().clone();
                *request.uri_mut() = target.path_and_query().unwrap().as_str().parse().unwrap();
                let host = target.authority().unwrap().as_str().parse().unwrap();
                request.headers_mut().entry(http::header::HOST).or_insert(host);
                sender.ready().await.map_err(io::Error::other)?;
                sender.send_request(request).await
            }
            Self::Two(sender) => {
                sender.ready().await.map_err(io::Error::other)?;
                sender.send_request(request).await
            }
        };
        let (parts, body) = response.map_err(io::Error::other)?.into_parts();
        let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
        Ok(Response::from_parts(parts, body))
    }
}

/// One request in the clear.
pub(crate) async fn plain(address: SocketAddr, path: &str) -> io::Result<Response<Bytes>> {
    let stream = TcpStream::connect(address).await?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    tokio::spawn(connection);
    Connection::One(sender).send(get(&address.to_string(), path)).await
}

pub(crate) fn get(host: &str, path: &str) -> Request<Full<Bytes>> {
    Request::get(format!("https://{host}{path}")).body(Full::default()).unwrap()
}

pub(crate) fn post(host: &str, path: &str, body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    Request::post(format!("https://{host}{path}"))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Full::new(body.into()))
        .unwrap()
}

pub(crate) fn text(response: &Response<Bytes>) -> &str {
    std::str::from_utf8(response.body()).unwrap()
}

#[derive(Debug)]
struct Showing {
    key: Option<Arc<CertifiedKey>>,
    asked: Arc<AtomicBool>,
}

impl ResolvesClientCert for Showing {
    fn resolve(&self, _hints: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.asked.store(true, Ordering::SeqCst);
        self.key.clone()
    }

    fn has_certs(&self) -> bool {
        self.key.is_some()
    }
}
