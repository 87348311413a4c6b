//! FAPI 2.0: the Security Profile with tokens bound to keys and to certificates, and Message Signing (requirements sections 14, 19,
//! 20).

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

use fapi_config::{KeyAlgorithm, KeyState, PrivateKey, PublicKey};
use fapi_core::client::GrantType;
use fapi_core::ids::ClientId;
use fapi_core::profile::{DpopNonce, ProfileName, Response, SenderConstraint};
use fapi_core::registry::Resource;
use fapi_jose::{Alg, JwkSet, SigningKey, Unverified, b64, sha256};
use http_body_util::Full;
use serde_json::{Map, Value, json};

use crate::actors::{Answer, App, CHALLENGE, VERIFIER, form};
use crate::client::{Client, post};
use crate::forge;
use crate::server::{BACK, CALLBACK, ISSUER, NOON, PASSWORD, Served, TestServer};

static ONE: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate(Alg::Es256, 2048).unwrap());
static OTHER: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate(Alg::Ps256, 2048).unwrap());
static JTI: AtomicU32 = AtomicU32::new(0);

fn security() -> TestServer {
    TestServer::of(ProfileName::FAPI2Security)
}

/// `app`, which authenticates with a signed assertion and has no certificate.
struct Wallet<'a>(App<'a>);

/// JSON with members set; `null` takes one away.
fn with(mut claims: Value, changes: &Value) -> Value {
    let members = claims.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            members.remove(name);
        } else {
            members.insert(name.clone(), value.clone());
        }
    }
    claims
}

impl Wallet<'_> {
    fn of(served: &Served) -> Wallet<'_> {
        Wallet(served.app())
    }

    /// The claims of a proof for this call.
    fn claims(&self, method: &str, path: &str) -> Value {
        let jti = format!("proof-{}", JTI.fetch_add(1, Ordering::SeqCst));
        json!({"jti": jti, "htm": method, "htu": format!("https://{BACK}{path}"), "iat": self.0.served.now()})
    }

    /// A proof for a POST.
    fn proof(&self, key: &SigningKey, path: &str, changes: &Value) -> String {
        key.sign_dpop(with(self.claims("POST", path), changes).as_object().unwrap()).unwrap()
    }

    /// A form post with an assertion and these proofs, without a certificate.
    async fn call(&self, path: &str, pairs: &[(&str, &str)], proofs: &[String]) -> Answer {
        self.send(path, self.0.credentials(pairs), proofs).await
    }

    async fn send(&self, path: &str, form: String, proofs: &[String]) -> Answer {
        let mut request = post(BACK, path, form);
        for proof in proofs {
            request.headers_mut().append("DPoP", proof.parse().unwrap());
        }
        let served = self.0.served;
        Answer::of(served.ask(&served.anyone(), request).await)
    }

    /// The path of the authorization URL of a request with `changes`, pushed with these proofs.
    async fn pushed(&self, changes: &[(&str, &str)], proofs: &[String]) -> String {
        let answer = self.push(changes, proofs).await;
        assert_eq!(answer.status, 201, "PAR-02 {}", answer.json);
        self.0.authorize(answer.text("request_uri"))
    }

    async fn push(&self, changes: &[(&str, &str)], proofs: &[String]) -> Answer {
        let usual = [
            ("response_type", "code"),
            ("redirect_uri", CALLBACK),
            ("scope", "openid accounts"),
            ("state", "the state"),
            ("nonce", "the nonce"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ];
        let kept = usual.iter().filter(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
        let said: Vec<(&str, &str)> =
            kept.chain(changes).copied().filter(|(_, value)| !value.is_empty()).collect();
        self.call("/par", &said, proofs).await
    }

    /// A code that Alice let the wallet have.
    async fn code(&self, changes: &[(&str, &str)], proofs: &[String]) -> String {
        let url = self.0.served.browser().approve(&self.pushed(changes, proofs).await).await;
        response(&url)["code"].as_str().unwrap().to_owned()
    }

    async fn redeem(&self, code: &str, proofs: &[String]) -> Answer {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", CALLBACK),
            ("code_verifier", VERIFIER),
        ];
        self.call("/token", &form, proofs).await
    }

    async fn redeem_with(&self, code: &str, key: &SigningKey) -> Answer {
        self.redeem(code, &[self.proof(key, "/token", &json!({}))]).await
    }

    /// UserInfo as [`Self::userinfo`], with a proof by `key` in which something is changed.
    async fn userinfo_by(&self, token: &str, key: &SigningKey, changes: &Value) -> Answer {
        let proof = with(self.claims("GET", "/userinfo"), &json!({"ath": b64::encode(sha256(token))}));
        let proof = key.sign_dpop(with(proof, changes).as_object().unwrap()).unwrap();
        self.userinfo(&format!("DPoP {token}"), &[proof]).await
    }

    async fn userinfo(&self, authorization: &str, proofs: &[String]) -> Answer {
        let mut request = http::Request::get(format!("https://{BACK}/userinfo"))
            .header("authorization", authorization)
            .body(Full::default())
            .unwrap();
        for proof in proofs {
            request.headers_mut().append("dpop", proof.parse().unwrap());
        }
        let served = self.0.served;
        Answer::of(served.ask(&served.anyone(), request).await)
    }
}

