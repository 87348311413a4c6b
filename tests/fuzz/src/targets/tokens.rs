//! Signed tokens: what is accepted was signed by the right key, and says what a plain reading of it says.

use fapi_core::client::{ASSERTION_TYPE, Credentials, Endpoint, authenticate};
use fapi_core::dpop::{self, Call, NonceRule};
use fapi_core::id_token_hint::{self, Hint};
use fapi_core::ids::ClientId;
use fapi_core::params::Params;
use fapi_core::registry::Registry;
use fapi_jose::{Alg, JwkSet, Unverified, json, sha256};
use serde_json::{Map, Value};
use url::Url;

use crate::actors::{BACK, ISSUER, NOON, Signer, app_keys, bytes_of, fapi2, fintech};
use crate::token::{Token, josekit_agrees};

/// A JWS in compact form: accepted only if `app` signed it, josekit agrees, and both of us read the same claims.
pub(super) fn jws(input: &[u8]) -> bool {
    let Some(token) = Token::from_input(input) else { return false };
    let Ok(unverified) = Unverified::parse(&token.compact) else {
        assert!(!is_plain(&token), "an ordinary token is parsed");
        return false;
    };
    assert!(token.compact.len() <= 64 * 1024);
    let parts: Vec<Vec<u8>> = token.compact.split('.').map(bytes_of).collect();
    assert_eq!(parts.len(), 3);
    let Ok(Value::Object(header)) = json::parse(&parts[0]) else { panic!("the header is strict JSON") };
    for name in ["crit", "b64", "jwk", "jku", "x5u", "x5c"] {
        assert!(!header.contains_key(name), "J-05, J-06: {name}");
    }
    assert!(unverified.kid().is_none_or(|kid| kid.len() <= 128), "J-04");

    let mallory = JwkSet::from_keys(vec![Signer::Mallory.key().public().clone()]);
    if unverified.clone().verify(&mallory, Alg::ALL).is_ok() {
        assert_eq!(token.signer, Some(Signer::Mallory));
    }
    let Ok(verified) = unverified.verify(&app_keys(), Alg::ALL) else {
        assert!(!is_plain(&token), "an ordinary token of app is accepted");
        return false;
    };
    let signer = token.signer.filter(|signer| signer.is_app()).expect("only app signs as app");
    assert_eq!(verified.alg, signer.key().alg(), "J-01");
    assert!(verified.kid.as_deref().is_none_or(|kid| kid == signer.key().kid()), "KEY-06");
    assert_eq!(verified.claims.as_map(), &token.claims(), "J-07: two readers read the same");
    assert!(josekit_agrees(&token.compact, signer), "another library agrees");
    let (message, _) = token.compact.rsplit_once('.').expect("three parts");
    assert_eq!(*verified.digest(), sha256(message));
    true
}

/// Whether `app` signed an object under a header that nobody could object to.
fn is_plain(token: &Token) -> bool {
    let Some(signer) = token.signer.filter(|signer| signer.is_app()) else { return false };
    let (Ok(Value::Object(header)), Ok(Value::Object(_))) =
        (json::parse(token.header.as_bytes()), json::parse(token.payload.as_bytes()))
    else {
        return false;
    };
    let alg = signer.key().alg().as_str();
    token.header.len() <= 4096
        && header.keys().all(|name| ["alg", "kid", "typ"].contains(&name.as_str()))
        && header.get("alg").is_some_and(|named| named == alg)
        && header.get("kid").is_none_or(|kid| kid == signer.key().kid())
        && header.get("typ").is_none_or(Value::is_string)
}

/// A `DPoP` proof for a call of the token endpoint: with and without an access token, with and without a nonce.
pub(super) fn dpop_proof(input: &[u8]) -> bool {
    const ACCESS_TOKEN: &str = "the access token";
    let Some(token) = Token::from_input(input) else { return false };
    let url = format!("{BACK}/token");
    let call = Call { method: "POST", url: &url };
    let ours = |nonce: &str| nonce == "ours";
    let verify = |access_token, nonce| {
        dpop::verify(std::slice::from_ref(&token.compact), call, access_token, Alg::ALL, nonce, NOON)
    };
    let mut accepted = false;
    for access_token in [None, Some(ACCESS_TOKEN)] {
        for nonce in [NonceRule::NotAsked, NonceRule::Required(&ours)] {
            let Ok(proof) = verify(access_token, nonce) else { continue };
            let signer = token.signer.expect("DPO-02: somebody signed it");
            assert_eq!(proof.key().as_str(), signer.key().kid(), "DPO-02: with the key in its header");
            assert!(josekit_agrees(&token.compact, signer), "another library agrees");
            let typ = text(&token.headers(), "typ").expect("DPO-02").to_ascii_lowercase();
            assert_eq!(typ, "dpop+jwt", "DPO-02");

            let claims = token.claims();
            assert_eq!(text(&claims, "htm").as_deref(), Some("POST"), "DPO-04");
            let said = Url::parse(&text(&claims, "htu").expect("DPO-05")).expect("DPO-05");
            let called = Url::parse(&url).expect("ours");
            assert_eq!((said.origin(), said.path()), (called.origin(), called.path()), "DPO-05");
            let jti = text(&claims, "jti").expect("DPO-03");
            assert!((1..=255).contains(&jti.len()), "DPO-03");
            let iat = seconds(&claims, "iat").expect("DPO-03");
            match nonce {
                NonceRule::NotAsked => {
                    assert!((NOON.as_unix() - 60..=NOON.as_unix() + 30).contains(&iat), "DPO-06");
                }
                NonceRule::Required(_) => {
                    assert_eq!(text(&claims, "nonce").as_deref(), Some("ours"), "DPO-11");
                }
            }
            if access_token.is_some() {
                let hash = fapi_jose::b64::encode(sha256(ACCESS_TOKEN));
                assert_eq!(text(&claims, "ath"), Some(hash), "DPO-07");
                assert!(verify(None, nonce).is_ok());
            }
            let again = verify(access_token, nonce).expect("the same question has the same answer");
            assert_eq!(again.replay(), proof.replay(), "DPO-08");
            assert!(proof.admit(false).is_err(), "DPO-08");
            accepted = true;
        }
    }
    accepted
}

