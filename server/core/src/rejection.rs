//! A refusal as a value: what the caller is told, what the log is told, and what follows from it.

use std::fmt;

use crate::clause::Clause;
use crate::ids::{ClientId, GrantId};

/// The error codes of RFC 6749, 6750, 7009, 8707, 9101, 9126, 9396, 9449 and OpenID Connect Core, spelled as there.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ErrorCode {
    /// RFC 6749 4.1.2.1: the person or the server said no.
    AccessDenied,
    /// OpenID Connect Core 3.1.2.6: `prompt=none`, but consent is needed.
    ConsentRequired,
    /// RFC 6750 3.1.
    InsufficientScope,
    /// OpenID Connect Core 3.1.2.6.
    InteractionRequired,
    /// RFC 9396 5.
    InvalidAuthorizationDetails,
    /// RFC 6749 5.2: who is calling could not be established.
    InvalidClient,
    /// RFC 9449 5.
    InvalidDpopProof,
    /// RFC 6749 5.2: code, verifier or refresh token.
    InvalidGrant,
    /// RFC 6749 4.1.2.1, 5.2.
    InvalidRequest,
    /// OpenID Connect Core 3.1.2.6, RFC 9101 6.
    InvalidRequestObject,
    /// OpenID Connect Core 3.1.2.6, RFC 9101 6.
    InvalidRequestUri,
    /// RFC 6749 4.1.2.1, 5.2.
    InvalidScope,
    /// RFC 8707 2.
    InvalidTarget,
    /// RFC 6750 3.1.
    InvalidToken,
    /// OpenID Connect Core 3.1.2.6: `prompt=none`, but nobody is signed in.
    LoginRequired,
    /// OpenID Connect Core 3.1.2.6: the server takes no client-hosted request objects.
    RequestUriNotSupported,
    /// RFC 6749 4.1.2.1.
    ServerError,
    /// RFC 6749 4.1.2.1.
    TemporarilyUnavailable,
    /// RFC 6749 5.2.
    UnauthorizedClient,
    /// OpenID Connect Core Unmet Authentication Requirements 1.0.
    UnmetAuthenticationRequirements,
    /// RFC 6749 5.2.
    UnsupportedGrantType,
    /// RFC 6749 4.1.2.1.
    UnsupportedResponseType,
    /// RFC 7009 2.2.1.
    UnsupportedTokenType,
    /// RFC 9449 8.
    UseDpopNonce,
}

impl ErrorCode {
    /// As it goes over the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AccessDenied => "access_denied",
            Self::ConsentRequired => "consent_required",
            Self::InsufficientScope => "insufficient_scope",
            Self::InteractionRequired => "interaction_required",
            Self::InvalidAuthorizationDetails => "invalid_authorization_details",
            Self::InvalidClient => "invalid_client",
            Self::InvalidDpopProof => "invalid_dpop_proof",
            Self::InvalidGrant => "invalid_grant",
            Self::InvalidRequest => "invalid_request",
            Self::InvalidRequestObject => "invalid_request_object",
            Self::InvalidRequestUri => "invalid_request_uri",
            Self::InvalidScope => "invalid_scope",
            Self::InvalidTarget => "invalid_target",
            Self::InvalidToken => "invalid_token",
            Self::LoginRequired => "login_required",
            Self::RequestUriNotSupported => "request_uri_not_supported",
            Self::ServerError => "server_error",
            Self::TemporarilyUnavailable => "temporarily_unavailable",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::UnmetAuthenticationRequirements => "unmet_authentication_requirements",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::UnsupportedResponseType => "unsupported_response_type",
            Self::UnsupportedTokenType => "unsupported_token_type",
            Self::UseDpopNonce => "use_dpop_nonce",
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What must happen in the store because of a refusal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Consequence {
    /// A code was used twice: everything it produced is revoked (RFC 6749 4.1.2, `TOK-03`).
    RevokeGrant {
        /// What the code stood for.
        grant: GrantId,
        /// Whose it was.
        client: ClientId,
    },
}

/// A refusal.
///
/// `description` is a fixed sentence for the client's developer (never anybody's input, and only the characters of RFC 6749
/// 4.1.2.1: `TLS-12`). `clause` and `detail` are for our own log.
#[derive(Clone, PartialEq, Debug)]
pub struct Rejection {
    /// What the caller is told.
    pub code: ErrorCode,
    /// One fixed sentence beside the code.
    pub description: &'static str,
    /// The requirement behind it.
    pub clause: Clause,
    /// More for the log: names of fields, expected and found. Never a secret.
    pub detail: Option<String>,
    /// What must happen besides refusing.
    pub consequence: Option<Consequence>,
}

impl Rejection {
    /// A refusal with its fixed sentence and clause.
    pub const fn new(code: ErrorCode, description: &'static str, clause: Clause) -> Self {
        Self { code, description, clause, detail: None, consequence: None }
    }

    /// Adds what only the log may know.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Adds what must follow.
    #[must_use]
    pub fn consequence(mut self, consequence: Consequence) -> Self {
        self.consequence = Some(consequence);
        self
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} [{}]", self.code, self.description, self.clause)?;
        match &self.detail {
            Some(detail) => write!(f, " ({detail})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Rejection {}

macro_rules! shorthand {
    ($($(#[$doc:meta])* $name:ident => $code:ident),* $(,)?) => {
        impl Rejection {
            $($(#[$doc])* pub const fn $name(description: &'static str, clause: &'static str) -> Self {
                Self::new(ErrorCode::$code, description, Clause(clause))
            })*
        }
    };
}

shorthand! {
    /// `access_denied`.
    access_denied => AccessDenied,
    /// `invalid_client`.
    invalid_client => InvalidClient,
    /// `invalid_grant`.
    invalid_grant => InvalidGrant,
    /// `invalid_request`.
    invalid_request => InvalidRequest,
    /// `invalid_request_object`.
    invalid_request_object => InvalidRequestObject,
    /// `invalid_request_uri`.
    invalid_request_uri => InvalidRequestUri,
    /// `invalid_scope`.
    invalid_scope => InvalidScope,
    /// `invalid_target`.
    invalid_target => InvalidTarget,
    /// `invalid_token`.
    invalid_token => InvalidToken,
    /// `unauthorized_client`.
    unauthorized_client => UnauthorizedClient,
}
