//! How does a refusal look? The four renderers: JSON for programs, a redirect for clients, a page for people, a challenge for
//! presenters of tokens. No other file chooses a status code.

use axum::response::{IntoResponse, Response};
use fapi_core::rejection::{ErrorCode, Rejection};
use http::{HeaderValue, StatusCode, header};
use serde_json::json;

/// Why a request was not answered as it wished.
#[derive(Debug)]
pub enum Failure {
    /// The caller's doing.
    Rejected(Rejection),
    /// The body is over the limit.
    TooLarge,
    /// The database cannot be reached, or is full: worth another try.
    Unavailable(String),
    /// Ours, and another try would not help. The text is for the log.
    Internal(String),
}

impl From<Rejection> for Failure {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}

impl From<crate::extract::Unreadable> for Failure {
    fn from(unreadable: crate::extract::Unreadable) -> Self {
        match unreadable {
            crate::extract::Unreadable::TooLarge => Self::TooLarge,
            crate::extract::Unreadable::Rejected(rejection) => Self::Rejected(rejection),
        }
    }
}

impl Failure {
    /// As a refusal that can travel: what is not the caller's doing becomes one of the two general codes, and its cause stays here.
    pub fn rejection(&self) -> Rejection {
        let clause = fapi_core::Clause("RFC 6749 4.1.2.1");
        match self {
            Self::Rejected(rejection) => rejection.clone(),
            Self::TooLarge => Rejection::invalid_request("the body is too large", "RFC 9126 2.3"),
            Self::Unavailable(_) => Rejection::new(
                ErrorCode::TemporarilyUnavailable,
                "the server cannot answer right now: try again",
                clause,
            ),
            Self::Internal(_) => {
                Rejection::new(ErrorCode::ServerError, "the server met an unexpected condition", clause)
            }
        }
    }

    /// The status of a JSON or page answer.
    fn status(&self) -> StatusCode {
        match self {
            Self::Rejected(rejection) => match rejection.code {
                // RFC 6749 5.2: 401 for failed client authentication, 400 for everything else (CA-13).
                ErrorCode::InvalidClient => StatusCode::UNAUTHORIZED,
                ErrorCode::ServerError => StatusCode::INTERNAL_SERVER_ERROR,
                ErrorCode::TemporarilyUnavailable => StatusCode::SERVICE_UNAVAILABLE,
                _ => StatusCode::BAD_REQUEST,
            },
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// For the pages.
    pub fn page_status(&self) -> StatusCode {
        match self {
            Self::Rejected(_) => StatusCode::BAD_REQUEST,
            other => other.status(),
        }
    }

    /// RFC 6749 5.2: the answer of PAR, token, introspection and revocation.
    pub fn json(&self) -> Response {
        let rejection = self.rejection();
        let body = json!({ "error": rejection.code.as_str(), "error_description": rejection.description });
        let mut response = (self.status(), no_store(), axum::Json(body)).into_response();
        self.invite_back(&mut response);
        response
    }

    /// What passes by itself says when to try again (`E-30`, `REV-04`).
    pub fn invite_back(&self, response: &mut Response) {
        if matches!(self, Self::Unavailable(_)) {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
    }

    /// RFC 6750 3, RFC 9449 7.1: the answer of resources, with these values of `WWW-Authenticate` where the token is what is wrong.
    pub fn challenge(&self, challenges: &[String]) -> Response {
        let status = match self {
            Self::Rejected(rejection) => match rejection.code {
                ErrorCode::InsufficientScope => StatusCode::FORBIDDEN,
                ErrorCode::InvalidRequest => StatusCode::BAD_REQUEST,
                _ => StatusCode::UNAUTHORIZED,
            },
            other => other.status(),
        };
        let mut response = (status, no_store()).into_response();
        if matches!(self, Self::Rejected(_)) {
            let values = challenges.iter().filter_map(|challenge| HeaderValue::from_str(challenge).ok());
            response.headers_mut().extend(values.map(|value| (header::WWW_AUTHENTICATE, value)));
        }
        self.invite_back(&mut response);
        response
    }
}

/// A method that an endpoint does not have (`TLS-13`): JSON at the back door, whatever the framework would have said.
pub fn method_not_allowed(allow: &'static str) -> Response {
    let body =
        json!({ "error": "invalid_request", "error_description": "this endpoint does not have that method" });
    (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, allow)], no_store(), axum::Json(body)).into_response()
}

/// A path that does not exist at the back door.
pub fn not_found() -> Response {
    let body = json!({ "error": "invalid_request", "error_description": "there is no such endpoint" });
    (StatusCode::NOT_FOUND, no_store(), axum::Json(body)).into_response()
}

/// `TLS-11`.
pub fn no_store() -> [(header::HeaderName, HeaderValue); 2] {
    [
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache, no-store")),
        (header::PRAGMA, HeaderValue::from_static("no-cache")),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failed_client_authentication_is_401_and_all_else_400() {
        let failure = |code| Failure::Rejected(Rejection::new(code, "…", fapi_core::Clause("")));
        assert_eq!(failure(ErrorCode::InvalidClient).json().status(), 401, "CA-13, T-01");
        assert_eq!(failure(ErrorCode::InvalidGrant).json().status(), 400, "TOK-11, T-06");
        let response = failure(ErrorCode::InvalidGrant).json();
        assert_eq!(response.headers()["cache-control"], "no-cache, no-store", "TLS-11");
        assert_eq!(response.headers()["content-type"], "application/json", "TLS-11");
    }

    #[test]
    fn a_missing_scope_is_403_and_a_bad_token_401() {
        let failure = |code| Failure::Rejected(Rejection::new(code, "no", fapi_core::Clause("")));
        assert_eq!(failure(ErrorCode::InsufficientScope).challenge(&[]).status(), 403, "RS-03");
        for code in [ErrorCode::InvalidToken, ErrorCode::InvalidDpopProof, ErrorCode::UseDpopNonce] {
            let response = failure(code).challenge(&["Bearer error=\"…\"".replace('…', "x"), "DPoP".into()]);
            assert_eq!(response.status(), 401, "RS-03, DPO-10, DPO-11");
            let values: Vec<_> = response.headers().get_all("www-authenticate").iter().collect();
            assert_eq!(values, ["Bearer error=\"x\"", "DPoP"], "DPO-10");
        }
    }

    #[test]
    fn trouble_of_ours_does_not_say_what_it_is() {
        let response = Failure::Unavailable("password=hunter2".into()).json();
        assert_eq!(response.status(), 503);
        assert_eq!(response.headers()["retry-after"], "1");
        assert!(!Failure::Internal("secret".into()).rejection().description.contains("secret"));
    }
}
