//! What did the server answer? HTTP over TLS, to any place, with nothing done behind the caller's back: no redirects,
//! no cookies, no retries of what may have been received.

use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use fapi_bank::Routes;
use http::{HeaderMap, HeaderValue, Method, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio_rustls::TlsConnector;
use url::Url;

/// The longest answer that is read.
const MAX_BODY: usize = 4 * 1024 * 1024;

/// Somebody who makes requests: always with the same certificate, or always without one.
pub struct Agent {
    tls: TlsConnector,
    routes: Routes,
    timeout: Duration,
    idle: Mutex<HashMap<(String, u16), Vec<Connection>>>,
}

struct Connection {
    sender: SendRequest<Full<Bytes>>,
    tls: String,
}

/// A request that can be sent.
pub struct Request {
    method: Method,
    url: Url,
    headers: HeaderMap,
    body: Bytes,
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// Protocol and cipher suite, for people.
    pub tls: String,
}

/// Why there is no answer. Places are `host:port`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HttpError {
    /// Nobody listens, or not for long enough.
    Unreachable(String, String),
    /// The server is not who it should be.
    Untrusted(String, String),
    /// The server ended the connection with a TLS alert: it does not want to talk to us.
    Alert(String, String),
    /// The connection was closed before there was an answer.
    Closed(String, String),
    /// What came back is not HTTP, or too much of it.
    Broken(String, String),
}

impl Agent {
    /// Somebody with this TLS configuration.
    pub fn new(tls: Arc<ClientConfig>, routes: Routes, timeout: Duration) -> Agent {
        Agent { tls: TlsConnector::from(tls), routes, timeout, idle: Mutex::default() }
    }

    /// Sends a request and reads the whole answer.
    pub async fn send(&self, request: Request) -> Result<Answer, HttpError> {
        let (host, port) = place(&request.url);
        let name = format!("{host}:{port}");
        tokio::time::timeout(self.timeout, self.exchange(request, &host, port))
            .await
            .unwrap_or_else(|_| Err(HttpError::Unreachable(name, "no answer in time".to_owned())))
    }

    async fn exchange(&self, request: Request, host: &str, port: u16) -> Result<Answer, HttpError> {
        let name = format!("{host}:{port}");
        let mut wire =
            request.into_wire().map_err(|error| HttpError::Broken(name.clone(), error.to_string()))?;
        loop {
            let reused = self.take_idle(host, port);
            let fresh = reused.is_none();
            let mut connection = match reused {
                Some(connection) => connection,
                None => self.open(host, port, &name).await?,
            };
            let response = match connection.sender.try_send_request(wire).await {
                Ok(response) => response,
                // The server closed a connection that we had kept, before anything of the request was sent on it.
                Err(mut failed) => match failed.take_message() {
                    Some(unsent) if !fresh => {
                        wire = unsent;
                        continue;
                    }
                    _ => return Err(classify(&name, &failed.into_error())),
                },
            };
            let (parts, body) = response.into_parts();
            let body =
                Limited::new(body, MAX_BODY).collect().await.map_err(|error| classify(&name, &*error))?;
            let tls = connection.tls.clone();
            self.keep(host, port, connection);
            return Ok(Answer {
                status: parts.status.as_u16(),
                headers: parts.headers,
                body: body.to_bytes(),
                tls,
            });
        }
    }

    async fn open(&self, host: &str, port: u16, name: &str) -> Result<Connection, HttpError> {
        let server = ServerName::try_from(host.to_owned()).map_err(|_| {
            HttpError::Untrusted(name.to_owned(), "the host is not a DNS name or address".to_owned())
        })?;
        let unreachable = |error: io::Error| HttpError::Unreachable(name.to_owned(), error.to_string());
        let stream = self.routes.connect(host, port).await.map_err(unreachable)?;
        let stream = self.tls.connect(server, stream).await.map_err(|error| classify(name, &error))?;
        let session = stream.get_ref().1;
        let tls = match (session.protocol_version(), session.negotiated_cipher_suite()) {
            (Some(version), Some(suite)) => {
                let version = if version == rustls::ProtocolVersion::TLSv1_3 { "TLS 1.3" } else { "TLS 1.2" };
                format!("{version}, {:?}", suite.suite())
            }
            _ => String::new(),
        };
        let (sender, driver) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| classify(name, &error))?;
        tokio::spawn(driver);
        Ok(Connection { sender, tls })
    }

    fn take_idle(&self, host: &str, port: u16) -> Option<Connection> {
        let mut idle = self.idle.lock().ok()?;
        let waiting = idle.get_mut(&(host.to_owned(), port))?;
        std::iter::from_fn(|| waiting.pop()).find(|connection| !connection.sender.is_closed())
    }

    fn keep(&self, host: &str, port: u16, connection: Connection) {
        if let Ok(mut idle) = self.idle.lock() {
            idle.entry((host.to_owned(), port)).or_default().push(connection);
        }
    }
}

impl Request {
    /// A GET.
    pub fn get(url: &Url) -> Request {
        Request { method: Method::GET, url: url.clone(), headers: HeaderMap::new(), body: Bytes::new() }
    }

    /// A POST of a form.
    pub fn form<N: AsRef<str>, V: AsRef<str>>(
        url: &Url,
        fields: impl IntoIterator<Item = (N, V)>,
    ) -> Request {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = Request { method: Method::POST, body: body.into(), ..Request::get(url) };
        request.header(header::CONTENT_TYPE.as_str(), "application/x-www-form-urlencoded")
    }

