//! Is this folder one revision, whole and unharmed? Read strictly, and as a whole or not at all.

use fapi_core::client::Registration;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::bundle::Files;
use crate::document::{Document, LoginType};
use crate::error::ConfigError;
use crate::format::READS;
use crate::keys::{KeyState, Secrets};
use crate::logos::{LogoShard, Logos, is_logo_file};
use crate::manifest::{self, Manifest};
use crate::shard::{ClientShard, is_shard_file};
use crate::users::Users;
use crate::{file, format};

/// No file of ours comes near this: the API server keeps no Secret over 1 MiB.
const MAX_FILE_BYTES: usize = 4 * 1024 * 1024;

/// A revision, read and checked.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// Which revision it is.
    pub manifest: Manifest,
    /// Everything but clients and secrets.
    pub document: Document,
    /// Clients, by shard and id.
    pub clients: Vec<Registration>,
    /// The pictures of those clients.
    pub logos: Logos,
    /// Private keys.
    pub secrets: Secrets,
    /// People with passwords, where the login type is `Users`.
    pub users: Option<Users>,
    /// Trust anchors for client certificates, PEM.
    pub client_ca: Option<Vec<u8>>,
    /// Revocation lists of those authorities, PEM.
    pub crl: Option<Vec<u8>>,
}

impl Loaded {
    /// Reads a folder. Files that the manifest does not name are not looked at: the operator writes them before it names
    /// them.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn read(files: &Files) -> Result<Self, ConfigError> {
        let manifest = read_manifest(files)?;
        check_hashes(files, &manifest)?;

        let workspace = listed(files, &manifest, file::WORKSPACE)?;
        let document: Document = parse(file::WORKSPACE, workspace, Wording::Detailed)?;
        check_document(&document, manifest.format)?;

        let mut clients: Vec<Registration> = Vec::new();
        for name in manifest.files.keys().filter(|name| is_shard_file(name)) {
            let shard: ClientShard = parse(name, listed(files, &manifest, name)?, Wording::Terse)?;
            clients.extend(shard.clients);
        }
        check_clients(&clients)?;
        let mut logos = Logos::new();
        for name in manifest.files.keys().filter(|name| is_logo_file(name)) {
            let shard: LogoShard = parse(name, listed(files, &manifest, name)?, Wording::Terse)?;
            shard.check(name)?;
            logos.extend(shard.logos);
        }
        check_logos(&clients, &logos)?;

        let keys = listed(files, &manifest, file::KEYS)?;
        check_json(file::KEYS, keys)?;
        let secrets = Secrets::parse(keys)?;
        check_keys(&document, &secrets)?;

        let users = match document.login.kind {
            // Without the people's Secret nobody signs in, and everything else goes on: deletions must reach the pods.
            LoginType::Users if !manifest.files.contains_key(file::USERS) => Some(Users::default()),
            LoginType::Users => Some(Users::parse(listed(files, &manifest, file::USERS)?)?),
        };
        let pem =
            |name| manifest.files.contains_key(name).then(|| files.get(name).map(<[u8]>::to_vec)).flatten();
        let (client_ca, crl) = (pem(file::CLIENT_CA), pem(file::CRL));
        Ok(Self { manifest, document, clients, logos, secrets, users, client_ca, crl })
    }
}

/// What an error may repeat.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wording {
    /// Names of members, and what was expected: for files without anything confidential.
    Detailed,
    /// Line and column only.
    Terse,
}

fn read_manifest(files: &Files) -> Result<Manifest, ConfigError> {
    #[derive(Deserialize)]
    struct Format {
        format: u64,
    }
    let name = file::MANIFEST;
    let bytes = files.get(name).ok_or_else(|| ConfigError::new(name, "is missing"))?;
    // The format first: another format may well have members that this one does not know.
    let found: Format = parse(name, bytes, Wording::Detailed)?;
    if !READS.iter().any(|reads| u64::from(*reads) == found.format) {
        let message = format!("is format {}, and this version reads {}", found.format, format::listed(READS));
        return Err(ConfigError::at(name, "format", message));
    }
    let manifest: Manifest = parse(name, bytes, Wording::Detailed)?;
    if manifest.hash != manifest.expected_hash() {
        return Err(ConfigError::at(name, "hash", "is not the hash of the list of files"));
    }
    Ok(manifest)
}

fn check_hashes(files: &Files, manifest: &Manifest) -> Result<(), ConfigError> {
    for (name, hash) in &manifest.files {
        if !manifest::is_known(name) {
            return Err(ConfigError::at(
                file::MANIFEST,
                format!("files.{name}"),
                "is not a file of format 1",
            ));
        }
        let bytes =
            files.get(name).ok_or_else(|| ConfigError::new(name, "is missing, and the manifest names it"))?;
        if bytes.len() > MAX_FILE_BYTES {
            return Err(ConfigError::new(name, "is longer than 4 MiB"));
        }
        if manifest::hash(bytes) != *hash {
            return Err(ConfigError::new(
                name,
                "is not of this revision: its hash is not the one in the manifest",
            ));
        }
    }
    Ok(())
}

