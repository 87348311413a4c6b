//! What tokens say, to whom: UserInfo, introspection, resource servers (requirements sections 15, 16, 24 to 26).

use std::collections::BTreeMap;

use fapi_core::client::GrantType;
use fapi_core::ids::ClientId;
use fapi_core::registry::{Resource, ScopeDefinition};
use fapi_core::scope::Scope;
use fapi_jose::Alg;
use serde_json::{Value, json};

use crate::actors::App;
use crate::client::get;
use crate::server::{BACK, ISSUER, PASSWORD, Served, TestServer, code};

const API: &str = "https://api.example";

fn scope(name: &str, claims: &[&str]) -> ScopeDefinition {
    ScopeDefinition {
        name: Scope::parse(name).unwrap(),
        description: BTreeMap::new(),
        claims: claims.iter().map(ToString::to_string).collect(),
    }
}

async fn tokens(served: &Served, app: &App<'_>, change: Value) -> Value {
    let mut claims = app.request();
    for (name, value) in change.as_object().unwrap() {
        claims[name] = value.clone();
    }
    let mut browser = served.browser();
    let page = browser.open(&app.pushed(&claims).await).await;
    let page = browser.sign_in(&page, "alice", PASSWORD).await;
    let code = app.jarm(browser.decide(&page, "approve").await.left())["code"].as_str().unwrap().to_owned();
    app.redeem(&code).await.json
}

#[tokio::test]
async fn scopes_and_claims_decide_what_userinfo_says() {
    let served = TestServer::fintech()
        .with(|bundle| {
            bundle.document.scopes.extend([
                scope("profile", &[]),
                scope("email", &[]),
                scope("kyc", &["name"]),
            ]);
        })
        .start()
        .await;
    let app = served.app();
    for (id, change, expected) in [
        ("UIN-03", json!({"scope": "openid"}), json!([])),
        ("UIN-03", json!({"scope": "openid profile"}), json!(["name"])),
        ("UIN-03", json!({"scope": "openid email"}), json!(["email"])),
        ("UIN-03", json!({"scope": "openid kyc"}), json!(["name"])),
        ("UIN-03", json!({"scope": "openid email profile"}), json!(["email", "name"])),
        (
            "UIN-04",
            json!({"scope": "openid profile", "claims": {"userinfo": {"name": null, "x": null}, "y": {}}}),
            json!(["name"]),
        ),
        // B-15: the page said nothing of a name and an address.
        (
            "UIN-04",
            json!({"scope": "openid", "claims": {"userinfo": {"name": {"essential": true}, "email": null}}}),
            json!([]),
        ),
        (
            "UIN-05",
            json!({"scope": "openid", "claims": {"userinfo": {"birthdate": {"essential": true}}}}),
            json!([]),
        ),
    ] {
        let tokens = tokens(&served, &app, change.clone()).await;
        let id_token = app.verified(tokens["id_token"].as_str().unwrap());
        let mut said = app.userinfo(tokens["access_token"].as_str().unwrap()).await.json;
        assert_eq!(said["sub"], id_token["sub"], "UIN-01");
        said.as_object_mut().unwrap().remove("sub");
        let names: Vec<&String> = said.as_object().unwrap().keys().collect();
        assert_eq!(json!(names), expected, "{id} {change}");
        assert!(id_token.get("name").is_none() && id_token.get("email").is_none(), "UIN-03, IDT-06 {id}");
    }
}

#[tokio::test]
async fn userinfo_is_signed_for_who_registered_so() {
    let served = TestServer::fintech()
        .client(|client| client.userinfo.signing_algorithm = Some(Alg::Ps256))
        .start()
        .await;
    let app = served.app();
    let tokens = tokens(&served, &app, json!({})).await;
    let mut request = get(BACK, "/userinfo");
    let token = tokens["access_token"].as_str().unwrap();
    request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    let response = served.ask(&app.showing(), request).await;
    assert_eq!(response.headers()["content-type"], "application/jwt", "UIN-02");
    let claims = app.verified(crate::client::text(&response));
    assert_eq!((claims["iss"].as_str(), claims["aud"].as_str()), (Some(ISSUER), Some("app")), "UIN-02");
    assert_eq!(claims["sub"], app.verified(tokens["id_token"].as_str().unwrap())["sub"], "UIN-01");
}