    /// With one more header. Values that no header can hold are left out.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: &str) -> Request {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }

    /// With an access token (RFC 6750 2.1).
    #[must_use]
    pub fn bearer(self, token: &str) -> Request {
        self.header(header::AUTHORIZATION.as_str(), &format!("Bearer {token}"))
    }

    /// With an access token that is bound to a key (RFC 9449 7.1).
    #[must_use]
    pub fn dpop(self, token: &str) -> Request {
        self.header(header::AUTHORIZATION.as_str(), &format!("DPoP {token}"))
    }

    /// Method and address, as a `DPoP` proof names them: without query and fragment (RFC 9449 4.2).
    pub fn place(&self) -> (String, String) {
        let mut url = self.url.clone();
        url.set_query(None);
        url.set_fragment(None);
        (self.method.to_string(), url.into())
    }

    fn into_wire(self) -> Result<http::Request<Full<Bytes>>, http::Error> {
        let mut target = self.url.path().to_owned();
        if let Some(query) = self.url.query() {
            target.push('?');
            target.push_str(query);
        }
        let authority = self.url.authority().rsplit('@').next().unwrap_or_default();
        let mut wire = http::Request::builder()
            .method(self.method)
            .uri(target)
            .header(header::HOST, authority)
            .header(header::USER_AGENT, concat!("fapictl/", env!("CARGO_PKG_VERSION")))
            .body(Full::new(self.body))?;
        wire.headers_mut().extend(self.headers);
        Ok(wire)
    }
}

impl Answer {
    /// A header as text; `None` if it is missing, unreadable, or there twice.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        match (values.next(), values.next()) {
            (Some(only), None) => only.to_str().ok(),
            _ => None,
        }
    }

    /// Whether `Content-Type` is this media type, whatever its parameters.
    pub fn is(&self, media_type: &str) -> bool {
        self.header("content-type")
            .and_then(|value| value.split(';').next())
            .is_some_and(|essence| essence.trim().eq_ignore_ascii_case(media_type))
    }

    /// Whether `Cache-Control` has `no-store`.
    pub fn is_not_stored(&self) -> bool {
        self.header("cache-control")
            .is_some_and(|value| value.split(',').any(|part| part.trim().eq_ignore_ascii_case("no-store")))
    }

    /// The body as JSON in which no name occurs twice.
    pub fn json(&self) -> Option<serde_json::Value> {
        fapi_jose::json::parse(&self.body).ok()
    }

    /// `error` of an OAuth error answer (RFC 6749 5.2), or of the `WWW-Authenticate` header (RFC 6750 3).
    pub fn oauth_error(&self) -> Option<String> {
        let in_body = self.json().and_then(|body| Some(body.get("error")?.as_str()?.to_owned()));
        let in_header = || {
            // One challenge for each way to come; one of them says what was wrong.
            self.headers.get_all("www-authenticate").iter().find_map(|challenge| {
                let (_, after) = challenge.to_str().ok()?.split_once("error=\"")?;
                Some(after.split_once('"')?.0.to_owned())
            })
        };
        in_body.or_else(in_header)
    }

    /// The answer in a few words: status and error code. Never its content.
    pub fn summary(&self) -> String {
        match self.oauth_error() {
            Some(code) => format!("{} {code}", self.status),
            None => self.status.to_string(),
        }
    }
}

/// Host and port of an URL, the host without brackets.
pub fn place(url: &Url) -> (String, u16) {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    (host.to_owned(), url.port_or_known_default().unwrap_or(443))
}

fn classify(name: &str, error: &(dyn Error + 'static)) -> HttpError {
    let name = name.to_owned();
    let mut deepest = error.to_string();
    let mut next = Some(error);
    while let Some(current) = next {
        deepest = current.to_string();
        let inner = current.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        let tls =
            inner.and_then(|inner| inner.downcast_ref::<rustls::Error>()).or_else(|| current.downcast_ref());
        match tls {
            Some(rustls::Error::AlertReceived(alert)) => return HttpError::Alert(name, format!("{alert:?}")),
            Some(rustls::Error::InvalidCertificate(reason)) => {
                return HttpError::Untrusted(name, format!("its certificate is not accepted: {reason}"));
            }
            Some(other) => return HttpError::Broken(name, other.to_string()),
            None => {}
        }
        if let Some(broken) = current.downcast_ref::<io::Error>()
            && matches!(
                broken.kind(),
                io::ErrorKind::ConnectionReset | io::ErrorKind::UnexpectedEof | io::ErrorKind::BrokenPipe
            )
        {
            return HttpError::Closed(name, broken.to_string());
        }
        next = current.source();
    }
    if error.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_incomplete_message) {
        return HttpError::Closed(name, "before an answer came".to_owned());
    }
    HttpError::Broken(name, deepest)
}

impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HttpError::Unreachable(place, reason) => write!(f, "{place} cannot be reached: {reason}"),
            HttpError::Untrusted(place, reason) => write!(f, "{place} is not trusted: {reason}"),
            HttpError::Alert(place, alert) => write!(f, "{place} refused the TLS connection: {alert}"),
            HttpError::Closed(place, reason) => write!(f, "{place} closed the connection: {reason}"),
            HttpError::Broken(place, reason) => {
                write!(f, "{place} does not speak HTTP as it should: {reason}")
            }
        }
    }
}
