use super::*;
use crate::certificate::{CertificateError, CertificatesErrorKind, PemProblem, describe_pem};

#[test]
fn a_secret_is_described_certificate_by_certificate() {
    let ca = root(ca_params("CA"));
    let own = self_signed(&leaf_params("app"));
    let leaf = leaf_params("other, app").signed_by(&key(), &ca).unwrap();
    let described = describe_pem(format!("{}{}", own.pem(), leaf.pem()).as_bytes()).unwrap();

    let [first, second] = described.as_slice() else { panic!("two certificates") };
    assert_eq!(first.thumbprint, peer([own.der().to_vec()]).thumbprint());
    assert_eq!(first.subject, "CN=app,O=Example,C=GB");
    assert_eq!(
        (first.not_before, first.not_after),
        (Timestamp::from_unix(1_780_272_000), Timestamp::from_unix(1_782_864_000))
    );
    assert!(first.self_signed && !first.weak);
    assert_eq!(second.subject, "CN=other\\, app,O=Example,C=GB");
    assert!(!second.self_signed);
}

#[test]
fn the_same_name_twice_does_not_make_a_certificate_self_signed() {
    let ca = root(ca_params("app"));
    let leaf = leaf_params("app").signed_by(&key(), &ca).unwrap();
    let [described] = describe_pem(leaf.pem().as_bytes()).unwrap().try_into().unwrap();
    assert!(!described.self_signed, "TL-05: its issuer has its name, not its key");
}

#[test]
fn what_cannot_be_read_is_counted_from_zero() {
    let own = self_signed(&leaf_params("app")).pem();
    let error = describe_pem(format!("{own}{}", key().serialize_pem()).as_bytes()).unwrap_err();
    assert_eq!((error.index, error.kind), (1, CertificatesErrorKind::Pem(PemProblem::PrivateKey)));
    assert!(error.to_string().starts_with("certificate 2: the PEM block is a private key"), "{error}");

    let junk = "-----BEGIN CERTIFICATE-----\nanVuaw==\n-----END CERTIFICATE-----\n";
    let error = describe_pem(junk.as_bytes()).unwrap_err();
    assert_eq!(
        (error.index, error.kind),
        (0, CertificatesErrorKind::Certificate(CertificateError::Malformed))
    );
}
