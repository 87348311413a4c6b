use serde_json::json;

use super::*;
use crate::flow::checks::forge::{CLIENT, Forge, ISSUER, NOW, answer, assert_fails};

const DATE: &str = "Tue, 14 Nov 2023 22:13:20 GMT";

fn look(status: u16, headers: &[(&str, &str)], body: &str) -> Findings {
    let mut findings = Findings::default();
    accounts(&answer(status, headers, body), "id-1", NOW, &mut findings);
    findings
}

/// RS-04, RS-05, RS-06
#[test]
fn a_good_answer_of_the_bank_is_accepted() {
    let headers = [
        ("content-type", "application/json; charset=utf-8"),
        ("x-fapi-interaction-id", "id-1"),
        ("date", DATE),
    ];
    let findings = look(200, &headers, r#"{"data":[{},{}]}"#);
    assert_eq!(findings.failed(), [""; 0]);
    assert_eq!(findings.into_parts().2.get("accounts"), Some(&json!(2)));
}

/// RS-04, RS-05, RS-06
#[test]
fn an_answer_of_the_bank_with_one_thing_wrong_is_a_finding() {
    let (kind, id, date) =
        (("content-type", "application/json"), ("x-fapi-interaction-id", "id-1"), ("date", DATE));
    for (status, headers, body, why) in [
        (401, vec![kind, id, date], "{}", "200"),
        (200, vec![id, date], "{}", "JSON"),
        (200, vec![kind, id, date], "{", "JSON"),
        (200, vec![kind, date], "{}", "interaction"),
        (200, vec![kind, ("x-fapi-interaction-id", "id-2"), date], "{}", "interaction"),
        (200, vec![kind, id], "{}", "Date"),
        (200, vec![kind, id, ("date", "Tue, 14 Nov 2023 22:43:20 GMT")], "{}", "Date"),
        (200, vec![kind, id, ("date", "yesterday")], "{}", "Date"),
    ] {
        assert_fails(&look(status, &headers, body), why);
    }
}

/// UIN-01, UIN-02
#[test]
fn userinfo_speaks_of_the_same_person_in_json_or_signed() {
    let forge = Forge::new();
    let signed = forge.sign(None, &json!({ "iss": ISSUER, "aud": CLIENT, "sub": "alice" }));
    let foreign = forge.sign(None, &json!({ "iss": ISSUER, "aud": "other", "sub": "alice" }));
    let look = |kind: &str, body: &str| {
        let mut findings = Findings::default();
        userinfo(&answer(200, &[("content-type", kind)], body), "alice", forge.parties(), &mut findings);
        findings
    };
    assert!(look("application/json", r#"{"sub":"alice"}"#).all_hold());
    assert!(look("application/jwt", &signed).all_hold());
    assert_fails(&look("application/json", r#"{"sub":"mallory"}"#), "sub");
    assert_fails(&look("application/json", "{}"), "sub");
    assert_fails(&look("application/json", r#"{"sub":"mallory","sub":"alice"}"#), "JSON");
    assert_fails(&look("text/html", r#"{"sub":"alice"}"#), "JSON");
    assert_fails(&look("application/jwt", &foreign), "meant for");
    assert_fails(&look("application/jwt", &Forge::new().sign(None, &json!({ "sub": "alice" }))), "signature");
}

/// MTL-06, RS-03
#[test]
fn a_refusal_is_a_refusal_by_http_or_by_tls() {
    let judge = |outcome: Result<&Answer, &HttpError>| {
        refused(outcome, "our token is refused", "RFC 8705 3", "how", &mut Findings::default())
    };
    let place = || "bank.example:443".to_owned();
    for status in [400, 401, 403] {
        assert!(judge(Ok(&answer(status, &[], ""))), "{status}");
    }
    assert!(judge(Err(&HttpError::Alert(place(), "CertificateUnknown".to_owned()))));
    assert!(judge(Err(&HttpError::Closed(place(), "reset".to_owned()))));
    for status in [200, 204, 302, 404, 500, 503] {
        assert!(!judge(Ok(&answer(status, &[], ""))), "{status}");
    }
    assert!(!judge(Err(&HttpError::Unreachable(place(), "nobody".to_owned()))));
    assert!(!judge(Err(&HttpError::Untrusted(place(), "name".to_owned()))));
}

/// TOK-03, RS-03
#[test]
fn a_refusal_has_its_code_in_the_body_or_in_the_challenge() {
    let judge = |answer: &Answer, status, code| {
        let mut findings = Findings::default();
        refused_as(answer, status, code, "refused", "RFC 6749 5.2", &mut findings);
        findings.all_hold()
    };
    let body = answer(400, &[], r#"{"error":"invalid_grant"}"#);
    assert!(judge(&body, 400, "invalid_grant"));
    assert!(!judge(&body, 400, "invalid_client"));
    assert!(!judge(&body, 401, "invalid_grant"));
    let challenge = answer(401, &[("www-authenticate", "Bearer realm=\"x\", error=\"invalid_token\"")], "");
    assert!(judge(&challenge, 401, "invalid_token"));
    assert!(!judge(&answer(401, &[], ""), 401, "invalid_token"));
}
