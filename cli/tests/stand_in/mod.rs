//! A small authorization server and bank that can lie in one way at a time, to see whether a careful client notices.
//! It verifies nothing: what it would have to verify is the business of the real one.

mod protocol;
mod tls;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use fapi_jose::{Alg, DecryptionKey, KeyManagement, SigningKey};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use self::protocol::Protocol;

/// In what way it lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Lie {
    /// Not at all.
    None,
    /// Says that it is somebody else.
    Issuer,
    /// Shows pages that can be framed.
    Framed,
    /// Asks browsers for certificates.
    AsksBrowsers,
    /// Sends the browser, with the response, to another place.
    OtherPlace,
    /// Swaps the code in the response.
    SwappedCode,
    /// Gives a code although the person refused.
    DeafToNo,
    /// Binds the token to no certificate.
    Unbound,
    /// Names another person in the second ID Token.
    OtherPerson,
    /// Refreshes for whoever holds the token.
    RefreshForAll,
    /// Takes stolen tokens.
    TakesStolenTokens,
    /// Answers one request twice.
    AnswersTwice,
    /// Redeems a code twice.
    RedeemsTwice,
    /// Leaves tokens alive whose code was replayed.
    Forgiving,
}

/// The server, and files that say how to talk to it.
pub(crate) struct StandIn {
    folder: tempfile::TempDir,
    issuer: String,
    bank: String,
    /// What was opened at the client's redirect URI: it must stay untouched.
    pub(crate) touched: Arc<Mutex<Vec<String>>>,
}

impl StandIn {
    /// Listens on two free ports.
    pub(crate) async fn start(lie: Lie) -> StandIn {
        StandIn::start_with(lie, false).await
    }

    /// The client has registered for encrypted responses.
    pub(crate) async fn encrypting() -> StandIn {
        StandIn::start_with(Lie::None, true).await
    }

    async fn start_with(lie: Lie, encrypts: bool) -> StandIn {
        let folder = tempfile::tempdir().unwrap();
        let signing = SigningKey::generate(Alg::Es256, 0).unwrap();
        let decrypting = DecryptionKey::generate(KeyManagement::EcdhEs, 0).unwrap();
        let keys = format!("{{\"keys\":[{},{}]}}", *signing.to_private_jwk(), *decrypting.to_private_jwk());
        std::fs::write(folder.path().join("jwks.json"), keys).unwrap();
        std::fs::write(folder.path().join("password"), "correct horse\n").unwrap();
        let client = rcgen::generate_simple_self_signed(vec!["app.example".to_owned()]).unwrap();
        std::fs::write(folder.path().join("app.pem"), client.cert.pem()).unwrap();
        std::fs::write(folder.path().join("app-key.pem"), client.signing_key.serialize_pem()).unwrap();
        let doors = tls::Doors::new(&folder.path().join("ca.pem"), lie == Lie::AsksBrowsers);

        let browsers = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let programs = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let issuer = format!("https://op.localhost:{}", browsers.local_addr().unwrap().port());
        let host = format!("https://mtls.op.localhost:{}", programs.local_addr().unwrap().port());
        let touched = Arc::default();
        let protocol = Arc::new(Protocol::new(
            lie,
            &issuer,
            &host,
            encrypts.then(|| decrypting.public().clone()),
            Arc::clone(&touched),
        ));
        serve(browsers, doors.front, Arc::clone(&protocol));
        serve(programs, doors.back, protocol);
        StandIn { folder, issuer, bank: host, touched }
    }

    /// `fapictl flow` with everything said explicitly, and `more`.
    pub(crate) fn options(&self, more: &[&str]) -> Vec<String> {
        let accounts = format!("{}/accounts", self.bank);
        let file = |name: &str| self.file(name).to_str().unwrap().to_owned();
        let mut line: Vec<String> =
            ["flow", "--client-id", "app", "--user", "alice", "--scope", "openid accounts"]
                .iter()
                .chain(&["--redirect-uri", "https://op.localhost/cb?own=1", "--resource-introspects"])
                .map(ToString::to_string)
                .collect();
        for (option, value) in [
            ("--issuer", self.issuer.clone()),
            ("--resource", accounts),
            ("--ca", file("ca.pem")),
            ("--key", file("jwks.json")),
            ("--cert", file("app.pem")),
            ("--cert-key", file("app-key.pem")),
            ("--password-file", file("password")),
        ] {
            line.extend([option.to_owned(), value]);
        }
        line.extend(more.iter().map(ToString::to_string));
        line
    }

    /// A file of the client.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        Path::join(self.folder.path(), name)
    }
}

fn serve(listener: TcpListener, tls: Arc<rustls::ServerConfig>, protocol: Arc<Protocol>) {
    let acceptor = tokio_rustls::TlsAcceptor::from(tls);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, protocol) = (acceptor.clone(), Arc::clone(&protocol));
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else { return };
                let caller = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
                let caller = caller.map(|leaf| fapi_jose::b64::encode(fapi_jose::sha256(leaf)));
                let answer = service_fn(move |request| {
                    let (protocol, caller) = (Arc::clone(&protocol), caller.clone());
                    async move { protocol.answer(request, caller).await }
                });
                let io = TokioIo::new(stream);
                let _ = hyper::server::conn::http1::Builder::new().serve_connection(io, answer).await;
            });
        }
    });
}
