//! What may a caller learn of a token? (RFC 7662)
//!
//! A client sees its own tokens; a resource server sees those that are for it. Everything else is `{"active":false}` and nothing
//! more (`INT-03`, `P-27`).

#[cfg(test)]
mod tests;

use serde_json::{Map, Value, json};

use crate::client::AuthenticatedClient;
use crate::grant::{Authorization, Grant};
use crate::lifetime::Timestamp;
use crate::registry::Registry;
use crate::resource::AccessToken;
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
    answer.insert("scope".into(), json!(token.scope.to_string()));
    answer.insert("token_type".into(), json!("Bearer"));
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

/// The answer for a refresh token: to its own client only (`INT-04`).
pub fn refresh_token(
    token: &RefreshToken,
    grant: &Grant,
    caller: &AuthenticatedClient,
    registry: &Registry,
    now: Timestamp,
) -> Option<Map<String, Value>> {
    let authorization = grant.authorization(now)?;
    if token.client_id != *caller.id() || token.incarnation != *caller.incarnation() || now > token.expires {
        return None;
    }
    let mut answer = Map::new();
    answer.insert("active".into(), json!(true));
    answer.insert("iss".into(), json!(registry.issuer.as_str()));
    answer.insert("sub".into(), json!(registry.subject_for(caller, &authorization.person.subject)));
    answer.insert("client_id".into(), json!(token.client_id.as_str()));
    answer.insert("scope".into(), json!(token.scope.to_string()));
    answer.insert("iat".into(), json!(token.issued.as_unix()));
    answer.insert("exp".into(), json!(token.expires.as_unix()));
    Some(answer)
}
