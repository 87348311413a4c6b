use proptest::prelude::*;

use super::*;
use crate::certificate::SubjectName;
use crate::certificate::dn::DistinguishedName;

fn kind() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            CN,
            C,
            O,
            OU,
            SERIAL_NUMBER,
            ORGANIZATION_IDENTIFIER,
            "0.9.2342.19200300.100.1.1",
            "0.9.2342.19200300.100.1.25",
            "2.5.4.9"
        ])
        .prop_map(str::to_owned),
        prop::collection::vec(any::<u32>(), 1..5).prop_map(|arcs| {
            arcs.iter().fold("2.999".to_owned(), |dotted, arc| format!("{dotted}.{arc}"))
        }),
    ]
}

/// Text with much of what needs care, as any of the string types; and bytes that are anything.
fn value() -> impl Strategy<Value = (u8, Vec<u8>)> {
    let text = prop_oneof![r"[ -~]{0,20}", r#"[ ,+"\\<>;=#a]{0,12}"#, ".{0,12}", "\\PC{0,12}"];
    prop_oneof![
        text.clone().prop_map(|text: String| (UTF8, text.into_bytes())),
        text.clone().prop_map(|text: String| (PRINTABLE, text.into_bytes())),
        text.clone().prop_map(|text: String| (BMP, text.encode_utf16().flat_map(u16::to_be_bytes).collect())),
        text.prop_map(|text: String| (
            UNIVERSAL,
            text.chars().flat_map(|c| u32::from(c).to_be_bytes()).collect()
        )),
        (
            prop::sample::select(vec![
                TELETEX, IA5, NUMERIC, UTF8, BMP, UNIVERSAL, 0x03, 0x04, 0x18, 0x2c, 0x30, 0xa0
            ]),
            prop::collection::vec(any::<u8>(), 0..140)
        ),
    ]
}

prop_compose! {
    pub(super) fn name()(rdns in prop::collection::vec(prop::collection::vec((kind(), value()), 1..4), 0..6)) -> Vec<u8> {
        let rdns: Vec<Vec<Ava<'_>>> = rdns.iter().map(|rdn| rdn.iter().map(|(kind, (tag, value))| (kind.as_str(), *tag, value.as_slice())).collect()).collect();
        sequence(&rdns.iter().map(Vec::as_slice).collect::<Vec<_>>())
    }
}

/// A name of which every program reads the same characters, with the types OpenSSL has names for.
pub(super) fn readable_name() -> impl Strategy<Value = Vec<u8>> {
    let kinds = vec![
        CN,
        C,
        O,
        OU,
        SERIAL_NUMBER,
        ORGANIZATION_IDENTIFIER,
        "2.5.4.4",
        "2.5.4.7",
        "2.5.4.8",
        "2.5.4.9",
        "2.5.4.12",
        "2.5.4.15",
        "2.5.4.17",
        "2.5.4.42",
        "2.5.4.43",
        "2.5.4.44",
        "2.5.4.46",
        "2.5.4.65",
        "0.9.2342.19200300.100.1.1",
        "0.9.2342.19200300.100.1.25",
        "1.2.840.113549.1.9.1",
        "1.3.6.1.4.1.311.60.2.1.1",
        "1.3.6.1.4.1.311.60.2.1.2",
        "1.3.6.1.4.1.311.60.2.1.3",
        "2.999.1",
    ];
    let text = prop_oneof![r"[ -~]{1,20}", r#"[ ,+"\\<>;=#a]{1,12}"#, "[a-zà-ÿА-я一-龥😀 ]{1,10}"];
    let value = prop_oneof![
        text.clone().prop_map(|text: String| (UTF8, text.into_bytes())),
        "[A-Za-z0-9 '()+,./:=?-]{1,20}".prop_map(|text: String| (PRINTABLE, text.into_bytes())),
        "[ -~]{1,20}".prop_map(|text: String| (IA5, text.into_bytes())),
        "[a-zà-ÿ ,+]{1,10}".prop_map(|text: String| (
            BMP,
            text.encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<u8>>()
        )),
        text.prop_map(|text: String| (
            UNIVERSAL,
            text.chars().flat_map(|c| u32::from(c).to_be_bytes()).collect()
        )),
        // A BIT STRING: the one type without characters that OpenSSL takes in a name.
        prop::collection::vec(any::<u8>(), 0..20).prop_map(|bytes| (0x03, [vec![0], bytes].concat())),
    ];
    let rdn = prop::collection::vec((prop::sample::select(kinds), value), 1..4);
    prop::collection::vec(rdn, 1..6).prop_map(|rdns| {
        let rdns: Vec<Vec<Ava<'_>>> = rdns
            .iter()
            .map(|rdn| rdn.iter().map(|(kind, (tag, value))| (*kind, *tag, value.as_slice())).collect())
            .collect();
        sequence(&rdns.iter().map(Vec::as_slice).collect::<Vec<_>>())
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1_000) })]

    /// `TL-08`: parse(print(dn)) == dn.
    #[test]
    fn what_is_printed_is_the_same_name(der in name()) {
        let certificate = DistinguishedName::from_der(&der).unwrap();
        let printed = certificate.to_string();
        prop_assume!(printed.len() <= 2048);
        let read = DistinguishedName::parse(&printed);
        prop_assert_eq!(read.as_ref(), Ok(&certificate), "{}", printed);
        prop_assert_eq!(read.unwrap().to_string(), printed.clone());
        prop_assert!(printed.chars().all(|c| !c.is_control()));
    }

    #[test]
    fn no_bytes_make_the_reader_of_der_fall(bytes in prop::collection::vec(any::<u8>(), 0..200), der in name(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let _ = DistinguishedName::from_der(&bytes);
        let mut mutated = der;
        let at = at.index(mutated.len());
        mutated[at] = byte;
        if let Some(name) = DistinguishedName::from_der(&mutated) {
            let _ = name.to_string();
        }
        let _ = PeerCertificate::from_chain(vec![bytes.clone()]);
        let _ = TrustAnchors::parse(&bytes);
        let _ = PeerCertificate::from_chain(vec![with_subject(&mutated)]);
    }

    #[test]
    fn no_text_makes_the_reader_of_names_fall(text in prop_oneof![".{0,60}", r#"[CNO=#+,\\ 0-9a-f."]{0,40}"#]) {
        let _ = DistinguishedName::parse(&text);
        for name in [SubjectName::SubjectDn(text.clone()), SubjectName::SanDns(text.clone()), SubjectName::SanUri(text.clone()), SubjectName::SanIp(text.clone()), SubjectName::SanEmail(text.clone())] {
            let _ = name.check();
        }
    }

    /// `TL-07`: whatever stands in the certificate, only the registered name itself, in any case, matches.
    #[test]
    fn a_host_name_matches_only_itself(presented in r"[aA.*\x00x-]{1,8}") {
        let certificate = with_raw_names(&[der(0x82, presented.as_bytes())]);
        let matches = SubjectName::SanDns("a.x".into()).matches(&certificate);
        prop_assert_eq!(matches, presented.eq_ignore_ascii_case("a.x"));
    }
}
