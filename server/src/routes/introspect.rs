//! Introspection (RFC 7662).

use axum::extract::{Request, State};
use axum::response::Response;
use fapi_core::client::{AuthenticatedClient, Endpoint};
use fapi_core::introspection;
use fapi_core::rejection::Rejection;
use fapi_core::resource::{self, AccessToken, Expectations};
use fapi_core::secret::{Purpose, Secret};
use http::{HeaderMap, header};
use serde_json::{Map, Value};

use crate::app::App;
use crate::context::{Around, Context, json as render};
use crate::extract::ClientRequest;
use crate::failure::Failure;

/// What the caller may know of a token; `{"active":false}` for everything else (`INT-03`).
pub(super) async fn post(State(app): State<App>, request: Request) -> Response {
    let around = Around::of(&request);
    render(&app, &around, "an introspection request", answer(&app, &around, request).await).await
}

async fn answer(app: &App, around: &Around, request: Request) -> Result<Response, Failure> {
    let cx = Context::begin(app, around)?;
    let request = ClientRequest::read(request).await?;
    let caller = cx.authenticate(&request.credentials, Endpoint::Introspection).await?;
    let token = request.params.required("token", "token is missing", "RFC 7662 2.1")?;
    let known = cx.introspect(token, &caller).await?.unwrap_or_else(introspection::inactive);
    let asked = asks_for_jwt(&request.headers);
    let form = introspection::form(known, asked, &caller, cx.registry(), cx.now())?;
    cx.formed(form, introspection::JWT, &caller)
}

/// RFC 9701 4: the caller names the media type. A wildcard is content with JSON.
fn asks_for_jwt(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|range| {
        let mut pieces = range.split(';').map(str::trim);
        let named = pieces.next().is_some_and(|name| name.eq_ignore_ascii_case(introspection::JWT));
        let refused = |parameter: &str| {
            let weight = parameter.strip_prefix("q=").or_else(|| parameter.strip_prefix("Q="));
            weight.and_then(|weight| weight.parse().ok()) == Some(0.0_f32)
        };
        named && !pieces.any(refused)
    })
}

impl Context {
    async fn introspect(
        &self,
        token: &str,
        caller: &AuthenticatedClient,
    ) -> Result<Option<Map<String, Value>>, Failure> {
        match self.our_token(token).await {
            Ok(token) => {
                let grant = match token.grant() {
                    Some(id) => self.store().by_id(&id).await?,
                    None => None,
                };
                let authorization = grant.as_ref().and_then(|grant| grant.authorization(self.now()));
                Ok(introspection::access_token(&token, authorization, caller, self.registry()))
            }
            Err(Failure::Rejected(_)) => self.introspect_refresh(token, caller).await,
            Err(trouble) => Err(trouble),
        }
    }

    /// An access token of ours in the hands of somebody who is not its presenter.
    ///
    /// # Errors
    /// `invalid_token`.
    pub(super) async fn our_token(&self, token: &str) -> Result<AccessToken, Failure> {
        let token = self.verified(|expected| resource::read(token, expected, self.now()))?;
        self.in_force(token).await
    }

    async fn introspect_refresh(
        &self,
        token: &str,
        caller: &AuthenticatedClient,
    ) -> Result<Option<Map<String, Value>>, Failure> {
        let Some(row) = self.store().lookup(&Secret::presented(token).digest(Purpose::RefreshToken)).await?
        else {
            return Ok(None);
        };
        let Some(grant) = self.store().by_id(&row.grant).await? else { return Ok(None) };
        Ok(introspection::refresh_token(&row, &grant, caller, self.registry(), self.now()))
    }

    /// What `check` makes of a token that should be ours.
    ///
    /// # Errors
    /// What `check` refuses.
    pub(super) fn verified<T>(
        &self,
        check: impl FnOnce(&Expectations<'_>) -> Result<T, Rejection>,
    ) -> Result<T, Failure> {
        let keys = self.registry().jwks();
        let expected = Expectations {
            issuer: self.registry().issuer.as_str(),
            audience: None,
            keys: &keys,
            algorithms: &self.registry().rules.signing,
        };
        Ok(check(&expected)?)
    }

    /// An access token that was verified and is still in force: its client is still served, and nobody revoked it. Our own endpoints
    /// always ask the store.
    ///
    /// # Errors
    /// `invalid_token`.
    pub(super) async fn in_force(&self, token: AccessToken) -> Result<AccessToken, Failure> {
        let ended = |detail: &str| {
            Rejection::invalid_token("the access token is not valid", "RFC 6750 3.1").detail(detail)
        };
        if !self.registry().client(&token.client_id).is_some_and(|client| client.enabled()) {
            return Err(ended("its client is gone or disabled").into());
        }
        let grant = token.grant().ok_or_else(|| ended("jti names no grant"))?;
        if self.store().denied(&token.jti, &grant).await? {
            return Err(ended("it was revoked").into());
        }
        Ok(token)
    }
}
