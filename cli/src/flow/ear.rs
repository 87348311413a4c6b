//! The client's own server, for as long as flows run: where it is told that a person signed out (OpenID Connect Back-Channel
//! Logout 1.0).

use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use fapi_jose::DecryptionKey;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use url::Url;

use super::checks::logout_token;
use crate::exit::Stop;

/// A logout token is far shorter than this.
const MAX_BYTES: usize = 64 * 1024;

/// Where it listens.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    /// `backchannel_logout_uri`; its host means this machine.
    pub uri: Url,
    /// The certificate it shows, PEM.
    pub certificate_file: PathBuf,
    /// The key of that, PEM.
    pub key_file: PathBuf,
}

/// It listens until it is dropped.
#[derive(Debug)]
pub struct Ear {
    heard: Arc<Heard>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Heard {
    path: String,
    tokens: Mutex<Vec<String>>,
    count: watch::Sender<usize>,
}

impl Drop for Ear {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Ear {
    /// Begins to listen.
    pub async fn open(place: &Place) -> Result<Ear, Stop> {
        let acceptor = acceptor(place)?;
        let port = place.uri.port_or_known_default().unwrap_or(443);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(|error| {
            Stop::usage(
                format!(
                    "cannot listen at {}, where the client is told that somebody signed out: {error}",
                    place.uri
                ),
                "fapictl flow (without --logout)",
            )
        })?;
        let heard = Arc::new(Heard {
            path: place.uri.path().to_owned(),
            tokens: Mutex::default(),
            count: watch::Sender::new(0),
        });
        let task = tokio::spawn(listen(listener, acceptor, Arc::clone(&heard)));
        Ok(Ear { heard, task })
    }

    /// The logout token of this session, once it has come; as text, not verified.
    pub async fn of_session(&self, sid: &str, keys: &[DecryptionKey], patience: Duration) -> Option<String> {
        let mut news = self.heard.count.subscribe();
        let waiting = async {
            loop {
                news.mark_unchanged();
                if let Some(token) = self.heard.find(sid, keys) {
                    return Some(token);
                }
                news.changed().await.ok()?;
            }
        };
        tokio::time::timeout(patience, waiting).await.ok().flatten()
    }
}

impl Heard {
    fn find(&self, sid: &str, keys: &[DecryptionKey]) -> Option<String> {
        let tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.iter().find(|token| logout_token::claimed_sid(token, keys).as_deref() == Some(sid)).cloned()
    }

    /// OpenID Connect Back-Channel Logout 2.5, 2.8.
    async fn take(&self, request: Request<Incoming>) -> StatusCode {
        if request.method() != Method::POST || request.uri().path() != self.path {
            return StatusCode::NOT_FOUND;
        }
        let Ok(body) = Limited::new(request.into_body(), MAX_BYTES).collect().await else {
            return StatusCode::BAD_REQUEST;
        };
        let body = body.to_bytes();
        let mut fields = url::form_urlencoded::parse(&body).filter(|(name, _)| name == "logout_token");
        let (Some((_, token)), None) = (fields.next(), fields.next()) else { return StatusCode::BAD_REQUEST };
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner).push(token.into_owned());
        self.count.send_modify(|count| *count += 1);
        StatusCode::OK
    }
}

async fn listen(listener: TcpListener, acceptor: TlsAcceptor, heard: Arc<Heard>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(converse(stream, acceptor.clone(), Arc::clone(&heard)));
    }
}

async fn converse(stream: TcpStream, acceptor: TlsAcceptor, heard: Arc<Heard>) {
    // Whoever cannot speak TLS with us is not our server.
    let Ok(stream) = acceptor.accept(stream).await else { return };
    let service = service_fn(|request| {
        let heard = Arc::clone(&heard);
        async move { Ok::<_, Infallible>(answer(heard.take(request).await)) }
    });
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

fn answer(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
    response
}

fn acceptor(place: &Place) -> Result<TlsAcceptor, Stop> {
    let wrong = |file: &Path, why: String| {
        Stop::usage(format!("cannot use {}: {why}", file.display()), "fapictl up DIR")
    };
    let chain: Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(&place.certificate_file).and_then(Iterator::collect);
    let chain = chain.map_err(|error| wrong(&place.certificate_file, error.to_string()))?;
    let key = PrivateKeyDer::from_pem_file(&place.key_file)
        .map_err(|error| wrong(&place.key_file, error.to_string()))?;
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider has suites for TLS 1.2 and 1.3")
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| wrong(&place.certificate_file, error.to_string()))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// What a token says of itself. Only to find it: nothing is believed before it is verified.
pub(super) fn unverified(jwt: &str) -> Option<Value> {
    let payload = fapi_jose::b64::decode(jwt.split('.').nth(1)?)?;
    serde_json::from_slice(&payload).ok()
}
