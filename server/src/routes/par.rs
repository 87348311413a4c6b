//! Pushed authorization requests (RFC 9126).

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use fapi_core::authorize::{REQUEST_URI_PREFIX, push};
use fapi_core::client::Endpoint;
use fapi_core::grant::Grant;
use fapi_core::ids::GrantId;
use fapi_core::profile::SenderConstraint;
use fapi_core::secret::{Purpose, Secret};
use http::StatusCode;
use serde_json::json;

use crate::app::App;
use crate::context::{Around, Context, json as render};
use crate::extract::ClientRequest;
use crate::failure::{Failure, no_store};

/// 201 with a `request_uri`, or 400/401 JSON: everything that could be refused later is refused here (`PAR-04`).
pub(super) async fn post(State(app): State<App>, request: Request) -> Response {
    let around = Around::of(&request);
    render(&app, &around, "a pushed request", answer(&app, &around, request).await).await
}

async fn answer(app: &App, around: &Around, request: Request) -> Result<Response, Failure> {
    let cx = Context::begin(app, around)?;
    let request = ClientRequest::read(request).await?;
    let client = cx.authenticate(&request.credentials, Endpoint::Par).await?;
    let mut accepted = push(&request.params, &client, cx.registry(), cx.now())?;
    // RFC 9449 10.1: a proof here binds the code, where tokens will be bound to that key.
    if client.sender_constraint() == SenderConstraint::DPoP && request.headers.contains_key("dpop") {
        accepted = accepted.pushed_with(&cx.held_key(&request, Endpoint::Par).await?)?;
    }

    let handle = Secret::from_random(cx.random());
    let lifetime = cx.registry().rules.lifetimes.pushed_request;
    let grant = Grant::push(
        GrantId::from_random(cx.random()),
        client.id().clone(),
        client.incarnation().clone(),
        accepted,
        cx.now() + lifetime,
        cx.now(),
    );
    cx.store().push(&grant, Some(&handle.digest(Purpose::RequestUri))).await?;

    let body = json!({
        "request_uri": format!("{REQUEST_URI_PREFIX}{}", handle.expose()),
        "expires_in": lifetime.as_seconds(),
    });
    Ok((StatusCode::CREATED, no_store(), axum::Json(body)).into_response())
}
