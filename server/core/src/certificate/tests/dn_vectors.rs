//! `TL-08`: every way of writing a name that means the same, and every small change that does not.

use super::*;

/// A name before it is written down: RDNs in the order of the certificate, an attribute is a type and a text.
#[derive(Clone, PartialEq)]
struct Name(Vec<Vec<(&'static str, String)>>);

type Vectors = Vec<(&'static str, DistinguishedName)>;
type Change = (&'static str, fn(&str) -> String);

#[test]
fn names_are_equal_by_meaning_and_only_by_meaning() {
    let mut compared = 0;
    for name in names() {
        let certificate = name.encoded(UTF8);
        for (how, same) in same_meaning(&name) {
            compared += 1;
            assert!(same == certificate, "TL-08 {how}: {same} is not {certificate}");
        }
        for (how, other) in other_shapes(&name).into_iter().chain(other_values(&name)) {
            compared += 1;
            assert!(other != certificate, "TL-08 {how}: {other} is {certificate}");
        }
    }
    assert!(compared >= 500, "{compared}");
}

fn names() -> [Name; 9] {
    let long = "x".repeat(300);
    [
        &[&[(C, "GB")] as &[_], &[(O, "Example Bank")], &[(CN, "app one")]] as &[&[(&'static str, &str)]],
        &[&[(C, "DE")], &[(O, "Bücher, Söhne + Co.")], &[(OU, "a"), (CN, "b")]],
        &[&[(O, " leading and trailing ")], &[(CN, "#sharp")]],
        &[&[(O, "quote \" back \\ less < more > semi ; eq = nul")], &[(CN, "x")]],
        &[
            &[(ORGANIZATION_IDENTIFIER, "PSDGB-FCA-123456")],
            &[(SERIAL_NUMBER, "0015800000jf")],
            &[(CN, "0015800000jf")],
        ],
        &[&[(CN, "two"), (CN, "one"), (OU, "three")], &[(OU, "last one")]],
        &[&[("1.2.3.4.5.6", "private type")], &[(CN, "москва")]],
        &[&[(O, &long)], &[(CN, "long one")]],
        &[&[(C, "BR")], &[(O, "AÇÃO S.A.")], &[("2.5.4.15", "Private Organization")], &[(CN, "a,b")]],
    ]
    .map(|rdns| {
        let owned = |(kind, text): &(&'static str, &str)| (*kind, (*text).to_owned());
        Name(rdns.iter().map(|rdn| rdn.iter().map(owned).collect()).collect())
    })
}

fn same_meaning(name: &Name) -> Vectors {
    let mut vectors = Vec::new();
    let mut turned = name.clone();
    turned.0.iter_mut().for_each(|rdn| rdn.reverse());
    for tag in [UTF8, BMP, UNIVERSAL] {
        vectors.push(("string type", name.encoded(tag)));
        vectors.push(("order in an RDN", turned.encoded(tag)));
    }
    if name.0.iter().flatten().all(|(_, text)| text.is_ascii()) {
        vectors.extend([PRINTABLE, IA5, NUMERIC].map(|tag| ("string type", name.encoded(tag))));
    }
    for separator in [",", ", ", " ,", "  ,  "] {
        for equals in ["=", " = "] {
            for escape in [special, all, der_in_hex, |value: &str| der_in_hex(value).to_uppercase()] {
                vectors.push(("escaping", text(&name.written(separator, equals, escape))));
            }
        }
    }
    let spellings: [Change; 4] = [
        ("capitals", |value| special(&value.to_uppercase())),
        ("small letters", |value| special(&value.to_lowercase())),
        ("repeated spaces", |value| special(&value.replace(' ', "   "))),
        ("surrounding spaces", |value| special(&format!("  {value} "))),
    ];
    vectors.extend(spellings.map(|(how, write)| (how, text(&name.written(",", "=", write)))));
    vectors
}

fn other_shapes(name: &Name) -> Vectors {
    let rdns = &name.0;
    let reversed = Name(rdns.iter().rev().cloned().collect());
    let split = Name(rdns.iter().flatten().map(|attribute| vec![attribute.clone()]).collect());
    let joined = Name(vec![rdns.iter().flatten().cloned().collect()]);
    let (how, regrouped) = if split == *name { ("joined RDNs", joined) } else { ("split RDNs", split) };
    vec![
        ("reversed RDNs", reversed.encoded(UTF8)),
        ("without the first RDN", Name(rdns[1..].to_vec()).encoded(UTF8)),
        ("without the last RDN", Name(rdns[..rdns.len() - 1].to_vec()).encoded(UTF8)),
        ("an RDN twice", Name([&rdns[..], &rdns[..1]].concat()).encoded(UTF8)),
        ("TeletexString", name.encoded(TELETEX)),
        ("OCTET STRING", name.encoded(0x04)),
        (how, regrouped.encoded(UTF8)),
    ]
}

fn other_values(name: &Name) -> Vectors {
    let changes: [Change; 11] = [
        ("a character more", |value| format!("{value}x")),
        ("a NUL after", |value| format!("{value}\0")),
        ("a NUL before", |value| format!("\0{value}")),
        ("a NUL and more", |value| format!("{value}\0.evil")),
        ("a zero width space", |value| format!("{value}\u{200b}")),
        ("a soft hyphen", |value| format!("\u{ad}{value}")),
        ("a no-break space", |value| format!("{value}\u{a0}")),
        ("a tab", |value| format!("{value}\t")),
        ("Cyrillic for Latin", |value| {
            value.replace('a', "а").replace('o', "о").replace('x', "х").replace('B', "В")
        }),
        ("a full width letter", |value| {
            value.replace('a', "\u{ff41}").replace('o', "\u{ff4f}").replace('G', "\u{ff27}")
        }),
        ("without spaces, or with one inside", |value| {
            if value.trim().contains(' ') {
                value.replace(' ', "")
            } else {
                format!("{} {}", &value[..2.min(value.len())], value)
            }
        }),
    ];
    let mut vectors = Vec::new();
    for (how, change) in changes {
        for at in 0..name.0.len() {
            let mut other = name.clone();
            other.0[at].iter_mut().for_each(|(_, text)| *text = change(text));
            if other != *name {
                vectors.push((how, other.encoded(UTF8)));
                vectors.push((how, text(&other.written(",", "=", all))));
            }
        }
    }
    vectors
}

impl Name {
    /// As a certificate has it.
    fn encoded(&self, tag: u8) -> DistinguishedName {
        let octets = |text: &str| match tag {
            BMP => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
            UNIVERSAL => text.chars().flat_map(|c| u32::from(c).to_be_bytes()).collect(),
            _ => text.as_bytes().to_vec(),
        };
        let values: Vec<Vec<(&str, Vec<u8>)>> =
            self.0.iter().map(|rdn| rdn.iter().map(|(kind, text)| (*kind, octets(text))).collect()).collect();
        let attributes: Vec<Vec<Ava<'_>>> = values
            .iter()
            .map(|rdn| rdn.iter().map(|(kind, value)| (*kind, tag, value.as_slice())).collect())
            .collect();
        of(&attributes.iter().map(Vec::as_slice).collect::<Vec<_>>())
    }

    /// As people write it.
    fn written(&self, comma: &str, equals: &str, escape: impl Fn(&str) -> String) -> String {
        let attribute = |(kind, value): &(&str, String)| format!("{kind}{equals}{}", escape(value));
        let plus = comma.replace(',', "+");
        let rdns = self.0.iter().rev().map(|rdn| rdn.iter().map(attribute).collect::<Vec<_>>().join(&plus));
        rdns.collect::<Vec<_>>().join(comma)
    }
}

/// With a backslash before what is special anywhere.
fn special(value: &str) -> String {
    value.chars().map(|c| if " \"#+,;<=>\\".contains(c) { format!("\\{c}") } else { c.to_string() }).collect()
}

/// Every octet as a hexadecimal pair.
fn all(value: &str) -> String {
    value.bytes().fold(String::new(), |pairs, octet| format!("{pairs}\\{octet:02X}"))
}

fn der_in_hex(value: &str) -> String {
    format!("#{}", hex(&der(UTF8, value.as_bytes())))
}
