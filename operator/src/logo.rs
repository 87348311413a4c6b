//! May people be shown this picture? A PNG is taken apart, and another one made of nothing but its pixels (`B-06`).
//!
//! What somebody put into a `ConfigMap` is looked into here, on the way to the document, and never in a server: that one serves
//! bytes which this module wrote. The picture that goes out holds five kinds of chunks at most, in one form for all pictures of the
//! same pixels; text, profiles, further frames, what is hidden under transparent pixels, and whatever stands behind the end stay
//! behind.

use std::collections::BTreeMap;
use std::io::Cursor;

use fapi_config::Png;
use fapi_core::logo::{LogoId, MAX_BYTES};
use png::{BitDepth, ColorType, Decoder, Encoder, Limits, Transformations};

/// The most pixels on a side. Pages show a square of 48.
pub const MAX_SIDE: u32 = 512;

/// What a decoder may ask for beside the pixels: what compresses well must not come to much more.
const MEMORY: usize = 4 * 1024 * 1024;

/// A picture that may be shown.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Logo {
    /// Its name.
    pub id: LogoId,
    /// Its bytes.
    pub png: Png,
}

/// Why a picture is not shown, and what to write instead.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum LogoError {
    /// It cannot be decoded.
    #[error("is a damaged PNG: export it again")]
    Damaged,
    /// SVG, JPEG, HTML, anything.
    #[error("is no PNG: export the logo as PNG; SVG, JPEG, GIF and WebP are not taken")]
    NotPng,
    /// In `data`.
    #[error(
        "stands in data: write it to binaryData, in base64, as kubectl create configmap --from-file does"
    )]
    Text,
    /// The pixels need more bytes than a picture may have.
    #[error(
        "takes {0} bytes when it is drawn anew, and a logo may take {MAX_BYTES}: use fewer pixels or fewer colours"
    )]
    TooDetailed(usize),
    /// The file is too long.
    #[error("has {0} bytes, and a logo may have {MAX_BYTES}: make it smaller")]
    TooLong(usize),
    /// Too many pixels.
    #[error("is {width} × {height} pixels, and a logo has at most {MAX_SIDE} × {MAX_SIDE}: scale it down")]
    TooManyPixels {
        /// How wide it is.
        width: u32,
        /// How high it is.
        height: u32,
    },
}

/// Draws a picture anew. Equal pixels give equal bytes.
///
/// # Errors
/// What is no PNG, or too much of one.
pub fn redraw(bytes: &[u8]) -> Result<Logo, LogoError> {
    let pixels = Pixels::read(bytes)?;
    let png = pixels.write().ok_or(LogoError::Damaged)?;
    if png.len() > MAX_BYTES {
        return Err(LogoError::TooDetailed(png.len()));
    }
    Ok(Logo { id: LogoId::of(&png), png: Png::from(png) })
}

/// A pixel: red, green, blue, and how much of them is there.
type Pixel = [u8; 4];

struct Pixels {
    width: u32,
    height: u32,
    all: Vec<Pixel>,
}