/// The parameters of a plain response: in the query, and nowhere else (`RSP-05`).
fn response(url: &str) -> Map<String, Value> {
    let url = url::Url::parse(url).unwrap();
    assert_eq!(url.fragment(), None, "RSP-05 {url}");
    let pairs = url.query_pairs().into_owned().filter(|(name, _)| !name.starts_with("dummy"));
    let found: Map<String, Value> = pairs.map(|(name, value)| (name, json!(value))).collect();
    assert_eq!(found["iss"], ISSUER, "AUT-22, RSP-13, F2-R08, P-05");
    found
}

fn challenges(answer: &Answer) -> Vec<&str> {
    answer.headers.get_all("www-authenticate").iter().map(|value| value.to_str().unwrap()).collect()
}

#[tokio::test]
async fn a_person_lets_an_app_see_their_accounts_by_a_key() {
    let served = security().start().await;
    let wallet = Wallet::of(&served);
    let path = wallet.pushed(&[], &[]).await;
    let answer = response(&served.browser().approve(&path).await);
    assert_eq!(answer.keys().collect::<Vec<_>>(), ["code", "state", "iss"], "RSP-05, F2-R02");
    assert_eq!(answer["state"], "the state", "AUT-07");

    let tokens = wallet.redeem_with(answer["code"].as_str().unwrap(), &ONE).await;
    assert_eq!(tokens.status, 200, "{}", tokens.json);
    assert_eq!(tokens.text("token_type"), "DPoP", "DPO-09, TOK-01");
    let token = tokens.text("access_token");
    let access = wallet.0.verified(token);
    assert_eq!(access["cnf"], json!({"jkt": ONE.public().thumbprint()}), "DPO-07, TOK-12, F2-R06");
    assert_eq!(wallet.0.verified(tokens.text("id_token"))["nonce"], "the nonce", "AUT-08");

    let person = wallet.userinfo_by(token, &ONE, &json!({})).await;
    assert_eq!((person.status, &person.json["sub"]), (200, &access["sub"]), "UIN-01, RS-01, DPO-07");
    let known = wallet.call("/introspect", &[("token", token)], &[]).await.json;
    assert_eq!((&known["token_type"], &known["cnf"]), (&json!("DPoP"), &access["cnf"]), "INT-02, DPO-07");

    // REF-06, REF-07: no rotation, and a new key binds the new token.
    let refresh = [("grant_type", "refresh_token"), ("refresh_token", tokens.text("refresh_token"))];
    for key in [&*OTHER, &*ONE] {
        let fresh = wallet.call("/token", &refresh, &[wallet.proof(key, "/token", &json!({}))]).await;
        assert_eq!((fresh.status, fresh.json.get("refresh_token")), (200, None), "REF-06, REF-07, F2-R07");
        let token = fresh.text("access_token");
        let bound = &wallet.0.verified(token)["cnf"];
        assert_eq!(bound, &json!({"jkt": key.public().thumbprint()}), "REF-06");
        assert_eq!(wallet.userinfo_by(token, key, &json!({})).await.status, 200, "REF-06");
    }
    let bare = wallet.call("/token", &refresh, &[]).await;
    assert_eq!(bare.refusal("REF-05"), "400 invalid_dpop_proof", "REF-05, DPO-13");

    // TOK-09: sender-constrained like the others.
    let own = [("grant_type", "client_credentials"), ("scope", "accounts")];
    let bare = wallet.call("/token", &own, &[]).await;
    assert_eq!(bare.refusal("TOK-09"), "400 invalid_dpop_proof", "TOK-09, DPO-13");
    let own = wallet.call("/token", &own, &[wallet.proof(&ONE, "/token", &json!({}))]).await;
    assert_eq!((own.status, own.text("token_type")), (200, "DPoP"), "TOK-09");
}

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
    let first = wallet.call("/token", &[("grant_type", "client_credentials")], &[spent.clone()]).await;
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

    let bearer = wallet.userinfo(&format!("Bearer {token}"), &[own.clone()]).await;
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
    assert_eq!(wallet.userinfo(&format!("dpop {token}"), &[own.clone()]).await.status, 200, "RS-01");
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

