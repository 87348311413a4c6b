//! What do we say of ourselves? Discovery metadata (OpenID Connect Discovery 3, RFC 8414 2), derived from rules and registry, so
//! that it cannot disagree with what is enforced.

#[cfg(test)]
mod tests;

use fapi_jose::Alg;
use serde_json::{Map, Value, json};

use crate::client::{Endpoint, GrantType};
use crate::profile::{ClientAuth, Encryption, RefreshIssue, RequestDelivery, RequestObject, Response};
use crate::registry::Registry;

/// Path of the authorization endpoint at the front door.
pub const AUTHORIZE: &str = "/authorize";
/// Path of the `end_session_endpoint` at the front door (OpenID Connect RP-Initiated Logout 2).
pub const END_SESSION: &str = "/logout";
/// Path of the JWKS at the front door.
pub const JWKS: &str = "/jwks";
/// Path of UserInfo at the back door.
pub const USERINFO: &str = "/userinfo";
/// OpenID Connect Discovery 4.
pub const OPENID_CONFIGURATION: &str = "/.well-known/openid-configuration";
/// RFC 8414 3.
pub const AUTHORIZATION_SERVER: &str = "/.well-known/oauth-authorization-server";

fn names<T: ToString>(values: &[T]) -> Value {
    json!(values.iter().map(ToString::to_string).collect::<Vec<_>>())
}

/// The metadata document, the same at both well-known locations.
pub fn document(registry: &Registry) -> Map<String, Value> {
    let rules = &registry.rules;
    let front = |path: &str| json!(registry.doors.front.url(path));
    let back = |path: &str| json!(registry.doors.back.url(path));
    let signing = || names(&rules.signing);
    let mut doc = Map::new();
    let mut put = |name: &str, value: Value| {
        doc.insert(name.to_owned(), value);
    };

    put("issuer", json!(registry.issuer.as_str()));
    put("authorization_endpoint", front(AUTHORIZE));
    put("token_endpoint", back(Endpoint::Token.path()));
    put("jwks_uri", front(JWKS));
    put("end_session_endpoint", front(END_SESSION));
    // DSC-35: logout tokens always have a `sid`.
    put("backchannel_logout_supported", json!(true));
    put("backchannel_logout_session_supported", json!(true));
    put("userinfo_endpoint", back(USERINFO));
    put("introspection_endpoint", back(Endpoint::Introspection.path()));
    put("revocation_endpoint", back(Endpoint::Revocation.path()));

    // DSC-17, DSC-18, F1-R09: mirrored exactly.
    let mut aliases = Map::new();
    if rules.offers_par() {
        put("pushed_authorization_request_endpoint", back(Endpoint::Par.path()));
        aliases.insert("pushed_authorization_request_endpoint".into(), back(Endpoint::Par.path()));
    }
    put(
        "require_pushed_authorization_requests",
        json!(rules.request_delivery == RequestDelivery::PushedOnly),
    );

    // DSC-22: complete, so that a client that ignores aliases works too.
    for (name, path) in [
        ("token_endpoint", Endpoint::Token.path()),
        ("userinfo_endpoint", USERINFO),
        ("introspection_endpoint", Endpoint::Introspection.path()),
        ("revocation_endpoint", Endpoint::Revocation.path()),
    ] {
        aliases.insert(name.into(), back(path));
    }
    put("mtls_endpoint_aliases", Value::Object(aliases));

    put("response_types_supported", json!(response_types(&rules.responses)));
    put("response_modes_supported", json!(response_modes(&rules.responses)));
    put("grant_types_supported", json!(grant_types(registry)));
    put("scopes_supported", json!(registry.scopes().iter().map(ToString::to_string).collect::<Vec<_>>()));
    if !registry.details_types.is_empty() {
        let names: Vec<&str> = registry.details_types.iter().map(|offered| offered.name.as_str()).collect();
        put("authorization_details_types_supported", json!(names));
    }
    put("subject_types_supported", names(&rules.subject_types));

    // DSC-10, DSC-11: the same methods at every endpoint that authenticates clients.
    for endpoint in ["token_endpoint", "introspection_endpoint", "revocation_endpoint"] {
        put(&format!("{endpoint}_auth_methods_supported"), names(&rules.client_auth));
        if rules.client_auth.contains(&ClientAuth::PrivateKeyJwt) {
            put(&format!("{endpoint}_auth_signing_alg_values_supported"), signing());
        }
    }
    put("tls_client_certificate_bound_access_tokens", json!(rules.binds_certificates()));
    if rules.offers_dpop() {
        put("dpop_signing_alg_values_supported", signing());
    }

    // DSC-14 to DSC-16, DSC-19.
    put("request_parameter_supported", json!(rules.offers_by_value()));
    put("request_uri_parameter_supported", json!(false));
    put(
        "require_signed_request_object",
        json!(matches!(rules.request_object(), RequestObject::SignedRequired { .. })),
    );
    put("request_object_signing_alg_values_supported", signing());
    let encryption = registry.request_object_encryption();
    if !encryption.is_empty() {
        put("request_object_encryption_alg_values_supported", names(&encryption));
        put("request_object_encryption_enc_values_supported", names(&rules.content));
    }
    put("code_challenge_methods_supported", json!(["S256"]));
    put("authorization_response_iss_parameter_supported", json!(true));

    for (name, value) in messages(registry) {
        put(name, value);
    }

    put("claims_parameter_supported", json!(true));
    put("claims_supported", json!(claims(registry)));
    if !rules.acr_values.is_empty() {
        put("acr_values_supported", json!(rules.acr_values));
    }
    put("prompt_values_supported", json!(["none", "login", "consent", "select_account"]));
    if !registry.languages.is_empty() {
        put("ui_locales_supported", json!(registry.languages));
    }
    for (name, link) in bank(registry) {
        put(name, json!(link));
    }
    doc
}

