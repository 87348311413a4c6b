//! An authorization server, as far as a resource server sees it: discovery, keys, introspection.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Form, Json, Router};
use fapi_core::Timestamp;
use fapi_core::certificate::PeerCertificate;
use fapi_jose::{Alg, JwkSet, PublicJwk, SigningKey, Unverified};
use http::{StatusCode, header};
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

use crate::pki::Identity;

/// The client that the bank is registered as.
pub(crate) const BANK: &str = "bank-api";

/// How the bank is registered.
#[derive(Clone)]
pub(crate) enum Registered {
    Key(PublicJwk),
    Certificate(String),
}

/// What the server knows, and what it has been asked.
pub(crate) struct Books {
    pub(crate) keys: Vec<SigningKey>,
    pub(crate) discovery: Value,
    pub(crate) cache_control: &'static str,
    /// Whose the tokens are.
    pub(crate) local_sub: Option<&'static str>,
    pub(crate) revoked: HashSet<String>,
    /// Answered in place of the truth.
    pub(crate) instead: Option<(u16, String)>,
    pub(crate) keys_fetched: usize,
    pub(crate) introspected: usize,
    /// Why introspection was refused.
    pub(crate) complaints: Vec<&'static str>,
    assertions: HashSet<String>,
}

pub(crate) struct Double {
    pub(crate) issuer: String,
    state: Arc<Server>,
    task: JoinHandle<()>,
}

struct Server {
    issuer: String,
    registered: Registered,
    now: Timestamp,
    books: Mutex<Books>,
}

impl Double {
    /// Serves at `listener`, as an issuer whose name is `issuer`.
    pub(crate) fn start(
        listener: TcpListener,
        issuer: String,
        identity: &Identity,
        registered: Registered,
        now: Timestamp,
    ) -> Self {
        let discovery = json!({
            "issuer": issuer,
            "jwks_uri": format!("{issuer}/jwks"),
            "introspection_endpoint": format!("{issuer}/introspect"),
            "mtls_endpoint_aliases": { "introspection_endpoint": format!("{issuer}/mtls/introspect") },
        });
        let books = Books {
            keys: vec![SigningKey::generate(Alg::Ps256, 2048).unwrap()],
            discovery,
            cache_control: "public, max-age=300",
            local_sub: Some("s-alice"),
            revoked: HashSet::new(),
            instead: None,
            keys_fetched: 0,
            introspected: 0,
            complaints: Vec::new(),
            assertions: HashSet::new(),
        };
        let state = Arc::new(Server { issuer: issuer.clone(), registered, now, books: Mutex::new(books) });
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(discovery_document))
            .route("/jwks", get(jwks))
            .route("/introspect", post(introspect))
            .route("/mtls/introspect", post(introspect))
            .with_state(Arc::clone(&state));
        let task = tokio::spawn(serve(listener, TlsAcceptor::from(identity.server(now)), router));
        Self { issuer, state, task }
    }

    pub(crate) fn books(&self) -> MutexGuard<'_, Books> {
        self.state.books.lock().unwrap()
    }

    /// What it signs with now.
    pub(crate) fn newest_key(&self) -> SigningKey {
        self.books().keys.last().unwrap().clone()
    }

    /// Gone, with all its connections.
    pub(crate) async fn stop(&mut self) {
        self.task.abort();
        let _ = (&mut self.task).await;
    }
}

async fn serve(listener: TcpListener, tls: TlsAcceptor, router: Router) {
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        connections.spawn(attend(stream, tls.clone(), router.clone()));
    }
}

