//! What is there? From a Workspace to everything about it: Clients, key lines, Secrets.
//!
//! Names and labels come from caches. What is decided by (the Workspace's own Secrets, the content of Secrets referred to) is read
//! from the API server itself, so that a cache that lags cannot bring back an old revision or an old key.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fapi_crds::names::{annotation, label};
use fapi_crds::{Client, ConfigMapKeyRef, KeySource, SecretKeyRef, SigningKey, Workspace};
use futures::StreamExt as _;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Api;
use kube::api::ListParams;
use tokio::task::spawn_blocking;
use zeroize::Zeroizing;

use crate::build;
use crate::context::{Context, Data, Known, KnownLogos};
use crate::error::{Error, Trying as _};
use crate::keys::has_keys;
use crate::logo::LogoError;
use crate::material::SecretData;
use crate::names::Names;
use crate::readable::Readable;
use crate::status::newer;
use crate::validate::ObjectKey;
use crate::validate::{
    Found, FoundClient, FoundLogo, Fresh, Guard, Guards, Missing, References, Resolved, Value, references,
};
use crate::watch::{key_of, workspace_of_client, workspace_of_signing_key};

/// The Workspace's own Secrets, as the API server has them.
#[derive(Default)]
pub struct OwnSecrets {
    secrets: BTreeMap<String, OwnSecret>,
    /// Whether the API server itself has said that the Workspace is still the one that they are of.
    confirmed: bool,
}

/// One of them.
pub struct OwnSecret {
    /// Its metadata.
    pub metadata: ObjectMeta,
    /// Its data.
    pub data: BTreeMap<String, Vec<u8>>,
}

impl OwnSecrets {
    /// A Secret by name.
    pub fn get(&self, name: &str) -> Option<&OwnSecret> {
        self.secrets.get(name)
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&String, &OwnSecret)> {
        self.secrets.iter()
    }

    /// After one was written.
    pub(crate) fn insert(&mut self, secret: Secret) {
        let Some(name) = secret.metadata.name.clone() else { return };
        let data = secret.data.unwrap_or_default().into_iter().map(|(key, value)| (key, value.0)).collect();
        self.secrets.insert(name, OwnSecret { metadata: secret.metadata, data });
    }

    /// After one was deleted.
    pub(crate) fn remove(&mut self, name: &str) {
        self.secrets.remove(name);
    }

    /// Data by name. A Secret without any was claimed and never filled: it counts as not there.
    pub fn data(&self) -> SecretData {
        let filled =
            self.secrets.iter().filter(|(_, secret)| secret.data.values().any(|value| !value.is_empty()));
        filled.map(|(name, secret)| (name.clone(), secret.data.clone())).collect()
    }
}

/// Before anything new is made for a Workspace: whether it is still the one that the cache shows. A cache that lags may show one
/// that is gone; what were made for it, such as keys, would be nobody's, or in the way of another Workspace of this name.
pub(crate) async fn confirm(
    cx: &Context,
    names: &Names,
    uid: &str,
    own: &mut OwnSecrets,
) -> Result<(), Error> {
    if own.confirmed {
        return Ok(());
    }
    let api: Api<Workspace> = Api::namespaced(cx.client.clone(), &names.namespace);
    let of_name = ListParams::default().fields(&format!("metadata.name={}", names.workspace));
    let listed = api.list_metadata(&of_name).await;
    let listed = listed.trying(|| format!("list Workspaces in {}", names.namespace))?;
    own.confirmed = listed.items.iter().any(|found| {
        found.metadata.uid.as_deref() == Some(uid) && found.metadata.deletion_timestamp.is_none()
    });
    if own.confirmed { Ok(()) } else { Err(Error::Gone(names.qualified())) }
}

impl Drop for OwnSecrets {
    fn drop(&mut self) {
        use zeroize::Zeroize as _;
        self.secrets.values_mut().flat_map(|secret| secret.data.values_mut()).for_each(Vec::zeroize);
    }
}

