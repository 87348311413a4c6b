//! The vocabulary that Workspaces, Clients and SigningKeys share, spelled as the RFCs spell it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a client proves who it is (RFC 7523, RFC 8705).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuthMethod {
    /// A JWT signed with the client's private key.
    PrivateKeyJwt,
    /// A client certificate of an authority the Workspace trusts.
    TlsClientAuth,
    /// A client certificate known by itself.
    SelfSignedTlsClientAuth,
}

/// What an access token is bound to (RFC 8705, RFC 9449).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum SenderConstraint {
    /// A key that the client proves with every request.
    DPoP,
    /// The client's certificate.
    #[serde(rename = "MTLS")]
    Mtls,
}

/// Signature algorithms of FAPI (JWA).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum SigningAlgorithm {
    /// ECDSA on P-256 with SHA-256.
    #[serde(rename = "ES256")]
    Es256,
    /// Ed25519.
    #[serde(rename = "EdDSA")]
    EdDsa,
    /// RSASSA-PSS with SHA-256.
    #[serde(rename = "PS256")]
    Ps256,
}

/// How the key of an encrypted JWT is agreed on (JWA 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum KeyManagement {
    /// Elliptic-curve Diffie-Hellman, used directly.
    #[serde(rename = "ECDH-ES")]
    EcdhEs,
    /// Elliptic-curve Diffie-Hellman, wrapping a 128-bit key.
    #[serde(rename = "ECDH-ES+A128KW")]
    EcdhEsA128Kw,
    /// Elliptic-curve Diffie-Hellman, wrapping a 256-bit key.
    #[serde(rename = "ECDH-ES+A256KW")]
    EcdhEsA256Kw,
    /// RSA with OAEP padding and SHA-1.
    #[serde(rename = "RSA-OAEP")]
    RsaOaep,
    /// RSA with OAEP padding and SHA-256.
    #[serde(rename = "RSA-OAEP-256")]
    RsaOaep256,
}

/// How the content of an encrypted JWT is encrypted (JWA 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum ContentEncryption {
    /// AES-128 CBC with HMAC SHA-256.
    #[serde(rename = "A128CBC-HS256")]
    A128CbcHs256,
    /// AES-128 GCM.
    #[serde(rename = "A128GCM")]
    A128Gcm,
    /// AES-256 GCM.
    #[serde(rename = "A256GCM")]
    A256Gcm,
}

/// Whether a person has one identifier for all clients (OpenID Connect Core 8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SubjectType {
    /// A different identifier for each sector.
    Pairwise,
    /// The same identifier everywhere.
    Public,
}

/// What a key is for (RFC 7517 4.2).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum KeyUse {
    /// Encryption: others encrypt to the server.
    Enc,
    /// Signature: the server signs.
    #[default]
    Sig,
}

/// Algorithms of the server's own keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum KeyAlgorithm {
    /// Elliptic-curve Diffie-Hellman, for encryption.
    #[serde(rename = "ECDH-ES")]
    EcdhEs,
    /// Elliptic-curve Diffie-Hellman, wrapping a 256-bit key, for encryption.
    #[serde(rename = "ECDH-ES+A256KW")]
    EcdhEsA256Kw,
    /// ECDSA on P-256 with SHA-256.
    #[serde(rename = "ES256")]
    Es256,
    /// Ed25519.
    #[serde(rename = "EdDSA")]
    EdDsa,
    /// RSASSA-PSS with SHA-256.
    #[serde(rename = "PS256")]
    Ps256,
    /// RSA with OAEP padding and SHA-1, for encryption.
    #[serde(rename = "RSA-OAEP")]
    RsaOaep,
    /// RSA with OAEP padding and SHA-256, for encryption.
    #[serde(rename = "RSA-OAEP-256")]
    RsaOaep256,
}

impl KeyAlgorithm {
    /// What keys of this algorithm are for.
    pub const fn key_use(self) -> KeyUse {
        match self {
            Self::Es256 | Self::EdDsa | Self::Ps256 => KeyUse::Sig,
            Self::EcdhEs | Self::EcdhEsA256Kw | Self::RsaOaep | Self::RsaOaep256 => KeyUse::Enc,
        }
    }
}

/// Where a key is in its life (`Generated` → `Published` → `Active` → `Retiring` → `Retired`, or `Revoked` from anywhere).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum KeyState {
    /// Made, and known to nobody yet.
    Generated,
    /// In the JWKS; pods hold it and do not sign with it yet.
    Published,
    /// Signs.
    Active,
    /// Signs no more; stays in the JWKS while tokens signed with it live.
    Retiring,
    /// Gone from the JWKS.
    Retired,
    /// Withdrawn at once; tokens signed with it are refused.
    Revoked,
}
