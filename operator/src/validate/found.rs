//! What there is: everything that [`super::validate`] judges, read before and passed in as values.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use fapi_config::{
    ClientShard, ConfigError, Document, LogoShard, Logos, Manifest, Place, file, format, logo_file,
    shard_file, tolerant,
};
use fapi_core::Timestamp;
use fapi_core::client::Registration;
use fapi_core::ids::{ClientId, Incarnation};
use fapi_crds::{Client, SecretKeyRef, SigningKey, Workspace};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use super::guards::Guards;
use super::ledger::Ledger;
use crate::build::LEDGER_FILE;
use crate::logo::{Logo, LogoError, redraw};
use crate::optional::Optional;
use crate::rotate::Floors;

/// Everything about one Workspace.
#[derive(Clone, Debug)]
pub struct Found {
    /// The Workspace itself, with namespace and uid.
    pub workspace: Workspace,
    /// Every Client that names it, in any order, admitted or not. Each has a uid and a creation time.
    pub clients: Vec<FoundClient>,
    /// Every `SigningKey` that names it.
    pub signing_keys: Vec<SigningKey>,
    /// What the Workspace refers to.
    pub references: References,
    /// What is published now; absent if nothing ever was.
    pub previous: Option<Previous>,
    /// Which namespaces were listed freshly (not from a cache that may lag) for `clients` and `signing_keys`. Only there may an
    /// absent Client be taken for a deleted one.
    pub fresh: Fresh,
    /// Tombstones that every serving pod has confirmed.
    pub tombstones_done: BTreeSet<Incarnation>,
    /// The least waits of key rotation that the operator was started with.
    pub floors: Floors,
    /// Which admission policies are in force.
    pub guards: Guards,
    /// Which kinds that a cluster may lack can be made.
    pub optional: Optional,
    /// The time.
    pub now: Timestamp,
}

/// A Client with what it refers to.
#[derive(Clone, Debug)]
pub struct FoundClient {
    /// The Client.
    pub client: Client,
    /// Labels of its namespace; absent if they may not or could not be read.
    pub namespace_labels: Option<BTreeMap<String, String>>,
    /// Every reference of its spec, see [`references`]. One that is not here counts as [`Missing::SecretNotFound`].
    pub secrets: BTreeMap<SecretKeyRef, Resolved>,
    /// What `logo` leads to, if the spec has one. Pictures are redrawn where they are read, once for each version of them.
    pub logo: Option<FoundLogo>,
}

/// What a Client's `logo` leads to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FoundLogo {
    /// A picture.
    Drawn(Logo),
    /// Nothing.
    Missing(Missing),
    /// Something that is not shown.
    Refused(LogoError),
}

impl FoundLogo {
    /// Of one key of a `ConfigMap`: whether it is there as text, and its bytes.
    pub fn read(text: bool, bytes: Option<&[u8]>) -> Self {
        match bytes {
            _ if text => Self::Refused(LogoError::Text),
            None => Self::Missing(Missing::KeyNotFound),
            Some(bytes) => redraw(bytes).map_or_else(Self::Refused, Self::Drawn),
        }
    }
}

/// Which namespaces were listed freshly.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fresh {
    /// None: the list may lag behind.
    No,
    /// All namespaces of the cluster, or the whole folder.
    Everywhere,
    /// These.
    Namespaces(BTreeSet<String>),
}

impl Fresh {
    /// Whether a namespace was.
    pub fn covers(&self, namespace: &str) -> bool {
        match self {
            Self::No => false,
            Self::Everywhere => true,
            Self::Namespaces(namespaces) => namespaces.contains(namespace),
        }
    }
}

/// What a reference leads to.
#[derive(Clone, Debug)]
pub enum Resolved {
    /// Its content.
    Value(Value),
    /// Nothing that may be used.
    Missing(Missing),
}

/// The content of one key of a Secret or `ConfigMap`. `Debug` shows its length.
#[derive(Clone)]
pub struct Value {
    /// The bytes.
    pub bytes: Zeroizing<Vec<u8>>,
    /// The `resourceVersion` of the object it stands in.
    pub resource_version: String,
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Value({} bytes, {})", self.bytes.len(), self.resource_version)
    }
}

