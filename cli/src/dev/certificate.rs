//! Certificates of development clients: what the Client resource says that they must hold, from the Workspace's own
//! development authority, or signed by themselves.

use fapi_crds::client::CertificateSubject;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, SanType,
};
use zeroize::Zeroizing;

use super::{DevError, Folder};

/// How long development certificates live, in days.
pub(super) const DAYS: i64 = 90;

/// The file of the key that belongs to the certificate in `key` of a Secret.
pub(super) fn key_file(key: &str) -> String {
    format!("{key}.key.pem")
}

/// An authority for client certificates: its certificate.
pub(super) fn authority(folder: &Folder, key: &str, name: &str) -> Result<Zeroizing<Vec<u8>>, DevError> {
    if let (Some(certificate), Some(_)) = (folder.read(key)?, folder.read(&key_file(key))?)
        && lives_on(&certificate)
    {
        return Ok(certificate);
    }
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name = named(&format!("Development authority of {name}"));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    validity(&mut params);
    let pair = KeyPair::generate()?;
    let certificate = params.self_signed(&pair)?;
    folder.write(&key_file(key), Zeroizing::new(pair.serialize_pem()).as_bytes())?;
    folder.write(key, certificate.pem())?;
    Ok(Zeroizing::new(certificate.pem().into_bytes()))
}

/// A client certificate. `authority`: the folder and key of the authority that issues it; without, it signs itself.
pub(super) fn certificate(
    folder: &Folder,
    key: &str,
    client: &str,
    subject: Option<&CertificateSubject>,
    authority: Option<(&Folder, &str)>,
) -> Result<Zeroizing<Vec<u8>>, DevError> {
    // What the certificate was made for stands beside it: another subject or another authority needs another certificate.
    let issuer = match authority {
        Some((folder, key)) => folder.read_text(key)?,
        None => None,
    };
    let made_for = format!("{client} {subject:?} {}", issuer.as_deref().map_or("", String::as_str));
    let made_for = fapi_jose::b64::encode(fapi_jose::sha256(made_for));
    let note = format!("{key}.made-for");
    if let (Some(certificate), Some(_), Some(before)) =
        (folder.read(key)?, folder.read(&key_file(key))?, folder.read(&note)?)
        && before.as_slice() == made_for.as_bytes()
        && lives_on(&certificate)
    {
        return Ok(certificate);
    }

    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name = named(client);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    if let Some(subject) = subject {
        describe(&mut params, subject)?;
    }
    validity(&mut params);
    let pair = KeyPair::generate()?;
    let certificate = match (authority, issuer) {
        (Some((folder, key)), Some(issuer)) => {
            let text = folder.read_text(&key_file(key))?;
            let text = text.ok_or_else(|| {
                DevError::Made(format!("the authority {key} has no key: delete its folder"))
            })?;
            let issuer = Issuer::from_ca_cert_pem(&issuer, KeyPair::from_pem(&text)?)?;
            params.signed_by(&pair, &issuer)?
        }
        _ => params.self_signed(&pair)?,
    };
    folder.write(&key_file(key), Zeroizing::new(pair.serialize_pem()).as_bytes())?;
    folder.write(key, certificate.pem())?;
    folder.write(&note, made_for)?;
    Ok(Zeroizing::new(certificate.pem().into_bytes()))
}

/// A server certificate for these hosts and its key, from the authority in the same folder.
pub(super) fn server(
    folder: &Folder,
    key: &str,
    hosts: &[String],
    authority: &str,
) -> Result<[Zeroizing<Vec<u8>>; 2], DevError> {
    let missing = || DevError::Made(format!("the authority {authority} has no key: delete its folder"));
    let issuer = folder.read_text(authority)?.ok_or_else(missing)?;
    let issuer_key = folder.read_text(&key_file(authority))?.ok_or_else(missing)?;
    let made_for = fapi_jose::b64::encode(fapi_jose::sha256(format!("{hosts:?} {}", *issuer)));
    let note = format!("{key}.made-for");
    if let (Some(certificate), Some(pair), Some(before)) =
        (folder.read(key)?, folder.read(&key_file(key))?, folder.read(&note)?)
        && before.as_slice() == made_for.as_bytes()
        && lives_on(&certificate)
    {
        return Ok([certificate, pair]);
    }
    let mut params = CertificateParams::new(hosts.to_vec())?;
    params.distinguished_name = named(hosts.first().map_or("server", String::as_str));
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    validity(&mut params);
    let pair = KeyPair::generate()?;
    let issuer = Issuer::from_ca_cert_pem(&issuer, KeyPair::from_pem(&issuer_key)?)?;
    let certificate = params.signed_by(&pair, &issuer)?.pem();
    let pair = Zeroizing::new(pair.serialize_pem().into_bytes());
    folder.write(&key_file(key), &*pair)?;
    folder.write(key, &certificate)?;
    folder.write(&note, made_for)?;
    Ok([Zeroizing::new(certificate.into_bytes()), pair])
}

