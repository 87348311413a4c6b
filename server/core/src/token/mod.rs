//! May this request have tokens, and which? (RFC 6749 4.1.3, 4.4, 6)
//!
//! Every function is one straight line of checks; nothing has happened until the store has made the one conditional write.

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::authorize::AuthorizationRequest;
use crate::claims::{self, AccessTokenFacts, Hashes, ToSign};
use crate::client::{AuthenticatedClient, GrantType};
use crate::details::AuthorizationDetails;
use crate::dpop::KeyThumbprint;
use crate::grant::{Authorization, Grant, Person};
use crate::ids::{ClientId, GrantId, Incarnation};
use crate::lifetime::{Lifetime, Timestamp};
use crate::params::Params;
use crate::profile::RefreshIssue;
use crate::registry::Registry;
use crate::rejection::{Consequence, ErrorCode, Rejection};
use crate::scope::Scopes;
use crate::secret::{Digest, Purpose, Secret};
use crate::sender::SenderBinding;

/// A token request, parsed.
#[derive(Debug)]
pub enum TokenRequest {
    /// `grant_type=authorization_code`.
    Code(CodeRequest),
    /// `grant_type=client_credentials`.
    ClientCredentials(ClientCredentialsRequest),
    /// `grant_type=refresh_token`.
    Refresh(RefreshRequest),
}

/// RFC 6749 4.1.3, RFC 7636 4.5.
#[derive(Debug)]
pub struct CodeRequest {
    /// Of the code.
    pub code: Digest,
    redirect_uri: Option<String>,
    verifier: Option<Secret>,
    details: Option<AuthorizationDetails>,
}

/// RFC 6749 4.4.2.
#[derive(Debug)]
pub struct ClientCredentialsRequest {
    scope: Option<Scopes>,
    details: Option<AuthorizationDetails>,
    resource: Option<String>,
}

/// RFC 6749 6.
#[derive(Debug)]
pub struct RefreshRequest {
    /// Of the refresh token.
    pub token: Digest,
    scope: Option<Scopes>,
    details: Option<AuthorizationDetails>,
}

impl TokenRequest {
    /// Reads a token request of an authenticated client.
    ///
    /// # Errors
    /// `unsupported_grant_type`, `unauthorized_client` (`T-12`), `invalid_request` (`T-13`), `invalid_scope`,
    /// `invalid_authorization_details`.
    pub fn parse(params: &Params, client: &AuthenticatedClient) -> Result<Self, Rejection> {
        let grant_type = params.required("grant_type", "grant_type is missing", "RFC 6749 4.1.3")?;
        let unsupported = || {
            let description = "this grant_type is not offered";
            Rejection::new(ErrorCode::UnsupportedGrantType, description, crate::Clause("RFC 6749 5.2"))
        };
        let grant_type = GrantType::parse(grant_type).ok_or_else(unsupported)?;
        if !client.may(grant_type) {
            return Err(Rejection::unauthorized_client(
                "this client may not use this grant_type",
                "RFC 6749 5.2",
            ));
        }
        let scope = match params.get("scope") {
            None => None,
            Some(text) => Some(
                Scopes::parse(text)
                    .map_err(|_| Rejection::invalid_scope("scope is malformed", "RFC 6749 3.3"))?,
            ),
        };
        let details = params.get("authorization_details").map(AuthorizationDetails::parse).transpose()?;
        Ok(match grant_type {
            GrantType::AuthorizationCode => {
                let code = params.required("code", "code is missing", "RFC 6749 4.1.3")?;
                Self::Code(CodeRequest {
                    code: Secret::presented(code).digest(Purpose::Code),
                    redirect_uri: params.get("redirect_uri").map(ToOwned::to_owned),
                    verifier: params.get("code_verifier").map(Secret::presented),
                    details,
                })
            }
            GrantType::RefreshToken => {
                let token = params.required("refresh_token", "refresh_token is missing", "RFC 6749 6")?;
                Self::Refresh(RefreshRequest {
                    token: Secret::presented(token).digest(Purpose::RefreshToken),
                    scope,
                    details,
                })
            }
            GrantType::ClientCredentials => Self::ClientCredentials(ClientCredentialsRequest {
                scope,
                details,
                resource: params.get("resource").map(ToOwned::to_owned),
            }),
        })
    }
}

