//! Access tokens where they are used (requirements sections 15 and 26).

use fapi_jose::{b64, sha256};
use serde_json::{Value, json};

use super::{Expectations, Presented, Presenter, Scheme, challenges, check};
use crate::certificate::PeerCertificate;
use crate::dpop::{Call, NonceRule};
use crate::fixture::{ISSUER, NOON, certificate, fintech, mallory_key, proof_claims, server_key, sign, with};
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
    let call = Call { method: "GET", url: "https://api.bank.example/accounts" };
    let by = Presenter { certificate, proofs: &[], call, nonce: NonceRule::NotAsked };
    let presented = Presented { scheme: Scheme::Bearer, token };
    check(presented, &by, &expected, now)?.admit(true)
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
    let none = format!("{}.{payload}.", b64::encode(br#"{"alg":"none","typ":"at+jwt"}"#));
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
fn the_authorization_header_is_bearer_or_dpop_in_any_case() {
    for (header, scheme) in [
        ("Bearer abc.def", Scheme::Bearer),
        ("bearer abc.def", Scheme::Bearer),
        ("bEARER abc.def", Scheme::Bearer),
        ("BEARER   abc.def", Scheme::Bearer),
        ("DPoP abc.def", Scheme::DPoP),
        ("dpop abc.def", Scheme::DPoP),
    ] {
        let presented = Presented::parse(Some(header)).unwrap();
        assert_eq!((presented.scheme, presented.token), (scheme, "abc.def"), "RS-01, INV-12");
    }
    for header in ["Basic YTpi", "abc.def", "Bearer ", "Bearer a b", "DPoP ", "DPoPabc"] {
        assert!(Presented::parse(Some(header)).is_err(), "RS-01 {header}");
    }
    assert_eq!(Presented::parse(None).unwrap_err().code, ErrorCode::InvalidToken, "RS-03");
}

const ACCOUNTS: Call<'static> = Call { method: "GET", url: "https://api.bank.example/accounts" };

/// A token that is bound to `mallory`'s key, and the proof for it.
fn bound() -> (String, Value) {
    let jkt = mallory_key().public().thumbprint();
    let token = with(claims(&certificate()), &json!({"cnf": {"jkt": jkt}}));
    let token = sign(server_key(), Some("at+jwt"), &token);
    let ath = b64::encode(sha256(&token));
    (token, with(proof_claims(ACCOUNTS), &json!({ "ath": ath })))
}

fn used_with(
    presented: Presented<'_>,
    certificate: Option<&PeerCertificate>,
    proofs: &[String],
) -> Result<super::Checked, Rejection> {
    let registry = fintech().build();
    let keys = registry.jwks();
    let expected =
        Expectations { issuer: ISSUER, audience: Some(&API), keys: &keys, algorithms: fapi_jose::Alg::ALL };
    let by = Presenter { certificate, proofs, call: ACCOUNTS, nonce: NonceRule::NotAsked };
    check(presented, &by, &expected, NOON)
}

#[test]
fn a_token_that_is_bound_to_a_key_needs_a_proof_by_that_key() {
    let (token, proof) = bound();
    let by = |key: &fapi_jose::SigningKey, changes: Value| {
        vec![key.sign_dpop(with(proof.clone(), &changes).as_object().unwrap()).unwrap()]
    };
    let dpop = Presented { scheme: Scheme::DPoP, token: &token };
    let bearer = Presented { scheme: Scheme::Bearer, token: &token };
    let good = by(mallory_key(), json!({}));
    let checked = used_with(dpop, None, &good).expect("DPO-07");
    assert!(checked.replay().is_some(), "DPO-08");
    assert_eq!(checked.admit(true).unwrap().binding.token_type(), "DPoP", "DPO-09");
    let again = used_with(dpop, None, &good).unwrap().admit(false);
    assert_eq!(again.unwrap_err().code, ErrorCode::InvalidDpopProof, "DPO-08");

    for (id, presented, proofs, code) in [
        ("DPO-10", bearer, good.clone(), ErrorCode::InvalidDpopProof),
        ("DPO-10", dpop, vec![], ErrorCode::InvalidDpopProof),
        ("DPO-01", dpop, [good.clone(), good.clone()].concat(), ErrorCode::InvalidDpopProof),
        ("DPO-07, P-19", dpop, by(server_key(), json!({})), ErrorCode::InvalidToken),
        ("DPO-03, DPO-07", dpop, by(mallory_key(), json!({"ath": null})), ErrorCode::InvalidDpopProof),
        ("DPO-04", dpop, by(mallory_key(), json!({"htm": "PUT"})), ErrorCode::InvalidDpopProof),
        ("DPO-05", dpop, by(mallory_key(), json!({"htu": ISSUER})), ErrorCode::InvalidDpopProof),
    ] {
        let refused = used_with(presented, Some(&certificate()), &proofs).expect_err(id);
        assert_eq!(refused.code, code, "{id} {refused}");
    }
    // A token that is bound to a certificate does not become free by a proof.
    let own = certificate();
    let bound_to_certificate = sign(server_key(), Some("at+jwt"), &claims(&own));
    let as_dpop = Presented { scheme: Scheme::DPoP, token: &bound_to_certificate };
    let refused = used_with(as_dpop, Some(&own), &good).unwrap_err();
    assert_eq!(refused.code, ErrorCode::InvalidToken, "RS-09, MTL-06");
}

#[test]
fn a_challenge_names_every_way_to_come_and_what_was_wrong_with_this_one() {
    use crate::profile::SenderConstraint::{Certificate, DPoP};
    let invalid = Rejection::invalid_token("no", "");
    let proof = Rejection::new(ErrorCode::InvalidDpopProof, "no", crate::Clause(""));
    let algorithms = [fapi_jose::Alg::Es256, fapi_jose::Alg::Ps256];
    let all = |rejection, used, offered: &[_]| challenges(rejection, used, offered, &algorithms);
    let error = "error=\"invalid_token\", error_description=\"no\"";
    let algs = "algs=\"ES256 PS256\"";
    for (id, found, wanted) in [
        ("RS-03", all(&invalid, None, &[Certificate]), vec![format!("Bearer {error}")]),
        (
            "RS-03",
            all(&invalid, Some(Scheme::Bearer), &[DPoP, Certificate]),
            vec![format!("Bearer {error}"), format!("DPoP {algs}")],
        ),
        (
            "DPO-10",
            all(&invalid, Some(Scheme::DPoP), &[DPoP, Certificate]),
            vec![format!("DPoP {error}, {algs}"), "Bearer".to_owned()],
        ),
        (
            "DPO-10",
            all(&proof, Some(Scheme::Bearer), &[DPoP]),
            vec![format!("DPoP error=\"invalid_dpop_proof\", error_description=\"no\", {algs}")],
        ),
        ("DPO-10", all(&invalid, None, &[DPoP]), vec![format!("DPoP {error}, {algs}")]),
    ] {
        assert_eq!(found, wanted, "{id}");
    }
}
