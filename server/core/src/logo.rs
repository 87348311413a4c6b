//! What does a client look like? The picture beside its name, called by its content (`B-06`).
//!
//! Whoever publishes a picture has taken it apart and made it anew from its pixels; here it is only recognized. It is never fetched
//! from elsewhere: a page that shows it asks this server alone, under a path that says nothing of the person.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The most bytes of a picture.
pub const MAX_BYTES: usize = 64 * 1024;

/// Where pictures are, at the front door.
pub const PATH: &str = "/logos/";

/// How every PNG begins (PNG 3rd edition 5.2).
const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

/// The name of a picture: SHA-256 of its bytes, base64url. Another picture has another name, so what has been fetched once stays
/// good for ever.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LogoId(String);

impl LogoId {
    /// The name of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(fapi_jose::b64::encode(fapi_jose::sha256(bytes)))
    }

    /// Reads a name.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; 32] = fapi_jose::b64::decode(text)?.try_into().ok()?;
        let id = Self(fapi_jose::b64::encode(bytes));
        (id.0 == text).then_some(id)
    }

    /// Reads the last segment of [`LogoId::path`].
    pub fn from_file(name: &str) -> Option<Self> {
        Self::parse(name.strip_suffix(".png")?)
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Where it is, at the front door.
    pub fn path(&self) -> String {
        format!("{PATH}{}.png", self.0)
    }

    /// Whether this is the picture of this name, and may be served as one.
    pub fn is_of(&self, bytes: &[u8]) -> bool {
        bytes.starts_with(SIGNATURE) && bytes.len() <= MAX_BYTES && *self == Self::of(bytes)
    }
}

impl fmt::Display for LogoId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for LogoId {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or("must be a SHA-256 hash in base64url")
    }
}

impl From<LogoId> for String {
    fn from(id: LogoId) -> Self {
        id.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_called_by_its_content_and_by_nothing_else() {
        let picture = [SIGNATURE, b"pixels"].concat();
        let id = LogoId::of(&picture);
        assert_eq!(id.path().strip_prefix(PATH).and_then(LogoId::from_file).as_ref(), Some(&id));
        assert!(id.is_of(&picture));
        assert!(!id.is_of(&[&picture, &b"!"[..]].concat()), "B-06: another picture");
        let page = b"<svg onload=alert(1)>";
        assert!(!LogoId::of(page).is_of(page), "B-06: no PNG, whatever its name");
        let long = [SIGNATURE, &vec![0; MAX_BYTES]].concat();
        assert!(!LogoId::of(&long).is_of(&long), "B-06: too long");
        for other in [
            "",
            ".png",
            "../style.css",
            "x.png",
            &format!("{id}"),
            &format!("{id}.svg"),
            &format!("{id}=.png"),
        ] {
            assert_eq!(LogoId::from_file(other), None, "B-06 {other}");
        }
    }
}
