//! A bank, its authorization server, and a client that calls it.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use fapi_bank::{Bank, Config, Credential, Routes, Running};
use fapi_config::Users;
use fapi_core::ids::ClientId;
use fapi_core::issuer::Issuer;
use fapi_core::{Lifetime, Timestamp};
use fapi_jose::{Alg, SigningKey};
use fapi_server::clock::TestClock;
use rustls_pki_types::ServerName;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::double::{BANK, Double, Registered};
use crate::pki::{Authority, Identity};

pub(crate) const NOON: Timestamp = Timestamp::from_unix(1_790_000_000);
pub(crate) const API: &str = "https://api.bank.example";
pub(crate) const INTERACTION: &str = "c770aef3-6784-41f7-8e0e-ff5f97bddb3a";

/// Nobody knows a password to it.
const HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21l$MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI";

/// Everybody, and how they can be reached.
pub(crate) struct House {
    pub(crate) bank: Running,
    pub(crate) issuer: Double,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) authority: Authority,
    /// The certificate that the client's tokens are bound to.
    pub(crate) app: Identity,
}

/// What makes a house different from the usual one.
pub(crate) struct Plan {
    pub(crate) by_certificate: bool,
    pub(crate) remember: Lifetime,
    /// The issuer's name, where connections to it must be sent elsewhere.
    pub(crate) issuer: Option<&'static str>,
    /// The issuer's certificate comes from a CA that the bank does not trust.
    pub(crate) stranger: bool,
}

impl Default for Plan {
    fn default() -> Self {
        Self { by_certificate: false, remember: Lifetime::seconds(0), issuer: None, stranger: false }
    }
}

pub(crate) fn users(text: &str) -> Users {
    Users::parse(people(text).as_bytes()).unwrap()
}

/// A users file; `HASH` in it stands for a password.
pub(crate) fn people(text: &str) -> String {
    text.replace("HASH", HASH)
}

pub(crate) const PEOPLE: &str = r#"{
    "alice": {"sub": "s-alice", "password": "HASH", "accounts": [{"id": "1001", "name": "Everyday"}, {"id": "1002"}]},
    "bob": {"sub": "s-bob", "password": "HASH", "accounts": [{"id": "2001", "name": "Savings"}]}
}"#;

impl House {
    pub(crate) async fn open() -> Self {
        Self::planned(Plan::default()).await
    }

    pub(crate) async fn planned(plan: Plan) -> Self {
        let (authority, other) = (Authority::new(), Authority::new());
        let clock = Arc::new(TestClock::at(NOON));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let name = plan.issuer.unwrap_or("demo.localhost");
        let (issuer, routes) = match plan.issuer {
            Some(name) => {
                let rule = format!("{name}:443:127.0.0.1:{port}").parse().unwrap();
                (format!("https://{name}"), Routes::new(vec![rule]))
            }
            None => (format!("https://{name}:{port}"), Routes::default()),
        };

        let key = SigningKey::generate(Alg::Es256, 2048).unwrap();
        let identity = authority.issue("bank.client.example");
        let (registered, credential) = if plan.by_certificate {
            let (chain, key) = (identity.chain.clone().into_bytes(), identity.key.clone().into_bytes());
            (Registered::Certificate(identity.thumbprint()), Credential::Certificate { chain, key })
        } else {
            (Registered::Key(key.public().clone()), Credential::Key(key))
        };
        let signed_by = if plan.stranger { &other } else { &authority };
        let double = Double::start(listener, issuer.clone(), &signed_by.issue(name), registered, NOON);

        let own = authority.issue("bank.localhost");
        let bank = Bank::new(Config {
            issuer: Issuer::parse(&issuer).unwrap(),
            issuer_ca: authority.pem.clone().into_bytes(),
            routes,
            audience: API.to_owned(),
            client_id: ClientId::parse(BANK).unwrap(),
            credential,
            remember: plan.remember,
            listener: TcpListener::bind("127.0.0.1:0").await.unwrap(),
            certificate: own.chain.into_bytes(),
            key: own.key.into_bytes(),
            users: users(PEOPLE),
            clock: clock.clone(),
        })
        .unwrap();
        let app = authority.issue("app.client.example");
        Self { bank: bank.serve(), issuer: double, clock, authority, app }
    }

