//! What may a caller learn of a token, and in which form? (RFC 7662, RFC 9701)
//!
//! A client sees its own tokens; a resource server sees those that are for it. Everything else is `{"active":false}` and nothing
//! more (`INT-03`, `P-27`).

#[cfg(test)]
mod tests;

use serde_json::{Map, Value, json};

use crate::claims::{Form, ToSign};
use crate::client::AuthenticatedClient;
use crate::details::AuthorizationDetails;
use crate::grant::{Authorization, Grant};
use crate::lifetime::Timestamp;
use crate::registry::Registry;
use crate::rejection::Rejection;
use crate::resource::AccessToken;
use crate::response::no_key;
use crate::scope::Scopes;
use crate::token::RefreshToken;

/// The answer for whatever the caller may not know of.
pub fn inactive() -> Map<String, Value> {
    let mut answer = Map::new();
    answer.insert("active".into(), json!(false));
    answer
}

/// Who asks, as far as this token is concerned.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Standing {
    Owner,
    ResourceServer,
}

fn standing(token: &AccessToken, caller: &AuthenticatedClient, registry: &Registry) -> Option<Standing> {
    if token.client_id == *caller.id() && registry.rules.profile().clients_introspect_access_tokens {
        return Some(Standing::Owner);
    }
    let listed = |identifier: &String| {
        registry
            .resource(identifier)
            .is_some_and(|resource| resource.introspection_clients.contains(caller.id()))
    };
    token.audience.iter().any(listed).then_some(Standing::ResourceServer)
}

/// The answer for an access token that is valid and not revoked; `None` if the caller may not know.
///
/// `authorization` is what the token's grant stands for, while there is one: resource servers learn the person's name in the bank
/// (`local_sub`) beside the client's.
pub fn access_token(
    token: &AccessToken,
    authorization: Option<&Authorization>,
    caller: &AuthenticatedClient,
    registry: &Registry,
) -> Option<Map<String, Value>> {
    let standing = standing(token, caller, registry)?;
    let mut answer = Map::new();
    answer.insert("active".into(), json!(true));
    answer.insert("iss".into(), json!(registry.issuer.as_str()));
    answer.insert("sub".into(), json!(token.subject));
    answer.insert(
        "aud".into(),
        match token.audience.as_slice() {
            [one] => json!(one),
            many => json!(many),
        },
    );
    answer.insert("client_id".into(), json!(token.client_id.as_str()));
    authorized(&mut answer, &token.scope, &token.details);
    answer.insert("token_type".into(), json!(token.binding.token_type()));
    answer.insert("iat".into(), json!(token.issued.as_unix()));
    answer.insert("exp".into(), json!(token.expires.as_unix()));
    answer.insert("jti".into(), json!(token.jti));
    answer.insert("cnf".into(), token.binding.cnf());
    if let Some(acr) = &token.acr {
        answer.insert("acr".into(), json!(acr));
    }
    if let Some(auth_time) = token.auth_time {
        answer.insert("auth_time".into(), json!(auth_time));
    }
    if let (Standing::ResourceServer, Some(authorization)) = (standing, authorization) {
        answer.insert("local_sub".into(), json!(authorization.person.subject.as_str()));
    }
    Some(answer)
}

/// What a token is for. A member that would say nothing is left out (RFC 7662 2.2, RFC 9396 9.2).
fn authorized(answer: &mut Map<String, Value>, scope: &Scopes, details: &AuthorizationDetails) {
    if !scope.is_empty() {
        answer.insert("scope".into(), json!(scope.to_string()));
    }
    if !details.is_empty() {
        answer.insert("authorization_details".into(), details.to_value());
    }
}

/// The answer for a refresh token: to its own client only (`INT-04`).
pub fn refresh_token(
    token: &RefreshToken,
    grant: &Grant,
    caller: &AuthenticatedClient,
    registry: &Registry,
    now: Timestamp,
) -> Option<Map<String, Value>> {
    let authorization = grant.authorization(now)?;
    // INT-03: nor one that was replaced, once the token endpoint refuses it.
    let over = now > token.expires || token.replaced.is_some_and(|until| now > until);
    if token.client_id != *caller.id() || token.incarnation != *caller.incarnation() || over {
        return None;
    }
    let mut answer = Map::new();
    answer.insert("active".into(), json!(true));
    answer.insert("iss".into(), json!(registry.issuer.as_str()));
    answer.insert("sub".into(), json!(registry.subject_for(caller, &authorization.person.subject)));
    answer.insert("client_id".into(), json!(token.client_id.as_str()));
    authorized(&mut answer, &token.scope, &authorization.details.still_offered(caller, registry));
    answer.insert("iat".into(), json!(token.issued.as_unix()));
    answer.insert("exp".into(), json!(token.expires.as_unix()));
    Some(answer)
}

/// The media type of a signed answer (RFC 9701 4).
pub const JWT: &str = "application/token-introspection+jwt";

/// The form of an answer: a JWT when the caller registered so, and where the profile offers it to whoever asks (RFC 9701 5).
///
/// # Errors
/// `server_error` when no key is active.
pub fn form(
    answer: Map<String, Value>,
    asked: bool,
    caller: &AuthenticatedClient,
    registry: &Registry,
    now: Timestamp,
) -> Result<Form, Rejection> {
    let registered = &caller.registration().introspection;
    let offered = registry.rules.profile().signed_introspection && asked;
    if !offered && registered.signing_algorithm.is_none() && registered.encryption.is_none() {
        return Ok(Form::Json(answer));
    }
    let alg = registry.signing_algorithm(registered.signing_algorithm).ok_or_else(no_key)?;
    let mut claims = Map::new();
    claims.insert("iss".into(), json!(registry.issuer.as_str()));
    claims.insert("aud".into(), json!(caller.id().as_str()));
    claims.insert("iat".into(), json!(now.as_unix()));
    // Beside nothing that a token has: neither sub nor exp, so that it cannot be mistaken for one (RFC 9701 8.1).
    claims.insert("token_introspection".into(), Value::Object(answer));
    let to_sign = ToSign { claims, alg, typ: "token-introspection+jwt" };
    Ok(Form::Jwt { to_sign, encryption: registered.encryption })
}
