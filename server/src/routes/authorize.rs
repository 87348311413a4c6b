//! The authorization endpoint (RFC 6749 3.1): by GET or POST, with a reference to a pushed request or a request by value.

use axum::extract::{Request, State};
use axum::response::Response;
use fapi_core::authorize::{Arrival, Delivery, Refused, arrive, by_value};
use fapi_core::client::Client;
use fapi_core::grant::Grant;
use fapi_core::ids::GrantId;
use fapi_core::params::Params;
use fapi_core::rejection::Rejection;
use fapi_core::response::Destination;
use fapi_core::secret::Digest;
use http::{Method, StatusCode, header};

use super::interaction::{Leave, Visitor, proceed};
use crate::app::App;
use crate::context::{Around, Context};
use crate::extract::query_or_form;
use crate::failure::Failure;
use crate::pages::Pages;

/// A refusal here: a page, or a redirect to a destination that was proven.
enum Refusal {
    Page(Failure),
    Redirect(Failure, Destination),
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self::Page(failure)
    }
}

impl From<Rejection> for Refusal {
    fn from(rejection: Rejection) -> Self {
        Self::Page(rejection.into())
    }
}

impl From<Refused> for Refusal {
    fn from(refused: Refused) -> Self {
        match refused.destination {
            None => Self::Page(refused.rejection.into()),
            Some(destination) => Self::Redirect(refused.rejection.into(), *destination),
        }
    }
}

impl From<fapi_store::StoreError> for Refusal {
    fn from(error: fapi_store::StoreError) -> Self {
        Self::Page(error.into())
    }
}

/// Opens a request, and sends the browser on.
pub(super) async fn open(State(app): State<App>, request: Request) -> Response {
    let around = Around::of(&request);
    let outcome = match read(&app, request, &around).await {
        Ok(response) => Ok(response),
        Err(Refusal::Page(failure)) => Err(failure),
        Err(Refusal::Redirect(failure, destination)) => redirect(&app, &around, &failure, &destination).await,
    };
    Pages::render(&app, &around, "an authorization request", outcome).await
}

async fn read(app: &App, request: Request, around: &Around) -> Result<Response, Refusal> {
    let cx = Context::begin(app, around)?;
    // A form post, too, may not be followed by a redirect to the client.
    let leave = if request.method() == Method::POST { Leave::Page } else { Leave::Redirect };
    let params = query_or_form(request).await.map_err(Failure::from)?;
    let grant = match arrive(&params, cx.registry())? {
        Arrival::Reference { client, request_uri } => cx.open_pushed(&client, &request_uri).await?,
        Arrival::ByValue { client, jwt, outside } => cx.open_by_value(&client, &jwt, &outside).await?,
    };
    let visitor = Visitor::of(&around.headers, &cx).await?;
    Ok(proceed(&cx, grant, &visitor, leave).await?)
}

impl Context {
    /// PAR-07, E-21: only by the client that pushed it. Nobody learns whether another's exists.
    async fn open_pushed(&self, client: &Client, request_uri: &Digest) -> Result<Grant, Refusal> {
        let unknown =
            || Rejection::invalid_request_uri("the request_uri is unknown or has expired", "RFC 9126 4");
        let grant = self.store().by_request_uri(request_uri).await?.ok_or_else(unknown)?;
        if grant.client_id != *client.id() || grant.incarnation != *client.incarnation() {
            return Err(unknown().detail("it was pushed by another client").into());
        }
        // Requirements section 30, 4: the stored request still says where to send this.
        let destination = Destination::of(&grant.request, client);
        let leave = |failure| Refusal::Redirect(failure, destination.clone());
        let opened =
            grant.open(&self.registry().rules, self.now()).map_err(|rejection| leave(rejection.into()))?;
        // E-30: the client is told that it may try again.
        let opened = self.store().open_grant(&opened).await.map_err(|trouble| leave(trouble.into()))?;
        Ok(opened.ok_or_else(unknown)?)
    }

    /// A request object may be opened again until an answer has left (DESIGN: spent at completion).
    async fn open_by_value(&self, client: &Client, jwt: &str, outside: &Params) -> Result<Grant, Refusal> {
        let request = by_value(jwt, outside, client, self.registry(), self.now())?;
        let destination = Destination::of(&request, client);
        let leave = |failure| Refusal::Redirect(failure, destination.clone());
        if let Delivery::ByValue { digest, .. } = &request.delivery
            && self.store().spent(digest).await.map_err(|trouble| leave(trouble.into()))?
        {
            let used = Rejection::invalid_request_object("the request object has been used", "RFC 9101 10.2");
            return Err(leave(used.into()));
        }
        let rules = &self.registry().rules;
        let expires = self.now() + rules.lifetimes.interaction;
        let id = GrantId::from_random(self.random());
        let grant =
            Grant::push(id, client.id().clone(), client.incarnation().clone(), request, expires, self.now());
        let grant = grant.open(rules, self.now())?;
        self.store().push(&grant, None).await.map_err(|trouble| leave(trouble.into()))?;
        Ok(grant)
    }
}

/// An error that may leave: `state`, `iss` and mode as the request said.
async fn redirect(
    app: &App,
    around: &Around,
    failure: &Failure,
    destination: &Destination,
) -> Result<Response, Failure> {
    use axum::response::IntoResponse as _;
    let cx = Context::begin(app, around)?;
    let outgoing = destination.error(&failure.rejection(), cx.registry(), cx.now())?;
    let url = cx.url(outgoing, destination)?;
    cx.note(failure, "an authorization request").await;
    Ok((StatusCode::SEE_OTHER, [(header::LOCATION, url)], crate::failure::no_store()).into_response())
}
