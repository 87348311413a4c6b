//! Answers that only the client can read (`IDT-09`, `RSP-09`, `UIN-02`).

use fapi_config::{KeyAlgorithm, KeyState, PrivateKey, PublicKey};
use fapi_core::client::EncryptionChoice;
use fapi_core::profile::Response;
use fapi_jose::{Content, DecryptionKey, JwkSet, KeyManagement};
use serde_json::{Map, Value, json};

use crate::client::post;
use crate::server::{BACK, CALLBACK, ISSUER, PASSWORD, Served, TestServer, code};

const PAIRS: [(KeyManagement, Content); 8] = [
    (KeyManagement::RsaOaep, Content::A256Gcm),
    (KeyManagement::RsaOaep, Content::A128Gcm),
    (KeyManagement::RsaOaep256, Content::A256Gcm),
    (KeyManagement::RsaOaep256, Content::A128Gcm),
    (KeyManagement::EcdhEs, Content::A256Gcm),
    (KeyManagement::EcdhEs, Content::A128Gcm),
    (KeyManagement::EcdhEsA256kw, Content::A256Gcm),
    (KeyManagement::EcdhEsA256kw, Content::A128Gcm),
];

/// The JWS inside a JWE of exactly this kind.
fn opened(jwe: &str, key: &DecryptionKey, content: Content) -> String {
    let header = fapi_jose::b64::decode(jwe.split('.').next().unwrap()).unwrap();
    let header: Map<String, Value> = serde_json::from_slice(&header).unwrap();
    assert_eq!(
        (&header["alg"], &header["enc"], &header["kid"], &header["cty"]),
        (&json!(key.alg().to_string()), &json!(content.to_string()), &json!(key.kid()), &json!("JWT")),
        "IDT-09, RSP-09"
    );
    String::from_utf8(key.decrypt(jwe, &[content]).unwrap()).unwrap()
}

#[tokio::test]
async fn responses_and_id_tokens_are_encrypted_to_the_client_that_wants_it() {
    let mut served = TestServer::fintech().start().await;
    for (algorithm, content) in PAIRS {
        let key = DecryptionKey::generate(algorithm, 2048).unwrap();
        let public = key.public().clone();
        served
            .publish(|bundle| {
                let client = &mut bundle.clients[0];
                let signing = client.auth.jwks.as_ref().unwrap().keys()[0].clone();
                client.auth.jwks = Some(JwkSet::from_keys(vec![signing, public]));
                let choice = Some(EncryptionChoice { algorithm, content });
                client.response.encryption = choice;
                client.id_token.encryption = choice;
            })
            .await;
        let app = served.app();
        let url = served.browser().approve(&app.pushed(&app.request()).await).await;
        let jwe = url.strip_prefix(&format!("{CALLBACK}&response=")).expect("RSP-06");
        let response = app.verified(&opened(jwe, &key, content));
        assert_eq!(
            (response["iss"].as_str(), response["aud"].as_str()),
            (Some(ISSUER), Some("app")),
            "RSP-07, RSP-09"
        );
        let tokens = app.redeem(response["code"].as_str().unwrap()).await;
        let id_token = app.verified(&opened(tokens.text("id_token"), &key, content));
        assert_eq!(id_token["nonce"], "the nonce", "IDT-09, KEY-05");
        assert_eq!(
            app.refresh(tokens.text("refresh_token")).await.text("id_token").split('.').count(),
            5,
            "IDT-09"
        );

        // An error is as confidential as a code.
        let mut browser = served.browser();
        let page = browser.open(&app.pushed(&app.request()).await).await;
        let page = browser.sign_in(&page, "alice", PASSWORD).await;
        let denied = browser.decide(&page, "deny").await.left().to_owned();
        let jwe = denied.strip_prefix(&format!("{CALLBACK}&response=")).expect("RSP-08");
        assert_eq!(app.verified(&opened(jwe, &key, content))["error"], "access_denied", "RSP-08, RSP-09");
    }
}

