//! Access tokens where they are used (requirements sections 15 and 26).

use serde_json::{Value, json};

use super::{Expectations, bearer, check};
use crate::certificate::PeerCertificate;
use crate::fixture::{ISSUER, NOON, certificate, fintech, mallory_key, server_key, sign, with};
use crate::lifetime::{Lifetime, Timestamp};
use crate::rejection::{ErrorCode, Rejection};

fn claims(certificate: &PeerCertificate) -> Value {
    json!({
        "iss": ISSUER, "aud": "https://api.bank.example", "sub": "pairwise-alice", "client_id": "app", "scope": "accounts openid",
        "iat": NOON.as_unix(), "exp": NOON.as_unix() + 300, "jti": "g1.r1", "cnf": {"x5t#S256": certificate.thumbprint()},
    })
}

fn used(
    token: &str,
    certificate: Option<&PeerCertificate>,
    audience: &[&str],
    now: Timestamp,
) -> Result<super::AccessToken, Rejection> {
    let registry = fintech().build();
    let keys = registry.jwks();
    let expected = Expectations {
        issuer: ISSUER,
        audience: Some(audience),
        keys: &keys,
        algorithms: &registry.rules.signing,
    };
    check(token, certificate, &expected, now)
}

const API: [&str; 1] = ["https://api.bank.example"];

#[test]
fn a_token_is_good_for_its_holder_at_its_audience_for_its_scopes() {
    let own = certificate();
    let token = sign(server_key(), Some("at+jwt"), &claims(&own));
    let good = used(&token, Some(&own), &API, NOON).unwrap();
    assert_eq!((good.subject.as_str(), good.client_id.as_str()), ("pairwise-alice", "app"), "JAT-01");
    assert_eq!(good.grant().unwrap().as_str(), "g1");
    assert!(good.require("accounts").is_ok());
    assert_eq!(good.require("payments").unwrap_err().code, ErrorCode::InsufficientScope, "RS-03");
    used(&token, Some(&own), &API, NOON + Lifetime::seconds(299)).unwrap();
    for (id, outcome) in [
        ("MTL-06, P-19, RS-09", used(&token, Some(&certificate()), &API, NOON)),
        ("MTL-06, RS-09", used(&token, None, &API, NOON)),
        ("RS-03, JAT-02", used(&token, Some(&own), &API, NOON + Lifetime::seconds(300))),
        ("JAT-02", used(&token, Some(&own), &["https://other.example"], NOON)),
    ] {
        assert_eq!(outcome.unwrap_err().code, ErrorCode::InvalidToken, "{id}");
    }
}

#[test]
fn a_token_that_we_did_not_issue_like_this_is_refused() {
    let own = certificate();
    let changed = |changes: Value| sign(server_key(), Some("at+jwt"), &with(claims(&own), &changes));
    let good = changed(json!({}));
    let payload = good.split('.').nth(1).unwrap();
    let none = format!("{}.{payload}.", fapi_jose::b64::encode(br#"{"alg":"none","typ":"at+jwt"}"#));
    for (id, token) in [
        ("JAT-02", sign(server_key(), Some("JWT"), &claims(&own))),
        ("JAT-02, P-20", sign(server_key(), None, &claims(&own))),
        ("JAT-02, J-01", none),
        ("JAT-02, P-28", sign(mallory_key(), Some("at+jwt"), &claims(&own))),
        ("JAT-02", changed(json!({"iss": "https://other.example"}))),
        ("RS-09, P-19", changed(json!({"cnf": null}))),
        ("P-19", changed(json!({"cnf": {"x5t": "sha1"}}))),
        ("P-19", changed(json!({"cnf": {"x5t#S256": own.thumbprint(), "jkt": "x"}}))),
        ("J-08", changed(json!({"exp": "later"}))),
        ("JAT-02", changed(json!({"jti": null}))),
        ("RS-03", "rubbish".to_owned()),
    ] {
        assert_eq!(used(&token, Some(&own), &API, NOON).expect_err(id).code, ErrorCode::InvalidToken, "{id}");
    }
    used(&good, Some(&own), &API, NOON).unwrap();
}

#[test]
fn the_authorization_header_is_bearer_in_any_case() {
    for header in ["Bearer abc.def", "bearer abc.def", "bEARER abc.def", "BEARER   abc.def"] {
        assert_eq!(bearer(Some(header)).unwrap(), "abc.def", "RS-01, INV-12");
    }
    for header in ["Basic YTpi", "abc.def", "Bearer ", "Bearer a b", "DPoP abc"] {
        assert!(bearer(Some(header)).is_err(), "RS-01 {header}");
    }
    assert_eq!(bearer(None).unwrap_err().code, ErrorCode::InvalidToken, "RS-03");
}