impl Pixels {
    fn read(bytes: &[u8]) -> Result<Self, LogoError> {
        if bytes.len() > MAX_BYTES {
            return Err(LogoError::TooLong(bytes.len()));
        }
        if !bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
            return Err(LogoError::NotPng);
        }
        let damaged = |_| LogoError::Damaged;
        let mut decoder = Decoder::new_with_limits(Cursor::new(bytes), Limits { bytes: MEMORY });
        decoder.set_ignore_text_chunk(true);
        decoder.set_ignore_iccp_chunk(true);
        decoder.set_transformations(Transformations::normalize_to_color8() | Transformations::ALPHA);
        // Before anything is unpacked.
        let header = decoder.read_header_info().map_err(damaged)?;
        let (width, height) = (header.width, header.height);
        if width > MAX_SIDE || height > MAX_SIDE {
            return Err(LogoError::TooManyPixels { width, height });
        }
        let mut reader = decoder.read_info().map_err(damaged)?;
        let mut unpacked = vec![0; reader.output_buffer_size().ok_or(LogoError::Damaged)?];
        // The picture itself: frames of an animation come after it, and are not read.
        let frame = reader.next_frame(&mut unpacked).map_err(damaged)?;
        let unpacked = unpacked.get(..frame.buffer_size()).ok_or(LogoError::Damaged)?;
        let all: Vec<Pixel> = match frame.color_type {
            ColorType::GrayscaleAlpha => {
                unpacked.as_chunks::<2>().0.iter().map(|&[grey, alpha]| pixel([grey; 3], alpha)).collect()
            }
            ColorType::Rgba => {
                unpacked.as_chunks::<4>().0.iter().map(|&[r, g, b, alpha]| pixel([r, g, b], alpha)).collect()
            }
            ColorType::Grayscale | ColorType::Indexed | ColorType::Rgb => return Err(LogoError::Damaged),
        };
        let is_whole = frame.width == width && frame.height == height && all.len() == area(width, height);
        if is_whole { Ok(Self { width, height, all }) } else { Err(LogoError::Damaged) }
    }

    /// Few colours as a palette, which most logos need; others as they are.
    fn write(&self) -> Option<Vec<u8>> {
        let mut palette: BTreeMap<Pixel, u8> = BTreeMap::new();
        for pixel in &self.all {
            if palette.len() > usize::from(u8::MAX) && !palette.contains_key(pixel) {
                return self.encode_all();
            }
            palette.insert(*pixel, 0);
        }
        for (index, entry) in (0..=u8::MAX).zip(palette.values_mut()) {
            *entry = index;
        }
        let indexes: Option<Vec<u8>> = self.all.iter().map(|pixel| palette.get(pixel).copied()).collect();
        self.encode(ColorType::Indexed, &indexes?, Some(&palette))
    }

    fn encode_all(&self) -> Option<Vec<u8>> {
        if self.all.iter().any(|[.., alpha]| *alpha != u8::MAX) {
            return self.encode(ColorType::Rgba, &self.all.concat(), None);
        }
        let opaque: Vec<u8> = self.all.iter().flat_map(|[r, g, b, _]| [*r, *g, *b]).collect();
        self.encode(ColorType::Rgb, &opaque, None)
    }

    fn encode(
        &self,
        color: ColorType,
        data: &[u8],
        palette: Option<&BTreeMap<Pixel, u8>>,
    ) -> Option<Vec<u8>> {
        let mut written = Vec::new();
        let mut encoder = Encoder::new(&mut written, self.width, self.height);
        encoder.set_color(color);
        encoder.set_depth(BitDepth::Eight);
        if let Some(palette) = palette {
            let colours: Vec<u8> = palette.keys().flat_map(|[r, g, b, _]| [*r, *g, *b]).collect();
            encoder.set_palette(colours);
            if palette.keys().any(|[.., alpha]| *alpha != u8::MAX) {
                let alphas: Vec<u8> = palette.keys().map(|[.., alpha]| *alpha).collect();
                encoder.set_trns(alphas);
            }
        }
        let mut writer = encoder.write_header().ok()?;
        writer.write_image_data(data).ok()?;
        writer.finish().ok()?;
        Some(written)
    }
}

/// Nothing is hidden where nothing is seen.
fn pixel([r, g, b]: [u8; 3], alpha: u8) -> Pixel {
    if alpha == 0 { [0; 4] } else { [r, g, b, alpha] }
}

