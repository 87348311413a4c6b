//! `TL-03`: each dialect has one encoding; what another proxy, or the same one a little differently, would write is refused.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::*;
use crate::certificate::{Dialect, ForwardedError};

const ALL: [Dialect; 5] =
    [Dialect::Envoy, Dialect::HAProxy, Dialect::Nginx, Dialect::Rfc9440, Dialect::Traefik];

/// Independent of the code under test: as the proxies' own sources write it.
fn pem(der: &[u8]) -> String {
    let encoded = STANDARD.encode(der);
    let lines: Vec<&str> =
        encoded.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}

fn escaped(text: &str) -> String {
    [("\n", "%0A"), (" ", "%20"), ("+", "%2B"), ("/", "%2F"), ("=", "%3D")]
        .iter()
        .fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

fn hash(der: &[u8]) -> String {
    hex(&fapi_jose::sha256(der))
}

/// What each proxy writes for this leaf.
fn written(dialect: Dialect, der: &[u8]) -> String {
    let (base64, pem) = (STANDARD.encode(der), escaped(&pem(der)));
    match dialect {
        Dialect::Envoy => format!("Hash={};Cert=\"{pem}\"", hash(der)),
        Dialect::HAProxy | Dialect::Traefik => base64,
        Dialect::Nginx => pem,
        Dialect::Rfc9440 => format!(":{base64}:"),
    }
}

fn read(dialect: Dialect, value: &str) -> Result<Vec<Vec<u8>>, ForwardedError> {
    read_with(dialect, &[value], &[])
}

fn read_with(dialect: Dialect, values: &[&str], chain: &[&str]) -> Result<Vec<Vec<u8>>, ForwardedError> {
    let values: Vec<&[u8]> = values.iter().map(|value| value.as_bytes()).collect();
    let chain: Vec<&[u8]> = chain.iter().map(|value| value.as_bytes()).collect();
    let read = dialect.read(&values, &chain)?;
    Ok(read.map_or_else(Vec::new, |certificate| certificate.chain().map(<[u8]>::to_vec).collect()))
}

/// A chain of two, long enough that its base64 has every awkward character.
fn chain() -> (Vec<u8>, Vec<u8>) {
    let ca = root(ca_params("CA"));
    let below = intermediate(ca_params("Issuing CA"), &ca);
    loop {
        let leaf = issued(&leaf_params("app"), &below);
        let base64 = STANDARD.encode(&leaf);
        if base64.contains('+') && base64.contains('/') && base64.ends_with('=') {
            return (leaf, below.der().to_vec());
        }
    }
}

#[test]
fn each_dialect_reads_what_its_proxy_writes() {
    let (leaf, below) = chain();
    for dialect in ALL {
        assert_eq!(read(dialect, &written(dialect, &leaf)), Ok(vec![leaf.clone()]), "TL-03 {dialect:?}");
        assert_eq!(read_with(dialect, &[], &[]), Ok(Vec::new()), "no header, no certificate");
    }
    let both = Ok(vec![leaf.clone(), below.clone()]);
    let base64 = |der: &[u8]| STANDARD.encode(der);
    assert_eq!(read(Dialect::Traefik, &format!("{},{}", base64(&leaf), base64(&below))), both, "TL-03");
    let whole = escaped(&format!("{}{}", pem(&leaf), pem(&below)));
    let envoy = format!(
        "By=spiffe://bank.example/proxy;Hash={};Cert=\"{}\";Chain=\"{whole}\";Subject=\"CN=app,O=\\\"Example\\\"\";URI=;DNS=app.example",
        hash(&leaf),
        escaped(&pem(&leaf))
    );
    assert_eq!(read(Dialect::Envoy, &envoy), both, "TL-03");
    let rfc = |chain: &str| read_with(Dialect::Rfc9440, &[&format!(":{}:", base64(&leaf))], &[chain]);
    assert_eq!(rfc(&format!(":{}:", base64(&below))), both, "TL-03, RFC 9440 2.3");
    assert_eq!(rfc(&format!(":{0}:, :{0}:", base64(&below))).unwrap().len(), 3, "RFC 9440 2.3");
    let unfinished = escaped(pem(&leaf).trim_end());
    assert_eq!(read(Dialect::Nginx, &unfinished), Ok(vec![leaf]), "the last line may lack its end");
}

#[test]
fn no_dialect_reads_what_another_proxy_writes() {
    let (leaf, _) = chain();
    for dialect in ALL {
        for other in ALL {
            let same = written(dialect, &leaf) == written(other, &leaf);
            let outcome = read(dialect, &written(other, &leaf));
            assert_eq!(outcome.is_ok(), same, "TL-03 {dialect:?} of {other:?}");
        }
    }
}

#[test]
fn every_other_spelling_is_refused() {
    let (leaf, below) = chain();
    let (base64, plain, escaped_pem) = (STANDARD.encode(&leaf), pem(&leaf), escaped(&pem(&leaf)));
    let two = escaped(&format!("{}{}", pem(&leaf), pem(&below)));
    let encoding = Err(ForwardedError::Encoding);
    for (dialect, value) in [
        (Dialect::Rfc9440, base64.clone()),
        (Dialect::Rfc9440, format!(":{base64}")),
        (Dialect::Rfc9440, format!(":{base64}:;a=1")),
        (Dialect::Rfc9440, format!(" :{base64}:")),
        (Dialect::Rfc9440, format!(":{base64}:, :{base64}:")),
        (Dialect::Rfc9440, format!(":{}:", base64.trim_end_matches('='))),
        (Dialect::Rfc9440, "::".to_owned()),
        (Dialect::Rfc9440, format!(":{escaped_pem}:")),
        (Dialect::HAProxy, format!("{base64},{base64}")),
        (Dialect::HAProxy, base64.trim_end_matches('=').to_owned()),
        (Dialect::HAProxy, base64.replace('+', "-").replace('/', "_")),
        (Dialect::HAProxy, format!("{base64} ")),
        (Dialect::Traefik, base64.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D")),
        (Dialect::Traefik, format!("{base64},")),
        (Dialect::Traefik, format!("{base64}, {base64}")),
        (Dialect::Traefik, plain.replace('\n', "")),
        (Dialect::Nginx, plain.replace('\n', " ")),
        (Dialect::Nginx, escaped_pem.replace("%20", "+")),
        (Dialect::Nginx, escaped_pem.replace("%2B", "+")),
        (Dialect::Nginx, escaped_pem.replace("%2F", "%2f")),
        (Dialect::Nginx, escaped_pem.replacen("BEGIN", "%42EGIN", 1)),
        (Dialect::Nginx, escaped_pem.replace("%0A", "%0D%0A")),
        (Dialect::Nginx, escaped(&base64)),
        (Dialect::Nginx, escaped(&plain.replace("CERTIFICATE", "TRUSTED CERTIFICATE"))),
        (Dialect::Nginx, escaped(&format!("# a remark\n{plain}"))),
        (Dialect::Nginx, escaped(&format!("{plain}\n"))),
        (Dialect::Nginx, two.clone()),
        (Dialect::Nginx, format!("{escaped_pem}%")),
        (Dialect::Envoy, format!("Cert={escaped_pem};")),
        (Dialect::Envoy, format!("cert=\"{escaped_pem}\"")),
        (Dialect::Envoy, format!("Cert=\"{escaped_pem}\";Cert=\"{escaped_pem}\"")),
        (Dialect::Envoy, format!("Cert=\"{escaped_pem}\",Cert=\"{escaped_pem}\"")),
        (Dialect::Envoy, format!("Hash=00;Subject=\"a\",Cert=\"{escaped_pem}\"")),
        (Dialect::Envoy, format!("Cert=\"{two}\"")),
        (Dialect::Envoy, format!("Cert=\"{escaped_pem}\";Chain=\"{}\"", escaped(&pem(&below)))),
        (Dialect::Envoy, format!("Cert=\"{escaped_pem}\";Other=1")),
        (Dialect::Envoy, format!("Cert=\"{escaped_pem}")),
        (Dialect::Envoy, format!("Hash={}", hash(&leaf))),
    ] {
        assert_eq!(read(dialect, &value), encoding, "TL-03 {dialect:?} {value}");
    }
    for dialect in ALL {
        assert_eq!(read(dialect, ""), encoding, "TL-03 {dialect:?}: empty");
        assert_eq!(read(dialect, "\u{e4}"), encoding, "TL-03 {dialect:?}");
        let value = written(dialect, &leaf);
        assert_eq!(
            read_with(dialect, &[&value, &value], &[]),
            Err(ForwardedError::Several),
            "TL-03 {dialect:?}"
        );
    }
    let other = format!("Hash={};Cert=\"{escaped_pem}\"", hash(&below));
    assert_eq!(read(Dialect::Envoy, &other), Err(ForwardedError::OtherHash), "TL-03");
    let alone = read_with(Dialect::Rfc9440, &[], &[&format!(":{base64}:")]);
    assert_eq!(alone, encoding, "TL-03: a chain without its leaf");
}

#[test]
fn what_is_too_much_or_no_certificate_is_refused() {
    let (leaf, below) = chain();
    let list = |count: usize| vec![STANDARD.encode(&leaf); count].join(",");
    assert_eq!(read(Dialect::Traefik, &list(5)).unwrap().len(), 5);
    assert_eq!(read(Dialect::Traefik, &list(6)), Err(ForwardedError::TooLarge), "TL-03, TL-16");
    let large = [STANDARD.encode(&leaf), STANDARD.encode(vec![0; 16 * 1024])].join(",");
    assert_eq!(read(Dialect::Traefik, &large), Err(ForwardedError::TooLarge), "TL-03, TL-16");
    for no_certificate in [vec![0x30, 0], b"hello".to_vec(), [leaf.clone(), below].concat()] {
        for dialect in ALL {
            let refused = read(dialect, &written(dialect, &no_certificate)).unwrap_err();
            assert!(matches!(refused, ForwardedError::Certificate(_)), "TL-03 {dialect:?} {refused}");
        }
    }
}

proptest::proptest! {
    /// `TL-17`: whatever stands in the header ends nobody, and only what would be written again is read.
    #[test]
    fn any_text_is_refused_or_is_the_only_spelling(text in "[ -~]{0,80}", place in 0_usize..4000, byte in 0x20_u8..0x7f) {
        let (leaf, _) = CHAIN.get_or_init(chain);
        for dialect in ALL {
            proptest::prop_assert!(read(dialect, &text).is_err());
            let mut changed = written(dialect, leaf).into_bytes();
            let place = place % changed.len();
            if changed[place] != byte {
                changed[place] = byte;
                let changed = String::from_utf8(changed).unwrap();
                proptest::prop_assert_ne!(read(dialect, &changed), Ok(vec![leaf.clone()]), "TL-03");
            }
        }
    }
}

static CHAIN: std::sync::OnceLock<(Vec<u8>, Vec<u8>)> = std::sync::OnceLock::new();
