//! `TL-10`, `TL-11`, `TL-13`: certificates that their CA has taken back, from the next request on.

use std::io::ErrorKind;

use fapi_core::certificate::SubjectName;
use rcgen::{
    CertificateRevocationListParams, CrlDistributionPoint, CustomExtension, KeyIdMethod, RevokedCertParams,
    SerialNumber, date_time_ymd,
};

use crate::actors::{Answer, form};
use crate::certificates::{Ca, DN, by_name, credentials_grant, named, showing};
use crate::pki::Identity;
use crate::server::{BACK, Served, TestServer};

/// Noon is 2027-01-15; such a list speaks until the twentieth.
pub(crate) fn list(ca: &Ca, number: u64, serials: &[u64]) -> Vec<u8> {
    let revoked = |serial: &u64| RevokedCertParams {
        serial_number: SerialNumber::from(*serial),
        revocation_time: date_time_ymd(2027, 1, 14),
        reason_code: None,
        invalidity_date: None,
    };
    let list = CertificateRevocationListParams {
        this_update: date_time_ymd(2027, 1, 14),
        next_update: date_time_ymd(2027, 1, 20),
        crl_number: SerialNumber::from(number),
        issuing_distribution_point: None,
        revoked_certs: serials.iter().map(revoked).collect(),
        key_identifier_method: KeyIdMethod::Sha256,
    };
    list.signed_by(&ca.issuer).unwrap().pem().unwrap().into_bytes()
}

fn numbered(ca: &Ca, serial: u64) -> Identity {
    let mut params = named("app").params();
    params.serial_number = Some(SerialNumber::from(serial));
    ca.sign(&params)
}

async fn served_for(ca: &Ca) -> Served {
    let name = SubjectName::SubjectDn(DN.into());
    TestServer::fintech().trusting(&ca.pem).client(by_name(name)).start().await
}

const BODY: [(&str, &str); 2] = [("grant_type", "client_credentials"), ("client_id", "app")];

#[tokio::test]
async fn a_connection_that_stands_is_judged_anew_when_its_certificate_is_revoked() {
    let ca = Ca::new("Ecosystem");
    let mut served = served_for(&ca).await;
    let (lost, renewed) = (showing(&served, &numbered(&ca, 7)), showing(&served, &numbered(&ca, 8)));
    let mut standing = lost.connect(served.address, BACK).await.unwrap();
    let token = || crate::client::post(BACK, "/token", form(&BODY));
    assert_eq!(Answer::of(standing.send(token()).await.unwrap()).status, 200, "MTL-01");

    served.publish(|bundle| bundle.crl = Some(list(&ca, 1, &[]))).await;
    assert_eq!(Answer::of(standing.send(token()).await.unwrap()).status, 200, "TL-10: not on the list");
    let granted = Answer::of(standing.send(token()).await.unwrap());
    let token_of_the_lost = granted.text("access_token").to_owned();
    let used = served.app().userinfo_with(&lost, &token_of_the_lost).await;
    assert_eq!(used.status, 403, "a token without a person is known, and not enough");

    served.publish(|bundle| bundle.crl = Some(list(&ca, 2, &[7]))).await;
    let answer = Answer::of(standing.send(token()).await.unwrap());
    assert_eq!(answer.refusal("TL-10"), "401 invalid_client", "TL-10, TL-13: on the same connection");
    let app = served.app();
    assert_eq!(credentials_grant(&app, &renewed).await.status, 200, "TL-10, MTL-12: the other certificate");
    let used = app.userinfo_with(&lost, &token_of_the_lost).await;
    let challenge = used.headers["www-authenticate"].to_str().unwrap();
    assert_eq!(used.status, 401, "TL-10, TL-13: what was bound to it is of no use");
    assert!(challenge.contains("the client certificate is not acceptable"), "TL-10 {challenge}");
}

#[tokio::test]
async fn a_list_that_has_ended_refuses_until_the_next_one_comes() {
    let ca = Ca::new("Ecosystem");
    let mut served = served_for(&ca).await;
    served.publish(|bundle| bundle.crl = Some(list(&ca, 1, &[7]))).await;
    let good = showing(&served, &numbered(&ca, 8));
    assert_eq!(credentials_grant(&served.app(), &good).await.status, 200);
    let page = served.running.app().metrics().encode();
    assert!(page.contains("fapi_crl_next_update_timestamp_seconds 1800403200"), "TL-10: 2027-01-20");

    served.later(6 * 86_400);
    let answer = credentials_grant(&served.app(), &good).await;
    assert_eq!(answer.refusal("TL-10"), "401 invalid_client", "TL-10: expired list");

    let next = CertificateRevocationListParams {
        this_update: date_time_ymd(2027, 1, 20),
        next_update: date_time_ymd(2027, 1, 30),
        crl_number: SerialNumber::from(2),
        issuing_distribution_point: None,
        revoked_certs: Vec::new(),
        key_identifier_method: KeyIdMethod::Sha256,
    };
    let next = next.signed_by(&ca.issuer).unwrap().pem().unwrap();
    served.publish(|bundle| bundle.crl = Some(next.into_bytes())).await;
    assert_eq!(credentials_grant(&served.app(), &good).await.status, 200, "TL-10");
}

