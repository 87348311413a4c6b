//! Names of things, as types: no two of them can be swapped.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A string is not one of these names; says what to write instead.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct InvalidId(pub &'static str);

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// As text.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// From a store or document that holds only valid ones.
            pub fn from_stored(value: impl Into<String>) -> Self {
                Self(value.into())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id!(
    /// An OAuth client (RFC 6749 2.2): 1–255 printable ASCII characters.
    ClientId
);
id!(
    /// One life of a client: a client that is deleted and made anew under the same id does not inherit grants.
    Incarnation
);
id!(
    /// One authorization, from the request to its last refresh token. Random, public: it is the first half of every `jti`.
    GrantId
);
id!(
    /// A person as the login names them: never sent to a client as it is where subjects are pairwise.
    Subject
);

impl ClientId {
    /// Accepts 1–255 characters `%x21-7E` (RFC 6749 A.1, without the space).
    pub fn parse(value: &str) -> Result<Self, InvalidId> {
        if value.is_empty() || value.len() > 255 || !value.bytes().all(|b| (0x21..=0x7e).contains(&b)) {
            return Err(InvalidId("a client id has 1 to 255 printable ASCII characters and no spaces"));
        }
        Ok(Self(value.to_owned()))
    }
}

impl GrantId {
    /// From 16 random bytes.
    pub fn from_random(bytes: [u8; 16]) -> Self {
        use base64::Engine as _;
        Self(base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_id_is_printable_and_short() {
        assert!(ClientId::parse("budget.app-1").is_ok());
        for bad in ["", "two words", "tab\t", "ümlaut", &"x".repeat(256)] {
            assert!(ClientId::parse(bad).is_err(), "{bad:?}");
        }
    }
}
