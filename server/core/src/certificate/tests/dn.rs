use super::*;
use crate::certificate::SubjectName;
use crate::certificate::dn::DistinguishedName;

/// `RFC 4514` 4, its own examples.
#[test]
fn the_examples_of_the_rfc_are_read() {
    let jim = of(&[
        &[("0.9.2342.19200300.100.1.25", IA5, b"net")],
        &[("0.9.2342.19200300.100.1.25", IA5, b"example")],
        &[("0.9.2342.19200300.100.1.1", UTF8, b"jsmith")],
    ]);
    assert_eq!(text("UID=jsmith,DC=example,DC=net"), jim);
    let sales = of(&[
        &[("0.9.2342.19200300.100.1.25", IA5, b"net")],
        &[("0.9.2342.19200300.100.1.25", IA5, b"example")],
        &[(OU, UTF8, b"Sales"), (CN, UTF8, b"J.  Smith")],
    ]);
    assert_eq!(text("OU=Sales+CN=J.  Smith,DC=example,DC=net"), sales);
    assert_eq!(text("CN=J. Smith + OU=sales, DC=example, DC=net"), sales, "a set has no order");
    let quoted = of(&[&[(CN, UTF8, b"James \"Jim\" Smith, III")]]);
    assert_eq!(text(r#"CN=James \"Jim\" Smith\, III"#), quoted);
    let before_after = of(&[&[(CN, UTF8, b"Before\rAfter")]]);
    assert_eq!(text(r"CN=Before\0dAfter"), before_after);
    assert_eq!(text("1.3.6.1.4.1.1466.0=#04024869"), of(&[&[("1.3.6.1.4.1.1466.0", 0x04, b"Hi")]]));
    let lucic = of(&[&[(CN, UTF8, "Lučić".as_bytes())]]);
    assert_eq!(text(r"CN=Lu\C4\8Di\C4\87"), lucic);
    assert_eq!(text("CN=Lučić"), lucic);
}

/// `TL-09`, `spec/profiles.md` 6.3: the subject of the certificate standard of Open Finance Brasil (9.5).
#[test]
fn the_subject_of_brazils_certificate_standard_is_read_and_written_as_it_stands_there() {
    let subject = of(&[
        &[("2.5.4.15", UTF8, b"Private Organization")],
        &[("1.3.6.1.4.1.311.60.2.1.3", PRINTABLE, b"BR")],
        &[(SERIAL_NUMBER, PRINTABLE, b"43142666000197")],
        &[(C, PRINTABLE, b"BR")],
        &[(O, UTF8, b"Chicago Advisory Partners")],
        &[("2.5.4.8", UTF8, b"SP")],
        &[("2.5.4.7", UTF8, b"SAO PAULO")],
        &[(ORGANIZATION_IDENTIFIER, UTF8, b"OFBBR-d7384bd0-842f-43c5-be02-9d2b2d5efc2c")],
        &[("0.9.2342.19200300.100.1.1", UTF8, b"bc97b8f0-cae0-4f2f-9978-d93f0e56a833")],
        &[(CN, UTF8, b"web.conftpp.directory.openbankingbrasil.org.br")],
    ]);
    let standard = "CN=web.conftpp.directory.openbankingbrasil.org.br,UID=bc97b8f0-cae0-4f2f-9978-d93f0e56a833,\
        2.5.4.97=#0c2a4f464242522d64373338346264302d383432662d343363352d626530322d396432623264356566633263,\
        L=SAO PAULO,ST=SP,O=Chicago Advisory Partners,C=BR,2.5.4.5=#130e3433313432363636303030313937,\
        1.3.6.1.4.1.311.60.2.1.3=#13024252,2.5.4.15=#0c1450726976617465204f7267616e697a6174696f6e";
    assert_eq!(subject.to_string(), standard, "6.3 steps 1 to 5");
    let other_spellings = [
        standard.to_owned(),
        standard.to_uppercase().replace("CN=", "cn="),
        standard.replace(',', " , "),
        // Another string type, and capital hexadecimal digits.
        standard.replace("#0c1450", "#131450").replace("#13024252", "#0C024252"),
        standard.replace("1.3.6.1.4.1.311.60.2.1.3=#13024252", "1.3.6.1.4.1.311.60.2.1.3=BR"),
        standard.replace("1.3.6.1.4.1.311.60.2.1.3=#13024252", "jurisdictionCountryName=BR"),
        standard.replace("2.5.4.5=#130e3433313432363636303030313937", "serialNumber=43142666000197"),
        standard.replace("2.5.4.5=#130e3433313432363636303030313937", "2.5.4.5=43142666000197"),
        standard.replace(
            "2.5.4.15=#0c1450726976617465204f7267616e697a6174696f6e",
            "BUSINESSCATEGORY=Private Organization",
        ),
        standard.replace("UID=", "0.9.2342.19200300.100.1.1="),
    ];
    for spelling in other_spellings {
        assert_eq!(text(&spelling), subject, "6.3 step 6 {spelling}");
    }
    let others = [
        standard.replace("2.5.4.5=#130e3433313432363636303030313937", "SN=43142666000197"),
        standard.replace("43142666000197", "43142666000198").replace("303030313937", "303030313938"),
        standard.replace("L=SAO PAULO,ST=SP", "ST=SP,L=SAO PAULO"),
        standard.replace("CN=web", "CN=xweb"),
        standard.replace("UID=", "OU="),
        standard.replace(",C=BR", ""),
    ];
    for other in others {
        assert_ne!(text(&other), subject, "6.3 step 6 {other}");
    }
}

/// `TL-09`: name=text, oid=text and oid=#hex are one name, for every alias.
#[test]
fn three_spellings_of_every_alias_are_equal() {
    let aliases = [
        ("CN", CN),
        ("commonName", CN),
        ("surname", "2.5.4.4"),
        ("SN", "2.5.4.4"),
        ("serialNumber", SERIAL_NUMBER),
        ("C", C),
        ("countryName", C),
        ("L", "2.5.4.7"),
        ("localityName", "2.5.4.7"),
        ("ST", "2.5.4.8"),
        ("stateOrProvinceName", "2.5.4.8"),
        ("STREET", "2.5.4.9"),
        ("streetAddress", "2.5.4.9"),
        ("O", O),
        ("organizationName", O),
        ("OU", OU),
        ("organizationalUnitName", OU),
        ("title", "2.5.4.12"),
        ("businessCategory", "2.5.4.15"),
        ("postalCode", "2.5.4.17"),
        ("GN", "2.5.4.42"),
        ("givenName", "2.5.4.42"),
        ("initials", "2.5.4.43"),
        ("generationQualifier", "2.5.4.44"),
        ("dnQualifier", "2.5.4.46"),
        ("pseudonym", "2.5.4.65"),
        ("organizationIdentifier", ORGANIZATION_IDENTIFIER),
        ("UID", "0.9.2342.19200300.100.1.1"),
        ("userId", "0.9.2342.19200300.100.1.1"),
        ("DC", "0.9.2342.19200300.100.1.25"),
        ("domainComponent", "0.9.2342.19200300.100.1.25"),
        ("emailAddress", "1.2.840.113549.1.9.1"),
        ("unstructuredName", "1.2.840.113549.1.9.2"),
        ("jurisdictionL", "1.3.6.1.4.1.311.60.2.1.1"),
        ("jurisdictionLocalityName", "1.3.6.1.4.1.311.60.2.1.1"),
        ("jurisdictionST", "1.3.6.1.4.1.311.60.2.1.2"),
        ("jurisdictionStateOrProvinceName", "1.3.6.1.4.1.311.60.2.1.2"),
        ("jurisdictionC", "1.3.6.1.4.1.311.60.2.1.3"),
        ("jurisdictionCountryName", "1.3.6.1.4.1.311.60.2.1.3"),
    ];
    for (alias, dotted) in aliases {
        let certificate = of(&[&[(dotted, PRINTABLE, b"GB1")]]);
        let value = hex(&der(UTF8, b"gb1"));
        for name in [alias.to_owned(), alias.to_uppercase(), alias.to_lowercase(), dotted.to_owned()] {
            assert_eq!(text(&format!("{name}=GB1")), certificate, "TL-09 {name}");
            assert_eq!(text(&format!("{name}=#{value}")), certificate, "TL-09 {name}");
        }
    }
    for unknown in [
        "S",
        "E",
        "T",
        "DN",
        "OID.2.5.4.3",
        "02.5.4.3",
        "2.05.4.3",
        "3.1",
        "2",
        "1.40",
        "2.5.4.",
        "2..5",
        "CN\u{a0}",
        "сn",
    ] {
        assert!(DistinguishedName::parse(&format!("{unknown}=x")).is_err(), "TL-09 {unknown}");
    }
}

/// Letters from elsewhere whose lower case is an ASCII letter: Kelvin sign and dotted capital I.
#[test]
fn a_letter_from_elsewhere_never_becomes_an_ascii_letter() {
    for (trick, plain) in [
        ("\u{212a}", "k"),
        ("\u{212a}", "K"),
        ("\u{130}", "i"),
        ("\u{130}", "I"),
        ("\u{131}", "i"),
        ("\u{17f}", "s"),
    ] {
        assert_ne!(
            of(&[&[(CN, UTF8, trick.as_bytes())]]),
            of(&[&[(CN, UTF8, plain.as_bytes())]]),
            "TL-08 homoglyph {trick}"
        );
    }
    assert_eq!(of(&[&[(CN, UTF8, "ÇÃO".as_bytes())]]), of(&[&[(CN, UTF8, "ção".as_bytes())]]));
}

#[test]
fn a_value_that_is_not_what_its_type_says_is_compared_byte_for_byte() {
    let broken: [Ava<'_>; 5] = [
        (CN, UTF8, b"a\xff"),
        (CN, PRINTABLE, b"\xe4"),
        (CN, BMP, b"\0a\0"),
        (CN, BMP, b"\xd8\0"),
        (CN, UNIVERSAL, b"\0\0\0a\0"),
    ];
    for value in broken {
        let certificate = of(&[&[value]]);
        assert_eq!(text(&format!("CN=#{}", hex(&der(value.1, value.2)))), certificate, "TL-08");
        assert_eq!(text(&certificate.to_string()), certificate);
        for other in ["CN=a", "CN=ä", "CN=\u{fffd}", "CN=a\u{fffd}"] {
            assert_ne!(text(other), certificate, "TL-08 {other}");
        }
    }
    let teletex = of(&[&[(CN, TELETEX, b"app")]]);
    assert_ne!(text("CN=app"), teletex, "TL-08: nobody agrees on the characters of T.61");
    assert_eq!(text("CN=#1403617070"), teletex);
    assert_ne!(text("CN=#1403415050"), teletex, "byte for byte");
    let bits = of(&[&[("2.5.4.45", 0x03, b"\0abc")]]);
    assert_eq!(text("2.5.4.45=#030400616263"), bits);
}

#[test]
fn text_that_is_no_name_is_refused_with_a_place() {
    for (wrong, position) in [
        ("CN", 3),
        ("CN=a,", 6),
        ("CN=a,,O=b", 6),
        (",CN=a", 1),
        ("=a", 1),
        ("CN=a+", 6),
        ("CN=\"a\"", 4),
        ("CN=a\\", 6),
        ("CN=a\\x", 6),
        ("CN=a\\4", 6),
        ("CN=\\ff", 4),
        ("CN=\\c3", 4),
        ("CN=#", 5),
        ("CN=#0", 5),
        ("CN=#0c", 5),
        ("CN=#0c02", 5),
        ("CN=#0c0161ff", 5),
        ("CN=#0c810161", 5),
        ("CN=#0c8161", 5),
        ("CN=#308000", 5),
        ("CN=#1f0161", 5),
        ("CN=#0c0161 x", 12),
        ("CN=a<b", 5),
        ("CN=a\0", 5),
        ("/CN=a", 1),
        ("CN=a;O=b", 5),
        ("ä=b", 1),
        ("CN=ää;", 6),
    ] {
        let error = DistinguishedName::parse(wrong).unwrap_err();
        assert_eq!(error.position, position, "TL-08 {wrong:?} {error}");
    }
    assert!(DistinguishedName::parse(&format!("CN={}", "x".repeat(3000))).is_err());
    assert!(DistinguishedName::parse("").unwrap().is_empty());
}

#[test]
fn der_that_is_no_name_is_no_name() {
    let good = sequence(&[&[(CN, UTF8, b"a")]]);
    assert!(DistinguishedName::from_der(&good).is_some());
    let attribute = [oid(CN), der(UTF8, b"a")].concat();
    let bad = [
        vec![],
        [good.clone(), vec![0]].concat(),
        good[..good.len() - 1].to_vec(),
        der(0x31, &der(0x31, &der(0x30, &attribute))),
        der(0x30, &der(0x30, &der(0x30, &attribute))),
        der(0x30, &der(0x31, &[])),
        der(0x30, &der(0x31, &der(0x31, &attribute))),
        der(0x30, &der(0x31, &der(0x30, &oid(CN)))),
        der(0x30, &der(0x31, &der(0x30, &[attribute.clone(), vec![5, 0]].concat()))),
        der(0x30, &der(0x31, &der(0x30, &[der(0x04, &[0x55, 4, 3]), der(UTF8, b"a")].concat()))),
        // 2.5.4.3 with a leading zero group, and cut off in the middle of an arc.
        der(0x30, &der(0x31, &der(0x30, &[der(0x06, &[0x55, 4, 0x80, 3]), der(UTF8, b"a")].concat()))),
        der(0x30, &der(0x31, &der(0x30, &[der(0x06, &[0x55, 4, 0x83]), der(UTF8, b"a")].concat()))),
        der(0x30, &der(0x31, &der(0x30, &[der(0x06, &[]), der(UTF8, b"a")].concat()))),
        der(0x30, &der(0x31, &der(0x30, &[der(0x06, &[0xff; 30]), der(UTF8, b"a")].concat()))),
    ];
    for der in bad {
        assert!(DistinguishedName::from_der(&der).is_none(), "TL-08 {der:02x?}");
    }
}

#[test]
fn a_name_cannot_break_a_line_of_a_log() {
    let name = of(&[&[(CN, UTF8, "a\nb\u{85}\0".as_bytes())]]);
    assert_eq!(name.to_string(), r"CN=a\0Ab\C2\85\00");
    assert_eq!(text(&name.to_string()), name);
}

/// The whole way: text registered, certificate on the connection.
#[test]
fn a_multi_valued_rdn_matches_through_a_certificate() {
    let subject = sequence(&[&[(C, PRINTABLE, b"GB")], &[(OU, UTF8, b"Pay"), (CN, PRINTABLE, b"App")]]);
    let presented = peer([with_subject(&subject)]);
    for same in ["CN=app+OU=pay,C=gb", "OU=Pay+CN=App, C=GB", "2.5.4.3=App+OU=Pay,C=#13024742"] {
        assert!(SubjectName::SubjectDn(same.into()).matches(&presented), "MTL-01 {same}");
    }
    for other in [
        "CN=App,OU=Pay,C=GB",
        "OU=Pay,CN=App,C=GB",
        "C=GB,CN=App+OU=Pay",
        "CN=App,C=GB",
        "CN=App+OU=Pay+OU=Pay,C=GB",
    ] {
        assert!(!SubjectName::SubjectDn(other.into()).matches(&presented), "MTL-01 {other}");
    }
    let unreadable = peer([with_subject(&der(
        0x30,
        &der(0x31, &der(0x30, &[der(0x06, &[0x55, 4, 0x80, 3]), der(UTF8, b"a")].concat())),
    ))]);
    assert!(!SubjectName::SubjectDn("CN=a".into()).matches(&unreadable));
}
