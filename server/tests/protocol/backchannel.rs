//! Clients are told that somebody signed out (OpenID Connect Back-Channel Logout 1.0, `LGO-06`).

use std::sync::{Arc, Mutex};
use std::time::Duration;

use fapi_core::client::EncryptionChoice;
use fapi_core::ids::ClientId;
use fapi_jose::{Content, DecryptionKey, JwkSet, KeyManagement, Unverified};
use fapi_server::tls::provider;
use rustls::ServerConfig;
use serde_json::{Map, Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::actors::{App, form};
use crate::browser::Browser;
use crate::pki::Authority;
use crate::server::{ISSUER, PASSWORD, Served, TestServer};

const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";
const SIGN_OUT: &str = "/logout/confirm";
const DAY: i64 = 24 * 60 * 60;

/// The servers of two clients, on one port and by one name.
struct Clients {
    authority: Authority,
    port: u16,
    heard: Arc<Mutex<Vec<(String, String)>>>,
    status: Arc<Mutex<&'static str>>,
}

impl Clients {
    async fn listening() -> Self {
        let authority = Authority::new("Web CA");
        let identity = authority.server(&["localhost"]);
        let config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(identity.certificates(), identity.private_key())
            .unwrap();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let clients = Self { authority, port, heard: Arc::default(), status: Arc::new(Mutex::new("200 OK")) };
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let (heard, status) = (Arc::clone(&clients.heard), Arc::clone(&clients.status));
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (acceptor, heard, status) =
                    (acceptor.clone(), Arc::clone(&heard), *status.lock().unwrap());
                tokio::spawn(async move {
                    let mut stream = BufReader::new(acceptor.accept(stream).await?);
                    let (mut path, mut line, mut length) = (String::new(), String::new(), 0);
                    loop {
                        line.clear();
                        stream.read_line(&mut line).await?;
                        let lower = line.to_ascii_lowercase();
                        if let Some(target) = line.strip_prefix("POST ") {
                            path = target.split(' ').next().unwrap().to_owned();
                        } else if let Some(value) = lower.strip_prefix("content-length: ") {
                            length = value.trim().parse().unwrap();
                        } else if line == "\r\n" {
                            break;
                        }
                    }
                    let mut body = vec![0; length];
                    stream.read_exact(&mut body).await?;
                    let body = String::from_utf8(body).unwrap();
                    let token = body.strip_prefix("logout_token=").expect("LGO-06: one field").to_owned();
                    heard.lock().unwrap().push((path, token));
                    stream
                        .write_all(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n").as_bytes())
                        .await?;
                    stream.shutdown().await
                });
            }
        });
        clients
    }

    fn uri(&self, client: &str) -> String {
        format!("https://localhost:{}/{client}", self.port)
    }

    fn server(&self) -> TestServer {
        self.known_to(TestServer::fintech())
    }

    /// A server whose clients want to be told here, and that may go here.
    fn known_to(&self, server: TestServer) -> TestServer {
        server.with(|bundle| {
            bundle.clients[0].backchannel_logout_uri = Some(self.uri("app"));
            bundle.clients[1].backchannel_logout_uri = Some(self.uri("other"));
            bundle.document.egress.networks = ["127.0.0.0/8", "::1"].map(|one| one.parse().unwrap()).to_vec();
            bundle.document.egress.authorities = Some(self.authority.pem.clone());
        })
    }

    fn answer(&self, status: &'static str) {
        *self.status.lock().unwrap() = status;
    }

    /// What has been heard, once it is as much as that: to whom, and the token.
    async fn heard(&self, count: usize) -> Vec<(String, String)> {
        let waiting = async {
            loop {
                let heard = self.heard.lock().unwrap().clone();
                if heard.len() >= count {
                    return heard;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), waiting).await.expect("LGO-06: it is told")
    }
}

