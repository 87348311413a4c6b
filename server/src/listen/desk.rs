//! What happens to every request, whatever its route?
//!
//! Straight-line, in this order: does it name this door, whose certificate comes with it, is its body one
//! that we read; then its route answers, in a task of its own; then the answer gets what every answer has, and a line in
//! the log.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::MatchedPath;
use axum::middleware::map_request;
use axum::response::Response;
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_ENCODING, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderName, HeaderValue, Method, Request};
use hyper::body::Incoming;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};
use tower::ServiceExt as _;
use tracing::{Instrument as _, error, info, info_span};

use super::body::{self, Answer};
use super::{Door, Limits, Peer, Place, authority, forwarded, refusal};
use crate::app::App;
use crate::telemetry::{Endpoint, Refused};

/// Bodies that are read at once on one connection; further ones wait for these.
const BODIES: usize = 16;

/// The header that tells a caller which line of our log is about its request.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The name of one request: in the log, in the answer's `x-request-id`, and on error pages. It stands in the extensions
/// of every request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RequestId(Arc<str>);

impl RequestId {
    fn new(app: &App) -> Self {
        let bits = u128::from_be_bytes(app.rng().bytes()) >> 48;
        Self(format!("{bits:020x}").into())
    }

    /// Twenty hexadecimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What is behind the two doors.
#[derive(Clone, Debug)]
pub struct Routers {
    /// For browsers.
    pub front: Router,
    /// For programs.
    pub back: Router,
}

/// Serves the requests of all connections.
#[derive(Debug)]
pub(super) struct Desk {
    app: App,
    routers: Routers,
    limits: Limits,
    room: Arc<Semaphore>,
}

/// One connection, as far as its requests are concerned.
#[derive(Debug)]
pub(super) struct Caller {
    peer: Peer,
    place: Place,
    bodies: Semaphore,
    room: Arc<Semaphore>,
}

impl Caller {
    pub(super) fn new(peer: Peer, place: Place, limits: &Limits) -> Self {
        let room = Arc::new(Semaphore::new(limits.streams as usize));
        Self { peer, place, bodies: Semaphore::new(BODIES), room }
    }

    pub(super) fn place(&self) -> &Place {
        &self.place
    }
}

/// Filled in by the router once it knows.
#[derive(Clone, Default)]
struct Route(Arc<OnceLock<MatchedPath>>);

/// Runs within the router, because only there the route is known. It is handed out through the request, so that it is not
/// lost when the route panics.
async fn note_route(request: Request<Body>) -> Request<Body> {
    let extensions = request.extensions();
    if let (Some(Route(route)), Some(path)) = (extensions.get(), extensions.get::<MatchedPath>()) {
        route.get_or_init(|| path.clone());
    }
    request
}

impl Desk {
    pub(super) fn new(app: App, routers: Routers, limits: Limits) -> Self {
        let routers = Routers {
            front: routers.front.layer(map_request(note_route)),
            back: routers.back.layer(map_request(note_route)),
        };
        Self { app, routers, limits, room: Arc::new(Semaphore::new(limits.requests)) }
    }

    /// Returns once no request is under way.
    pub(super) async fn idle(&self) {
        let all = u32::try_from(self.limits.requests).unwrap_or(u32::MAX);
        // An error would mean that no request can begin any more, which is as good.
        let _ = self.room.acquire_many(all).await;
    }

    /// Answers one request.
    pub(super) async fn serve(&self, caller: &Caller, request: Request<Incoming>) -> Response<Answer> {
        let began = Instant::now();
        let busy = caller.place.visit().begin();
        let id = RequestId::new(&self.app);
        let method = method(request.method());
        let route = Route::default();

        let door = caller.peer.door();
        let answered = self.answer(caller, request, &id, &route).await;
        let mut response = answered.unwrap_or_else(|reason| {
            self.app.metrics().refused(door.as_str(), reason);
            refusal::answer(door, reason)
        });

        dress(&mut response, &id);
        self.note(door, method, &route, &id, &response, began.elapsed());
        response.map(|body| Answer::new(body, busy))
    }

