//! Claims about certificates. They are made when the test runs: by rcgen, or by hand where rcgen is too well-behaved.

mod anchors;
mod dn;
mod dn_differential;
mod dn_properties;
mod dn_vectors;
mod facts;
mod forwarded;
mod names;
mod peer;
pub(crate) mod revocation;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, SanType,
};

use super::dn::DistinguishedName;
use super::{PeerCertificate, TrustAnchors};
use crate::lifetime::{Lifetime, Timestamp};

/// 2026-06-15T12:00:00Z: every certificate here is valid in June 2026.
pub(crate) const NOW: Timestamp = Timestamp::from_unix(1_781_524_800);

pub(crate) type Ca = CertifiedIssuer<'static, KeyPair>;

pub(crate) fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CountryName, "GB");
    params.distinguished_name.push(DnType::OrganizationName, "Example");
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = rcgen::date_time_ymd(2026, 6, 1);
    params.not_after = rcgen::date_time_ymd(2026, 7, 1);
    params
}

pub(crate) fn ca_params(name: &str) -> CertificateParams {
    let mut params = params(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

pub(crate) fn leaf_params(name: &str) -> CertificateParams {
    let mut params = params(name);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params
}

pub(crate) fn key() -> KeyPair {
    KeyPair::generate().unwrap()
}

pub(crate) fn root(params: CertificateParams) -> Ca {
    Ca::self_signed(params, key()).unwrap()
}

pub(super) fn intermediate(params: CertificateParams, issuer: &Issuer<'_, KeyPair>) -> Ca {
    Ca::signed_by(params, key(), issuer).unwrap()
}

pub(crate) fn issued(params: &CertificateParams, issuer: &Issuer<'_, KeyPair>) -> Vec<u8> {
    params.signed_by(&key(), issuer).unwrap().der().to_vec()
}

pub(crate) fn self_signed(params: &CertificateParams) -> rcgen::Certificate {
    params.self_signed(&key()).unwrap()
}

pub(crate) fn peer(chain: impl IntoIterator<Item = Vec<u8>>) -> PeerCertificate {
    PeerCertificate::from_chain(chain.into_iter().collect()).unwrap()
}

pub(super) fn anchors(pem: &str) -> TrustAnchors {
    TrustAnchors::parse(pem.as_bytes()).unwrap()
}

pub(super) fn with_names(names: Vec<SanType>) -> PeerCertificate {
    let mut params = leaf_params("app");
    params.subject_alt_names = names;
    peer([self_signed(&params).der().to_vec()])
}

/// A certificate whose `subjectAltName` is these general names, as raw DER.
pub(super) fn with_raw_names(general_names: &[Vec<u8>]) -> PeerCertificate {
    let names = der(0x04, &der(0x30, &general_names.concat()));
    let extension = der(0x30, &[oid("2.5.29.17"), names].concat());
    let extensions = der(0xa3, &der(0x30, &extension));
    peer([unsigned(&sequence(&[&[(CN, UTF8, b"app")]]), &[ed25519(), extensions].concat())])
}

/// A certificate with this subject, and what does not matter around it. Its signature is wrong: only the handshake and the
/// anchors look at it, and these certificates meet neither.
pub(super) fn with_subject(rdn_sequence: &[u8]) -> Vec<u8> {
    unsigned(rdn_sequence, &ed25519())
}

pub(super) fn unsigned(rdn_sequence: &[u8], key_and_extensions: &[u8]) -> Vec<u8> {
    let algorithm = der(0x30, &der(0x06, &[0x2b, 0x65, 0x70]));
    let validity = der(0x30, &[der(0x17, b"260601000000Z"), der(0x17, b"260701000000Z")].concat());
    let tbs = [
        der(0xa0, &der(0x02, &[2])),
        der(0x02, &[1]),
        algorithm.clone(),
        der(0x30, &[]),
        validity,
        rdn_sequence.to_vec(),
        key_and_extensions.to_vec(),
    ];
    der(0x30, &[der(0x30, &tbs.concat()), algorithm, bits(&[0; 64])].concat())
}

pub(super) fn ed25519() -> Vec<u8> {
    der(0x30, &[der(0x30, &der(0x06, &[0x2b, 0x65, 0x70])), bits(&[7; 32])].concat())
}

/// A BIT STRING of whole octets.
pub(super) fn bits(octets: &[u8]) -> Vec<u8> {
    der(0x03, &[&[0], octets].concat())
}

/// A DER element, written independently of the code under test.
pub(super) fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let head = match length {
        0..=0x7f => vec![tag, u8::try_from(length).unwrap()],
        0x80..=0xff => vec![tag, 0x81, u8::try_from(length).unwrap()],
        _ => {
            let [high, low] = u16::try_from(length).unwrap().to_be_bytes();
            vec![tag, 0x82, high, low]
        }
    };
    [head, content.to_vec()].concat()
}

/// One attribute of a name.
pub(super) type Ava<'a> = (&'a str, u8, &'a [u8]);

/// An `RDNSequence` in the order of the certificate.
pub(super) fn sequence(rdns: &[&[Ava<'_>]]) -> Vec<u8> {
    let rdns = rdns.iter().map(|rdn| {
        let attributes =
            rdn.iter().map(|(kind, tag, value)| der(0x30, &[oid(kind), der(*tag, value)].concat()));
        der(0x31, &attributes.collect::<Vec<_>>().concat())
    });
    der(0x30, &rdns.collect::<Vec<_>>().concat())
}

pub(super) fn oid(dotted: &str) -> Vec<u8> {
    let arcs: Vec<u128> = dotted.split('.').map(|arc| arc.parse().unwrap()).collect();
    let mut content = Vec::new();
    for arc in std::iter::once(arcs[0] * 40 + arcs[1]).chain(arcs[2..].iter().copied()) {
        let mut groups = vec![u8::try_from(arc & 0x7f).unwrap()];
        let mut rest = arc >> 7;
        while rest > 0 {
            groups.push(u8::try_from(rest & 0x7f).unwrap() | 0x80);
            rest >>= 7;
        }
        content.extend(groups.iter().rev());
    }
    der(0x06, &content)
}

pub(super) fn of(rdns: &[&[Ava<'_>]]) -> DistinguishedName {
    DistinguishedName::from_der(&sequence(rdns)).unwrap()
}

pub(super) fn text(text: &str) -> DistinguishedName {
    DistinguishedName::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
}

pub(super) const CN: &str = "2.5.4.3";
pub(super) const C: &str = "2.5.4.6";
pub(super) const O: &str = "2.5.4.10";
pub(super) const OU: &str = "2.5.4.11";
pub(super) const SERIAL_NUMBER: &str = "2.5.4.5";
pub(super) const ORGANIZATION_IDENTIFIER: &str = "2.5.4.97";

pub(super) const UTF8: u8 = 0x0c;
pub(super) const NUMERIC: u8 = 0x12;
pub(super) const PRINTABLE: u8 = 0x13;
pub(super) const TELETEX: u8 = 0x14;
pub(super) const IA5: u8 = 0x16;
pub(super) const UNIVERSAL: u8 = 0x1c;
pub(super) const BMP: u8 = 0x1e;
