//! A Workspace told from another, and one that tells a client all it needs (sections 1 and 2).

use fapi_config::{KeyAlgorithm, KeyState, PrivateKey, PublicKey};
use fapi_core::issuer::{Issuer, Mtls};
use fapi_core::profile::ProfileName;
use fapi_jose::{Alg, JwkSet, SigningKey, Unverified};
use http::Request;
use http_body_util::Full;
use serde_json::Value;

use crate::actors::{Answer, VERIFIER, form};
use crate::client::{get, post, text};
use crate::server::{CALLBACK, FRONT, ISSUER, Served, TestServer};

/// The host and path of an absolute https URL.
fn place(url: &Value) -> (String, String) {
    let url = url::Url::parse(url.as_str().unwrap()).unwrap();
    assert_eq!(url.scheme(), "https", "DSC-04");
    (url.host_str().unwrap().to_owned(), url.path().to_owned())
}

async fn document(served: &Served, host: &str, path: &str) -> Value {
    let response = served.ask(&served.anyone(), get(host, path)).await;
    assert_eq!(response.status(), 200, "{host} {path}");
    serde_json::from_str(text(&response)).unwrap()
}

/// `DSC-36`: every address and choice comes from the metadata; the client knows the issuer and nothing else.
#[tokio::test]
async fn a_client_needs_nothing_but_the_metadata() {
    let served = TestServer::fintech().start().await;
    let app = served.app();
    let said = document(&served, FRONT, "/.well-known/openid-configuration").await;
    assert_eq!(said["issuer"], ISSUER, "DSC-03");
    let aliases = &said["mtls_endpoint_aliases"];
    let call = async |url: &Value, body: String| {
        let (host, path) = place(url);
        Answer::of(served.ask(&app.showing(), post(&host, &path, body)).await)
    };

    let request = app.sign(Some("oauth-authz-req+jwt"), &app.request());
    let pushed = app.credentials(&[("request", &request)]);
    let pushed = call(&aliases["pushed_authorization_request_endpoint"], pushed).await;
    assert_eq!(pushed.status, 201, "DSC-17, DSC-22, DSC-36 {}", pushed.json);
    let (host, path) = place(&said["authorization_endpoint"]);
    assert_eq!(host, FRONT, "MTL-09: people are asked for no certificate");
    let query = form(&[("client_id", app.id), ("request_uri", pushed.text("request_uri"))]);
    let response = app.jarm(&served.browser().approve(&format!("{path}?{query}")).await);

    let redemption = [
        ("grant_type", "authorization_code"),
        ("code", response["code"].as_str().unwrap()),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ];
    let tokens = call(&aliases["token_endpoint"], app.credentials(&redemption)).await;
    assert_eq!(tokens.status, 200, "DSC-22, DSC-36 {}", tokens.json);

    let (host, path) = place(&said["jwks_uri"]);
    let keys = served.ask(&served.anyone(), get(&host, &path)).await;
    let keys = JwkSet::parse(text(&keys).as_bytes()).unwrap();
    let algorithms: Vec<Alg> = Alg::ALL
        .iter()
        .copied()
        .filter(|alg| {
            said["id_token_signing_alg_values_supported"].as_array().unwrap().contains(&alg.as_str().into())
        })
        .collect();
    let id_token = Unverified::parse(tokens.text("id_token")).unwrap().verify(&keys, &algorithms);
    let id_token = id_token.expect("DSC-12, KEY-01: published keys and algorithms verify it").claims;

    let (host, path) = place(&aliases["userinfo_endpoint"]);
    let request = Request::get(format!("https://{host}{path}"))
        .header("authorization", format!("Bearer {}", tokens.text("access_token")));
    let person = Answer::of(served.ask(&app.showing(), request.body(Full::default()).unwrap()).await);
    assert_eq!(person.status, 200, "DSC-30, DSC-36");
    assert_eq!(person.json["sub"], *id_token.get("sub").unwrap(), "DSC-30, UIN-01");
    for endpoint in ["introspection_endpoint", "revocation_endpoint"] {
        let answer =
            call(&aliases[endpoint], app.credentials(&[("token", tokens.text("refresh_token"))])).await;
        assert_eq!(answer.status, 200, "DSC-22, DSC-32, DSC-36 {endpoint}");
    }
}

