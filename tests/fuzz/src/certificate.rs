//! How do bytes become a certificate around them? X.509 v3 with a real key of P-256 and a signature that is none: nobody looks at it
//! before a chain is built.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fapi_jose::b64;

use crate::actors::Signer;

const ECDSA_WITH_SHA256: &[u8] = &[0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
const EC_PUBLIC_KEY: &[u8] = &[0x06, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
const P256: &[u8] = &[0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
const SUBJECT_ALT_NAME: &[u8] = &[0x06, 3, 0x55, 0x1d, 0x11];

/// One DER element.
pub(crate) fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut whole = vec![tag];
    match content.len() {
        short @ 0..=0x7f => whole.push(u8::try_from(short).expect("below 128")),
        long => {
            let length = long.to_be_bytes();
            let start = length.iter().position(|byte| *byte != 0).expect("not 0");
            whole.push(0x80 | u8::try_from(length.len() - start).expect("at most 8"));
            whole.extend_from_slice(&length[start..]);
        }
    }
    whole.extend_from_slice(content);
    whole
}

fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    element(0x30, &parts.concat())
}

/// A certificate with this subject (a `Name` in DER, or what claims to be one) and these alternative names (`GeneralName`s).
pub(crate) fn around(subject: &[u8], alternative_names: &[u8]) -> Vec<u8> {
    made(&sequence(&[]), &[1], subject, alternative_names)
}

/// A certificate of this issuer (a `Name` in DER) with this serial number (the content of an `INTEGER`).
pub(crate) fn numbered(issuer: &[u8], serial: &[u8]) -> Vec<u8> {
    made(issuer, serial, &sequence(&[]), &[])
}

fn made(issuer: &[u8], serial: &[u8], subject: &[u8], alternative_names: &[u8]) -> Vec<u8> {
    let version = element(0xa0, &element(0x02, &[2]));
    let algorithm = sequence(&[ECDSA_WITH_SHA256]);
    let validity = sequence(&[&element(0x17, b"260101000000Z"), &element(0x17, b"301231235959Z")]);
    let key = sequence(&[&sequence(&[EC_PUBLIC_KEY, P256]), &element(0x03, &[&[0, 4], &*point()].concat())]);
    let extensions = if alternative_names.is_empty() {
        Vec::new()
    } else {
        let value = element(0x04, &element(0x30, alternative_names));
        element(0xa3, &sequence(&[&sequence(&[SUBJECT_ALT_NAME, &value])]))
    };
    let signed = sequence(&[
        &version,
        &element(0x02, serial),
        &algorithm,
        issuer,
        &validity,
        subject,
        &key,
        &extensions,
    ]);
    let signature =
        element(0x03, &[&[0][..], &sequence(&[&element(0x02, &[1]), &element(0x02, &[1])])].concat());
    sequence(&[&signed, &algorithm, &signature])
}

fn point() -> Vec<u8> {
    let jwk = Signer::App.key().public().to_json();
    ["x", "y"]
        .iter()
        .flat_map(|name| b64::decode(jwk[*name].as_str().expect("text")).expect("bytes"))
        .collect()
}

/// A certificate as people hand it in.
pub(crate) fn pem(der: &[u8]) -> String {
    pem_of("CERTIFICATE", der)
}

/// A block of PEM.
pub(crate) fn pem_of(label: &str, der: &[u8]) -> String {
    let encoded = STANDARD.encode(der);
    let lines = encoded.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).expect("ASCII"));
    let lines: Vec<&str> = lines.collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}
