//! Certificates and the names in them: what is printed is read back, and two names are equal only if they mean the same.

use std::net::IpAddr;

use fapi_core::certificate::{InvalidSubjectName, PeerCertificate, SubjectName, TrustAnchors, describe_pem};
use fapi_jose::{b64, sha256};

use crate::actors::NOON;
use crate::certificate::{around, element, pem};

fn presented(der: Vec<u8>) -> Option<PeerCertificate> {
    PeerCertificate::from_chain(vec![der])
}

/// The DER of a whole certificate.
pub(super) fn certificate(input: &[u8]) -> bool {
    let described = describe_pem(pem(input).as_bytes());
    let Some(certificate) = presented(input.to_vec()) else {
        assert!(described.is_err(), "both doors read the same certificates");
        return false;
    };
    assert_eq!(certificate.der(), input);
    assert_eq!(certificate.thumbprint(), b64::encode(sha256(input)), "RFC 8705 3.1");
    assert!(certificate.has_thumbprint(&b64::encode(sha256(input))));
    let valid = certificate.valid_at(NOON);
    assert!(valid.is_err() || certificate.not_after() >= NOON, "TL-03");
    if let Ok(anchors) = TrustAnchors::parse(pem(input).as_bytes()) {
        let chain = PeerCertificate::from_chain(vec![input.to_vec(), input.to_vec()]).expect("as before");
        let outcomes = (anchors.check(&certificate, NOON), anchors.check(&chain, NOON));
        assert!(valid.is_ok() || (outcomes.0.is_err() && outcomes.1.is_err()), "INV-05");
    }
    let Ok(facts) = described else { return false };
    assert_eq!(facts[0].thumbprint, certificate.thumbprint());
    assert_eq!(facts[0].not_after, certificate.not_after());
    names_itself(&facts[0].subject, &certificate);
    true
}

/// The printed subject is one that could be registered, and then it is the certificate's (`TL-09`).
fn names_itself(subject: &str, certificate: &PeerCertificate) {
    assert!(!subject.contains(['\n', '\r', '\0']), "a name cannot break a line");
    let name = SubjectName::SubjectDn(subject.to_owned());
    match name.check() {
        Ok(()) => assert!(name.matches(certificate), "TL-09: {subject}"),
        Err(InvalidSubjectName::EmptyDn | InvalidSubjectName::EmptyDnValue) => {
            assert!(!name.matches(certificate));
        }
        Err(other) => assert!(subject.len() > 2048, "{other}: {subject}"),
    }
}

/// A `Name` in DER.
pub(super) fn dn_der(input: &[u8]) -> bool {
    let der = around(input, &[]);
    let Some(certificate) = presented(der.clone()) else { return false };
    let nobody = SubjectName::SubjectDn("CN=nobody,O=Nowhere".to_owned());
    assert!(
        !nobody.matches(&certificate) || input.windows(6).any(|part| part.eq_ignore_ascii_case(b"nobody"))
    );
    let Ok(facts) = describe_pem(pem(&der).as_bytes()) else { return false };
    names_itself(&facts[0].subject, &certificate);
    true
}

/// A distinguished name as people write it: if it may be registered, a certificate with that name has it (`TL-09`).
pub(super) fn dn_text(input: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(input) else { return false };
    let name = SubjectName::SubjectDn(text.to_owned());
    match name.check() {
        Err(InvalidSubjectName::Dn(invalid)) => {
            assert!(
                (1..=text.chars().count() + 1).contains(&invalid.position),
                "the position is in the text"
            );
            false
        }
        Err(_) => false,
        Ok(()) => {
            let Some(der) = reference(text) else { return true };
            let certificate = presented(around(&der, &[])).expect("a certificate with a well-formed name");
            assert!(name.matches(&certificate), "TL-09: {text:?}");
            let shouted = SubjectName::SubjectDn(text.to_uppercase());
            if text.is_ascii() && !text.contains(['#', '\\']) {
                assert!(shouted.matches(&certificate), "RFC 4517 4.2.11: {text:?}");
            }
            let more = SubjectName::SubjectDn(format!("{text},CN=more"));
            assert!(!more.matches(&certificate), "TL-09: {text:?}");
            true
        }
    }
}

/// RFC 4514 2 in the other direction, for text that is known to be well-formed. `None` where a type has a name that this reader does
/// not know.
fn reference(text: &str) -> Option<Vec<u8>> {
    let mut rdns = Vec::new();
    for rdn in split(text, ',') {
        let attributes: Option<Vec<Vec<u8>>> = split(rdn, '+').into_iter().map(attribute).collect();
        rdns.push(element(0x31, &attributes?.concat()));
    }
    rdns.reverse();
    Some(element(0x30, &rdns.concat()))
}

fn attribute(text: &str) -> Option<Vec<u8>> {
    let (kind, value) = text.split_once('=')?;
    let value = value.trim_start_matches(' ');
    let value = match value.strip_prefix('#') {
        Some(hex) => octets(hex.trim_end_matches(' ')),
        None => element(0x0c, &unescaped(value)),
    };
    Some(element(0x30, &[element(0x06, &kind_octets(kind.trim_matches(' '))?), value].concat()))
}