/// Reads the Secrets that carry the Workspace's uid.
pub async fn own_secrets(cx: &Context, workspace: &Workspace) -> Result<OwnSecrets, Error> {
    let key = key_of(workspace);
    let uid = workspace.metadata.uid.as_deref().unwrap_or_default();
    let api: Api<Secret> = Api::namespaced(cx.client.clone(), &key.namespace);
    let listed = api.list(&ListParams::default().labels(&format!("{}={uid}", label::WORKSPACE_UID))).await;
    let mut own = OwnSecrets::default();
    for secret in listed.trying(|| format!("list Secrets in {}", key.namespace))? {
        own.insert(secret);
    }
    Ok(own)
}

/// Everything that a verdict needs, but for what the pods say. `fresh` lists Clients and key lines anew instead of trusting the caches.
pub async fn dereference(
    cx: &Context,
    workspace: &Workspace,
    names: &Names,
    own: &OwnSecrets,
    fresh: bool,
) -> Result<Found, Error> {
    let key = key_of(workspace);
    let signing_keys = lines(cx, &key, own, fresh).await?;
    // Without knowing what a line is, no key can be told to stay or to go.
    if let Some(error) = signing_keys.iter().find_map(|line| Error::unreadable(line.as_ref())) {
        return Err(error);
    }
    let (clients, fresh) = if fresh {
        list_clients(cx, &key).await?
    } else {
        (cx.stores.clients.filter(|client| workspace_of_client(client) == key), Fresh::No)
    };
    let found = futures::stream::iter(clients).map(|client| found_client(cx, client)).buffered(8);
    let clients: Vec<Result<FoundClient, Error>> = found.collect().await;
    let previous = build::previous(names, &published(names, own))?;
    let with_status = |line: &Arc<SigningKey>| {
        let mut line = line.as_ref().clone();
        line.status = newer(cx, &line.metadata).or(line.status);
        line
    };
    Ok(Found {
        workspace: workspace.clone(),
        clients: clients.into_iter().collect::<Result<_, _>>()?,
        references: References {
            imports: imports(cx, &signing_keys, own, &key.namespace).await?,
            ..of_workspace(cx, workspace, names).await?
        },
        signing_keys: signing_keys.iter().map(with_status).collect(),
        previous,
        fresh,
        tombstones_done: BTreeSet::new(),
        floors: cx.settings.floors,
        // Nothing is in force that was not shown to be.
        guards: Guards { approval: Guard::Missing, deletion: Guard::Missing },
        optional: cx.stores.optional.presence(),
        now: cx.clock.seconds(),
    })
}

/// What is published. A bundle without a manifest was claimed and never filled.
fn published(names: &Names, own: &OwnSecrets) -> SecretData {
    let mut data = own.data();
    if data.get(&names.bundle()).is_some_and(|bundle| !bundle.contains_key(fapi_config::file::MANIFEST)) {
        data.remove(&names.bundle());
    }
    data
}

/// The Workspace's key lines. A line that has keys and is not in the cache may merely be late: its keys would be retired for
/// nothing, so that is asked of the API server.
async fn lines(
    cx: &Context,
    workspace: &ObjectKey,
    own: &OwnSecrets,
    fresh: bool,
) -> Result<Vec<Arc<SigningKey>>, Error> {
    let ours = |line: &SigningKey| workspace_of_signing_key(line) == *workspace;
    let cached = cx.stores.signing_keys.filter(ours);
    let known = |name: &String| cached.iter().any(|line| line.metadata.name.as_ref() == Some(name));
    let labels = own.iter().filter_map(|(_, secret)| secret.metadata.labels.as_ref());
    let missing = labels.filter_map(|labels| labels.get(label::SIGNING_KEY)).any(|name| !known(name));
    if !fresh && !missing {
        return Ok(cached);
    }
    let api: Api<Readable<SigningKey>> = Api::namespaced(cx.client.clone(), &workspace.namespace);
    let listed = api.list(&ListParams::default()).await;
    let listed = listed.trying(|| format!("list SigningKeys in {}", workspace.namespace))?;
    Ok(listed.into_iter().map(|Readable(line)| line).filter(ours).map(Arc::new).collect())
}