#[tokio::test]
async fn an_access_token_says_what_rfc_9068_wants_and_nothing_of_the_person() {
    let served = TestServer::fintech().start().await;
    let app = served.app();
    let tokens = tokens(&served, &app, json!({})).await;
    let jwt = tokens["access_token"].as_str().unwrap();
    let header: Value =
        serde_json::from_slice(&fapi_jose::b64::decode(jwt.split('.').next().unwrap()).unwrap()).unwrap();
    assert_eq!(header, json!({"alg": "PS256", "kid": served.key().kid(), "typ": "at+jwt"}), "JAT-01");
    let claims = app.verified(jwt);
    let now = served.now();
    let mut names: Vec<&str> = claims.keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        ["aud", "auth_time", "client_id", "cnf", "exp", "iat", "iss", "jti", "scope", "sub"],
        "JAT-01, JAT-04"
    );
    assert_eq!(
        (claims["iss"].as_str(), claims["aud"].as_str(), claims["iat"].as_i64(), claims["exp"].as_i64()),
        (Some(ISSUER), Some(ISSUER), Some(now), Some(now + 300)),
        "JAT-01, TOK-10"
    );
    assert!(jwt.bytes().all(|b| b.is_ascii_graphic()), "TOK-13");

    // JAT-02: what is not an access token of ours.
    let id_token = tokens["id_token"].as_str().unwrap();
    let with = |change: Value, typ| {
        let mut claims = Value::Object(claims.clone());
        for (name, value) in change.as_object().unwrap() {
            claims[name] = value.clone();
        }
        served.key().sign(typ, claims.as_object().unwrap()).unwrap()
    };
    let ours = with(json!({}), Some("at+jwt"));
    assert_eq!(app.userinfo(&ours).await.status, 200, "the positive twin of what follows");
    for (id, token) in [
        ("JAT-02: an ID Token", id_token.to_owned()),
        ("JAT-02: another typ", with(json!({}), Some("JWT"))),
        ("JAT-02: none", with(json!({}), None)),
        ("JAT-02: alg none", crate::forge::unsigned("none", &Value::Object(claims.clone()))),
        ("JAT-02: RS256", crate::forge::rs256(served.key(), &Value::Object(claims.clone()))),
        ("JAT-02, P-28: another issuer", with(json!({"iss": "https://other.example"}), Some("at+jwt"))),
        ("JAT-02: expired", with(json!({"exp": now - 1}), Some("at+jwt"))),
        ("TOK-12, RS-09: bound to nothing", with(json!({"cnf": {}}), Some("at+jwt"))),
        ("MTL-06, P-19: bound by SHA-1", with(json!({"cnf": {"x5t": "x"}}), Some("at+jwt"))),
        ("JAT-02: of nobody", with(json!({"client_id": "nobody"}), Some("at+jwt"))),
        ("JAT-02: signed by a client", app.sign(Some("at+jwt"), &Value::Object(claims.clone()))),
    ] {
        let answer = app.userinfo(&token).await;
        assert_eq!(answer.status, 401, "{id}");
        let introspected = app.call("/introspect", &[("token", &token)]).await;
        assert_eq!(introspected.json, json!({"active": false}), "INT-03 {id}");
    }
    let narrowed = tokens_without_openid(&served, &app).await;
    let answer = app.userinfo(&narrowed).await;
    assert_eq!(answer.status, 403, "RS-03");
    assert!(answer.headers["www-authenticate"].to_str().unwrap().contains("insufficient_scope"), "RS-03");
}

async fn tokens_without_openid(served: &Served, app: &App<'_>) -> String {
    let tokens = tokens(served, app, json!({"scope": "accounts"})).await;
    assert!(tokens.get("id_token").is_none(), "IDT-03");
    tokens["access_token"].as_str().unwrap().to_owned()
}

/// A Workspace with a resource server `api`, which is a client without grant types.
fn with_api() -> TestServer {
    TestServer::fintech().with(|bundle| {
        let resource = |identifier: &str, clients: &[&str]| Resource {
            identifier: identifier.to_owned(),
            scopes: Vec::new(),
            introspection_clients: clients.iter().map(|id| ClientId::parse(id).unwrap()).collect(),
            default: false,
        };
        bundle.document.resources = vec![resource(API, &["other"]), resource("https://another.example", &[])];
        let other = &mut bundle.clients[1];
        other.grant_types = Vec::new();
        other.redirect_uris = Vec::new();
    })
}

