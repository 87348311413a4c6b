//! What is pushed, by whom, and in which form (requirements sections 8 to 10).

use serde_json::json;

use super::*;
use crate::actors::form;
use crate::server::{BACK, CALLBACK, ISSUER};

#[tokio::test]
async fn requests_are_pushed_by_an_authenticated_client_and_are_nothing_but_codes() {
    let served = security().start().await;
    let wallet = Wallet::of(&served);
    for (id, changes, error) in [
        ("RSP-12, E-12, F2-R02", [("response_type", "code id_token")], "400 unsupported_response_type"),
        ("RSP-12, E-12, F2-R02", [("response_type", "token")], "400 unsupported_response_type"),
        ("PKC-01, E-14, F2-R03", [("code_challenge", "")], "400 invalid_request"),
        ("PKC-02, E-14, F2-R03", [("code_challenge_method", "plain")], "400 invalid_request"),
        ("AUT-06, E-08", [("redirect_uri", "")], "400 invalid_request"),
        ("PAR-11, E-09", [("redirect_uri", "https://app.example/cb")], "400 invalid_request"),
        ("TLS-08, F2-R10", [("redirect_uri", "http://app.example/cb")], "400 invalid_request"),
        ("E-26", [("scope", "everything")], "400 invalid_scope"),
        ("E-11, PAR-05", [("request_uri", "urn:x")], "400 invalid_request"),
        ("F2-R02", [("response_mode", "jwt")], "400 invalid_request"),
    ] {
        assert_eq!(wallet.push(&changes, &[]).await.refusal(id), error, "{id}");
    }
    let anonymous = wallet.send("/par", form(&[("client_id", "app"), ("response_type", "code")]), &[]).await;
    assert_eq!(anonymous.refusal("PAR-01"), "401 invalid_client", "PAR-01, F2-R01, CA-09");
    for (id, aud) in [
        ("CA-07b, F2-R04, P-06", json!([ISSUER])),
        ("CA-07b, F2-R04, P-06", json!(format!("https://{BACK}/par"))),
        ("CA-07b, F2-R04, P-06", json!(format!("https://{BACK}/token"))),
    ] {
        let assertion = wallet.0.sign(None, &with(wallet.0.assertion(), &json!({ "aud": aud })));
        let form = wallet.0.with_assertion(&assertion, &[("response_type", "code")]);
        assert_eq!(wallet.send("/par", form, &[]).await.refusal(id), "401 invalid_client", "{id} {aud}");
    }

    let mut browser = served.browser();
    let query = [("client_id", "app"), ("response_type", "code"), ("redirect_uri", CALLBACK), ("state", "s")];
    let page = browser.open(&format!("/authorize?{}", form(&query))).await;
    let refused = response(page.left());
    assert_eq!(
        (&refused["error"], &refused["state"]),
        (&json!("invalid_request"), &json!("s")),
        "PAR-12, E-19, F2-R01"
    );
    assert!(!refused.contains_key("code"));

    let spent = wallet.pushed(&[], &[]).await;
    assert!(response(&browser.approve(&spent).await).contains_key("code"), "PAR-10");
    let again = served.browser().open(&spent).await;
    assert_eq!(response(again.left())["error"], "invalid_request_uri", "PAR-09, E-20, P-08");
    let late = wallet.code(&[], &[]).await;
    served.later(62);
    assert_eq!(
        wallet.redeem_with(&late, &ONE).await.refusal("TOK-06"),
        "400 invalid_grant",
        "TOK-06, F2-R05"
    );
}