fn octets(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> =
        hex.chars().map(|c| u8::try_from(c.to_digit(16).expect("checked")).expect("a digit")).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

fn kind_octets(name: &str) -> Option<Vec<u8>> {
    let dotted = match name.to_ascii_uppercase().as_str() {
        "CN" => "2.5.4.3",
        "C" => "2.5.4.6",
        "L" => "2.5.4.7",
        "ST" => "2.5.4.8",
        "O" => "2.5.4.10",
        "OU" => "2.5.4.11",
        "DC" => "0.9.2342.19200300.100.1.25",
        "UID" => "0.9.2342.19200300.100.1.1",
        _ if name.starts_with(|c: char| c.is_ascii_digit()) => name,
        _ => return None,
    };
    let arcs: Option<Vec<u128>> =
        dotted.split('.').map(|arc| arc.parse().ok().filter(|arc| *arc < 1 << 60)).collect();
    let arcs = arcs?;
    let first = arcs[0] * 40 + arcs[1];
    Some(std::iter::once(first).chain(arcs[2..].iter().copied()).flat_map(base128).collect())
}

fn base128(arc: u128) -> Vec<u8> {
    let groups = (0..19).map(|group| u8::try_from(arc >> (7 * group) & 0x7f).expect("7 bits"));
    let mut groups: Vec<u8> = groups.collect();
    while groups.len() > 1 && groups.last() == Some(&0) {
        groups.pop();
    }
    groups
        .iter()
        .rev()
        .enumerate()
        .map(|(at, bits)| if at + 1 < groups.len() { bits | 0x80 } else { *bits })
        .collect()
}

/// At separators that no backslash stands before.
fn split(text: &str, separator: char) -> Vec<&str> {
    let (mut parts, mut start, mut escaped) = (Vec::new(), 0, false);
    for (at, c) in text.char_indices() {
        if c == separator && !escaped {
            parts.push(&text[start..at]);
            start = at + 1;
        }
        escaped = c == '\\' && !escaped;
    }
    parts.push(&text[start..]);
    parts
}

fn unescaped(text: &str) -> Vec<u8> {
    let (mut octets, mut kept, bytes, mut at) = (Vec::new(), 0, text.as_bytes(), 0);
    let digit = |at: usize| bytes.get(at).and_then(|byte| char::from(*byte).to_digit(16));
    while let Some(byte) = bytes.get(at) {
        let escaped = *byte == b'\\';
        match (escaped, digit(at + 1), digit(at + 2)) {
            (true, Some(high), Some(low)) => {
                octets.push(u8::try_from(high * 16 + low).expect("two digits"));
                at += 3;
            }
            (true, ..) => {
                octets.push(bytes[at + 1]);
                at += 2;
            }
            _ => {
                octets.push(*byte);
                at += 1;
            }
        }
        if escaped || *byte != b' ' {
            kept = octets.len();
        }
    }
    octets.truncate(kept);
    octets
}

/// Alternative names: line 1 is the kind, line 2 what is registered, every further one what the certificate has.
pub(super) fn san(input: &[u8]) -> bool {
    let mut lines = input.split(|byte| *byte == b'\n');
    let (Some(kind), Some(registered)) = (lines.next(), lines.next()) else { return false };
    let Ok(registered) = std::str::from_utf8(registered) else { return false };
    let text = registered.to_owned();
    let (tag, name) = match kind {
        b"dns" => (0x82, SubjectName::SanDns(text)),
        b"email" => (0x81, SubjectName::SanEmail(text)),
        b"ip" => (0x87, SubjectName::SanIp(text)),
        b"uri" => (0x86, SubjectName::SanUri(text)),
        _ => return false,
    };
    let names: Vec<&[u8]> = lines.collect();
    let general: Vec<u8> = names.iter().flat_map(|name| element(tag, name)).collect();
    let Some(certificate) = presented(around(&element(0x30, &[]), &general)) else { return false };
    let accepted = name.check().is_ok();
    let equal = |presented: &&&[u8]| match &name {
        SubjectName::SanDns(_) => presented.eq_ignore_ascii_case(registered.as_bytes()),
        SubjectName::SanUri(_) => **presented == registered.as_bytes(),
        SubjectName::SanIp(_) => registered.parse::<IpAddr>().is_ok_and(|address| match address {
            IpAddr::V4(v4) => **presented == v4.octets(),
            IpAddr::V6(v6) => **presented == v6.octets(),
        }),
        SubjectName::SanEmail(_) | SubjectName::SubjectDn(_) => {
            let parts = |text: &[u8]| {
                let at = text.iter().position(|byte| *byte == b'@')?;
                Some((text[..at].to_vec(), text[at..].to_ascii_lowercase()))
            };
            parts(presented).is_some() && parts(presented) == parts(registered.as_bytes())
        }
    };
    let matched = name.matches(&certificate);
    if matched {
        assert!(accepted && names.iter().any(|name| equal(&name)), "TL-07, TL-08: {registered:?}");
    } else if accepted && names.iter().all(|name| name.is_ascii()) {
        assert!(!names.iter().any(|name| equal(&name)), "MTL-01: {registered:?}");
    }
    matched
}

/// Certificates as people hand them in (`J-25`).
pub(super) fn pem_text(input: &[u8]) -> bool {
    let text = String::from_utf8_lossy(input);
    let Ok(facts) = describe_pem(input) else { return false };
    let blocks =
        text.lines().filter(|line| line.trim_start_matches('\u{feff}').starts_with("-----BEGIN ")).count();
    assert_eq!(facts.len(), blocks, "J-25: every block is read");
    assert!(
        !text.lines().any(|line| line.trim_end().ends_with("PRIVATE KEY-----")),
        "a private key is refused"
    );
    let again = text.lines().map(str::trim_end).collect::<Vec<_>>().join("\r\n");
    assert_eq!(describe_pem(again.as_bytes()).as_ref(), Ok(&facts), "J-25: line ends do not matter");
    true
}
