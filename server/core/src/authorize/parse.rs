//! The parameters of a request, one check a paragraph. Every request passes here, pushed or by value, exactly once.

use serde_json::Value;

use super::arrival::Refused;
use super::claims_parameter::ClaimsRequest;
use super::request_object::Way;
use super::{AuthorizationRequest, CodeChallenge, Delivery, Prompt, request_object};
use crate::client::{AuthenticatedClient, Client, GrantType};
use crate::details::AuthorizationDetails;
use crate::dpop::KeyThumbprint;
use crate::id_token_hint;
use crate::lifetime::Timestamp;
use crate::params::Params;
use crate::profile::{Nonce, Pkce, RequestDelivery, RequestObject, Response, SenderConstraint};
use crate::registry::Registry;
use crate::rejection::{ErrorCode, Rejection};
use crate::response::Destination;
use crate::scope::Scopes;

/// Where parameters come from: the claims of a request object, or a form.
pub(super) enum Source<'a> {
    Claims(&'a fapi_jose::Claims),
    Form(&'a Params),
}

impl Source<'_> {
    /// A parameter as text. JSON numbers and booleans count as their text; an empty string as absent (`RO-14`).
    fn text(&self, name: &'static str) -> Result<Option<String>, Rejection> {
        match self {
            Self::Form(params) => Ok(params.get(name).map(ToOwned::to_owned)),
            Self::Claims(claims) => match claims.get(name) {
                None => Ok(None),
                Some(Value::String(text)) => Ok(Some(text.clone()).filter(|text| !text.is_empty())),
                Some(Value::Number(number)) => Ok(Some(number.to_string())),
                Some(_) => {
                    Err(Rejection::invalid_request("a parameter has the wrong type", "RFC 9101 4")
                        .detail(name))
                }
            },
        }
    }

    /// A parameter as JSON: itself in a request object, parsed from its text elsewhere.
    fn json(&self, name: &'static str) -> Result<Option<Value>, Rejection> {
        let text = match self {
            Self::Claims(claims) => match claims.get(name) {
                None | Some(Value::String(_)) => self.text(name)?,
                Some(value) => return Ok(Some(value.clone())),
            },
            Self::Form(_) => self.text(name)?,
        };
        let Some(text) = text else { return Ok(None) };
        let parsed = fapi_jose::Claims::parse(text.as_bytes());
        let parsed = parsed.map_err(|_| {
            Rejection::invalid_request("a parameter is not a JSON object", "RFC 9101 4").detail(name)
        })?;
        Ok(Some(Value::Object(parsed.into_map())))
    }
}

/// A pushed authorization request (RFC 9126 2).
///
/// # Errors
/// Everything that would be refused at the authorization endpoint is refused here (`PAR-04`), without a redirect.
pub fn push(
    params: &Params,
    client: &AuthenticatedClient,
    registry: &Registry,
    now: Timestamp,
) -> Result<AuthorizationRequest, Rejection> {
    if registry.rules.request_delivery == RequestDelivery::ByValueOnly {
        return Err(Rejection::invalid_request("this server takes no pushed requests", "RFC 9126 5"));
    }
    // PAR-05, E-11.
    if params.get("request_uri").is_some() {
        return Err(Rejection::invalid_request("request_uri must not be pushed", "RFC 9126 2.1"));
    }
    let object = match (params.get("request"), registry.rules.request_object()) {
        (Some(jwt), _) => Some(request_object::verify(jwt, client, registry, Way::Pushed, now)?),
        // RO-01, E-18.
        (None, RequestObject::SignedRequired { .. }) => {
            return Err(Rejection::invalid_request(
                "a signed request object (request) is required",
                "F1A 5.2.2-1",
            ));
        }
        (None, RequestObject::SignedOptional { .. }) => None,
    };
    // RO-02, PAR-06: with a request object, only what is inside counts.
    let source = object.as_ref().map_or(Source::Form(params), |object| Source::Claims(&object.claims));
    parse(&source, client, registry, Delivery::Pushed).map_err(|refused| refused.rejection)
}

