//! What the log knows: enough to find a mistake, and nothing that opens a door (`TLS-15`, `K-10`, `H-09`).

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::actors::{VERIFIER, form};
use crate::server::{CALLBACK, PASSWORD, TestServer};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one journey, told in its order")]
async fn the_log_of_a_whole_journey_holds_no_secret() {
    let log = Log::default();
    let subscriber =
        tracing_subscriber::fmt().json().with_max_level(LevelFilter::TRACE).with_writer(log.clone());
    // With one subscriber alone, tracing asks the thread that comes by an event first, and that may be another test's.
    let _second = tracing::Dispatch::new(tracing_subscriber::registry());
    // Of this thread only, and everything here runs on it.
    let _guard = tracing::subscriber::set_default(subscriber.finish());

    let served = TestServer::of_every_kind().start().await;
    let app = served.app();
    let mut canaries: Vec<(&str, String)> =
        vec![("password", PASSWORD.into()), ("verifier", VERIFIER.into())];
    let mut browser = served.browser();

    let object = app.sign(None, &app.request());
    let assertion = app.sign(None, &app.assertion());
    let pushed =
        app.raw(&app.showing(), "/par", app.with_assertion(&assertion, &[("request", &object)])).await;
    let uri = pushed.text("request_uri").to_owned();
    let page = browser.open(&app.authorize(&uri)).await;
    canaries.push(("csrf", page.hidden("csrf")));
    let wrong = "wrong but close to the right one";
    let page = browser.sign_in(&page, "alice", wrong).await;
    let page = browser.sign_in(&page, "alice", PASSWORD).await;
    canaries.push(("csrf", page.hidden("csrf")));
    let url = browser.decide(&page, "approve").await.left().to_owned();
    let code = app.jarm(&url)["code"].as_str().unwrap().to_owned();
    let tokens = app.redeem(&code).await;
    app.userinfo(tokens.text("access_token")).await;
    app.call("/introspect", &[("token", tokens.text("access_token"))]).await;
    app.call("/introspect", &[("token", tokens.text("refresh_token"))]).await;
    app.refresh(tokens.text("refresh_token")).await;
    for (name, value) in browser.cookies() {
        canaries.push(("cookie", value.clone()));
        assert!(name.starts_with("__Host-"), "B-12");
    }

    // What is refused is not quoted either.
    let odd = "canary-\u{1b}[31m-in-a-mistake";
    for (path, pairs) in [
        ("/token", vec![("grant_type", odd)]),
        (
            "/token",
            vec![
                ("grant_type", "authorization_code"),
                ("code", odd),
                ("redirect_uri", CALLBACK),
                ("code_verifier", VERIFIER),
            ],
        ),
        ("/token", vec![("grant_type", "refresh_token"), ("refresh_token", odd)]),
        ("/par", vec![("request", odd)]),
        ("/introspect", vec![("token", odd)]),
        ("/revoke", vec![("token", odd)]),
    ] {
        app.call(path, &pairs).await;
    }
    let secret = form(&[
        ("grant_type", "client_credentials"),
        ("client_id", "app"),
        ("client_secret", "canary-secret"),
    ]);
    app.raw(&app.showing(), "/token", secret).await;
    app.raw(
        &app.showing(),
        "/token?client_assertion=canary-in-the-url",
        app.with_assertion("canary.as.assertion", &[]),
    )
    .await;
    browser
        .open("/authorize?client_id=app&request_uri=urn:ietf:params:oauth:request_uri:canary-of-a-request")
        .await;
    browser.open("/authorize?client_id=app&request=canary.of.object").await;
    browser.open("/login?i=canary-of-an-interaction").await;
    app.userinfo("canary-as-a-token").await;
    app.redeem(&code).await;
    app.call("/revoke", &[("token", tokens.text("refresh_token"))]).await;

    for (name, jwt) in [
        ("request object", object.as_str()),
        ("assertion", &assertion),
        ("access token", tokens.text("access_token")),
        ("ID Token", tokens.text("id_token")),
        ("JARM response", url.split("response=").nth(1).unwrap()),
    ] {
        canaries.extend(jwt.split('.').skip(1).map(|part| (name, part.to_owned())));
    }
    canaries.push(("wrong password", wrong.into()));
    canaries.push(("request_uri", uri.rsplit(':').next().unwrap().into()));
    canaries.push(("code", code));
    canaries.push(("refresh token", tokens.text("refresh_token").into()));
    canaries.push(("what was sent by mistake", "canary".into()));
    canaries.push(("a control character", "\u{1b}".into()));

    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    for (name, canary) in &canaries {
        assert!(canary == "\u{1b}" || canary.len() >= 6, "{name} would be found by chance");
        let line = log.lines().find(|line| line.contains(canary));
        assert!(line.is_none(), "TLS-15, K-10, P-18: the {name} is in the log: {line:?}");
    }
    let sign_ins: Vec<serde_json::Value> = log
        .lines()
        .filter(|line| line.contains("Sign-in: "))
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let said: Vec<_> = sign_ins.iter().map(|line| &line["fields"]).collect();
    assert_eq!(said.len(), 2, "B-08: {said:?}");
    for (fields, outcome) in said.iter().zip(["wrong_password", "signed_in"]) {
        assert_eq!((&fields["outcome"], &fields["subject"]), (&outcome.into(), &"a-1".into()), "B-08");
        assert_eq!((&fields["client.id"], &fields["remote"]), (&"app".into(), &"127.0.0.1".into()), "B-08");
    }
    for found in ["Refused a token request", "POST /token 200", "GET /authorize 303", "request_id", "clause"]
    {
        assert!(log.contains(found), "the log was captured, and says: {found}");
    }
}