/// The content of a file that the manifest must name.
fn listed<'a>(files: &'a Files, manifest: &Manifest, name: &str) -> Result<&'a [u8], ConfigError> {
    let named = manifest.files.contains_key(name);
    named
        .then(|| files.get(name))
        .flatten()
        .ok_or_else(|| ConfigError::new(name, "is missing in the manifest"))
}

fn check_json(name: &str, bytes: &[u8]) -> Result<(), ConfigError> {
    fapi_jose::json::parse(bytes).map(|_| ()).map_err(|error| {
        let message = "malformed JSON, a member named twice, or nesting beyond 16 levels";
        ConfigError::position(name, error.line, error.column, message)
    })
}

fn parse<T: DeserializeOwned>(name: &str, bytes: &[u8], wording: Wording) -> Result<T, ConfigError> {
    check_json(name, bytes)?;
    serde_json::from_slice(bytes).map_err(|error| {
        let said = error.to_string();
        let said = said.split(" at line ").next().unwrap_or_default();
        let message = match wording {
            Wording::Detailed => said,
            Wording::Terse => "is not what format 1 says a list of clients or pictures is",
        };
        ConfigError::position(name, error.line(), error.column(), message)
    })
}

fn check_document(document: &Document, format: u32) -> Result<(), ConfigError> {
    let wrong = |path: String, message: &str| Err(ConfigError::at(file::WORKSPACE, path, message));
    if document.format != format {
        return wrong("format".to_owned(), "is not the format of the manifest");
    }
    for (index, scope) in document.scopes.iter().enumerate() {
        if document.scopes.iter().take(index).any(|other| other.name == scope.name) {
            return wrong(format!("scopes[{index}].name"), "is there twice");
        }
    }
    for (index, resource) in document.resources.iter().enumerate() {
        if document.resources.iter().take(index).any(|other| other.identifier == resource.identifier) {
            return wrong(format!("resources[{index}].identifier"), "is there twice");
        }
    }
    if document.resources.iter().filter(|resource| resource.default).count() > 1 {
        return wrong("resources".to_owned(), "more than one is the default");
    }
    for (index, key) in document.keys.iter().enumerate() {
        if key.jwk.thumbprint() != key.kid {
            return wrong(format!("keys[{index}].kid"), "is not the thumbprint of the key");
        }
        if document.keys.iter().take(index).any(|other| other.kid == key.kid) {
            return wrong(format!("keys[{index}].kid"), "is there twice");
        }
        if document.revoked_keys.iter().any(|revoked| revoked.kid == key.kid) {
            return wrong(format!("keys[{index}].kid"), "is a revoked key");
        }
    }
    Ok(())
}

fn check_clients(clients: &[Registration]) -> Result<(), ConfigError> {
    let mut ids: Vec<&str> = clients.iter().map(|client| client.client_id.as_str()).collect();
    ids.sort_unstable();
    if ids.is_sorted_by(|one, other| one < other) {
        return Ok(());
    }
    Err(ConfigError::new("clients-*.json", "two clients have the same clientId"))
}

/// A page that shows a client finds its picture.
fn check_logos(clients: &[Registration], logos: &Logos) -> Result<(), ConfigError> {
    let is_there = |client: &Registration| client.logo.as_ref().is_none_or(|id| logos.contains_key(id));
    match clients.iter().find(|client| !is_there(client)) {
        None => Ok(()),
        Some(client) => {
            let message = "has a logo that is in no logos-*.json";
            Err(ConfigError::at("clients-*.json", client.client_id.as_str(), message))
        }
    }
}

/// Every private key belongs to a published one in the same state, and every active key has its private half.
fn check_keys(document: &Document, secrets: &Secrets) -> Result<(), ConfigError> {
    for (index, private) in secrets.keys.iter().enumerate() {
        let public = document.keys.iter().find(|key| key.kid == private.kid);
        if public.is_none_or(|public| public.state != private.state) {
            let message = "is not published in the same state in workspace.json";
            return Err(ConfigError::at(file::KEYS, format!("keys[{index}].kid"), message));
        }
    }
    for (index, public) in document.keys.iter().enumerate() {
        if public.state != KeyState::Retiring && !secrets.keys.iter().any(|key| key.kid == public.kid) {
            let message = "has no private half in keys.json";
            return Err(ConfigError::at(file::WORKSPACE, format!("keys[{index}]"), message));
        }
    }
    if secrets.seal.is_empty() {
        return Err(ConfigError::at(file::KEYS, "seal", "holds no key"));
    }
    Ok(())
}