/// RFC 8705 2.1.2: the one name that is registered.
fn describe(params: &mut CertificateParams, subject: &CertificateSubject) -> Result<(), DevError> {
    let CertificateSubject { subject_dn, san_dns, san_uri, san_ip, san_email, certificate_ref: _ } = subject;
    if let Some(text) = subject_dn {
        params.distinguished_name = distinguished_name(text)?;
    }
    if let Some(name) = san_dns {
        params.subject_alt_names.push(SanType::DnsName(name.as_str().try_into()?));
    }
    if let Some(uri) = san_uri {
        params.subject_alt_names.push(SanType::URI(uri.as_str().try_into()?));
    }
    if let Some(address) = san_ip {
        let address =
            address.parse().map_err(|_| DevError::Made(format!("{address} is not an IP address")))?;
        params.subject_alt_names.push(SanType::IpAddress(address));
    }
    if let Some(address) = san_email {
        params.subject_alt_names.push(SanType::Rfc822Name(address.as_str().try_into()?));
    }
    Ok(())
}

/// A name as RFC 4514 writes it: the last part comes first in the certificate. Each type once, no `+`.
fn distinguished_name(text: &str) -> Result<DistinguishedName, DevError> {
    let wrong = || {
        DevError::Made(format!(
            "no development certificate can be made for {text:?}: write for example CN=app,O=Budget,C=GB, each type once"
        ))
    };
    let mut parts: Vec<(DnType, String)> = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (kind, after) = rest.split_once('=').ok_or_else(wrong)?;
        let (value, after) = value(after).ok_or_else(wrong)?;
        let kind = attribute(kind.trim()).ok_or_else(wrong)?;
        if parts.iter().any(|(other, _)| *other == kind) {
            return Err(wrong());
        }
        parts.push((kind, value));
        rest = after;
    }
    let mut name = DistinguishedName::new();
    for (kind, value) in parts.into_iter().rev() {
        name.push(kind, value);
    }
    Ok(name)
}

/// A value up to the next comma, without its escapes, and what follows that comma.
fn value(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => {
                let (_, escaped) = characters.next()?;
                // Two hex digits stand for a byte of UTF-8; nobody needs that on a laptop.
                if escaped.is_ascii_hexdigit() {
                    return None;
                }
                value.push(escaped);
            }
            ',' => return Some((value.trim().to_owned(), text.get(at + 1..)?)),
            '+' | '"' | ';' | '<' | '>' => return None,
            other => value.push(other),
        }
    }
    let value = value.trim();
    (!value.is_empty()).then(|| (value.to_owned(), ""))
}

fn attribute(name: &str) -> Option<DnType> {
    Some(match name.to_ascii_uppercase().as_str() {
        "CN" => DnType::CommonName,
        "O" => DnType::OrganizationName,
        "OU" => DnType::OrganizationalUnitName,
        "C" => DnType::CountryName,
        "L" => DnType::LocalityName,
        "ST" => DnType::StateOrProvinceName,
        "UID" => DnType::CustomDnType(vec![0, 9, 2342, 19_200_300, 100, 1, 1]),
        "DC" => DnType::CustomDnType(vec![0, 9, 2342, 19_200_300, 100, 1, 25]),
        "SERIALNUMBER" => DnType::CustomDnType(vec![2, 5, 4, 5]),
        dotted => DnType::CustomDnType(
            dotted.split('.').map(|part| part.parse().ok()).collect::<Option<Vec<u64>>>()?,
        ),
    })
}

pub(super) fn named(name: &str) -> DistinguishedName {
    let mut dn = DistinguishedName::new();
    dn.push(DnType::CommonName, name);
    dn
}

