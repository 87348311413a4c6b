//! Revocation (RFC 7009).

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use fapi_core::client::Endpoint;
use fapi_core::revocation::{self, Revocation};
use fapi_core::secret::{Purpose, Secret};
use fapi_store::Denied;
use tracing::info;

use crate::app::App;
use crate::context::{Around, Context, json as render};
use crate::extract::ClientRequest;
use crate::failure::{Failure, no_store};

/// 200 for revoked, unknown and already invalid tokens alike (`REV-01`).
pub(super) async fn post(State(app): State<App>, request: Request) -> Response {
    let around = Around::of(&request);
    render(&app, &around, "a revocation request", answer(&app, &around, request).await).await
}

async fn answer(app: &App, around: &Around, request: Request) -> Result<Response, Failure> {
    let cx = Context::begin(app, around)?;
    let request = ClientRequest::read(request).await?;
    let client = cx.authenticate(&request.credentials, Endpoint::Revocation).await?;
    let token = request.params.required("token", "token is missing", "RFC 7009 2.1")?;

    // The hint is only a hint: a JWT of ours is an access token, everything else can only be a refresh token.
    let revocation = match cx.our_token(token).await {
        Ok(token) => Some(revocation::access_token(&token, &client)?),
        Err(Failure::Rejected(_)) => {
            let row = cx.store().lookup(&Secret::presented(token).digest(Purpose::RefreshToken)).await?;
            row.map(|row| revocation::refresh_token(&row, &client)).transpose()?
        }
        Err(trouble) => return Err(trouble),
    };
    match revocation {
        None => {}
        Some(Revocation::Token { jti, until }) => cx.store().deny_use(&Denied::Token(jti), until).await?,
        Some(Revocation::Grant(grant)) => {
            // Already revoked, or gone: what the caller wanted is so.
            let _ = cx.store().revoke(&grant, client.id(), cx.now(), cx.last_access_token()).await?;
            info!(%grant, "Revoked grant {grant} for {}", client.id());
        }
    }
    Ok(no_store().into_response())
}
