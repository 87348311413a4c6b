//! The pages in a real browser: Chromium applies a form's `form-action` to every redirect after the post, which no client
//! of ours would notice. Driven through a pair of pipes by the `DevTools` protocol.
//!
//! With `FAPI_TEST_SCREENSHOTS=FOLDER` what it saw is kept.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use rustls::ServerConfig;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::logos::{PICTURE, showing};
use crate::server::{FRONT, PASSWORD, Served, TestServer};

/// A headless Chromium with one tab.
struct Chromium {
    process: Child,
    input: File,
    output: BufReader<File>,
    session: Option<String>,
    calls: u64,
    /// What the pages were not allowed to do.
    complaints: Vec<String>,
    _folder: TempDir,
}

impl Drop for Chromium {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Chromium {
    fn start(server: SocketAddr, app: SocketAddr) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (to, from) = (folder.path().join("to"), folder.path().join("from"));
        assert!(Command::new("mkfifo").args([&to, &from]).status().unwrap().success());
        let rules = format!("MAP {FRONT}:443 {server}, MAP app.example:443 {app}, MAP * ~NOTFOUND");
        let process = Command::new("sh")
            .args(["-c", "exec 3<\"$1\" 4>\"$2\"; shift 2; exec \"$@\"", "sh"])
            .args([&to, &from])
            .args([
                "chromium",
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--no-first-run",
            ])
            .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
            .args(["--ignore-certificate-errors", "--hide-scrollbars", "--remote-debugging-pipe"])
            .arg(format!("--host-resolver-rules={rules}"))
            .arg(format!("--user-data-dir={}", folder.path().join("profile").display()))
            .arg("about:blank")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let input = File::options().write(true).open(to).unwrap();
        let output = BufReader::new(File::open(from).unwrap());
        let (calls, complaints) = (0, Vec::new());
        let mut chromium = Self { process, input, output, session: None, calls, complaints, _folder: folder };
        let target = chromium.call("Target.createTarget", json!({"url": "about:blank"}));
        let attached =
            chromium.call("Target.attachToTarget", json!({"targetId": target["targetId"], "flatten": true}));
        chromium.session = attached["sessionId"].as_str().map(ToOwned::to_owned);
        chromium.call("Page.enable", json!({}));
        chromium.call("Log.enable", json!({}));
        chromium
    }

    #[expect(clippy::needless_pass_by_value, reason = "every caller makes its parameters on the spot")]
    fn call(&mut self, method: &str, params: Value) -> Value {
        self.calls += 1;
        let mut message = json!({"id": self.calls, "method": method, "params": params});
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        self.input.write_all(message.to_string().as_bytes()).unwrap();
        self.input.write_all(b"\0").unwrap();
        loop {
            let mut bytes = Vec::new();
            self.output.read_until(0, &mut bytes).unwrap();
            assert_eq!(bytes.pop(), Some(0), "Chromium has ended");
            let said: Value = serde_json::from_slice(&bytes).unwrap();
            if said["method"] == "Log.entryAdded" && said["params"]["entry"]["level"] == "error" {
                self.complaints.push(said["params"]["entry"]["text"].as_str().unwrap_or_default().to_owned());
            }
            if said["id"] == self.calls {
                // What is asked of a page that is just being left has no answer.
                let left = said["error"]["message"] == "Inspected target navigated or closed";
                assert!(left || said.get("error").is_none(), "{method}: {said}");
                return said["result"].clone();
            }
        }
    }

    /// The value of an expression on the page; null while the page is on its way.
    fn value(&mut self, expression: &str) -> Value {
        let answer = self.call("Runtime.evaluate", json!({"expression": expression, "returnByValue": true}));
        answer["result"]["value"].clone()
    }

