//! Encrypted tokens: what was changed is not opened, and what is inside is judged as if it had come alone.

use fapi_core::authorize::{Refused, by_value, push};
use fapi_core::params::Params;
use fapi_jose::{Content, DecryptionKey, JoseError, b64, encrypt};
use serde_json::Value;

use crate::actors::{NOON, authenticated, decryption_keys, fintech};
use crate::token::Token;

/// A JWE: line 1 says how it is encrypted, line 2 what is done to it afterwards, the rest is its content.
///
/// `-` does nothing, `raw` takes the content for the token, `header NAME JSON` sets a member of the header, and `PART OFFSET TEXT` writes
/// over one of the five parts.
pub(super) fn jwe(input: &[u8]) -> bool {
    let mut lines = input.splitn(3, |byte| *byte == b'\n');
    let (Some(how), Some(damage), Some(payload)) = (lines.next(), lines.next(), lines.next()) else {
        return false;
    };
    let Ok(damage) = std::str::from_utf8(damage) else { return false };
    if damage == "raw" {
        let Ok(compact) = std::str::from_utf8(payload) else { return false };
        for key in decryption_keys() {
            assert_eq!(key.decrypt(compact, Content::ALL), Err(JoseError::CannotDecrypt));
        }
        return false;
    }
    let (key, enc) = chosen(how);
    let sealed = encrypt(payload, Some("JWT"), key.public(), key.alg(), enc).expect("encrypted");
    let Some(sent) = damaged(&sealed, damage) else { return false };
    let mut accepted = false;
    for reader in decryption_keys() {
        for allowed in [Content::ALL, &[enc], &[]] {
            let opened = reader.decrypt(&sent, allowed);
            if sent == sealed && reader.kid() == key.kid() && !allowed.is_empty() {
                assert_eq!(opened.as_deref(), Ok(payload));
                accepted = true;
            } else {
                assert_eq!(opened, Err(JoseError::CannotDecrypt), "J-12 to J-15");
            }
        }
    }
    accepted
}

fn chosen(how: &[u8]) -> (&'static DecryptionKey, Content) {
    let [rsa, ec] = decryption_keys();
    let key = if how.starts_with(b"RSA") { rsa } else { ec };
    (key, if how.ends_with(b"A128GCM") { Content::A128Gcm } else { Content::A256Gcm })
}

fn damaged(compact: &str, damage: &str) -> Option<String> {
    let mut words = damage.splitn(3, ' ');
    let mut parts: Vec<String> = compact.split('.').map(ToOwned::to_owned).collect();
    match (words.next()?, words.next(), words.next()) {
        ("-", None, None) => {}
        ("header", Some(name), Some(value)) => {
            let mut header: Value = serde_json::from_slice(&b64::decode(&parts[0])?).ok()?;
            let value: Value = serde_json::from_str(value).ok()?;
            header.as_object_mut()?.insert(name.to_owned(), value);
            parts[0] = b64::encode(header.to_string());
        }
        (part, Some(offset), Some(text)) => {
            let part = parts.get_mut(part.parse::<usize>().ok()?)?;
            let start = offset.parse::<usize>().ok()?.min(part.len());
            let end = (start + text.len()).min(part.len());
            part.replace_range(start..end, text);
        }
        _ => return None,
    }
    Some(parts.join("."))
}

/// A request object inside a JWE: line 1 says how it is encrypted, the rest is the token (RFC 9101 6.1, `RO-12`).
pub(super) fn nested_request_object(input: &[u8]) -> bool {
    let Some(end) = input.iter().position(|byte| *byte == b'\n') else { return false };
    let (how, rest) = input.split_at(end);
    let Some(token) = Token::from_input(&rest[1..]) else { return false };
    let (key, enc) = chosen(how);
    let nested =
        encrypt(token.compact.as_bytes(), Some("JWT"), key.public(), key.alg(), enc).expect("encrypted");
    let registry = fintech();
    let client = authenticated(registry);
    let pushed = |jwt: &str| push(&request(jwt), client, registry, NOON);
    let sent = |jwt: &str| {
        by_value(jwt, &Params::default(), client, registry, NOON)
            .map_err(|refused: Refused| refused.rejection)
    };
    // One layer: five parts inside are refused, though they would be opened outside.
    if token.compact.split('.').count() == 5 {
        assert!(pushed(&nested).is_err() && sent(&nested).is_err(), "RO-12");
        return false;
    }
    assert_eq!(pushed(&nested), pushed(&token.compact), "RO-12: encryption changes nothing");
    let request = sent(&nested);
    assert_eq!(request, sent(&token.compact), "RO-12: encryption changes nothing");
    request.is_ok()
}

fn request(jwt: &str) -> Params {
    Params::from_pairs([("request".to_owned(), jwt.to_owned())])
}
