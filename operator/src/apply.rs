//! How do the children come to be as desired? By server-side apply under one field manager, in the order of [`Desired`], and only
//! those that are not: a Workspace in its steady state is not written to.
//!
//! The manifest is a compare-and-swap: two operators that both believe to lead cannot publish two contents under one revision.
//! Sealing keys, the salt and the internal authority are guarded in the same way, so that none that is in use is overwritten.

mod autoscale;

use std::collections::BTreeMap;
use std::fmt::Debug;

use fapi_crds::names::label;
use k8s_openapi::ByteString;
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions};
use kube::core::{NamespaceResourceScope, PartialObjectMeta};
use kube::{Api, Resource};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tracing::{debug, info};

use crate::build::{Applied, Desired, FIELD_MANAGER, Object, Prepared};
use crate::context::{Context, Mark};
use crate::dereference::{OwnSecrets, confirm, written_hash};
use crate::error::{Error, Trying as _};
use crate::keys::is_of_a_key;
use crate::names::Names;
use crate::optional::{Certificate, Presence, ServiceMonitor, TLSRoute};
use crate::validate::ObjectKey;
use crate::watch::{Cache, MaybeCache};

/// Whose children these are.
#[derive(Clone, Copy)]
pub struct Parent<'a> {
    /// Its names.
    pub names: &'a Names,
    /// Its uid.
    pub uid: &'a str,
}

/// Applies every child, then removes those that are not desired any more. What comes back is the proof.
pub async fn apply(
    cx: &Context,
    parent: Parent<'_>,
    own: &mut OwnSecrets,
    desired: Desired<Prepared>,
) -> Result<Desired<Applied>, Error> {
    for object in &desired {
        put(cx, parent, own, object).await?;
    }
    if desired.is_complete() {
        prune(cx, parent, own, &desired).await?;
    }
    Ok(desired.applied())
}

async fn put(cx: &Context, parent: Parent<'_>, own: &mut OwnSecrets, object: &Object) -> Result<(), Error> {
    let stores = &cx.stores;
    match object {
        Object::Certificate(certificate) => {
            put_cached(cx, parent, object, certificate, &stores.optional.certificates.objects).await
        }
        Object::ConfigMap(map) => put_cached(cx, parent, object, map, &stores.config_maps).await,
        Object::Deployment(deployment) => {
            if deployment.spec.as_ref().is_some_and(|spec| spec.replicas.is_none()) {
                autoscale::hand_over(cx, parent, object).await?;
            }
            put_cached(cx, parent, object, deployment.as_ref(), &stores.deployments).await
        }
        Object::HorizontalPodAutoscaler(autoscaler) => autoscale::put(cx, parent, object, autoscaler).await,
        Object::NetworkPolicy(policy) => {
            put_cached(cx, parent, object, policy, &stores.network_policies).await
        }
        Object::PersistentVolumeClaim(claim) => {
            put_cached(cx, parent, object, claim, &stores.volume_claims).await
        }
        Object::PodDisruptionBudget(budget) => {
            put_cached(cx, parent, object, budget, &stores.disruption_budgets).await
        }
        Object::Service(service) => put_cached(cx, parent, object, service, &stores.services).await,
        Object::ServiceAccount(account) => {
            put_cached(cx, parent, object, account, &stores.service_accounts).await
        }
        Object::ServiceMonitor(monitor) => {
            put_cached(cx, parent, object, monitor, &stores.optional.monitors.objects).await
        }
        Object::SigningKey(line) => put_cached(cx, parent, object, line, &stores.signing_keys).await,
        Object::TLSRoute(route) => {
            put_cached(cx, parent, object, route, &stores.optional.routes.objects).await
        }
        Object::Secret(secret) => put_secret(cx, parent, own, secret).await,
    }
}

/// Kinds whose metadata is cached.
async fn put_cached<K, C>(
    cx: &Context,
    parent: Parent<'_>,
    object: &Object,
    typed: &K,
    cache: &Cache<C>,
) -> Result<(), Error>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + Debug
        + DeserializeOwned
        + Serialize,
    C: Resource<DynamicType = ()> + Clone + 'static,
{
    let key = parent.key(typed.meta());
    let live = cache.find(&key).map(|found| found.meta().clone());
    if let Some(written) = write::<K>(cx, parent, object, live.as_ref()).await? {
        remember(cx, object.kind(), &key, written.meta());
    }
    Ok(())
}

