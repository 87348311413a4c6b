//! What stands in a token: ID Tokens (OpenID Connect Core 2), access tokens (RFC 9068), UserInfo (OpenID Connect Core 5.3).

use fapi_jose::{Alg, half_hash};
use serde_json::{Map, Value, json};

use crate::authorize::AuthorizationRequest;
use crate::client::{Client, EncryptionChoice};
use crate::details::AuthorizationDetails;
use crate::grant::Authorization;
use crate::ids::GrantId;
use crate::lifetime::Timestamp;
use crate::registry::Registry;
use crate::rejection::Rejection;
use crate::response::no_key;
use crate::scope::Scopes;
use crate::sender::SenderBinding;

/// Claims with the algorithm and type they are to be signed with.
#[derive(Clone, PartialEq, Debug)]
pub struct ToSign {
    /// The JWT claims set.
    pub claims: Map<String, Value>,
    /// The signature algorithm.
    pub alg: Alg,
    /// The `typ` header.
    pub typ: &'static str,
}

/// How an answer travels that may be JSON or a JWT: `UserInfo`, introspection.
#[derive(Clone, PartialEq, Debug)]
pub enum Form {
    /// As it is.
    Json(Map<String, Value>),
    /// Signed, and then encrypted for those who registered so.
    Jwt {
        /// What to sign.
        to_sign: ToSign,
        /// How to encrypt it afterwards.
        encryption: Option<EncryptionChoice>,
    },
}

/// What an access token is for.
#[derive(Clone, Copy, Debug)]
pub struct AccessTokenFacts<'a> {
    /// The grant it comes from: the first half of its `jti`.
    pub grant: &'a GrantId,
    /// What was authorized; `None` for client credentials.
    pub authorization: Option<&'a Authorization>,
    /// The scopes of this token.
    pub scope: &'a Scopes,
    /// What it is for exactly (RFC 9396 9.1).
    pub details: &'a AuthorizationDetails,
    /// The resource server it was asked for.
    pub resource: Option<&'a str>,
    /// The key it is bound to.
    pub binding: &'a SenderBinding,
    /// The random half of its `jti`.
    pub random: [u8; 16],
}

/// An access token (RFC 9068 2.2, `JAT-01`), bound to its sender's key (`MTL-05`).
///
/// # Errors
/// `server_error` when no key is active.
pub fn access_token(
    facts: AccessTokenFacts<'_>,
    client: &Client,
    registry: &Registry,
    now: Timestamp,
) -> Result<ToSign, Rejection> {
    let alg = registry.signing_algorithm(None).ok_or_else(no_key)?;
    let mut lifetime = client.access_token_lifetime(&registry.rules);
    let mut claims = Map::new();
    claims.insert("iss".into(), json!(registry.issuer.as_str()));
    claims.insert("aud".into(), json!(registry.audience(facts.resource, client)));
    match facts.authorization {
        Some(authorization) => {
            claims.insert("sub".into(), json!(registry.subject_for(client, &authorization.person.subject)));
            claims.insert("auth_time".into(), json!(authorization.person.auth_time.as_unix()));
            if let Some(acr) = &authorization.person.acr {
                claims.insert("acr".into(), json!(acr));
            }
            // A token never outlives what the person agreed to.
            lifetime = lifetime.min(authorization.ends - now);
        }
        None => {
            claims.insert("sub".into(), json!(client.id().as_str()));
        }
    }
    claims.insert("client_id".into(), json!(client.id().as_str()));
    claims.insert("iat".into(), json!(now.as_unix()));
    claims.insert("exp".into(), json!((now + lifetime).as_unix()));
    claims.insert("jti".into(), json!(format!("{}.{}", facts.grant, fapi_jose::b64::encode(facts.random))));
    // Who asked for details alone was granted no scope.
    if !facts.scope.is_empty() {
        claims.insert("scope".into(), json!(facts.scope.to_string()));
    }
    if !facts.details.is_empty() {
        claims.insert("authorization_details".into(), facts.details.to_value());
    }
    claims.insert("cnf".into(), facts.binding.cnf());
    Ok(ToSign { claims, alg, typ: "at+jwt" })
}

/// What an ID Token answers for beside who signed in.
#[derive(Clone, Copy, Default, Debug)]
pub struct Hashes<'a> {
    /// The access token sent with it (`at_hash`).
    pub access_token: Option<&'a str>,
    /// The code sent with it (`c_hash`): with `s_hash` the detached signature of FAPI 1.0 Advanced 5.2.2.1.
    pub code: Option<&'a str>,
}

