use rcgen::{
    BasicConstraints, CustomExtension, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, KeyUsagePurpose,
    NameConstraints,
};

use super::*;
use crate::certificate::{CertificateError, PemProblem, TrustAnchorsErrorKind};

#[test]
fn a_certificate_of_the_client_ca_is_accepted_with_and_without_an_intermediate() {
    let ca = root(ca_params("CA"));
    let trusted = anchors(&ca.pem());
    assert_eq!(trusted.check(&peer([issued(&leaf_params("app"), &ca)]), NOW), Ok(()), "MTL-01");

    let below = intermediate(ca_params("Issuing CA"), &ca);
    let leaf = issued(&leaf_params("app"), &below);
    assert_eq!(trusted.check(&peer([leaf.clone(), below.der().to_vec()]), NOW), Ok(()));
    assert_eq!(
        trusted.check(&peer([leaf.clone(), below.der().to_vec(), ca.der().to_vec()]), NOW),
        Ok(()),
        "the root may be sent"
    );
    assert_eq!(
        trusted.check(&peer([leaf]), NOW),
        Err(CertificateError::UnknownIssuer),
        "TL-04: missing intermediate"
    );
}

/// `TL-04`, `TL-05`, §32 trap 21: the name of an issuer proves nothing.
#[test]
fn another_ca_with_the_same_name_is_not_the_client_ca() {
    let ours = root(ca_params("CA"));
    let theirs = root(ca_params("CA"));
    let forged = peer([issued(&leaf_params("app"), &theirs), theirs.der().to_vec()]);
    assert_eq!(
        anchors(&ours.pem()).check(&forged, NOW),
        Err(CertificateError::UnknownIssuer),
        "MTL-01: wrong CA, right DN"
    );
    assert_eq!(anchors(&theirs.pem()).check(&forged, NOW), Ok(()));
    assert_eq!(
        anchors(&format!("{}{}", ours.pem(), theirs.pem())).check(&forged, NOW),
        Ok(()),
        "several anchors"
    );
}

#[test]
fn a_self_signed_certificate_does_not_chain() {
    let ca = root(ca_params("CA"));
    let alone = peer([self_signed(&leaf_params("app")).der().to_vec()]);
    assert_eq!(anchors(&ca.pem()).check(&alone, NOW), Err(CertificateError::UnknownIssuer), "TL-04");
}

#[test]
fn a_leaf_cannot_issue() {
    let ca = root(ca_params("CA"));
    let leaf_key = key();
    let leaf = leaf_params("app").signed_by(&leaf_key, &ca).unwrap();
    let forged = issued(&leaf_params("victim"), &Issuer::new(leaf_params("app"), leaf_key));
    let presented = peer([forged, leaf.der().to_vec()]);
    assert_eq!(anchors(&ca.pem()).check(&presented, NOW), Err(CertificateError::WrongUsage), "TL-04");
}

#[test]
fn time_counts_for_every_certificate_of_the_chain() {
    let mut short = ca_params("Issuing CA");
    short.not_after = rcgen::date_time_ymd(2026, 6, 10);
    let ca = root(ca_params("CA"));
    let expired = intermediate(short.clone(), &ca);
    let presented = peer([issued(&leaf_params("app"), &expired), expired.der().to_vec()]);
    let trusted = anchors(&ca.pem());
    assert_eq!(trusted.check(&presented, NOW), Err(CertificateError::Expired), "TL-04: expired intermediate");
    assert_eq!(trusted.check(&presented, NOW - Lifetime::days(8)), Ok(()));

    let mut leaf = leaf_params("app");
    leaf.not_before = rcgen::date_time_ymd(2026, 6, 20);
    let future = peer([issued(&leaf, &ca)]);
    assert_eq!(trusted.check(&future, NOW), Err(CertificateError::NotYetValid), "TL-04");

    let expired_root = root(short);
    let presented = peer([issued(&leaf_params("app"), &expired_root)]);
    let trusted = anchors(&expired_root.pem());
    assert_eq!(
        trusted.check(&presented, NOW),
        Err(CertificateError::UnknownIssuer),
        "an expired anchor anchors nothing"
    );
    assert_eq!(trusted.check(&presented, NOW - Lifetime::days(8)), Ok(()));
    assert_eq!(
        trusted.check(&presented, Timestamp::from_unix(-1)),
        Err(CertificateError::NotYetValid),
        "J-22"
    );
    assert_eq!(
        trusted.check(&presented, Timestamp::from_unix(i64::MAX)),
        Err(CertificateError::Expired),
        "J-22"
    );
}

