//! `TL-10`: what a CA has taken back is refused, and not knowing is not enough.

use rcgen::{
    CertificateRevocationListParams, CrlDistributionPoint, CrlIssuingDistributionPoint, CustomExtension,
    KeyIdMethod, RevocationReason, RevokedCertParams, SerialNumber,
};

use super::*;
use crate::certificate::{CertificateError, PemProblem, RevocationLists, RevocationListsErrorKind};

/// A list that speaks from 2026-06-10 to 2026-06-20, of what has these serial numbers.
pub(crate) fn list(serials: &[u64]) -> CertificateRevocationListParams {
    let revoked = |serial: &u64| RevokedCertParams {
        serial_number: SerialNumber::from(*serial),
        revocation_time: rcgen::date_time_ymd(2026, 6, 9),
        reason_code: Some(RevocationReason::KeyCompromise),
        invalidity_date: None,
    };
    CertificateRevocationListParams {
        this_update: rcgen::date_time_ymd(2026, 6, 10),
        next_update: rcgen::date_time_ymd(2026, 6, 20),
        crl_number: SerialNumber::from(1),
        issuing_distribution_point: None,
        revoked_certs: serials.iter().map(revoked).collect(),
        key_identifier_method: KeyIdMethod::Sha256,
    }
}

pub(crate) fn signed(list: &CertificateRevocationListParams, ca: &Issuer<'_, KeyPair>) -> String {
    list.signed_by(ca).unwrap().pem().unwrap()
}

/// A part of the lists: the one that is at this address.
fn part(uri: &str, serials: &[u64]) -> CertificateRevocationListParams {
    let distribution_point = CrlDistributionPoint { uris: vec![uri.to_owned()] };
    CertificateRevocationListParams {
        issuing_distribution_point: Some(CrlIssuingDistributionPoint { distribution_point, scope: None }),
        ..list(serials)
    }
}

fn numbered(serial: u64) -> CertificateParams {
    let mut params = leaf_params("app");
    params.serial_number = Some(SerialNumber::from(serial));
    params
}

fn lists(pem: &str) -> RevocationLists {
    RevocationLists::parse(pem.as_bytes()).unwrap()
}

fn why(pem: &[u8]) -> RevocationListsErrorKind {
    RevocationLists::parse(pem).unwrap_err().kind
}

#[test]
fn what_the_ca_has_taken_back_is_refused_and_nothing_else() {
    let ca = root(ca_params("CA"));
    let trusted = anchors(&ca.pem());
    let (revoked, other) = (peer([issued(&numbered(7), &ca)]), peer([issued(&numbered(8), &ca)]));
    let lists = lists(&signed(&list(&[7]), &ca));
    assert_eq!(lists.check(&trusted), Ok(()));
    assert_eq!(trusted.check_unrevoked(&revoked, &lists, NOW), Err(CertificateError::Revoked), "TL-10");
    assert_eq!(trusted.check_unrevoked(&other, &lists, NOW), Ok(()), "TL-10: the other one is still good");
    assert_eq!(trusted.check(&revoked, NOW), Ok(()), "it is refused for nothing else");
    assert_eq!(lists.check_unnamed(&revoked), Err(CertificateError::Revoked), "TL-10");
    assert_eq!(lists.check_unnamed(&other), Ok(()));
}

/// `TL-10`: who signed a list of half a megabyte is not worked out for every request.
#[test]
fn who_signed_a_list_is_worked_out_once() {
    let (ca, mallory) = (root(ca_params("CA")), root(ca_params("CA")));
    let lists = lists(&signed(&list(&[7]), &ca));
    assert_eq!(lists.verified(), 0);
    assert!(lists.check(&anchors(&mallory.pem())).is_err(), "TL-10: the name alone does not count");
    assert_eq!(lists.verified(), 0, "nobody is remembered for a signature that is not theirs");
    assert_eq!(lists.check(&anchors(&ca.pem())), Ok(()));
    assert_eq!(lists.clone().verified(), 1, "and so for every request that shares the lists");
    assert!(
        lists.check(&anchors(&mallory.pem())).is_err(),
        "TL-10: what is known of one CA is not taken for another"
    );
}

