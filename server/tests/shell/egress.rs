//! What the server fetches from others, and what it never does.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fapi_core::client::{AuthRegistration, GrantType, Registration};
use fapi_core::ids::{ClientId, Incarnation};
use fapi_core::issuer::Mtls;
use fapi_core::network::Network;
use fapi_core::profile::ClientAuth;
use fapi_jose::{Alg, JwkSet, SigningKey};
use fapi_server::egress::{Egress, Freshness, NotFetched, Policy};
use fapi_server::listen::Limits;
use fapi_server::tls::provider;
use rustls::ServerConfig;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::house::{BACK, House, until};
use crate::pki::{Authority, Identity};

/// Somebody's web server. It answers every request with the same bytes.
struct Host {
    address: SocketAddr,
    answer: Arc<Mutex<Vec<u8>>>,
    visits: Arc<AtomicUsize>,
}

impl Host {
    async fn new(identity: &Identity, answer: impl Into<Vec<u8>>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(identity.certificates(), identity.private_key())
            .unwrap();
        let (acceptor, host) = (
            TlsAcceptor::from(Arc::new(config)),
            Self {
                address: listener.local_addr().unwrap(),
                answer: Arc::new(Mutex::new(answer.into())),
                visits: Arc::default(),
            },
        );
        let (answer, visits) = (Arc::clone(&host.answer), Arc::clone(&host.visits));
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                visits.fetch_add(1, Ordering::SeqCst);
                let (acceptor, answer) = (acceptor.clone(), answer.lock().unwrap().clone());
                tokio::spawn(async move {
                    let mut stream = acceptor.accept(stream).await?;
                    // The head of a request is all that there is.
                    let mut head = Vec::new();
                    while !head.ends_with(b"\r\n\r\n") {
                        head.push(stream.read_u8().await?);
                    }
                    stream.write_all(&answer).await?;
                    stream.shutdown().await
                });
            }
        });
        host
    }

    fn url(&self) -> String {
        format!("https://localhost:{}/jwks", self.address.port())
    }

    fn visits(&self) -> usize {
        self.visits.load(Ordering::SeqCst)
    }

    fn say(&self, answer: impl Into<Vec<u8>>) {
        *self.answer.lock().unwrap() = answer.into();
    }
}

fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

fn policy(authority: &Authority) -> Policy {
    Policy {
        networks: vec!["127.0.0.0/8".parse::<Network>().unwrap(), "::1".parse().unwrap()],
        authorities: Some(authority.pem.clone().into_bytes()),
        ..Policy::default()
    }
}

