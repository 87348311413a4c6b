//! `P-14`: thousands of URIs that are almost a registered one. Exactly one is: the registered one.

use std::collections::BTreeSet;

use url::Url;

use super::*;

const REGISTERED: [&str; 3] = [
    "https://app.example/cb?dummy1=lorem&dummy2=ipsum",
    "https://budget.app.example:8443/oauth/return",
    "https://[2001:db8::1]:8443/a-rather-long-path/with.dots/and~tildes/cb",
];

#[test]
fn of_thousands_of_look_alikes_only_the_registered_uri_matches() {
    for registered in REGISTERED {
        let uri = RedirectUri::parse(registered).unwrap();
        let mut tried = mutations(registered);
        assert!(tried.len() >= 2_000, "P-14: {} of {registered}", tried.len());
        tried.insert(registered.to_owned());
        let accepted: Vec<&String> = tried.iter().filter(|requested| uri.is(requested)).collect();
        assert_eq!(accepted, [registered], "P-14, AUT-04");
    }
}

/// Whatever may be registered means one place: to our own code, to a browser, and to RFC 3986.
#[test]
fn what_may_be_registered_is_understood_alike_by_everybody() {
    let mut accepted = 0;
    for text in REGISTERED.iter().flat_map(|registered| mutations(registered)) {
        let Ok(uri) = RedirectUri::parse(&text) else { continue };
        accepted += 1;
        let browser = Url::parse(&text).unwrap();
        let authority = rfc3986_authority(&text);
        let port = browser.port().map_or_else(String::new, |port| format!(":{port}"));
        assert_eq!(uri.host(), authority, "P-14 {text}");
        assert_eq!(uri.host(), format!("{}{port}", browser.host_str().unwrap()), "P-14 {text}");
        assert_eq!(uri.host_without_port(), browser.host_str().unwrap(), "P-14 {text}");
        assert_eq!(browser.scheme(), "https", "F1-R08 {text}");
        assert!(
            browser.username().is_empty() && browser.password().is_none() && browser.fragment().is_none()
        );
        for answer in [uri.with_query("code=c"), uri.with_fragment("code=c")] {
            let answer = Url::parse(&answer).unwrap();
            assert_eq!((answer.origin(), answer.path()), (browser.origin(), browser.path()), "P-14 {text}");
        }
        let with_code = Url::parse(&uri.with_query("code=c")).unwrap();
        assert_eq!(with_code.query_pairs().last().unwrap(), ("code".into(), "c".into()), "AUT-05 {text}");
    }
    assert!(accepted > 500, "{accepted}");
}

/// RFC 3986, appendix B: what stands between `//` and the next `/`, `?` or `#`.
fn rfc3986_authority(text: &str) -> &str {
    let rest = text.split_once("://").unwrap().1;
    &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())]
}

fn mutations(registered: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    at_every_place(registered, &mut found);
    well_known_tricks(registered, &mut found);
    found.remove(registered);
    found
}

fn at_every_place(registered: &str, found: &mut BTreeSet<String>) {
    for (at, c) in registered.char_indices() {
        let (before, after) = (&registered[..at], &registered[at + c.len_utf8()..]);
        found.insert(format!("{before}{after}"));
        found.insert(format!("{before}{c}{c}{after}"));
        found.insert(format!("{before}%{:02x}{after}", u32::from(c)));
        found.insert(format!("{before}%{:02X}{after}", u32::from(c)));
        found.insert(format!("{before}%25{:02X}{after}", u32::from(c)));
        let flipped = if c.is_ascii_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() };
        found.insert(format!("{before}{flipped}{after}"));
        for inserted in INSERTED {
            found.insert(format!("{before}{inserted}{c}{after}"));
        }
        for replaced in ['x', '.', '/', '*', '\u{e9}', '\u{ff0e}', '\u{2024}', '\0'] {
            found.insert(format!("{before}{replaced}{after}"));
        }
        // Cut off here, and grown on from here.
        found.insert(before.to_owned());
        found.insert(format!("{registered}{after}"));
    }
}

fn well_known_tricks(registered: &str, found: &mut BTreeSet<String>) {
    let rest = registered.strip_prefix("https://").unwrap();
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap());
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);

    for scheme in [
        "http",
        "HTTPS",
        "Https",
        "httpss",
        "ftp",
        "javascript",
        "data",
        "file",
        "app",
        "com.example.app",
        "intent",
        "wss",
        "blob:https",
        "view-source:https",
    ] {
        found.insert(format!("{scheme}://{rest}"));
        found.insert(format!("{scheme}:{rest}"));
    }
    for other in [
        "evil.example",
        "localhost",
        "localhost.evil.example",
        "127.0.0.1",
        "2130706433",
        "0x7f000001",
        "[::1]",
        "[fe80::1%25eth0]",
        "[::ffff:127.0.0.1]",
        "xn--pp-eka.example",
        "аpp.example",
        "app。example",
        "*",
        "*.example",
        "",
    ] {
        found.insert(format!("https://{other}{path}"));
        found.insert(format!("https://{other}/{registered}"));
        for joint in [
            ".", "@", ":", ":80@", ":443@", "\\", "\\@", "/@", "%2e", "%40", "%5c", "%09", "#", "#@", "?",
            "?@", ";", ",", " ", "%00", "\n", "\t",
        ] {
            found.insert(format!("https://{authority}{joint}{other}{path}"));
            found.insert(format!("https://{host}{joint}{other}{path}"));
            found.insert(format!("https://{other}{joint}{authority}{path}"));
        }
    }
    for port in [
        "", "0", "80", "443", "0443", "8443", "08443", "8444", "65535", "65536", "-1", "+443", "4 43",
        "https",
    ] {
        found.insert(format!("https://{host}:{port}{path}"));
    }
    for more in [
        "/",
        "//",
        "/.",
        "/..",
        "/../",
        "/..;/",
        "/%2e%2e/",
        "/%2e",
        "/;x",
        ";x",
        "?",
        "??",
        "&",
        "&x=1",
        "?x=1",
        "#",
        "#x",
        "#/x",
        "%00",
        "%20",
        "%0d%0a",
        "\r\nLocation: https://evil.example",
        ".",
        "*",
        "/*",
        "~",
        "\\",
    ] {
        found.insert(format!("{registered}{more}"));
        found.insert(format!("https://{authority}{more}{path}"));
        found.insert(format!("https://{host}{more}{path}"));
        found.insert(format!(" {registered}{more}"));
    }
    for around in [" ", "\t", "\n", "\r", "\0", "\u{feff}", "\u{200b}", "\u{a0}", "%20", "\"", "'", "<", ">"]
    {
        found.insert(format!("{around}{registered}"));
        found.insert(format!("{registered}{around}"));
        found.insert(format!("{around}{registered}{around}"));
    }
}

const INSERTED: [&str; 27] = [
    "a", "/", ".", "..", "./", "../", "..;/", ":", "@", "\\", "%", "%00", "%2e", "%2f", "%5c", "#", "?", "&",
    ";", "*", " ", "\t", "\n", "\0", "-", "\u{e9}", "\u{200d}",
];