/// An ID Token.
///
/// # Errors
/// `server_error` when no key is active.
pub fn id_token(
    authorization: &Authorization,
    request: &AuthorizationRequest,
    hashes: Hashes<'_>,
    client: &Client,
    registry: &Registry,
    now: Timestamp,
) -> Result<ToSign, Rejection> {
    let registered = client.registration().id_token.signing_algorithm;
    let alg = registry.signing_algorithm(registered).ok_or_else(no_key)?;
    let person = &authorization.person;
    let mut claims = Map::new();
    claims.insert("iss".into(), json!(registry.issuer.as_str()));
    claims.insert("sub".into(), json!(registry.subject_for(client, &person.subject)));
    claims.insert("aud".into(), json!(client.id().as_str()));
    claims.insert("iat".into(), json!(now.as_unix()));
    claims.insert("exp".into(), json!((now + client.id_token_lifetime(&registry.rules)).as_unix()));
    claims.insert("auth_time".into(), json!(person.auth_time.as_unix()));
    for (name, value) in [("nonce", &request.nonce), ("acr", &person.acr), ("sid", &person.sid)] {
        if let Some(value) = value {
            claims.insert(name.into(), json!(value));
        }
    }
    // For EdDSA no specification names the hash.
    if let Some(access_token) = hashes.access_token.filter(|_| alg != Alg::EdDsa) {
        claims.insert("at_hash".into(), json!(half_hash(access_token)));
    }
    if let Some(code) = hashes.code {
        claims.insert("c_hash".into(), json!(half_hash(code)));
        // RSP-04: no state, no s_hash.
        if let Some(state) = &request.state {
            claims.insert("s_hash".into(), json!(half_hash(state)));
        }
    }
    Ok(ToSign { claims, alg, typ: "JWT" })
}

/// Claims of the standard scopes (OpenID Connect Core 5.4).
const SCOPE_CLAIMS: [(&str, &[&str]); 4] = [
    (
        "profile",
        &[
            "name",
            "family_name",
            "given_name",
            "middle_name",
            "nickname",
            "preferred_username",
            "profile",
            "picture",
            "website",
            "gender",
            "birthdate",
            "zoneinfo",
            "locale",
            "updated_at",
        ],
    ),
    ("email", &["email", "email_verified"]),
    ("address", &["address"]),
    ("phone", &["phone_number", "phone_number_verified"]),
];

/// What UserInfo answers: `sub` always, and of `known` what the granted scopes stand for (`UIN-01`, `UIN-03`). Names in the `claims`
/// parameter add nothing to that (`UIN-04`, OpenID Connect Core 5.5: a claim may be left out): the person was shown scopes, and has
/// agreed to no more (`B-15`).
pub fn userinfo(
    authorization: &Authorization,
    scope: &Scopes,
    known: &Map<String, Value>,
    client: &Client,
    registry: &Registry,
) -> Map<String, Value> {
    let mut wanted: Vec<&str> = Vec::new();
    for (name, claims) in SCOPE_CLAIMS {
        if scope.contains(name) {
            wanted.extend(claims);
        }
    }
    for definition in &registry.scope_definitions {
        if scope.contains(definition.name.as_str()) {
            wanted.extend(definition.claims.iter().map(String::as_str));
        }
    }
    let mut answer = Map::new();
    answer.insert("sub".into(), json!(registry.subject_for(client, &authorization.person.subject)));
    for name in wanted {
        // Protocol claims are never a person's to give.
        if !matches!(name, "sub" | "iss" | "aud" | "exp" | "iat")
            && let Some(value) = known.get(name)
        {
            answer.insert(name.to_owned(), value.clone());
        }
    }
    answer
}

/// UserInfo in the form that the client registered: JSON, or a JWT with `iss` and `aud` (OpenID Connect Core 5.3.2, `UIN-02`). What
/// is encrypted is signed first.
///
/// # Errors
/// `server_error` when no key is active.
pub fn userinfo_form(
    mut claims: Map<String, Value>,
    client: &Client,
    registry: &Registry,
) -> Result<Form, Rejection> {
    let registered = &client.registration().userinfo;
    if registered.signing_algorithm.is_none() && registered.encryption.is_none() {
        return Ok(Form::Json(claims));
    }
    let alg = registry.signing_algorithm(registered.signing_algorithm).ok_or_else(no_key)?;
    claims.insert("iss".into(), json!(registry.issuer.as_str()));
    claims.insert("aud".into(), json!(client.id().as_str()));
    Ok(Form::Jwt { to_sign: ToSign { claims, alg, typ: "JWT" }, encryption: registered.encryption })
}
