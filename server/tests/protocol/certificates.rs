//! Clients that authenticate by certificate: one of a CA with one name, or one that was registered itself (section 6).

use fapi_core::certificate::SubjectName;
use fapi_core::client::Registration;
use fapi_core::profile::ClientAuth;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, SanType, date_time_ymd,
};

use crate::actors::{Answer, App, VERIFIER, form};
use crate::client::Client;
use crate::pki::Identity;
use crate::server::{CALLBACK, Served, TestServer, code};

pub(crate) struct Ca {
    pub(crate) issuer: Issuer<'static, KeyPair>,
    pub(crate) pem: String,
}

fn key() -> KeyPair {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap()
}

/// What a certificate says: its common name, its alternative names, and whether it has ended.
pub(crate) struct Says<'a> {
    name: &'a str,
    others: Vec<SanType>,
    ended: bool,
}

pub(crate) fn named(name: &str) -> Says<'_> {
    Says { name, others: Vec::new(), ended: false }
}

impl Says<'_> {
    pub(crate) fn params(&self) -> CertificateParams {
        let mut params = CertificateParams::default();
        // Not the name that the library puts there.
        params.distinguished_name = DistinguishedName::new();
        for (kind, value) in [
            (DnType::CountryName, "GB"),
            (DnType::OrganizationName, "Example, Ltd"),
            (DnType::CommonName, self.name),
        ] {
            params.distinguished_name.push(kind, value);
        }
        params.subject_alt_names.clone_from(&self.others);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        if self.ended {
            params.not_after = date_time_ymd(2026, 12, 31);
        }
        params
    }
}

impl Ca {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = key();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    pub(crate) fn issue(&self, says: &Says<'_>) -> Identity {
        self.sign(&says.params())
    }

    pub(crate) fn sign(&self, params: &CertificateParams) -> Identity {
        let key = key();
        let chain = params.signed_by(&key, &self.issuer).unwrap().pem();
        Identity { chain, key: key.serialize_pem() }
    }
}

fn self_signed(name: &str) -> Identity {
    let key = key();
    Identity { chain: named(name).params().self_signed(&key).unwrap().pem(), key: key.serialize_pem() }
}

pub(crate) fn by_name(name: SubjectName) -> impl FnOnce(&mut Registration) {
    move |client| {
        client.auth.method = ClientAuth::Tls;
        client.auth.tls = Some(name);
    }
}

pub(crate) fn showing(served: &Served, identity: &Identity) -> Client {
    served.anyone().showing(identity)
}

pub(crate) async fn credentials_grant(app: &App<'_>, client: &Client) -> Answer {
    app.raw(client, "/token", form(&[("grant_type", "client_credentials"), ("client_id", "app")])).await
}

pub(crate) const DN: &str = "CN=app,O=Example\\, Ltd,C=GB";

