//! Proofs, nonces, and what a stolen token or code is worth (requirements section 14).

use fapi_core::profile::DpopNonce;
use fapi_jose::{SigningKey, b64, sha256};
use serde_json::json;

use super::*;
use crate::actors::form;
use crate::forge;
use crate::server::BACK;

#[tokio::test]
async fn a_token_request_needs_a_good_proof() {
    let served = security().start().await;
    let wallet = Wallet::of(&served);
    let code = wallet.code(&[], &[]).await;
    let now = served.now();
    let proof = |changes: Value| vec![wallet.proof(&ONE, "/token", &changes)];
    let good = || wallet.proof(&ONE, "/token", &json!({}));
    let claims = wallet.claims("POST", "/token");
    let spent = good();
    let first =
        wallet.call("/token", &[("grant_type", "client_credentials")], std::slice::from_ref(&spent)).await;
    assert_eq!(first.status, 200, "{}", first.json);
    for (id, proofs) in [
        ("T-08, DPO-09", vec![]),
        ("T-08, DPO-01", vec![good(), good()]),
        ("T-08, DPO-02", vec!["rubbish".to_owned()]),
        ("T-08, DPO-02, J-01", vec![forge::unsigned("none", &claims)]),
        ("T-08, DPO-02, J-03", vec![forge::rs256(&OTHER, &claims)]),
        ("T-08, DPO-02", vec![forge::broken(&good())]),
        ("T-08, DPO-02, CA-08", vec![wallet.0.sign(None, &claims)]),
        ("T-08, DPO-03", proof(json!({"jti": null}))),
        ("T-08, DPO-03", proof(json!({"htm": null}))),
        ("T-08, DPO-03", proof(json!({"htu": null}))),
        ("T-08, DPO-03", proof(json!({"iat": null}))),
        ("T-08, DPO-04", proof(json!({"htm": "PUT"}))),
        ("T-08, DPO-05", proof(json!({"htu": format!("https://{BACK}/par")}))),
        ("T-08, DPO-05, P-28", proof(json!({"htu": "https://other.example/token"}))),
        ("T-08, DPO-06", proof(json!({"iat": now - 3600}))),
        ("T-08, DPO-06", proof(json!({"iat": now + 3600}))),
        ("T-08, DPO-06", proof(json!({"exp": now - 60}))),
        ("T-08, DPO-08", vec![spent.clone()]),
    ] {
        assert_eq!(wallet.redeem(&code, &proofs).await.refusal(id), "400 invalid_dpop_proof", "{id}");
    }
    // DPO-14: a proof is no client authentication.
    let anonymous = [("grant_type", "authorization_code"), ("code", &code), ("client_id", "app")];
    let refused = wallet.send("/token", form(&anonymous), &proof(json!({}))).await;
    assert_eq!(refused.refusal("DPO-14"), "401 invalid_client", "DPO-14, T-02");
    // None of this used up the code; and what is different in form only is the same.
    let tokens = wallet
        .redeem(
            &code,
            &proof(json!({"htu": format!("HTTPS://{}:443/token?x=y", BACK.to_uppercase()), "iat": now - 10})),
        )
        .await;
    assert_eq!(tokens.status, 200, "DPO-05, DPO-06 {}", tokens.json);
}

#[tokio::test]
async fn a_proof_is_used_up_by_its_first_use() {
    let served = security().start().await;
    let wallet = Wallet::of(&served);
    let proof = [wallet.proof(&ONE, "/token", &json!({}))];
    let ask = || wallet.call("/token", &[("grant_type", "client_credentials")], &proof);
    let all = futures::future::join_all((0..12).map(|_| ask())).await;
    let won = all.iter().filter(|answer| answer.status == 200).count();
    let refused = all.iter().filter(|answer| answer.error() == "400 invalid_dpop_proof").count();
    assert_eq!((won, refused), (1, 11), "DPO-08");
}

#[tokio::test]
async fn a_code_is_bound_to_the_key_of_its_request() {
    let served = security().start().await;
    let wallet = Wallet::of(&served);
    let one = ONE.public().thumbprint();
    let proof = |key: &SigningKey| vec![wallet.proof(key, "/par", &json!({}))];
    for (id, named, proofs) in [
        ("DPO-12: dpop_jkt", Some(one), vec![]),
        ("DPO-12: a proof at PAR", None, proof(&ONE)),
        ("DPO-12: both", Some(one), proof(&ONE)),
    ] {
        let named: Vec<(&str, &str)> = named.iter().map(|jkt| ("dpop_jkt", *jkt)).collect();
        let code = wallet.code(&named, &proofs).await;
        let stolen = wallet.redeem_with(&code, &OTHER).await;
        assert_eq!(stolen.refusal(id), "400 invalid_grant", "T-09, P-02 {id}");
        assert_eq!(wallet.redeem_with(&code, &ONE).await.status, 200, "{id}");
    }
    for (id, named, proofs, error) in [
        ("E-28, DPO-12", one, proof(&OTHER), "400 invalid_dpop_proof"),
        ("DPO-12", "x", vec![], "400 invalid_request"),
        ("E-28, DPO-05", one, vec![wallet.proof(&ONE, "/token", &json!({}))], "400 invalid_dpop_proof"),
        ("E-28, DPO-01", one, [proof(&ONE), proof(&ONE)].concat(), "400 invalid_dpop_proof"),
    ] {
        assert_eq!(wallet.push(&[("dpop_jkt", named)], &proofs).await.refusal(id), error, "{id}");
    }
    // Whoever binds nothing may redeem with whatever key they have then.
    let code = wallet.code(&[], &[]).await;
    assert_eq!(wallet.redeem_with(&code, &OTHER).await.status, 200, "DPO-12");
}