/// Writes an object that is not as it should be.
async fn write<K>(
    cx: &Context,
    parent: Parent<'_>,
    object: &Object,
    live: Option<&ObjectMeta>,
) -> Result<Option<K>, Error>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
{
    let kind = object.kind();
    let key = parent.key(object.metadata());
    if is_as_written(cx, kind, &key, object.metadata(), live) {
        return Ok(None);
    }
    if let Some(live) = live {
        parent.owns(kind, live)?;
    }
    cx.may_write()?;
    let api: Api<K> = Api::namespaced(cx.client.clone(), &key.namespace);
    let body = body(&object.patch(), None)?;
    // One that nobody here has seen may be somebody else's, without our labels: then it is not taken over.
    let params = PatchParams::apply(FIELD_MANAGER);
    let is_known = live.is_some() || cx.memory().marks.contains_key(&(kind, key.clone()));
    let params = if is_known { params.force() } else { params };
    let written = match api.patch(&key.name, &params, &Patch::Apply(&body)).await {
        Err(kube::Error::Api(status)) if !is_known && status.is_conflict() => {
            return Err(not_ours(kind, &key.name));
        }
        written => written.trying(|| format!("patch {kind} {key}"))?,
    };
    told(cx, parent, kind, &key, live.is_some());
    Ok(Some(written))
}

async fn put_secret(
    cx: &Context,
    parent: Parent<'_>,
    own: &mut OwnSecrets,
    secret: &Secret,
) -> Result<(), Error> {
    let kind = "Secret";
    let key = parent.key(&secret.metadata);
    let live = own.get(&key.name).map(|found| found.metadata.clone());
    if is_as_written(cx, kind, &key, &secret.metadata, live.as_ref()) {
        return Ok(());
    }
    cx.may_write()?;
    let api: Api<Secret> = Api::namespaced(cx.client.clone(), &key.namespace);
    let live = if let Some(metadata) = live {
        metadata
    } else {
        if let Some(foreign) = cx.stores.secrets.find(&key) {
            parent.owns(kind, &foreign.metadata)?;
        }
        confirm(cx, parent.names, parent.uid, own).await?;
        // Claimed first, by a call that only one can win, and filled under its resourceVersion.
        let metadata = ObjectMeta { annotations: None, ..secret.metadata.clone() };
        let claim = Secret { metadata, data: blank(secret), ..secret.clone() };
        let params =
            PostParams { field_manager: Some(format!("{FIELD_MANAGER}-claim")), ..PostParams::default() };
        api.create(&params, &claim).await.trying(|| format!("create Secret {key}"))?.metadata
    };
    let version = live.resource_version.as_deref();
    let body = body(secret, version)?;
    let params = PatchParams::apply(FIELD_MANAGER).force();
    let written = api.patch(&key.name, &params, &Patch::Apply(&body)).await;
    let written = written.trying(|| format!("patch Secret {key}"))?;
    told(cx, parent, kind, &key, true);
    remember(cx, kind, &key, &written.metadata);
    own.insert(written);
    Ok(())
}

/// Without content, but for the keys that the type demands.
fn blank(secret: &Secret) -> Option<BTreeMap<String, ByteString>> {
    let is_tls = secret.type_.as_deref() == Some("kubernetes.io/tls");
    is_tls.then(|| ["tls.crt", "tls.key"].map(|key| (key.to_owned(), ByteString(Vec::new()))).into())
}

/// The object as server-side apply wants it: with its type, and with the version that it must still have.
fn body(object: &impl Serialize, version: Option<&str>) -> Result<Value, Error> {
    let mut body = serde_json::to_value(object).map_err(|error| Error::Material(error.to_string()))?;
    if let Some(members) = body.as_object_mut() {
        members.remove("status");
        if let (Some(version), Some(metadata)) =
            (version, members.get_mut("metadata").and_then(Value::as_object_mut))
        {
            metadata.insert("resourceVersion".to_owned(), version.into());
        }
    }
    Ok(body)
}

