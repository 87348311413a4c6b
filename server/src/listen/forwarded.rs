//! Whose certificate comes with a request? That of the connection; from the one proxy that the Workspace names, the one in its
//! header. From anybody else such a header is an attempt to pass a certificate off (TL-01, TL-02, L5).

use fapi_core::Timestamp;
use fapi_core::certificate::{Dialect, PeerCertificate};
use fapi_core::registry::Registry;
use http::header::CONNECTION;
use http::{HeaderMap, HeaderName};
use tracing::warn;

use super::Peer;
use crate::telemetry::Refused;

/// The names under which proxies pass client certificates on. Whoever sends one and is not the proxy that is configured for it
/// is confused or an attacker, and is told so instead of being ignored.
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

/// The peer of a request: with the certificate that counts for it.
pub(super) fn client(
    peer: &Peer,
    headers: &HeaderMap,
    registry: &Registry,
    now: Timestamp,
) -> Result<Peer, Refused> {
    let proxy = registry
        .forwarded
        .as_ref()
        .filter(|proxy| proxy.is_from(peer.remote().ip(), peer.certificate(), registry, now));
    let Some(proxy) = proxy else {
        if carries_certificate(headers) {
            return Err(Refused::ForwardedCertificate);
        }
        // The proxy's certificate is nobody's as a client, also where the proxy is not believed.
        let is_named = |shown: &PeerCertificate| {
            registry.forwarded.as_ref().is_some_and(|proxy| proxy.name.matches(shown))
        };
        return Ok(if peer.certificate().is_some_and(is_named) {
            peer.passing_on(None)
        } else {
            peer.clone()
        });
    };

    // What a client sent under another name, and the proxy let through.
    if headers.keys().any(|name| is_certificate(name) && !is_of(proxy.dialect, name))
        || is_hop_by_hop(headers)
    {
        return Err(Refused::ForwardedCertificate);
    }
    let values = |name: Option<&str>| -> Vec<&[u8]> {
        name.into_iter().flat_map(|name| headers.get_all(name)).map(http::HeaderValue::as_bytes).collect()
    };
    let (leaf, chain) = (values(Some(proxy.dialect.header())), values(proxy.dialect.chain_header()));
    let certificate = proxy.dialect.read(&leaf, &chain).map_err(|why| {
        let header = proxy.dialect.header();
        warn!(header, "Refused a certificate that the proxy passed on in {header}: {why}");
        Refused::ForwardedMalformed
    })?;
    // Without a header the client has shown none: the proxy's own certificate is never the client's.
    Ok(peer.passing_on(certificate))
}

/// Whether a header carries a client certificate, however it is spelled: some servers read `_` as `-`.
fn carries_certificate(headers: &HeaderMap) -> bool {
    headers.keys().any(is_certificate) || is_hop_by_hop(headers)
}

/// Whether the head asks that such a header be dropped on the way (CVE-2024-45410).
fn is_hop_by_hop(headers: &HeaderMap) -> bool {
    let listed = headers.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok());
    listed
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse::<HeaderName>().ok())
        .any(|name| is_certificate(&name))
}

fn is_of(dialect: Dialect, name: &HeaderName) -> bool {
    let name = name.as_str();
    name == dialect.header() || dialect.chain_header() == Some(name) || dialect.beside().contains(&name)
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
