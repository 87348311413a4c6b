//! How does a refusal look? (RFC 6750 3) No other file chooses a status code for one.

use axum::Json;
use axum::response::{IntoResponse, Response};
use fapi_core::resource::{Scheme, challenges};
use fapi_core::{ErrorCode, Rejection};
use fapi_jose::Alg;
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
    /// The token, or how it was sent, with the scheme it was sent by.
    Rejected(Rejection, Scheme),
    /// The authorization server could not be asked. The text is for the log.
    Unavailable(String),
}

/// What the log is told about a refusal. Travels with the answer, to the line that is written about it.
#[derive(Clone, Debug)]
pub(crate) struct Reason(pub(crate) String);

impl From<Rejection> for Refusal {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection, Scheme::Bearer)
    }
}

impl Refusal {
    /// To whom came by this scheme.
    pub(crate) fn to(self, scheme: Scheme) -> Self {
        match self {
            Self::Rejected(rejection, _) => Self::Rejected(rejection, scheme),
            other => other,
        }
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::Anonymous(_) => StatusCode::UNAUTHORIZED,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::NotAcceptable => StatusCode::NOT_ACCEPTABLE,
            Self::NotFound => StatusCode::NOT_FOUND,
            // RFC 6750 3.1
            Self::Rejected(rejection, _) => match rejection.code {
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
            Self::Anonymous(rejection) | Self::Rejected(rejection, _) => {
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
            Self::Anonymous(rejection) | Self::Rejected(rejection, _) => rejection.to_string(),
            Self::Unavailable(why) => why.clone(),
            Self::MethodNotAllowed | Self::NotAcceptable | Self::NotFound => self.told().1.to_owned(),
        })
    }

    /// `WWW-Authenticate`, where credentials are what is wrong. A challenge has at least one parameter (RFC 6750 3).
    fn challenge(&self) -> Option<String> {
        let (rejection, scheme) = match self {
            Self::Anonymous(_) => return Some(r#"Bearer realm="bank""#.to_owned()),
            Self::Rejected(rejection, scheme) => (rejection, *scheme),
            _ => return None,
        };
        // Which way a token has to come depends on the token: the one that is meant, and no other.
        let mut challenge = challenges(rejection, Some(scheme), &[], Alg::ALL).into_iter().next()?;
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
