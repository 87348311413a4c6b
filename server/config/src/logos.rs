//! In which file is a picture? Beside the shard of the clients that show it, in a file of its own.
//!
//! A client's entry holds the name of its picture only, which is 43 characters: ten thousand clients fit into the shards as they
//! did without pictures, and a change of a client rewrites no picture. The pictures of the clients in `clients-NN.json` are in
//! `logos-NN.json`, each once, and that file is a Secret of its own. So `clientShards` is the one number to raise for either: 64
//! shards hold 64 × 960 KiB, or 47 MB of pictures (ten thousand of 4.7 kB); the default of 16 a quarter of that. A picture for
//! which there is no room is refused by whoever publishes, with [`MAX_LOGO_SHARD_BYTES`]; the client does not lose its place.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use fapi_core::logo::LogoId;
use serde::{Deserialize, Serialize};

use crate::error::ConfigError;
use crate::shard::MAX_SHARDS;

/// The most bytes of one `logos-NN.json`: what a Secret holds, but for what comes with it.
pub const MAX_LOGO_SHARD_BYTES: usize = 960 * 1024;

/// Pictures by name.
pub type Logos = BTreeMap<LogoId, Png>;

/// The bytes of a picture, cheap to clone. `Debug` shows its length.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Png(Arc<[u8]>);

impl Png {
    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// How many bytes it takes in a file of pictures, with its name.
    pub fn file_bytes(&self) -> usize {
        const AROUND: usize = r#""":"","#.len() + 43;
        AROUND + (self.0.len() * 4).div_ceil(3)
    }
}

impl From<Vec<u8>> for Png {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes.into())
    }
}

impl TryFrom<String> for Png {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        fapi_jose::b64::decode(&text).map(Self::from).ok_or("must be base64url")
    }
}

impl From<Png> for String {
    fn from(png: Png) -> Self {
        fapi_jose::b64::encode(&*png.0)
    }
}

impl fmt::Debug for Png {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Png({} bytes)", self.0.len())
    }
}

/// The content of one `logos-NN.json`.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LogoShard {
    /// Pictures by name.
    pub logos: Logos,
}

impl LogoShard {
    /// That each is what its name says, and may be served (`B-06`).
    pub(crate) fn check(&self, name: &str) -> Result<(), ConfigError> {
        match self.logos.iter().find(|(id, png)| !id.is_of(png.as_bytes())) {
            None => Ok(()),
            Some((id, _)) => Err(ConfigError::at(name, id.as_str(), "is no PNG of this name")),
        }
    }
}

/// The name of the file of a shard's pictures, e.g. `logos-07.json`.
pub fn logo_file(shard: u8) -> String {
    format!("logos-{shard:02}.json")
}

/// Whether this is the name of such a file.
pub(crate) fn is_logo_file(name: &str) -> bool {
    (0..MAX_SHARDS).any(|shard| logo_file(shard) == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_room_that_pictures_take_is_known_before_they_are_written() {
        let mut shard = LogoShard::default();
        let mut counted = 0;
        for length in [1, 2, 3, 100, 1000] {
            let png = Png::from(vec![7; length]);
            counted += png.file_bytes();
            shard.logos.insert(LogoId::of(png.as_bytes()), png);
        }
        let written = crate::canonical::of(&shard).len();
        assert!((counted..counted + 16).contains(&written), "{counted} {written}");
    }
}
