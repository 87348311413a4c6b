//! FAPI 2.0: a wallet without a certificate, and its journeys; what must not work stands in the files beside this one
//! (requirements sections 14, 19, 20).

#[cfg(test)]
mod proofs;
#[cfg(test)]
mod requests;
#[cfg(test)]
mod signing;

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

use fapi_config::{KeyAlgorithm, KeyState, PrivateKey, PublicKey};
use fapi_core::profile::{ProfileName, SenderConstraint};
use fapi_jose::{Alg, JwkSet, SigningKey, Unverified, b64, sha256};
use http_body_util::Full;
use serde_json::{Map, Value, json};

use crate::actors::{Answer, App, CHALLENGE, VERIFIER, form};
use crate::client::{Client, post};
use crate::server::{BACK, CALLBACK, ISSUER, PASSWORD, Served, TestServer};

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