/// The operator publishes nothing but lists that can be read; if it did, the whole revision would be refused.
#[tokio::test]
async fn a_malformed_list_changes_nothing_and_an_empty_one_lets_nobody_in() {
    let ca = Ca::new("Ecosystem");
    let mut served = served_for(&ca).await;
    served.publish(|bundle| bundle.crl = Some(list(&ca, 1, &[7]))).await;
    let (revoked, good) = (showing(&served, &numbered(&ca, 7)), showing(&served, &numbered(&ca, 8)));

    served.bundle.crl = Some(b"-----BEGIN X509 CRL-----\nMAA=\n-----END X509 CRL-----\n".to_vec());
    served.try_publish().await;
    let pending = served.running.app().pending().unwrap();
    assert!(pending.error.starts_with("crl.pem: revocation list 1: "), "TL-10 {}", pending.error);
    assert_eq!(credentials_grant(&served.app(), &good).await.status, 200, "TL-10: the last good one");
    assert_eq!(credentials_grant(&served.app(), &revoked).await.refusal("TL-10"), "401 invalid_client");

    for (id, lists) in [
        ("TL-10: none is known", Vec::new()),
        ("TL-10: of another CA of that name", list(&Ca::new("Ecosystem"), 2, &[])),
        ("TL-10: of another CA", list(&Ca::new("Other"), 2, &[])),
    ] {
        served.publish(|bundle| bundle.crl = Some(lists)).await;
        assert_eq!(credentials_grant(&served.app(), &good).await.refusal(id), "401 invalid_client", "{id}");
    }
    served.publish(|bundle| bundle.crl = None).await;
    assert_eq!(credentials_grant(&served.app(), &good).await.status, 200, "nobody asks for lists any more");
}

/// `TL-11`: whatever address stands in a certificate, nobody goes there, whether it is accepted or refused.
#[tokio::test]
async fn nothing_is_fetched_because_a_certificate_says_where() {
    let canary = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    canary.set_nonblocking(true).unwrap();
    let at = |path: &str| format!("http://{}/{path}", canary.local_addr().unwrap());
    let (ca, stranger) = (Ca::new("Ecosystem"), Ca::new("Stranger"));
    let mut params = named("app").params();
    params.serial_number = Some(SerialNumber::from(8));
    params.crl_distribution_points = vec![CrlDistributionPoint { uris: vec![at("list.crl")] }];
    // Authority information access (RFC 5280 4.2.2.1): an OCSP responder and the issuer's certificate.
    let access = access_to(&[("1.3.6.1.5.5.7.48.1", at("ocsp")), ("1.3.6.1.5.5.7.48.2", at("ca.cer"))]);
    params.custom_extensions = vec![CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 1], access)];

    let mut served = served_for(&ca).await;
    let (known, unknown) = (showing(&served, &ca.sign(&params)), showing(&served, &stranger.sign(&params)));
    for crl in [None, Some(Vec::new()), Some(list(&ca, 1, &[7])), Some(list(&ca, 2, &[8]))] {
        served.publish(|bundle| bundle.crl = crl).await;
        let app = served.app();
        credentials_grant(&app, &known).await;
        assert_eq!(credentials_grant(&app, &unknown).await.status, 401, "TL-04");
    }
    served.publish(|bundle| bundle.crl = Some(list(&ca, 3, &[]))).await;
    assert_eq!(
        credentials_grant(&served.app(), &known).await.status,
        200,
        "TL-11: it is judged all the same"
    );
    assert_eq!(canary.accept().unwrap_err().kind(), ErrorKind::WouldBlock, "TL-11: nobody came");
}

/// `AuthorityInfoAccessSyntax` in DER: lengths here are below 128.
fn access_to(methods: &[(&str, String)]) -> Vec<u8> {
    let element = |tag: u8, content: &[u8]| {
        [&[tag, u8::try_from(content.len()).ok().filter(|length| *length < 128).unwrap()], content].concat()
    };
    let descriptions = methods.iter().map(|(method, location)| {
        let last: u8 = method[method.len() - 1..].parse().unwrap();
        // 1.3.6.1.5.5.7.48.N
        let method = element(0x06, &[0x2b, 6, 1, 5, 5, 7, 48, last]);
        element(0x30, &[method, element(0x86, location.as_bytes())].concat())
    });
    element(0x30, &descriptions.collect::<Vec<_>>().concat())
}
