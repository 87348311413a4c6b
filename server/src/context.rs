//! One request's view of the server: one snapshot, one `now`. Its methods load, ask core, and store; routes string them together.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use fapi_config::Users;
use fapi_core::Timestamp;
use fapi_core::claims::{Form, ToSign};
use fapi_core::client::{
    AuthenticatedClient, Client, Credentials, EncryptionChoice, Endpoint, ReplayKey, authenticate,
};
use fapi_core::dpop::{self, Call, HeldKey, NonceRule};
use fapi_core::ids::ClientId;
use fapi_core::profile::{DpopNonce, SenderConstraint};
use fapi_core::registry::Registry;
use fapi_core::rejection::{Consequence, Rejection};
use fapi_core::resource::{self, Scheme};
use fapi_core::response::{Destination, Outgoing};
use fapi_core::sender::{SenderBinding, bind};
use fapi_core::token::Random;
use fapi_jose::PublicJwk;
use fapi_store::{FirstUse, Store, StoreError};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use tracing::{error, info, warn};

use crate::app::{App, Current};
use crate::extract::{ClientRequest, proofs};
use crate::failure::{Failure, no_store};
use crate::listen::{Peer, RequestId};
use crate::seal::Seal;

/// RFC 9449 8.
const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

/// What stands around a request, kept when its body is read.
#[derive(Clone, Debug, Default)]
pub struct Around {
    /// Its headers.
    pub headers: HeaderMap,
    /// What the log calls it.
    pub request_id: String,
    /// The other end of its connection.
    pub remote: Option<IpAddr>,
    current: Option<Arc<Current>>,
}

impl Around {
    /// Of a request.
    pub fn of(request: &Request) -> Self {
        let extensions = request.extensions();
        Self {
            headers: request.headers().clone(),
            request_id: extensions.get::<RequestId>().map(|id| id.as_str().to_owned()).unwrap_or_default(),
            remote: extensions.get::<Peer>().map(|peer| peer.remote().ip()),
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
            Some(key) => self.first_use(key).await?,
        };
        Ok(presented.admit(first)?)
    }

    /// Whether nobody used this before; from now on somebody has.
    ///
    /// # Errors
    /// 503 when the replay store cannot answer: fail closed.
    pub async fn first_use(&self, key: &ReplayKey) -> Result<bool, Failure> {
        Ok(self.store.first_use(&key.digest, key.until, self.now).await? == FirstUse::First)
    }

    async fn with_newer_keys(&self, credentials: &Credentials) -> Option<Arc<Current>> {
        let claimed = ClientId::parse(&credentials.claimed_client()?).ok()?;
        self.app.with_newer_keys(self.registry().client(&claimed)?).await
    }

    /// To which key will the tokens be bound? A `DPoP` proof counts where the client's tokens are bound to keys, and is spent here.
    ///
    /// # Errors
    /// `invalid_request` without an acceptable certificate; `invalid_dpop_proof` and `use_dpop_nonce` without an acceptable proof.
    pub async fn bind(
        &self,
        client: &Client,
        request: &ClientRequest,
        endpoint: Endpoint,
    ) -> Result<SenderBinding, Failure> {
        let key = match client.sender_constraint() {
            SenderConstraint::Certificate => None,
            SenderConstraint::DPoP => Some(self.held_key(request, endpoint).await?),
        };
        Ok(bind(client, request.certificate.as_ref(), key.as_ref(), self.registry(), self.now)?)
    }

    /// The key that a caller shows to hold, once (`DPO-08`).
    ///
    /// # Errors
    /// `invalid_dpop_proof`, `use_dpop_nonce`; 503 when the replay store cannot answer.
    pub async fn held_key(&self, request: &ClientRequest, endpoint: Endpoint) -> Result<HeldKey, Failure> {
        let url = self.registry().doors.back.url(endpoint.path());
        let seal = self.seal();
        let ours = |nonce: &str| seal.knows_nonce(nonce, self.now);
        let proof = dpop::verify(
            &proofs(&request.headers),
            Call { method: "POST", url: &url },
            None,
            &self.registry().rules.signing,
            self.nonce_rule(&ours),
            self.now,
        )?;
        let first = self.first_use(proof.replay()).await?;
        Ok(proof.admit(first)?)
    }

