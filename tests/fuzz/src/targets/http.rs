//! What stands in the head of a request.

use fapi_core::issuer::{Authority, Doors, Issuer, Mtls};
use fapi_server::extract::{
    BROWSER, INTERACTION_ID, SESSION, accepted_languages, cookie, interaction_id, proofs, set_cookie,
};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use url::Url;

/// A header, one line for each time that it was sent.
fn headers(name: &HeaderName, input: &[u8]) -> HeaderMap {
    let lines = input.split(|byte| *byte == b'\n');
    lines.filter_map(|line| Some((name.clone(), HeaderValue::from_bytes(line).ok()?))).collect()
}

/// Cookies: found once or not at all; a second one of the name is refused, wherever it stands (`B-12`).
pub(super) fn cookies(input: &[u8]) -> bool {
    let sent = headers(&header::COOKIE, input);
    let mut accepted = false;
    for name in [BROWSER, SESSION] {
        let Ok(found) = cookie(&sent, name) else {
            let named = sent.iter().flat_map(|(_, value)| value.as_bytes().split(|byte| *byte == b';'));
            let named = named.filter(|pair| pair.trim_ascii().starts_with(name.as_bytes()));
            assert!(named.count() > 1, "B-12: refused without a reason");
            continue;
        };
        let mut again = sent.clone();
        again.append(header::COOKIE, HeaderValue::from_str(&format!("{name}=tossed")).expect("a header"));
        let Some(secret) = found else {
            assert_eq!(cookie(&again, name).expect("one").expect("one").expose(), "tossed");
            continue;
        };
        assert!(cookie(&again, name).is_err(), "B-12");
        let tossed = [HeaderValue::from_str(&format!("{name}=tossed")).expect("a header")];
        let before: HeaderMap =
            tossed.iter().chain(sent.values()).map(|value| (header::COOKIE, value.clone())).collect();
        assert!(cookie(&before, name).is_err(), "B-12");

        // What we would set is what we would read, and no header of its own.
        let line = set_cookie(name, &secret);
        let value = HeaderValue::from_str(&line).expect("B-12: no line feed gets in");
        assert_eq!(line.matches("; Path=/; Secure; HttpOnly; SameSite=Lax").count(), 1);
        let back: HeaderMap = std::iter::once((header::COOKIE, value)).collect();
        assert_eq!(cookie(&back, name).expect("one").expect("one").expose(), secret.expose());
        accepted = true;
    }
    accepted
}

/// Other headers that we read.
pub(super) fn other_headers(input: &[u8]) -> bool {
    let languages = accepted_languages(&headers(&header::ACCEPT_LANGUAGE, input));
    assert!(languages.len() <= 16);
    assert!(languages.iter().all(|tag| !tag.is_empty() && tag.len() <= input.len() && tag != "*"));

    let named = interaction_id(&headers(&INTERACTION_ID, input), [0x5a; 16]);
    let text = named.to_str().expect("RS-05: a UUID");
    assert_eq!(text.len(), 36, "RS-05");
    let hex = |(at, byte): (usize, u8)| {
        if [8, 13, 18, 23].contains(&at) { byte == b'-' } else { byte.is_ascii_hexdigit() }
    };
    assert!(text.bytes().enumerate().all(hex), "RS-05");

    let dpop = headers(&HeaderName::from_static("dpop"), input);
    assert_eq!(proofs(&dpop).len(), dpop.len(), "DPO-01: each counts, whatever is in it");
    text.as_bytes() == input || !languages.is_empty()
}

/// `Host` or `:authority`, and the issuer it is compared with.
pub(super) fn authority(input: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(input) else { return false };
    let mut named = false;
    for (host, port) in [("auth.bank.example", 443), ("auth.bank.example", 8443), ("[::1]", 443)] {
        let door = Authority { host: host.to_owned(), port };
        if door.is(text) {
            let url = Url::parse(&format!("https://{text}")).expect("TL-15: a host to a browser");
            assert_eq!((url.host_str(), url.port_or_known_default()), (Some(host), Some(port)), "TL-15");
            assert!(url.username().is_empty() && url.password().is_none() && url.path() == "/", "TL-15");
            named = true;
        }
    }
    let Ok(issuer) = Issuer::parse(text) else { return named };
    let url = Url::parse(text).expect("DSC-03: a URL");
    assert_eq!(url.as_str(), format!("{text}/"), "DSC-03: one spelling");
    assert_eq!(
        (url.scheme(), url.host_str(), url.port_or_known_default()),
        ("https", Some(issuer.host()), Some(issuer.port()))
    );
    assert_eq!(Issuer::parse(issuer.as_str()).as_ref(), Ok(&issuer), "it reads itself back");
    let doors = Doors::new(&issuer, &Mtls::Port(9443));
    let name = text.strip_prefix("https://").expect("https");
    assert!(doors.front.is(name) && doors.front.is(&name.to_ascii_uppercase()), "TL-15");
    assert_eq!(doors.back.is(name), issuer.port() == 9443, "TL-15");
    true
}