#[test]
fn not_knowing_is_not_enough() {
    let ca = root(ca_params("CA"));
    let trusted = anchors(&ca.pem());
    let certificate = peer([issued(&numbered(8), &ca)]);
    let current = lists(&signed(&list(&[]), &ca));
    assert_eq!(trusted.check_unrevoked(&certificate, &current, NOW), Ok(()), "an empty list is a list");

    let next_update = NOW + Lifetime::days(5);
    assert_eq!(
        trusted.check_unrevoked(&certificate, &current, next_update),
        Err(CertificateError::RevocationListExpired),
        "TL-10: expired list"
    );
    assert_eq!(current.expired(next_update).count(), 1);
    assert_eq!(current.expired(NOW).count(), 0);
    assert_eq!(current.next_update(), Some(Timestamp::from_unix(1_781_913_600)), "2026-06-20");

    for none in [RevocationLists::default(), lists(&signed(&list(&[]), &root(ca_params("Other CA"))))] {
        assert_eq!(
            trusted.check_unrevoked(&certificate, &none, NOW),
            Err(CertificateError::RevocationUnknown),
            "TL-10: no list of this CA"
        );
    }
}

/// Every CA on the way speaks for what it issued, an intermediate too.
#[test]
fn an_intermediate_needs_a_list_and_may_be_on_one() {
    let ca = root(ca_params("CA"));
    let mut params = ca_params("Issuing CA");
    params.serial_number = Some(SerialNumber::from(70));
    let below = intermediate(params, &ca);
    let trusted = anchors(&ca.pem());
    let certificate = peer([issued(&numbered(8), &below), below.der().to_vec()]);
    let check = |pem: String| trusted.check_unrevoked(&certificate, &lists(&pem), NOW);

    let (of_root, of_issuing) = (signed(&list(&[]), &ca), signed(&list(&[]), &below));
    assert_eq!(check(format!("{of_root}{of_issuing}")), Ok(()), "TL-10");
    assert_eq!(check(of_issuing.clone()), Err(CertificateError::RevocationUnknown), "TL-10: of the root");
    assert_eq!(check(of_root), Err(CertificateError::RevocationUnknown), "TL-10: of the issuing CA");
    let revoked = signed(&list(&[70]), &ca);
    assert_eq!(check(format!("{revoked}{of_issuing}")), Err(CertificateError::Revoked), "TL-10");
}

/// `TL-05`, `TL-10`: a list of a CA that only has the name is no list of this CA.
#[test]
fn a_list_that_another_ca_signed_does_not_count() {
    let (ours, theirs) = (root(ca_params("CA")), root(ca_params("CA")));
    let trusted = anchors(&ours.pem());
    let certificate = peer([issued(&numbered(8), &ours)]);
    let forged = lists(&signed(&list(&[8]), &theirs));
    assert_eq!(
        forged.check(&trusted).unwrap_err().kind,
        RevocationListsErrorKind::Forged,
        "TL-10: refused where it is handed in"
    );
    assert_eq!(
        trusted.check_unrevoked(&certificate, &forged, NOW),
        Err(CertificateError::RevocationUnknown),
        "TL-10: an empty answer, not that of another"
    );

    let both = format!("{}{}", signed(&list(&[8]), &theirs), signed(&list(&[]), &ours));
    assert_eq!(trusted.check_unrevoked(&certificate, &lists(&both), NOW), Ok(()), "ours counts beside it");
    let both = format!("{}{}", signed(&list(&[]), &theirs), signed(&list(&[8]), &ours));
    assert_eq!(
        trusted.check_unrevoked(&certificate, &lists(&both), NOW),
        Err(CertificateError::Revoked),
        "theirs does not hide ours"
    );
}