#[tokio::test]
async fn a_document_is_fetched_from_where_it_may_be() {
    let authority = Authority::new("Web CA");
    let host = Host::new(&authority.server(&["localhost"]), ok("{}")).await;
    let egress = Egress::new(policy(&authority));
    assert_eq!(egress.get(&host.url()).await.unwrap().bytes, "{}");
    host.say("HTTP/1.1 200 OK\r\nCache-Control: public, max-age=60\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(egress.get(&host.url()).await.unwrap().max_age, Some(Duration::from_mins(1)));
}

/// `H-13`: not by name, not by address, not by another spelling of it.
#[tokio::test]
async fn private_addresses_are_not_even_connected_to() {
    let authority = Authority::new("Web CA");
    let host = Host::new(&authority.server(&["localhost"]), ok("{}")).await;
    let egress = Egress::new(Policy { networks: Vec::new(), ..policy(&authority) });
    let port = host.address.port();
    for name in [
        "localhost",
        "app.localhost",
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "0",
    ] {
        let outcome = egress.get(&format!("https://{name}:{port}/jwks")).await;
        assert_eq!(outcome.unwrap_err(), NotFetched::Forbidden, "H-13 {name}");
    }
    assert_eq!(host.visits(), 0, "H-13");
}

/// `H-13`, `TLS-10`
#[tokio::test]
async fn only_https_with_a_certificate_for_the_name_is_spoken() {
    let (authority, other) = (Authority::new("Web CA"), Authority::new("Other CA"));
    let egress = Egress::new(policy(&authority));
    let trusted = Host::new(&authority.server(&["localhost"]), ok("{}")).await;
    let plain = trusted.url().replace("https", "http");
    let named = trusted.url().replace("localhost", "user:password@localhost");
    for url in [plain.as_str(), named.as_str(), "ftp://localhost/", "file:///etc/passwd", "jwks", ""] {
        assert_eq!(egress.get(url).await.unwrap_err(), NotFetched::BadUrl, "H-13 {url}");
    }
    assert_eq!(trusted.visits(), 0);

    for identity in [other.server(&["localhost"]), authority.server(&["elsewhere"])] {
        let host = Host::new(&identity, ok("{}")).await;
        let refused = egress.get(&host.url()).await.unwrap_err();
        assert!(matches!(refused, NotFetched::Failed(_)), "TLS-10 {refused}");
        assert_eq!(host.visits(), 1);
    }
}

/// `H-13`
#[tokio::test]
async fn redirects_are_not_followed_and_size_and_time_have_an_end() {
    let authority = Authority::new("Web CA");
    let identity = authority.server(&["localhost"]);
    let (target, host) = (Host::new(&identity, ok("{}")).await, Host::new(&identity, "").await);
    let egress = Egress::new(Policy { patience: Duration::from_secs(2), ..policy(&authority) });

    for status in ["301 Moved Permanently", "302 Found", "307 Temporary Redirect"] {
        host.say(format!("HTTP/1.1 {status}\r\nLocation: {}\r\nContent-Length: 0\r\n\r\n", target.url()));
        let refused = egress.get(&host.url()).await.unwrap_err();
        assert_eq!(refused, NotFetched::Status(status[..3].parse().unwrap()), "H-13");
    }
    assert_eq!(target.visits(), 0, "H-13");

    host.say(ok(&"x".repeat(65 * 1024)));
    assert_eq!(egress.get(&host.url()).await.unwrap_err(), NotFetched::TooLarge, "H-13");
    host.say(format!("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{}", "x".repeat(65 * 1024)));
    assert_eq!(
        egress.get(&host.url()).await.unwrap_err(),
        NotFetched::TooLarge,
        "H-13: a length need not be given"
    );

    let silent = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("https://localhost:{}/", silent.local_addr().unwrap().port());
    assert!(matches!(egress.get(&url).await.unwrap_err(), NotFetched::Failed(_)), "H-13");
}

fn client(url: &str) -> Registration {
    let auth = AuthRegistration {
        jwks_uri: Some(url.to_owned()),
        ..AuthRegistration::new(ClientAuth::PrivateKeyJwt)
    };
    Registration {
        grant_types: vec![GrantType::ClientCredentials],
        ..Registration::new(ClientId::parse("app").unwrap(), Incarnation::from_stored("i1"), auth)
    }
}

fn keys_of(house: &House) -> Option<JwkSet> {
    let current = house.running.app().current()?;
    current.registry.client(&ClientId::parse("app").unwrap())?.jwks().cloned()
}

fn jwks(key: &SigningKey) -> String {
    ok(&JwkSet::from_keys(vec![key.public().clone()]).to_json().to_string())
}

/// `KEY-08`
#[tokio::test]
async fn keys_of_a_client_are_fetched_kept_and_looked_for_again() {
    let authority = Authority::new("Web CA");
    let (first, second) =
        (SigningKey::generate(Alg::Es256, 0).unwrap(), SigningKey::generate(Alg::Es256, 0).unwrap());
    let host = Host::new(&authority.server(&["localhost"]), jwks(&first)).await;
    let freshness = Freshness { least: Duration::ZERO, ..Freshness::default() };
    let mut house =
        House::outgoing(Mtls::Host(BACK.into()), Limits::default(), policy(&authority), freshness).await;
    house.start().await;
    assert_eq!(host.visits(), 0, "H-13: nothing is fetched before a field names it");

    let revision = house.publish(|bundle| bundle.clients.push(client(&host.url())));
    until(|| keys_of(&house).is_some_and(|keys| keys.keys()[0].kid() == Some(first.kid()))).await;
    assert_eq!((house.running.state().revision, host.visits()), (Some(revision), 1), "KEY-08");

    // The client has changed its key, and signs with the new one.
    host.say(jwks(&second));
    let registered = house
        .running
        .app()
        .current()
        .unwrap()
        .registry
        .client(&ClientId::parse("app").unwrap())
        .unwrap()
        .clone();
    let current = house.running.app().with_newer_keys(&registered).await.expect("KEY-08");
    let renewed = current.registry.client(registered.id()).unwrap();
    assert_eq!(renewed.jwks().unwrap().keys()[0].kid(), Some(second.kid()), "KEY-08");
    assert_eq!(renewed.incarnation(), &Incarnation::from_stored("i1"));

    // What is not a JWKS, or holds a private key, changes nothing.
    for wrong in
        [ok("{"), ok(r#"{"keys":[{"kty":"oct","k":"AAAA"}]}"#), "HTTP/1.1 500 Oops\r\n\r\n".to_owned()]
    {
        let visits = host.visits();
        host.say(wrong);
        assert!(house.running.app().with_newer_keys(renewed).await.is_none());
        assert!(host.visits() > visits);
        assert_eq!(keys_of(&house).unwrap().keys()[0].kid(), Some(second.kid()), "KEY-08");
    }
    assert_eq!(house.running.state().pending, None, "one client's trouble is not the server's");
}

/// `KEY-08`: anybody can make up assertions.
#[tokio::test]
async fn made_up_assertions_do_not_make_us_fetch_all_the_time() {
    let authority = Authority::new("Web CA");
    let key = SigningKey::generate(Alg::Es256, 0).unwrap();
    let host = Host::new(&authority.server(&["localhost"]), jwks(&key)).await;
    let mut house =
        House::outgoing(Mtls::Host(BACK.into()), Limits::default(), policy(&authority), Freshness::default())
            .await;
    house.start().await;
    house.publish(|bundle| bundle.clients.push(client(&host.url())));
    until(|| keys_of(&house).is_some()).await;
    let registered = house
        .running
        .app()
        .current()
        .unwrap()
        .registry
        .client(&ClientId::parse("app").unwrap())
        .unwrap()
        .clone();
    for _ in 0..20 {
        assert!(house.running.app().with_newer_keys(&registered).await.is_none());
    }
    assert_eq!(host.visits(), 1, "KEY-08");
}
