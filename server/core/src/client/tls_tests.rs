//! Clients that authenticate by a certificate of the Workspace's CA, and those who need one beside an assertion.

use serde_json::json;

use super::authenticate::ASSERTION_TYPE;
use super::*;
use crate::certificate::tests::{Ca, NOW, ca_params, issued, leaf_params, peer, root, self_signed};
use crate::certificate::{PeerCertificate, SubjectName};
use crate::fixture::{Workspace, app_key, assertion_claims, authenticated, params, registration, sign, with};
use crate::lifetime::{Lifetime, Timestamp};
use crate::profile::{BindingCertificate, ClientAuth, ProfileName};
use crate::registry::Registry;
use crate::rejection::{ErrorCode, Rejection};

fn server(profile: ProfileName, ca: &Ca, name: SubjectName) -> Registry {
    let mut tls = registration("tls", app_key());
    tls.auth.method = ClientAuth::Tls;
    tls.auth.tls = Some(name);
    Workspace::new(profile).only("app").add(tls).client_ca(&ca.pem()).build()
}

fn by_dn(ca: &Ca) -> Registry {
    server(ProfileName::Fintech, ca, SubjectName::SubjectDn("CN=tls,O=Example,C=GB".into()))
}

fn call(
    registry: &Registry,
    pairs: &[(&str, &str)],
    certificate: Option<PeerCertificate>,
    now: Timestamp,
) -> Result<Presented, Rejection> {
    authenticate(&Credentials::new(&params(pairs), false, certificate), registry, Endpoint::Token, now)
}

fn of(name: &str, ca: &Ca) -> PeerCertificate {
    peer([issued(&leaf_params(name), ca)])
}

const ID: [(&str, &str); 1] = [("client_id", "tls")];

#[test]
fn the_right_name_under_the_right_ca_is_the_client() {
    let ca = root(ca_params("CA"));
    let registry = by_dn(&ca);
    assert!(call(&registry, &ID, Some(of("tls", &ca)), NOW).unwrap().replay().is_none(), "MTL-01");

    let wrong_dn = of("other", &ca);
    let wrong_ca = of("tls", &root(ca_params("CA")));
    let of_its_own = peer([self_signed(&leaf_params("tls")).der().to_vec()]);
    for certificate in [Some(wrong_dn), Some(wrong_ca), Some(of_its_own), None] {
        let refused = call(&registry, &ID, certificate, NOW).unwrap_err();
        assert_eq!(refused.code, ErrorCode::InvalidClient, "MTL-01, MTL-04, TL-04, TL-05");
    }
    assert!(call(&registry, &[], Some(of("tls", &ca)), NOW).is_err(), "MTL-03");
    assert!(call(&registry, &ID, Some(of("tls", &ca)), NOW + Lifetime::days(30)).is_err(), "MTL-01: expired");
}

/// §32 trap 21: two clients' certificates share the CA and most of the name.
#[test]
fn a_certificate_of_another_client_of_the_same_ca_is_not_this_clients() {
    let ca = root(ca_params("CA"));
    let mut second = registration("second", app_key());
    second.auth.method = ClientAuth::Tls;
    second.auth.tls = Some(SubjectName::SubjectDn("CN=tls2,O=Example,C=GB".into()));
    let mut first = registration("tls", app_key());
    first.auth.method = ClientAuth::Tls;
    first.auth.tls = Some(SubjectName::SubjectDn("CN=tls,O=Example,C=GB".into()));
    let registry = Workspace::new(ProfileName::Fintech).add(first).add(second).client_ca(&ca.pem()).build();
    let second_id = [("client_id", "second")];
    assert!(call(&registry, &ID, Some(of("tls", &ca)), NOW).is_ok());
    assert!(call(&registry, &second_id, Some(of("tls2", &ca)), NOW).is_ok());
    assert!(call(&registry, &ID, Some(of("tls2", &ca)), NOW).is_err(), "CA-10, trap 21");
    assert!(call(&registry, &second_id, Some(of("tls", &ca)), NOW).is_err(), "CA-10, trap 21");
}

