//! A proxy that ends TLS: one, named by its network and its own certificate, in one dialect (`TL-01` to `TL-03`, `MTL-10`).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fapi_core::certificate::{Dialect, Forwarded, SubjectName};
use http::{HeaderName, Request};
use rcgen::{SanType, SerialNumber};

use crate::actors::{Answer, form};
use crate::certificates::{Ca, DN, by_name, named, showing};
use crate::client::Client;
use crate::pki::Identity;
use crate::server::{BACK, Served, TestServer};

const PROXY: &str = "proxy.bank.example";

fn believed(dialect: Dialect, network: &str) -> Forwarded {
    let name = SubjectName::SanDns(PROXY.into());
    Forwarded { dialect, networks: vec![network.parse().unwrap()], name }
}

async fn behind(dialect: Dialect, ca: &Ca) -> Served {
    TestServer::fintech()
        .trusting(&ca.pem)
        .client(by_name(SubjectName::SubjectDn(DN.into())))
        .with(|bundle| bundle.document.forwarded = Some(believed(dialect, "127.0.0.0/8")))
        .start()
        .await
}

fn proxy_of(ca: &Ca) -> Identity {
    let mut params = named("proxy").params();
    params.subject_alt_names = vec![SanType::DnsName(PROXY.try_into().unwrap())];
    ca.sign(&params)
}

fn percent_encoded(pem: &str) -> String {
    let replacements =
        [("\r\n", "%0A"), ("\n", "%0A"), (" ", "%20"), ("+", "%2B"), ("/", "%2F"), ("=", "%3D")];
    replacements.iter().fold(pem.to_owned(), |text, (from, to)| text.replace(from, to))
}

/// What a proxy of this dialect writes for the client's certificate.
fn written(dialect: Dialect, client: &Identity) -> String {
    let base64 = STANDARD.encode(&client.certificates()[0]);
    match dialect {
        Dialect::Envoy => format!("Cert=\"{}\"", percent_encoded(&client.chain)),
        Dialect::HAProxy | Dialect::Traefik => base64,
        Dialect::Nginx => percent_encoded(&client.chain),
        Dialect::Rfc9440 => format!(":{base64}:"),
    }
}

const BODY: [(&str, &str); 2] = [("grant_type", "client_credentials"), ("client_id", "app")];

/// A token request with these headers.
async fn ask(served: &Served, client: &Client, headers: &[(&str, &str)]) -> Answer {
    let mut request: Request<_> = crate::client::post(BACK, "/token", form(&BODY));
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        request.headers_mut().append(name, value.parse().unwrap());
    }
    Answer::of(served.ask(client, request).await)
}

#[tokio::test]
async fn the_named_proxy_passes_on_the_certificate_of_a_client_in_its_dialect() {
    let ca = Ca::new("Ecosystem");
    let (proxy, app, other) = (proxy_of(&ca), ca.issue(&named("app")), ca.issue(&named("other")));
    for dialect in [Dialect::Envoy, Dialect::HAProxy, Dialect::Nginx, Dialect::Rfc9440, Dialect::Traefik] {
        let served = behind(dialect, &ca).await;
        let through = showing(&served, &proxy);
        let header = dialect.header();
        let token = ask(&served, &through, &[(header, &written(dialect, &app))]).await;
        assert_eq!(token.status, 200, "MTL-10, TL-03 {dialect:?} {}", token.json);
        let claims = served.app().verified(token.text("access_token"));
        let thumbprint = fapi_jose::b64::encode(fapi_jose::sha256(&app.certificates()[0]));
        assert_eq!(claims["cnf"]["x5t#S256"], thumbprint.as_str(), "MTL-05: the client's, not the proxy's");

        let wrong = ask(&served, &through, &[(header, &written(dialect, &other))]).await;
        assert_eq!(wrong.refusal("MTL-01"), "401 invalid_client", "MTL-01 {dialect:?}");
        let none = ask(&served, &through, &[]).await;
        assert_eq!(none.refusal("MTL-04"), "401 invalid_client", "MTL-04: the proxy is no client");

        // TL-03: in its dialect, once, under its name.
        for foreign in [Dialect::Nginx, Dialect::Rfc9440] {
            if foreign != dialect {
                let answer = ask(&served, &through, &[(header, &written(foreign, &app))]).await;
                assert_eq!(answer.error(), "400 invalid_request", "TL-03 {foreign:?} to {dialect:?}");
            }
        }
        let value = written(dialect, &app);
        for (id, headers) in [
            ("twice", vec![(header, value.as_str()), (header, value.as_str())]),
            ("another spelling beside it", vec![(header, &value), (&header.replace('-', "_"), &value)]),
            ("another dialect beside it", vec![(header, &value), ("x-client-cert", &value)]),
            ("hop by hop", vec![(header, &value), ("connection", header)]),
            ("empty", vec![(header, "")]),
        ] {
            let answer = ask(&served, &through, &headers).await;
            assert_eq!(answer.error(), "400 invalid_request", "TL-01, TL-03 {dialect:?}: {id}");
        }
    }
}