/// A token that a careful client accepts.
fn read(served: &Served, client: &str, token: &str) -> Map<String, Value> {
    let unverified = Unverified::parse(token).unwrap();
    assert_eq!(unverified.typ(), Some("logout+jwt"), "LGO-06, KEY-11");
    assert_eq!(unverified.kid(), Some(served.key().kid()), "LGO-06");
    let claims = served.app().verified(token);
    assert_eq!((&claims["iss"], &claims["aud"]), (&json!(ISSUER), &json!(client)), "LGO-06");
    assert_eq!(claims["iat"], served.now(), "LGO-06");
    assert_eq!(claims["exp"], served.now() + 120, "LGO-06: two minutes at most");
    assert_eq!(claims["events"], json!({ EVENT: {} }), "LGO-06");
    assert!(claims["jti"].as_str().is_some_and(|jti| jti.len() >= 16), "LGO-06");
    let names: Vec<&str> = claims.keys().map(String::as_str).collect();
    assert_eq!(names.len(), 8, "LGO-06: no nonce, and nothing of the person: {names:?}");
    claims
}

/// Alice has tokens of this client from this browser: its ID Token's claims.
async fn in_use(app: &App<'_>, browser: &mut Browser<'_>) -> Map<String, Value> {
    let url = agree(browser, &app.pushed(&app.request()).await).await;
    let code = app.jarm(&url)["code"].as_str().unwrap().to_owned();
    app.verified(app.redeem(&code).await.text("id_token"))
}

/// Alice signs in, unless she is, and agrees, unless she has. Where she is sent.
async fn agree(browser: &mut Browser<'_>, path: &str) -> String {
    let mut page = browser.open(path).await;
    if page.left.is_none() && page.asks_for_sign_in() {
        page = browser.sign_in(&page, "alice", PASSWORD).await;
    }
    if page.left.is_none() && page.asks_for_consent() {
        page = browser.decide(&page, "approve").await;
    }
    page.left().to_owned()
}

async fn sign_out(browser: &mut Browser<'_>) {
    let page = browser.open("/logout").await;
    let csrf = page.hidden("csrf");
    let page = browser.post(SIGN_OUT, &[("csrf", csrf.as_str()), ("decision", "sign-out")]).await;
    assert!(page.by_id("signed-out").is_some(), "LGO-04 {}", page.html);
}

/// Whether a line is on the page of metrics, sooner or later.
async fn counted(served: &Served, line: &str) {
    let waiting = async {
        while !served.running.app().metrics().encode().contains(line) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), waiting).await.expect(line);
}