    /// Waits until the page is so.
    fn until(&mut self, expression: &str) {
        for _ in 0..600 {
            if self.value(expression) == true {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let seen = self.value("location.href + '\\n' + document.documentElement.outerHTML");
        panic!("{expression} does not come true; complaints: {:?}; on {seen}", self.complaints);
    }

    fn open(&mut self, path: &str, shows: &str) {
        self.call("Page.navigate", json!({"url": format!("https://{FRONT}{path}")}));
        self.until(&format!("document.readyState == 'complete' && !!document.getElementById('{shows}')"));
    }

    fn click(&mut self, id: &str) {
        self.value(&format!("document.getElementById('{id}').click()"));
    }

    fn sign_in(&mut self, password: &str) {
        self.value(&format!("document.getElementById('username').value = 'alice'; document.getElementById('password').value = '{password}'"));
        self.click("login");
    }

    fn look(&mut self, size: &Size, name: &str) {
        self.call(
            "Emulation.setDeviceMetricsOverride",
            json!({"width": size.width, "height": size.height, "deviceScaleFactor": 1, "mobile": size.width < 600}),
        );
        for scheme in ["light", "dark"] {
            self.call(
                "Emulation.setEmulatedMedia",
                json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]}),
            );
            let wide = self.value("document.documentElement.scrollWidth - window.innerWidth");
            assert!(wide.as_i64().unwrap() <= 0, "{name} at {} px is {wide} px too wide", size.width);
            let small = "[...document.querySelectorAll('button, .button, input:not([type=hidden])')].filter(e => e.getBoundingClientRect().height < 44).length";
            assert_eq!(self.value(small), 0, "{name}: everything that is tapped has 44 px");
            if let Some(folder) = screenshots() {
                let shot = self.call("Page.captureScreenshot", json!({"format": "png"}));
                let png =
                    base64::engine::general_purpose::STANDARD.decode(shot["data"].as_str().unwrap()).unwrap();
                fs::write(folder.join(format!("{name}-{}-{scheme}.png", size.width)), png).unwrap();
            }
        }
    }
}

struct Size {
    width: u32,
    height: u32,
}

const SIZES: [Size; 2] = [Size { width: 320, height: 640 }, Size { width: 1280, height: 800 }];

fn screenshots() -> Option<PathBuf> {
    let folder = std::env::var_os("FAPI_TEST_SCREENSHOTS").map(PathBuf::from)?;
    fs::create_dir_all::<&Path>(&folder).unwrap();
    Some(folder)
}

/// The application's own server: redirects once more, as those do that hand over to an app.
async fn application(served: &Served) -> SocketAddr {
    let identity = served.authority.server(&["app.example"]);
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(identity.certificates(), identity.private_key())
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let mut head = vec![0; 16 * 1024];
                let length = stream.read(&mut head).await.unwrap_or(0);
                let answer = if head[..length].starts_with(b"GET /cb?") {
                    "HTTP/1.1 307 Temporary Redirect\r\nlocation: /done\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
                } else {
                    "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 19\r\nconnection: close\r\n\r\n<p id=done>Welcome!"
                };
                let _ = stream.write_all(answer.as_bytes()).await;
                let _ = stream.shutdown().await;
            });
        }
    });
    address
}

/// Whether the one picture of the page has been loaded, in its box.
const LOGO_IS_SEEN: &str =
    "[...document.images].filter(i => i.complete && i.naturalWidth == 96 && i.offsetWidth == 48).length == 1";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs chromium"]
