//! One request's view of the server: one snapshot, one `now`. Its methods load, ask core, and store; routes string them together.

use std::sync::Arc;

use axum::extract::Request;
use axum::response::Response;
use fapi_config::Users;
use fapi_core::Timestamp;
use fapi_core::certificate::PeerCertificate;
use fapi_core::claims::ToSign;
use fapi_core::client::{AuthenticatedClient, Client, Credentials, EncryptionChoice, Endpoint, authenticate};
use fapi_core::ids::ClientId;
use fapi_core::registry::Registry;
use fapi_core::rejection::{Consequence, Rejection};
use fapi_core::response::{Destination, Outgoing};
use fapi_core::sender::{SenderBinding, bind};
use fapi_core::token::Random;
use fapi_store::{FirstUse, Store, StoreError};
use http::HeaderMap;
use tracing::{error, info, warn};

use crate::app::{App, Current};
use crate::failure::Failure;
use crate::listen::RequestId;
use crate::seal::Seal;

/// What stands around a request, kept when its body is read.
#[derive(Clone, Debug, Default)]
pub struct Around {
    /// Its headers.
    pub headers: HeaderMap,
    /// What the log calls it.
    pub request_id: String,
    current: Option<Arc<Current>>,
}

impl Around {
    /// Of a request.
    pub fn of(request: &Request) -> Self {
        let extensions = request.extensions();
        Self {
            headers: request.headers().clone(),
            request_id: extensions.get::<RequestId>().map(|id| id.as_str().to_owned()).unwrap_or_default(),
            current: extensions.get::<Arc<Current>>().cloned(),
        }
    }
}

/// What one request sees.
#[derive(Clone, Debug)]
pub struct Context {
    app: App,
    current: Arc<Current>,
    now: Timestamp,
    store: Store,
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Corrupt { .. } => Self::Internal(error.to_string()),
            error => Self::Unavailable(error.to_string()),
        }
    }
}

impl Context {
    /// Begins a request.
    ///
    /// # Errors
    /// 503 before the first configuration is loaded.
    pub fn begin(app: &App, around: &Around) -> Result<Self, Failure> {
        let current = around
            .current
            .clone()
            .or_else(|| app.current())
            .ok_or_else(|| Failure::Unavailable("no configuration is loaded".into()))?;
        let store = app.store().ok_or_else(|| Failure::Unavailable("the database is not open".into()))?;
        Ok(Self { app: app.clone(), current, now: app.clock().now(), store })
    }

    /// When this request began.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// The snapshot.
    pub fn registry(&self) -> &Registry {
        &self.current.registry
    }

    /// The configuration it is part of.
    pub fn current(&self) -> &Current {
        &self.current
    }

    /// What makes forms ours.
    pub fn seal(&self) -> Seal {
        Seal::new(self.current.seal.iter().map(|one| one.key.expose().as_slice()))
    }

    /// The people who may sign in.
    pub fn users(&self) -> Option<&Users> {
        self.current.users.as_ref()
    }

    /// The name of the bank as people know it: what the Workspace says, or else the host of the issuer.
    pub fn brand(&self) -> &str {
        self.current.document.ui.brand.as_deref().unwrap_or_else(|| self.registry().issuer.host())
    }

    /// The database.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// What everything shares.
    pub fn app(&self) -> &App {
        &self.app
    }

    /// Fresh random bytes.
    pub fn random<const N: usize>(&self) -> [u8; N] {
        self.app.rng().bytes()
    }

    /// Random bytes for what a token response may need.
    pub fn token_random(&self) -> Random {
        Random { grant: self.random(), access_token: self.random(), refresh_token: self.random() }
    }

    /// Who is calling? The assertion's `jti` is spent before anything else happens (`CA-05`).
    ///
    /// # Errors
    /// `invalid_client`; 503 when the replay store cannot answer: fail closed.
    pub async fn authenticate(
        &self,
        credentials: &Credentials,
        endpoint: Endpoint,
    ) -> Result<AuthenticatedClient, Failure> {
        let presented = match authenticate(credentials, self.registry(), endpoint, self.now) {
            Ok(presented) => presented,
            // KEY-08: it may have been signed with a key that is newer than what we have.
            Err(refused) => {
                let current = self.with_newer_keys(credentials).await.ok_or(refused)?;
                authenticate(credentials, &current.registry, endpoint, self.now)?
            }
        };
        let first = match presented.replay() {
            None => true,
            Some(key) => self.store.first_use(&key.digest, key.until, self.now).await? == FirstUse::First,
        };
        Ok(presented.admit(first)?)
    }

    async fn with_newer_keys(&self, credentials: &Credentials) -> Option<Arc<Current>> {
        let claimed = ClientId::parse(&credentials.claimed_client()?).ok()?;
        self.app.with_newer_keys(self.registry().client(&claimed)?).await
    }

