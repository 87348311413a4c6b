//! What does a client look like? Its picture, from this origin, under the name of its content (`B-06`).

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse as _, Response};
use fapi_core::logo::LogoId;
use http::{HeaderName, HeaderValue, header};

use crate::app::App;
use crate::pages;

/// A picture of a client that is served. What has this name never changes, so it is kept for ever; whoever opens it by itself gets a
/// file and no page, from which nothing could be run or loaded.
pub(super) async fn show(
    State(app): State<App>,
    file: Result<Path<String>, PathRejection>,
    request: Request,
) -> Response {
    let (current, id) = (app.current(), file.ok().and_then(|Path(file)| LogoId::from_file(&file)));
    let found = id.zip(current.as_ref()).and_then(|(id, current)| current.logos.get(&id));
    let Some(png) = found else { return pages::not_found(State(app), request).await };
    let headers = [
        (header::CONTENT_TYPE, "image/png"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"logo.png\""),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    let headers = headers.map(|(name, value)| (name, HeaderValue::from_static(value)));
    (headers, png.as_bytes().to_vec()).into_response()
}