#[tokio::test]
async fn a_stolen_token_is_of_no_use_without_its_key() {
    let served = security().start().await;
    let wallet = Wallet::of(&served);
    let tokens = wallet.redeem_with(&wallet.code(&[], &[]).await, &ONE).await;
    let token = tokens.text("access_token");
    let ath = json!({"ath": b64::encode(sha256(token))});
    let own = with(wallet.claims("GET", "/userinfo"), &ath);
    let own = ONE.sign_dpop(own.as_object().unwrap()).unwrap();

    let bearer = wallet.userinfo(&format!("Bearer {token}"), std::slice::from_ref(&own)).await;
    let bare = wallet.userinfo(&format!("DPoP {token}"), &[]).await;
    for (id, answer) in [("DPO-10: as a bearer token", bearer), ("DPO-10: without a proof", bare)] {
        assert_eq!(answer.status, 401, "{id}");
        let said = challenges(&answer);
        assert!(said[0].starts_with("DPoP error=\"invalid_dpop_proof\""), "{id} {said:?}");
        assert!(said[0].ends_with("algs=\"ES256 PS256 EdDSA\""), "{id} {said:?}");
        assert_eq!(said[1..], ["Bearer"], "MTL-06: {id}");
    }
    let certificate = served.anyone().showing(&wallet.0.identity);
    assert_eq!(
        wallet.0.userinfo_with(&certificate, token).await.status,
        401,
        "RS-09: a certificate is no proof"
    );

    for (id, key, changes, error) in [
        ("DPO-07, P-19", &*OTHER, json!({}), "invalid_token"),
        ("DPO-07", &*ONE, json!({"ath": null}), "invalid_dpop_proof"),
        ("DPO-07", &*ONE, json!({"ath": b64::encode(sha256("x"))}), "invalid_dpop_proof"),
        ("DPO-04", &*ONE, json!({"htm": "POST"}), "invalid_dpop_proof"),
        ("DPO-05", &*ONE, json!({"htu": format!("https://{BACK}/token")}), "invalid_dpop_proof"),
        ("DPO-06", &*ONE, json!({"iat": served.now() - 3600}), "invalid_dpop_proof"),
    ] {
        let answer = wallet.userinfo_by(token, key, &changes).await;
        let wanted = format!("DPoP error=\"{error}\"");
        assert!(
            answer.status == 401 && challenges(&answer)[0].starts_with(&wanted),
            "{id} {:?}",
            challenges(&answer)
        );
    }
    assert_eq!(
        wallet.userinfo(&format!("dpop {token}"), std::slice::from_ref(&own)).await.status,
        200,
        "RS-01"
    );
    assert_eq!(wallet.userinfo(&format!("DPoP {token}"), &[own]).await.status, 401, "DPO-08");

    // What a replayed code ends is ended for the holder of the key, too.
    wallet.call("/revoke", &[("token", token)], &[]).await;
    let revoked = wallet.userinfo_by(token, &ONE, &json!({})).await;
    assert!(challenges(&revoked)[0].starts_with("DPoP error=\"invalid_token\""), "RS-03, REV-03");
}

#[tokio::test]
async fn a_workspace_may_ask_for_a_nonce_in_every_proof() {
    let served = security()
        .with(|bundle| bundle.document.protocol.dpop_nonce = Some(DpopNonce::Required))
        .start()
        .await;
    let wallet = Wallet::of(&served);
    let code = wallet.code(&[], &[]).await;
    let asked = wallet.redeem_with(&code, &ONE).await;
    assert_eq!(asked.refusal("DPO-11"), "400 use_dpop_nonce", "DPO-11");
    let nonce = asked.headers["dpop-nonce"].to_str().unwrap().to_owned();
    let said = |nonce: &str| json!({ "nonce": nonce });
    let forged = wallet.redeem(&code, &[wallet.proof(&ONE, "/token", &said("AAAA"))]).await;
    assert_eq!(forged.refusal("DPO-11"), "400 use_dpop_nonce", "DPO-11");
    // DPO-06: the nonce decides, so a wrong clock does not matter.
    let proof = with(said(&nonce), &json!({"iat": served.now() - 3600}));
    let tokens = wallet.redeem(&code, &[wallet.proof(&ONE, "/token", &proof)]).await;
    assert_eq!(tokens.status, 200, "DPO-11 {}", tokens.json);
    assert!(tokens.headers.contains_key("dpop-nonce"), "RFC 9449 8.2");

    let token = tokens.text("access_token");
    let asked = wallet.userinfo_by(token, &ONE, &json!({})).await;
    assert_eq!(asked.status, 401, "DPO-11");
    assert!(challenges(&asked)[0].starts_with("DPoP error=\"use_dpop_nonce\""), "DPO-11");
    let nonce = asked.headers["dpop-nonce"].to_str().unwrap().to_owned();
    assert_eq!(wallet.userinfo_by(token, &ONE, &said(&nonce)).await.status, 200, "DPO-11");
    served.later(200);
    assert_eq!(
        wallet.userinfo_by(token, &ONE, &said(&nonce)).await.status,
        200,
        "DPO-11: the one before, too"
    );
    served.later(601);
    let old = wallet
        .call(
            "/token",
            &[("grant_type", "client_credentials")],
            &[wallet.proof(&ONE, "/token", &said(&nonce))],
        )
        .await;
    assert_eq!(old.refusal("DPO-11"), "400 use_dpop_nonce", "DPO-11: not for ever");
}