/// Keys that are brought along. Once a line has a key nobody looks for them any more, so that their Secret may go.
async fn imports(
    cx: &Context,
    lines: &[Arc<SigningKey>],
    own: &OwnSecrets,
    namespace: &str,
) -> Result<BTreeMap<String, Resolved>, Error> {
    let mut imports = BTreeMap::new();
    for line in lines {
        let (Some(import), Some(name)) = (&line.spec.import, &line.metadata.name) else { continue };
        if !has_keys(own, name) {
            imports.insert(name.clone(), secret(cx, namespace, &import.secret_ref).await?);
        }
    }
    Ok(imports)
}

async fn list_clients(cx: &Context, workspace: &ObjectKey) -> Result<(Vec<Arc<Client>>, Fresh), Error> {
    let (apis, fresh): (Vec<Api<Readable<Client>>>, _) = match cx.settings.scope.of_clients() {
        None => (vec![Api::all(cx.client.clone())], Fresh::Everywhere),
        Some(names) => {
            let apis = names.iter().map(|name| Api::namespaced(cx.client.clone(), name)).collect();
            (apis, Fresh::Namespaces(names.into_iter().collect()))
        }
    };
    let mut clients = Vec::new();
    for api in apis {
        let listed = api.list(&ListParams::default()).await.trying(|| "list Clients".to_owned())?;
        let listed = listed.into_iter().map(|Readable(client)| client);
        clients.extend(listed.filter(|client| workspace_of_client(client) == *workspace).map(Arc::new));
    }
    Ok((clients, fresh))
}

async fn found_client(cx: &Context, client: Arc<Client>) -> Result<FoundClient, Error> {
    let namespace = key_of(client.as_ref()).namespace;
    let mut secrets = BTreeMap::new();
    for reference in references(&client) {
        let resolved = for_client(cx, &namespace, &reference).await?;
        secrets.insert(reference, resolved);
    }
    let logo = match &client.spec.logo {
        Some(reference) => Some(logo(cx, &namespace, reference).await?),
        None => None,
    };
    let of_cluster = ObjectKey { namespace: String::new(), name: namespace };
    let namespaces = cx.stores.namespaces.as_ref();
    let labels = namespaces
        .and_then(|cache| cache.find(&of_cluster))
        .map(|found| found.metadata.labels.clone().unwrap_or_default());
    let mut client = client.as_ref().clone();
    client.status = newer(cx, &client.metadata).or(client.status);
    Ok(FoundClient { client, namespace_labels: labels, secrets, logo })
}

/// A Secret that a Client refers to: read only if its owner has labelled it for that. Whoever may write a Client must not be able
/// to make the operator read any Secret beside it.
async fn for_client(cx: &Context, namespace: &str, reference: &SecretKeyRef) -> Result<Resolved, Error> {
    let key = ObjectKey { namespace: namespace.to_owned(), name: reference.name.clone() };
    let Some(seen) = cx.stores.secrets.find(&key) else {
        cx.memory().client_secrets.remove(&key);
        return Ok(Resolved::Missing(Missing::SecretNotFound));
    };
    if !is_labelled(&seen.metadata) {
        cx.memory().client_secrets.remove(&key);
        return Ok(Resolved::Missing(Missing::NotLabelled));
    }
    let known = cx.memory().client_secrets.get(&key).cloned();
    let seen_version = seen.metadata.resource_version.as_deref();
    let known = if let Some(known) =
        known.filter(|known| Some(known.resource_version.as_str()) == seen_version)
    {
        known
    } else {
        let api: Api<Secret> = Api::namespaced(cx.client.clone(), namespace);
        let Some(secret) = api.get_opt(&reference.name).await.trying(|| format!("get Secret {key}"))? else {
            return Ok(Resolved::Missing(Missing::SecretNotFound));
        };
        // The label may have gone between the cache and now.
        if !is_labelled(&secret.metadata) {
            return Ok(Resolved::Missing(Missing::NotLabelled));
        }
        let known = Known {
            resource_version: secret.metadata.resource_version.clone().unwrap_or_default(),
            data: Arc::new(data_of(secret)),
        };
        cx.memory().client_secrets.insert(key, known.clone());
        known
    };
    Ok(pick(&known.data, &reference.key, &known.resource_version))
}