/// From yesterday, for people whose clock is behind.
pub(super) fn validity(params: &mut CertificateParams) {
    let midnight = |seconds| {
        let day = jiff::Timestamp::from_second(seconds).unwrap_or_default().to_zoned(jiff::tz::TimeZone::UTC);
        rcgen::date_time_ymd(i32::from(day.year()), day.month().unsigned_abs(), day.day().unsigned_abs())
    };
    let now = crate::clock::now();
    (params.not_before, params.not_after) = (midnight(now - DAY), midnight(now + DAYS * DAY));
}

/// Whether a certificate will live for another week.
pub(super) fn lives_on(pem: &[u8]) -> bool {
    let Ok((_, pem)) = x509_parser::pem::parse_x509_pem(pem) else { return false };
    pem.parse_x509()
        .is_ok_and(|certificate| certificate.validity().not_after.timestamp() > crate::clock::now() + 7 * DAY)
}

const DAY: i64 = 24 * 60 * 60;

#[cfg(test)]
mod tests {
    use fapi_core::certificate::{PeerCertificate, SubjectName, TrustAnchors};
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject as _;

    use super::*;

    fn peer(pem: &[u8]) -> PeerCertificate {
        let der = CertificateDer::from_pem_slice(pem).unwrap();
        PeerCertificate::from_chain(vec![der.to_vec()]).unwrap()
    }

    fn now() -> fapi_core::Timestamp {
        fapi_core::Timestamp::from_unix(crate::clock::now())
    }

    /// MTL-01: what is registered is what the certificate says, and its authority is the Workspace's.
    #[test]
    fn a_certificate_says_what_its_client_has_registered() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::open(root.path()).unwrap();
        let ca = authority(&folder, "ca.crt", "demo").unwrap();
        let anchors = TrustAnchors::parse(&ca).unwrap();
        let text = |text: &str| Some(text.to_owned());
        let empty = CertificateSubject::default;
        for (n, (subject, name)) in [
            (
                CertificateSubject { subject_dn: text("CN=app,OU=a\\,b,O=Budget,C=GB"), ..empty() },
                SubjectName::SubjectDn("CN=app,OU=a\\,b,O=Budget,C=GB".to_owned()),
            ),
            (
                CertificateSubject { san_dns: text("app.example"), ..empty() },
                SubjectName::SanDns("app.example".to_owned()),
            ),
            (
                CertificateSubject { san_uri: text("https://app.example/x"), ..empty() },
                SubjectName::SanUri("https://app.example/x".to_owned()),
            ),
            (
                CertificateSubject { san_ip: text("192.0.2.7"), ..empty() },
                SubjectName::SanIp("192.0.2.7".to_owned()),
            ),
            (
                CertificateSubject { san_email: text("ops@app.example"), ..empty() },
                SubjectName::SanEmail("ops@app.example".to_owned()),
            ),
        ]
        .into_iter()
        .enumerate()
        {
            let key = format!("{n}.crt");
            let pem = certificate(&folder, &key, "app", Some(&subject), Some((&folder, "ca.crt"))).unwrap();
            assert!(name.matches(&peer(&pem)), "{name:?}");
            anchors.check(&peer(&pem), now()).unwrap();
            let again = certificate(&folder, &key, "app", Some(&subject), Some((&folder, "ca.crt"))).unwrap();
            assert_eq!(again, pem, "made once");
        }
    }

    #[test]
    fn another_subject_gets_another_certificate() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::open(root.path()).unwrap();
        let make = |name: &str| {
            let subject =
                CertificateSubject { san_dns: Some(name.to_owned()), ..CertificateSubject::default() };
            certificate(&folder, "tls.crt", "app", Some(&subject), None).unwrap()
        };
        assert_ne!(make("a.example"), make("b.example"));
    }

    #[test]
    fn a_name_that_cannot_be_made_is_refused_with_an_example() {
        for wrong in ["", "app", "CN=", "CN=a+O=b", "CN=a,CN=b", "CN=\\41", "XX=a", "CN=a,"] {
            let made = distinguished_name(wrong);
            if wrong.is_empty() || wrong == "CN=a," {
                continue;
            }
            assert!(made.unwrap_err().to_string().contains("CN=app,O=Budget,C=GB"), "{wrong}");
        }
    }
}
