//! Which certificate does a proxy pass on, and is it that proxy? (RFC 9440; `TL-01` to `TL-03`)
//!
//! A header proves nothing: that the client holds the key is the proxy's word. So it is read from one named proxy only, which
//! shows a certificate of its own, and in the one encoding that this proxy writes. What is read is judged like any other
//! certificate.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;
use std::net::IpAddr;

use super::name::SubjectName;
use super::pem;
use super::{CertificateError, PeerCertificate};
use crate::lifetime::Timestamp;
use crate::network::Network;
use crate::registry::Registry;

/// The leaf and at most four intermediates, as in a handshake (`TL-16`).
const MAX_CERTIFICATES: usize = 5;
/// All of them together, as in a handshake (`TL-16`).
const MAX_BYTES: usize = 16 * 1024;

/// The one proxy whose headers are believed, and how it writes them.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Forwarded {
    /// How it writes a certificate.
    pub dialect: Dialect,
    /// Where it connects from.
    pub networks: Vec<Network>,
    /// The name in its own certificate.
    pub name: SubjectName,
}

impl Forwarded {
    /// Whether a connection is that of the proxy: by its address, and by a certificate of its own that has the name and chains
    /// to the Workspace's anchors, now.
    pub fn is_from(
        &self,
        remote: IpAddr,
        shown: Option<&PeerCertificate>,
        registry: &Registry,
        now: Timestamp,
    ) -> bool {
        let from_there = self.networks.iter().any(|network| network.contains(remote));
        let is_named = |shown: &PeerCertificate| self.name.matches(shown);
        from_there && shown.is_some_and(|shown| is_named(shown) && registry.anchored(shown, now).is_ok())
    }
}

/// How a proxy writes a client certificate into a header.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum Dialect {
    /// `x-forwarded-client-cert` with `Cert` and perhaps `Chain`: percent-encoded PEM.
    Envoy,
    /// `x-ssl-client-cert`: base64 of the DER.
    HAProxy,
    /// `ssl-client-cert`: percent-encoded PEM.
    Nginx,
    /// `client-cert` and perhaps `client-cert-chain`: byte sequences of RFC 8941.
    #[serde(rename = "RFC9440")]
    Rfc9440,
    /// `x-forwarded-tls-client-cert`: base64 of the DER of each certificate, with commas between.
    Traefik,
}

/// Why what the proxy wrote is not taken. Nothing of it is repeated.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ForwardedError {
    /// Not the encoding of the dialect, or nothing.
    #[error("it is not written as this dialect writes it")]
    Encoding,
    /// What is written is no certificate.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The hash beside the certificate is that of another.
    #[error("its Hash is that of another certificate")]
    OtherHash,
    /// More than one line of the header.
    #[error("the header is there more than once")]
    Several,
    /// More than five certificates, or 16 KiB.
    #[error("the chain is longer than five certificates or 16 KiB")]
    TooLarge,
}

impl Dialect {
    /// The header with the certificate, in lower case.
    pub const fn header(self) -> &'static str {
        match self {
            Self::Envoy => "x-forwarded-client-cert",
            Self::HAProxy => "x-ssl-client-cert",
            Self::Nginx => "ssl-client-cert",
            Self::Rfc9440 => "client-cert",
            Self::Traefik => "x-forwarded-tls-client-cert",
        }
    }

    /// The header with what stands between it and its CA, where that is another one.
    pub const fn chain_header(self) -> Option<&'static str> {
        match self {
            Self::Rfc9440 => Some("client-cert-chain"),
            Self::Envoy | Self::HAProxy | Self::Nginx | Self::Traefik => None,
        }
    }

    /// Headers that such a proxy may send beside it. They are not read: what they say stands in the certificate.
    pub const fn beside(self) -> &'static [&'static str] {
        match self {
            Self::Nginx => &["ssl-client-subject-dn", "ssl-client-verify"],
            Self::Traefik => &["x-forwarded-tls-client-cert-info"],
            Self::Envoy | Self::HAProxy | Self::Rfc9440 => &[],
        }
    }

    /// Reads every value of the two headers. No header: the client has shown no certificate.
    ///
    /// # Errors
    /// Why not: exactly one encoding is taken, and each certificate has exactly one spelling in it (`TL-03`).
    pub fn read(self, values: &[&[u8]], chain: &[&[u8]]) -> Result<Option<PeerCertificate>, ForwardedError> {
        let one = |values: &[&[u8]]| match values {
            [] => Ok(None),
            [value] => std::str::from_utf8(value)
                .map(|text| Some(text.to_owned()))
                .map_err(|_| ForwardedError::Encoding),
            _ => Err(ForwardedError::Several),
        };
        let ders = match (one(values)?, one(chain)?) {
            (None, None) => return Ok(None),
            (None, Some(_)) => return Err(ForwardedError::Encoding),
            (Some(value), chain) => self.ders(&value, chain.as_deref()).ok_or(ForwardedError::Encoding)?,
        };
        if ders.chain.len() > MAX_CERTIFICATES || ders.chain.iter().map(Vec::len).sum::<usize>() > MAX_BYTES {
            return Err(ForwardedError::TooLarge);
        }
        let certificate = PeerCertificate::from_chain(ders.chain).ok_or(CertificateError::Malformed)?;
        if ders.hash.is_some_and(|hash| hash != hexadecimal(&fapi_jose::sha256(certificate.der()))) {
            return Err(ForwardedError::OtherHash);
        }
        Ok(Some(certificate))
    }

    fn ders(self, value: &str, chain: Option<&str>) -> Option<Written> {
        match self {
            Self::Envoy => envoy(value),
            Self::HAProxy => Some(vec![base64(value)?].into()),
            Self::Nginx => Some(percent_encoded_pem(value).filter(|ders| ders.len() == 1)?.into()),
            Self::Rfc9440 => {
                let mut ders = vec![byte_sequence(value)?];
                for one in chain.iter().flat_map(|chain| chain.split(',')) {
                    ders.push(byte_sequence(one.trim_matches([' ', '\t']))?);
                }
                Some(ders.into())
            }
            Self::Traefik => Some(value.split(',').map(base64).collect::<Option<Vec<_>>>()?.into()),
        }
    }
}