#[tokio::test]
async fn a_client_with_a_certificate_has_its_tokens_bound_to_that() {
    let served =
        security().client(|app| app.sender_constraint = Some(SenderConstraint::Certificate)).start().await;
    let wallet = Wallet::of(&served);
    let code = wallet.code(&[], &[]).await;
    let proof = [wallet.proof(&ONE, "/token", &json!({}))];
    let bare = wallet.redeem(&code, &proof).await;
    assert_eq!(bare.refusal("MTL-04"), "400 invalid_request", "T-05, MTL-04: a proof is no certificate");
    let tokens = wallet.0.redeem(&code).await;
    assert_eq!((tokens.status, tokens.text("token_type")), (200, "Bearer"), "MTL-05 {}", tokens.json);
    let token = tokens.text("access_token");
    assert!(wallet.0.verified(token)["cnf"]["x5t#S256"].is_string(), "MTL-05, F2-R06");
    assert_eq!(wallet.0.userinfo(token).await.status, 200, "MTL-06");
    let thief = served.anyone().showing(&served.other().identity);
    let refused = wallet.0.userinfo_with(&thief, token).await;
    assert_eq!(refused.status, 401, "MTL-06, P-19");
    assert!(challenges(&refused)[0].starts_with("Bearer error=\"invalid_token\""), "RS-03");
    let moved = wallet.userinfo_by(token, &ONE, &json!({})).await;
    assert_eq!(moved.status, 401, "RS-09: no proof stands for the certificate");
}

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

#[tokio::test]
async fn openid_is_optional() {
    let served = security().start().await;
    let wallet = Wallet::of(&served);
    let plain = [("scope", "accounts"), ("nonce", ""), ("state", "")];
    let path = wallet.pushed(&plain, &[]).await;
    let answer = response(&served.browser().approve(&path).await);
    assert_eq!(answer.keys().collect::<Vec<_>>(), ["code", "iss"], "RSP-04, RSP-05");
    let tokens = wallet.redeem_with(answer["code"].as_str().unwrap(), &ONE).await;
    assert_eq!((tokens.status, tokens.json.get("id_token")), (200, None), "IDT-03");
    let person = wallet.userinfo_by(tokens.text("access_token"), &ONE, &json!({})).await;
    assert_eq!(person.status, 403, "RS-03");
    assert!(challenges(&person)[0].starts_with("DPoP error=\"insufficient_scope\""), "RS-03, DPO-10");
    // AUT-08: a nonce of 64 characters, and one of more, are returned as they are.
    for length in [64, 384] {
        let nonce = "n".repeat(length);
        let tokens = wallet.redeem_with(&wallet.code(&[("nonce", &nonce)], &[]).await, &ONE).await;
        assert_eq!(wallet.0.verified(tokens.text("id_token"))["nonce"], nonce, "AUT-08");
    }
}