/// Reads a request. From the moment a registered redirect URI is known, a refusal says where it may be sent.
pub(super) fn parse(
    source: &Source<'_>,
    client: &Client,
    registry: &Registry,
    delivery: Delivery,
) -> Result<AuthorizationRequest, Refused> {
    let rules = &registry.rules;

    // Before anything can be redirected: the client may do this at all, and the redirect URI is registered (AUT-04, AUT-06).
    if !client.may(GrantType::AuthorizationCode) {
        return Err(Rejection::unauthorized_client(
            "this client may not use the authorization endpoint",
            "RFC 6749 4.1.2.1",
        )
        .into());
    }
    let requested = source.text("redirect_uri")?;
    let requested =
        requested.ok_or_else(|| Rejection::invalid_request("redirect_uri is missing", "F1B 5.2.2-9"))?;
    let redirect_uri = client
        .redirect_uri(&requested)
        .ok_or_else(|| {
            Rejection::invalid_request("redirect_uri is not registered for this client", "F1B 5.2.2-10")
        })?
        .clone();

    // From here on errors travel to the client, in the mode it asked for where that can be told (RSP-08).
    let response_type = source.text("response_type")?;
    let response_mode = source.text("response_mode")?;
    let state = source.text("state")?;
    let offered = client.responses(rules);
    let wished = wished(response_type.as_deref(), response_mode.as_deref(), offered);
    let form =
        wished.as_ref().map_or_else(|_| fallback(response_type.as_deref(), offered), |response| *response);
    let destination = Destination::new(client, redirect_uri.clone(), form, state.clone());
    let to = |rejection: Rejection| Refused { rejection, destination: Some(Box::new(destination.clone())) };
    let response = wished.map_err(to)?;

    // AUT-07: state is opaque, and long ones are fine.
    if state.as_ref().is_some_and(|state| state.len() > 4096) {
        return Err(to(Rejection::invalid_request("state is longer than 4096 characters", "RFC 6749 4.1.1")));
    }

    let details = details(source, client, registry).map_err(to)?;
    let scope = scope(source, &details, client, registry).map_err(to)?;
    let openid = scope.contains("openid");
    if response == Response::CodeIdToken && !openid {
        return Err(to(Rejection::invalid_request(
            "response_type code id_token needs the scope openid",
            "OIDC Core 3.3.2.1",
        )));
    }

    let nonce = source.text("nonce").map_err(to)?;
    if nonce.as_ref().is_some_and(|nonce| nonce.len() > 1024) {
        return Err(to(Rejection::invalid_request(
            "nonce is longer than 1024 characters",
            "OIDC Core 3.1.2.1",
        )));
    }
    match rules.nonce() {
        Nonce::RequiredWithOpenid if openid && nonce.is_none() => {
            return Err(to(Rejection::invalid_request("nonce is missing", "F1B 5.2.2.2-1")));
        }
        Nonce::RequiredWithOpenid if !openid && state.is_none() => {
            return Err(to(Rejection::invalid_request(
                "state is missing: it is needed without openid",
                "F1B 5.2.2.3-1",
            )));
        }
        _ => {}
    }

    let code_challenge = pkce(source, rules.pkce, &delivery).map_err(to)?;
    let dpop_jkt = dpop_jkt(source, client, registry).map_err(to)?;
    let prompt = prompt(source).map_err(to)?;
    let max_age = max_age(source).map_err(to)?;
    let claims = source.json("claims").map_err(to)?;
    let mut claims = claims.map(|claims| ClaimsRequest::read(&claims)).unwrap_or_default();
    claims.sub = wanted_person(source, claims.sub, client, registry).map_err(to)?;
    let resource = resource(source, client, registry).map_err(to)?;
    let list = |name| Ok::<_, Rejection>(source.text(name)?.map(|text| words(&text)).unwrap_or_default());

    Ok(AuthorizationRequest {
        response,
        redirect_uri,
        scope,
        details,
        state,
        nonce,
        code_challenge,
        dpop_jkt,
        prompt,
        max_age,
        acr_values: list("acr_values").map_err(to)?,
        claims,
        login_hint: source.text("login_hint").map_err(to)?.filter(|hint| hint.len() <= 256),
        ui_locales: list("ui_locales").map_err(to)?,
        resource,
        delivery,
    })
}

fn words(text: &str) -> Vec<String> {
    text.split(' ').filter(|word| !word.is_empty()).take(16).map(ToOwned::to_owned).collect()
}

