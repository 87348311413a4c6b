//! Does somebody try to pass a certificate off in a header? (TL-01, TL-02, L5)

use http::{HeaderMap, HeaderName};

/// The names under which proxies pass client certificates on. No proxy is configured, so whoever sends one of these is
/// confused or an attacker, and is told so instead of being ignored.
const NAMES: [&str; 22] = [
    "client-cert",
    "client-cert-chain",
    "cf-client-cert-der-base64",
    "ssl-cert",
    "ssl-client-cert",
    "ssl-client-certificate",
    "ssl-client-raw-cert",
    "ssl-client-s-dn",
    "ssl-client-subject-dn",
    "ssl-client-verify",
    "x-amzn-mtls-clientcert",
    "x-amzn-mtls-clientcert-leaf",
    "x-arr-clientcert",
    "x-client-cert",
    "x-client-certificate",
    "x-forwarded-client-cert",
    "x-forwarded-ssl-client-cert",
    "x-forwarded-tls-client-cert",
    "x-forwarded-tls-client-cert-info",
    "x-ssl-cert",
    "x-ssl-client-cert",
    "x-tls-client-cert",
];

/// Whether a header carries a client certificate, however it is spelled: some servers read `_` as `-`.
pub(super) fn carries_certificate(headers: &HeaderMap) -> bool {
    headers.keys().any(is_certificate)
}

fn is_certificate(name: &HeaderName) -> bool {
    // Header names are in lower case here, whatever was sent.
    let name = name.as_str().replace('_', "-");
    NAMES.contains(&name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_in_a_header_is_seen_under_every_known_name() {
        for name in NAMES {
            for spelled in [name.to_owned(), name.to_uppercase(), name.replace('-', "_")] {
                let spelled = HeaderName::from_bytes(spelled.as_bytes()).unwrap();
                assert!(is_certificate(&spelled), "TL-01 {spelled}");
            }
        }
        assert!(NAMES.len() >= 15, "TL-01");
    }

    #[test]
    fn other_headers_pass() {
        for name in ["authorization", "dpop", "x-forwarded-for", "x-fapi-interaction-id", "client-certainty"]
        {
            assert!(!is_certificate(&HeaderName::from_static(name)));
        }
    }
}