/// Why a reference leads to nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Missing {
    /// There is no such `ConfigMap`.
    ConfigMapNotFound,
    /// The object has no such key.
    KeyNotFound,
    /// The Secret lacks the label `fapi.rs/client-credentials: "true"`, so it was not read.
    NotLabelled,
    /// There is no such Secret.
    SecretNotFound,
}

/// What a Workspace refers to. A field that the spec does not use is absent.
#[derive(Clone, Default, Debug)]
pub struct References {
    /// `login.users.secretRef`.
    pub users: Option<Resolved>,
    /// `mtls.clientCa`.
    pub client_ca: Option<Resolved>,
    /// `import.secretRef` of a `SigningKey`, by its name: of those only that have no key yet.
    pub imports: BTreeMap<String, Resolved>,
    /// `mtls.crl`.
    pub crl: Option<Resolved>,
    /// `tls.crt` of `tls.secretName`.
    pub tls: Option<Resolved>,
    /// `tls.crt` of `mtls.tls.secretName`.
    pub mtls_tls: Option<Resolved>,
    /// `authorizationDetailsTypes[].schemaRef`, by type.
    pub details_types: BTreeMap<String, Resolved>,
    /// `egress.caRef`.
    pub egress_ca: Option<Resolved>,
    /// `storage.postgresql.urlSecretRef`.
    pub database_url: Option<Resolved>,
    /// `storage.postgresql.caRef`.
    pub database_ca: Option<Resolved>,
}

/// What is published: read back from the Secrets, or from the state directory.
#[derive(Clone, Debug)]
pub struct Previous {
    /// The manifest.
    pub manifest: Manifest,
    /// The document.
    pub document: Document,
    /// Published clients.
    pub clients: BTreeMap<ClientId, Registration>,
    /// The pictures of published clients.
    pub logos: Logos,
    /// Trust anchors for client certificates, PEM.
    pub client_ca: Option<Vec<u8>>,
    /// Revocation lists of those authorities, PEM.
    pub crl: Option<Vec<u8>>,
    /// What the operator remembers of Clients.
    pub ledger: Ledger,
}

/// Every Secret key that a Client's spec refers to: what to read, and what a change of wakes the Workspace.
pub fn references(client: &Client) -> BTreeSet<SecretKeyRef> {
    let spec = &client.spec;
    let mut found: BTreeSet<SecretKeyRef> = spec.auth.certificate_refs.iter().cloned().collect();
    found.extend(spec.auth.jwks_ref.iter().cloned());
    found.extend(spec.auth.tls.iter().filter_map(|tls| tls.certificate_ref.clone()));
    let uris = spec.redirect_uris.iter().chain(&spec.post_logout_redirect_uris);
    found.extend(uris.flat_map(|uris| uris.from.iter().cloned()));
    found
}

impl Previous {
    /// Reads what is published: the data of the Secret `<ws>-bundle`, or the files beside the manifest in a state directory.
    /// Clients follow with [`Previous::add_shard`], and their pictures with [`Previous::add_logos`].
    ///
    /// # Errors
    /// The file that cannot be read.
    pub fn read(files: &BTreeMap<String, Vec<u8>>) -> Result<Self, ConfigError> {
        let ledger = match files.get(LEDGER_FILE) {
            Some(bytes) => read(LEDGER_FILE, bytes)?,
            None => Ledger::default(),
        };
        let manifest = files.get(file::MANIFEST).map_or(&[][..], Vec::as_slice);
        is_readable(manifest)?;
        Ok(Self {
            manifest: read(file::MANIFEST, manifest)?,
            document: read(file::WORKSPACE, files.get(file::WORKSPACE).map_or(&[], Vec::as_slice))?,
            clients: BTreeMap::new(),
            logos: Logos::new(),
            client_ca: files.get(file::CLIENT_CA).cloned(),
            crl: files.get(file::CRL).cloned(),
            ledger,
        })
    }