/// How messages to clients are signed and encrypted (DSC-09, DSC-12, DSC-13).
fn messages(registry: &Registry) -> Vec<(&'static str, Value)> {
    let rules = &registry.rules;
    let mut said = Vec::new();
    let mut put = |name, value| said.push((name, value));
    let usable: Vec<Alg> =
        rules.signing.iter().copied().filter(|alg| registry.active_key(*alg).is_some()).collect();
    let usable = if usable.is_empty() { rules.signing.clone() } else { usable };
    put("id_token_signing_alg_values_supported", names(&usable));
    put("userinfo_signing_alg_values_supported", names(&usable));
    put("userinfo_encryption_alg_values_supported", names(&rules.key_management));
    put("userinfo_encryption_enc_values_supported", names(&rules.content));
    if rules.id_token_encryption != Encryption::Off {
        put("id_token_encryption_alg_values_supported", names(&rules.key_management));
        put("id_token_encryption_enc_values_supported", names(&rules.content));
    }
    if rules.offers_jarm() {
        put("authorization_signing_alg_values_supported", names(&usable));
        if rules.jarm_encryption != Encryption::Off {
            put("authorization_encryption_alg_values_supported", names(&rules.key_management));
            put("authorization_encryption_enc_values_supported", names(&rules.content));
        }
    }

    // RFC 9701 7.
    if rules.profile().signed_introspection {
        put("introspection_signing_alg_values_supported", names(&usable));
        put("introspection_encryption_alg_values_supported", names(&rules.key_management));
        put("introspection_encryption_enc_values_supported", names(&rules.content));
    }
    said
}

/// What the bank says of itself (OpenID Connect Discovery 3).
fn bank(registry: &Registry) -> impl Iterator<Item = (&'static str, &str)> {
    let links = [("op_policy_uri", &registry.links.policy), ("op_tos_uri", &registry.links.terms)];
    links.into_iter().filter_map(|(name, link)| Some((name, link.as_ref()?.as_str())))
}

fn response_types(responses: &[Response]) -> Vec<&'static str> {
    let mut types = Vec::new();
    for response in responses {
        let name = if *response == Response::CodeIdToken { "code id_token" } else { "code" };
        if !types.contains(&name) {
            types.push(name);
        }
    }
    types
}

fn response_modes(responses: &[Response]) -> Vec<&'static str> {
    let mut modes = Vec::new();
    for response in responses {
        modes.extend(match response {
            Response::CodeJarm => ["jwt", "query.jwt"].as_slice(),
            Response::CodeIdToken => ["fragment"].as_slice(),
            Response::Code => ["query"].as_slice(),
        });
    }
    modes
}

/// DSC-25: what is really enabled.
fn grant_types(registry: &Registry) -> Vec<&'static str> {
    let mut types = vec![GrantType::AuthorizationCode.as_str()];
    if registry.rules.refresh_issue != RefreshIssue::Never {
        types.push(GrantType::RefreshToken.as_str());
    }
    types.push(GrantType::ClientCredentials.as_str());
    types
}

fn claims(registry: &Registry) -> Vec<String> {
    let mut claims: Vec<String> = ["sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "acr", "sid"]
        .map(ToOwned::to_owned)
        .to_vec();
    let more = registry.rules.profile().claims.iter().map(ToString::to_string);
    let more = more
        .chain(registry.scope_definitions.iter().flat_map(|definition| definition.claims.iter().cloned()));
    for claim in more {
        if !claims.contains(&claim) {
            claims.push(claim);
        }
    }
    claims
}
