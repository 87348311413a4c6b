//! How does a refusal look? (RFC 6750 3) No other file chooses a status code for one.

use axum::Json;
use axum::response::{IntoResponse, Response};
use fapi_core::{ErrorCode, Rejection};
use http::{HeaderValue, StatusCode, header};
use serde_json::json;

/// Why there are no accounts to be seen.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Refusal {
    /// No token came: the challenge says what is missing, and nothing about what is wrong (RFC 6750 3.1).
    Anonymous(Rejection),
    /// A method that no resource here has.
    MethodNotAllowed,
    /// The caller takes anything but JSON.
    NotAcceptable,
    /// It does not exist, or is somebody else's: nobody learns which (`RS-08`).
    NotFound,
    /// The token, or how it was sent.
    Rejected(Rejection),
    /// The authorization server could not be asked. The text is for the log.
    Unavailable(String),
}

/// What the log is told about a refusal. Travels with the answer, to the line that is written about it.
#[derive(Clone, Debug)]
pub(crate) struct Reason(pub(crate) String);

impl From<Rejection> for Refusal {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}

impl Refusal {
    fn status(&self) -> StatusCode {
        match self {
            Self::Anonymous(_) => StatusCode::UNAUTHORIZED,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::NotAcceptable => StatusCode::NOT_ACCEPTABLE,
            Self::NotFound => StatusCode::NOT_FOUND,
            // RFC 6750 3.1
            Self::Rejected(rejection) => match rejection.code {
                ErrorCode::InvalidRequest => StatusCode::BAD_REQUEST,
                ErrorCode::InsufficientScope => StatusCode::FORBIDDEN,
                _ => StatusCode::UNAUTHORIZED,
            },
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The code and the sentence that the caller is told.
    fn told(&self) -> (&'static str, &'static str) {
        match self {
            Self::Anonymous(rejection) | Self::Rejected(rejection) => {
                (rejection.code.as_str(), rejection.description)
            }
            Self::MethodNotAllowed => ("invalid_request", "accounts are read with GET"),
            Self::NotAcceptable => ("invalid_request", "this API answers in application/json"),
            Self::NotFound => ("not_found", "there is no such resource"),
            Self::Unavailable(_) => (
                ErrorCode::TemporarilyUnavailable.as_str(),
                "the token cannot be checked right now: try again",
            ),
        }
    }

    fn reason(&self) -> Reason {
        Reason(match self {
            Self::Anonymous(rejection) | Self::Rejected(rejection) => rejection.to_string(),
            Self::Unavailable(why) => why.clone(),
            Self::MethodNotAllowed | Self::NotAcceptable | Self::NotFound => self.told().1.to_owned(),
        })
    }

    /// `WWW-Authenticate`, where credentials are what is wrong. A challenge has at least one parameter (RFC 6750 3).
    fn challenge(&self) -> Option<String> {
        let rejection = match self {
            Self::Anonymous(_) => return Some(r#"Bearer realm="bank""#.to_owned()),
            Self::Rejected(rejection) => rejection,
            _ => return None,
        };
        let mut challenge =
            format!(r#"Bearer error="{}", error_description="{}""#, rejection.code, rejection.description);
        if rejection.code == ErrorCode::InsufficientScope {
            challenge.push_str(r#", scope="accounts""#);
        }
        Some(challenge)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (error, description) = self.told();
        let body = json!({ "error": error, "error_description": description });
        let mut response = (self.status(), Json(body)).into_response();
        let headers = response.headers_mut();
        // Descriptions are fixed sentences of plain ASCII (TLS-12).
        if let Some(challenge) = self.challenge().and_then(|text| HeaderValue::from_str(&text).ok()) {
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        if matches!(self, Self::Unavailable(_)) {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response.extensions_mut().insert(self.reason());
        response
    }
}