    async fn answer(
        &self,
        caller: &Caller,
        request: Request<Incoming>,
        id: &RequestId,
        route: &Route,
    ) -> Result<Response, Refused> {
        // One configuration from here on, whatever is installed meanwhile. Without one, no handshake succeeds.
        let current = self.app.current().ok_or(Refused::Overloaded)?;
        let door = caller.peer.door();
        let (mut parts, body) = request.into_parts();

        // TL-15, P-29: before anything that depends on which door this is.
        if !authority::is_meant(&parts, door.authority(&current.registry.doors)) {
            return Err(Refused::OtherAuthority);
        }

        // TL-01: a certificate is what the handshake has shown, or what the proxy that the Workspace names passes on.
        let peer = match door {
            Door::Back => {
                forwarded::client(&caller.peer, &parts.headers, &current.registry, self.app.clock().now())?
            }
            Door::Front => caller.peer.clone(),
        };

        // H-05, H-04, H-01: nothing is unpacked, and nothing is begun with half a body.
        if parts.headers.contains_key(CONTENT_ENCODING) {
            return Err(Refused::ContentEncoding);
        }
        let body = self.read(caller, &parts, body).await?;

        parts.extensions.insert(peer);
        parts.extensions.insert(id.clone());
        parts.extensions.insert(current);
        parts.extensions.insert(route.clone());
        self.ask(caller, Request::from_parts(parts, Body::from(body)), id).await
    }

    async fn read(
        &self,
        caller: &Caller,
        head: &http::request::Parts,
        body: Incoming,
    ) -> Result<Bytes, Refused> {
        let read = async {
            let _turn = caller.bodies.acquire().await.map_err(|_| Refused::Overloaded)?;
            body::read(head, body, &self.limits).await
        };
        timeout(self.limits.body, read).await.map_err(|_| Refused::BodyTooSlow)?
    }

    /// Lets the route answer, in a task of its own: a caller that hangs up must not be able to stop a revocation half
    /// way, and a panic ends this request only (H-10).
    async fn ask(
        &self,
        caller: &Caller,
        request: Request<Body>,
        id: &RequestId,
    ) -> Result<Response, Refused> {
        // Streams that were reset leave their tasks behind: what counts is what runs, not what is open (H-03).
        let own = Arc::clone(&caller.room).try_acquire_owned().map_err(|_| Refused::Overloaded)?;
        let all = Arc::clone(&self.room).try_acquire_owned().map_err(|_| Refused::Overloaded)?;

        let door = caller.peer.door();
        let router = match door {
            Door::Back => self.routers.back.clone(),
            Door::Front => self.routers.front.clone(),
        };
        let limit = self.limits.answer;
        let span = info_span!("request", request_id = id.as_str(), door = door.as_str());
        let answer = async move {
            let answer = timeout(limit, router.oneshot(request)).await;
            drop((own, all));
            answer
        };
        match tokio::spawn(answer.instrument(span)).await {
            Ok(Ok(Ok(response))) => Ok(response),
            Ok(Err(_)) => Err(Refused::TookTooLong),
            Err(failure) => {
                self.app.metrics().panicked();
                error!(request_id = id.as_str(), "A request ended in a panic: {failure}");
                Ok(refusal::broken(door))
            }
        }
    }

    fn note(
        &self,
        door: Door,
        method: &'static str,
        route: &Route,
        id: &RequestId,
        response: &Response,
        took: Duration,
    ) {
        let code = response.status().as_u16();
        let route = route.0.get().map_or("unmatched", MatchedPath::as_str);
        let endpoint = Endpoint { door: door.as_str(), endpoint: route.to_owned(), method, code };
        self.app.metrics().request(&endpoint, took);
        info!(
            request_id = id.as_str(),
            door = door.as_str(),
            method,
            route,
            status = code,
            duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            "{method} {route} {code}"
        );
    }
}

/// What every answer has.
fn dress(response: &mut Response, id: &RequestId) {
    let headers = response.headers_mut();
    // TLS-07
    headers.insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // TLS-11, H-07: what may be cached says so itself.
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    if let Ok(id) = HeaderValue::from_str(id.as_str()) {
        headers.insert(REQUEST_ID, id);
    }
}

/// The method as a label: callers may invent methods, but not time series.
fn method(method: &Method) -> &'static str {
    match *method {
        Method::DELETE => "DELETE",
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        Method::PATCH => "PATCH",
        Method::POST => "POST",
        Method::PUT => "PUT",
        _ => "other",
    }
}
