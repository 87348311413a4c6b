//! Is this request meant for this door? (TL-15, P-29)

use fapi_core::issuer::Authority;
use http::header::HOST;
use http::request::Parts;

/// Whether a request names this door, everywhere it names one, and names one at all.
///
/// A certificate that is valid for both doors lets an HTTP/2 client send requests for one over a connection to the other;
/// those get a 421 and are sent again where they belong (RFC 9110 15.5.20).
pub(super) fn is_meant(request: &Parts, door: &Authority) -> bool {
    let target = request.uri.authority().map(http::uri::Authority::as_str);
    let hosts = request.headers.get_all(HOST).iter().map(|value| value.to_str().ok());
    let named: Vec<_> = target.map(Some).into_iter().chain(hosts).collect();
    // RFC 9112 3.2: one Host line; in HTTP/2 it may stand beside `:authority`.
    let once = request.headers.get_all(HOST).iter().count() <= 1;
    once && !named.is_empty() && named.iter().all(|name| name.is_some_and(|name| door.is(name)))
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn is_meant_for_us(uri: &str, hosts: &[&str]) -> bool {
        let mut request = Request::builder().uri(uri);
        for host in hosts {
            request = request.header(HOST, *host);
        }
        let door = Authority { host: "auth.example".into(), port: 8443 };
        is_meant(&request.body(()).unwrap().into_parts().0, &door)
    }

    #[test]
    fn a_request_must_name_this_door_and_no_other() {
        assert!(is_meant_for_us("/token", &["auth.example:8443"]));
        assert!(is_meant_for_us("https://auth.example:8443/token", &[]));
        assert!(is_meant_for_us("https://auth.example:8443/token", &["AUTH.example:8443"]));

        for (uri, hosts) in [
            ("/token", &[][..]),
            ("/token", &[""][..]),
            ("/token", &["auth.example"][..]),
            ("/token", &["mtls.auth.example:8443"][..]),
            ("/token", &["auth.example:8444"][..]),
            ("/token", &["auth.example:8443", "auth.example:8443"][..]),
            ("/token", &["auth.example:8443", "evil.example"][..]),
            ("/token", &["evil@auth.example:8443"][..]),
            ("https://evil.example/token", &["auth.example:8443"][..]),
            ("https://auth.example:8443/token", &["evil.example"][..]),
        ] {
            assert!(!is_meant_for_us(uri, hosts), "TL-15 {uri} {hosts:?}");
        }
    }
}