/// `MTL-12`: while a CA is renewed, two of one name issue, and each speaks for its own.
#[test]
fn a_renewed_ca_and_its_predecessor_each_have_their_list() {
    let (before, after) = (root(ca_params("CA")), root(ca_params("CA")));
    let trusted = anchors(&format!("{}{}", before.pem(), after.pem()));
    let lists = lists(&format!("{}{}", signed(&list(&[7]), &before), signed(&list(&[9]), &after)));
    assert_eq!(lists.check(&trusted), Ok(()));
    let check =
        |serial, ca: &Ca| trusted.check_unrevoked(&peer([issued(&numbered(serial), ca)]), &lists, NOW);
    assert_eq!(check(8, &before), Ok(()));
    assert_eq!(check(8, &after), Ok(()));
    assert_eq!(check(7, &before), Err(CertificateError::Revoked));
    assert_eq!(check(7, &after), Ok(()), "another CA's seven is another certificate");
    assert_eq!(check(9, &after), Err(CertificateError::Revoked));
}

#[test]
fn of_two_lists_of_one_ca_the_newer_speaks() {
    let ca = root(ca_params("CA"));
    let trusted = anchors(&ca.pem());
    let certificate = peer([issued(&numbered(8), &ca)]);
    let mut newer = list(&[8]);
    newer.this_update = rcgen::date_time_ymd(2026, 6, 12);
    newer.next_update = rcgen::date_time_ymd(2026, 6, 25);
    let (older, newer) = (signed(&list(&[]), &ca), signed(&newer, &ca));
    for pem in [format!("{older}{newer}"), format!("{newer}{older}")] {
        assert_eq!(
            trusted.check_unrevoked(&certificate, &lists(&pem), NOW),
            Err(CertificateError::Revoked),
            "TL-10"
        );
        assert_eq!(lists(&pem).expired(NOW + Lifetime::days(6)).count(), 0, "the older one is replaced");
    }
}

/// A CA that splits its lists says in each for which certificates it speaks (RFC 5280 5.2.5). One part says nothing about the
/// certificates of another (RUSTSEC-2026-0049).
#[test]
fn a_part_of_the_lists_speaks_for_its_certificates_only() {
    let ca = root(ca_params("CA"));
    let trusted = anchors(&ca.pem());
    let of_part = |serial: u64, uri: &str| {
        let mut params = numbered(serial);
        params.crl_distribution_points = vec![CrlDistributionPoint { uris: vec![uri.to_owned()] }];
        peer([issued(&params, &ca)])
    };
    let (one, two) = ("http://crl.example/1.crl", "http://crl.example/2.crl");
    let both = lists(&format!("{}{}", signed(&part(one, &[]), &ca), signed(&part(two, &[7]), &ca)));
    let check = |certificate| trusted.check_unrevoked(&certificate, &both, NOW);
    assert_eq!(check(of_part(8, one)), Ok(()), "TL-10");
    assert_eq!(check(of_part(8, two)), Ok(()), "TL-10");
    assert_eq!(check(of_part(7, two)), Err(CertificateError::Revoked), "TL-10: partitioned");

    let first = lists(&signed(&part(one, &[]), &ca));
    assert_eq!(
        trusted.check_unrevoked(&of_part(7, two), &first, NOW),
        Err(CertificateError::RevocationUnknown),
        "TL-10: the other part's certificate"
    );
    assert_eq!(trusted.check_unrevoked(&of_part(7, one), &first, NOW), Ok(()));
}

/// A CA that begins to split its lists has an old one for everything beside the new ones.
#[test]
fn an_older_list_for_everything_hides_no_newer_one_in_parts() {
    let ca = root(ca_params("CA"));
    let trusted = anchors(&ca.pem());
    let (whole, in_parts) = (signed(&list(&[]), &ca), signed(&part("http://crl.example/1.crl", &[7]), &ca));
    for both in [format!("{whole}{in_parts}"), format!("{in_parts}{whole}")] {
        let check = |serial| {
            let certificate = peer([issued(&numbered(serial), &ca)]);
            trusted.check_unrevoked(&certificate, &lists(&both), NOW)
        };
        assert_eq!(check(7), Err(CertificateError::Revoked), "TL-10");
        assert_eq!(check(8), Ok(()), "TL-10");
    }
}

