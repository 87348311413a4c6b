//! Requests: what is accepted goes to a registered place only, and says what was signed or sent.

use fapi_core::authorize::{Arrival, AuthorizationRequest, ClaimsRequest, arrive, by_value, push};
use fapi_core::client::GrantType;
use fapi_core::params::{MAX_PARAMETERS, Params};
use fapi_core::profile::Response;
use fapi_core::redirect::RedirectUri;
use fapi_core::secret::{Purpose, Secret};
use fapi_core::token::TokenRequest;
use serde_json::Value;
use url::Url;
use url::form_urlencoded::Serializer;

use super::tokens::{audience, seconds, text};
use crate::actors::{CALLBACKS, ISSUER, NOON, authenticated, fapi2, fintech};
use crate::token::{Token, josekit_agrees};

/// A form or query: read as a second reader of ours reads it, or refused for a reason that this reader sees too.
pub(super) fn form(input: &[u8]) -> bool {
    let pairs: Vec<(String, String)> = input
        .split(|byte| *byte == b'&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let end = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
            (decoded(&pair[..end]), decoded(pair.get(end + 1..).unwrap_or_default()))
        })
        .collect();
    let twice =
        pairs.iter().enumerate().any(|(at, (name, _))| pairs[..at].iter().any(|(known, _)| known == name));
    let long =
        ["request", "client_assertion", "id_token_hint", "claims", "authorization_details", "token", "state"];
    let too_long = |(name, value): &(String, String)| {
        name.len() > 128 || value.len() > if long.contains(&name.as_str()) { 64 * 1024 } else { 4 * 1024 }
    };
    let refused = twice || pairs.len() > MAX_PARAMETERS || pairs.iter().any(too_long);
    let Ok(params) = Params::parse(input) else {
        assert!(refused, "TLS-14: refused without a reason");
        return false;
    };
    assert!(!refused, "TLS-14, P-12, H-06");
    let holds = |params: &Params| {
        for (name, value) in &pairs {
            assert_eq!(params.get(name), Some(value.as_str()).filter(|value| !value.is_empty()));
        }
    };
    holds(&params);
    let printed = Serializer::new(String::new()).extend_pairs(&pairs).finish();
    holds(&Params::parse(printed.as_bytes()).expect("it reads itself back"));
    let names: Vec<&str> =
        pairs.iter().filter(|(_, value)| !value.is_empty()).map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        format!("{params:?}"),
        format!("{names:?}"),
        "values may be credentials: only names are shown"
    );
    true
}

/// WHATWG URL 5.1: `+` is a space, `%` and two digits an octet, anything else itself.
fn decoded(text: &[u8]) -> String {
    let digit = |at: usize| text.get(at).and_then(|byte| char::from(*byte).to_digit(16));
    let (mut octets, mut at) = (Vec::new(), 0);
    while let Some(byte) = text.get(at) {
        at += 1;
        match (byte, digit(at), digit(at + 1)) {
            (b'%', Some(high), Some(low)) => {
                octets.push(u8::try_from(high * 16 + low).expect("two digits"));
                at += 2;
            }
            (b'+', ..) => octets.push(b' '),
            (other, ..) => octets.push(*other),
        }
    }
    String::from_utf8_lossy(&octets).into_owned()
}

/// What arrives at the authorization endpoint.
pub(super) fn authorization_request(input: &[u8]) -> bool {
    let Ok(params) = Params::parse(input) else { return false };
    let mut arrived = false;
    for registry in [fintech(), fapi2()] {
        match arrive(&params, registry) {
            Ok(Arrival::Reference { client, request_uri }) => {
                assert_eq!(params.get("client_id"), Some(client.id().as_str()));
                let uri = params.get("request_uri").expect("RO-16");
                let secret =
                    uri.strip_prefix("urn:ietf:params:oauth:request_uri:").expect("RO-16: ours only");
                assert_eq!(Secret::presented(secret).digest(Purpose::RequestUri), request_uri);
                assert_eq!(params.get("request"), None, "RO-10");
                arrived = true;
            }
            Ok(Arrival::ByValue { client, jwt, outside }) => {
                assert_eq!(params.get("client_id"), Some(client.id().as_str()));
                assert_eq!(params.get("request"), Some(jwt.as_str()));
                assert!(registry.rules.offers_by_value(), "PAR-12");
                let refused =
                    by_value(&jwt, &outside, &client, registry, NOON).expect_err("no key is checked in");
                proven(
                    refused.destination.as_deref().map(|destination| destination.redirect_uri().as_str()),
                    &params,
                );
            }
            Err(refused) => {
                proven(
                    refused.destination.as_deref().map(|destination| destination.redirect_uri().as_str()),
                    &params,
                );
            }
        }
    }
    arrived
}