fn area(width: u32, height: u32) -> usize {
    usize::try_from(u64::from(width) * u64::from(height)).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A PNG of these pixels, as another program may write it.
    fn drawn(width: u32, height: u32, color: ColorType, data: &[u8]) -> Vec<u8> {
        let mut written = Vec::new();
        let mut encoder = Encoder::new(&mut written, width, height);
        encoder.set_color(color);
        encoder.set_depth(BitDepth::Eight);
        encoder.add_text_chunk("Comment".into(), "canary <script>alert(1)</script>".into()).unwrap();
        let mut writer = encoder.write_header().unwrap();
        writer.write_image_data(data).unwrap();
        writer.finish().unwrap();
        written
    }

    /// The same, without a check of what is claimed.
    fn claiming(width: u32, height: u32) -> Vec<u8> {
        let mut bytes = drawn(1, 1, ColorType::Rgb, &[1, 2, 3]);
        bytes[16..20].copy_from_slice(&width.to_be_bytes());
        bytes[20..24].copy_from_slice(&height.to_be_bytes());
        let crc = crc(&bytes[12..29]);
        bytes[29..33].copy_from_slice(&crc.to_be_bytes());
        bytes
    }

    fn crc(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(!0, |mut crc, byte| {
            crc ^= u32::from(*byte);
            for _ in 0..8 {
                crc = if crc & 1 == 1 { 0xedb8_8320 ^ (crc >> 1) } else { crc >> 1 };
            }
            crc
        })
    }

    fn chunks(png: &[u8]) -> Vec<String> {
        let (mut names, mut rest) = (Vec::new(), &png[8..]);
        while let Some((head, tail)) = rest.split_first_chunk::<8>() {
            let length = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
            names.push(String::from_utf8(head[4..].to_vec()).unwrap());
            rest = &tail[length + 4..];
        }
        assert!(rest.is_empty(), "B-06: nothing behind the end");
        names
    }

    fn seen(png: &[u8]) -> Vec<Pixel> {
        Pixels::read(png).unwrap().all
    }

    #[test]
    fn a_picture_looks_the_same_whatever_it_was_written_as() {
        let red = Pixels { width: 2, height: 1, all: vec![[255, 0, 0, 255], [0, 0, 0, 0]] };
        for png in [
            drawn(2, 1, ColorType::Rgba, &[255, 0, 0, 255, 9, 9, 9, 0]),
            redraw(&drawn(2, 1, ColorType::Rgba, &[255, 0, 0, 255, 7, 7, 7, 0]))
                .unwrap()
                .png
                .as_bytes()
                .to_vec(),
        ] {
            assert_eq!(seen(&png), red.all, "B-06: and nothing is hidden where nothing is seen");
            assert_eq!(redraw(&png).unwrap().png.as_bytes(), red.write().unwrap());
        }
        let grey = redraw(&drawn(1, 2, ColorType::Grayscale, &[7, 8])).unwrap();
        let rgb = redraw(&drawn(1, 2, ColorType::Rgb, &[7, 7, 7, 8, 8, 8])).unwrap();
        assert_eq!(grey, rgb, "one name for one picture");
    }

    /// `B-06`: what stands in a PNG beside its pixels, and behind its end, does not travel.
    #[test]
    fn nothing_but_pixels_comes_through() {
        let mut polyglot = drawn(1, 1, ColorType::Rgb, &[1, 2, 3]);
        polyglot.extend(b"<html><script>canary</script>");
        let logo = redraw(&polyglot).unwrap();
        assert!(!String::from_utf8_lossy(logo.png.as_bytes()).contains("canary"), "B-06");
        assert_eq!(chunks(logo.png.as_bytes()), ["IHDR", "PLTE", "IDAT", "IEND"], "B-06");
        assert!(logo.id.is_of(logo.png.as_bytes()), "B-06: the server takes it");
    }

    /// `B-06`: one picture of an animation.
    #[test]
    fn an_animation_stands_still() {
        let mut written = Vec::new();
        let mut encoder = Encoder::new(&mut written, 1, 1);
        encoder.set_color(ColorType::Rgb);
        encoder.set_animated(2, 0).unwrap();
        let mut writer = encoder.write_header().unwrap();
        writer.write_image_data(&[1, 2, 3]).unwrap();
        writer.write_image_data(&[4, 5, 6]).unwrap();
        writer.finish().unwrap();
        assert!(chunks(&written).contains(&"fdAT".to_owned()));
        let logo = redraw(&written).unwrap();
        assert_eq!(logo, redraw(&drawn(1, 1, ColorType::Rgb, &[1, 2, 3])).unwrap(), "B-06: the first");
        assert_eq!(chunks(logo.png.as_bytes()), ["IHDR", "PLTE", "IDAT", "IEND"], "B-06");
    }

    /// `B-06`
    #[test]
    fn what_is_no_small_png_is_refused_with_what_to_do() {
        let good = drawn(3, 3, ColorType::Rgb, &[200; 27]);
        let noise = |side: u32| {
            let mut state = 1_u32;
            let data: Vec<u8> = (0..side * side * 3)
                .map(|_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    state.to_be_bytes()[0]
                })
                .collect();
            drawn(side, side, ColorType::Rgb, &data)
        };
        let mut without_end = good.clone();
        without_end.truncate(60);
        let mut changed = good.clone();
        changed[20] ^= 1;
        for (bytes, said) in [
            (
                b"<svg xmlns=\"http://www.w3.org/2000/svg\" onload=\"alert(1)\"/>".to_vec(),
                "is no PNG: export",
            ),
            (b"<!doctype html><script>alert(1)</script>".to_vec(), "is no PNG"),
            (b"GIF89a\x01\x00\x01\x00".to_vec(), "is no PNG"),
            ([b"<!--".as_slice(), &good].concat(), "is no PNG"),
            (Vec::new(), "is no PNG"),
            (good[..8].to_vec(), "is a damaged PNG"),
            (without_end, "is a damaged PNG"),
            (changed, "is a damaged PNG"),
            (claiming(0, 1), "is a damaged PNG"),
            (claiming(2, 2), "is a damaged PNG"),
            (claiming(513, 1), "is 513 × 1 pixels, and a logo has at most 512 × 512: scale it down"),
            (claiming(u32::MAX >> 1, u32::MAX >> 1), "is 2147483647 × 2147483647 pixels"),
            (vec![0; MAX_BYTES + 1], "has 65537 bytes, and a logo may have 65536"),
            (noise(200), "bytes, and a logo may have"),
        ] {
            let error = redraw(&bytes).unwrap_err().to_string();
            assert!(error.contains(said), "B-06 {said}: {error}");
        }
        assert!(redraw(&noise(140)).is_ok(), "what fits is taken");
        assert!(redraw(&drawn(512, 512, ColorType::Rgba, &vec![90; 512 * 512 * 4])).is_ok());
    }

    /// `B-06`: much that was packed into little is not unpacked: neither pixels nor what stands beside them.
    #[test]
    fn a_bomb_does_not_go_off() {
        let large = drawn(2000, 2000, ColorType::Grayscale, &vec![0; 2000 * 2000]);
        assert!(large.len() < MAX_BYTES, "{}", large.len());
        assert_eq!(
            redraw(&large).unwrap_err(),
            LogoError::TooManyPixels { width: 2000, height: 2000 },
            "B-06"
        );
        let mut written = Vec::new();
        let mut encoder = Encoder::new(&mut written, 1, 1);
        encoder.add_ztxt_chunk("Comment".into(), "a".repeat(12 * 1024 * 1024)).unwrap();
        let mut writer = encoder.write_header().unwrap();
        writer.write_image_data(&[1]).unwrap();
        writer.finish().unwrap();
        assert!(written.len() < MAX_BYTES, "{}", written.len());
        assert_eq!(
            chunks(redraw(&written).unwrap().png.as_bytes()),
            ["IHDR", "PLTE", "IDAT", "IEND"],
            "B-06"
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, cases: 64, ..ProptestConfig::default() })]

        #[test]
        fn a_picture_is_drawn_once(
            (width, height, data) in (1_u32..20, 1_u32..20).prop_flat_map(|(width, height)| {
                let bytes = area(width, height) * 4;
                (Just(width), Just(height), prop::collection::vec(any::<u8>(), bytes))
            }),
            colours in 1_u8..=255,
        ) {
            let data: Vec<u8> = data.iter().map(|byte| byte % colours).collect();
            let original = drawn(width, height, ColorType::Rgba, &data);
            let logo = redraw(&original).unwrap();
            prop_assert_eq!(seen(logo.png.as_bytes()), seen(&original));
            prop_assert_eq!(redraw(logo.png.as_bytes()).unwrap(), logo);
        }
    }
}
