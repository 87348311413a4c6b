//! May the front or back door show this certificate? RSA, in time, and with every host name of the door.

use fapi_core::Timestamp;
use fapi_core::certificate::describe_pem;
use fapi_crds::Reason;
use x509_parser::extensions::GeneralName;
use x509_parser::public_key::PublicKey;

use super::material::{Place, Problem};

/// When the certificate expires, if it may be shown by these hosts.
pub(super) fn check(
    place: &Place<'_>,
    pem: &[u8],
    hosts: &[&str],
    now: Timestamp,
) -> Result<Timestamp, Problem> {
    let invalid = |message: String| Problem::new(Reason::InvalidCertificate, place, message);
    let chain = describe_pem(pem).map_err(|error| invalid(error.to_string()))?;
    let leaf = chain.first().ok_or_else(|| invalid("holds no certificate".to_owned()))?;
    if leaf.weak {
        return Err(Problem::new(Reason::WeakKey, place, "certificate 1: its key is too weak"));
    }
    if now > leaf.not_after {
        return Err(Problem::new(Reason::Expired, place, format!("expired on {}", leaf.not_after)));
    }
    let (is_rsa, names) = read(pem).ok_or_else(|| invalid("certificate 1: cannot be read".to_owned()))?;
    if !is_rsa {
        let message =
            "certificate 1: must have an RSA key: TLS 1.2 with the suites that FAPI allows needs one";
        return Err(invalid(message.to_owned()));
    }
    if let Some(missing) = hosts.iter().find(|host| !names.iter().any(|name| covers(name, host))) {
        return Err(invalid(format!(
            "certificate 1: must have {missing} among its subject alternative names"
        )));
    }
    Ok(leaf.not_after)
}

/// Whether the key of the first certificate is RSA, and its DNS names.
fn read(pem: &[u8]) -> Option<(bool, Vec<String>)> {
    let block = x509_parser::pem::Pem::iter_from_buffer(pem).next()?.ok()?;
    let certificate = block.parse_x509().ok()?;
    let is_rsa = matches!(certificate.public_key().parsed().ok()?, PublicKey::RSA(_));
    let names = certificate.subject_alternative_name().ok()?.map(|names| {
        let dns = names.value.general_names.iter().filter_map(|name| match name {
            GeneralName::DNSName(host) => Some((*host).to_owned()),
            _ => None,
        });
        dns.collect()
    });
    Some((is_rsa, names.unwrap_or_default()))
}

/// RFC 6125 6.4: equal, or a wildcard for the leftmost label.
fn covers(name: &str, host: &str) -> bool {
    if name.eq_ignore_ascii_case(host) {
        return true;
    }
    let (Some(rest), Some((_, parent))) = (name.strip_prefix("*."), host.split_once('.')) else {
        return false;
    };
    rest.eq_ignore_ascii_case(parent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_stands_for_one_label() {
        assert!(covers("auth.bank.example", "AUTH.bank.example"));
        assert!(covers("*.bank.example", "auth.bank.example"));
        for (name, host) in [
            ("*.bank.example", "bank.example"),
            ("*.bank.example", "a.auth.bank.example"),
            ("bank.example", "auth.bank.example"),
        ] {
            assert!(!covers(name, host), "{name} {host}");
        }
    }
}