/// `TL-01`, `TL-02`: the address and the certificate, both; else such a header is refused as if there were no proxy.
#[tokio::test]
async fn a_certificate_in_a_header_of_anybody_else_is_refused() {
    let (ca, stranger) = (Ca::new("Ecosystem"), Ca::new("Ecosystem"));
    let dialect = Dialect::Rfc9440;
    let mut served = behind(dialect, &ca).await;
    let app = ca.issue(&named("app"));
    let header = (dialect.header(), &*written(dialect, &app));
    let mut expired = named("proxy").params();
    expired.subject_alt_names = vec![SanType::DnsName(PROXY.try_into().unwrap())];
    expired.not_after = rcgen::date_time_ymd(2026, 12, 31);
    for (id, who) in [
        ("nobody in particular", served.anyone()),
        ("the client itself", showing(&served, &app)),
        ("another client of the CA", showing(&served, &ca.issue(&named("other")))),
        ("the name, of another CA", showing(&served, &proxy_of(&stranger))),
        ("the name as common name", showing(&served, &ca.issue(&named(PROXY)))),
        ("the proxy, whose certificate has ended", showing(&served, &ca.sign(&expired))),
    ] {
        let answer = ask(&served, &who, &[header]).await;
        assert_eq!(answer.error(), "400 invalid_request", "TL-01, TL-02, MTL-10: {id}");
    }
    let direct = ask(&served, &showing(&served, &app), &[]).await;
    assert_eq!(direct.status, 200, "who comes without the proxy shows its own: {}", direct.json);

    let proxy = showing(&served, &proxy_of(&ca));
    assert_eq!(ask(&served, &proxy, &[header]).await.status, 200, "MTL-10");
    served.publish(|bundle| bundle.document.forwarded = Some(believed(dialect, "10.0.0.0/8"))).await;
    let answer = ask(&served, &proxy, &[header]).await;
    assert_eq!(answer.error(), "400 invalid_request", "TL-01: the name, from another address");
    served.publish(|bundle| bundle.document.forwarded = None).await;
    let answer = ask(&served, &proxy, &[header]).await;
    assert_eq!(answer.error(), "400 invalid_request", "TL-01: no proxy is configured");
    let page = served.running.app().metrics().encode();
    let counted = r#"fapi_http_refused_total{door="back",reason="forwarded_certificate"} 8"#;
    assert!(page.contains(counted), "TL-01: counted\n{page}");
}

/// What is passed on is judged as in a handshake, and so is the proxy (`TL-04`, `TL-10`).
#[tokio::test]
async fn what_a_proxy_passes_on_is_verified_like_any_certificate() {
    let (ca, stranger) = (Ca::new("Ecosystem"), Ca::new("Ecosystem"));
    let mut served = behind(Dialect::Rfc9440, &ca).await;
    let through = showing(&served, &proxy_of(&ca));
    let pass = async |served: &Served, client: &Identity| {
        let header = (Dialect::Rfc9440.header(), &*written(Dialect::Rfc9440, client));
        ask(served, &through, &[header]).await
    };
    let mut ended = named("app").params();
    ended.not_after = rcgen::date_time_ymd(2026, 12, 31);
    let mut of_a_server = named("app").params();
    of_a_server.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
    for (id, client) in [
        ("TL-04: another CA", stranger.issue(&named("app"))),
        ("TL-04: time", ca.sign(&ended)),
        ("TL-04: EKU", ca.sign(&of_a_server)),
    ] {
        assert_eq!(pass(&served, &client).await.refusal(id), "401 invalid_client", "{id}");
    }
    let mut numbered = named("app").params();
    numbered.serial_number = Some(SerialNumber::from(7));
    let client = ca.sign(&numbered);
    assert_eq!(pass(&served, &client).await.status, 200);
    served.publish(|bundle| bundle.crl = Some(crate::revocation::list(&ca, 1, &[7]))).await;
    assert_eq!(pass(&served, &client).await.refusal("TL-10"), "401 invalid_client", "TL-10");
    assert_eq!(pass(&served, &ca.issue(&named("app"))).await.status, 200, "TL-10: another of the client's");
    served.publish(|bundle| bundle.crl = Some(Vec::new())).await;
    let answer = pass(&served, &ca.issue(&named("app"))).await;
    assert_eq!(
        answer.error(),
        "400 invalid_request",
        "TL-10: nobody knows whether the proxy is still the proxy"
    );
}
