//! What is published: a document, clients and secrets, as files with one manifest.

use std::collections::BTreeMap;
use std::fmt;

use fapi_core::client::Registration;
use zeroize::Zeroizing;

use crate::document::Document;
use crate::error::ConfigError;
use crate::keys::Secrets;
use crate::loaded::Loaded;
use crate::logos::{LogoShard, Logos, logo_file};
use crate::manifest::{self, Manifest};
use crate::shard::{ClientShard, shard_file, shard_of};
use crate::{canonical, file};

/// Files by name. `Debug` shows names and sizes; contents are wiped when dropped.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Files(BTreeMap<String, Zeroizing<Vec<u8>>>);

impl Files {
    /// Adds a file, or replaces one.
    pub fn insert(&mut self, name: impl Into<String>, bytes: impl Into<Zeroizing<Vec<u8>>>) {
        self.0.insert(name.into(), bytes.into());
    }

    /// The content of a file.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.0.get(name).map(|bytes| bytes.as_slice())
    }

    /// All files, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice()))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<(String, Vec<u8>)> for Files {
    fn from_iter<I: IntoIterator<Item = (String, Vec<u8>)>>(files: I) -> Self {
        Self(files.into_iter().map(|(name, bytes)| (name, Zeroizing::new(bytes))).collect())
    }
}

impl From<BTreeMap<String, Vec<u8>>> for Files {
    fn from(files: BTreeMap<String, Vec<u8>>) -> Self {
        files.into_iter().collect()
    }
}

impl fmt::Debug for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.0.iter().map(|(name, bytes)| (name, bytes.len()))).finish()
    }
}

/// Everything that one revision holds.
#[derive(Clone, Debug)]
pub struct Bundle {
    /// Namespace and name of the Workspace, e.g. `auth/retail`.
    pub workspace: String,
    /// Its uid.
    pub workspace_uid: String,
    /// Everything but clients and secrets.
    pub document: Document,
    /// Clients, in any order, no two of one id.
    pub clients: Vec<Registration>,
    /// Over how many shards they are spread, 1 to 64.
    pub client_shards: u8,
    /// The pictures of those clients.
    pub logos: Logos,
    /// Private keys.
    pub secrets: Secrets,
    /// The people's Secret as it is; it is projected from there and only its hash is ours.
    pub users: Option<Zeroizing<Vec<u8>>>,
    /// Trust anchors for client certificates, PEM.
    pub client_ca: Option<Vec<u8>>,
    /// Revocation lists of those authorities, PEM.
    pub crl: Option<Vec<u8>>,
}

impl Bundle {
    /// Writes every file but the manifest. Equal content gives equal bytes, whatever the order of clients.
    pub fn render(&self) -> Rendered {
        let mut files = Files::default();
        files.insert(file::WORKSPACE, self.document.to_bytes());
        files.insert(file::KEYS, self.secrets.to_bytes());
        for (shard, clients) in self.shards() {
            let logos = LogoShard { logos: self.logos_of(&clients) };
            if !logos.logos.is_empty() {
                files.insert(logo_file(shard), canonical::of(&logos));
            }
            files.insert(shard_file(shard), canonical::of(&clients));
        }
        if let Some(users) = &self.users {
            files.insert(file::USERS, users.clone());
        }
        for (name, bytes) in [(file::CLIENT_CA, &self.client_ca), (file::CRL, &self.crl)] {
            if let Some(bytes) = bytes {
                files.insert(name, bytes.clone());
            }
        }
        let format = self.document.format;
        Rendered {
            format,
            workspace: self.workspace.clone(),
            workspace_uid: self.workspace_uid.clone(),
            files,
        }
    }

    /// The files of a revision, with its manifest: what a server reads.
    pub fn files(&self, revision: u64) -> Files {
        let rendered = self.render();
        let manifest = rendered.manifest(revision);
        rendered.with(&manifest)
    }

    /// Reads the files of a revision.
    ///
    /// # Errors
    /// The first thing that is wrong: nothing of the files is used then.
    pub fn read(files: &Files) -> Result<Loaded, ConfigError> {
        Loaded::read(files)
    }

    fn logos_of(&self, shard: &ClientShard) -> Logos {
        let named = shard.clients.iter().filter_map(|client| client.logo.as_ref());
        named.filter_map(|id| Some((id.clone(), self.logos.get(id)?.clone()))).collect()
    }

    fn shards(&self) -> BTreeMap<u8, ClientShard> {
        let mut shards = BTreeMap::<u8, ClientShard>::new();
        for client in &self.clients {
            let shard = shard_of(&client.client_id, self.client_shards);
            shards.entry(shard).or_default().clients.push(client.clone());
        }
        for shard in shards.values_mut() {
            shard.clients.sort_by(|one, other| one.client_id.cmp(&other.client_id));
        }
        shards
    }
}

/// The files of a revision that has no number yet.
#[derive(Clone, Debug)]
pub struct Rendered {
    format: u32,
    workspace: String,
    workspace_uid: String,
    files: Files,
}

impl Rendered {
    /// The files, without the manifest.
    pub fn files(&self) -> &Files {
        &self.files
    }

    /// The manifest, if this is published as that revision.
    pub fn manifest(&self, revision: u64) -> Manifest {
        let hashes =
            self.files.iter().map(|(name, bytes)| (name.to_owned(), manifest::hash(bytes))).collect();
        Manifest::new(self.format, &self.workspace, &self.workspace_uid, revision, hashes)
    }

    /// The manifest that follows `previous`: the same revision for the same content, else the next one.
    pub fn manifest_after(&self, previous: Option<&Manifest>) -> Manifest {
        let Some(previous) = previous else { return self.manifest(1) };
        let same = self.manifest(previous.revision);
        if same.hash == previous.hash { same } else { self.manifest(previous.revision.saturating_add(1)) }
    }

    /// All files of a revision.
    pub fn with(self, manifest: &Manifest) -> Files {
        let mut files = self.files;
        files.insert(file::MANIFEST, manifest.to_bytes());
        files
    }
}