/// Nobody is redirected to a place that was not registered (`AUT-04`, `AUT-15`).
fn proven(destination: Option<&str>, params: &Params) {
    if let Some(uri) = destination {
        assert!(CALLBACKS.contains(&uri), "AUT-15: {uri}");
        assert_eq!(params.get("redirect_uri"), Some(uri), "AUT-04");
    }
}

/// A signed request object, by value and pushed.
pub(super) fn request_object(input: &[u8]) -> bool {
    let Some(token) = Token::from_input(input) else { return false };
    let registry = fintech();
    let client = authenticated(registry);
    let around = Params::from_pairs([("redirect_uri".to_owned(), CALLBACKS[0].to_owned())]);
    let sent = by_value(&token.compact, &around, client, registry, NOON);
    let wrapped = Params::from_pairs([("request".to_owned(), token.compact.clone())]);
    let pushed = push(&wrapped, client, registry, NOON);
    if let Err(refused) = &sent {
        let to = refused.destination.as_deref().map(|destination| destination.redirect_uri().as_str());
        assert!(to.is_none_or(|uri| CALLBACKS.contains(&uri)), "AUT-15");
    }
    if let Ok(pushed) = &pushed {
        let sent = sent.as_ref().expect("what may be pushed may be sent");
        assert_eq!(AuthorizationRequest { delivery: pushed.delivery.clone(), ..sent.clone() }, *pushed);
    }
    let Ok(request) = sent.or(pushed) else { return false };

    let signer = token.signer.filter(|signer| signer.is_app()).expect("KEY-04: app signed it");
    assert!(registry.rules.signing.contains(&signer.key().alg()), "RO-06");
    assert!(josekit_agrees(&token.compact, signer), "another library agrees");
    let claims = token.claims();
    assert!(audience(&claims).iter().any(|aud| aud == ISSUER), "RO-05");
    let (exp, nbf) = (seconds(&claims, "exp").expect("RO-03"), seconds(&claims, "nbf").expect("RO-04"));
    let now = NOON.as_unix();
    assert!(exp >= now - 30 && exp - nbf <= 3600 && (now - 3600..=now + 30).contains(&nbf), "RO-03, RO-04");
    for name in ["request", "request_uri"] {
        assert!(!claims.contains_key(name), "RO-09");
    }
    for name in ["iss", "client_id"] {
        assert!(claims.get(name).is_none_or(|value| value == "app"), "RO-07");
    }
    assert_ne!(text(&claims, "sub").as_deref(), Some("app"), "RO-07");
    accepted(&request, &|name| match claims.get(name)? {
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    });
    true
}

/// A form at the pushed authorization request endpoint of FAPI 2.0.
pub(super) fn par_form(input: &[u8]) -> bool {
    let Ok(params) = Params::parse(input) else { return false };
    let registry = fapi2();
    let Ok(request) = push(&params, authenticated(registry), registry, NOON) else { return false };
    assert_eq!(params.get("request_uri"), None, "PAR-05");
    assert!(request.code_challenge.is_some(), "PKC-01");
    assert_eq!(request.response, Response::Code);
    accepted(&request, &|name| params.get(name).map(ToOwned::to_owned));
    true
}

/// What holds for every accepted request; `said` is what stands in it.
fn accepted(request: &AuthorizationRequest, said: &dyn Fn(&str) -> Option<String>) {
    let redirect_uri = request.redirect_uri.as_str();
    assert!(CALLBACKS.contains(&redirect_uri), "AUT-04");
    assert_eq!(said("redirect_uri").as_deref(), Some(redirect_uri), "AUT-04");
    assert!(!request.scope.is_empty());
    let asked = said("scope").expect("RO-14");
    for scope in request.scope.iter() {
        assert!(["openid", "offline_access", "accounts", "payments"].contains(&scope.as_str()), "AUT-09");
        assert!(asked.split(' ').any(|word| word == scope.as_str()), "nothing is added");
    }
    for (name, value, longest) in [("state", &request.state, 4096), ("nonce", &request.nonce, 1024)] {
        assert_eq!(*value, said(name).filter(|text| !text.is_empty()), "AUT-07, AUT-08: {name}");
        assert!(value.as_ref().is_none_or(|value| value.len() <= longest));
    }
    if let Some(challenge) = &request.code_challenge {
        let text = serde_json::to_value(challenge).expect("JSON");
        let text = text.as_str().expect("a text");
        assert!(
            (43..=128).contains(&text.len()) && said("code_challenge").as_deref() == Some(text),
            "PKC-03"
        );
        assert_eq!(said("code_challenge_method").as_deref(), Some("S256"), "PKC-02");
    }
    assert!(request.max_age.is_none_or(|seconds| seconds >= 0));
    assert!(
        request.acr_values.len() <= 16
            && request.ui_locales.len() <= 16
            && request.claims.id_token.len() <= 64
    );
    assert!(
        request.resource.as_deref().is_none_or(|resource| resource == "https://api.bank.example"),
        "RFC 8707 2"
    );
    assert!(!(request.prompt.none && (request.prompt.login || request.prompt.consent)));
    let kept = serde_json::to_string(request).expect("JSON");
    assert_eq!(
        serde_json::from_str::<AuthorizationRequest>(&kept).expect("JSON"),
        *request,
        "it is kept as it is"
    );
}