/// `DSC-37`, `P-05`, `P-28`: two Workspaces share nothing that could be taken for the other's.
#[tokio::test]
async fn what_one_workspace_issues_is_nothing_to_another() {
    let one = TestServer::fintech().start().await;
    let key = SigningKey::generate(Alg::Ps256, 2048).unwrap();
    let other = TestServer::fintech()
        .with(|bundle| {
            bundle.document.issuer = Issuer::parse("https://other.example").unwrap();
            bundle.document.mtls = Mtls::Host("mtls.other.example".into());
            let (kid, alg) = (key.kid().to_owned(), KeyAlgorithm::Signature(key.alg()));
            let state = KeyState::Active;
            bundle.document.keys = vec![PublicKey { kid, alg, state, jwk: key.public().clone() }];
            bundle.secrets.keys = vec![PrivateKey::new(key.kid(), state, &key.to_private_jwk()).unwrap()];
        })
        .start()
        .await;

    let path = "/.well-known/openid-configuration";
    let (first, second) = (document(&one, FRONT, path).await, document(&other, "other.example", path).await);
    assert_eq!(
        (&first["issuer"], &second["issuer"]),
        (&ISSUER.into(), &"https://other.example".into()),
        "DSC-37"
    );
    for (said, foreign) in [(&first, "other.example"), (&second, "auth.example")] {
        assert!(!said.to_string().contains(foreign), "DSC-37: {foreign} in {said}");
    }
    let kids = |set: &Value| -> Vec<String> {
        set["keys"].as_array().unwrap().iter().map(|key| key["kid"].to_string()).collect()
    };
    let (hers, his) =
        (document(&one, FRONT, "/jwks").await, document(&other, "other.example", "/jwks").await);
    assert!(kids(&hers).iter().all(|kid| !kids(&his).contains(kid)), "P-28, DSC-37");

    // A token of one at the other's door.
    let app = one.app();
    let code = crate::server::code(&one).await;
    let token = app.redeem(&code).await.text("access_token").to_owned();
    assert_eq!(app.userinfo(&token).await.status, 200);
    let request = Request::get("https://mtls.other.example/userinfo")
        .header("authorization", format!("Bearer {token}"));
    let client = other.anyone().showing(&app.identity);
    let refused = other.ask(&client, request.body(Full::default()).unwrap()).await;
    assert_eq!(refused.status(), 401, "P-28");

    // And a name of one at the other's address gets no connection.
    assert!(one.anyone().connect(one.address, "other.example").await.is_err(), "DSC-37, P-29");
}

/// `DSC-06`: members registered with IANA ("OAuth Authorization Server Metadata"), or defined by OpenID Connect, and no others.
#[tokio::test]
async fn the_metadata_has_registered_members_only() {
    const STEMS: [&str; 32] = [
        "acr_values_supported",
        "authorization_details_types_supported",
        "authorization_encryption_alg_values_supported",
        "authorization_encryption_enc_values_supported",
        "authorization_endpoint",
        "authorization_response_iss_parameter_supported",
        "authorization_signing_alg_values_supported",
        "backchannel_logout_session_supported",
        "backchannel_logout_supported",
        "claims_parameter_supported",
        "claims_supported",
        "code_challenge_methods_supported",
        "dpop_signing_alg_values_supported",
        "grant_types_supported",
        "issuer",
        "jwks_uri",
        "mtls_endpoint_aliases",
        "op_policy_uri",
        "op_tos_uri",
        "prompt_values_supported",
        "pushed_authorization_request_endpoint",
        "request_parameter_supported",
        "request_uri_parameter_supported",
        "require_pushed_authorization_requests",
        "require_signed_request_object",
        "response_modes_supported",
        "response_types_supported",
        "scopes_supported",
        "service_documentation",
        "subject_types_supported",
        "tls_client_certificate_bound_access_tokens",
        "ui_locales_supported",
    ];
    // Endpoints, and what is said of each kind of token.
    const ENDPOINTS: [&str; 5] = ["end_session", "introspection", "revocation", "token", "userinfo"];
    const OF_ENDPOINTS: [&str; 3] =
        ["_endpoint", "_endpoint_auth_methods_supported", "_endpoint_auth_signing_alg_values_supported"];
    const TOKENS: [&str; 4] = ["id_token", "introspection", "request_object", "userinfo"];
    const OF_TOKENS: [&str; 3] = [
        "_encryption_alg_values_supported",
        "_encryption_enc_values_supported",
        "_signing_alg_values_supported",
    ];
    let is_made_of = |name: &str, starts: &[&str], ends: &[&str]| {
        starts.iter().any(|start| name.strip_prefix(start).is_some_and(|end| ends.contains(&end)))
    };
    for profile in [ProfileName::Fintech, ProfileName::FAPI2Security, ProfileName::FAPI2MessageSigning] {
        let served = TestServer::of(profile).start().await;
        let said = document(&served, FRONT, "/.well-known/openid-configuration").await;
        for name in said.as_object().unwrap().keys() {
            let is_registered = STEMS.contains(&name.as_str())
                || is_made_of(name, &ENDPOINTS, &OF_ENDPOINTS)
                || is_made_of(name, &TOKENS, &OF_TOKENS)
                || name.starts_with("backchannel_logout_")
                || name.starts_with("frontchannel_logout_");
            assert!(is_registered, "DSC-06: {name} in {profile:?}");
        }
    }
}
