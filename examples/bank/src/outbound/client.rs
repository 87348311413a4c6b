//! One request, one answer.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;
use url::Url;

use super::Routes;

/// How long an answer may take, from the first packet to the last.
const PATIENCE: Duration = Duration::from_secs(5);

/// Connections are kept for the next request for less time than servers let them stand idle.
const IDLE: Duration = Duration::from_secs(20);

/// As many as are kept; further ones are closed after use.
const MOST_IDLE: usize = 16;

/// The longest answer that is read: a key set with 32 keys and their certificates.
const LONGEST: usize = 512 * 1024;

/// Calls the authorization server.
pub(crate) struct Client {
    tls: TlsConnector,
    certificate: bool,
    routes: Routes,
    idle: Mutex<Vec<Idle>>,
}

/// A connection that waits for the next request to its place.
struct Idle {
    place: (String, u16),
    since: Instant,
    sender: Sender,
}

type Sender = SendRequest<Full<Bytes>>;

/// What is asked.
pub(crate) enum Request {
    /// A document.
    Get(Url),
    /// A form: it may hold tokens, so it is never printed.
    Form(Url, Vec<(&'static str, String)>),
}

/// What is answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoAnswer {
    #[error("cannot connect: {0}")]
    Unreachable(io::Error),
    #[error("cannot agree on TLS: {0}")]
    Untrusted(io::Error),
    #[error("no answer within 5 s")]
    TooSlow,
    #[error("the address is unusable")]
    BadAddress,
    #[error("the connection broke: {0}")]
    Broken(#[from] hyper::Error),
    #[error("the answer is longer than 512 KiB, or breaks off")]
    Unreadable,
}

impl Client {
    /// Trusts what `tls` trusts; `certificate` says whether it has one to show.
    pub(crate) fn new(tls: Arc<ClientConfig>, certificate: bool, routes: Routes) -> Self {
        Self { tls: TlsConnector::from(tls), certificate, routes, idle: Mutex::default() }
    }

    /// Whether servers see a certificate of ours.
    pub(crate) fn has_certificate(&self) -> bool {
        self.certificate
    }

    /// Asks, and reads the whole answer.
    pub(crate) async fn send(&self, request: Request) -> Result<Answer, NoAnswer> {
        timeout(PATIENCE, self.exchange(request)).await.unwrap_or(Err(NoAnswer::TooSlow))
    }

    async fn exchange(&self, request: Request) -> Result<Answer, NoAnswer> {
        let place = request.place().ok_or(NoAnswer::BadAddress)?;
        let mut wire = request.into_wire().map_err(|_| NoAnswer::BadAddress)?;
        loop {
            let kept = self.take(&place);
            let fresh = kept.is_none();
            let mut sender = match kept {
                Some(sender) => sender,
                None => self.open(&place).await?,
            };
            let response = match sender.try_send_request(wire).await {
                Ok(response) => response,
                // A kept connection that had ended, before anything of the request was sent on it.
                Err(mut failed) => match failed.take_message() {
                    Some(unsent) if !fresh => {
                        wire = unsent;
                        continue;
                    }
                    _ => return Err(failed.into_error().into()),
                },
            };
            let (head, body) = response.into_parts();
            let body = Limited::new(body, LONGEST).collect().await.map_err(|_| NoAnswer::Unreadable)?;
            self.keep(place, sender);
            return Ok(Answer { status: head.status.as_u16(), headers: head.headers, body: body.to_bytes() });
        }
    }

    async fn open(&self, (host, port): &(String, u16)) -> Result<Sender, NoAnswer> {
        let name = ServerName::try_from(host.clone()).map_err(|_| NoAnswer::BadAddress)?;
        let stream = self.routes.connect(host, *port).await.map_err(NoAnswer::Unreachable)?;
        let stream = self.tls.connect(name, stream).await.map_err(NoAnswer::Untrusted)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(sender)
    }

    fn take(&self, place: &(String, u16)) -> Option<Sender> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|one| one.since.elapsed() < IDLE && !one.sender.is_closed());
        let position = idle.iter().rposition(|one| one.place == *place)?;
        Some(idle.remove(position).sender)
    }

    fn keep(&self, place: (String, u16), sender: Sender) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < MOST_IDLE && !sender.is_closed() {
            idle.push(Idle { place, since: Instant::now(), sender });
        }
    }
}

impl Request {
    fn url(&self) -> &Url {
        match self {
            Self::Get(url) | Self::Form(url, _) => url,
        }
    }

    /// Host, without the brackets of IPv6, and port.
    fn place(&self) -> Option<(String, u16)> {
        let host = self.url().host_str()?.trim_matches(['[', ']']).to_owned();
        Some((host, self.url().port_or_known_default()?))
    }

    fn into_wire(self) -> Result<http::Request<Full<Bytes>>, http::Error> {
        let url = self.url();
        let authority = match (url.host_str(), url.port()) {
            (Some(host), Some(port)) => format!("{host}:{port}"),
            (host, _) => host.unwrap_or_default().to_owned(),
        };
        let target =
            url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
        let request = http::Request::builder()
            .uri(target)
            .header(header::HOST, authority)
            .header(header::ACCEPT, HeaderValue::from_static("application/json"))
            .header(header::USER_AGENT, concat!("fapi-bank/", env!("CARGO_PKG_VERSION")));
        match self {
            Self::Get(_) => request.body(Full::default()),
            Self::Form(_, fields) => {
                let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
                request
                    .method(Method::POST)
                    .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
                    .body(Full::from(body))
            }
        }
    }
}