/// `response_type` and `response_mode` together (RSP-10 to RSP-12, E-12, E-13), out of those that this client may ask for.
fn wished(
    response_type: Option<&str>,
    mode: Option<&str>,
    offered: &[Response],
) -> Result<Response, Rejection> {
    let unsupported = |description| {
        Rejection::new(ErrorCode::UnsupportedResponseType, description, crate::Clause("F1A 5.2.2-2"))
    };
    let response_type = response_type
        .ok_or_else(|| Rejection::invalid_request("response_type is missing", "RFC 6749 3.1.1"))?;
    let mut types: Vec<&str> = response_type.split(' ').filter(|word| !word.is_empty()).collect();
    types.sort_unstable();
    let response = match (types.as_slice(), mode) {
        (["code"], Some("jwt" | "query.jwt")) => Response::CodeJarm,
        (["code"], None) => Response::Code,
        // E-13: where codes do not travel plainly, it is the mode that is wrong, not the type.
        (["code"], Some("query")) if offered.contains(&Response::Code) => Response::Code,
        (["code", "id_token"], None | Some("fragment")) => Response::CodeIdToken,
        (["code"] | ["code", "id_token"], Some(_)) => {
            return Err(Rejection::invalid_request(
                "this response_mode is not offered",
                "OAuth 2.0 Multiple Response Types 5",
            ));
        }
        _ => return Err(unsupported("this response_type is not offered")),
    };
    if offered.contains(&response) {
        return Ok(response);
    }
    Err(match response {
        Response::Code => unsupported("response_type code needs response_mode jwt"),
        Response::CodeJarm => Rejection::invalid_request("response_mode jwt is not offered", "JARM 2.3"),
        Response::CodeIdToken => unsupported("response_type code id_token is not offered"),
    })
}

/// In which form an error about the form itself travels: the wished one where it can be told, else the first that is offered.
fn fallback(response_type: Option<&str>, offered: &[Response]) -> Response {
    let hybrid =
        response_type.is_some_and(|types| types.split(' ').any(|word| word == "id_token" || word == "token"));
    let wished = if hybrid { Response::CodeIdToken } else { Response::CodeJarm };
    let first = offered.first().copied().unwrap_or(Response::CodeJarm);
    // RSP-01: errors of anything that could have had a token in the front channel go into the fragment.
    if hybrid || offered.contains(&wished) { wished } else { first }
}

/// RFC 9396 3: an array in a request object, its text in a form (RAR-05); of types that this client may use (RAR-01, RAR-02, E-27).
fn details(
    source: &Source<'_>,
    client: &Client,
    registry: &Registry,
) -> Result<AuthorizationDetails, Rejection> {
    const NAME: &str = "authorization_details";
    let asked = match source {
        Source::Claims(claims) if !claims.get(NAME).is_none_or(Value::is_string) => {
            claims.get(NAME).map(AuthorizationDetails::read).transpose()?
        }
        _ => source.text(NAME)?.as_deref().map(AuthorizationDetails::parse).transpose()?,
    };
    asked.unwrap_or_default().admitted(client, registry)
}

/// RFC 6749 3.3: at least one scope, each known and registered for the client (E-07, E-26). Who asks for details needs none (RFC
/// 9396 3).
fn scope(
    source: &Source<'_>,
    details: &AuthorizationDetails,
    client: &Client,
    registry: &Registry,
) -> Result<Scopes, Rejection> {
    let text = match source.text("scope")? {
        None if !details.is_empty() => return Ok(Scopes::default()),
        text => text.ok_or_else(|| Rejection::invalid_request("scope is missing", "F1A 5.2.2-10"))?,
    };
    let unknown =
        || Rejection::invalid_scope("a scope is unknown or not registered for this client", "RFC 6749 3.3");
    let scope = Scopes::parse(&text).map_err(|_| unknown())?;
    if scope.is_empty() {
        return Err(Rejection::invalid_request("scope is missing", "F1A 5.2.2-10"));
    }
    if !scope.is_subset(client.scopes()) || !scope.is_subset(&registry.scopes()) {
        return Err(unknown());
    }
    Ok(scope)
}