/// Random bytes for what is about to be issued.
#[derive(Clone, Copy)]
pub struct Random {
    /// For a grant of its own (client credentials).
    pub grant: [u8; 16],
    /// For the access token's `jti`.
    pub access_token: [u8; 16],
    /// For a refresh token.
    pub refresh_token: [u8; 32],
}

/// What to mint, once the store has agreed.
#[derive(Debug)]
pub struct Issue {
    /// The access token, to be signed.
    pub access_token: ToSign,
    /// How long it lasts.
    pub expires_in: Lifetime,
    /// Its scopes, always told (`TOK-02`).
    pub scope: Scopes,
    /// What it is for exactly, told where there is something to tell (RFC 9396 7).
    pub details: AuthorizationDetails,
    /// For an ID Token, when `openid` was granted.
    pub id_token: Option<IdTokenDraft>,
    /// A refresh token, and the row that stands for it.
    pub refresh_token: Option<(Secret, RefreshToken)>,
}

/// An ID Token that still lacks `at_hash`: the access token has to be signed first.
#[derive(Debug)]
pub struct IdTokenDraft {
    authorization: Authorization,
    request: AuthorizationRequest,
}

impl IdTokenDraft {
    /// Of whom it speaks.
    pub fn person(&self) -> &Person {
        &self.authorization.person
    }

    /// The ID Token beside this access token.
    ///
    /// # Errors
    /// `server_error` when no key is active.
    pub fn with_access_token(
        &self,
        access_token: &str,
        client: &AuthenticatedClient,
        registry: &Registry,
        now: Timestamp,
    ) -> Result<ToSign, Rejection> {
        let hashes = Hashes { access_token: Some(access_token), code: None };
        claims::id_token(&self.authorization, &self.request, hashes, client, registry, now)
    }
}

/// A refresh token as stored: only its digest is kept.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RefreshToken {
    /// Of the token.
    pub id: Digest,
    /// The authorization it continues.
    pub grant: GrantId,
    /// Whose it is (`REF-03`).
    pub client_id: ClientId,
    /// Which life of that client.
    pub incarnation: Incarnation,
    /// The widest scope it can be used for (`REF-09`).
    pub scope: Scopes,
    /// When it was issued.
    pub issued: Timestamp,
    /// When it ends.
    pub expires: Timestamp,
    /// Until when it still works, if another has taken its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaced: Option<Timestamp>,
}

/// A code for tokens: client, redirect URI, PKCE, then the code's own state, expiry last (RFC 6749 4.1.3).
///
/// The grant is the one the code's digest leads to; the returned one must be written by the store's `redeem`, whose answer decides.
///
/// # Errors
/// `invalid_grant`, with a consequence when the code was used before; `invalid_authorization_details` for more than was granted.
pub fn redeem(
    request: &CodeRequest,
    grant: Option<Grant>,
    client: &AuthenticatedClient,
    binding: &SenderBinding,
    registry: &Registry,
    random: Random,
    now: Timestamp,
) -> Result<(Grant, Issue), Rejection> {
    let invalid = |description, clause| Rejection::invalid_grant(description, clause);
    let grant =
        grant.ok_or_else(|| invalid("the code is not valid", "RFC 6749 5.2").detail("unknown code"))?;

    // TOK-05, P-02: issued to this client, in this life. Before anything that has effects.
    if grant.client_id != *client.id() || grant.incarnation != *client.incarnation() {
        return Err(
            invalid("the code is not valid", "RFC 6749 4.1.3").detail("the code belongs to another client")
        );
    }

    // TOK-07: the redirect URI of the request, repeated. After PAR its absence is tolerated.
    match &request.redirect_uri {
        Some(uri) if !grant.request.redirect_uri.is(uri) => {
            return Err(invalid("redirect_uri is not that of the authorization request", "RFC 6749 4.1.3"));
        }
        None if grant.request.delivery != crate::authorize::Delivery::Pushed => {
            return Err(invalid("redirect_uri is missing", "RFC 6749 4.1.3"));
        }
        _ => {}
    }

    // PKC-04, PKC-06.
    match (&grant.request.code_challenge, &request.verifier) {
        (Some(challenge), Some(verifier)) if challenge.verify(verifier.expose()) => {}
        (None, None) => {}
        (Some(_), None) => return Err(invalid("code_verifier is missing", "RFC 7636 4.6")),
        (Some(_), Some(_)) => return Err(invalid("the code verifier does not match", "RFC 7636 4.6")),
        (None, Some(_)) => {
            return Err(invalid("code_verifier was sent, but no code_challenge", "RFC 9700 2.1.1"));
        }
    }

    // DPO-12, T-09: the key that the request named. A client that was moved from DPoP to certificates cannot show it any more.
    let bound_to = |key: &KeyThumbprint| matches!(binding, SenderBinding::Key(held) if held == key);
    if !grant.request.dpop_jkt.as_ref().is_none_or(bound_to) {
        return Err(invalid("the code is bound to another DPoP key", "RFC 9449 10"));
    }

    // TOK-03, TOK-06, P-01: unused, then fresh.
    let (grant, authorization) = grant.redeem(&request.code, now)?;

    let issue = user_issue(
        &grant,
        &authorization,
        authorization.scope.clone(),
        request.details.as_ref(),
        client,
        binding,
        registry,
        random,
        now,
    )?;
    let refresh_token = wants_refresh(&authorization.scope, client, registry)
        .then(|| new_refresh(&grant, &authorization, client, registry, random, now));
    Ok((grant, Issue { refresh_token, ..issue }))
}