/// Whether nothing has to be written: it was written like this, and nobody has changed it since it was last seen so.
fn is_as_written(
    cx: &Context,
    kind: &'static str,
    key: &ObjectKey,
    desired: &ObjectMeta,
    live: Option<&ObjectMeta>,
) -> bool {
    let Some(live) = live else { return false };
    let hash = written_hash(live);
    if live.deletion_timestamp.is_some()
        || hash.is_none()
        || hash != written_hash(desired)
        || !is_labelled_and_owned(desired, live)
    {
        return false;
    }
    let mark = mark(kind, live);
    let mut memory = cx.memory();
    let known = memory.marks.entry((kind, key.clone())).or_insert_with(|| mark.clone());
    *known == mark
}

/// Neither is part of what a generation counts.
fn is_labelled_and_owned(desired: &ObjectMeta, live: &ObjectMeta) -> bool {
    let labels = live.labels.as_ref();
    let labelled = |(name, value): (&String, &String)| labels.and_then(|all| all.get(name)) == Some(value);
    let owners = live.owner_references.as_deref().unwrap_or_default();
    let wanted = desired.owner_references.as_deref().unwrap_or_default();
    desired.labels.iter().flatten().all(labelled)
        && wanted.iter().all(|owner| owners.iter().any(|found| found.uid == owner.uid))
}

fn remember(cx: &Context, kind: &'static str, key: &ObjectKey, written: &ObjectMeta) {
    cx.memory().marks.insert((kind, key.clone()), mark(kind, written));
}

/// What moves when somebody changes it: the generation, where the status changes by itself.
fn mark(kind: &'static str, metadata: &ObjectMeta) -> Mark {
    let version = match (kind, metadata.generation) {
        (
            "Certificate"
            | "Deployment"
            | "HorizontalPodAutoscaler"
            | "PodDisruptionBudget"
            | "ServiceMonitor"
            | "SigningKey"
            | "TLSRoute",
            Some(generation),
        ) => generation.to_string(),
        // Its status moves it, and its spec cannot change.
        ("PersistentVolumeClaim", _) => String::new(),
        _ => metadata.resource_version.clone().unwrap_or_default(),
    };
    Mark { uid: metadata.uid.clone(), version }
}

fn told(cx: &Context, parent: Parent<'_>, kind: &'static str, key: &ObjectKey, existed: bool) {
    cx.metrics.applied(kind);
    let workspace = parent.names.qualified();
    if existed {
        debug!(%workspace, "Wrote {kind} {key}");
    } else {
        info!(%workspace, "Made {kind} {key}");
    }
}

impl Parent<'_> {
    fn key(&self, metadata: &ObjectMeta) -> ObjectKey {
        let name = metadata.name.clone().unwrap_or_default();
        ObjectKey { namespace: self.names.namespace.clone(), name }
    }

    /// An object of this name that is somebody else's is not taken over. One that has lost its labels still names its owner; but a
    /// Secret without them was not read, so that writing it could replace what cannot be made again.
    fn owns(&self, kind: &str, live: &ObjectMeta) -> Result<(), Error> {
        let owner = live.labels.as_ref().and_then(|labels| labels.get(label::WORKSPACE_UID));
        let owners = live.owner_references.as_deref().unwrap_or_default();
        let name = live.name.as_deref().unwrap_or_default();
        match owner.map(String::as_str) {
            Some(uid) if uid == self.uid => Ok(()),
            None if owners.iter().any(|owner| owner.uid == self.uid) => match kind {
                "Secret" => Err(Error::Material(format!(
                    "{kind} {name} has lost its labels: kubectl label secret {name} -n {} {}={}",
                    self.names.namespace,
                    label::WORKSPACE_UID,
                    self.uid
                ))),
                _ => Ok(()),
            },
            Some(_) => Err(Error::Material(format!(
                "{kind} {name} belongs to an earlier Workspace of this name and is still being removed"
            ))),
            None => Err(not_ours(kind, name)),
        }
    }
}

fn not_ours(kind: &str, name: &str) -> Error {
    Error::Material(format!("{kind} {name} exists and is not the operator's: rename or delete it"))
}

