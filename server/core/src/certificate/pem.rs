//! Certificates and revocation lists as people hand them in: PEM blocks, and nothing beside them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// No Secret or `ConfigMap` with certificates of ours is larger (`J-25`).
const MAX_PEM: usize = 64 * 1024;
const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const CERTIFICATE: &str = "CERTIFICATE-----";
const REVOCATION_LIST: &str = "X509 CRL-----";

/// Revocation lists grow with what was revoked; they share a Secret with what else is published.
const MAX_LISTS: usize = 512 * 1024;

/// What is wrong with PEM text. Nothing of it is repeated.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
pub enum PemProblem {
    /// A block's content is no base64, or its END line is missing.
    #[error("the PEM block is damaged: copy it again, from its BEGIN line to its END line")]
    Damaged,
    /// No block at all.
    #[error("holds no certificate: write one or more PEM blocks that begin with -----BEGIN CERTIFICATE-----")]
    Empty,
    /// Something else than a certificate.
    #[error("the PEM block is not a certificate: remove it")]
    OtherBlock,
    /// A private key stands where only public things belong.
    #[error(
        "the PEM block is a private key: it does not belong here, remove it and consider the key exposed"
    )]
    PrivateKey,
    /// Text outside of blocks.
    #[error("there is text outside of the PEM blocks: remove it, or begin its lines with #")]
    Text,
    /// Over what such an object may hold.
    #[error("is larger than 64 KiB")]
    TooLarge,
}

/// The DER of every certificate, or the number (from 0) of the block that is wrong.
pub(super) fn certificates(pem: &[u8]) -> Result<Vec<Vec<u8>>, (usize, PemProblem)> {
    blocks(pem, CERTIFICATE, MAX_PEM)
}

/// The DER of every revocation list (RFC 7468 6), or the number (from 0) of the block that is wrong.
pub(super) fn revocation_lists(pem: &[u8]) -> Result<Vec<Vec<u8>>, (usize, PemProblem)> {
    blocks(pem, REVOCATION_LIST, MAX_LISTS)
}

/// Strict: blank lines and lines that begin with `#` may stand between blocks, nothing else.
fn blocks(pem: &[u8], kind: &str, most: usize) -> Result<Vec<Vec<u8>>, (usize, PemProblem)> {
    if pem.len() > most {
        return Err((0, PemProblem::TooLarge));
    }
    let text = std::str::from_utf8(pem).map_err(|_| (0, PemProblem::Text))?;
    let mut lines = text.strip_prefix('\u{feff}').unwrap_or(text).lines().map(str::trim_end);
    let mut found = Vec::new();
    while let Some(line) = lines.next() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let label = line.strip_prefix(BEGIN).ok_or((found.len(), PemProblem::Text))?;
        if label.ends_with("PRIVATE KEY-----") {
            return Err((found.len(), PemProblem::PrivateKey));
        }
        if label != kind {
            return Err((found.len(), PemProblem::OtherBlock));
        }
        let der = body(&mut lines, kind).ok_or((found.len(), PemProblem::Damaged))?;
        found.push(der);
    }
    if found.is_empty() { Err((0, PemProblem::Empty)) } else { Ok(found) }
}

fn body<'a>(lines: &mut impl Iterator<Item = &'a str>, kind: &str) -> Option<Vec<u8>> {
    let mut encoded = String::new();
    for line in lines {
        match line.strip_prefix(END) {
            Some(label) if label == kind => {
                return STANDARD.decode(encoded).ok().filter(|der| !der.is_empty());
            }
            Some(_) => return None,
            None => encoded.push_str(line),
        }
    }
    None
}