fn is_labelled(metadata: &ObjectMeta) -> bool {
    let value = metadata.labels.as_ref().and_then(|labels| labels.get(label::CLIENT_CREDENTIALS));
    value.is_some_and(|value| value == "true")
}

fn data_of(secret: Secret) -> Data {
    secret.data.unwrap_or_default().into_iter().map(|(key, value)| (key, Zeroizing::new(value.0))).collect()
}

fn pick(data: &Data, key: &str, version: &str) -> Resolved {
    match data.get(key) {
        Some(bytes) => Resolved::Value(Value { bytes: bytes.clone(), resource_version: version.to_owned() }),
        None => Resolved::Missing(Missing::KeyNotFound),
    }
}

/// The picture of a Client, redrawn once for each version of its `ConfigMap`.
async fn logo(cx: &Context, namespace: &str, reference: &ConfigMapKeyRef) -> Result<FoundLogo, Error> {
    let key = ObjectKey { namespace: namespace.to_owned(), name: reference.name.clone() };
    let Some(seen) = cx.stores.config_maps.find(&key) else {
        cx.memory().client_logos.remove(&key);
        return Ok(FoundLogo::Missing(Missing::ConfigMapNotFound));
    };
    let seen_version = seen.metadata.resource_version.as_deref();
    if let Some(known) = cx.memory().client_logos.get(&key)
        && Some(known.resource_version.as_str()) == seen_version
        && let Some(found) = known.by_key.get(&reference.key)
    {
        return Ok(found.clone());
    }
    let api: Api<ConfigMap> = Api::namespaced(cx.client.clone(), namespace);
    let Some(map) = api.get_opt(&reference.name).await.trying(|| format!("get ConfigMap {key}"))? else {
        return Ok(FoundLogo::Missing(Missing::ConfigMapNotFound));
    };
    let text = map.data.unwrap_or_default().contains_key(&reference.key);
    let bytes = map.binary_data.unwrap_or_default().remove(&reference.key).map(|bytes| bytes.0);
    // On a thread of its own: it takes milliseconds, and whatever a decoder does with a picture stays there.
    let drawn = spawn_blocking(move || FoundLogo::read(text, bytes.as_deref())).await;
    let found = drawn.unwrap_or(FoundLogo::Refused(LogoError::Damaged));
    let resource_version = map.metadata.resource_version.unwrap_or_default();
    let mut memory = cx.memory();
    let known = memory.client_logos.entry(key).or_default();
    if known.resource_version != resource_version {
        *known = KnownLogos { resource_version, ..KnownLogos::default() };
    }
    known.by_key.insert(reference.key.clone(), found.clone());
    Ok(found)
}