/// `LGO-06`: each that got an ID Token in this session, by its own name for the person, and nobody in another session.
#[tokio::test]
async fn every_client_of_the_session_is_told_when_the_person_signs_out() {
    let clients = Clients::listening().await;
    let served = clients.server().start().await;
    let (app, other) = (served.app(), served.other());
    let (mut browser, mut elsewhere) = (served.browser(), served.browser());
    let here = [in_use(&app, &mut browser).await, in_use(&other, &mut browser).await];
    let there = in_use(&app, &mut elsewhere).await;
    assert_eq!(here[0]["sid"], here[1]["sid"], "LGO-06: one session");
    assert_ne!(here[0]["sid"], there["sid"], "LGO-06: another session");

    sign_out(&mut browser).await;
    let mut heard = clients.heard(2).await;
    heard.sort();
    for ((path, token), (client, id_token)) in heard.iter().zip([("app", &here[0]), ("other", &here[1])]) {
        assert_eq!(*path, format!("/{client}"));
        let claims = read(&served, client, token);
        assert_eq!((&claims["sub"], &claims["sid"]), (&id_token["sub"], &id_token["sid"]), "LGO-06");
    }
    counted(&served, r#"fapi_logout_notices_total{outcome="delivered"} 2"#).await;

    // DSC-35
    let said: Value =
        serde_json::from_slice(served.look("/.well-known/openid-configuration").await.body()).unwrap();
    assert_eq!(said["backchannel_logout_supported"], true, "LGO-06, DSC-35");
    assert_eq!(said["backchannel_logout_session_supported"], true, "LGO-06, DSC-35");

    sign_out(&mut elsewhere).await;
    let last = clients.heard(3).await;
    assert_eq!(last.len(), 3, "LGO-06: each once");
    assert_eq!(read(&served, "app", &last[2].1)["sid"], there["sid"], "LGO-06");
}

/// A client that is down hears of it when it is back. Each try has a token of its own.
#[tokio::test]
async fn a_client_that_does_not_answer_is_told_again_for_a_day() {
    let clients = Clients::listening().await;
    let served = clients.server().start().await;
    let app = served.app();
    let mut browser = served.browser();
    in_use(&app, &mut browser).await;

    clients.answer("503 Service Unavailable");
    sign_out(&mut browser).await;
    let first = read(&served, "app", &clients.heard(1).await[0].1);
    counted(&served, r#"fapi_logout_notices_total{outcome="failed"} 1"#).await;
    served.later(5);
    let second = read(&served, "app", &clients.heard(2).await[1].1);
    counted(&served, r#"fapi_logout_notices_total{outcome="failed"} 2"#).await;
    assert_ne!(first["jti"], second["jti"], "LGO-06");
    clients.answer("204 No Content");
    served.later(10);
    read(&served, "app", &clients.heard(3).await[2].1);
    counted(&served, r#"fapi_logout_notices_total{outcome="delivered"} 1"#).await;

    in_use(&app, &mut browser).await;
    clients.answer("302 Found");
    sign_out(&mut browser).await;
    counted(&served, r#"fapi_logout_notices_total{outcome="failed"} 3"#).await;
    served.later(DAY);
    counted(&served, r#"fapi_logout_notices_total{outcome="given_up"} 1"#).await;
    assert_eq!(clients.heard(5).await.len(), 5);
}

/// It is written down in the transaction that ends the session: a pod that ends then takes nothing with it.
#[tokio::test]
async fn a_sign_out_is_told_by_whoever_runs_next() {
    let clients = Clients::listening().await;
    let folder = tempfile::tempdir().unwrap();
    let served = clients.server().in_folder(folder.path()).start().await;
    clients.answer("500 Internal Server Error");
    let sid = {
        let (app, mut browser) = (served.app(), served.browser());
        let sid = in_use(&app, &mut browser).await["sid"].clone();
        sign_out(&mut browser).await;
        sid
    };
    counted(&served, r#"fapi_logout_notices_total{outcome="failed"} 1"#).await;
    served.running.shutdown().await;

    clients.answer("200 OK");
    let next = clients.server().in_folder(folder.path()).start().await;
    next.later(5);
    let heard = clients.heard(2).await;
    assert_eq!(read(&next, "app", &heard[1].1)["sid"], sid, "LGO-06");
}

/// `H-13`: not even a client's own server is reached where no administrator has said that it may be, nor without a certificate that
/// is good for its name.
#[tokio::test]
async fn nobody_is_told_at_an_address_that_is_not_public() {
    let clients = Clients::listening().await;
    for (id, network) in [("H-13", None), ("TLS-10, TL-19", Some("127.0.0.0/8"))] {
        let prepared = clients.server().with(|bundle| {
            bundle.document.egress = fapi_config::Egress {
                networks: network.map(|network| network.parse().unwrap()).into_iter().collect(),
                authorities: None,
            };
        });
        let mut served = prepared.start().await;
        {
            let (app, mut browser) = (served.app(), served.browser());
            in_use(&app, &mut browser).await;
            sign_out(&mut browser).await;
        }
        counted(&served, r#"fapi_logout_notices_total{outcome="failed"} 1"#).await;
        assert_eq!(clients.heard(0).await, [], "{id}");

        // The positive twin: the same notice, once the configuration says so.
        let authority = clients.authority.pem.clone();
        served
            .publish(|bundle| {
                bundle.document.egress.networks =
                    vec!["127.0.0.0/8".parse().unwrap(), "::1".parse().unwrap()];
                bundle.document.egress.authorities = Some(authority);
            })
            .await;
        served.later(5);
        assert_eq!(clients.heard(1).await.len(), 1, "{id}");
        clients.heard.lock().unwrap().clear();
    }
}

/// OpenID Connect Back-Channel Logout 2.4: encrypted as its ID Tokens are.
#[tokio::test]
async fn a_logout_token_is_encrypted_to_a_client_whose_id_tokens_are() {
    let clients = Clients::listening().await;
    let key = DecryptionKey::generate(KeyManagement::EcdhEsA256kw, 0).unwrap();
    let public = key.public().clone();
    let served = clients
        .server()
        .client(|client| {
            let signing = client.auth.jwks.as_ref().unwrap().keys()[0].clone();
            client.auth.jwks = Some(JwkSet::from_keys(vec![signing, public]));
            let (algorithm, content) = (KeyManagement::EcdhEsA256kw, Content::A256Gcm);
            client.id_token.encryption = Some(EncryptionChoice { algorithm, content });
        })
        .start()
        .await;
    let (app, mut browser) = (served.app(), served.browser());
    let url = browser.approve(&app.pushed(&app.request()).await).await;
    app.redeem(app.jarm(&url)["code"].as_str().unwrap()).await;
    sign_out(&mut browser).await;
    let jwe = clients.heard(1).await[0].1.clone();
    let header: Value =
        serde_json::from_slice(&fapi_jose::b64::decode(jwe.split('.').next().unwrap()).unwrap()).unwrap();
    assert_eq!((&header["iss"], &header["cty"]), (&json!(ISSUER), &json!("JWT")), "LGO-06");
    let token = String::from_utf8(key.decrypt(&jwe, &[Content::A256Gcm]).unwrap()).unwrap();
    read(&served, "app", &token);
}

/// `KEY-11`, `LGO-02`: what was made for one purpose serves no other.
#[tokio::test]
async fn a_logout_token_is_no_id_token_and_signs_nobody_out() {
    let clients = Clients::listening().await;
    let served = clients.server().start().await;
    let (app, mut browser) = (served.app(), served.browser());
    in_use(&app, &mut browser).await;
    sign_out(&mut browser).await;
    let token = clients.heard(1).await[0].1.clone();
    in_use(&app, &mut browser).await;
    let page = browser.open(&format!("/logout?{}", form(&[("id_token_hint", &token)]))).await;
    assert_eq!((page.status, page.error()), (400, "invalid_request"), "KEY-11, LGO-02");
    let mut hinted = app.request();
    hinted["id_token_hint"] = json!(token);
    assert_eq!(app.push(&hinted).await.error(), "400 invalid_request", "KEY-11");
}

/// Whoever signs in again, to show that it is still them, has not signed out; whoever lets another person sign in has.
#[tokio::test]
async fn signing_in_again_is_no_sign_out_but_another_person_is() {
    let clients = Clients::listening().await;
    let served = clients.server().start().await;
    let (app, other) = (served.app(), served.other());
    let mut browser = served.browser();
    let first = in_use(&app, &mut browser).await;
    let again = async |browser: &mut Browser<'_>, person: &str| {
        served.later(1);
        let mut request = other.request();
        request["prompt"] = json!("login");
        let page = browser.open(&other.pushed(&request).await).await;
        let page = browser.sign_in(&page, person, PASSWORD).await;
        let page = browser.decide(&page, "approve").await;
        let code = other.jarm(page.left())["code"].as_str().unwrap().to_owned();
        other.verified(other.redeem(&code).await.text("id_token"))
    };
    let second = again(&mut browser, "alice").await;
    assert_eq!(first["sid"], second["sid"], "LGO-06: the same session to clients");
    let bobs = again(&mut browser, "bob").await;
    assert_ne!(bobs["sid"], second["sid"], "LGO-06");
    let mut heard = clients.heard(2).await;
    heard.sort();
    for ((_, token), client) in heard.iter().zip(["app", "other"]) {
        assert_eq!(read(&served, client, token)["sid"], first["sid"], "LGO-06: hers has ended, and not his");
    }
    sign_out(&mut browser).await;
    assert_eq!(read(&served, "other", &clients.heard(3).await[2].1)["sid"], bobs["sid"], "LGO-06");
}

/// A client that has no ID Token has no part in the session; one that has it from the browser alone has.
#[tokio::test]
async fn whoever_has_no_id_token_is_not_told() {
    let clients = Clients::listening().await;
    let served = clients.known_to(TestServer::of_every_kind()).start().await;
    let (app, other) = (served.app(), served.other());
    let mut browser = served.browser();
    let mut without = other.request();
    without["scope"] = json!("accounts");
    let url = agree(&mut browser, &other.pushed(&without).await).await;
    let tokens = other.redeem(other.jarm(&url)["code"].as_str().unwrap()).await;
    assert!(tokens.json.get("id_token").is_none(), "IDT-03");

    let mut hybrid = app.request();
    (hybrid["response_type"], hybrid["scope"]) = (json!("code id_token"), json!("openid accounts"));
    hybrid.as_object_mut().unwrap().remove("response_mode");
    let url = agree(&mut browser, &app.pushed(&hybrid).await).await;
    assert!(url.contains("id_token="), "{url}");
    sign_out(&mut browser).await;
    let heard = clients.heard(1).await;
    assert_eq!(heard[0].0, "/app", "LGO-06");
    counted(&served, r#"fapi_logout_notices_total{outcome="delivered"} 1"#).await;
    assert_eq!(clients.heard(1).await.len(), 1, "LGO-06");
}

/// The code was on its way when the person signed out: its client is told as soon as it has the ID Token.
#[tokio::test]
async fn a_client_that_redeems_its_code_after_the_sign_out_is_told_too() {
    let clients = Clients::listening().await;
    let served = clients.server().start().await;
    let (app, mut browser) = (served.app(), served.browser());
    let url = browser.approve(&app.pushed(&app.request()).await).await;
    sign_out(&mut browser).await;
    let tokens = app.redeem(app.jarm(&url)["code"].as_str().unwrap()).await;
    let sid = app.verified(tokens.text("id_token"))["sid"].clone();
    assert_eq!(read(&served, "app", &clients.heard(1).await[0].1)["sid"], sid, "LGO-06");

    // Refreshing later is no reason to be told again.
    app.refresh(tokens.text("refresh_token")).await.text("id_token");
    counted(&served, r#"fapi_logout_notices_total{outcome="delivered"} 1"#).await;
    assert_eq!(clients.heard(1).await.len(), 1);
}

/// A disabled client is told nothing while it is, and its notice waits.
#[tokio::test]
async fn a_client_that_is_not_served_is_not_told() {
    let clients = Clients::listening().await;
    let mut served = clients.server().start().await;
    let cookies = {
        let (app, mut browser) = (served.app(), served.browser());
        in_use(&app, &mut browser).await;
        browser.cookies().clone()
    };
    served.publish(|bundle| bundle.clients[0].enabled = false).await;
    {
        let mut browser = served.browser();
        for (name, value) in cookies {
            browser.keep(&name, &value);
        }
        sign_out(&mut browser).await;
    }
    counted(&served, r#"fapi_logout_notices_total{outcome="failed"} 1"#).await;
    assert_eq!(clients.heard(0).await, []);
    served.publish(|bundle| bundle.clients[0].enabled = true).await;
    let app = ClientId::parse("app").unwrap();
    assert!(served.running.app().current().unwrap().registry.client(&app).unwrap().enabled());
    served.later(5);
    assert_eq!(clients.heard(1).await.len(), 1, "LGO-06");
}