#[tokio::test]
async fn a_certificate_with_the_registered_name_is_the_client() {
    let (ca, other_ca) = (Ca::new("Ecosystem"), Ca::new("Ecosystem"));
    let served = TestServer::fintech()
        .trusting(&ca.pem)
        .client(by_name(SubjectName::SubjectDn(DN.into())))
        .start()
        .await;
    let app = served.app();
    let right = showing(&served, &ca.issue(&named("app")));
    assert_eq!(credentials_grant(&app, &right).await.status, 200, "MTL-01");

    let ended = Says { ended: true, ..named("app") };
    for (id, identity) in [
        ("MTL-01: another name", ca.issue(&named("app2"))),
        ("MTL-01, TL-05: the same name of another CA", other_ca.issue(&named("app"))),
        ("MTL-01: self-signed", self_signed("app")),
        ("MTL-01, TL-04: ended", ca.issue(&ended)),
    ] {
        let answer = credentials_grant(&app, &showing(&served, &identity)).await;
        assert_eq!(answer.refusal(id), "401 invalid_client", "{id}");
    }
    let object = app.sign(None, &app.request());
    for (path, body, success) in [
        ("/token", vec![("grant_type", "client_credentials")], 200),
        ("/par", vec![("request", object.as_str())], 201),
        ("/introspect", vec![("token", "x")], 200),
        ("/revoke", vec![("token", "x")], 200),
    ] {
        let with = |more: &[(&str, &str)]| form(&[body.as_slice(), more].concat());
        let id = [("client_id", "app")];
        assert_eq!(
            app.raw(&served.anyone(), path, with(&id)).await.refusal("T-04"),
            "401 invalid_client",
            "T-04, MTL-04 {path}"
        );
        assert_eq!(
            app.raw(&right, path, with(&[])).await.refusal("MTL-03"),
            "401 invalid_client",
            "MTL-03 {path}"
        );
        assert_eq!(
            app.raw(&right, path, with(&[("client_id", "other")])).await.refusal("CA-10"),
            "401 invalid_client",
            "CA-10 {path}"
        );
        let assertion = app.credentials(&body);
        assert_eq!(
            app.raw(&right, path, assertion.clone()).await.refusal("CA-01"),
            "401 invalid_client",
            "CA-01 {path}"
        );
        assert_eq!(
            app.raw(&served.anyone(), path, assertion).await.refusal("CA-01"),
            "401 invalid_client",
            "CA-01 {path}"
        );
        assert_eq!(app.raw(&right, path, with(&id)).await.status, success, "MTL-01, CA-14 {path}");
    }
    let mut forged = crate::client::post(
        crate::server::BACK,
        "/token",
        form(&[("grant_type", "client_credentials"), ("client_id", "app")]),
    );
    forged.headers_mut().insert("client-cert", ":AAAA:".parse().unwrap());
    assert_eq!(
        Answer::of(served.ask(&served.anyone(), forged).await).error(),
        "400 invalid_request",
        "MTL-10, TL-01"
    );
}

#[tokio::test]
async fn each_kind_of_name_identifies_and_no_other() {
    let ca = Ca::new("Ecosystem");
    let others = || {
        vec![
            SanType::DnsName("client.example".try_into().unwrap()),
            SanType::URI("spiffe://client.example/app".try_into().unwrap()),
            SanType::IpAddress("192.0.2.7".parse().unwrap()),
            SanType::Rfc822Name("ops@client.example".try_into().unwrap()),
        ]
    };
    let full = ca.issue(&Says { others: others(), ..named("app") });
    let bare = ca.issue(&named("client.example"));
    for (name, other) in [
        (SubjectName::SanDns("client.example".into()), SubjectName::SanDns("other.example".into())),
        (
            SubjectName::SanUri("spiffe://client.example/app".into()),
            SubjectName::SanUri("spiffe://client.example/ap".into()),
        ),
        (SubjectName::SanIp("192.0.2.7".into()), SubjectName::SanIp("192.0.2.8".into())),
        (
            SubjectName::SanEmail("ops@client.example".into()),
            SubjectName::SanEmail("op@client.example".into()),
        ),
    ] {
        let mut served = TestServer::fintech().trusting(&ca.pem).client(by_name(name.clone())).start().await;
        let answer = credentials_grant(&served.app(), &showing(&served, &full)).await;
        assert_eq!(answer.status, 200, "MTL-01 {name:?} {}", answer.json);
        let answer = credentials_grant(&served.app(), &showing(&served, &bare)).await;
        assert_eq!(
            answer.refusal("MTL-01"),
            "401 invalid_client",
            "MTL-01, TL-07 {name:?}: a common name is no {name:?}"
        );
        served.publish(|bundle| bundle.clients[0].auth.tls = Some(other)).await;
        let answer = credentials_grant(&served.app(), &showing(&served, &full)).await;
        assert_eq!(answer.refusal("MTL-01"), "401 invalid_client", "MTL-01 {name:?}");
    }
}

fn thumbprint(identity: &Identity) -> String {
    fapi_jose::b64::encode(fapi_jose::sha256(&identity.certificates()[0]))
}