#[test]
fn a_certificate_for_servers_is_none_for_clients() {
    let ca = root(ca_params("CA"));
    let trusted = anchors(&ca.pem());
    let mut params = leaf_params("app");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    assert_eq!(
        trusted.check(&peer([issued(&params, &ca)]), NOW),
        Err(CertificateError::WrongUsage),
        "TL-04: EKU"
    );
    params.extended_key_usages.push(ExtendedKeyUsagePurpose::ClientAuth);
    assert_eq!(trusted.check(&peer([issued(&params, &ca)]), NOW), Ok(()));
    params.key_usages = vec![KeyUsagePurpose::KeyEncipherment];
    assert_eq!(
        trusted.check(&peer([issued(&params, &ca)]), NOW),
        Err(CertificateError::WrongUsage),
        "MTL-01: key usage"
    );
}

#[test]
fn a_ca_certificate_is_not_a_clients() {
    let ca = root(ca_params("CA"));
    let mut params = ca_params("Issuing CA");
    params.key_usages.push(KeyUsagePurpose::DigitalSignature);
    let below = intermediate(params, &ca);
    assert_eq!(
        anchors(&ca.pem()).check(&peer([below.der().to_vec()]), NOW),
        Err(CertificateError::WrongUsage),
        "TL-06"
    );
}

#[test]
fn the_path_is_as_short_as_its_cas_say() {
    let mut narrow = ca_params("CA");
    narrow.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let ca = root(narrow);
    let below = intermediate(ca_params("Issuing CA"), &ca);
    let trusted = anchors(&ca.pem());
    assert_eq!(trusted.check(&peer([issued(&leaf_params("app"), &ca)]), NOW), Ok(()));
    let longer = peer([issued(&leaf_params("app"), &below), below.der().to_vec()]);
    assert_eq!(trusted.check(&longer, NOW), Err(CertificateError::PathLength), "TL-04: of the anchor");

    let ca = root(ca_params("CA"));
    let mut narrow = ca_params("Issuing CA");
    narrow.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let first = intermediate(narrow, &ca);
    let second = intermediate(ca_params("Sub CA"), &first);
    let longer = peer([issued(&leaf_params("app"), &second), second.der().to_vec(), first.der().to_vec()]);
    assert_eq!(
        anchors(&ca.pem()).check(&longer, NOW),
        Err(CertificateError::PathLength),
        "TL-04: of an intermediate"
    );
}

#[test]
fn a_ca_issues_only_the_names_it_may() {
    let mut constrained = ca_params("CA");
    constrained.name_constraints = Some(NameConstraints {
        permitted_subtrees: vec![GeneralSubtree::DnsName("bank.example".into())],
        excluded_subtrees: vec![],
    });
    let ca = root(constrained);
    let mut leaf = leaf_params("app");
    leaf.subject_alt_names = vec![SanType::DnsName("app.other.example".try_into().unwrap())];
    assert_eq!(
        anchors(&ca.pem()).check(&peer([issued(&leaf, &ca)]), NOW),
        Err(CertificateError::NameConstraint),
        "TL-04"
    );
    leaf.subject_alt_names = vec![SanType::DnsName("app.bank.example".try_into().unwrap())];
    assert_eq!(anchors(&ca.pem()).check(&peer([issued(&leaf, &ca)]), NOW), Ok(()));
}

#[test]
fn a_critical_extension_that_nobody_understands_is_refused() {
    let ca = root(ca_params("CA"));
    let mut leaf = leaf_params("app");
    let mut unknown = CustomExtension::from_oid_content(&[1, 2, 3, 4], vec![0x05, 0x00]);
    leaf.custom_extensions = vec![unknown.clone()];
    assert_eq!(anchors(&ca.pem()).check(&peer([issued(&leaf, &ca)]), NOW), Ok(()));
    unknown.set_criticality(true);
    leaf.custom_extensions = vec![unknown];
    assert_eq!(
        anchors(&ca.pem()).check(&peer([issued(&leaf, &ca)]), NOW),
        Err(CertificateError::Malformed),
        "RFC 5280 4.2"
    );
}

#[test]
fn a_flood_of_intermediates_is_refused() {
    let ca = root(ca_params("CA"));
    let chain = |extra: usize| {
        let ballast = self_signed(&ca_params("ballast")).der().to_vec();
        peer(std::iter::once(issued(&leaf_params("app"), &ca)).chain(std::iter::repeat_n(ballast, extra)))
    };
    let trusted = anchors(&ca.pem());
    assert_eq!(trusted.check(&chain(8), NOW), Ok(()));
    assert_eq!(trusted.check(&chain(9), NOW), Err(CertificateError::PathLength), "J-25");
}