/// A refresh token for a new access token (RFC 6749 6). The token stays valid, unless the Workspace rotates (`REF-07`): then
/// another comes with the access token, and the store's `replace` decides.
///
/// # Errors
/// `invalid_grant` (`T-10`), `invalid_scope` (`T-11`), `invalid_authorization_details`.
pub fn refresh(
    request: &RefreshRequest,
    stored: Option<(RefreshToken, Grant)>,
    client: &AuthenticatedClient,
    binding: &SenderBinding,
    registry: &Registry,
    random: Random,
    now: Timestamp,
) -> Result<Issue, Rejection> {
    let invalid = |detail: &str| {
        Rejection::invalid_grant("the refresh token is not valid", "RFC 6749 5.2").detail(detail)
    };
    let (token, grant) = stored.ok_or_else(|| invalid("unknown or revoked"))?;

    // REF-03.
    if token.client_id != *client.id() || token.incarnation != *client.incarnation() {
        return Err(invalid("it belongs to another client"));
    }
    if now > token.expires {
        return Err(invalid("it has expired"));
    }
    // REF-08: it was replaced, and long enough ago that this is nobody's retry.
    if token.replaced.is_some_and(|until| now > until) {
        return Err(reused(&grant));
    }
    // REF-12: what it continues has not ended.
    let authorization = grant.authorization(now).ok_or_else(|| invalid("the grant has ended"))?;

    // REF-09; what the client may still ask for (a narrowed registration acts on existing grants).
    let registered = token.scope.intersection(client.scopes());
    let scope = match &request.scope {
        None => registered,
        Some(asked) if asked.is_subset(&registered) => asked.clone(),
        Some(_) => return Err(Rejection::invalid_scope("scope exceeds what was granted", "RFC 6749 6")),
    };
    let asked = request.details.as_ref();
    let issue = user_issue(&grant, authorization, scope, asked, client, binding, registry, random, now)?;
    // A retry is answered as its first try was, even if rotation has ended meanwhile: that answer was lost.
    let is_replaced = registry.rules.rotation(now).is_some() || token.replaced.is_some();
    let refresh_token = is_replaced.then(|| {
        let (secret, row) = new_refresh(&grant, authorization, client, registry, random, now);
        // Rotation prolongs nothing: the line ends when its first token would have.
        (secret, RefreshToken { scope: token.scope.clone(), expires: token.expires, ..row })
    });
    Ok(Issue { refresh_token, ..issue })
}

/// A refresh token that another has replaced is used again: one of the two users stole it, so the whole line ends (RFC 9700
/// 4.14.2, `REF-08`).
pub fn reused(grant: &Grant) -> Rejection {
    let consequence = Consequence::RevokeGrant { grant: grant.id.clone(), client: grant.client_id.clone() };
    Rejection::invalid_grant("the refresh token is not valid", "RFC 9700 4.14.2")
        .detail("it was replaced, and is used again")
        .consequence(consequence)
}

