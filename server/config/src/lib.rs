//! The versioned document that the operator publishes and the server loads.
//!
//! This crate answers: *what stands in each file, and is this folder one revision, whole and unharmed?* The operator (or
//! `fapictl up`) fills a [`Bundle`] and writes its files; the server reads them back into [`Loaded`] and serves
//! [`Loaded::to_registry`]. Neither knows the other.
//!
//! | file | holds |
//! |---|---|
//! | `manifest.json` | [`Manifest`]: the revision, and the hash of every other file |
//! | `workspace.json` | [`Document`]: issuer, profile, scopes, public keys … without clients |
//! | `clients-00.json` … `clients-63.json` | [`ClientShard`]: registered clients, spread by [`shard_of`] |
//! | `logos-00.json` … `logos-63.json` | [`LogoShard`]: pictures of the clients in the shard of that number |
//! | `keys.json` | [`Secrets`]: private keys, sealing keys, the salt of pairwise subjects |
//! | `users.json` | [`Users`]: people who sign in with a password, where the login type is `Users` |
//! | `client-ca.pem`, `crl.pem` | trust anchors for client certificates, and their revocation lists |
//!
//! Every file that we write is in canonical JSON ([`canonical`]), so equal content has equal hashes, whoever writes it and
//! in whatever order. A folder in which one hash differs is refused as a whole: there is no mix of two revisions.
//! [`mod@format`] says which formats of it this version knows.

mod bundle;
pub mod canonical;
mod document;
mod error;
pub mod format;
mod keys;
mod loaded;
mod logos;
mod manifest;
mod registry;
mod shard;
pub mod state;
pub mod tolerant;
mod users;

pub use bundle::{Bundle, Files, Rendered};
pub use document::{
    DetailsTypeEntry, Document, Egress, Login, LoginType, OnDelete, RevokedKey, Storage, StorageType,
    Tombstone, Ui,
};
pub use error::{ConfigError, Place};
pub use keys::{
    KeyAlgorithm, KeyState, LONGEST_SEALED, PrivateKey, PublicKey, SealKey, SecretKey32, Secrets, SubjectSalt,
};
pub use loaded::Loaded;
pub use logos::{LogoShard, Logos, MAX_LOGO_SHARD_BYTES, Png, logo_file};
pub use manifest::Manifest;
pub use registry::Signer;
pub use shard::{ClientShard, MAX_SHARD_BYTES, MAX_SHARDS, shard_file, shard_of};
pub use users::{Account, PasswordHash, User, Users};

/// Names of the files.
pub mod file {
    /// The revision and all hashes.
    pub const MANIFEST: &str = "manifest.json";
    /// Everything but clients and secrets.
    pub const WORKSPACE: &str = "workspace.json";
    /// Private keys.
    pub const KEYS: &str = "keys.json";
    /// People with passwords.
    pub const USERS: &str = "users.json";
    /// Trust anchors for client certificates.
    pub const CLIENT_CA: &str = "client-ca.pem";
    /// Revocation lists of those authorities. An empty one: they are asked for, and none is known.
    pub const CRL: &str = "crl.pem";
}
