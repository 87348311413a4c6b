//! May this access token be used here? For userinfo, for our own APIs, and for resource servers (RFC 6750, RFC 8705 3, RFC 9068 4).

#[cfg(test)]
mod tests;

use fapi_jose::{Alg, JwkSet, Unverified};
use serde_json::Value;

use crate::certificate::PeerCertificate;
use crate::ids::{ClientId, GrantId};
use crate::lifetime::Timestamp;
use crate::rejection::{ErrorCode, Rejection};
use crate::scope::Scopes;
use crate::sender::SenderBinding;

/// What a resource server knows of the authorization server.
#[derive(Clone, Copy, Debug)]
pub struct Expectations<'a> {
    /// The issuer, byte for byte.
    pub issuer: &'a str,
    /// Identifiers of this resource server: the token must be for one of them. `None`: any token of this issuer will do (our
    /// own endpoints).
    pub audience: Option<&'a [&'a str]>,
    /// The issuer's published keys.
    pub keys: &'a JwkSet,
    /// Algorithms the issuer may sign with.
    pub algorithms: &'a [Alg],
}

/// An access token that was verified, and whose presenter holds the key it is bound to. Whether it was revoked is for a store or
/// an introspection endpoint to say.
#[derive(Clone, PartialEq, Debug)]
pub struct AccessToken {
    /// Who the token speaks for, as this client's servers see them.
    pub subject: String,
    /// Who may use it.
    pub client_id: ClientId,
    /// For what.
    pub scope: Scopes,
    /// Its identifier: `<grant>.<random>`.
    pub jti: String,
    /// When it ends.
    pub expires: Timestamp,
    /// When it was issued.
    pub issued: Timestamp,
    /// Who it is for.
    pub audience: Vec<String>,
    /// The key it is bound to.
    pub binding: SenderBinding,
    /// How the person signed in.
    pub acr: Option<String>,
    /// When they did.
    pub auth_time: Option<i64>,
}

impl AccessToken {
    /// The grant it comes from.
    pub fn grant(&self) -> Option<GrantId> {
        self.jti.split_once('.').map(|(grant, _)| GrantId::from_stored(grant))
    }

    /// Whether it is good for `scope`.
    ///
    /// # Errors
    /// `insufficient_scope`, to be answered with 403 (`RS-03`).
    pub fn require(&self, scope: &str) -> Result<(), Rejection> {
        if self.scope.contains(scope) {
            return Ok(());
        }
        let description = "the access token does not cover this";
        Err(Rejection::new(ErrorCode::InsufficientScope, description, crate::Clause("RFC 6750 3.1")))
    }
}

/// The token of an `Authorization` header: `Bearer`, in any case (`RS-01`).
///
/// # Errors
/// `invalid_request` for a malformed header, `invalid_token` for a missing one.
pub fn bearer(authorization: Option<&str>) -> Result<&str, Rejection> {
    let header = authorization.ok_or_else(|| refuse("an access token is required"))?;
    let (scheme, token) =
        header.split_once(' ').ok_or_else(|| malformed("the Authorization header is malformed"))?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(malformed("the Authorization scheme must be Bearer"));
    }
    let token = token.trim_matches(' ');
    let b64token = |b: u8| b.is_ascii_alphanumeric() || b"-._~+/=".contains(&b);
    if token.is_empty() || !token.bytes().all(b64token) {
        return Err(malformed("the Authorization header is malformed"));
    }
    Ok(token)
}

fn malformed(description: &'static str) -> Rejection {
    Rejection::invalid_request(description, "RFC 6750 2.1")
}

fn refuse(description: &'static str) -> Rejection {
    Rejection::invalid_token(description, "RFC 6750 3.1")
}

/// Verifies a token without asking who presents it: for introspection and revocation, where the caller is not the presenter.
///
/// # Errors
/// `invalid_token` (`JAT-02`): one sentence, the log learns more.
pub fn read(token: &str, expected: &Expectations<'_>, now: Timestamp) -> Result<AccessToken, Rejection> {
    let invalid = |detail: String| refuse("the access token is not valid").detail(detail);
    let unverified = Unverified::parse(token).map_err(|why| invalid(why.to_string()))?;
    // RFC 9068 4: an ID Token or a JARM response is no access token.
    let typ = unverified.typ().map(str::to_ascii_lowercase);
    if !matches!(typ.as_deref(), Some("at+jwt" | "application/at+jwt")) {
        return Err(invalid("typ is not at+jwt".to_owned()));
    }
    let verified =
        unverified.verify(expected.keys, expected.algorithms).map_err(|why| invalid(why.to_string()))?;
    let claims = verified.claims;
    let text = |name: &str| {
        claims
            .string(name)
            .ok()
            .flatten()
            .map(ToOwned::to_owned)
            .ok_or_else(|| invalid(format!("{name} is missing")))
    };
    let time =
        |name: &str| claims.time(name).ok().flatten().ok_or_else(|| invalid(format!("{name} is missing")));

    if text("iss")? != expected.issuer {
        return Err(invalid("iss is another issuer".to_owned()));
    }
    let audience: Vec<String> = claims
        .audience()
        .map_err(|_| invalid("aud is missing".to_owned()))?
        .into_iter()
        .map(ToOwned::to_owned)
        .collect();
    if let Some(ours) = expected.audience
        && !audience.iter().any(|said| ours.contains(&said.as_str()))
    {
        return Err(invalid("aud is another resource server".to_owned()));
    }
    let expires = Timestamp::from_unix(time("exp")?);
    if now >= expires {
        return Err(refuse("the access token has expired"));
    }
    let client_id =
        ClientId::parse(&text("client_id")?).map_err(|_| invalid("client_id is malformed".to_owned()))?;
    let scope = Scopes::parse(claims.string("scope").ok().flatten().unwrap_or_default())
        .map_err(|_| invalid("scope is malformed".to_owned()))?;
    // RS-09, TOK-12: a token without a binding is none of ours.
    let binding = claims
        .get("cnf")
        .and_then(SenderBinding::from_cnf)
        .ok_or_else(|| invalid("cnf is missing or unknown".to_owned()))?;
    Ok(AccessToken {
        subject: text("sub")?,
        client_id,
        scope,
        jti: text("jti")?,
        expires,
        issued: Timestamp::from_unix(time("iat")?),
        audience,
        binding,
        acr: claims.string("acr").ok().flatten().map(ToOwned::to_owned),
        auth_time: claims.get("auth_time").and_then(Value::as_i64),
    })
}

/// Verifies a presented token and that the presenter holds its key (`MTL-06`, `P-19`).
///
/// # Errors
/// `invalid_token`.
pub fn check(
    token: &str,
    certificate: Option<&PeerCertificate>,
    expected: &Expectations<'_>,
    now: Timestamp,
) -> Result<AccessToken, Rejection> {
    let token = read(token, expected, now)?;
    if !token.binding.is_held_by(certificate) {
        return Err(Rejection::invalid_token(
            "the access token is bound to another certificate",
            "RFC 8705 3",
        ));
    }
    Ok(token)
}