/// Client credentials (RFC 6749 4.4): no person, no refresh token, no ID Token (`TOK-09`). Details that the client may ask for are
/// its own to have, as scopes are (RFC 9396 3).
///
/// # Errors
/// `invalid_scope`, `invalid_target`, `invalid_authorization_details`.
pub fn client_credentials(
    request: &ClientCredentialsRequest,
    client: &AuthenticatedClient,
    binding: &SenderBinding,
    registry: &Registry,
    random: Random,
    now: Timestamp,
) -> Result<Issue, Rejection> {
    // Scopes that speak of a person have no place here.
    let personal = |scope: &str| {
        matches!(scope, "openid" | "offline_access" | "profile" | "email" | "address" | "phone")
    };
    let offered: Scopes = client
        .scopes()
        .intersection(&registry.scopes())
        .iter()
        .filter(|scope| !personal(scope.as_str()))
        .cloned()
        .collect();
    let details = request.details.clone().unwrap_or_default().admitted(client, registry)?;
    let scope = match &request.scope {
        // Who says exactly what it wants gets that, and not everything beside it.
        None if !details.is_empty() => Scopes::default(),
        None => offered,
        Some(asked) if asked.is_subset(&offered) => asked.clone(),
        Some(_) => {
            return Err(Rejection::invalid_scope(
                "scope exceeds what this client may have by itself",
                "RFC 6749 4.4.2",
            ));
        }
    };
    registry.may_target(request.resource.as_deref(), client)?;
    let grant = GrantId::from_random(random.grant);
    let facts = AccessTokenFacts {
        grant: &grant,
        authorization: None,
        scope: &scope,
        details: &details,
        resource: request.resource.as_deref(),
        binding,
        random: random.access_token,
    };
    let access_token = claims::access_token(facts, client, registry, now)?;
    let expires_in = client.access_token_lifetime(&registry.rules);
    Ok(Issue { access_token, expires_in, scope, details, id_token: None, refresh_token: None })
}

#[expect(clippy::too_many_arguments, reason = "everything a token of a person is made of, once")]
fn user_issue(
    grant: &Grant,
    authorization: &Authorization,
    scope: Scopes,
    asked: Option<&AuthorizationDetails>,
    client: &AuthenticatedClient,
    binding: &SenderBinding,
    registry: &Registry,
    random: Random,
    now: Timestamp,
) -> Result<Issue, Rejection> {
    // It may have been taken from the Workspace or the client since: what is narrowed acts on what was granted.
    registry.may_target(grant.request.resource.as_deref(), client)?;
    let details = authorization.details.still_offered(client, registry).narrowed(asked)?;
    // A scope alone may well be more than a scope with details.
    if details.is_empty() && !authorization.details.is_empty() {
        return Err(Rejection::invalid_grant(
            "nothing is left of the details that were granted",
            "RFC 9396 6",
        ));
    }
    let facts = AccessTokenFacts {
        grant: &grant.id,
        authorization: Some(authorization),
        scope: &scope,
        details: &details,
        resource: grant.request.resource.as_deref(),
        binding,
        random: random.access_token,
    };
    let access_token = claims::access_token(facts, client, registry, now)?;
    let expires_in = client.access_token_lifetime(&registry.rules).min(authorization.ends - now);
    // IDT-03: with openid always, without it never.
    let id_token = scope
        .contains("openid")
        .then(|| IdTokenDraft { authorization: authorization.clone(), request: grant.request.clone() });
    Ok(Issue { access_token, expires_in, scope, details, id_token, refresh_token: None })
}

/// REF-01.
fn wants_refresh(granted: &Scopes, client: &AuthenticatedClient, registry: &Registry) -> bool {
    client.may(GrantType::RefreshToken)
        && match registry.rules.refresh_issue {
            RefreshIssue::Granted | RefreshIssue::Consent => true,
            RefreshIssue::OfflineAccess => granted.contains("offline_access"),
            RefreshIssue::Never => false,
        }
}

fn new_refresh(
    grant: &Grant,
    authorization: &Authorization,
    client: &AuthenticatedClient,
    registry: &Registry,
    random: Random,
    now: Timestamp,
) -> (Secret, RefreshToken) {
    let secret = Secret::from_random(random.refresh_token);
    let row = RefreshToken {
        id: secret.digest(Purpose::RefreshToken),
        grant: grant.id.clone(),
        client_id: client.id().clone(),
        incarnation: client.incarnation().clone(),
        scope: authorization.scope.clone(),
        issued: now,
        expires: (now + client.refresh_token_lifetime(&registry.rules)).min(authorization.ends),
        replaced: None,
    };
    (secret, row)
}
