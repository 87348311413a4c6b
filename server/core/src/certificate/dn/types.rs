//! Names of attribute types.

use super::oid::Oid;

/// The short names of RFC 4514 3: what we print, and what every implementation reads.
const SHORT: [(&str, &str); 9] = [
    ("CN", "2.5.4.3"),
    ("L", "2.5.4.7"),
    ("ST", "2.5.4.8"),
    ("O", "2.5.4.10"),
    ("OU", "2.5.4.11"),
    ("C", "2.5.4.6"),
    ("STREET", "2.5.4.9"),
    ("DC", "0.9.2342.19200300.100.1.25"),
    ("UID", "0.9.2342.19200300.100.1.1"),
];

/// Further names that we read (`TL-09`): RFC 4519, RFC 2985, the CA/Browser Forum and ETSI EN 319 412-1.
///
/// `SN` is the surname (RFC 4519 2.32) and never a serial number. `S`, `E` and `T`, which some programs print, are left out:
/// they mean different things to different programs.
const ALIASES: [(&str, &str); 30] = [
    ("commonName", "2.5.4.3"),
    ("SN", "2.5.4.4"),
    ("surname", "2.5.4.4"),
    ("serialNumber", "2.5.4.5"),
    ("countryName", "2.5.4.6"),
    ("localityName", "2.5.4.7"),
    ("stateOrProvinceName", "2.5.4.8"),
    ("streetAddress", "2.5.4.9"),
    ("organizationName", "2.5.4.10"),
    ("organizationalUnitName", "2.5.4.11"),
    ("title", "2.5.4.12"),
    ("businessCategory", "2.5.4.15"),
    ("postalCode", "2.5.4.17"),
    ("GN", "2.5.4.42"),
    ("givenName", "2.5.4.42"),
    ("initials", "2.5.4.43"),
    ("generationQualifier", "2.5.4.44"),
    ("dnQualifier", "2.5.4.46"),
    ("pseudonym", "2.5.4.65"),
    ("organizationIdentifier", "2.5.4.97"),
    ("userId", "0.9.2342.19200300.100.1.1"),
    ("domainComponent", "0.9.2342.19200300.100.1.25"),
    ("emailAddress", "1.2.840.113549.1.9.1"),
    ("unstructuredName", "1.2.840.113549.1.9.2"),
    ("jurisdictionL", "1.3.6.1.4.1.311.60.2.1.1"),
    ("jurisdictionLocalityName", "1.3.6.1.4.1.311.60.2.1.1"),
    ("jurisdictionST", "1.3.6.1.4.1.311.60.2.1.2"),
    ("jurisdictionStateOrProvinceName", "1.3.6.1.4.1.311.60.2.1.2"),
    ("jurisdictionC", "1.3.6.1.4.1.311.60.2.1.3"),
    ("jurisdictionCountryName", "1.3.6.1.4.1.311.60.2.1.3"),
];

/// The type with this name, without regard to case (RFC 4512 1.4).
pub(super) fn named(name: &str) -> Option<Oid> {
    let mut names = SHORT.iter().chain(&ALIASES);
    names.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, dotted)| Oid::known(dotted))
}

/// The short name of a type, where RFC 4514 has one.
pub(super) fn short_name(kind: &Oid) -> Option<&'static str> {
    SHORT.iter().find(|(_, dotted)| *dotted == kind.as_str()).map(|(name, _)| *name)
}