#[tokio::test]
async fn the_front_channel_id_token_is_encrypted_too() {
    let key = DecryptionKey::generate(KeyManagement::EcdhEs, 2048).unwrap();
    let served = TestServer::fintech()
        .with(|bundle| bundle.document.protocol.responses = Some(vec![Response::CodeIdToken]))
        .client(|client| {
            let signing = client.auth.jwks.as_ref().unwrap().keys()[0].clone();
            client.auth.jwks = Some(JwkSet::from_keys(vec![signing, key.public().clone()]));
            client.id_token.encryption =
                Some(EncryptionChoice { algorithm: key.alg(), content: Content::A256Gcm });
        })
        .start()
        .await;
    let app = served.app();
    let mut request = app.request();
    request["response_type"] = json!("code id_token");
    request.as_object_mut().unwrap().remove("response_mode");
    let url = url::Url::parse(&served.browser().approve(&app.pushed(&request).await).await).unwrap();
    let members: Map<String, Value> = url::form_urlencoded::parse(url.fragment().unwrap().as_bytes())
        .map(|(k, v)| (k.into_owned(), json!(v)))
        .collect();
    let claims = app.verified(&opened(members["id_token"].as_str().unwrap(), &key, Content::A256Gcm));
    assert_eq!(claims["c_hash"], fapi_jose::half_hash(members["code"].as_str().unwrap()), "IDT-09, RSP-02");
}

/// `UIN-02`, `INT-05`
#[tokio::test]
async fn userinfo_and_introspection_are_signed_and_then_encrypted_to_who_wants_it() {
    let key = DecryptionKey::generate(KeyManagement::EcdhEs, 2048).unwrap();
    let served = TestServer::fintech()
        .client(|client| {
            let signing = client.auth.jwks.as_ref().unwrap().keys()[0].clone();
            client.auth.jwks = Some(JwkSet::from_keys(vec![signing, key.public().clone()]));
            let choice = Some(EncryptionChoice { algorithm: key.alg(), content: Content::A256Gcm });
            client.userinfo.encryption = choice;
            client.introspection.encryption = choice;
        })
        .start()
        .await;
    let app = served.app();
    let tokens = app.redeem(&code(&served).await).await;
    let token = tokens.text("access_token");
    let client = app.showing();
    let ask = async |request| {
        let answer = served.ask(&client, request).await;
        let jwe = std::str::from_utf8(answer.body()).unwrap().to_owned();
        (answer.headers()["content-type"].clone(), app.verified(&opened(&jwe, &key, Content::A256Gcm)))
    };
    let request = http::Request::get(format!("https://{BACK}/userinfo"))
        .header("authorization", format!("Bearer {token}"))
        .body(http_body_util::Full::default())
        .unwrap();
    let (kind, person) = ask(request).await;
    assert_eq!((kind.to_str().unwrap(), &person["aud"]), ("application/jwt", &json!("app")), "UIN-02");
    assert_eq!(person["sub"], app.verified(token)["sub"], "UIN-01");
    let (kind, known) = ask(post(BACK, "/introspect", app.credentials(&[("token", token)]))).await;
    assert_eq!(kind, "application/token-introspection+jwt", "INT-05");
    assert_eq!(known["token_introspection"]["active"], true, "INT-05");
}

#[tokio::test]
async fn without_a_key_nothing_is_sent_in_the_clear() {
    let mut served = TestServer::fintech().start().await;
    let code = code(&served).await;
    let choice = EncryptionChoice { algorithm: KeyManagement::RsaOaep, content: Content::A256Gcm };
    // J-21: a registration whose key is missing is refused as a whole; the last good one serves.
    let revision = served.running.state().revision;
    served.bundle.clients[0].id_token.encryption = Some(choice);
    served.try_publish().await;
    let state = served.running.state();
    assert!(state.revision == revision && state.pending.is_some(), "J-21 {state:?}");
    assert_eq!(
        served.app().redeem(&code).await.text("id_token").split('.').count(),
        3,
        "as it was registered before"
    );
}

/// Adds a key that others encrypt to.
fn add(bundle: &mut fapi_config::Bundle, key: &DecryptionKey, state: KeyState) {
    let (kid, alg) = (key.kid().to_owned(), KeyAlgorithm::Encryption(key.alg()));
    bundle.document.keys.retain(|known| known.kid != kid);
    bundle.secrets.keys.retain(|known| known.kid != kid);
    bundle.document.keys.push(PublicKey { kid, alg, state, jwk: key.public().clone() });
    bundle.secrets.keys.push(PrivateKey::new(key.kid(), state, &key.to_private_jwk()).unwrap());
}