#[tokio::test]
async fn a_person_who_says_no_sends_the_client_an_error_and_the_issuer() {
    let served = security().start().await;
    let wallet = Wallet::of(&served);
    let mut browser = served.browser();
    let page = browser.open(&wallet.pushed(&[], &[]).await).await;
    let page = browser.sign_in(&page, "alice", PASSWORD).await;
    let refused = response(browser.decide(&page, "deny").await.left());
    assert_eq!(
        (&refused["error"], &refused["state"]),
        (&json!("access_denied"), &json!("the state")),
        "E-24, AUT-22"
    );
}

#[tokio::test]
async fn discovery_is_the_same_at_both_places() {
    let served = security().start().await;
    let [one, two] = [
        served.look("/.well-known/openid-configuration").await,
        served.look("/.well-known/oauth-authorization-server").await,
    ];
    assert_eq!((one.status(), one.body()), (two.status(), two.body()), "DSC-01, DSC-02");
    let said: Value = serde_json::from_slice(one.body()).unwrap();
    assert_eq!(said["dpop_signing_alg_values_supported"], json!(["ES256", "PS256", "EdDSA"]), "DSC-23");
    assert_eq!(said["response_types_supported"], json!(["code"]), "DSC-07");
    assert_eq!(said["require_pushed_authorization_requests"], true, "DSC-18");
}

#[tokio::test]
async fn a_server_may_sign_with_ed25519() {
    let key = SigningKey::generate(Alg::EdDsa, 2048).unwrap();
    let served = security()
        .with(|bundle| {
            let (kid, alg, state) =
                (key.kid().to_owned(), KeyAlgorithm::Signature(key.alg()), KeyState::Active);
            bundle.document.keys = vec![PublicKey { kid, alg, state, jwk: key.public().clone() }];
            bundle.secrets.keys = vec![PrivateKey::new(key.kid(), state, &key.to_private_jwk()).unwrap()];
        })
        .start()
        .await;
    let wallet = Wallet::of(&served);
    let ed = SigningKey::generate(Alg::EdDsa, 2048).unwrap();
    let tokens = wallet.redeem_with(&wallet.code(&[], &[]).await, &ed).await;
    assert_eq!(tokens.status, 200, "KEY-04 {}", tokens.json);
    let keys = JwkSet::from_keys(vec![key.public().clone()]);
    let read = |jwt: &str| Unverified::parse(jwt).unwrap().verify(&keys, &[Alg::EdDsa]).unwrap().claims;
    let access = read(tokens.text("access_token"));
    assert_eq!(access.get("cnf"), Some(&json!({"jkt": ed.public().thumbprint()})), "KEY-04, DPO-02");
    assert_eq!(
        read(tokens.text("id_token")).get("at_hash"),
        None,
        "IDT-05: nobody says which hash goes with EdDSA"
    );
    assert_eq!(wallet.userinfo_by(tokens.text("access_token"), &ed, &json!({})).await.status, 200);
}

/// A resource server beside `app` and `other`, which signs as `other` does.
fn message_signing() -> TestServer {
    TestServer::of(ProfileName::FAPI2MessageSigning).with(|bundle| {
        let bank = &mut bundle.clients[1];
        bank.grant_types = Vec::<GrantType>::new();
        bank.redirect_uris = Vec::new();
        bundle.document.resources = vec![Resource {
            identifier: "https://api.example".into(),
            scopes: Vec::new(),
            introspection_clients: vec![ClientId::parse("other").unwrap()],
            default: true,
        }];
    })
}

