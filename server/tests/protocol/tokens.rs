//! The error matrix of requirements section 30, the endpoints that programs call: who is calling, and for what.

use serde_json::{Value, json};

use crate::actors::{Answer, App, VERIFIER, form};
use crate::forge;
use crate::server::{CALLBACK, ISSUER, TestServer, code};

/// A path, the pairs of a form, a status.
type Endpoint = (&'static str, Vec<(&'static str, String)>, u16);

/// The four endpoints with a body that is good but for the credentials (`CA-14`), and the status of success.
fn endpoints(request: &str) -> [Endpoint; 4] {
    [
        ("/token", vec![("grant_type", "client_credentials".into()), ("scope", "accounts".into())], 200),
        ("/par", vec![("request", request.to_owned())], 201),
        ("/introspect", vec![("token", "x".into())], 200),
        ("/revoke", vec![("token", "x".into())], 200),
    ]
}

async fn call(app: &App<'_>, path: &str, body: &[(&str, String)], assertion: &str) -> Answer {
    let pairs: Vec<(&str, &str)> = body.iter().map(|(name, value)| (*name, value.as_str())).collect();
    app.raw(&app.showing(), path, app.with_assertion(assertion, &pairs)).await
}

/// The claims of an assertion, changed; `null` takes a member away.
fn changed(app: &App<'_>, change: &Value) -> Value {
    let mut claims = app.assertion();
    for (name, value) in change.as_object().unwrap() {
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        } else {
            claims[name] = value.clone();
        }
    }
    claims
}

/// `T-01` to `T-04`, and `CA-13`, `CA-14`, `TOK-11`: the same answer at each endpoint.
#[tokio::test]
async fn nobody_is_let_in_with_bad_credentials_at_any_endpoint() {
    let served = TestServer::fintech().start().await;
    let (app, other) = (served.app(), served.other());
    let now = served.now();
    let request = app.sign(None, &app.request());
    for (path, body, success) in endpoints(&request) {
        let signed = |change: Value| app.sign(None, &changed(&app, &change));
        let bad = [
            ("T-01, CA-02, KEY-04", forge::rs256(app.key, &app.assertion())),
            ("T-01, KEY-04, J-01", forge::unsigned("none", &app.assertion())),
            ("T-01, CA-02", forge::broken(&app.sign(None, &app.assertion()))),
            ("T-01, KEY-06", other.sign(None, &app.assertion())),
            ("T-01", signed(json!({"iss": "nobody", "sub": "nobody"}))),
            ("T-02, CA-04", signed(json!({"iat": now - 400, "nbf": now - 400, "exp": now - 300}))),
            ("T-02, CA-04", signed(json!({"exp": null}))),
            ("T-02, CA-04", signed(json!({"exp": now + 3600}))),
            ("T-02, CA-05", signed(json!({"jti": null}))),
            ("T-02, CA-06", signed(json!({"iat": now + 61, "nbf": now + 61, "exp": now + 120}))),
            ("T-02, CA-07a", signed(json!({"aud": "https://other.example"}))),
            ("T-02, CA-07a", signed(json!({"aud": format!("{ISSUER}/")}))),
            ("T-02, CA-07a", signed(json!({"aud": null}))),
            ("T-02, CA-03", signed(json!({"sub": null}))),
            ("T-02, CA-03", signed(json!({"iss": "other"}))),
            ("T-02, CA-03", signed(json!({"sub": "other"}))),
            ("T-02, CA-08, KEY-11", request.clone()),
            ("T-02, CA-08", app.sign(Some("oauth-authz-req+jwt"), &app.assertion())),
            ("T-02", String::new()),
        ];
        for (id, assertion) in bad {
            let answer = call(&app, path, &body, &assertion).await;
            assert_eq!(answer.refusal(id), "401 invalid_client", "{id}, CA-14 at {path}");
        }
        // T-02: used twice.
        let once = app.sign(None, &app.assertion());
        assert_eq!(call(&app, path, &body, &once).await.status, success, "CA-14 {path}");
        assert_eq!(
            call(&app, path, &body, &once).await.refusal("T-02"),
            "401 invalid_client",
            "T-02, CA-05, P-07 {path}"
        );
        // T-03: two that disagree.
        let mismatch = [body.as_slice(), &[("client_id", "other".to_owned())]].concat();
        let answer = call(&app, path, &mismatch, &app.sign(None, &app.assertion())).await;
        assert_eq!(answer.refusal("T-03"), "401 invalid_client", "T-03, CA-10 {path}");
        let same = [body.as_slice(), &[("client_id", "app".to_owned())]].concat();
        assert_eq!(
            call(&app, path, &same, &app.sign(None, &app.assertion())).await.status,
            success,
            "CA-10 {path}"
        );
        // CA-09, INT-01, PAR-01: nobody; CA-11: secrets; CA-02: no type.
        let pairs: Vec<(&str, &str)> = body.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let assertion = app.sign(None, &app.assertion());
        for (id, more) in [
            ("CA-09, INT-01, PAR-01", vec![]),
            ("CA-09", vec![("client_id", "app")]),
            ("CA-11, CA-12, OIC-01", vec![("client_id", "app"), ("client_secret", "secret")]),
            ("CA-02", vec![("client_assertion", assertion.as_str())]),
            (
                "CA-02",
                vec![
                    ("client_assertion", assertion.as_str()),
                    ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"),
                ],
            ),
        ] {
            let answer = app.raw(&app.showing(), path, form(&[pairs.as_slice(), &more].concat())).await;
            assert_eq!(answer.refusal(id), "401 invalid_client", "{id}, CA-14 at {path}");
        }
        let endpoint = format!("https://mtls.auth.example{path}");
        for (id, change) in [
            ("CA-07a", json!({"aud": ISSUER})),
            ("CA-07a", json!({"aud": "https://mtls.auth.example/token"})),
            ("CA-07a", json!({"aud": endpoint})),
            ("CA-07a", json!({"aud": ["https://other.example", ISSUER]})),
            ("CA-06", json!({"iat": now + 8, "nbf": now + 8})),
            ("CA-04", json!({"iat": null, "nbf": null})),
        ] {
            let assertion = signed(change.clone());
            assert_eq!(call(&app, path, &body, &assertion).await.status, success, "{id} {change} at {path}");
        }
    }
}

