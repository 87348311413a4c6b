//! `TL-19`: who the database is. A listener that begins as PostgreSQL does, with a certificate, stands for one.

use std::sync::Arc;

use fapi_core::secret::Secret;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::benches::issuer;
use crate::config::Database;
use crate::{Config, Store};

type Ca = CertifiedIssuer<'static, KeyPair>;

fn ca(name: &str) -> Ca {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    Ca::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn acceptor(ca: &Ca, host: &str) -> TlsAcceptor {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec![host.to_owned()]).unwrap().signed_by(&key, ca).unwrap();
    let chain = vec![CertificateDer::from(certificate.der().to_vec())];
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

/// What a caller says: whether it asked for TLS, and its first message to a database that it believes.
async fn first_words(mut stream: TcpStream, acceptor: Option<TlsAcceptor>) -> (bool, Option<Vec<u8>>) {
    let mut request = [0; 8];
    if stream.read_exact(&mut request).await.is_err() {
        return (false, None);
    }
    // SSLRequest: its length, and 80877103.
    let asked = request == [0, 0, 0, 8, 4, 210, 22, 47];
    let Some(acceptor) = acceptor else {
        stream.write_all(b"N").await.unwrap();
        let mut rest = Vec::new();
        let read = stream.read_to_end(&mut rest).await;
        return (asked, read.ok().filter(|length| *length > 0).map(|_| rest));
    };
    stream.write_all(b"S").await.unwrap();
    let Ok(mut stream) = acceptor.accept(stream).await else { return (asked, None) };
    let mut message = vec![0; 1024];
    let length = stream.read(&mut message).await.unwrap_or(0);
    message.truncate(length);
    (asked, (length > 0).then_some(message))
}

/// Opens a store whose database has this certificate; what the database heard.
async fn heard(trusted: &Ca, acceptor: Option<TlsAcceptor>) -> (bool, Option<Vec<u8>>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.crt");
    std::fs::write(&file, trusted.pem()).unwrap();
    let url = format!("postgresql://fapi:canary@localhost:{port}/fapi?sslmode=disable");
    let mut config = Config::postgres(Secret::presented(&url));
    if let Database::Postgres(postgres) = &mut config.database {
        postgres.ca = Some(file);
    }
    let answering = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        first_words(stream, acceptor).await
    });
    let refused = Store::open(&config, &issuer()).await.unwrap_err().to_string();
    assert!(!refused.contains("canary"), "{refused}");
    answering.await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_with_a_certificate_of_another_authority_hears_nothing() {
    let (ours, theirs) = (ca("Bank CA"), ca("Bank CA"));
    let (asked, startup) = heard(&ours, Some(acceptor(&ours, "localhost"))).await;
    let startup = startup.expect("TL-19: the right one is told who wants in");
    assert!(asked && startup.windows(4).any(|word| word == b"fapi"), "TL-19");

    for (id, acceptor) in [
        ("another CA of that name", Some(acceptor(&theirs, "localhost"))),
        ("another host", Some(acceptor(&ours, "db.other.example"))),
        ("no TLS at all", None),
    ] {
        let (asked, startup) = heard(&ours, acceptor).await;
        assert!(asked, "TL-19: whatever the address says, TLS is asked for: {id}");
        assert_eq!(startup, None, "TL-19: {id}");
    }
}
