use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rcgen::{KeyPair, KeyUsagePurpose, PKCS_ECDSA_P384_SHA384, PKCS_ECDSA_P521_SHA512, PKCS_ED25519};

use super::*;
use crate::certificate::CertificateError;

#[test]
fn the_thumbprint_is_that_of_the_leaf_alone() {
    let ca = root(ca_params("CA"));
    let leaf = issued(&leaf_params("app"), &ca);
    let expected = URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, &leaf));

    let presented = peer([leaf.clone(), ca.der().to_vec()]);

    assert_eq!(presented.thumbprint(), expected, "MTL-05");
    assert!(presented.has_thumbprint(&expected));
    assert!(!presented.has_thumbprint(""));
    assert!(!presented.has_thumbprint(&expected[1..]));
    assert!(!presented.has_thumbprint(&expected.to_lowercase()));
    assert_eq!(presented.der(), leaf);
    assert_eq!(presented.chain().collect::<Vec<_>>(), [leaf.as_slice(), ca.der().as_ref()]);
}

#[test]
fn what_is_no_certificate_counts_as_none() {
    let leaf = self_signed(&leaf_params("app")).der().to_vec();
    let followed = [leaf.clone(), vec![0]].concat();
    for chain in
        [vec![], vec![vec![]], vec![b"junk".to_vec()], vec![leaf[..leaf.len() - 1].to_vec()], vec![followed]]
    {
        assert!(PeerCertificate::from_chain(chain).is_none(), "MTL-04");
    }
    assert!(PeerCertificate::from_chain(vec![leaf]).is_some());
}

#[test]
fn debug_shows_the_thumbprint_only() {
    let presented = peer([self_signed(&leaf_params("app")).der().to_vec()]);
    assert_eq!(format!("{presented:?}"), format!("PeerCertificate({:?})", presented.thumbprint()));
}

#[test]
fn a_certificate_is_valid_from_its_first_to_its_last_second() {
    let presented = peer([self_signed(&leaf_params("app")).der().to_vec()]);
    let (first, last) = (Timestamp::from_unix(1_780_272_000), Timestamp::from_unix(1_782_864_000));

    assert_eq!(presented.not_after(), last);
    assert_eq!(presented.valid_at(first), Ok(()), "MTL-01");
    assert_eq!(presented.valid_at(last), Ok(()));
    assert_eq!(presented.valid_at(first - Lifetime::seconds(1)), Err(CertificateError::NotYetValid));
    assert_eq!(presented.valid_at(last + Lifetime::seconds(1)), Err(CertificateError::Expired));
}

#[test]
fn strong_keys_are_accepted() {
    for algorithm in [&PKCS_ECDSA_P384_SHA384, &PKCS_ECDSA_P521_SHA512, &PKCS_ED25519] {
        let key = KeyPair::generate_for(algorithm).unwrap();
        let presented = peer([leaf_params("app").self_signed(&key).unwrap().der().to_vec()]);
        assert_eq!(presented.valid_at(NOW), Ok(()), "INV-05 {algorithm:?}");
    }
    for modulus in [rsa_modulus(2048), rsa_modulus(4096)] {
        let presented = peer([unsigned(&der(0x30, &[]), &rsa(&modulus, &[1, 0, 1]))]);
        assert_eq!(presented.valid_at(NOW), Ok(()), "INV-05 {}", modulus.len());
    }
}