#[tokio::test]
async fn a_resource_server_learns_of_the_tokens_that_are_for_it() {
    let served = with_api().start().await;
    let (app, api) = (served.app(), served.other());
    let mine = tokens(&served, &app, json!({"resource": API})).await;
    let token = mine["access_token"].as_str().unwrap();
    assert_eq!(app.verified(token)["aud"], API, "JAT-05");

    let known = api.call("/introspect", &[("token", token), ("token_type_hint", "refresh_token")]).await;
    assert!(known.headers["cache-control"].to_str().unwrap().contains("no-store"), "INT-06");
    let claims = app.verified(token);
    let said = known.json.as_object().unwrap();
    for name in ["iss", "sub", "aud", "client_id", "scope", "iat", "exp", "jti", "cnf", "auth_time"] {
        assert_eq!(said.get(name), claims.get(name), "INT-02 {name}");
    }
    assert_eq!(
        (&said["active"], &said["token_type"], &said["local_sub"]),
        (&json!(true), &json!("Bearer"), &json!("a-1")),
        "INT-02, MTL-05"
    );
    let own = app.call("/introspect", &[("token", token)]).await.json;
    assert_eq!(
        (&own["active"], own.get("local_sub")),
        (&json!(true), None),
        "INT-02: a client learns no name of the bank's"
    );

    let refresh = app.call("/introspect", &[("token", mine["refresh_token"].as_str().unwrap())]).await;
    assert_eq!(refresh.json["active"], true, "INT-04");
    for (id, change) in [("P-27", json!({"resource": "https://another.example"})), ("P-27", json!({}))] {
        let foreign = tokens(&served, &app, change).await;
        for name in ["access_token", "refresh_token"] {
            let answer = api.call("/introspect", &[("token", foreign[name].as_str().unwrap())]).await;
            assert_eq!((answer.status, answer.json), (200, json!({"active": false})), "INT-03, {id} {name}");
        }
    }
    // A resource server obtains no tokens.
    assert_eq!(
        api.call("/token", &[("grant_type", "client_credentials")]).await.error(),
        "400 unauthorized_client",
        "T-12"
    );
    assert_eq!(api.push(&api.request()).await.error(), "400 unauthorized_client", "T-12");
    assert_eq!(api.call("/revoke", &[("token", token)]).await.error(), "400 invalid_grant", "REV-02");

    served.later(301);
    assert_eq!(
        api.call("/introspect", &[("token", token)]).await.json,
        json!({"active": false}),
        "INT-03: expired"
    );
}

#[tokio::test]
async fn a_client_learns_of_its_own_tokens_only() {
    let served = TestServer::fintech().start().await;
    let (app, other) = (served.app(), served.other());
    let tokens = app.redeem(&code(&served).await).await;
    for name in ["access_token", "refresh_token"] {
        let token = tokens.text(name);
        assert_eq!(app.call("/introspect", &[("token", token)]).await.json["active"], true, "INT-02, INT-04");
        let foreign = other.call("/introspect", &[("token", token)]).await;
        assert_eq!((foreign.status, foreign.json), (200, json!({"active": false})), "INT-03, P-27");
        assert_eq!(
            other.call("/revoke", &[("token", token)]).await.refusal("REV-02"),
            "400 invalid_grant",
            "REV-02, P-27"
        );
    }
    assert_eq!(app.userinfo(tokens.text("access_token")).await.status, 200, "REV-02: it goes on");
    assert_eq!(app.refresh(tokens.text("refresh_token")).await.status, 200, "REV-02: it goes on");
    for token in ["unknown", "a.b.c", tokens.text("id_token")] {
        assert_eq!(
            app.call("/introspect", &[("token", token)]).await.json,
            json!({"active": false}),
            "INT-03"
        );
    }
    // REV-03: an access token ends alone.
    app.call("/revoke", &[("token", tokens.text("access_token"))]).await;
    assert_eq!(app.userinfo(tokens.text("access_token")).await.status, 401, "REV-03, JAT-03");
    assert_eq!(app.refresh(tokens.text("refresh_token")).await.status, 200, "REV-03");
}

#[tokio::test]
async fn without_the_grant_type_there_is_no_refresh_token() {
    let served = TestServer::fintech()
        .client(|client| client.grant_types = vec![GrantType::AuthorizationCode])
        .start()
        .await;
    let tokens = served.app().redeem(&code(&served).await).await;
    assert!(tokens.status == 200 && tokens.json.get("refresh_token").is_none(), "REF-01");
}