    /// What the issuer says in a good token.
    pub(crate) fn claims(&self) -> Value {
        claims(&self.issuer, &self.app, NOON)
    }

    /// A good token with some claims changed; `null` takes one away.
    pub(crate) fn token(&self, changes: &Value) -> String {
        sign(&self.issuer.newest_key(), Some("at+jwt"), self.claims(), changes)
    }

    /// GET with a good token, the right certificate, and these headers beside.
    pub(crate) async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.get_with(&self.token(&json!({})), path, headers).await
    }

    /// GET with this token and the right certificate.
    pub(crate) async fn get_with(&self, token: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        let bearer = format!("Bearer {token}");
        let headers = [&[("Authorization", bearer.as_str())], headers].concat();
        self.send(Some(&self.app), &format!("GET {path}"), &headers).await
    }

    pub(crate) async fn send(
        &self,
        identity: Option<&Identity>,
        what: &str,
        headers: &[(&str, &str)],
    ) -> Answer {
        self.authority.ask(self.bank.addr(), identity, what, headers).await
    }

    pub(crate) async fn connect(&self, identity: Option<&Identity>, alpn: &[u8]) -> TlsStream<TcpStream> {
        self.authority.connect(self.bank.addr(), identity, alpn).await
    }
}

impl Authority {
    /// One request of somebody who trusts this authority, on a connection of its own.
    pub(crate) async fn ask(
        &self,
        addr: SocketAddr,
        identity: Option<&Identity>,
        what: &str,
        headers: &[(&str, &str)],
    ) -> Answer {
        let mut stream = self.connect(addr, identity, b"http/1.1").await;
        let headers: Vec<_> = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let headers = headers.concat();
        let text = format!("{what} HTTP/1.1\r\nHost: bank.localhost\r\nConnection: close\r\n{headers}\r\n");
        stream.write_all(text.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        Answer::read(&answer)
    }

    pub(crate) async fn connect(
        &self,
        addr: SocketAddr,
        identity: Option<&Identity>,
        alpn: &[u8],
    ) -> TlsStream<TcpStream> {
        let tls = TlsConnector::from(Arc::new(self.client(identity, alpn)));
        let stream = TcpStream::connect(addr).await.unwrap();
        tls.connect(ServerName::try_from("bank.localhost").unwrap(), stream).await.unwrap()
    }
}

/// What `issuer` says in a good token that it makes `now`, bound to `app`.
pub(crate) fn claims(issuer: &Double, app: &Identity, now: Timestamp) -> Value {
    json!({
        "iss": issuer.issuer, "aud": API, "sub": "pairwise-alice", "client_id": "app", "scope": "openid accounts",
        "iat": now.as_unix(), "exp": now.as_unix() + 300, "jti": "g1.r1", "cnf": { "x5t#S256": app.thumbprint() },
    })
}

pub(crate) fn sign(key: &SigningKey, typ: Option<&str>, mut claims: Value, changes: &Value) -> String {
    let members = claims.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => members.remove(name),
            value => members.insert(name.clone(), value.clone()),
        };
    }
    key.sign(typ, members).unwrap()
}

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
}

impl Answer {
    fn read(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("an answer with a head");
        let head = std::str::from_utf8(&bytes[..end]).unwrap();
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers = lines.map(|line| line.split_once(": ").unwrap());
        let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
        Self { status, headers, body: Bytes::copy_from_slice(&bytes[end + 4..]) }
    }

    /// The one header of this name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(own, _)| own == name).map(|(_, value)| value.as_str());
        let only = values.next();
        assert!(values.next().is_none(), "{name} stands twice");
        only
    }

    pub(crate) fn json(&self) -> Value {
        fapi_jose::json::parse(&self.body).unwrap()
    }

    /// `error` of the body.
    pub(crate) fn error(&self) -> String {
        self.json()["error"].as_str().unwrap().to_owned()
    }

    /// Head and body, without what differs from run to run.
    pub(crate) fn text(&self) -> String {
        let mut headers: Vec<_> = self.headers.iter().collect();
        headers.sort();
        let told = headers
            .iter()
            .filter(|(name, _)| !["date", "connection", "content-length"].contains(&name.as_str()));
        let head: Vec<_> = told.map(|(name, value)| format!("{name}: {value}\n")).collect();
        format!("{}\n{}\n{}", self.status, head.concat(), String::from_utf8_lossy(&self.body))
    }
}
