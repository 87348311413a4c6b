//! SHA-256, the half hashes of OpenID Connect, and base64url with one spelling for each value.

use aws_lc_rs::digest;

/// SHA-256.
///
/// ```
/// assert_eq!(fapi_jose::sha256(b"abc")[..4], [0xba, 0x78, 0x16, 0xbf]);
/// ```
pub fn sha256(bytes: impl AsRef<[u8]>) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest::digest(&digest::SHA256, bytes.as_ref()).as_ref());
    out
}

/// `at_hash`, `c_hash` or `s_hash` of a value: base64url of the left half of its SHA-256 (OpenID Connect Core 3.3.2.11,
/// FAPI 1.0 Part 2 5.1.1). The hash is the one of the ID token's `alg`: SHA-256 for PS256 and ES256. For `EdDSA` no
/// specification names a hash, so an ID token signed with it should carry none of these claims.
///
/// ```
/// assert_eq!(fapi_jose::half_hash("abc"), "ungWv48Bz-pBQUDeXa4iIw");
/// ```
pub fn half_hash(value: &str) -> String {
    let full = sha256(value);
    let (left, _) = full.split_at(16);
    b64::encode(left)
}

/// base64url without padding (RFC 7515 2), strict when decoding.
pub mod b64 {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    /// The unpadded base64url text of `bytes`.
    pub fn encode(bytes: impl AsRef<[u8]>) -> String {
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The bytes of `text`; `None` for padding, white space, another alphabet, or bits left over at the end: every
    /// value has exactly one spelling, so comparing the text is comparing the value (J-10).
    pub fn decode(text: &str) -> Option<Vec<u8>> {
        URL_SAFE_NO_PAD.decode(text).ok()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// OpenID Connect Core A.3 and A.4: the examples' `at_hash` and `c_hash`.
    #[test]
    fn half_hashes_match_the_examples_of_openid_connect() {
        assert_eq!(half_hash("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y"), "77QmUPtjPfzWtF2AnpK9RQ");
        assert_eq!(
            half_hash("Qcb0Orv1zh30vL1MPRsbm-diHiMwcLyZvn1arpZv-Jxf_11jnpEX3Tgfvk"),
            "LDktKdoQak3Pk0cnXxCltA"
        );
    }

    #[test]
    fn another_spelling_of_the_same_bytes_is_refused() {
        assert_eq!(b64::decode("MA"), Some(b"0".to_vec()));
        for other in ["MB", "MA==", "MA=", " MA", "MA\n", "M A", "M", "+/+/", "MÄ"] {
            assert_eq!(b64::decode(other), None, "{other:?}");
        }
    }

    proptest! {
        #[test]
        fn decoding_undoes_encoding(bytes: Vec<u8>) {
            prop_assert_eq!(b64::decode(&b64::encode(&bytes)), Some(bytes));
        }

        #[test]
        fn whatever_decodes_encodes_to_the_same_text(text in "[A-Za-z0-9_=+/-]{0,40}") {
            if let Some(bytes) = b64::decode(&text) {
                prop_assert_eq!(b64::encode(bytes), text);
            }
        }
    }
}