async fn of_workspace(cx: &Context, workspace: &Workspace, names: &Names) -> Result<References, Error> {
    let spec = &workspace.spec;
    let namespace = names.namespace.as_str();
    let tls = async |shown: Option<String>| -> Result<Option<Resolved>, Error> {
        let Some(name) = shown else { return Ok(None) };
        let reference = SecretKeyRef { name, key: "tls.crt".to_owned() };
        secret(cx, namespace, &reference).await.map(Some)
    };
    let by_name = async |reference: Option<&SecretKeyRef>| -> Result<Option<Resolved>, Error> {
        match reference {
            Some(reference) => secret(cx, namespace, reference).await.map(Some),
            None => Ok(None),
        }
    };
    let by_source = async |source: Option<&KeySource>| -> Result<Option<Resolved>, Error> {
        match source {
            Some(source) => of_source(cx, namespace, source).await.map(Some),
            None => Ok(None),
        }
    };
    Ok(References {
        users: by_name(spec.login.users.as_ref().map(|users| &users.secret_ref)).await?,
        client_ca: by_source(spec.mtls.client_ca.as_ref()).await?,
        imports: BTreeMap::new(),
        crl: by_source(spec.mtls.crl.as_ref()).await?,
        egress_ca: by_source(spec.egress.as_ref().and_then(|egress| egress.ca_ref.as_ref())).await?,
        tls: tls(names.shown_in_front(&spec.tls)).await?,
        mtls_tls: tls(spec.mtls.tls.as_ref().and_then(|tls| names.shown_behind(tls))).await?,
        details_types: {
            let mut found = BTreeMap::new();
            for said in &spec.authorization_details_types {
                let schema = config_map(cx, namespace, &said.schema_ref).await?;
                found.insert(said.type_.clone(), schema);
            }
            found
        },
        database_ca: by_source(
            spec.storage.postgresql.as_ref().and_then(|database| database.ca_ref.as_ref()),
        )
        .await?,
        database_url: by_name(spec.storage.postgresql.as_ref().map(|database| &database.url_secret_ref))
            .await?,
    })
}

/// A Secret that the Workspace or one of its key lines names: whoever writes those is trusted with the namespace.
async fn secret(cx: &Context, namespace: &str, reference: &SecretKeyRef) -> Result<Resolved, Error> {
    let api: Api<Secret> = Api::namespaced(cx.client.clone(), namespace);
    let read = api.get_opt(&reference.name).await;
    let Some(secret) = read.trying(|| format!("get Secret {namespace}/{}", reference.name))? else {
        return Ok(Resolved::Missing(Missing::SecretNotFound));
    };
    let version = secret.metadata.resource_version.clone().unwrap_or_default();
    Ok(pick(&data_of(secret), &reference.key, &version))
}

async fn of_source(cx: &Context, namespace: &str, source: &KeySource) -> Result<Resolved, Error> {
    if let Some(reference) = &source.secret_ref {
        return secret(cx, namespace, reference).await;
    }
    let Some(reference) = &source.config_map_ref else {
        return Ok(Resolved::Missing(Missing::ConfigMapNotFound));
    };
    config_map(cx, namespace, reference).await
}

async fn config_map(cx: &Context, namespace: &str, reference: &ConfigMapKeyRef) -> Result<Resolved, Error> {
    let api: Api<ConfigMap> = Api::namespaced(cx.client.clone(), namespace);
    let read = api.get_opt(&reference.name).await;
    let Some(map) = read.trying(|| format!("get ConfigMap {namespace}/{}", reference.name))? else {
        return Ok(Resolved::Missing(Missing::ConfigMapNotFound));
    };
    let text =
        map.data.as_ref().and_then(|data| data.get(&reference.key)).map(|text| text.clone().into_bytes());
    let bytes = text.or_else(|| Some(map.binary_data.as_ref()?.get(&reference.key)?.0.clone()));
    Ok(match bytes {
        Some(bytes) => Resolved::Value(Value {
            bytes: Zeroizing::new(bytes),
            resource_version: map.metadata.resource_version.unwrap_or_default(),
        }),
        None => Resolved::Missing(Missing::KeyNotFound),
    })
}

/// The hash that an object was written with.
pub(crate) fn written_hash(metadata: &ObjectMeta) -> Option<&str> {
    metadata.annotations.as_ref()?.get(annotation::HASH).map(String::as_str)
}