async fn introspect(served: &Served, token: &str, accept: &str) -> http::Response<bytes::Bytes> {
    let bank = served.other();
    let mut request = post(BACK, "/introspect", bank.credentials(&[("token", token)]));
    request.headers_mut().insert("accept", accept.parse().unwrap());
    served.ask(&served.anyone(), request).await
}

#[tokio::test]
async fn message_signing_signs_requests_responses_and_introspection() {
    let served = message_signing().start().await;
    let wallet = Wallet::of(&served);
    let object = wallet.0.sign(Some("oauth-authz-req+jwt"), &wallet.0.request());
    let pushed = wallet.call("/par", &[("request", &object)], &[]).await;
    assert_eq!(pushed.status, 201, "RO-01, MS-R01 {}", pushed.json);
    let url = served.browser().approve(&wallet.0.authorize(pushed.text("request_uri"))).await;
    let answer = wallet.0.jarm(&url);
    assert_eq!(
        (&answer["iss"], &answer["state"]),
        (&json!(ISSUER), &json!("the state")),
        "RSP-07, MS-R02, MS-R04"
    );
    let tokens = wallet.redeem_with(answer["code"].as_str().unwrap(), &ONE).await;
    assert_eq!(tokens.text("token_type"), "DPoP", "{}", tokens.json);
    let token = tokens.text("access_token");

    const JWT: &str = "application/token-introspection+jwt";
    for accept in [JWT, "application/json;q=0.5, Application/Token-Introspection+JWT"] {
        let signed = introspect(&served, token, accept).await;
        assert_eq!(
            (signed.status().as_u16(), &signed.headers()["content-type"]),
            (200, &JWT.parse().unwrap()),
            "RFC 9701 5"
        );
        let jwt = std::str::from_utf8(signed.body()).unwrap();
        assert_eq!(Unverified::parse(jwt).unwrap().typ(), Some("token-introspection+jwt"), "RFC 9701 5");
        let claims = wallet.0.verified(jwt);
        assert_eq!((&claims["iss"], &claims["aud"]), (&json!(ISSUER), &json!("other")), "RFC 9701 5");
        assert_eq!(claims["iat"], NOON.as_unix(), "RFC 9701 5");
        assert_eq!(claims["token_introspection"]["cnf"], wallet.0.verified(token)["cnf"], "INT-02");
        // RFC 9701 8.1: it is no access token.
        assert_eq!(wallet.userinfo_by(jwt, &ONE, &json!({})).await.status, 401, "JAT-02, P-20");
    }
    for accept in ["application/json", "*/*", "application/token-introspection+jwt;q=0"] {
        let plain = introspect(&served, token, accept).await;
        assert_eq!(plain.headers()["content-type"], "application/json", "INT-02 {accept}");
    }
    let unknown = introspect(&served, "x", JWT).await;
    let claims = wallet.0.verified(std::str::from_utf8(unknown.body()).unwrap());
    assert_eq!(claims["token_introspection"], json!({"active": false}), "INT-03");
}

