use fapi_jose::{KeyManagement, encrypt};
use serde_json::{Value, json};

use super::*;
use crate::flow::checks::forge::{CLIENT, Forge, ISSUER, NOW, assert_fails, with};

const CALLBACK: &str = "https://app.example/cb";
const CODE: &str = "SplxlOBeZQQYbYS6WxSbIASplxlOBeZQQYbYS6WxSbI";

fn good() -> Value {
    json!({ "iss": ISSUER, "aud": CLIENT, "exp": NOW + 600, "code": CODE, "state": "s", "session_state": 7 })
}

fn expected<'a>(forge: &'a Forge, kind: ResponseKind, decryption: &'a [DecryptionKey]) -> Expected<'a> {
    Expected { parties: forge.parties(), kind, state: "s", issuer_is_promised: true, decryption }
}

fn jarm(forge: &Forge, claims: &Value) -> (Option<Response>, Findings) {
    let address = format!("{CALLBACK}?response={}", forge.sign(None, claims));
    at(forge, &address, ResponseKind::Jarm)
}

fn at(forge: &Forge, address: &str, kind: ResponseKind) -> (Option<Response>, Findings) {
    let mut findings = Findings::default();
    let response = check(address, CALLBACK, expected(forge, kind, &[]), &mut findings);
    (response, findings)
}

/// RSP-06, RSP-07
#[test]
fn a_good_jarm_response_gives_the_code() {
    let (response, findings) = jarm(&Forge::new(), &good());
    assert_eq!(findings.failed(), [""; 0]);
    assert_eq!(response, Some(Response::Code { code: CODE.to_owned(), id_token: None }));
}

/// RSP-07
#[test]
fn a_jarm_response_with_one_thing_wrong_is_a_finding() {
    let forge = Forge::new();
    for (name, value, why) in [
        ("iss", json!("https://evil.example"), "issued by"),
        ("iss", Value::Null, "issued by"),
        ("aud", json!("other"), "meant for"),
        ("aud", json!(["app", "other"]), "meant for"),
        ("exp", json!(NOW), "expired"),
        ("exp", Value::Null, "expired"),
        ("state", json!("other"), "state"),
        ("state", Value::Null, "state"),
        ("code", Value::Null, "there is a code"),
        ("code", json!("short"), "128 random bits"),
        ("access_token", json!("x"), "no access token"),
        ("id_token", json!("x"), "ID Token"),
    ] {
        let (_, findings) = jarm(&forge, &with(&good(), name, value));
        assert_fails(&findings, why);
    }
}

/// KEY-04, KEY-06, RSP-07
#[test]
fn a_jarm_response_signed_by_somebody_else_is_a_finding() {
    let (forge, stranger) = (Forge::new(), Forge::new());
    let address = format!("{CALLBACK}?response={}", stranger.sign(None, &good()));
    let (response, findings) = at(&forge, &address, ResponseKind::Jarm);
    assert_eq!(response, None);
    assert_fails(&findings, "names a published key");
    assert_fails(&findings, "signature");

    let mut torn = forge.sign(None, &good());
    torn.replace_range(torn.len() - 8.., "AAAAAAAA");
    let (response, findings) = at(&forge, &format!("{CALLBACK}?response={torn}"), ResponseKind::Jarm);
    assert_eq!(response, None);
    assert_fails(&findings, "signature");

    let unsigned = "eyJhbGciOiJub25lIn0.eyJjb2RlIjoiMSJ9.";
    let (response, findings) = at(&forge, &format!("{CALLBACK}?response={unsigned}"), ResponseKind::Jarm);
    assert_eq!(response, None);
    assert_fails(&findings, "signed JWT");
}

/// RSP-06, RSP-11
#[test]
fn nothing_stands_beside_a_jarm_response() {
    let forge = Forge::new();
    let response = forge.sign(None, &good());
    for address in [
        format!("{CALLBACK}?response={response}&code={CODE}"),
        format!("{CALLBACK}?response={response}#code={CODE}"),
        format!("{CALLBACK}?code={CODE}&state=s"),
        format!("{CALLBACK}#response={response}"),
        CALLBACK.to_owned(),
    ] {
        let (_, findings) = at(&forge, &address, ResponseKind::Jarm);
        assert_fails(&findings, "nothing else");
    }
    let twice = format!("{CALLBACK}?response={response}&response={response}");
    assert_fails(&at(&forge, &twice, ResponseKind::Jarm).1, "twice");
}