#[tokio::test]
async fn a_registered_certificate_is_the_client_whoever_signed_it() {
    let (first, second, stranger) = (self_signed("app"), self_signed("app"), self_signed("app"));
    let ca = Ca::new("Ecosystem");
    let certificates = vec![thumbprint(&first), thumbprint(&second)];
    let served = TestServer::fintech()
        .trusting(&ca.pem)
        .with(|bundle| {
            bundle.document.protocol.client_authentication =
                Some(vec![ClientAuth::SelfSignedTls, ClientAuth::PrivateKeyJwt]);
        })
        .client(|client| {
            client.auth.method = ClientAuth::SelfSignedTls;
            client.auth.certificates = certificates;
        })
        .start()
        .await;
    let app = served.app();
    for identity in [&first, &second] {
        assert_eq!(credentials_grant(&app, &showing(&served, identity)).await.status, 200, "MTL-02");
    }
    for (id, identity) in [("MTL-02, TL-06", stranger), ("MTL-02", ca.issue(&named("app")))] {
        let answer = credentials_grant(&app, &showing(&served, &identity)).await;
        assert_eq!(answer.refusal(id), "401 invalid_client", "{id}");
    }
    // TL-06: the certificate is public; its key is not.
    let thief = served.anyone().showing_with_key_of(&first, &second);
    let stolen = thief.connect(served.address, crate::server::BACK).await;
    let refused = match stolen {
        Err(_) => true,
        Ok(mut connection) => {
            let body = form(&[("grant_type", "client_credentials"), ("client_id", "app")]);
            connection.send(crate::client::post(crate::server::BACK, "/token", body)).await.is_err()
        }
    };
    assert!(refused, "TL-02, TL-06");
}

#[tokio::test]
async fn a_whole_journey_without_any_assertion() {
    let ca = Ca::new("Ecosystem");
    let served = TestServer::fintech()
        .trusting(&ca.pem)
        .client(by_name(SubjectName::SubjectDn(DN.into())))
        .start()
        .await;
    let app = served.app();
    let old = showing(&served, &ca.issue(&named("app")));
    let object = app.sign(None, &app.request());
    let pushed = app.raw(&old, "/par", form(&[("client_id", "app"), ("request", &object)])).await;
    assert_eq!(pushed.status, 201, "PAR-01, MTL-01 {}", pushed.json);
    let url = served.browser().approve(&app.authorize(pushed.text("request_uri"))).await;
    let code = app.jarm(&url)["code"].as_str().unwrap().to_owned();
    let redeem = form(&[
        ("client_id", "app"),
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ]);
    assert_eq!(
        app.raw(&served.anyone(), "/token", redeem.clone()).await.refusal("T-04"),
        "401 invalid_client",
        "T-04, MTL-04"
    );
    let tokens = app.raw(&old, "/token", redeem).await;
    assert_eq!(tokens.status, 200, "{}", tokens.json);

    let refresh = form(&[
        ("client_id", "app"),
        ("grant_type", "refresh_token"),
        ("refresh_token", tokens.text("refresh_token")),
    ]);
    assert_eq!(
        app.raw(&served.anyone(), "/token", refresh.clone()).await.refusal("REF-05"),
        "401 invalid_client",
        "REF-05, MTL-04"
    );
    let renewed = showing(&served, &ca.issue(&named("app")));
    let again = app.raw(&renewed, "/token", refresh).await;
    assert_eq!(again.status, 200, "MTL-12: a renewed certificate of the same client");
    assert_eq!(app.userinfo_with(&renewed, again.text("access_token")).await.status, 200, "MTL-12");
    assert_eq!(app.userinfo_with(&old, again.text("access_token")).await.status, 401, "MTL-06, MTL-12");
}

/// `MTL-09`.
#[tokio::test]
async fn both_kinds_of_client_share_a_server() {
    let ca = Ca::new("Ecosystem");
    let served = TestServer::fintech()
        .trusting(&ca.pem)
        .with(|bundle| {
            bundle.clients[1].auth.method = ClientAuth::Tls;
            bundle.clients[1].auth.tls = Some(SubjectName::SubjectDn(DN.into()));
        })
        .start()
        .await;
    assert_eq!(served.app().redeem(&code(&served).await).await.status, 200, "MTL-09");
    let body = form(&[("grant_type", "client_credentials"), ("client_id", "other")]);
    let certificate = showing(&served, &ca.issue(&named("app")));
    assert_eq!(served.other().raw(&certificate, "/token", body).await.status, 200, "MTL-09");
    let front = served.anyone();
    served.ask(&front, crate::client::get(crate::server::FRONT, "/jwks")).await;
    assert!(!front.was_asked(), "MTL-09: browsers are never asked for a certificate");
}
