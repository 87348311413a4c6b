//! What do we say of ourselves? Metadata and JWKS (OpenID Connect Discovery 4, RFC 8414 3, RFC 7517 5).

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use fapi_core::metadata;
use http::header;

use crate::app::App;
use crate::context::{Around, Context};

/// The metadata document.
pub(super) async fn document(State(app): State<App>, request: Request) -> Response {
    publish(&app, &request, |cx| serde_json::Value::Object(metadata::document(cx.registry())))
}

/// The public halves of our keys.
pub(super) async fn jwks(State(app): State<App>, request: Request) -> Response {
    publish(&app, &request, |cx| cx.registry().jwks().to_json())
}

/// Public, and cacheable for as long as the rotation of keys counts on (`KEY-09`).
fn publish(app: &App, request: &Request, content: impl FnOnce(&Context) -> serde_json::Value) -> Response {
    match Context::begin(app, &Around::of(request)) {
        Err(failure) => failure.json(),
        Ok(cx) => {
            let max_age = cx.registry().rules.lifetimes.jwks_max_age.as_seconds();
            let cache = format!("public, max-age={max_age}, must-revalidate");
            ([(header::CACHE_CONTROL, cache)], axum::Json(content(&cx))).into_response()
        }
    }
}
