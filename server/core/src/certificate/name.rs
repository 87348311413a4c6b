//! Does a certificate have the one name that was registered? (RFC 8705 2.1.2)

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use url::Url;

use super::PeerCertificate;
use super::dn::{DistinguishedName, InvalidDn};
use super::peer::AlternativeName;

/// The one name that a CA-issued client certificate must have (RFC 8705 2.1.2, `MTL-01`). One: a client with two would be
/// whoever has either of them (`TL-07`).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SubjectName {
    /// `tls_client_auth_subject_dn`: an RFC 4514 distinguished name, compared by meaning.
    SubjectDn(String),
    /// `tls_client_auth_san_dns`.
    SanDns(String),
    /// `tls_client_auth_san_uri`.
    SanUri(String),
    /// `tls_client_auth_san_ip`.
    SanIp(String),
    /// `tls_client_auth_san_email`.
    SanEmail(String),
}

/// Why a name cannot be registered; says what to write instead.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum InvalidSubjectName {
    /// No RFC 4514 text.
    #[error("subjectDn {0}")]
    Dn(#[from] InvalidDn),
    /// It would match every certificate without a subject.
    #[error("subjectDn must name something, such as CN=app,O=Example,C=GB")]
    EmptyDn,
    /// An attribute without a value.
    #[error("subjectDn must have a value after every =")]
    EmptyDnValue,
    /// No host name.
    #[error(
        "sanDns must be a host name such as client.example: ASCII, no wildcard, no port, no trailing dot"
    )]
    Dns,
    /// No absolute URI.
    #[error("sanUri must be an absolute URI in ASCII such as spiffe://bank.example/app")]
    Uri,
    /// No address.
    #[error(
        "sanIp must be an IPv4 or IPv6 address such as 192.0.2.1 or 2001:db8::1, without a prefix length or zone"
    )]
    Ip,
    /// No mail address.
    #[error("sanEmail must be a mail address in ASCII such as ops@client.example")]
    Email,
}

impl SubjectName {
    /// Whether this may be registered.
    ///
    /// # Errors
    /// What to write instead.
    pub fn check(&self) -> Result<(), InvalidSubjectName> {
        match self {
            Self::SubjectDn(text) => registrable_dn(text).map(drop),
            Self::SanDns(name) => is_host_name(name).then_some(()).ok_or(InvalidSubjectName::Dns),
            Self::SanUri(uri) => is_uri(uri).then_some(()).ok_or(InvalidSubjectName::Uri),
            Self::SanIp(address) => address.parse::<IpAddr>().map(drop).map_err(|_| InvalidSubjectName::Ip),
            Self::SanEmail(address) => mail_parts(address).map(drop).ok_or(InvalidSubjectName::Email),
        }
    }

    /// Whether a certificate has this name. A name that could not be registered matches nothing.
    pub fn matches(&self, certificate: &PeerCertificate) -> bool {
        let facts = certificate.facts();
        let any = |is: &dyn Fn(&AlternativeName) -> bool| facts.alternative_names.iter().any(is);
        match self {
            Self::SubjectDn(text) => registrable_dn(text).is_ok_and(|dn| facts.subject.as_ref() == Some(&dn)),
            // Both sides are host names: a wildcard, a NUL or anything but ASCII in the certificate is none.
            Self::SanDns(registered) => {
                is_host_name(registered)
                    && any(
                        &|name| matches!(name, AlternativeName::Dns(name) if is_host_name(name) && name.eq_ignore_ascii_case(registered)),
                    )
            }
            Self::SanUri(registered) => {
                is_uri(registered)
                    && any(&|name| matches!(name, AlternativeName::Uri(uri) if uri == registered))
            }
            Self::SanIp(registered) => registered.parse::<IpAddr>().is_ok_and(|address| {
                let bytes = octets(address);
                any(&|name| matches!(name, AlternativeName::Ip(presented) if *presented == bytes))
            }),
            Self::SanEmail(registered) => mail_parts(registered).is_some_and(|(local, domain)| {
                any(&|name| {
                    let AlternativeName::Email(presented) = name else { return false };
                    mail_parts(presented).is_some_and(|(l, d)| l == local && d.eq_ignore_ascii_case(domain))
                })
            }),
        }
    }
}

fn registrable_dn(text: &str) -> Result<DistinguishedName, InvalidSubjectName> {
    let dn = DistinguishedName::parse(text)?;
    if dn.is_empty() {
        return Err(InvalidSubjectName::EmptyDn);
    }
    if dn.has_empty_value() {
        return Err(InvalidSubjectName::EmptyDnValue);
    }
    Ok(dn)
}

/// Letters, digits, hyphens and underscores in labels of 1 to 63, the last not a number (so that no address passes).
fn is_host_name(name: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let last = name.rsplit('.').next().unwrap_or_default();
    name.len() <= 253 && name.split('.').all(is_label) && !last.bytes().all(|b| b.is_ascii_digit())
}

fn is_uri(uri: &str) -> bool {
    uri.len() <= 2048 && uri.bytes().all(|b| (0x21..=0x7e).contains(&b)) && Url::parse(uri).is_ok()
}

fn mail_parts(address: &str) -> Option<(&str, &str)> {
    let (local, domain) = address.split_once('@')?;
    let fit = (1..=64).contains(&local.len())
        && local.bytes().all(|b| (0x21..=0x7e).contains(&b))
        && is_host_name(domain);
    fit.then_some((local, domain))
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    }
}
