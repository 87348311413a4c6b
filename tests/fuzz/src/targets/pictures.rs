//! What somebody drew: the one parser of the operator's that is not for text.

use fapi_core::logo::MAX_BYTES;
use fapi_operator::logo::{Logo, redraw};

/// A PNG, or what claims to be one. It is tried as it is, and with the checksums of its chunks made right: those stop nobody.
pub(super) fn logo(input: &[u8]) -> bool {
    let mut accepted = false;
    for bytes in [input.to_vec(), with_checksums(input)] {
        match redraw(&bytes) {
            Ok(logo) => {
                holds_pixels_alone(&logo);
                accepted = true;
            }
            Err(why) => {
                let said = why.to_string();
                assert!(said.contains(':') && said.len() < 200, "what to write instead: {said}");
            }
        }
    }
    accepted
}

/// `B-06`: a server takes it; it holds what a picture needs, once, and nothing behind its end; drawn again, it is the same.
fn holds_pixels_alone(logo: &Logo) {
    let bytes = logo.png.as_bytes();
    assert!(logo.id.is_of(bytes) && bytes.len() <= MAX_BYTES, "B-06");
    let names: Vec<Vec<u8>> =
        chunks(bytes).map(|chunk| bytes[chunk.start + 4..chunk.start + 8].to_vec()).collect();
    let known: [&[u8]; 5] = [b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"];
    let ranks: Vec<usize> = names
        .iter()
        .map(|name| {
            known.iter().position(|known| known == name).expect("B-06: a chunk that no picture needs")
        })
        .collect();
    assert!(ranks.is_sorted(), "B-06 {ranks:?}");
    assert_eq!((ranks.first(), ranks.last()), (Some(&0), Some(&4)), "B-06");
    let end = chunks(bytes).last().map(|chunk| chunk.end);
    assert_eq!(end, Some(bytes.len()), "B-06: nothing behind the end");
    assert_eq!(redraw(bytes).as_ref(), Ok(logo), "one name for one picture");
}

const SIGNATURE: usize = 8;

/// Where chunks are, with their lengths and checksums, as far as the lengths are true.
fn chunks(bytes: &[u8]) -> impl Iterator<Item = std::ops::Range<usize>> + '_ {
    let mut start = SIGNATURE;
    std::iter::from_fn(move || {
        let length = bytes.get(start..start + 4)?;
        let length = u32::from_be_bytes(length.try_into().ok()?) as usize;
        let end = start.checked_add(length)?.checked_add(12).filter(|end| *end <= bytes.len())?;
        let chunk = start..end;
        start = end;
        Some(chunk)
    })
}

fn with_checksums(bytes: &[u8]) -> Vec<u8> {
    let mut right = bytes.to_vec();
    for chunk in chunks(bytes) {
        let crc = crc(&bytes[chunk.start + 4..chunk.end - 4]);
        right[chunk.end - 4..chunk.end].copy_from_slice(&crc.to_be_bytes());
    }
    right
}

/// PNG 3rd edition, annex D.
fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(
            crc ^ u32::from(*byte),
            |crc, _| if crc & 1 == 1 { 0xedb8_8320 ^ (crc >> 1) } else { crc >> 1 },
        )
    })
}