#[test]
fn weak_and_crooked_keys_are_refused() {
    let secp256k1 = ec(&[0x2b, 0x81, 0x04, 0x00, 0x0a]);
    let p192 = ec(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x01]);
    let dsa = der(
        0x30,
        &[der(0x30, &der(0x06, &[0x2a, 0x86, 0x48, 0xce, 0x38, 0x04, 0x01])), bits(&[2, 1, 1])].concat(),
    );
    let mut even = rsa_modulus(2048);
    *even.last_mut().unwrap() = 0xfe;
    let padded = [vec![0; 128], rsa_modulus(1024)].concat();
    for (what, key) in [
        ("RSA 1024", rsa(&rsa_modulus(1024), &[1, 0, 1])),
        ("RSA 2047", rsa(&[&[0x7f], &rsa_modulus(2048)[1..]].concat(), &[1, 0, 1])),
        ("RSA 1024 with leading zeros", rsa(&padded, &[1, 0, 1])),
        ("an even modulus", rsa(&even, &[1, 0, 1])),
        ("exponent 1", rsa(&rsa_modulus(2048), &[1])),
        ("an even exponent", rsa(&rsa_modulus(2048), &[2])),
        ("secp256k1", secp256k1),
        ("P-192", p192),
        ("DSA", dsa),
    ] {
        let presented = peer([unsigned(&der(0x30, &[]), &key)]);
        assert_eq!(presented.valid_at(NOW), Err(CertificateError::Weak), "INV-05, J-17 {what}");
    }
}

#[test]
fn a_key_that_may_not_sign_is_refused() {
    let mut params = leaf_params("app");
    params.key_usages = vec![KeyUsagePurpose::KeyEncipherment];
    let presented = peer([self_signed(&params).der().to_vec()]);
    assert_eq!(presented.valid_at(NOW), Err(CertificateError::WrongUsage), "MTL-01");

    params.key_usages = vec![];
    let presented = peer([self_signed(&params).der().to_vec()]);
    assert_eq!(presented.valid_at(NOW), Ok(()), "a certificate without the extension is not restricted");
}

#[test]
fn a_version_1_certificate_is_refused() {
    let v3 = unsigned(&der(0x30, &[]), &ed25519());
    let v1 = without_version(&v3);
    assert_eq!(peer([v1]).valid_at(NOW), Err(CertificateError::Malformed));
    assert_eq!(peer([v3]).valid_at(NOW), Ok(()));
}

/// `TL-06`: the method without a CA knows certificates, not names and not issuers.
#[test]
fn a_self_signed_certificate_is_known_by_its_bytes_alone() {
    let registered = self_signed(&leaf_params("app"));
    let known = peer([registered.der().to_vec()]).thumbprint().to_owned();

    let same_subject_other_key = peer([self_signed(&leaf_params("app")).der().to_vec()]);
    assert!(!same_subject_other_key.has_thumbprint(&known), "TL-06");

    let registered_ca = root(ca_params("app"));
    let known_ca = peer([registered_ca.der().to_vec()]).thumbprint().to_owned();
    let issued_by_it = peer([issued(&leaf_params("app"), &registered_ca), registered_ca.der().to_vec()]);
    assert!(!issued_by_it.has_thumbprint(&known_ca), "TL-06: no chain is built");

    assert!(peer([registered.der().to_vec()]).has_thumbprint(&known));
}

fn rsa_modulus(bits: usize) -> Vec<u8> {
    let mut modulus = vec![0xab; bits / 8];
    *modulus.last_mut().unwrap() = 0xff;
    modulus
}

fn rsa(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
    let algorithm =
        [der(0x06, &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01]), der(0x05, &[])].concat();
    let key = der(0x30, &[der(0x02, &[&[0], modulus].concat()), der(0x02, exponent)].concat());
    der(0x30, &[der(0x30, &algorithm), bits(&key)].concat())
}

fn ec(curve: &[u8]) -> Vec<u8> {
    let algorithm = [der(0x06, &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01]), der(0x06, curve)].concat();
    der(0x30, &[der(0x30, &algorithm), bits(&[&[4_u8] as &[u8], &[7; 64]].concat())].concat())
}

/// Takes the explicit version out of what [`unsigned`] makes.
fn without_version(certificate: &[u8]) -> Vec<u8> {
    let version = der(0xa0, &der(0x02, &[2]));
    let at = certificate.windows(version.len()).position(|window| window == version).unwrap();
    let tbs = &certificate[at..];
    let algorithm_and_signature = [der(0x30, &der(0x06, &[0x2b, 0x65, 0x70])), bits(&[0; 64])].concat();
    let tbs = &tbs[version.len()..tbs.len() - algorithm_and_signature.len()];
    der(0x30, &[der(0x30, tbs), algorithm_and_signature].concat())
}
