//! Who may come in, for how long, and what changes while the bank is open?

use std::time::Duration;

use bytes::Bytes;
use fapi_bank::{Bank, Config, Credential, Routes, Unfit};
use fapi_core::Lifetime;
use fapi_core::ids::ClientId;
use fapi_core::issuer::Issuer;
use fapi_jose::{Alg, SigningKey};
use fapi_server::tls::CertificateError;
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::house::{API, House, users};
use crate::pki::Authority;

#[tokio::test]
async fn http2_is_spoken_and_requests_share_their_connections_certificate() {
    let house = House::open().await;
    let stream = house.connect(Some(&house.app), b"h2").await;
    let (mut sender, connection) =
        http2::handshake::<_, _, Empty<Bytes>>(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    for jti in ["g1.r1", "g1.r2"] {
        let request = http::Request::builder()
            .uri("https://bank.localhost/accounts")
            .header("authorization", format!("Bearer {}", house.token(&json!({ "jti": jti }))))
            .body(Empty::new())
            .unwrap();
        let response = sender.send_request(request).await.unwrap();
        assert_eq!(response.status(), 200, "RS-09");
        assert!(response.headers().contains_key("date"), "RS-04");
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert!(body.starts_with(br#"{"accounts":[{"#));
    }
}

#[tokio::test]
async fn who_says_nothing_holds_up_nobody() {
    let house = House::open().await;
    let mut silent = Vec::new();
    for _ in 0..20 {
        silent.push(TcpStream::connect(house.bank.addr()).await.unwrap());
    }
    let _half = house.connect(None, b"h2").await;
    assert_eq!(house.get("/accounts", &[]).await.status, 200);
}

#[tokio::test]
async fn what_is_not_tls_is_not_answered() {
    let house = House::open().await;
    let mut stream = TcpStream::connect(house.bank.addr()).await.unwrap();
    stream.write_all(b"GET /accounts HTTP/1.1\r\nHost: bank.localhost\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP/"), "TLS-01");
}

#[tokio::test]
async fn certificates_and_people_come_and_go_while_the_bank_is_open() {
    let house = House::open().await;
    let renewed = house.authority.issue("bank.localhost");
    house.bank.show_certificate(renewed.chain.as_bytes(), renewed.key.as_bytes()).unwrap();
    let stream = house.connect(None, b"http/1.1").await;
    assert_eq!(stream.get_ref().1.peer_certificates().unwrap()[0], renewed.der());
    let refused = house.bank.show_certificate(house.app.chain.as_bytes(), renewed.key.as_bytes());
    assert_eq!(refused, Err(CertificateError::Mismatch));
    let stream = house.connect(None, b"http/1.1").await;
    assert_eq!(stream.get_ref().1.peer_certificates().unwrap()[0], renewed.der(), "the one before is kept");

    house.bank.replace_users(&users("alice: {sub: s-alice, password: 'HASH', accounts: [{id: '77'}]}"));
    assert_eq!(
        house.get("/accounts", &[]).await.json(),
        json!({ "accounts": [{ "id": "77", "currency": "EUR" }] })
    );
}

#[tokio::test]
async fn a_bank_that_closes_ends_its_connections_and_frees_its_port() {
    let house = House::open().await;
    let addr = house.bank.addr();
    let mut kept = house.connect(Some(&house.app), b"http/1.1").await;
    kept.write_all(b"GET /livez HTTP/1.1\r\nHost: bank.localhost\r\n\r\n").await.unwrap();
    let mut first = [0; 15];
    kept.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 200 OK");

    tokio::time::timeout(Duration::from_mins(1), house.bank.shutdown()).await.unwrap();
    let mut rest = Vec::new();
    let _ = kept.read_to_end(&mut rest).await;
    assert!(TcpListener::bind(addr).await.is_ok());
}

#[tokio::test]
async fn a_bank_that_could_not_work_is_not_opened() {
    let authority = Authority::new();
    let own = authority.issue("bank.localhost");
    let clock = || std::sync::Arc::new(fapi_server::clock::TestClock::at(crate::house::NOON));
    let listener = || async { TcpListener::bind("127.0.0.1:0").await.unwrap() };
    let config = async |ca: &str, key: &str, credential| Config {
        issuer: Issuer::parse("https://demo.localhost:8443").unwrap(),
        issuer_ca: ca.as_bytes().to_vec(),
        routes: Routes::default(),
        audience: API.to_owned(),
        client_id: ClientId::parse("bank").unwrap(),
        credential,
        remember: Lifetime::seconds(0),
        listener: listener().await,
        certificate: own.chain.clone().into_bytes(),
        key: key.as_bytes().to_vec(),
        users: users("{}"),
        clock: clock(),
    };
    let key = || Credential::Key(SigningKey::generate(Alg::Es256, 2048).unwrap());
    let other = authority.issue("other.example");
    let stolen = || Credential::Certificate {
        chain: own.chain.clone().into_bytes(),
        key: other.key.clone().into_bytes(),
    };
    assert!(Bank::new(config(&authority.pem, &own.key, key()).await).is_ok());
    for (ca, own_key, credential, expected) in [
        ("", own.key.as_str(), key(), "the issuer's CA must be PEM"),
        (own.key.as_str(), own.key.as_str(), key(), "the issuer's CA must be PEM"),
        (authority.pem.as_str(), other.key.as_str(), key(), "tls.key is not the key"),
        (authority.pem.as_str(), own.key.as_str(), stolen(), "the client certificate must be PEM"),
    ] {
        let refused: Result<_, Unfit> = Bank::new(config(ca, own_key, credential).await);
        let refused = refused.err().expect(expected).to_string();
        assert!(refused.starts_with(expected), "{refused}");
    }
}