    /// Adds the pictures of a shard.
    ///
    /// # Errors
    /// The file that cannot be read.
    pub fn add_logos(&mut self, shard: u8, files: &BTreeMap<String, Vec<u8>>) -> Result<(), ConfigError> {
        let name = logo_file(shard);
        if let Some(bytes) = files.get(&name) {
            let pictures: LogoShard = read(&name, bytes)?;
            self.logos.extend(pictures.logos);
        }
        Ok(())
    }

    /// Adds the clients of a shard and what is remembered of them.
    ///
    /// # Errors
    /// The file that cannot be read.
    pub fn add_shard(&mut self, shard: u8, files: &BTreeMap<String, Vec<u8>>) -> Result<(), ConfigError> {
        let name = shard_file(shard);
        if let Some(bytes) = files.get(&name) {
            let clients: ClientShard = read(&name, bytes)?;
            self.clients.extend(clients.clients.into_iter().map(|client| (client.client_id.clone(), client)));
        }
        if let Some(bytes) = files.get(LEDGER_FILE) {
            let ledger: Ledger = read(LEDGER_FILE, bytes)?;
            self.ledger.clients.extend(ledger.clients);
        }
        Ok(())
    }
}

/// Whether this version knows the format at all.
fn is_readable(manifest: &[u8]) -> Result<(), ConfigError> {
    #[derive(Deserialize)]
    struct Format {
        format: u32,
    }
    let found: Format = read(file::MANIFEST, manifest)?;
    if format::READS.contains(&found.format) {
        return Ok(());
    }
    let (found, reads) = (found.format, format::listed(format::READS));
    Err(ConfigError {
        file: file::MANIFEST.to_owned(),
        place: Some(Place::Path("format".to_owned())),
        message: format!(
            "a newer operator has published format {found}, and this one reads {reads}: upgrade it again"
        ),
    })
}

/// Members that a newer operator has written are not there for this one, which may have been rolled back.
fn read<T: DeserializeOwned>(name: &str, bytes: &[u8]) -> Result<T, ConfigError> {
    tolerant::from_slice(bytes).map_err(|error| ConfigError {
        file: name.to_owned(),
        place: Some(Place::Position { line: error.line(), column: error.column() }),
        message: "cannot be read back: it was changed by somebody else, or written by a newer operator"
            .to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;
    use crate::rotate::KeySet;
    use crate::validate::validate;

    fn published() -> BTreeMap<String, Vec<u8>> {
        let found = fixture::found(fixture::workspace(), Vec::new());
        let desired = fixture::desired(&found, &validate(&found), &KeySet::default());
        let bundle = desired.iter().find_map(|object| match object {
            crate::build::Object::Secret(secret) if object.name().ends_with("-bundle") => secret.data.clone(),
            _ => None,
        });
        bundle.unwrap().into_iter().map(|(name, bytes)| (name, bytes.0)).collect()
    }

    fn changed(name: &str, from: &str, to: &str) -> BTreeMap<String, Vec<u8>> {
        let mut files = published();
        let text = String::from_utf8(files.remove(name).unwrap()).unwrap();
        assert!(text.contains(from), "{text}");
        files.insert(name.to_owned(), text.replacen(from, to, 1).into_bytes());
        files
    }

    /// F-C06: an operator that was rolled back goes on from what a newer one has published.
    #[test]
    fn members_that_a_newer_operator_has_published_do_not_stop_an_older_one() {
        let newer = changed(file::WORKSPACE, "{", r#"{"fromTomorrow":{"a":1},"#);
        let (known, read) = (Previous::read(&published()).unwrap(), Previous::read(&newer).unwrap());
        assert_eq!(read.document, known.document);
    }

    /// F-C06: by more than one version.
    #[test]
    fn a_format_that_only_newer_operators_read_is_named() {
        let newer = changed(file::MANIFEST, r#""format":1"#, r#""format":9"#);
        let error = Previous::read(&newer).unwrap_err().to_string();
        assert_eq!(
            error,
            "manifest.json: format: a newer operator has published format 9, and this one reads format 1: upgrade it again"
        );
    }
}
