//! Certificates that a proxy passes on, and lists of those that were taken back.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fapi_core::certificate::{CertificateError, Dialect, ForwardedError, PeerCertificate, RevocationLists};

use crate::actors::NOON;
use crate::certificate::{numbered, pem_of};

/// The headers of a proxy: a line with its dialect, lines of the header with the certificate, an empty line, lines of the other one.
pub(super) fn client_cert(input: &[u8]) -> bool {
    let mut lines = input.split(|byte| *byte == b'\n');
    let dialect = match lines.next() {
        Some(b"Envoy") => Dialect::Envoy,
        Some(b"HAProxy") => Dialect::HAProxy,
        Some(b"Nginx") => Dialect::Nginx,
        Some(b"Traefik") => Dialect::Traefik,
        _ => Dialect::Rfc9440,
    };
    let values: Vec<&[u8]> = lines.by_ref().take_while(|line| !line.is_empty()).collect();
    let chain: Vec<&[u8]> = lines.collect();
    match dialect.read(&values, &chain) {
        Ok(None) => {
            assert!(values.is_empty() && chain.is_empty(), "TL-01: what is there is read");
            false
        }
        Err(why) => {
            assert!(why.to_string().len() < 200, "TL-01: nothing of it is repeated");
            assert_ne!((values.len(), chain.len()), (0, 0));
            false
        }
        Ok(Some(certificate)) => {
            let [value] = values.as_slice() else { panic!("TL-03: one header, one certificate") };
            is_its_only_spelling(dialect, value, &certificate);
            let twice = [*value, *value];
            assert!(matches!(dialect.read(&twice, &chain), Err(ForwardedError::Several)), "TL-03");
            let spaced = [value, b" ".as_slice()].concat();
            assert!(dialect.read(&[&spaced], &chain).is_err(), "TL-03: one spelling");
            true
        }
    }
}

/// `TL-03`: from the certificate there is one way back to the header.
fn is_its_only_spelling(dialect: Dialect, value: &[u8], certificate: &PeerCertificate) {
    let encoded = STANDARD.encode(certificate.der());
    let value = std::str::from_utf8(value).expect("TL-03: text");
    match dialect {
        Dialect::HAProxy => assert_eq!(value, encoded, "TL-03"),
        Dialect::Rfc9440 => assert_eq!(value, format!(":{encoded}:"), "TL-03"),
        Dialect::Traefik => assert_eq!(value.split(',').next(), Some(encoded.as_str()), "TL-03"),
        // PEM has line feeds, and none stands in a header as it is.
        Dialect::Envoy | Dialect::Nginx => assert!(value.contains("BEGIN%20CERTIFICATE"), "TL-03"),
    }
}

/// A revocation list as the CA publishes it (DER), or blocks of PEM.
pub(super) fn revocation_list(input: &[u8]) -> bool {
    let pem =
        if input.starts_with(b"-----") { input.to_vec() } else { pem_of("X509 CRL", input).into_bytes() };
    let lists = match RevocationLists::parse(&pem) {
        Ok(lists) => lists,
        Err(why) => {
            assert!(why.position > 0 && why.to_string().len() < 250, "TL-10");
            return false;
        }
    };
    assert!(pem.len() <= 2 * 512 * 1024, "TL-10");
    assert_eq!(RevocationLists::parse(&pem).as_ref(), Ok(&lists), "TL-10: it reads the same again");
    let facts: Vec<_> = lists.facts().collect();
    assert!(!facts.is_empty() && facts.iter().all(|facts| !facts.issuer.is_empty()), "TL-10");
    assert!(lists.expired(NOON).all(|ended| ended.next_update <= NOON), "TL-10");
    let ends = lists.next_update().expect("TL-10: each has an end");
    assert_eq!(
        lists.expired(NOON).next().is_some(),
        ends <= NOON,
        "TL-10: whoever is told of one end is told of the first"
    );

    // What is on the list is refused, and its neighbour is judged by the list too.
    if let Some((issuer, serial)) = one_that_is_named(input)
        && let Some(named) = PeerCertificate::from_chain(vec![numbered(&issuer, &serial)])
    {
        assert_eq!(lists.check_unnamed(&named), Err(CertificateError::Revoked), "TL-10");
    }
    true
}

/// The issuer and the first serial number of a list, as another parser reads them.
fn one_that_is_named(der: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    use x509_parser::prelude::FromDer as _;
    let (_, list) = x509_parser::revocation_list::CertificateRevocationList::from_der(der).ok()?;
    let serial = list.iter_revoked_certificates().next()?.raw_serial().to_vec();
    Some((list.issuer().as_raw().to_vec(), serial))
}
