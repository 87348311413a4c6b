//! Values of attributes, and when two are the same.

use super::der::{self, Element};

const UTF8: u8 = 0x0c;
const NUMERIC: u8 = 0x12;
const PRINTABLE: u8 = 0x13;
const IA5: u8 = 0x16;
const UNIVERSAL: u8 = 0x1c;
const BMP: u8 = 0x1e;

/// A value.
#[derive(Clone, Debug)]
pub(super) enum Value {
    /// A string of a type whose characters are certain, and which type that was: printing keeps it, comparing does not.
    Text { text: String, tag: u8 },
    /// Anything else, as its DER: `TeletexString` among them, since programs disagree on its characters.
    Other(Vec<u8>),
}

/// What two values are compared by.
#[derive(PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Prepared {
    Text(String),
    Other(Vec<u8>),
}

impl Value {
    /// As people write it.
    pub(super) fn written(text: String) -> Self {
        Self::Text { text, tag: UTF8 }
    }

    pub(super) fn from_der(element: &Element<'_>) -> Self {
        let ascii = || {
            element
                .content
                .is_ascii()
                .then(|| std::str::from_utf8(element.content).ok())
                .flatten()
                .map(str::to_owned)
        };
        let text = match element.tag {
            UTF8 => std::str::from_utf8(element.content).ok().map(str::to_owned),
            NUMERIC | PRINTABLE | IA5 => ascii(),
            BMP => wide(element.content, |unit: [u8; 2]| u32::from(u16::from_be_bytes(unit))),
            UNIVERSAL => wide(element.content, u32::from_be_bytes),
            _ => None,
        };
        match text {
            Some(text) => Self::Text { text, tag: element.tag },
            None => Self::Other(element.whole.to_vec()),
        }
    }

    pub(super) fn to_der(&self) -> Vec<u8> {
        match self {
            Self::Other(der) => der.clone(),
            Self::Text { text, tag: BMP } => {
                der::encode(BMP, &text.encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<_>>())
            }
            Self::Text { text, tag: UNIVERSAL } => der::encode(
                UNIVERSAL,
                &text.chars().flat_map(|c| u32::from(c).to_be_bytes()).collect::<Vec<_>>(),
            ),
            Self::Text { text, tag } => der::encode(*tag, text.as_bytes()),
        }
    }

    /// `caseIgnoreMatch` (RFC 4517 4.2.11) for text, byte for byte otherwise.
    pub(super) fn prepared(&self) -> Prepared {
        match self {
            Self::Text { text, .. } => Prepared::Text(prepare(text)),
            Self::Other(der) => Prepared::Other(der.clone()),
        }
    }

    pub(super) fn is_blank(&self) -> bool {
        matches!(self, Self::Text { text, .. } if text.bytes().all(|b| b == b' '))
    }
}

/// Spaces at the ends do not count, runs of them count once (RFC 4518 2.6.1); case does not count (2.2).
fn prepare(text: &str) -> String {
    let mut prepared = String::with_capacity(text.len());
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        if !prepared.is_empty() {
            prepared.push(' ');
        }
        word.chars().for_each(|c| fold(c, &mut prepared));
    }
    prepared
}

/// Lower case, except where a letter from elsewhere would become an ASCII one: the Kelvin sign is no `k` in a bank's name.
fn fold(c: char, into: &mut String) {
    if c.is_ascii() {
        into.push(c.to_ascii_lowercase());
    } else if c.to_lowercase().any(|lower| lower.is_ascii()) {
        into.push(c);
    } else {
        into.extend(c.to_lowercase());
    }
}

/// Characters of a fixed width. `None` for half ones, and for surrogates.
fn wide<const N: usize>(content: &[u8], number: impl Fn([u8; N]) -> u32) -> Option<String> {
    let (units, rest) = content.as_chunks::<N>();
    rest.is_empty().then(|| units.iter().map(|unit| char::from_u32(number(*unit))).collect()).flatten()
}