/// PKC-01 to PKC-03, PKC-05, E-14.
fn pkce(source: &Source<'_>, rule: Pkce, delivery: &Delivery) -> Result<Option<CodeChallenge>, Rejection> {
    let needed = match rule {
        Pkce::Required => true,
        Pkce::PushedOnly => *delivery == Delivery::Pushed,
        Pkce::Tolerated => false,
    };
    let Some(challenge) = source.text("code_challenge")? else {
        return if needed || source.text("code_challenge_method")?.is_some() {
            Err(Rejection::invalid_request("code_challenge is missing", "F1A 5.2.2-18"))
        } else {
            Ok(None)
        };
    };
    if source.text("code_challenge_method")?.as_deref() != Some("S256") {
        return Err(Rejection::invalid_request("code_challenge_method must be S256", "RFC 7636 4.4.1"));
    }
    let challenge = CodeChallenge::parse(&challenge);
    challenge
        .map(Some)
        .ok_or_else(|| Rejection::invalid_request("code_challenge is malformed", "RFC 7636 4.2"))
}

/// RFC 9449 10: a key that the code is to be bound to (`DPO-12`). Where no token is ever bound to a key, the parameter is one of
/// many that nobody knows.
fn dpop_jkt(
    source: &Source<'_>,
    client: &Client,
    registry: &Registry,
) -> Result<Option<KeyThumbprint>, Rejection> {
    if !registry.rules.offers_dpop() {
        return Ok(None);
    }
    let Some(text) = source.text("dpop_jkt")? else { return Ok(None) };
    if client.sender_constraint() != SenderConstraint::DPoP {
        return Err(Rejection::invalid_request(
            "dpop_jkt was sent, but the tokens of this client are bound to its certificate",
            "RFC 9449 10",
        ));
    }
    let thumbprint = KeyThumbprint::parse(&text);
    thumbprint
        .map(Some)
        .ok_or_else(|| Rejection::invalid_request("dpop_jkt is not the thumbprint of a key", "RFC 9449 10"))
}

/// OpenID Connect Core 3.1.2.1: `none` stands alone; unknown values are ignored.
fn prompt(source: &Source<'_>) -> Result<Prompt, Rejection> {
    let values = source.text("prompt")?.map(|text| words(&text)).unwrap_or_default();
    let has = |value: &str| values.iter().any(|known| known == value);
    if has("none") && values.len() > 1 {
        return Err(Rejection::invalid_request("prompt none stands alone", "OIDC Core 3.1.2.1"));
    }
    Ok(Prompt { none: has("none"), login: has("login") || has("select_account"), consent: has("consent") })
}

/// Who is wanted, if not just anybody: the person of the hint (OIC-05), or of the `claims` parameter (UIN-08).
fn wanted_person(
    source: &Source<'_>,
    claimed: Option<String>,
    client: &Client,
    registry: &Registry,
) -> Result<Option<String>, Rejection> {
    let Some(hint) = source.text("id_token_hint")? else { return Ok(claimed) };
    let hinted = id_token_hint::subject(&hint, client, registry)?;
    if claimed.is_some_and(|claimed| claimed != hinted) {
        let description = "id_token_hint and claims name two people";
        return Err(Rejection::invalid_request(description, "OIDC Core 3.1.2.1"));
    }
    Ok(Some(hinted))
}

fn max_age(source: &Source<'_>) -> Result<Option<i64>, Rejection> {
    let Some(text) = source.text("max_age")? else { return Ok(None) };
    let seconds = text.parse::<i64>().ok().filter(|seconds| *seconds >= 0);
    seconds
        .map(Some)
        .ok_or_else(|| Rejection::invalid_request("max_age is not a number of seconds", "OIDC Core 3.1.2.1"))
}

/// RFC 8707 2: one resource server, known to the Workspace and open to the client.
fn resource(source: &Source<'_>, client: &Client, registry: &Registry) -> Result<Option<String>, Rejection> {
    let said = match source {
        Source::Claims(claims) => match claims.get("resource") {
            Some(Value::Array(many)) => match many.as_slice() {
                [Value::String(one)] => Some(one.clone()),
                _ => return Err(Rejection::invalid_target("one resource at a time", "RFC 8707 2")),
            },
            _ => source.text("resource")?,
        },
        Source::Form(_) => source.text("resource")?,
    };
    registry.may_target(said.as_deref(), client)?;
    Ok(said)
}
