//! How is a request answered that no route has seen? With a fixed sentence: nothing of the request is repeated.
//!
//! What routes refuse is rendered by `failure`; here are only the answers of the door itself.

use axum::body::Body;
use axum::response::Response;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, StatusCode};

use super::Door;
use crate::telemetry::Refused;

/// The answer for one refusal: JSON for programs, a line of text for browsers.
pub(super) fn answer(door: Door, reason: Refused) -> Response {
    let (status, error, sentence) = match reason {
        Refused::BodyMalformed => {
            (StatusCode::BAD_REQUEST, "invalid_request", "the request body is incomplete")
        }
        Refused::BodyTooLarge => {
            (StatusCode::PAYLOAD_TOO_LARGE, "invalid_request", "the request body is too large")
        }
        Refused::BodyTooSlow => {
            (StatusCode::REQUEST_TIMEOUT, "invalid_request", "the request body did not arrive in time")
        }
        Refused::ContentEncoding => (
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "invalid_request",
            "send the request body without Content-Encoding",
        ),
        Refused::ForwardedCertificate => (
            StatusCode::BAD_REQUEST,
            "invalid_request",
            "a client certificate is shown in the TLS handshake, never in a header",
        ),
        Refused::ForwardedMalformed => (
            StatusCode::BAD_REQUEST,
            "invalid_request",
            "the proxy passed on a client certificate that cannot be read",
        ),
        Refused::OtherAuthority => (
            StatusCode::MISDIRECTED_REQUEST,
            "invalid_request",
            "this connection does not serve the host and port that the request names",
        ),
        Refused::Overloaded => (
            StatusCode::SERVICE_UNAVAILABLE,
            "temporarily_unavailable",
            "too many requests at once, try again later",
        ),
        Refused::TookTooLong => (
            StatusCode::SERVICE_UNAVAILABLE,
            "temporarily_unavailable",
            "the request could not be answered in time, try again later",
        ),
    };
    let mut response = render(door, status, error, sentence);
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

/// The answer after a panic: a defect of ours, of which the caller learns nothing but the request id.
pub(super) fn broken(door: Door) -> Response {
    render(door, StatusCode::INTERNAL_SERVER_ERROR, "server_error", "the request could not be answered")
}

fn render(door: Door, status: StatusCode, error: &str, sentence: &str) -> Response {
    let (kind, body) = match door {
        Door::Back => {
            ("application/json", format!(r#"{{"error":"{error}","error_description":"{sentence}"}}"#))
        }
        Door::Front => ("text/plain; charset=utf-8", format!("{sentence}\n")),
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