    /// Whether proofs need a nonce; `ours` knows them.
    pub fn nonce_rule<'a>(&self, ours: &'a dyn Fn(&str) -> bool) -> NonceRule<'a> {
        match self.registry().rules.dpop_nonce {
            DpopNonce::Never => NonceRule::NotAsked,
            DpopNonce::Required => NonceRule::Required(ours),
        }
    }

    /// Where proofs need a nonce, every answer brings one (RFC 9449 8.2).
    pub fn offer_nonce(&self, response: &mut Response) {
        if self.registry().rules.dpop_nonce == DpopNonce::Required
            && let Some(nonce) = self.seal().nonce(self.now)
            && let Ok(nonce) = HeaderValue::from_str(&nonce)
        {
            response.headers_mut().insert(DPOP_NONCE, nonce);
        }
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
        let key = encryption_key(choice, client)?;
        fapi_jose::encrypt(jwt.as_bytes(), Some("JWT"), key, choice.algorithm, choice.content)
            .map_err(|why| Failure::Internal(format!("cannot encrypt to client {}: {why}", client.id())))
    }

    /// A logout token as this client gets it: signed, and encrypted where its ID Tokens are (OpenID Connect Back-Channel Logout
    /// 2.4).
    ///
    /// # Errors
    /// 500 when it cannot be signed, or the client has no key for it any more.
    pub fn logout_token(&self, claims: &ToSign, client: &Client) -> Result<String, Failure> {
        let signed = self.sign(claims)?;
        let Some(choice) = client.id_token_encryption(&self.registry().rules) else { return Ok(signed) };
        let key = encryption_key(choice, client)?;
        let issuer = self.registry().issuer.as_str();
        fapi_jose::encrypt_from(issuer, &signed, key, choice.algorithm, choice.content)
            .map_err(|why| Failure::Internal(format!("cannot encrypt to client {}: {why}", client.id())))
    }

    /// An answer in its form: JSON, or a JWT of this media type for this client.
    ///
    /// # Errors
    /// 500 when it cannot be signed or encrypted.
    pub fn formed(&self, form: Form, media_type: &'static str, client: &Client) -> Result<Response, Failure> {
        let (to_sign, encryption) = match form {
            Form::Json(answer) => return Ok((no_store(), axum::Json(answer)).into_response()),
            Form::Jwt { to_sign, encryption } => (to_sign, encryption),
        };
        let signed = self.sign(&to_sign)?;
        let jwt = match encryption {
            None => signed,
            Some(choice) => self.encrypt(&signed, choice, client)?,
        };
        Ok((no_store(), [(header::CONTENT_TYPE, media_type)], jwt).into_response())
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

fn encryption_key(choice: EncryptionChoice, client: &Client) -> Result<&PublicJwk, Failure> {
    let key = client.jwks().and_then(|keys| keys.encryption_key(choice.algorithm));
    key.ok_or_else(|| {
        Failure::Internal(format!("client {} has no key for {}", client.id(), choice.algorithm))
    })
}

/// Renders the outcome of a JSON endpoint.
pub async fn json(app: &App, around: &Around, doing: &str, outcome: Result<Response, Failure>) -> Response {
    render(app, around, doing, outcome, |failure, _| failure.json()).await
}

/// Renders the outcome of a resource. A refusal says how tokens may come (RFC 6750 3, RFC 9449 7.1).
pub async fn challenge(
    app: &App,
    around: &Around,
    doing: &str,
    outcome: Result<Response, Failure>,
) -> Response {
    let used = around.headers.get(header::AUTHORIZATION);
    let used = used.and_then(|header| Scheme::of(header.to_str().ok()?));
    render(app, around, doing, outcome, |failure, cx| {
        let (offered, algorithms) = match cx {
            Some(cx) => {
                let rules = &cx.registry().rules;
                (rules.sender_constraint.as_slice(), rules.signing.as_slice())
            }
            None => Default::default(),
        };
        failure.challenge(&resource::challenges(&failure.rejection(), used, offered, algorithms))
    })
    .await
}

async fn render(
    app: &App,
    around: &Around,
    doing: &str,
    outcome: Result<Response, Failure>,
    renderer: impl FnOnce(&Failure, Option<&Context>) -> Response,
) -> Response {
    let cx = Context::begin(app, around).ok();
    let mut response = match outcome {
        Ok(response) => response,
        Err(failure) => {
            if let Some(cx) = &cx {
                cx.note(&failure, doing).await;
            }
            renderer(&failure, cx.as_ref())
        }
    };
    if let Some(cx) = &cx {
        cx.offer_nonce(&mut response);
    }
    response
}
