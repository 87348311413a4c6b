//! Certificates: how they are made, and when they are made anew.

use fapi_core::{Lifetime, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, NameConstraints, SanType,
};
use zeroize::Zeroizing;

use super::{Certified, MaterialError};

/// A certificate authority; with hosts, one that can sign for those only.
pub(super) fn authority(
    name: &str,
    hosts: &[String],
    lifetime: Lifetime,
    now: Timestamp,
) -> Result<Certified, MaterialError> {
    let mut params = params(name, now, lifetime)?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    if !hosts.is_empty() {
        let permitted_subtrees = hosts.iter().cloned().map(GeneralSubtree::DnsName).collect();
        params.name_constraints = Some(NameConstraints { permitted_subtrees, excluded_subtrees: Vec::new() });
    }
    let key = KeyPair::generate().map_err(|_| MaterialError::Generation)?;
    let certificate = params.self_signed(&key).map_err(|_| MaterialError::Generation)?;
    Ok(Certified { certificate: certificate.pem(), key: Zeroizing::new(key.serialize_pem()) })
}

/// A server certificate.
pub(super) fn server(
    ca: &Certified,
    hosts: &[String],
    key: Result<KeyPair, rcgen::Error>,
    lifetime: Lifetime,
    now: Timestamp,
) -> Result<Certified, MaterialError> {
    let name = hosts.first().map_or("fapi-server", String::as_str);
    let mut params = params(name, now, lifetime)?;
    for host in hosts {
        let name = host.as_str().try_into().map_err(|_| MaterialError::Generation)?;
        params.subject_alt_names.push(SanType::DnsName(name));
    }
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    sign(&params, ca, key)
}

pub(super) fn sign(
    params: &CertificateParams,
    ca: &Certified,
    key: Result<KeyPair, rcgen::Error>,
) -> Result<Certified, MaterialError> {
    let failed = |_| MaterialError::Generation;
    let issuer_key = KeyPair::from_pem(&ca.key).map_err(failed)?;
    let issuer = Issuer::from_ca_cert_pem(&ca.certificate, issuer_key).map_err(failed)?;
    let key = key.map_err(failed)?;
    let certificate = params.signed_by(&key, &issuer).map_err(failed)?;
    Ok(Certified { certificate: certificate.pem(), key: Zeroizing::new(key.serialize_pem()) })
}

pub(super) fn params(
    name: &str,
    now: Timestamp,
    lifetime: Lifetime,
) -> Result<CertificateParams, MaterialError> {
    let mut params = CertificateParams::new(Vec::new()).map_err(|_| MaterialError::Generation)?;
    let common_name: String = name.chars().take(64).collect();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.use_authority_key_identifier_extension = true;
    let (year, month, day) = date(now - Lifetime::days(1))?;
    params.not_before = rcgen::date_time_ymd(year, month, day);
    let (year, month, day) = date(now + lifetime)?;
    params.not_after = rcgen::date_time_ymd(year, month, day);
    Ok(params)
}

/// Year, month and day: rcgen's dates are whole days here.
fn date(time: Timestamp) -> Result<(i32, u8, u8), MaterialError> {
    let time = jiff::Timestamp::from_second(time.as_unix()).map_err(|_| MaterialError::Generation)?;
    let date = time.to_zoned(jiff::tz::TimeZone::UTC).date();
    let part = |value: i8| u8::try_from(value).map_err(|_| MaterialError::Generation);
    Ok((i32::from(date.year()), part(date.month())?, part(date.day())?))
}

/// From when to when a certificate is valid. None if it cannot be read.
pub(super) fn validity(certified: &Certified) -> Option<(Timestamp, Timestamp)> {
    let (_, pem) = x509_parser::pem::parse_x509_pem(certified.certificate.as_bytes()).ok()?;
    let validity = pem.parse_x509().ok()?.validity().clone();
    let [from, until] =
        [validity.not_before, validity.not_after].map(|time| Timestamp::from_unix(time.timestamp()));
    Some((from, until))
}

/// Whether a certificate is valid, is not due for renewal, and names exactly these hosts (none: whatever it names).
pub(super) fn is_fresh(certified: &Certified, now: Timestamp, renewal: Lifetime, hosts: &[String]) -> bool {
    let Ok((_, pem)) = x509_parser::pem::parse_x509_pem(certified.certificate.as_bytes()) else {
        return false;
    };
    let Ok(certificate) = pem.parse_x509() else { return false };
    let validity = certificate.validity();
    let timely = validity.not_before.timestamp() <= now.as_unix()
        && now.as_unix() + renewal.as_seconds() < validity.not_after.timestamp();
    let mut named: Vec<&str> = Vec::new();
    if let Ok(Some(names)) = certificate.subject_alternative_name() {
        for name in &names.value.general_names {
            if let x509_parser::extensions::GeneralName::DNSName(host) = name {
                named.push(host);
            }
        }
    }
    timely
        && (hosts.is_empty()
            || (named.len() == hosts.len() && hosts.iter().all(|host| named.contains(&host.as_str()))))
}