/// `T-13`, `TOK-11`: 400, JSON, and nothing but the error.
#[tokio::test]
async fn a_request_without_what_it_needs_is_an_invalid_request() {
    let served = TestServer::fintech().start().await;
    let app = served.app();
    for (id, pairs, error) in [
        ("T-13", vec![], "400 invalid_request"),
        ("T-13", vec![("grant_type", "authorization_code")], "400 invalid_request"),
        ("T-13, TLS-14", vec![("grant_type", "authorization_code"), ("code", "")], "400 invalid_request"),
        ("T-13", vec![("grant_type", "refresh_token")], "400 invalid_request"),
        (
            "T-12, TOK-08",
            vec![("grant_type", "password"), ("username", "alice"), ("password", "x")],
            "400 unsupported_grant_type",
        ),
        ("T-12", vec![("grant_type", "implicit")], "400 unsupported_grant_type"),
        (
            "T-11, E-26",
            vec![("grant_type", "client_credentials"), ("scope", "unheard-of")],
            "400 invalid_scope",
        ),
        ("TOK-09", vec![("grant_type", "client_credentials"), ("scope", "openid")], "400 invalid_scope"),
        (
            "TLS-12",
            vec![("grant_type", "client_credentials"), ("scope", "\"\\\r\n\u{e9}")],
            "400 invalid_scope",
        ),
        ("TLS-12, H-09", vec![("grant_type", "\"\\\r\n\u{1b}[31m")], "400 unsupported_grant_type"),
        (
            "JAT-05",
            vec![("grant_type", "client_credentials"), ("resource", "https://nobody.example")],
            "400 invalid_target",
        ),
        (
            "TLS-14, T-13",
            vec![("grant_type", "client_credentials"), ("scope", "accounts"), ("scope", "accounts")],
            "400 invalid_request",
        ),
        ("TLS-14", vec![("grant_type", "client_credentials"), ("x", ""), ("x", "")], "400 invalid_request"),
    ] {
        let answer = app.call("/token", &pairs).await;
        assert_eq!(answer.refusal(id), error, "{id} {pairs:?}");
    }
    for path in ["/introspect", "/revoke"] {
        assert_eq!(app.call(path, &[]).await.refusal("T-13"), "400 invalid_request", "T-13 {path}");
        assert_eq!(
            app.call(path, &[("token", "a"), ("token", "b")]).await.refusal("T-13"),
            "400 invalid_request",
            "TLS-14 {path}"
        );
    }
    assert_eq!(app.call("/par", &[]).await.refusal("T-13"), "400 invalid_request", "T-13, E-18");
    let served = TestServer::fintech().client(|client| client.grant_types.truncate(1)).start().await;
    let answer = served.app().call("/token", &[("grant_type", "client_credentials")]).await;
    assert_eq!(answer.refusal("T-12"), "400 unauthorized_client", "T-12, TOK-08");
}

/// `INV-09`: a code.
#[tokio::test]
async fn a_code_is_good_for_its_own_request_only() {
    let served = TestServer::fintech().start().await;
    let (app, other) = (served.app(), served.other());
    let code = code(&served).await;
    let good = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ];
    let with = |name: &'static str, value: Option<&'static str>| -> Vec<(&str, &str)> {
        let others = good.iter().filter(|(known, _)| *known != name).copied();
        others.chain(value.map(|value| (name, value))).collect()
    };
    for (id, pairs) in [
        ("T-06", with("code", Some("unknown"))),
        ("T-06, TOK-07", with("redirect_uri", Some("https://app.example/cb"))),
        ("T-07, PKC-04, P-04", with("code_verifier", None)),
        ("T-07, PKC-04, P-03", with("code_verifier", Some("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXl"))),
        ("T-07, PKC-03", with("code_verifier", Some("short"))),
    ] {
        assert_eq!(app.call("/token", &pairs).await.refusal(id), "400 invalid_grant", "{id}");
    }
    assert_eq!(other.redeem(&code).await.refusal("T-06"), "400 invalid_grant", "T-06, TOK-05, P-02");
    assert_eq!(app.call_bare("/token", &good).await.refusal("T-05"), "400 invalid_request", "T-05, MTL-04");
    let tokens = app.call("/token", &with("redirect_uri", None)).await;
    assert_eq!(
        tokens.status, 200,
        "TOK-07: none of these spent it, and after PAR redirect_uri may be absent {}",
        tokens.json
    );
    assert_eq!(app.redeem(&code).await.refusal("T-06"), "400 invalid_grant", "T-06, TOK-03");
}

