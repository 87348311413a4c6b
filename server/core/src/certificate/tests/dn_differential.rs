use std::io::Write as _;
use std::process::{Command, Stdio};

use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::{Config, RngSeed, TestRunner};

use super::*;
use crate::certificate::dn::DistinguishedName;

/// `TL-08`: what OpenSSL prints of a certificate's subject is, to us, the name in that certificate.
///
/// `TeletexString` is left out on purpose: OpenSSL takes it for Latin-1, and we for bytes.
#[test]
fn openssl_and_we_read_the_same_subjects() {
    if Command::new("openssl").arg("version").output().is_err() {
        eprintln!("skipped: there is no openssl program here");
        return;
    }
    let mut runner = TestRunner::new(Config {
        rng_seed: RngSeed::Fixed(4514),
        failure_persistence: None,
        ..Config::default()
    });
    let mut compared = 0;
    for _ in 0..60 {
        let subject = dn_properties::readable_name().new_tree(&mut runner).unwrap().current();
        let certificate = DistinguishedName::from_der(&subject).unwrap();
        let printed = openssl_subject(&with_subject(&subject));
        let Some(printed) = printed.strip_prefix("subject=") else { panic!("openssl said {printed:?}") };
        let printed = printed.trim_end_matches('\n');
        assert_eq!(
            DistinguishedName::parse(printed).as_ref(),
            Ok(&certificate),
            "TL-08 openssl: {printed} we: {certificate}"
        );
        compared += 1;
    }
    assert_eq!(compared, 60);
}

fn openssl_subject(certificate: &[u8]) -> String {
    let mut child = Command::new("openssl")
        .args(["x509", "-inform", "DER", "-noout", "-subject", "-nameopt", "RFC2253"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(certificate).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}