/// A form at the token endpoint.
pub(super) fn token_form(input: &[u8]) -> bool {
    let Ok(params) = Params::parse(input) else { return false };
    let client = authenticated(fintech());
    let grant_type = params.get("grant_type");
    match TokenRequest::parse(&params, client) {
        Ok(TokenRequest::Code(request)) => {
            assert_eq!(grant_type, Some(GrantType::AuthorizationCode.as_str()));
            let code = params.get("code").expect("RFC 6749 4.1.3");
            assert_eq!(request.code, Secret::presented(code).digest(Purpose::Code));
            assert!(!format!("{request:?}").contains(code) || code.len() < 8, "secrets are not shown");
        }
        Ok(TokenRequest::Refresh(request)) => {
            assert_eq!(grant_type, Some(GrantType::RefreshToken.as_str()));
            let token = params.get("refresh_token").expect("RFC 6749 6");
            assert_eq!(request.token, Secret::presented(token).digest(Purpose::RefreshToken));
        }
        Ok(TokenRequest::ClientCredentials(_)) => {
            assert_eq!(grant_type, Some(GrantType::ClientCredentials.as_str()));
        }
        Err(_) => return false,
    }
    true
}

/// The `claims` parameter: never an error, never more than was said.
pub(super) fn claims_parameter(input: &[u8]) -> bool {
    let Ok(value) = fapi_jose::json::parse(input) else { return false };
    let read = ClaimsRequest::read(&value);
    let said = value.to_string();
    assert!(read.id_token.len() <= 64);
    let named = |name: &String| value["id_token"].get(name).is_some();
    assert!(read.id_token.iter().all(named), "UIN-04: nothing is added");
    let values = read.acr.iter().flat_map(|wish| &wish.values).chain(&read.sub);
    assert!(values.into_iter().all(|text| said.contains(&Value::from(text.as_str()).to_string())));
    let kept = serde_json::to_string(&read).expect("JSON");
    assert_eq!(serde_json::from_str::<ClaimsRequest>(&kept).expect("JSON"), read, "it is kept as it is");
    true
}

/// A redirect URI, and after a line feed what a request asks for: what is registered is what a browser opens.
pub(super) fn redirect_uri(input: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(input) else { return false };
    let (text, requested) = text.split_once('\n').unwrap_or((text, text));
    let Ok(uri) = RedirectUri::parse(text) else { return false };
    let url = Url::parse(text).expect("TLS-08: a URL to a browser");
    assert_eq!(url.scheme(), "https", "F1-R08");
    assert!(url.fragment().is_none() && url.username().is_empty() && url.password().is_none(), "P-14");
    assert!(!text.contains('*') && text.len() <= 2048);
    assert!(url.as_str() == text || url.as_str() == format!("{text}/"), "a browser rewrites nothing");
    let host = url.host_str().expect("a host");
    let shown = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    assert_eq!(uri.host(), shown, "the host that is shown is the host that is opened");
    assert_eq!(uri.host_without_port(), host);
    assert_eq!(uri.is(requested), text == requested, "AUT-04");
    assert_eq!(RedirectUri::try_from(String::from(uri.clone())).as_ref(), Ok(&uri), "it reads itself back");

    for answer in [uri.with_query("code=1"), uri.with_fragment("code=1")] {
        let opened = Url::parse(&answer).expect("a URL");
        assert_eq!((opened.origin(), opened.path()), (url.origin(), url.path()), "AUT-05, RSP-01");
    }
    let query = Url::parse(&uri.with_query("code=1")).expect("a URL");
    let pairs: Vec<_> = query.query_pairs().collect();
    assert_eq!(pairs.last().map(|(name, value)| (&**name, &**value)), Some(("code", "1")), "AUT-05");
    let before: Vec<_> = url.query_pairs().collect();
    assert_eq!(pairs[..pairs.len() - 1], before, "AUT-05: what was registered stays");
    true
}