#[test]
fn a_bundle_is_equal_by_its_content() {
    let (first, second) = (root(ca_params("CA")).pem(), root(ca_params("CA")).pem());
    assert_eq!(anchors(&first), anchors(&format!("# our CA\n\n{}", first.replace('\n', "\r\n"))));
    assert_ne!(anchors(&first), anchors(&second));
    assert_ne!(anchors(&first), anchors(&format!("{first}{second}")));
    assert!(!format!("{:?}", anchors(&first)).contains("Example"));
}

/// `J-25`: a bundle is read as a whole or not at all, and the error says which certificate is wrong.
#[test]
fn a_bundle_with_anything_but_ca_certificates_is_refused() {
    let ca = root(ca_params("CA")).pem();
    let leaf = self_signed(&leaf_params("app")).pem();
    let key = key().serialize_pem();
    let mut unable = ca_params("CA");
    unable.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    let unable = root(unable).pem();
    let damaged = ca.replacen("MII", "M!!", 1);
    let headless = ca.replace("-----END CERTIFICATE-----", "");
    let request = ca.replace(" CERTIFICATE-", " CERTIFICATE REQUEST-");
    let mismatched = ca.replace("END CERTIFICATE", "END X509 CRL");
    let empty_block = "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n";
    let junk = "-----BEGIN CERTIFICATE-----\nanVuaw==\n-----END CERTIFICATE-----\n";
    let large = format!("{ca}{}", "#\n".repeat(40_000));
    for (pem, position, kind) in [
        ("", 1, PemProblem::Empty.into()),
        ("# nothing\n\n", 1, PemProblem::Empty.into()),
        ("hello", 1, PemProblem::Text.into()),
        (&*format!("{ca}garbage"), 2, PemProblem::Text.into()),
        (&format!("subject=CN = CA\n{ca}"), 1, PemProblem::Text.into()),
        (&format!("{ca}{key}"), 2, PemProblem::PrivateKey.into()),
        (&format!("{key}{ca}"), 1, PemProblem::PrivateKey.into()),
        (&request, 1, PemProblem::OtherBlock.into()),
        (&damaged, 1, PemProblem::Damaged.into()),
        (&headless, 1, PemProblem::Damaged.into()),
        (&mismatched, 1, PemProblem::Damaged.into()),
        (empty_block, 1, PemProblem::Damaged.into()),
        (junk, 1, CertificateError::Malformed.into()),
        (&large, 1, PemProblem::TooLarge.into()),
        (&format!("{ca}{leaf}"), 2, TrustAnchorsErrorKind::NotACa),
        (&unable, 1, TrustAnchorsErrorKind::NotACa),
    ] {
        let error = TrustAnchors::parse(pem.as_bytes()).unwrap_err();
        assert_eq!((error.position, error.kind), (position, kind), "J-25 {pem}");
        assert!(error.to_string().starts_with(&format!("certificate {position}: ")), "{error}");
    }
    let with_mark = format!("\u{feff}{ca}{ca}");
    assert!(TrustAnchors::parse(with_mark.as_bytes()).is_ok(), "J-25: a byte order mark");
    assert!(TrustAnchors::parse(b"\xff").is_err());
}

/// An RSA key of 1024 bits as anchor: whoever factors it issues client certificates.
#[test]
fn a_weak_anchor_is_refused() {
    let weak = "-----BEGIN CERTIFICATE-----\n";
    let der = weak_ca();
    let pem = format!("{weak}{}\n-----END CERTIFICATE-----\n", base64_standard(&der));
    let error = TrustAnchors::parse(pem.as_bytes()).unwrap_err();
    assert_eq!(error.kind, TrustAnchorsErrorKind::Certificate(CertificateError::Weak), "INV-05");
}

fn base64_standard(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// A CA certificate around a 1024-bit key; no signature is looked at when anchors are parsed.
fn weak_ca() -> Vec<u8> {
    let algorithm =
        [der(0x06, &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01]), der(0x05, &[])].concat();
    let modulus = [vec![0], vec![0xab; 127], vec![0xff]].concat();
    let key = der(0x30, &[der(0x02, &modulus), der(0x02, &[1, 0, 1])].concat());
    let spki = der(0x30, &[der(0x30, &algorithm), bits(&key)].concat());
    let ca = der(0x30, &[der(0x06, &[0x55, 0x1d, 0x13]), der(0x04, &der(0x30, &[1, 1, 0xff]))].concat());
    let extensions = der(0xa3, &der(0x30, &ca));
    let plain = unsigned(&der(0x30, &[]), &[spki, extensions].concat());
    assert!(x509_parser::parse_x509_certificate(&plain).unwrap().1.is_ca());
    plain
}