/// `INV-09`: a refresh token.
#[tokio::test]
async fn a_refresh_token_is_good_for_its_own_client_and_scope() {
    let served = TestServer::fintech().start().await;
    let (app, other) = (served.app(), served.other());
    let tokens = app.redeem(&code(&served).await).await;
    let token = tokens.text("refresh_token");
    assert!(token.len() >= 43 && token.bytes().all(|b| (0x20..0x7f).contains(&b)), "REF-11, KEY-10");
    let refresh =
        |scope: &'static str| [("grant_type", "refresh_token"), ("refresh_token", token), ("scope", scope)];
    assert_eq!(app.refresh("unknown").await.refusal("T-10"), "400 invalid_grant", "T-10");
    assert_eq!(other.refresh(token).await.refusal("T-10"), "400 invalid_grant", "T-10, REF-03, P-22");
    assert_eq!(
        app.call("/token", &refresh("openid accounts payments")).await.refusal("T-11"),
        "400 invalid_scope",
        "T-11, REF-09, P-24"
    );
    assert_eq!(
        app.call_bare("/token", &refresh("openid")).await.refusal("T-05"),
        "400 invalid_request",
        "REF-05, MTL-04"
    );
    let anonymous = app
        .raw(&app.showing(), "/token", form(&[("grant_type", "refresh_token"), ("refresh_token", token)]))
        .await;
    assert_eq!(anonymous.refusal("REF-04"), "401 invalid_client", "REF-04");
    let narrowed = app.call("/token", &refresh("openid")).await;
    assert_eq!((narrowed.status, narrowed.text("scope")), (200, "openid"), "REF-09");
    let all = app.refresh(token).await;
    assert_eq!(all.text("scope"), "openid accounts", "REF-09: narrowing is for one token");
    let (first, again) = (app.verified(tokens.text("id_token")), app.verified(all.text("id_token")));
    for claim in ["iss", "sub", "aud", "auth_time"] {
        assert_eq!(first[claim], again[claim], "IDT-11 {claim}");
    }
    assert_eq!(app.userinfo(all.text("access_token")).await.status, 200, "REF-10");
}

#[tokio::test]
async fn a_program_gets_tokens_of_its_own() {
    let served = TestServer::fintech().start().await;
    let (app, other) = (served.app(), served.other());
    let tokens = app.call("/token", &[("grant_type", "client_credentials"), ("scope", "accounts")]).await;
    assert_eq!(
        (tokens.status, tokens.text("token_type"), tokens.text("scope")),
        (200, "Bearer", "accounts"),
        "TOK-09, TOK-01"
    );
    assert!(tokens.json.get("refresh_token").is_none() && tokens.json.get("id_token").is_none(), "TOK-09");
    assert!(tokens.headers["cache-control"].to_str().unwrap().contains("no-store"), "TLS-11");
    let token = tokens.text("access_token");
    let claims = app.verified(token);
    let leaf = app.identity.certificates()[0].to_vec();
    assert_eq!(claims["cnf"]["x5t#S256"], fapi_jose::b64::encode(fapi_jose::sha256(&leaf)), "TOK-12, MTL-05");
    assert_eq!((claims["sub"].as_str(), claims["client_id"].as_str()), (Some("app"), Some("app")), "JAT-01");
    assert_eq!(app.userinfo(token).await.status, 403, "RS-03: no person, no openid");
    assert_eq!(app.call("/introspect", &[("token", token)]).await.json["active"], true, "INT-02");
    assert_eq!(
        app.call_bare("/token", &[("grant_type", "client_credentials")]).await.refusal("T-05"),
        "400 invalid_request",
        "T-05"
    );

    let foreign = other.call("/revoke", &[("token", token)]).await;
    assert_eq!(foreign.refusal("REV-02"), "400 invalid_grant", "REV-02, P-27");
    assert_eq!(
        app.call("/introspect", &[("token", token)]).await.json["active"],
        true,
        "REV-02: not revoked"
    );
    assert_eq!(
        app.call("/revoke", &[("token", token), ("token_type_hint", "refresh_token")]).await.status,
        200,
        "REV-01: only a hint"
    );
    assert_eq!(
        app.call("/introspect", &[("token", token)]).await.json,
        json!({"active": false}),
        "REV-03, INT-03"
    );
    for token in [token, "unknown", "a.b.c"] {
        assert_eq!(app.call("/revoke", &[("token", token)]).await.status, 200, "REV-01 {token}");
    }
}
