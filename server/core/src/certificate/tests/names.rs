use std::net::IpAddr;

use super::*;
use crate::certificate::SubjectName;

fn dns(name: &str) -> SubjectName {
    SubjectName::SanDns(name.into())
}

fn san_dns(name: &str) -> Vec<u8> {
    der(0x82, name.as_bytes())
}

#[test]
fn right_ca_and_wrong_name_is_refused() {
    let ca = root(ca_params("CA"));
    let presented = peer([issued(&leaf_params("app-2"), &ca)]);
    let registered = |dn: &str| SubjectName::SubjectDn(dn.into()).matches(&presented);
    assert!(registered("CN=app-2,O=Example,C=GB"), "MTL-01");
    for other in [
        "CN=app-1,O=Example,C=GB",
        "O=Example,C=GB",
        "CN=app-2",
        "CN=app-2,O=Example,C=GB,C=GB",
        "C=GB,O=Example,CN=app-2",
    ] {
        assert!(!registered(other), "MTL-01, TL-08, trap 21 {other}");
    }
}

#[test]
fn a_name_that_names_nothing_matches_nothing() {
    let nameless = peer([with_subject(&der(0x30, &[]))]);
    assert!(!SubjectName::SubjectDn(String::new()).matches(&nameless), "MTL-01");
    assert!(!SubjectName::SubjectDn("  ".into()).matches(&nameless));
    assert!(!dns("").matches(&with_raw_names(&[san_dns("")])));
    assert!(!SubjectName::SanUri(String::new()).matches(&with_raw_names(&[der(0x86, b"")])));
}

#[test]
fn a_host_name_matches_without_regard_to_case_and_nothing_else() {
    let presented = with_names(vec![
        SanType::DnsName("first.example".try_into().unwrap()),
        SanType::DnsName("App.Bank.example".try_into().unwrap()),
    ]);
    assert!(dns("app.bank.EXAMPLE").matches(&presented), "MTL-01");
    assert!(dns("first.example").matches(&presented));
    for other in [
        "bank.example",
        "xapp.bank.example",
        "app.bank.example.",
        "app.bank",
        ".bank.example",
        "*.bank.example",
        "app.bank.example.evil",
    ] {
        assert!(!dns(other).matches(&presented), "TL-07 {other}");
    }
}

#[test]
fn a_wildcard_in_a_certificate_matches_nothing() {
    for wildcard in ["*.bank.example", "*", "a*.bank.example", "app.*.example"] {
        let presented = with_raw_names(&[san_dns(wildcard)]);
        for registered in ["app.bank.example", "bank.example", wildcard] {
            assert!(!dns(registered).matches(&presented), "TL-07 {wildcard} {registered}");
        }
    }
}

#[test]
fn a_host_name_with_nul_or_beyond_ascii_matches_nothing() {
    for trick in [
        "app.bank.example\0.evil.example",
        "app.bank.example\0",
        "аpp.bank.example",
        "app\u{3002}bank.example",
        "app.bank.example ",
    ] {
        let presented = with_raw_names(&[san_dns(trick)]);
        assert!(!dns("app.bank.example").matches(&presented), "TL-07 {trick:?}");
        assert!(!dns(trick).matches(&presented), "TL-07 {trick:?}");
    }
    let invalid = with_raw_names(&[der(0x82, &[0xff, 0xfe]), san_dns("app.bank.example")]);
    assert!(dns("app.bank.example").matches(&invalid), "an unreadable name does not hide a readable one");
}

#[test]
fn names_of_one_kind_are_not_names_of_another() {
    let text = "app.bank.example";
    let presented = with_raw_names(&[der(0x86, text.as_bytes()), der(0x81, text.as_bytes())]);
    assert!(!dns(text).matches(&presented), "TL-07: a URI or mail address is no host name");
    assert!(!SubjectName::SubjectDn(format!("CN={text}")).matches(&presented));

    let mut common_name = leaf_params(text);
    common_name.subject_alt_names = vec![];
    let presented = peer([self_signed(&common_name).der().to_vec()]);
    assert!(!dns(text).matches(&presented), "TL-07: the common name is no host name");

    let address = with_raw_names(&[san_dns("192.0.2.1"), der(0x82, &[192, 0, 2, 1])]);
    assert!(
        !SubjectName::SanIp("192.0.2.1".into()).matches(&address),
        "TL-07: an address in a dNSName is none"
    );
}

#[test]
fn a_uri_matches_exactly() {
    let presented = with_names(vec![SanType::URI("spiffe://bank.example/app".try_into().unwrap())]);
    let registered = |uri: &str| SubjectName::SanUri(uri.into()).matches(&presented);
    assert!(registered("spiffe://bank.example/app"), "MTL-01");
    for other in [
        "spiffe://bank.example/App",
        "spiffe://BANK.example/app",
        "spiffe://bank.example/app/",
        "spiffe://bank.example/",
        "spiffe://bank.example/%61pp",
        "spiffe:bank.example/app",
    ] {
        assert!(!registered(other), "TL-07 {other}");
    }
}

