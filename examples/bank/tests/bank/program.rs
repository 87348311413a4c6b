//! The binary, started as a pod would start it.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;

use fapi_jose::{Alg, SigningKey};
use fapi_server::clock::{Clock as _, SystemClock};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::net::TcpListener;
use tokio::process::{Child, ChildStdout, Command};

use crate::double::{BANK, Double, Registered};
use crate::house::{API, INTERACTION, PEOPLE, claims, people, sign};
use crate::pki::Authority;

/// The program and what it logs.
struct Program {
    child: Child,
    log: Lines<BufReader<ChildStdout>>,
    lines: Vec<String>,
}

impl Program {
    fn start(folder: &Path, issuer: &str) -> Self {
        let file = |name: &str| folder.join(name).into_os_string().into_string().unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_fapi-bank"))
            .args([
                "--issuer",
                issuer,
                "--issuer-ca",
                &file("ca.pem"),
                "--audience",
                API,
                "--client-id",
                BANK,
            ])
            .args([
                "--client-key",
                &file("key.json"),
                "--tls-dir",
                &file("tls"),
                "--users",
                &file("users.json"),
            ])
            .env("FAPI_BANK_LISTEN", "127.0.0.1:0")
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let log = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, log, lines: Vec::new() }
    }

    /// Waits for the line of the log with this text.
    async fn says(&mut self, text: &str) -> Value {
        while let Some(line) = self.log.next_line().await.unwrap() {
            self.lines.push(line);
            let line = self.lines.last().unwrap();
            if line.contains(text) {
                return serde_json::from_str(line).unwrap();
            }
        }
        panic!("{text:?} is not in the log: {:#?}", self.lines);
    }

    async fn terminate(mut self) -> Vec<String> {
        let id = self.child.id().unwrap().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().await.unwrap().success());
        self.says("Closing").await;
        assert!(self.child.wait().await.unwrap().success());
        self.lines
    }
}

/// `RS-05`, `INV-23`: the interaction id is logged; `TLS-15`: and nothing that whoever reads the log could use.
#[tokio::test]
async fn the_program_serves_follows_its_files_and_logs_no_token() {
    let (authority, now) = (Authority::new(), SystemClock.now());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let issuer = format!("https://demo.localhost:{}", listener.local_addr().unwrap().port());
    let key = SigningKey::generate(Alg::Es256, 2048).unwrap();
    let registered = Registered::Key(key.public().clone());
    let issuer = Double::start(listener, issuer, &authority.issue("demo.localhost"), registered, now);

    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    std::fs::create_dir(folder.path().join("tls")).unwrap();
    let own = authority.issue("bank.localhost");
    write("ca.pem", &authority.pem);
    write("key.json", &format!(r#"{{"keys":[{}]}}"#, *key.to_private_jwk()));
    write("tls/tls.crt", &own.chain);
    write("tls/tls.key", &own.key);
    write("users.json", &people(PEOPLE));

    let mut program = Program::start(folder.path(), &issuer.issuer);
    let said = program.says("Serving accounts at ").await;
    let addr: SocketAddr = said["message"].as_str().unwrap().rsplit(' ').next().unwrap().parse().unwrap();

    let app = authority.issue("app.client.example");
    let token = sign(&issuer.newest_key(), Some("at+jwt"), claims(&issuer, &app, now), &json!({}));
    let bearer = format!("Bearer {token}");
    let headers = [("Authorization", bearer.as_str()), ("x-fapi-interaction-id", INTERACTION)];
    let get = async |path: &str| authority.ask(addr, Some(&app), &format!("GET {path}"), &headers).await;

    assert_eq!(get("/accounts").await.status, 200);
    let line = program.says("GET /accounts 200").await;
    assert_eq!(
        (line["interaction_id"].as_str(), line["client"].as_str()),
        (Some(INTERACTION), Some("app")),
        "RS-05"
    );
    assert_eq!(get(&format!("/accounts/1001?access_token={token}")).await.status, 400, "RS-02");
    let line = program.says("GET /accounts/{id} 400").await;
    assert_eq!(line["interaction_id"], INTERACTION, "RS-05, INV-23");
    assert!(line["reason"].as_str().unwrap().contains("F1B 6.2.1-3"), "{line}");

    write("users.json", "alice: hunter2");
    program.says("Refused the users, those before are kept").await;
    assert_eq!(get("/accounts/1001").await.status, 200);
    write("users.json", &people("alice: {sub: s-alice, password: 'HASH', accounts: [{id: '77'}]}"));
    program.says("people in it: 1").await;
    assert_eq!(get("/accounts/77").await.status, 200);
    write("tls/tls.key", &app.key);
    program.says("Refused a certificate, the one before is kept").await;
    assert_eq!(get("/accounts/77").await.status, 200);

    let log = program.terminate().await.join("\n");
    let signature = token.rsplit('.').next().unwrap();
    for secret in [signature, "eyJ", "hunter2", "access_token="] {
        assert!(!log.contains(secret), "TLS-15 {secret}: {log}");
    }
}

#[tokio::test]
async fn a_program_that_cannot_start_says_which_flag_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let mut program = Program::start(folder.path(), "https://demo.localhost:8443");
    let line = program.says("cannot read").await;
    assert!(line["message"].as_str().unwrap().starts_with("--issuer-ca: cannot read "), "{line}");
    assert!(!program.child.wait().await.unwrap().success());
}