/// `RO-12`, `KEY-05`: a client finds the key in the JWKS by its use, encrypts what it signed, and gets its code; by value and pushed.
#[tokio::test]
async fn request_objects_are_encrypted_to_a_key_of_the_jwks() {
    let mut served = TestServer::of_every_kind().start().await;
    for algorithm in KeyManagement::ALL {
        let key = DecryptionKey::generate(*algorithm, 2048).unwrap();
        served.publish(|bundle| add(bundle, &key, KeyState::Published)).await;
        let state = served.running.state();
        assert!(state.signable_kids.iter().any(|kid| kid == key.kid()), "KEY-09: tried before it is shown");
        assert!(jwks(&served).await.encryption_key(*algorithm).is_none(), "KEY-09: nobody is told yet");

        served.publish(|bundle| add(bundle, &key, KeyState::Active)).await;
        let public = jwks(&served).await.encryption_key(*algorithm).expect("KEY-09").clone();
        assert_eq!(public.kid(), Some(key.kid()));
        let offered = discovery(&served).await;
        assert!(
            offered["request_object_encryption_alg_values_supported"]
                .as_array()
                .unwrap()
                .contains(&json!(algorithm.to_string())),
            "DSC-32"
        );
        let app = served.app();
        let encrypted = |content: Content| {
            // Another object each time: the same one would be spent.
            let mut claims = app.request();
            claims["nonce"] = json!(format!("{algorithm} {content}"));
            let signed = app.sign(Some("oauth-authz-req+jwt"), &claims);
            fapi_jose::encrypt(signed.as_bytes(), Some("JWT"), &public, *algorithm, content).unwrap()
        };
        for content in Content::ALL {
            let url = served.browser().approve(&app.with_object(&encrypted(*content), &[])).await;
            let code = app.jarm(&url)["code"].as_str().unwrap().to_owned();
            assert_eq!(app.redeem(&code).await.status, 200, "RO-12 {algorithm} {content}");
        }
        let pushed = app.call_bare("/par", &[("request", &encrypted(Content::A256Gcm))]).await;
        assert_eq!(pushed.status, 201, "RO-12 {algorithm} {}", pushed.json);

        // Out of the JWKS, and still opened for who read it a moment ago; then no more.
        let late = encrypted(Content::A256Gcm);
        served.publish(|bundle| add(bundle, &key, KeyState::Retiring)).await;
        assert!(jwks(&served).await.encryption_key(*algorithm).is_none(), "KEY-09");
        let app = served.app();
        assert_eq!(app.call_bare("/par", &[("request", &late)]).await.status, 201, "RO-12");
        served
            .publish(|bundle| {
                bundle.document.keys.retain(|known| known.kid != key.kid());
                bundle.secrets.keys.retain(|known| known.kid != key.kid());
            })
            .await;
        let refused = served.app().call_bare("/par", &[("request", &late)]).await;
        assert_eq!(refused.refusal("KEY-05"), "400 invalid_request_object", "KEY-05");
    }
    let offered = discovery(&served).await;
    assert!(offered.get("request_object_encryption_alg_values_supported").is_none(), "DSC-32");
}

/// An object that was answered is spent, in whatever envelope it comes again.
#[tokio::test]
async fn an_encrypted_request_object_leads_to_one_answer() {
    let key = DecryptionKey::generate(KeyManagement::EcdhEs, 2048).unwrap();
    let served = TestServer::of_every_kind().with(|bundle| add(bundle, &key, KeyState::Active)).start().await;
    let app = served.app();
    let signed = app.sign(None, &app.request());
    let encrypted =
        || fapi_jose::encrypt(signed.as_bytes(), None, key.public(), key.alg(), Content::A256Gcm).unwrap();
    served.browser().approve(&app.with_object(&encrypted(), &[])).await;
    for again in [encrypted(), signed.clone()] {
        let left = served.browser().open(&app.with_object(&again, &[])).await;
        assert_eq!(app.jarm(left.left())["error"], "invalid_request_object", "RFC 9101 10.2");
    }
}

async fn jwks(served: &Served) -> JwkSet {
    serde_json::from_slice(served.look("/jwks").await.body()).unwrap()
}

async fn discovery(served: &Served) -> Value {
    serde_json::from_slice(served.look("/.well-known/openid-configuration").await.body()).unwrap()
}
