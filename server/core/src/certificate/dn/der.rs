//! Just enough DER to walk a name: definite lengths, shortest form, no tag numbers above 30.

pub(super) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;

/// One element.
#[derive(Clone, Copy)]
pub(super) struct Element<'a> {
    /// Its identifier octet.
    pub(super) tag: u8,
    /// Its content octets.
    pub(super) content: &'a [u8],
    /// All of it.
    pub(super) whole: &'a [u8],
}

/// Splits the first element off.
pub(super) fn element(input: &[u8]) -> Option<(Element<'_>, &[u8])> {
    let (&tag, rest) = input.split_first()?;
    if tag & 0x1f == 0x1f {
        return None;
    }
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x83 => {
            let (octets, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            let length = octets.iter().fold(0_usize, |length, octet| length << 8 | usize::from(*octet));
            // Shortest form: no leading zero, and no long form for what the short one holds.
            let shortest = octets.first().is_some_and(|octet| *octet != 0) && length > 0x7f;
            (shortest.then_some(length)?, rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    let whole = input.get(..input.len() - rest.len())?;
    Some((Element { tag, content, whole }, rest))
}

/// The element that is all of `input` and has this tag.
pub(super) fn only(input: &[u8], tag: u8) -> Option<Element<'_>> {
    let (found, rest) = element(input)?;
    (found.tag == tag && rest.is_empty()).then_some(found)
}

/// The elements of `input`, all of which have this tag.
pub(super) fn all(mut input: &[u8], tag: u8) -> Option<Vec<Element<'_>>> {
    let mut found = Vec::new();
    while !input.is_empty() {
        let (next, rest) = element(input)?;
        (next.tag == tag).then_some(())?;
        found.push(next);
        input = rest;
    }
    Some(found)
}

/// Encodes an element.
pub(super) fn encode(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let significant =
        length.iter().position(|octet| *octet != 0).and_then(|start| length.get(start..)).unwrap_or(&[0]);
    let mut whole = vec![tag];
    match significant {
        [short @ 0..=0x7f] => whole.push(*short),
        long => {
            whole.push(0x80 | u8::try_from(long.len()).unwrap_or(u8::MAX));
            whole.extend_from_slice(long);
        }
    }
    whole.extend_from_slice(content);
    whole
}