/// What stands in a header: the chain, the leaf first, and what the proxy says of it.
struct Written {
    chain: Vec<Vec<u8>>,
    hash: Option<String>,
}

impl From<Vec<Vec<u8>>> for Written {
    fn from(chain: Vec<Vec<u8>>) -> Self {
        Self { chain, hash: None }
    }
}

/// RFC 4648 4 with its padding and no stray bits: one spelling for each content.
fn base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok().filter(|der| !der.is_empty())
}

/// RFC 8941 3.3.5, without parameters.
fn byte_sequence(text: &str) -> Option<Vec<u8>> {
    base64(text.strip_prefix(':')?.strip_suffix(':')?)
}

/// PEM as OpenSSL writes it, percent-encoded but for what RFC 3986 2.3 calls unreserved. The last line may lack its end.
fn percent_encoded_pem(text: &str) -> Option<Vec<Vec<u8>>> {
    let text = String::from_utf8(percent_decoded(text)?).ok()?;
    let ders = pem::certificates(text.as_bytes()).ok()?;
    let written: String = ders.iter().map(|der| written_as_pem(der)).collect();
    (text == written || Some(text.as_str()) == written.strip_suffix('\n')).then_some(ders)
}

fn written_as_pem(der: &[u8]) -> String {
    let encoded = STANDARD.encode(der);
    let mut pem = String::from("-----BEGIN CERTIFICATE-----\n");
    let mut rest = encoded.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(64));
        pem.push_str(line);
        pem.push('\n');
        rest = after;
    }
    pem.push_str("-----END CERTIFICATE-----\n");
    pem
}

/// Each byte has one spelling: as itself where it is unreserved, else as `%` and two digits in upper case.
fn percent_decoded(text: &str) -> Option<Vec<u8>> {
    let is_unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    };
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let byte = if byte == b'%' {
            let escaped = digit(bytes.next()?)? << 4 | digit(bytes.next()?)?;
            Some(escaped).filter(|byte| !is_unreserved(*byte))?
        } else {
            Some(byte).filter(|byte| is_unreserved(*byte))?
        };
        decoded.push(byte);
    }
    Some(decoded)
}

/// One element of `x-forwarded-client-cert`, as Envoy writes it: a second one would be of another hop.
fn envoy(value: &str) -> Option<Written> {
    let (mut leaf, mut chain, mut hash) = (None, None, None);
    for (key, value) in envoy_pairs(value)? {
        let slot = match key {
            "Cert" => &mut leaf,
            "Chain" => &mut chain,
            "Hash" => &mut hash,
            "By" | "DNS" | "Subject" | "URI" => continue,
            _ => return None,
        };
        if slot.replace(value).is_some() {
            return None;
        }
    }
    let leaf = percent_encoded_pem(&leaf?).filter(|ders| ders.len() == 1)?;
    let chain = match chain {
        Some(chain) => percent_encoded_pem(&chain).filter(|ders| ders.first() == leaf.first())?,
        None => leaf,
    };
    Some(Written { chain, hash })
}

/// `Key=value;Key="value"`; in quotes, a backslash escapes. `None` where a comma outside of quotes begins another element.
fn envoy_pairs(text: &str) -> Option<Vec<(&str, String)>> {
    let mut pairs = Vec::new();
    let mut rest = text;
    loop {
        let (key, after) = rest.split_once('=')?;
        let (value, after) = if let Some(quoted) = after.strip_prefix('"') {
            unquoted(quoted)?
        } else {
            let end = after.find([';', ',', '"', '=']).unwrap_or(after.len());
            let (value, after) = after.split_at(end);
            (value.to_owned(), after)
        };
        pairs.push((key, value));
        match after.strip_prefix(';') {
            Some(after) => rest = after,
            None => return after.is_empty().then_some(pairs),
        }
    }
}

/// Up to the closing quote, and what comes behind it.
fn unquoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((index, character)) = characters.next() {
        match character {
            '"' => return Some((value, text.get(index + 1..)?)),
            '\\' => value.push(characters.next()?.1),
            other => value.push(other),
        }
    }
    None
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