/// A client assertion, under the rules of both families of profiles.
pub(super) fn client_assertion(input: &[u8]) -> bool {
    let Some(token) = Token::from_input(input) else { return false };
    [fintech(), fapi2()].map(|registry| assertion_at(registry, &token)).contains(&true)
}

fn assertion_at(registry: &Registry, token: &Token) -> bool {
    let pairs = [("client_assertion_type", ASSERTION_TYPE), ("client_assertion", &token.compact)];
    let params = Params::from_pairs(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let credentials = Credentials::new(&params, false, None);
    let Ok(presented) = authenticate(&credentials, registry, Endpoint::Token, NOON) else { return false };
    assert!(presented.replay().is_some(), "CA-05");
    let client = presented.admit(true).expect("for the first time");

    let signer = token.signer.expect("CA-01: somebody signed it");
    let id = client.id().as_str();
    assert_eq!(id, if signer.is_app() { "app" } else { "mallory" }, "CA-01: who signed it is who it is");
    assert_ne!(signer, Signer::Server, "P-09");
    assert!(registry.rules.signing.contains(&signer.key().alg()), "KEY-04");
    assert!(josekit_agrees(&token.compact, signer), "another library agrees");

    let claims = token.claims();
    for name in ["iss", "sub"] {
        assert_eq!(text(&claims, name).as_deref(), Some(id), "CA-02");
    }
    let endpoint = format!("{BACK}/token");
    let named = audience(&claims);
    if std::ptr::eq(registry, fapi2()) {
        assert_eq!(claims["aud"], ISSUER, "CA-03");
    } else {
        assert!(named.iter().any(|aud| aud == ISSUER || *aud == endpoint), "CA-03");
    }
    let exp = seconds(&claims, "exp").expect("CA-04");
    assert!((NOON.as_unix() - 30..=NOON.as_unix() + 630).contains(&exp), "CA-04");
    assert!(text(&claims, "jti").is_some_and(|jti| (1..=255).contains(&jti.len())), "CA-05");
    true
}

/// An ID Token that a client hands back: only one that the bank signed, for one of its clients.
pub(super) fn id_token_hint(input: &[u8]) -> bool {
    let Some(token) = Token::from_input(input) else { return false };
    let registry = fintech();
    let Ok(hint) = Hint::parse(&token.compact, registry) else {
        return false;
    };
    assert_eq!(token.signer, Some(Signer::Server), "KEY-04");
    let (header, claims) = (token.headers(), token.claims());
    assert!(
        header.get("typ").is_none_or(|typ| typ.as_str().is_some_and(|typ| typ.eq_ignore_ascii_case("JWT")))
    );
    assert_eq!(claims["iss"], ISSUER);
    let client = hint.client().id().as_str();
    assert_eq!(audience(&claims), [client]);
    assert!(["app", "mallory"].contains(&client));
    for time in ["exp", "auth_time"] {
        assert!(claims[time].is_number());
    }
    for other in ["app", "mallory"] {
        let asks = registry.client(&ClientId::parse(other).expect("an id")).expect("a client");
        let subject = id_token_hint::subject(&token.compact, asks, registry);
        assert_eq!(subject.is_ok(), other == client, "OIC-05: for this client only");
        assert!(subject.is_err() || subject.ok() == text(&claims, "sub"));
    }
    true
}

pub(super) fn text(claims: &Map<String, Value>, name: &str) -> Option<String> {
    claims.get(name)?.as_str().map(ToOwned::to_owned)
}

/// A time, decimals cut off.
pub(super) fn seconds(claims: &Map<String, Value>, name: &str) -> Option<i64> {
    let number = claims.get(name)?;
    #[expect(clippy::cast_possible_truncation, reason = "what is accepted lies within the calendar")]
    number.as_i64().or_else(|| number.as_f64().map(|decimal| decimal.floor() as i64))
}

pub(super) fn audience(claims: &Map<String, Value>) -> Vec<String> {
    match claims.get("aud") {
        Some(Value::String(one)) => vec![one.clone()],
        Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).map(ToOwned::to_owned).collect(),
        _ => Vec::new(),
    }
}