async fn attend(stream: TcpStream, tls: TlsAcceptor, router: Router) {
    let Ok(stream) = tls.accept(stream).await else { return };
    let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
    let shown = PeerCertificate::from_chain(chain.iter().map(|one| one.to_vec()).collect());
    let service = TowerToHyperService::new(router.layer(Extension(shown)));
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn discovery_document(State(server): State<Arc<Server>>) -> Response {
    let books = server.books.lock().unwrap();
    ([(header::CACHE_CONTROL, books.cache_control)], Json(books.discovery.clone())).into_response()
}

async fn jwks(State(server): State<Arc<Server>>) -> Response {
    let mut books = server.books.lock().unwrap();
    books.keys_fetched += 1;
    let keys = JwkSet::from_keys(books.keys.iter().map(|key| key.public().clone()).collect());
    ([(header::CACHE_CONTROL, books.cache_control)], Json(keys.to_json())).into_response()
}

async fn introspect(
    State(server): State<Arc<Server>>,
    Extension(shown): Extension<Option<PeerCertificate>>,
    Form(form): Form<Vec<(String, String)>>,
) -> Response {
    let mut books = server.books.lock().unwrap();
    books.introspected += 1;
    if let Some((status, body)) = &books.instead {
        return (StatusCode::from_u16(*status).unwrap(), body.clone()).into_response();
    }
    let field = |name: &str| {
        let mut values = form.iter().filter(|(field, _)| field == name).map(|(_, value)| value.as_str());
        values.next().filter(|_| values.next().is_none())
    };
    if let Err(complaint) = server.authenticate(field, shown.as_ref(), &mut books) {
        books.complaints.push(complaint);
        return (StatusCode::UNAUTHORIZED, Json(json!({ "error": "invalid_client" }))).into_response();
    }
    Json(server.truth(field("token").unwrap_or_default(), &books)).into_response()
}

impl Server {
    /// RFC 7523 3, RFC 8705 2.
    fn authenticate<'a>(
        &self,
        field: impl Fn(&str) -> Option<&'a str>,
        shown: Option<&PeerCertificate>,
        books: &mut Books,
    ) -> Result<(), &'static str> {
        if field("client_id") != Some(BANK) {
            return Err("client_id");
        }
        let assertion = field("client_assertion");
        let key = match &self.registered {
            Registered::Certificate(thumbprint) => {
                let right =
                    shown.is_some_and(|shown| shown.has_thumbprint(thumbprint)) && assertion.is_none();
                return if right { Ok(()) } else { Err("certificate") };
            }
            Registered::Key(key) => key,
        };
        if field("client_assertion_type") != Some("urn:ietf:params:oauth:client-assertion-type:jwt-bearer") {
            return Err("client_assertion_type");
        }
        let assertion = Unverified::parse(assertion.unwrap_or_default()).map_err(|_| "form")?;
        let claims = assertion.verify_with(key, Alg::ALL).map_err(|_| "signature")?.claims;
        if ["iss", "sub"].iter().any(|name| claims.string(name).unwrap() != Some(BANK)) {
            return Err("iss or sub");
        }
        if !claims.audience_is_string() || claims.audience().unwrap() != [self.issuer.as_str()] {
            return Err("aud");
        }
        let expires = Timestamp::from_unix(claims.time("exp").unwrap().ok_or("exp")?);
        if expires <= self.now {
            return Err("exp");
        }
        let jti = claims.string("jti").unwrap().ok_or("jti")?.to_owned();
        if books.assertions.insert(jti) { Ok(()) } else { Err("jti") }
    }

    fn truth(&self, token: &str, books: &Books) -> Value {
        let keys = JwkSet::from_keys(books.keys.iter().map(|key| key.public().clone()).collect());
        let token = Unverified::parse(token).unwrap().verify(&keys, Alg::ALL).unwrap();
        let said = |name: &str| token.claims.string(name).unwrap().unwrap().to_owned();
        if books.revoked.contains(&said("jti")) {
            return json!({ "active": false });
        }
        let mut answer = json!({
            "active": true, "iss": self.issuer, "client_id": said("client_id"), "sub": said("sub"), "token_type": "Bearer",
        });
        if let Some(local_sub) = books.local_sub {
            answer["local_sub"] = json!(local_sub);
        }
        answer
    }
}