/// `MTL-12`: the registration names a subject, not a certificate.
#[test]
fn a_renewed_certificate_is_the_same_client() {
    let ca = root(ca_params("CA"));
    let registry = by_dn(&ca);
    let (before, after) = (of("tls", &ca), of("tls", &ca));
    assert_ne!(before.thumbprint(), after.thumbprint());
    assert!(
        call(&registry, &ID, Some(before), NOW).is_ok() && call(&registry, &ID, Some(after), NOW).is_ok(),
        "MTL-12"
    );
}

#[test]
fn a_client_of_the_ca_does_not_authenticate_otherwise() {
    let ca = root(ca_params("CA"));
    let registry = by_dn(&ca);
    let jwt = sign(
        app_key(),
        None,
        &with(
            assertion_claims(),
            &json!({"iss": "tls", "sub": "tls", "iat": NOW.as_unix(), "nbf": NOW.as_unix(), "exp": NOW.as_unix() + 60}),
        ),
    );
    let assertion =
        [("client_id", "tls"), ("client_assertion", jwt.as_str()), ("client_assertion_type", ASSERTION_TYPE)];
    assert!(call(&registry, &assertion, None, NOW).is_err(), "CA-01");
    assert!(call(&registry, &assertion, Some(of("tls", &ca)), NOW).is_err(), "CA-01");
}

/// `MTL-08`, `AU-R10`: beside the assertion, a certificate of the ecosystem's CA; and tokens are bound to it.
#[test]
fn an_ecosystem_takes_assertions_only_with_a_certificate_of_its_ca() {
    let ca = root(ca_params("CDR CA"));
    let registry = Workspace::new(ProfileName::CDRAustralia).only("app").client_ca(&ca.pem()).build();
    assert_eq!(registry.rules.binding_certificate(), BindingCertificate::Anchored);
    let times = json!({"iat": NOW.as_unix(), "nbf": NOW.as_unix(), "exp": NOW.as_unix() + 60});
    let jwt = sign(app_key(), None, &with(assertion_claims(), &times));
    let pairs = [("client_assertion", jwt.as_str()), ("client_assertion_type", ASSERTION_TYPE)];

    let own = of("whatever name", &ca);
    let strange = of("whatever name", &root(ca_params("CDR CA")));
    assert!(call(&registry, &pairs, Some(own.clone()), NOW).is_ok(), "MTL-08");
    assert!(call(&registry, &pairs, Some(strange.clone()), NOW).is_err(), "AU-R10");
    assert!(call(&registry, &pairs, None, NOW).is_err(), "MTL-08");

    let client = authenticated(&registry, "app");
    let bound = crate::sender::bind(&client, Some(&own), None, &registry, NOW).unwrap();
    assert!(bound.is_held_by(Some(&own)) && !bound.is_held_by(Some(&strange)), "MTL-05, MTL-06");
    assert!(crate::sender::bind(&client, Some(&strange), None, &registry, NOW).is_err(), "AU-R10");
}

#[test]
fn every_kind_of_name_may_be_the_registered_one() {
    use rcgen::SanType::{DnsName, IpAddress, Rfc822Name, URI};
    let ca = root(ca_params("CA"));
    let mut leaf = leaf_params("tls");
    leaf.subject_alt_names = vec![
        DnsName("app.bank.example".try_into().unwrap()),
        URI("spiffe://bank.example/app".try_into().unwrap()),
        IpAddress("192.0.2.1".parse().unwrap()),
        Rfc822Name("ops@bank.example".try_into().unwrap()),
    ];
    let certificate = peer([issued(&leaf, &ca)]);
    for (right, wrong) in [
        (SubjectName::SanDns("app.bank.example".into()), SubjectName::SanDns("bank.example".into())),
        (
            SubjectName::SanUri("spiffe://bank.example/app".into()),
            SubjectName::SanUri("spiffe://bank.example".into()),
        ),
        (SubjectName::SanIp("192.0.2.1".into()), SubjectName::SanIp("192.0.2.2".into())),
        (SubjectName::SanEmail("ops@bank.example".into()), SubjectName::SanEmail("Ops@bank.example".into())),
    ] {
        let accepted =
            call(&server(ProfileName::Fintech, &ca, right.clone()), &ID, Some(certificate.clone()), NOW);
        assert!(accepted.is_ok(), "MTL-01 {right:?}");
        let refused =
            call(&server(ProfileName::Fintech, &ca, wrong.clone()), &ID, Some(certificate.clone()), NOW);
        assert_eq!(refused.unwrap_err().code, ErrorCode::InvalidClient, "MTL-01 {wrong:?}");
    }
}

