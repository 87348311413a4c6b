//! Which algorithms exist for us? Three for signatures, four for key management, two for content: the allow-list is the enum.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A signature algorithm (RFC 7518 3.1, RFC 8037 3.1). FAPI allows these and no other: `none`, HMAC and RS256 have no
/// variant, so no code path can reach them (J-01, J-02, J-03).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum Alg {
    /// RSASSA-PSS with SHA-256, MGF1 with SHA-256 and a salt of 32 bytes.
    #[serde(rename = "PS256")]
    Ps256,
    /// ECDSA on P-256 with SHA-256; the signature is `r` and `s`, 32 bytes each.
    #[serde(rename = "ES256")]
    Es256,
    /// `EdDSA` on Ed25519.
    #[serde(rename = "EdDSA")]
    EdDsa,
}

/// How the content encryption key of a JWE reaches the recipient (RFC 7518 4.1). `RSA1_5`, `dir`, AES key wrap and
/// PBES2 have no variant (J-13, J-14).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum KeyManagement {
    /// RSAES OAEP with SHA-1: what most registered clients ask for.
    #[serde(rename = "RSA-OAEP")]
    RsaOaep,
    /// RSAES OAEP with SHA-256.
    #[serde(rename = "RSA-OAEP-256")]
    RsaOaep256,
    /// Key agreement on P-256 or X25519; the agreed key encrypts the content.
    #[serde(rename = "ECDH-ES")]
    EcdhEs,
    /// Key agreement on P-256 or X25519; the agreed key wraps the content key.
    #[serde(rename = "ECDH-ES+A256KW")]
    EcdhEsA256kw,
}

/// How the content of a JWE is encrypted (RFC 7518 5.1). The CBC variants are left out: the library decrypts before it
/// checks the MAC, a padding oracle.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum Content {
    /// AES-GCM with a 128-bit key.
    #[serde(rename = "A128GCM")]
    A128Gcm,
    /// AES-GCM with a 256-bit key.
    #[serde(rename = "A256GCM")]
    A256Gcm,
}

/// What RFC 9864 2.2 calls `EdDSA` on Ed25519.
pub(crate) const FULLY_SPECIFIED: &str = "Ed25519";

/// The name is none of the algorithms we accept. Names are compared exactly, letter case included (RFC 7515 4.1.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("use one of {0}")]
pub struct UnknownAlgorithm(&'static str);

macro_rules! named {
    ($type:ident, $names:literal, $($variant:ident = $name:literal),+) => {
        impl $type {
            /// Every value, in the order of the registry.
            pub const ALL: &'static [$type] = &[$($type::$variant),+];

            /// The registered name, as it stands in a header or in metadata.
            pub const fn as_str(self) -> &'static str {
                match self { $($type::$variant => $name),+ }
            }
        }

        impl FromStr for $type {
            type Err = UnknownAlgorithm;

            fn from_str(name: &str) -> Result<Self, Self::Err> {
                match name {
                    $($name => Ok($type::$variant),)+
                    _ => Err(UnknownAlgorithm($names)),
                }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

named!(Alg, "PS256, ES256, EdDSA", Ps256 = "PS256", Es256 = "ES256", EdDsa = "EdDSA");
named!(
    KeyManagement,
    "RSA-OAEP, RSA-OAEP-256, ECDH-ES, ECDH-ES+A256KW",
    RsaOaep = "RSA-OAEP",
    RsaOaep256 = "RSA-OAEP-256",
    EcdhEs = "ECDH-ES",
    EcdhEsA256kw = "ECDH-ES+A256KW"
);
named!(Content, "A128GCM, A256GCM", A128Gcm = "A128GCM", A256Gcm = "A256GCM");

impl Alg {
    /// The algorithm that others call by this name: a token's header, or `alg` of a key. Ed25519 has two names: RFC 9864 2.2
    /// replaces `EdDSA` of RFC 8037 by `Ed25519`, and libraries already sign with that. We write the one that FAPI 2.0 has.
    pub(crate) fn named(name: &str) -> Option<Alg> {
        if name == FULLY_SPECIFIED { Some(Alg::EdDsa) } else { name.parse().ok() }
    }

    /// The kind of key it needs, for people.
    pub(crate) const fn needs(self) -> &'static str {
        match self {
            Alg::Ps256 => "an RSA key of 2048 bits or more",
            Alg::Es256 => "an EC key on P-256",
            Alg::EdDsa => "an OKP key on Ed25519",
        }
    }
}

impl KeyManagement {
    /// The kind of key it needs, for people.
    pub(crate) const fn needs(self) -> &'static str {
        match self {
            KeyManagement::RsaOaep | KeyManagement::RsaOaep256 => "an RSA key of 2048 bits or more",
            KeyManagement::EcdhEs | KeyManagement::EcdhEsA256kw => {
                "an EC key on P-256 or an OKP key on X25519"
            }
        }
    }
}

impl Content {
    /// Length of the content encryption key in bytes.
    pub(crate) const fn key_len(self) -> usize {
        match self {
            Content::A128Gcm => 16,
            Content::A256Gcm => 32,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_read_back_and_serialised_alike() {
        for alg in Alg::ALL {
            assert_eq!(alg.as_str().parse(), Ok(*alg));
            assert_eq!(serde_json::to_value(alg).unwrap(), alg.to_string());
        }
        for alg in KeyManagement::ALL {
            assert_eq!(alg.as_str().parse(), Ok(*alg));
            assert_eq!(serde_json::to_value(alg).unwrap(), alg.to_string());
        }
        for enc in Content::ALL {
            assert_eq!(enc.as_str().parse(), Ok(*enc));
            assert_eq!(serde_json::to_value(enc).unwrap(), enc.to_string());
        }
    }

    #[test]
    fn an_algorithm_name_is_compared_exactly() {
        for name in ["ps256", "PS256 ", "none", "RS256", "HS256", "eddsa", "ES256K", "PS384", "Ed25519", ""] {
            assert!(name.parse::<Alg>().is_err(), "{name:?}");
        }
        assert_eq!("none".parse::<Alg>().unwrap_err().to_string(), "use one of PS256, ES256, EdDSA");
    }

    #[test]
    fn ed25519_has_two_names_and_we_write_one() {
        assert_eq!(Alg::named("Ed25519"), Some(Alg::EdDsa));
        assert_eq!(Alg::named("EdDSA"), Some(Alg::EdDsa));
        assert_eq!(Alg::EdDsa.as_str(), "EdDSA");
        for name in ["ed25519", "Ed448", "ESP256", "none", ""] {
            assert_eq!(Alg::named(name), None, "{name:?}");
        }
    }
}
