//! Who may end a token, and what ends with it? (RFC 7009)

use crate::client::AuthenticatedClient;
use crate::ids::GrantId;
use crate::lifetime::Timestamp;
use crate::rejection::Rejection;
use crate::resource::AccessToken;
use crate::token::RefreshToken;

/// What to end in the store.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Revocation {
    /// One access token, until it would have ended by itself.
    Token {
        /// Its identifier.
        jti: String,
        /// When it would have ended.
        until: Timestamp,
    },
    /// The grant with everything that came of it: revoking a refresh token kills its access tokens (`REV-03`).
    Grant(GrantId),
}

fn foreign() -> Rejection {
    Rejection::invalid_grant("the token was issued to another client", "RFC 7009 2.1")
}

/// An access token: only its own client may end it (`REV-02`).
///
/// # Errors
/// `invalid_grant` for another client's token, which stays as it is.
pub fn access_token(token: &AccessToken, caller: &AuthenticatedClient) -> Result<Revocation, Rejection> {
    if token.client_id != *caller.id() {
        return Err(foreign());
    }
    Ok(Revocation::Token { jti: token.jti.clone(), until: token.expires })
}

/// A refresh token: only its own client may end it, and the whole grant ends.
///
/// # Errors
/// `invalid_grant` for another client's token, which stays as it is.
pub fn refresh_token(token: &RefreshToken, caller: &AuthenticatedClient) -> Result<Revocation, Rejection> {
    if token.client_id != *caller.id() {
        return Err(foreign());
    }
    Ok(Revocation::Grant(token.grant.clone()))
}