/// `TL-10`: wherever a certificate is shown, one that its CA has taken back is refused; the caller learns no more than of any
/// other failure, the log learns why.
#[test]
fn a_revoked_certificate_authenticates_nobody() {
    use crate::certificate::tests::revocation::{list, signed};
    let ca = root(ca_params("CA"));
    let numbered = |serial: u64| {
        let mut params = leaf_params("tls");
        params.serial_number = Some(rcgen::SerialNumber::from(serial));
        peer([issued(&params, &ca)])
    };
    let (revoked, renewed) = (numbered(7), numbered(8));
    let mut own = registration("own", app_key());
    own.auth.method = ClientAuth::SelfSignedTls;
    own.auth.certificates = [&revoked, &renewed].map(|one| one.thumbprint().to_owned()).to_vec();
    let mut tls = registration("tls", app_key());
    tls.auth.method = ClientAuth::Tls;
    tls.auth.tls = Some(SubjectName::SubjectDn("CN=tls,O=Example,C=GB".into()));
    let workspace = || {
        let every = [ClientAuth::PrivateKeyJwt, ClientAuth::Tls, ClientAuth::SelfSignedTls];
        Workspace::new(ProfileName::Fintech)
            .overrides(|said| said.client_authentication = Some(every.to_vec()))
            .add(tls.clone())
            .add(own.clone())
            .client_ca(&ca.pem())
    };
    let before = workspace().build();
    let after = workspace().revocations(&signed(&list(&[7]), &ca)).build();

    for id in ["tls", "own"] {
        let id = [("client_id", id)];
        assert!(call(&before, &id, Some(revoked.clone()), NOW).is_ok());
        let refused = call(&after, &id, Some(revoked.clone()), NOW).unwrap_err();
        assert_eq!(refused.code, ErrorCode::InvalidClient, "TL-10");
        assert_eq!(refused.description, "client authentication failed", "TL-10");
        assert!(refused.detail.as_deref().unwrap().contains("revoked by its CA"), "TL-10");
        assert!(call(&after, &id, Some(renewed.clone()), NOW).is_ok(), "TL-10: the renewed one is good");
    }

    // The list of the CA has ended: what needs the CA's word is refused, what does not is not.
    let later = NOW + Lifetime::days(6);
    let refused = call(&after, &ID, Some(renewed.clone()), later).unwrap_err();
    assert!(refused.detail.as_deref().unwrap().contains("past its nextUpdate"), "TL-10: expired list");
    assert!(call(&after, &[("client_id", "own")], Some(renewed.clone()), later).is_ok());
    assert!(call(&after, &[("client_id", "own")], Some(revoked.clone()), later).is_err(), "TL-10");

    // Beside an assertion, and wherever else tokens are bound: the same lists.
    let app = authenticated(&after, "app");
    let bind = |certificate| crate::sender::bind(&app, Some(certificate), None, &after, NOW);
    assert!(bind(&renewed).is_ok());
    assert_eq!(bind(&revoked).unwrap_err().code, ErrorCode::InvalidRequest, "TL-10");
    assert!(after.usable(&renewed, NOW).is_ok() && after.usable(&revoked, NOW).is_err(), "TL-10, TL-13");
    assert!(after.usable(&renewed, NOW + Lifetime::days(30)).is_err(), "TL-13: expired meanwhile");
}