/// Removes children that are not desired any more. The Deployment, the Services and the `ServiceAccount` always are. Never volumes
/// and key lines, which hold what cannot be made again, and never the Secrets of a key, whose own life decides.
async fn prune(
    cx: &Context,
    parent: Parent<'_>,
    own: &mut OwnSecrets,
    desired: &Desired<Prepared>,
) -> Result<(), Error> {
    let wanted =
        |kind: &str, name: &str| desired.iter().any(|object| object.kind() == kind && object.name() == name);
    let superfluous =
        own.iter().filter(|(name, secret)| !is_of_a_key(&secret.metadata) && !wanted("Secret", name));
    let superfluous: Vec<ObjectMeta> = superfluous.map(|(_, secret)| secret.metadata.clone()).collect();
    for metadata in superfluous {
        remove::<Secret>(cx, parent, "Secret", &metadata).await?;
        own.remove(metadata.name.as_deref().unwrap_or_default());
    }
    let stores = &cx.stores;
    prune_kind::<ConfigMap, PartialObjectMeta<_>>(cx, parent, "ConfigMap", &stores.config_maps, &wanted)
        .await?;
    let policies = &stores.network_policies;
    prune_kind::<NetworkPolicy, PartialObjectMeta<_>>(cx, parent, "NetworkPolicy", policies, &wanted).await?;
    let budgets = &stores.disruption_budgets;
    prune_kind::<PodDisruptionBudget, PartialObjectMeta<_>>(
        cx,
        parent,
        "PodDisruptionBudget",
        budgets,
        &wanted,
    )
    .await?;
    let autoscalers = &stores.autoscalers;
    prune_kind::<HorizontalPodAutoscaler, _>(cx, parent, "HorizontalPodAutoscaler", autoscalers, &wanted)
        .await?;
    let optional = &stores.optional;
    prune_present::<Certificate>(cx, parent, "Certificate", &optional.certificates, &wanted).await?;
    prune_present::<ServiceMonitor>(cx, parent, "ServiceMonitor", &optional.monitors, &wanted).await?;
    prune_present::<TLSRoute>(cx, parent, "TLSRoute", &optional.routes, &wanted).await
}

/// Of a kind that the cluster may lack, where it does not.
async fn prune_present<K>(
    cx: &Context,
    parent: Parent<'_>,
    kind: &'static str,
    cache: &MaybeCache<K>,
    wanted: &impl Fn(&str, &str) -> bool,
) -> Result<(), Error>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + Debug
        + DeserializeOwned
        + 'static,
{
    if cache.presence() != Presence::Present {
        return Ok(());
    }
    prune_kind::<K, PartialObjectMeta<K>>(cx, parent, kind, &cache.objects, wanted).await
}

async fn prune_kind<K, C>(
    cx: &Context,
    parent: Parent<'_>,
    kind: &'static str,
    cache: &Cache<C>,
    wanted: &impl Fn(&str, &str) -> bool,
) -> Result<(), Error>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
    C: Resource<DynamicType = ()> + Clone + 'static,
{
    let superfluous = cache.filter(|object| {
        let meta = object.meta();
        meta.namespace.as_ref() == Some(&parent.names.namespace)
            && meta.deletion_timestamp.is_none()
            && parent.owns(kind, meta).is_ok()
            && written_hash(meta).is_some()
            && !wanted(kind, meta.name.as_deref().unwrap_or_default())
    });
    for object in superfluous {
        remove::<K>(cx, parent, kind, object.meta()).await?;
    }
    Ok(())
}

async fn remove<K>(
    cx: &Context,
    parent: Parent<'_>,
    kind: &'static str,
    metadata: &ObjectMeta,
) -> Result<(), Error>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
{
    cx.may_write()?;
    let key = parent.key(metadata);
    let api: Api<K> = Api::namespaced(cx.client.clone(), &key.namespace);
    let params = DeleteParams {
        preconditions: Some(Preconditions { uid: metadata.uid.clone(), resource_version: None }),
        ..DeleteParams::background()
    };
    match api.delete(&key.name, &params).await.trying(|| format!("delete {kind} {key}")) {
        Ok(_) => {
            info!(workspace = %parent.names.qualified(), "Removed {kind} {key}, which is not desired any more");
        }
        Err(error) if error.is_not_found() => {}
        Err(error) => return Err(error),
    }
    cx.memory().marks.remove(&(kind, key));
    Ok(())
}