/// AUT-05
#[test]
fn the_query_of_a_redirect_uri_stays_and_is_not_part_of_the_response() {
    let forge = Forge::new();
    let own = "https://app.example/cb?dummy1=lorem&dummy2=ipsum";
    let address = format!("{own}&response={}", forge.sign(None, &good()));
    let mut findings = Findings::default();
    let response = check(&address, own, expected(&forge, ResponseKind::Jarm, &[]), &mut findings);
    assert!(response.is_some() && findings.all_hold(), "{findings:?}");
}

/// RSP-08, AUT-12
#[test]
fn an_error_comes_alone() {
    let forge = Forge::new();
    let error =
        json!({ "iss": ISSUER, "aud": CLIENT, "exp": NOW + 600, "error": "access_denied", "state": "s" });
    let (response, findings) = jarm(&forge, &error);
    assert_eq!(response, Some(Response::Error("access_denied".to_owned())));
    assert_eq!(findings.failed(), [""; 0]);

    let (_, findings) = jarm(&forge, &with(&error, "code", json!(CODE)));
    assert_fails(&findings, "without code");
}

/// RSP-09
#[test]
fn an_encrypted_response_is_for_our_key_only() {
    let forge = Forge::new();
    let ours = [DecryptionKey::generate(KeyManagement::EcdhEs, 0).unwrap()];
    let theirs = [DecryptionKey::generate(KeyManagement::EcdhEs, 0).unwrap()];
    let signed = forge.sign(None, &good());
    let seal = |key: &DecryptionKey| {
        encrypt(signed.as_bytes(), Some("JWT"), key.public(), KeyManagement::EcdhEs, Content::A256Gcm)
            .unwrap()
    };
    let open = |response: &str| {
        let mut findings = Findings::default();
        let address = format!("{CALLBACK}?response={response}");
        let kind = ResponseKind::JarmEncrypted;
        (check(&address, CALLBACK, expected(&forge, kind, &ours), &mut findings), findings)
    };

    let (response, findings) = open(&seal(&ours[0]));
    assert!(response.is_some() && findings.all_hold(), "{findings:?}");
    assert_fails(&open(&seal(&theirs[0])).1, "encrypted to us");
    assert_fails(&open(&signed).1, "encrypted to us");
}

/// RSP-01
#[test]
fn a_hybrid_response_is_in_the_fragment() {
    let forge = Forge::new();
    let inside = format!("code={CODE}&id_token=a.b.c&state=s&iss=https%3A%2F%2Fop.example");
    let (response, findings) = at(&forge, &format!("{CALLBACK}#{inside}"), ResponseKind::Hybrid);
    assert_eq!(findings.failed(), [""; 0]);
    assert_eq!(response, Some(Response::Code { code: CODE.to_owned(), id_token: Some("a.b.c".to_owned()) }));

    let (_, findings) = at(&forge, &format!("{CALLBACK}?{inside}"), ResponseKind::Hybrid);
    assert_fails(&findings, "fragment");
    for (from, to, why) in [
        ("state=s", "state=t", "state"),
        ("&id_token=a.b.c", "", "ID Token"),
        ("op.example", "evil.example", "mix-up"),
        ("&iss=https%3A%2F%2Fop.example", "", "mix-up"),
        ("state=s", "state=s&access_token=x", "no access token"),
        ("state=s", "state=s&state=s", "twice"),
    ] {
        let address = format!("{CALLBACK}#{}", inside.replace(from, to));
        assert_fails(&at(&forge, &address, ResponseKind::Hybrid).1, why);
    }
}

/// RSP-05, RSP-13
#[test]
fn a_plain_response_is_in_the_query_and_names_its_issuer() {
    let forge = Forge::new();
    let inside = format!("code={CODE}&state=s&iss=https%3A%2F%2Fop.example");
    let (response, findings) = at(&forge, &format!("{CALLBACK}?{inside}"), ResponseKind::Code);
    assert_eq!(findings.failed(), [""; 0]);
    assert_eq!(response, Some(Response::Code { code: CODE.to_owned(), id_token: None }));
    for (from, to, why) in [
        ("state=s", "state=t", "state"),
        ("op.example", "evil.example", "mix-up"),
        ("&iss=https%3A%2F%2Fop.example", "", "mix-up"),
        ("state=s", "state=s&id_token=a.b.c", "ID Token"),
        ("state=s", "state=s&access_token=x", "no access token"),
        ("&state=s", "&state=s#code=other", "fragment"),
        (CODE, "short", "128 random bits"),
    ] {
        let address = format!("{CALLBACK}?{}", inside.replace(from, to));
        assert_fails(&at(&forge, &address, ResponseKind::Code).1, why);
    }
}
