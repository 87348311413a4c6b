//! Which tokens open the door?

use fapi_core::Lifetime;
use fapi_jose::{Alg, SigningKey, b64};
use serde_json::{Value, json};

use crate::house::{House, INTERACTION, Plan, sign};

#[tokio::test]
async fn the_holder_of_a_good_token_sees_the_accounts_of_its_person() {
    let house = House::open().await;
    let answer = house.get("/accounts", &[("x-fapi-interaction-id", INTERACTION)]).await;
    insta::assert_snapshot!(answer.text(), @r#"
    200
    cache-control: no-store
    content-type: application/json; charset=utf-8
    x-content-type-options: nosniff
    x-fapi-interaction-id: c770aef3-6784-41f7-8e0e-ff5f97bddb3a

    {"accounts":[{"id":"1001","name":"Everyday","currency":"EUR"},{"id":"1002","currency":"EUR"}]}
    "#);
    assert_eq!(
        house.get("/accounts/1002", &[]).await.json(),
        json!({ "id": "1002", "currency": "EUR" }),
        "RS-10"
    );
    insta::assert_snapshot!(String::from_utf8_lossy(&house.get("/accounts/1001/balances", &[]).await.body), @r#"{"id":"1001","balances":[{"type":"available","currency":"EUR","amount":"166726.07"}]}"#);
    assert_eq!(house.issuer.books().complaints, Vec::<&str>::new());
}

/// `RS-02`, and that other parameters do not matter.
#[tokio::test]
async fn a_token_in_the_url_is_refused_even_beside_a_good_one() {
    let house = House::open().await;
    let token = house.token(&json!({}));
    for query in [
        format!("access_token={token}"),
        format!("page=1&access_token={token}"),
        format!("%61ccess_token={token}"),
        "access_token=".to_owned(),
        "access_token".to_owned(),
    ] {
        let path = format!("/accounts?{query}");
        for answer in
            [house.get(&path, &[]).await, house.send(Some(&house.app), &format!("GET {path}"), &[]).await]
        {
            assert_eq!((answer.status, answer.error().as_str()), (400, "invalid_request"), "RS-02 {query}");
        }
    }
    assert_eq!(house.get("/accounts?page=1&token=x", &[]).await.status, 200, "RS-02");
}

/// `RS-01`, `INV-12`.
#[tokio::test]
async fn a_token_comes_in_one_authorization_header() {
    let house = House::open().await;
    let token = house.token(&json!({}));
    for scheme in ["Bearer", "bearer", "bEARER", "BEARER "] {
        let header = format!("{scheme} {token}");
        let answer = house.send(Some(&house.app), "GET /accounts", &[("Authorization", &header)]).await;
        assert_eq!(answer.status, 200, "RS-01, INV-12 {scheme}");
    }
    let good = format!("Bearer {token}");
    for wrong in
        [&["Basic YTpi"][..], &[&token], &["Bearer"], &["Bearer "], &[&good, &good], &[&good, "Basic YTpi"]]
    {
        let headers: Vec<_> = wrong.iter().map(|value| ("Authorization", *value)).collect();
        let answer = house.send(Some(&house.app), "GET /accounts", &headers).await;
        assert_eq!((answer.status, answer.error().as_str()), (400, "invalid_request"), "RS-01 {wrong:?}");
    }
}

#[tokio::test]
async fn who_brings_no_token_is_told_what_to_bring_and_not_what_is_wrong() {
    let house = House::open().await;
    let headers = [("x-fapi-interaction-id", INTERACTION)];
    let answer = house.send(Some(&house.app), "GET /accounts", &headers).await;
    insta::assert_snapshot!(answer.text(), @r#"
    401
    cache-control: no-store
    content-type: application/json; charset=utf-8
    www-authenticate: Bearer realm="bank"
    x-content-type-options: nosniff
    x-fapi-interaction-id: c770aef3-6784-41f7-8e0e-ff5f97bddb3a

    {"error":"invalid_token","error_description":"an access token is required"}
    "#);
    assert_eq!(house.issuer.books().keys_fetched, 0, "nobody else is bothered");
}

/// `JAT-02`, `RS-03`.
#[tokio::test]
async fn what_is_no_access_token_of_the_issuer_for_this_api_is_refused() {
    let house = House::open().await;
    let key = house.issuer.books().keys[0].clone();
    let forger = SigningKey::generate(Alg::Ps256, 2048).unwrap();
    let good = house.token(&json!({}));
    let (payload, signature) = (good.split('.').nth(1).unwrap(), good.split('.').nth(2).unwrap());
    let head = |text: &str| b64::encode(text.as_bytes());
    let renamed = format!("{{\"alg\":\"PS256\",\"typ\":\"at+jwt\",\"kid\":\"{}\"}}", forger.kid());
    let unchanged = &json!({});
    for (id, token) in [
        ("JAT-02: an ID Token", sign(&key, Some("JWT"), house.claims(), unchanged)),
        ("JAT-02: no typ", sign(&key, None, house.claims(), unchanged)),
        ("JAT-02: alg none", format!("{}.{payload}.", head(r#"{"alg":"none","typ":"at+jwt"}"#))),
        ("JAT-02: a stranger's key", sign(&forger, Some("at+jwt"), house.claims(), unchanged)),
        ("JAT-02: a stranger's kid", format!("{}.{payload}.{signature}", head(&renamed))),
        ("JAT-02: another issuer", house.token(&json!({ "iss": "https://other.example" }))),
        ("JAT-02: another API", house.token(&json!({ "aud": "https://payments.bank.example" }))),
        ("JAT-02: expired", house.token(&json!({ "exp": crate::house::NOON.as_unix() }))),
        ("RS-09: bound to nothing", house.token(&json!({ "cnf": Value::Null }))),
        ("RS-03: rubbish", "rubbish".to_owned()),
    ] {
        let answer = house.get_with(&token, "/accounts", &[]).await;
        assert_eq!((answer.status, answer.error().as_str()), (401, "invalid_token"), "{id}");
        let challenge = answer.header("www-authenticate").unwrap();
        assert!(
            challenge.starts_with(r#"Bearer error="invalid_token", error_description=""#),
            "RS-03 {challenge}"
        );
    }
    assert_eq!(house.issuer.books().introspected, 0, "the issuer is not asked about what it did not issue");
    assert_eq!(house.get_with(&good, "/accounts", &[]).await.status, 200, "JAT-02");
    let both = house.token(&json!({ "aud": ["https://other.example", crate::house::API] }));
    assert_eq!(house.get_with(&both, "/accounts", &[]).await.status, 200, "JAT-02");
}

#[tokio::test]
async fn a_token_ends_when_it_says() {
    let house = House::open().await;
    let token = house.token(&json!({}));
    house.clock.advance(Lifetime::seconds(299));
    assert_eq!(house.get_with(&token, "/accounts", &[]).await.status, 200, "RS-03");
    house.clock.advance(Lifetime::seconds(1));
    let answer = house.get_with(&token, "/accounts", &[("x-fapi-interaction-id", INTERACTION)]).await;
    insta::assert_snapshot!(answer.text(), @r#"
    401
    cache-control: no-store
    content-type: application/json; charset=utf-8
    www-authenticate: Bearer error="invalid_token", error_description="the access token has expired"
    x-content-type-options: nosniff
    x-fapi-interaction-id: c770aef3-6784-41f7-8e0e-ff5f97bddb3a

    {"error":"invalid_token","error_description":"the access token has expired"}
    "#);
}

/// `MTL-06`, `RS-09`.
#[tokio::test]
async fn a_stolen_token_is_of_no_use_without_the_key_of_its_owner() {
    let house = House::open().await;
    let thief = house.authority.issue("thief.client.example");
    let bearer = format!("Bearer {}", house.token(&json!({})));
    let headers = [("Authorization", bearer.as_str())];
    for (id, identity) in [("MTL-06: another certificate", Some(&thief)), ("MTL-06: no certificate", None)] {
        let answer = house.send(identity, "GET /accounts", &headers).await;
        assert_eq!((answer.status, answer.error().as_str()), (401, "invalid_token"), "{id}");
    }
    // The owner's certificate in a header is only text.
    let shown = [headers[0], ("X-SSL-Client-Cert", house.app.chain.lines().nth(1).unwrap())];
    assert_eq!(house.send(None, "GET /accounts", &shown).await.status, 401, "RS-09");
    assert_eq!(house.issuer.books().introspected, 0);

    assert_eq!(house.send(Some(&house.app), "GET /accounts", &headers).await.status, 200, "MTL-06, RS-09");
    // And the thief's own token is good for the thief.
    let own = format!("Bearer {}", house.token(&json!({ "cnf": { "x5t#S256": thief.thumbprint() } })));
    let answer = house.send(Some(&thief), "GET /accounts", &[("Authorization", own.as_str())]).await;
    assert_eq!(answer.status, 200, "MTL-06");
}

#[tokio::test]
async fn a_token_for_something_else_does_not_open_accounts() {
    let house = House::open().await;
    for scope in [json!("openid"), json!("accounts:write account"), Value::Null] {
        let token = house.token(&json!({ "scope": scope }));
        for path in ["/accounts", "/accounts/1001", "/accounts/1001/balances"] {
            let answer = house.get_with(&token, path, &[]).await;
            assert_eq!(
                (answer.status, answer.error().as_str()),
                (403, "insufficient_scope"),
                "RS-03 {scope}"
            );
        }
    }
    let answer = house.get_with(&house.token(&json!({ "scope": "openid" })), "/accounts", &[]).await;
    insta::assert_snapshot!(answer.header("www-authenticate").unwrap(), @r#"Bearer error="insufficient_scope", error_description="the access token does not cover this", scope="accounts""#);
    assert_eq!(house.issuer.books().introspected, 0);
    let token = house.token(&json!({ "scope": "accounts" }));
    assert_eq!(house.get_with(&token, "/accounts", &[]).await.status, 200, "RS-03");
}

/// `JAT-03`, `REV-03`, `TOK-03`: whatever ended it, a revoked token stops working with the next request.
#[tokio::test]
async fn a_revoked_token_is_refused_at_once() {
    let house = House::open().await;
    let (token, other) = (house.token(&json!({})), house.token(&json!({ "jti": "g2.r1" })));
    assert_eq!(house.get_with(&token, "/accounts", &[]).await.status, 200);
    house.issuer.books().revoked.insert("g1.r1".to_owned());
    let answer = house.get_with(&token, "/accounts", &[]).await;
    assert_eq!((answer.status, answer.error().as_str()), (401, "invalid_token"), "JAT-03, REV-03, TOK-03");
    assert!(answer.header("www-authenticate").unwrap().contains(r#"error="invalid_token""#), "RS-03");
    assert_eq!(house.get_with(&other, "/accounts", &[]).await.status, 200, "TOK-03: other grants live on");
    assert_eq!(house.issuer.books().introspected, 3, "JAT-03: it asks every time");
}

#[tokio::test]
async fn an_answer_is_believed_again_only_for_as_long_as_the_bank_was_told() {
    let house = House::planned(Plan { remember: Lifetime::seconds(5), ..Plan::default() }).await;
    let token = house.token(&json!({}));
    assert_eq!(house.get_with(&token, "/accounts", &[]).await.status, 200);
    house.issuer.books().revoked.insert("g1.r1".to_owned());
    house.clock.advance(Lifetime::seconds(4));
    assert_eq!(house.get_with(&token, "/accounts", &[]).await.status, 200);
    let thief = house.authority.issue("thief.client.example");
    let bearer = format!("Bearer {token}");
    let stolen = house.send(Some(&thief), "GET /accounts", &[("Authorization", &bearer)]).await;
    assert_eq!(stolen.status, 401, "RS-09: what is remembered is no proof of possession");
    house.clock.advance(Lifetime::seconds(1));
    assert_eq!(house.get_with(&token, "/accounts", &[]).await.status, 401, "JAT-03, REV-03");
    assert_eq!(house.issuer.books().introspected, 2);
}

/// `RS-08`.
#[tokio::test]
async fn accounts_of_somebody_else_do_not_exist() {
    let house = House::open().await;
    for suffix in ["", "/balances"] {
        let answers = [
            house.get(&format!("/accounts/2001{suffix}"), &[("x-fapi-interaction-id", INTERACTION)]).await,
            house.get(&format!("/accounts/9999{suffix}"), &[("x-fapi-interaction-id", INTERACTION)]).await,
        ];
        assert_eq!(answers[0].status, 404, "RS-08");
        assert_eq!(answers[0].text(), answers[1].text(), "RS-08: nobody learns which accounts exist");
    }
    assert!(!String::from_utf8_lossy(&house.get("/accounts", &[]).await.body).contains("2001"), "RS-08");

    house.issuer.books().local_sub = Some("s-bob");
    assert_eq!(house.get("/accounts/2001", &[]).await.status, 200, "RS-08");
    assert_eq!(house.get("/accounts/1001", &[]).await.status, 404, "RS-08");
    house.issuer.books().local_sub = Some("s-nobody-we-know");
    assert_eq!(house.get("/accounts", &[]).await.json(), json!({ "accounts": [] }), "RS-08");
    // The client's own token: `sub` is not taken for a person, even if it is spelled like one.
    house.issuer.books().local_sub = None;
    let own = house.token(&json!({ "sub": "s-alice" }));
    let answer = house.get_with(&own, "/accounts", &[]).await;
    assert_eq!((answer.status, answer.error().as_str()), (403, "insufficient_scope"), "RS-08");
}

/// `DPO-04`, `DPO-05`, `DPO-07`, `DPO-08`, `DPO-10`: a token that is bound to a key is of use with a proof by that key, for this call,
/// once.
#[tokio::test]
async fn a_token_that_is_bound_to_a_key_needs_a_proof_for_every_call() {
    let house = House::open().await;
    let [own, other] = [Alg::Es256, Alg::EdDsa].map(|alg| SigningKey::generate(alg, 2048).unwrap());
    let token = house.token(&json!({ "cnf": { "jkt": own.public().thumbprint() } }));
    let claims = json!({
        "jti": "p1", "htm": "GET", "htu": format!("{}/accounts", crate::house::API), "iat": crate::house::NOON.as_unix(),
        "ath": b64::encode(fapi_jose::sha256(&token)),
    });
    let proof = |key: &SigningKey, changes: Value| {
        let mut claims = claims.clone();
        claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        key.sign_dpop(claims.as_object().unwrap()).unwrap()
    };
    let ask = async |scheme: &str, proofs: &[String]| {
        let authorization = format!("{scheme} {token}");
        let mut headers = vec![("Authorization", authorization.as_str())];
        headers.extend(proofs.iter().map(|proof| ("DPoP", proof.as_str())));
        house.send(None, "GET /accounts?page=1", &headers).await
    };
    let good = proof(&own, json!({}));
    let answer = ask("DPoP", std::slice::from_ref(&good)).await;
    assert_eq!(answer.status, 200, "DPO-07, RS-09: no certificate is needed {}", answer.text());
    for (id, scheme, proofs, error) in [
        ("DPO-08", "DPoP", vec![good], "invalid_dpop_proof"),
        ("DPO-10", "DPoP", vec![], "invalid_dpop_proof"),
        ("DPO-10", "Bearer", vec![proof(&own, json!({"jti": "p2"}))], "invalid_dpop_proof"),
        (
            "DPO-01",
            "DPoP",
            vec![proof(&own, json!({"jti": "p3"})), proof(&own, json!({"jti": "p4"}))],
            "invalid_dpop_proof",
        ),
        ("DPO-04", "DPoP", vec![proof(&own, json!({"jti": "p5", "htm": "POST"}))], "invalid_dpop_proof"),
        (
            "DPO-05",
            "DPoP",
            vec![proof(&own, json!({"jti": "p6", "htu": "https://bank.localhost/accounts"}))],
            "invalid_dpop_proof",
        ),
        ("DPO-07", "DPoP", vec![proof(&own, json!({"jti": "p7", "ath": "x"}))], "invalid_dpop_proof"),
        ("DPO-07, P-19", "DPoP", vec![proof(&other, json!({"jti": "p8"}))], "invalid_token"),
    ] {
        let answer = ask(scheme, &proofs).await;
        assert_eq!((answer.status, answer.error().as_str()), (401, error), "{id}");
        let challenge = answer.header("www-authenticate").unwrap();
        assert!(challenge.starts_with(&format!("DPoP error=\"{error}\"")), "DPO-10 {id} {challenge}");
        assert!(challenge.ends_with("algs=\"PS256 ES256 EdDSA\""), "DPO-10 {id} {challenge}");
    }
    assert_eq!(ask("dpop", &[proof(&own, json!({"jti": "p9"}))]).await.status, 200, "RS-01");
}