    /// To which key will the tokens be bound?
    ///
    /// # Errors
    /// `invalid_request` without an acceptable certificate.
    pub fn bind(
        &self,
        client: &Client,
        certificate: Option<&PeerCertificate>,
    ) -> Result<SenderBinding, Failure> {
        Ok(bind(client, certificate, self.registry(), self.now)?)
    }

    /// A signed JWT.
    ///
    /// # Errors
    /// 500 when the active key is not at hand: the document and the key file disagree.
    pub fn sign(&self, to_sign: &ToSign) -> Result<String, Failure> {
        let signed = self.current.keyring.sign(to_sign.alg, Some(to_sign.typ), &to_sign.claims);
        signed.map_err(|why| Failure::Internal(format!("cannot sign with {}: {why}", to_sign.alg)))
    }

    /// A JWT encrypted to a client, signed before (`J-21`: never the signed one alone when encryption was registered).
    ///
    /// # Errors
    /// 500 when the client has no key for it any more.
    pub fn encrypt(&self, jwt: &str, choice: EncryptionChoice, client: &Client) -> Result<String, Failure> {
        let key = client.jwks().and_then(|keys| keys.encryption_key(choice.algorithm));
        let key = key.ok_or_else(|| {
            Failure::Internal(format!("client {} has no key for {}", client.id(), choice.algorithm))
        })?;
        fapi_jose::encrypt(jwt.as_bytes(), Some("JWT"), key, choice.algorithm, choice.content)
            .map_err(|why| Failure::Internal(format!("cannot encrypt to client {}: {why}", client.id())))
    }

    /// Where a browser is sent with an answer.
    ///
    /// # Errors
    /// 500 when it cannot be signed or encrypted.
    pub fn url(&self, outgoing: Outgoing, destination: &Destination) -> Result<String, Failure> {
        let jarm = match outgoing {
            Outgoing::Plain(url) => return Ok(url),
            Outgoing::Jarm(jarm) => jarm,
        };
        let signed = self.current.keyring.sign(jarm.alg, Some("JWT"), &jarm.claims);
        let mut jwt =
            signed.map_err(|why| Failure::Internal(format!("cannot sign with {}: {why}", jarm.alg)))?;
        if let Some(choice) = jarm.encryption {
            let client = self.registry().client(destination.client_id());
            let client = client.ok_or_else(|| Failure::Internal("the client is gone".into()))?;
            jwt = self.encrypt(&jwt, choice, client)?;
        }
        Ok(jarm.url(&jwt))
    }

    /// When the longest access token that may exist now has ended.
    pub fn last_access_token(&self) -> Timestamp {
        self.now + self.registry().rules.profile().lifetimes.access_token.max
    }

    /// The one place where a failure is logged and its consequence applied, in a transaction of its own.
    pub async fn note(&self, failure: &Failure, doing: &str) {
        match failure {
            Failure::Rejected(rejection) => {
                info!(code = %rejection.code, clause = %rejection.clause, detail = rejection.detail, "Refused {doing}: {}", rejection.description);
                self.apply(rejection).await;
            }
            Failure::TooLarge => info!("Refused {doing}: the body is too large"),
            Failure::Unavailable(why) => warn!(why, "Could not answer {doing}"),
            Failure::Internal(why) => error!(why, "Failed at {doing}"),
        }
    }

    async fn apply(&self, rejection: &Rejection) {
        match &rejection.consequence {
            None => {}
            Some(Consequence::RevokeGrant { grant, client }) => {
                match self.store.revoke(grant, client, self.now, self.last_access_token()).await {
                    Ok(_) => {
                        warn!(%grant, %client, "Revoked grant {grant} of {client}: its code was used twice");
                    }
                    Err(why) => error!(%grant, %why, "Could not revoke grant {grant}"),
                }
            }
        }
    }
}

/// Renders the outcome of a JSON endpoint.
pub async fn json(app: &App, around: &Around, doing: &str, outcome: Result<Response, Failure>) -> Response {
    render(app, around, doing, outcome, Failure::json).await
}

/// Renders the outcome of a resource.
pub async fn bearer(app: &App, around: &Around, doing: &str, outcome: Result<Response, Failure>) -> Response {
    render(app, around, doing, outcome, Failure::bearer).await
}

async fn render(
    app: &App,
    around: &Around,
    doing: &str,
    outcome: Result<Response, Failure>,
    renderer: fn(&Failure) -> Response,
) -> Response {
    match outcome {
        Ok(response) => response,
        Err(failure) => {
            if let Ok(cx) = Context::begin(app, around) {
                cx.note(&failure, doing).await;
            }
            renderer(&failure)
        }
    }
}