#[test]
fn an_address_matches_by_its_octets() {
    let ip = |address: &str| SanType::IpAddress(address.parse::<IpAddr>().unwrap());
    let registered =
        |address: &str, presented: &PeerCertificate| SubjectName::SanIp(address.into()).matches(presented);

    let four = with_names(vec![ip("192.0.2.1")]);
    assert!(registered("192.0.2.1", &four), "MTL-01");
    for other in [
        "192.0.2.2",
        "::ffff:192.0.2.1",
        "192.0.2.01",
        "192.0.2.1/32",
        "3221225985",
        "0xc0.0.2.1",
        "192.0.2.1 ",
    ] {
        assert!(!registered(other, &four), "TL-07 {other}");
    }
    let six = with_names(vec![ip("2001:db8::1")]);
    assert!(registered("2001:DB8:0:0:0:0:0:1", &six), "one address in another spelling");
    assert!(!registered("2001:db8::2", &six) && !registered("2001:db8::1%eth0", &six));
    let mapped = with_names(vec![ip("::ffff:192.0.2.1")]);
    assert!(!registered("192.0.2.1", &mapped), "TL-07: v4-in-v6");
    let network = with_raw_names(&[der(0x87, &[192, 0, 2, 1, 255, 255, 255, 255])]);
    assert!(!registered("192.0.2.1", &network), "TL-07: an address with a mask");
}

#[test]
fn a_mail_address_matches_with_the_case_of_its_local_part() {
    let presented = with_names(vec![SanType::Rfc822Name("Ops@Bank.example".try_into().unwrap())]);
    let registered = |address: &str| SubjectName::SanEmail(address.into()).matches(&presented);
    assert!(registered("Ops@bank.EXAMPLE"), "MTL-01");
    for other in [
        "ops@bank.example",
        "Ops@bank.example.evil",
        "Ops@sub.bank.example",
        "bank.example",
        "@bank.example",
        "*@bank.example",
        "Ops@Bank.example\0",
    ] {
        assert!(!registered(other), "TL-07 {other:?}");
    }
    let homoglyph = with_raw_names(&[der(0x81, "Оps@bank.example".as_bytes())]);
    assert!(!SubjectName::SanEmail("Ops@bank.example".into()).matches(&homoglyph), "TL-07");
}

#[test]
fn a_name_that_could_never_match_cannot_be_registered() {
    let good = [
        SubjectName::SubjectDn("CN=app,O=Example\\, Inc.,C=GB".into()),
        dns("app.bank.example"),
        dns("xn--bcher-kva.example"),
        SubjectName::SanUri("urn:bank:app".into()),
        SubjectName::SanIp("2001:db8::1".into()),
        SubjectName::SanEmail("ops+1@bank.example".into()),
    ];
    for name in good {
        assert_eq!(name.check(), Ok(()), "MTL-01 {name:?}");
    }
    let bad = [
        (
            SubjectName::SubjectDn(String::new()),
            "subjectDn must name something, such as CN=app,O=Example,C=GB",
        ),
        (SubjectName::SubjectDn("CN=,O=Example".into()), "subjectDn must have a value after every ="),
        (
            SubjectName::SubjectDn("/C=GB/CN=app".into()),
            "subjectDn at character 1: write attributes separated by commas",
        ),
        (
            SubjectName::SubjectDn("CN=a;O=b".into()),
            "subjectDn at character 5: write a backslash before ; < and >",
        ),
        (
            SubjectName::SubjectDn("CN=app,OID.2.5.4.97=x".into()),
            "subjectDn at character 8: write an attribute as CN, O, OU",
        ),
        (dns("*.bank.example"), "sanDns must be a host name such as client.example: ASCII, no wildcard"),
        (dns("bank.example."), "sanDns must be"),
        (dns("bücher.example"), "sanDns must be"),
        (dns("192.0.2.1"), "sanDns must be"),
        (dns("bank.example:443"), "sanDns must be"),
        (dns("-bank.example"), "sanDns must be"),
        (SubjectName::SanUri("/app".into()), "sanUri must be an absolute URI"),
        (SubjectName::SanUri("https://bank.example/ä".into()), "sanUri must be"),
        (SubjectName::SanIp("192.0.2.0/24".into()), "sanIp must be an IPv4 or IPv6 address"),
        (SubjectName::SanIp("bank.example".into()), "sanIp must be"),
        (SubjectName::SanEmail("bank.example".into()), "sanEmail must be a mail address"),
        (SubjectName::SanEmail("ops@@bank.example".into()), "sanEmail must be"),
        (SubjectName::SanEmail("ops@".into()), "sanEmail must be"),
    ];
    for (name, message) in bad {
        let error = name.check().unwrap_err().to_string();
        assert!(error.starts_with(message), "MTL-01 {name:?}: {error}");
        assert!(!name.matches(&with_names(vec![])));
    }
}

#[test]
fn a_name_is_written_as_one_member() {
    let name = SubjectName::SubjectDn("CN=app".into());
    assert_eq!(serde_json::to_string(&name).unwrap(), r#"{"subjectDn":"CN=app"}"#);
    assert_eq!(serde_json::from_str::<SubjectName>(r#"{"sanDns":"a.example"}"#).unwrap(), dns("a.example"));
    assert!(
        serde_json::from_str::<SubjectName>(r#"{"sanDns":"a.example","sanUri":"urn:a"}"#).is_err(),
        "TL-07: exactly one"
    );
}
