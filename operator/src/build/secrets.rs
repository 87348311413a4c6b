//! The configuration and the operator's own material as Secrets, and the way back from them.

use std::collections::BTreeMap;

use fapi_config::{ConfigError, Files, MAX_SHARDS, file, logo_file, shard_file, shard_of};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};

use super::desired::Object;
use super::meta::Meta;
use crate::material::{Certified, Material};
use crate::names::Names;
use crate::validate::ledger::Ledger;
use crate::validate::{Previous, Publication};

/// Key of a shard Secret, and of the bundle Secret, with what the operator remembers. It is never mounted.
pub const LEDGER_FILE: &str = "ledger.json";

/// Shards and keys: everything that the manifest names and that is not beside it.
pub(super) fn configuration(meta: &Meta<'_>, publication: &Publication, files: &Files) -> Vec<Object> {
    let mut ledgers: BTreeMap<u8, Ledger> = BTreeMap::new();
    for (client, entry) in &publication.ledger.clients {
        let shard = shard_of(client, publication.client_shards);
        ledgers.entry(shard).or_default().clients.insert(client.clone(), entry.clone());
    }
    let mut objects = Vec::new();
    for shard in 0..MAX_SHARDS {
        let name = shard_file(shard);
        let mut data = BTreeMap::new();
        if let Some(bytes) = files.get(&name) {
            data.insert(name, bytes.to_vec());
        }
        if let Some(ledger) = ledgers.get(&shard) {
            data.insert(LEDGER_FILE.to_owned(), fapi_config::canonical::to_vec(ledger).unwrap_or_default());
        }
        if !data.is_empty() {
            objects.push(secret(meta, meta.names.clients(shard), "clients", "fapi.rs/client-shard", data));
        }
        let name = logo_file(shard);
        if let Some(bytes) = files.get(&name) {
            let data = BTreeMap::from([(name, bytes.to_vec())]);
            objects.push(secret(meta, meta.names.logos(shard), "logos", "fapi.rs/logo-shard", data));
        }
    }
    let keys = files.get(file::KEYS).unwrap_or_default().to_vec();
    let data = BTreeMap::from([(file::KEYS.to_owned(), keys)]);
    objects.push(secret(meta, meta.names.keys(), "keys", "fapi.rs/keyset", data));
    objects
}

/// The manifest, and what is in the same Secret. Written after everything that it names.
pub(super) fn bundle(meta: &Meta<'_>, files: &Files, ledger: &Ledger) -> Object {
    let names = [file::MANIFEST, file::WORKSPACE, file::CLIENT_CA, file::CRL];
    let mut data: BTreeMap<String, Vec<u8>> =
        names.into_iter().filter_map(|name| Some((name.to_owned(), files.get(name)?.to_vec()))).collect();
    let own = Ledger { clients: BTreeMap::new(), ..ledger.clone() };
    if own != Ledger::default() {
        data.insert(LEDGER_FILE.to_owned(), fapi_config::canonical::to_vec(&own).unwrap_or_default());
    }
    secret(meta, meta.names.bundle(), "config", "fapi.rs/bundle", data)
}

/// Sealing keys, the salt, and the certificates of the internal port.
pub(super) fn material(meta: &Meta<'_>, material: &Material) -> Vec<Object> {
    let names = meta.names;
    let opaque = "Opaque";
    let tls = "kubernetes.io/tls";
    vec![
        secret(meta, names.seal(), "keys", opaque, material.seal_data()),
        secret(meta, names.subject(), "keys", opaque, material.subject_data()),
        secret(meta, names.internal_ca(), "internal", tls, material.internal_ca_data()),
        secret(meta, names.internal_tls(), "internal", tls, material.internal_tls_data()),
    ]
}

/// The certificates of `selfSigned`.
pub(super) fn self_signed(meta: &Meta<'_>, material: &Material) -> Vec<Object> {
    let Some(made) = &material.self_signed else { return Vec::new() };
    let with_authority = |server: &Certified| {
        let mut data = pair(server);
        data.insert("ca.crt".to_owned(), made.ca.certificate.clone().into_bytes());
        data.insert("ca.key".to_owned(), made.ca.key.as_bytes().to_vec());
        data.insert("ca.hosts".to_owned(), made.hosts.join("\n").into_bytes());
        data
    };
    let tls = "kubernetes.io/tls";
    let front =
        made.front.iter().map(|server| secret(meta, meta.names.tls(), "tls", tls, with_authority(server)));
    let back = made
        .back
        .iter()
        .map(|server| secret(meta, meta.names.mtls_tls(), "tls", tls, with_authority(server)));
    front.chain(back).collect()
}

/// The authority of `selfSigned`, for those who want to try the server.
pub(super) fn authority(meta: &Meta<'_>, material: &Material) -> Option<Object> {
    let made = material.self_signed.as_ref()?;
    Some(Object::ConfigMap(ConfigMap {
        metadata: meta.object(meta.names.ca(), "tls"),
        data: Some([("ca.crt".to_owned(), made.ca.certificate.clone())].into()),
        ..ConfigMap::default()
    }))
}

fn pair(certified: &Certified) -> BTreeMap<String, Vec<u8>> {
    BTreeMap::from([
        ("tls.crt".to_owned(), certified.certificate.clone().into_bytes()),
        ("tls.key".to_owned(), certified.key.as_bytes().to_vec()),
    ])
}

fn secret(
    meta: &Meta<'_>,
    name: String,
    component: &str,
    type_: &str,
    data: BTreeMap<String, Vec<u8>>,
) -> Object {
    Object::Secret(Secret {
        metadata: meta.object(name, component),
        type_: Some(type_.to_owned()),
        data: Some(data.into_iter().map(|(name, bytes)| (name, ByteString(bytes))).collect()),
        ..Secret::default()
    })
}

/// What is published, read back from the Secrets of a Workspace by name; `None` if nothing is.
///
/// The shards may be newer than the manifest, if the operator was interrupted between them: they are taken as they are.
///
/// # Errors
/// The file that cannot be read. Whoever changed it by hand can bring it back, or delete the Secret to begin anew.
pub fn previous(
    names: &Names,
    secrets: &BTreeMap<String, BTreeMap<String, Vec<u8>>>,
) -> Result<Option<Previous>, ConfigError> {
    let Some(bundle) = secrets.get(&names.bundle()) else { return Ok(None) };
    let mut previous = Previous::read(bundle)?;
    for shard in 0..MAX_SHARDS {
        if let Some(data) = secrets.get(&names.clients(shard)) {
            previous.add_shard(shard, data)?;
        }
        if let Some(data) = secrets.get(&names.logos(shard)) {
            previous.add_logos(shard, data)?;
        }
    }
    Ok(Some(previous))
}