#[test]
fn what_is_no_list_is_refused_with_its_place() {
    let ca = root(ca_params("CA"));
    let good = signed(&list(&[7]), &ca);
    assert_eq!(why(b""), RevocationListsErrorKind::Empty, "TL-10: malformed");
    assert_eq!(why(ca.pem().as_bytes()), RevocationListsErrorKind::OtherBlock);
    assert_eq!(why(format!("{good}hello").as_bytes()), RevocationListsErrorKind::Pem(PemProblem::Text));
    assert_eq!(
        why(good.replace("END X509 CRL", "END CERTIFICATE").as_bytes()),
        RevocationListsErrorKind::Pem(PemProblem::Damaged)
    );
    assert_eq!(why(&vec![b'#'; 512 * 1024 + 1]), RevocationListsErrorKind::TooLarge);
    let garbage = "-----BEGIN X509 CRL-----\nMAA=\n-----END X509 CRL-----\n";
    let error = RevocationLists::parse(format!("{good}{garbage}").as_bytes()).unwrap_err();
    assert_eq!((error.position, error.kind), (2, RevocationListsErrorKind::Malformed), "TL-10: malformed");
    assert!(error.to_string().starts_with("revocation list 2: is no complete revocation list"), "{error}");
}

/// `RUSTSEC-2026-0104` was a panic on a list: no bytes may end us, and what is cut or changed is not taken.
#[test]
fn a_damaged_list_is_refused_and_never_taken_for_another() {
    let ca = root(ca_params("CA"));
    let trusted = anchors(&ca.pem());
    let certificate = peer([issued(&numbered(7), &ca)]);
    let good = list(&[7]).signed_by(&ca).unwrap().der().to_vec();
    let read = |der: &[u8]| {
        use base64::Engine as _;
        let text = base64::engine::general_purpose::STANDARD.encode(der);
        RevocationLists::parse(
            format!("-----BEGIN X509 CRL-----\n{text}\n-----END X509 CRL-----\n").as_bytes(),
        )
    };
    for place in 0..good.len() {
        assert!(read(&good[..place]).is_err(), "cut at {place}");
        let mut changed = good.clone();
        changed[place] ^= 1 << (place % 8);
        if let Ok(lists) = read(&changed) {
            assert_ne!(trusted.check_unrevoked(&certificate, &lists, NOW), Ok(()), "changed at {place}");
        }
    }
}

/// `TL-11`: the addresses in a certificate are read by nobody here: nothing in this crate can open a connection.
#[test]
fn a_certificate_that_names_where_its_list_is_is_judged_without_asking() {
    let ca = root(ca_params("CA"));
    let mut params = numbered(8);
    params.crl_distribution_points =
        vec![CrlDistributionPoint { uris: vec!["http://127.0.0.1:1/list.crl".to_owned()] }];
    // 1.3.6.1.5.5.7.1.1: authority information access, with an OCSP responder (RFC 5280 4.2.2.1).
    let location = der(0x86, b"http://127.0.0.1:1/ocsp");
    let access = der(0x30, &der(0x30, &[oid("1.3.6.1.5.5.7.48.1"), location].concat()));
    params.custom_extensions = vec![CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 1], access)];
    let certificate = peer([issued(&params, &ca)]);
    let trusted = anchors(&ca.pem());
    assert_eq!(trusted.check(&certificate, NOW), Ok(()));
    let lists = lists(&signed(&list(&[7]), &ca));
    assert_eq!(trusted.check_unrevoked(&certificate, &lists, NOW), Ok(()), "TL-11");
}