#[tokio::test]
async fn message_signing_takes_nothing_unsigned() {
    let served = message_signing().start().await;
    let wallet = Wallet::of(&served);
    let unsigned = wallet.push(&[("response_mode", "jwt")], &[]).await;
    assert_eq!(unsigned.refusal("E-18"), "400 invalid_request", "E-18, RO-01, MS-R01");
    let now = served.now();
    let push = async |object: String| wallet.call("/par", &[("request", &object)], &[]).await;
    let changed = |changes: Value| wallet.0.sign(None, &with(wallet.0.request(), &changes));
    for (id, object, error) in [
        ("E-05, J-01", forge::unsigned("none", &wallet.0.request()), "400 invalid_request_object"),
        ("E-05, J-03", forge::rs256(wallet.0.key, &wallet.0.request()), "400 invalid_request_object"),
        ("E-06", served.other().sign(None, &wallet.0.request()), "400 invalid_request_object"),
        ("E-03, MS-R03", changed(json!({"exp": now + 4200})), "400 invalid_request_object"),
        ("E-03, RO-04", changed(json!({"nbf": now - 4200})), "400 invalid_request_object"),
        ("E-04, RO-05", changed(json!({"aud": format!("https://{BACK}/par")})), "400 invalid_request_object"),
        ("MS-R02, E-12", changed(json!({"response_mode": null})), "400 unsupported_response_type"),
        ("MS-R02", changed(json!({"response_mode": "query"})), "400 invalid_request"),
    ] {
        assert_eq!(push(object).await.refusal(id), error, "{id}");
    }
    // DPO-12, RO-02: only what is inside counts, the key that binds the code as well.
    let object = changed(json!({"dpop_jkt": ONE.public().thumbprint()}));
    let outside = OTHER.public().thumbprint();
    let pushed = wallet.call("/par", &[("request", &object), ("dpop_jkt", outside)], &[]).await;
    let url = served.browser().approve(&wallet.0.authorize(pushed.text("request_uri"))).await;
    let code = wallet.0.jarm(&url)["code"].as_str().unwrap().to_owned();
    assert_eq!(wallet.redeem_with(&code, &OTHER).await.refusal("T-09"), "400 invalid_grant", "T-09, RO-02");
    assert_eq!(wallet.redeem_with(&code, &ONE).await.status, 200, "DPO-12");
    // RSP-08, MS-R02: errors are signed, too.
    let mut browser = served.browser();
    let pushed = push(changed(json!({}))).await;
    let page = browser.open(&wallet.0.authorize(pushed.text("request_uri"))).await;
    let page = browser.sign_in(&page, "alice", PASSWORD).await;
    let refused = wallet.0.jarm(browser.decide(&page, "deny").await.left());
    assert_eq!(refused["error"], "access_denied", "RSP-08, E-24");
}

#[tokio::test]
async fn signed_responses_may_be_chosen_in_the_security_profile() {
    let both = vec![Response::Code, Response::CodeJarm];
    let served = security().with(|bundle| bundle.document.protocol.responses = Some(both)).start().await;
    let wallet = Wallet::of(&served);
    let url = served.browser().approve(&wallet.pushed(&[("response_mode", "jwt")], &[]).await).await;
    assert!(wallet.0.jarm(&url).contains_key("code"), "RSP-06, RSP-10");
    let url = served.browser().approve(&wallet.pushed(&[], &[]).await).await;
    assert!(response(&url).contains_key("code"), "RSP-05");
}

#[tokio::test]
async fn a_client_may_authenticate_with_a_certificate_and_bind_to_a_key() {
    let authority = crate::pki::Authority::new("Client CA");
    let identity = authority.program("urn:client:app");
    let served = security()
        .trusting(&authority.pem)
        .client(|app| {
            app.auth.method = fapi_core::profile::ClientAuth::Tls;
            app.auth.tls = Some(fapi_core::certificate::SubjectName::SanUri("urn:client:app".into()));
        })
        .start()
        .await;
    let wallet = Wallet::of(&served);
    let shown: Client = served.anyone().showing(&identity);
    let ask = async |proofs: Vec<String>| {
        let mut request =
            post(BACK, "/token", form(&[("client_id", "app"), ("grant_type", "client_credentials")]));
        for proof in proofs {
            request.headers_mut().append("dpop", proof.parse().unwrap());
        }
        Answer::of(served.ask(&shown, request).await)
    };
    assert_eq!(ask(vec![]).await.refusal("DPO-13"), "400 invalid_dpop_proof", "DPO-13, T-08");
    let tokens = ask(vec![wallet.proof(&ONE, "/token", &json!({}))]).await;
    assert_eq!(tokens.text("token_type"), "DPoP", "MTL-01, DPO-09 {}", tokens.json);
}