async fn a_person_gets_through_and_back_in_chromium() {
    let (logos, show) = showing(&PICTURE);
    let served = TestServer::fintech()
        .client(show)
        .with(|bundle| {
            bundle.logos = logos;
            bundle.document.ui.brand = Some("Bank of Examples".into());
            let words =
                ["See the names, types and balances of your accounts", "Make payments from your accounts"];
            for (scope, words) in bundle.document.scopes.iter_mut().zip(words) {
                scope.description.insert(String::new(), words.into());
            }
        })
        .client(|client| {
            client.client_uri = Some("https://app.example".into());
            client.policy_uri = Some("https://app.example/policy".into());
            client.tos_uri = Some("https://app.example/terms".into());
        })
        .start()
        .await;
    let app = served.app();
    let mut chromium = Chromium::start(served.address, application(&served).await);
    for size in &SIZES {
        let mut request = app.request();
        request["scope"] = json!("openid accounts payments");
        request["prompt"] = json!("login consent");
        // A sign-in from before a request does not count for it.
        served.later(1);
        chromium.open(&app.pushed(&request).await, "login");
        // B-06: the policy of the page lets its own pictures in, and the server's headers leave them pictures.
        chromium.until(LOGO_IS_SEEN);
        chromium.look(size, "login");
        chromium.sign_in("not the password");
        chromium.until("document.readyState == 'complete' && !!document.getElementById('problem')");
        chromium.look(size, "login-problem");
        chromium.sign_in(PASSWORD);
        chromium.until("document.readyState == 'complete' && !!document.getElementById('approve')");
        chromium.until(LOGO_IS_SEEN);
        chromium.look(size, "consent");
        chromium.click("approve");
        // B-04, AUT-16 and the way back: the continue page left by itself, and the application's own redirect was followed.
        chromium.until("location.href == 'https://app.example/done' && !!document.getElementById('done')");

        served.later(1);
        chromium.open(&app.pushed(&request).await, "login");
        chromium.click("cancel");
        chromium.until("location.href == 'https://app.example/done' && !!document.getElementById('done')");
        chromium.open("/authorize?client_id=nobody", "error-code");
        chromium.look(size, "error");
    }
    let refused: Vec<&String> =
        chromium.complaints.iter().filter(|text| text.contains("Content Security Policy")).collect();
    assert!(refused.is_empty(), "B-05, AUT-16: {refused:?}");
    let remembered = chromium.value("document.cookie");
    assert_eq!(remembered, "", "B-12: no script reads a cookie");
}

/// `REV-05`, without a script: seen, withdrawn, and seen to be withdrawn.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs chromium"]
async fn a_person_takes_back_what_they_allowed_in_chromium() {
    let (logos, show) = showing(&PICTURE);
    let served = TestServer::fintech()
        .client(show)
        .with(|bundle| {
            bundle.logos = logos;
            bundle.document.ui.brand = Some("Bank of Examples".into());
            let words =
                ["See the names, types and balances of your accounts", "Make payments from your accounts"];
            for (scope, words) in bundle.document.scopes.iter_mut().zip(words) {
                scope.description.insert(String::new(), words.into());
            }
        })
        .start()
        .await;
    for app in [served.app(), served.other()] {
        let mut request = app.request();
        request["scope"] = json!("openid accounts payments");
        served.browser().approve(&app.pushed(&request).await).await;
        served.later(1);
    }
    let mut chromium = Chromium::start(served.address, application(&served).await);
    chromium.open("/consents", "login");
    let phone = Size { width: 360, height: 740 };
    chromium.look(&phone, "consents-sign-in");
    chromium.sign_in(PASSWORD);
    chromium.until("document.readyState == 'complete' && !!document.getElementById('withdraw-2')");
    chromium.until(LOGO_IS_SEEN);
    for size in SIZES.iter().chain([&phone]) {
        chromium.look(size, "consents");
    }
    chromium.click("withdraw-1");
    chromium.until("document.readyState == 'complete' && !!document.getElementById('withdrawn')");
    chromium.look(&phone, "consents-withdrawn");
    chromium.click("withdraw-1");
    chromium.until("document.readyState == 'complete' && !!document.getElementById('no-consents')");
    chromium.look(&phone, "consents-none");
    let refused: Vec<&String> =
        chromium.complaints.iter().filter(|text| text.contains("Content Security Policy")).collect();
    assert!(refused.is_empty(), "B-05, AUT-16: {refused:?}");
}
