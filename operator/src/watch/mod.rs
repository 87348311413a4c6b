//! What has changed, and whom does it wake? Caches of everything that is watched, and the way from a change to a Workspace.
//!
//! | change of | wakes |
//! |---|---|
//! | Workspace | itself |
//! | Client, `SigningKey` | the Workspace that it names, and the one that it named before |
//! | Secret, `ConfigMap` (metadata only) | Workspaces that refer to it, or whose Clients or key lines do; the Workspace whose child it is |
//! | Deployment, Service, `ServiceAccount`, `NetworkPolicy`, `PodDisruptionBudget`, `HorizontalPodAutoscaler`, Pod, `EndpointSlice`, and the kinds of [`crate::optional`] | the Workspace on its label |
//! | Namespace | every Workspace that selects namespaces by labels |
//!
//! A wake carries only a name: what has happened is read again, so a change that is told twice, late or in another order leads to
//! the same end.

mod changes;
mod index;
mod optional;

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use fapi_crds::names::label;
use fapi_crds::workspace::AllowedFrom;
use fapi_crds::{Client, SigningKey, Workspace};
use futures::StreamExt as _;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::core::v1::{
    ConfigMap, Namespace, PersistentVolumeClaim, Pod, Secret, Service, ServiceAccount,
};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::core::{NamespaceResourceScope, PartialObjectMeta};
use kube::runtime::WatchStreamExt as _;
use kube::runtime::reflector::store::Writer;
use kube::runtime::reflector::{ObjectRef, Store, store};
use kube::runtime::utils::{Backoff, ResetTimerBackoff};
use kube::runtime::watcher::{self, watcher};
use kube::{Api, Resource, ResourceExt as _};
use serde::de::DeserializeOwned;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tracing::warn;

use crate::clock::share_of;
use crate::readable::{Readable, Salvage};
use crate::validate::ObjectKey;
use changes::Changes;
use index::{Index, Referrer};

pub use index::Reference;
pub use optional::{MaybeCache, OptionalStores, Switches};

/// Which namespaces are watched.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Scope {
    /// The whole cluster.
    Cluster,
    /// These.
    Namespaces {
        /// With Workspaces, and whatever belongs to them.
        workspaces: Vec<String>,
        /// With Clients alone, of Workspaces elsewhere: nothing is written there but what Clients are told.
        clients: Vec<String>,
    },
}

impl Scope {
    /// Whether Workspaces of a namespace are served.
    pub fn covers(&self, namespace: &str) -> bool {
        self.of_workspaces().is_none_or(|names| names.iter().any(|name| name == namespace))
    }

    /// Where Workspaces are. `None`: everywhere.
    pub fn of_workspaces(&self) -> Option<Vec<String>> {
        match self {
            Self::Cluster => None,
            Self::Namespaces { workspaces, .. } => Some(workspaces.clone()),
        }
    }

    /// Where Clients are, and the Secrets and `ConfigMap`s that they refer to. `None`: everywhere.
    pub fn of_clients(&self) -> Option<Vec<String>> {
        match self {
            Self::Cluster => None,
            Self::Namespaces { workspaces, clients } => {
                let more = clients.iter().filter(|name| !workspaces.contains(name));
                Some(workspaces.iter().chain(more).cloned().collect())
            }
        }
    }
}

/// One kind, as last seen.
#[derive(Clone, Debug)]
pub struct Cache<K: Resource<DynamicType = ()> + 'static>(Vec<Store<K>>);

impl<K: Resource<DynamicType = ()> + Clone + 'static> Cache<K> {
    /// An object by name.
    pub fn find(&self, key: &ObjectKey) -> Option<Arc<K>> {
        let reference = ObjectRef::new(&key.name);
        let reference = if key.namespace.is_empty() { reference } else { reference.within(&key.namespace) };
        self.0.iter().find_map(|store| store.get(&reference))
    }

    /// Every object for which the test holds.
    pub fn filter(&self, test: impl Fn(&K) -> bool) -> Vec<Arc<K>> {
        self.0.iter().flat_map(|store| store.state_filter(|object| test(object))).collect()
    }

    async fn ready(&self) {
        for store in &self.0 {
            // An error means that the watch has ended; the task that watches says so.
            let _ = store.wait_until_ready().await;
        }
    }
}

/// Everything that is watched.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the kinds of Kubernetes")]
pub struct Stores {
    pub workspaces: Cache<Workspace>,
    pub clients: Cache<Client>,
    pub signing_keys: Cache<SigningKey>,
    pub secrets: Cache<PartialObjectMeta<Secret>>,
    pub config_maps: Cache<PartialObjectMeta<ConfigMap>>,
    pub pods: Cache<Pod>,
    pub deployments: Cache<Deployment>,
    pub services: Cache<PartialObjectMeta<Service>>,
    pub service_accounts: Cache<PartialObjectMeta<ServiceAccount>>,
    pub network_policies: Cache<PartialObjectMeta<NetworkPolicy>>,
    pub disruption_budgets: Cache<PartialObjectMeta<PodDisruptionBudget>>,
    pub volume_claims: Cache<PartialObjectMeta<PersistentVolumeClaim>>,
    pub endpoint_slices: Cache<EndpointSlice>,
    pub autoscalers: Cache<HorizontalPodAutoscaler>,
    pub optional: OptionalStores,
    /// Only where the whole cluster is watched: without that, nobody may read Namespaces.
    pub namespaces: Option<Cache<PartialObjectMeta<Namespace>>>,
}

/// Watches that run until they are dropped.
pub struct Watches {
    /// What they have seen.
    pub stores: Stores,
    tasks: JoinSet<()>,
}

struct Starter {
    client: kube::Client,
    scope: Scope,
    lasting: Duration,
    wakes: mpsc::UnboundedSender<ObjectKey>,
    tasks: JoinSet<()>,
}

impl Watches {
    /// Begins to watch. Wakes may be sent before [`Watches::ready`]; whoever works on them should wait for it.
    pub fn start(
        client: kube::Client,
        scope: &Scope,
        switches: Switches,
        lasting: Duration,
        wakes: mpsc::UnboundedSender<ObjectKey>,
    ) -> Self {
        let index = Arc::new(Index::default());
        let mut start = Starter { client, scope: scope.clone(), lasting, wakes, tasks: JoinSet::new() };
        let everything = || for_so_long(lasting);
        let children = || everything().labels(label::WORKSPACE);

        let workspaces = {
            let index = index.clone();
            let wakes = move |workspace: Option<&Workspace>, key: &ObjectKey| {
                let refers = workspace.map(index::of_workspace).unwrap_or_default();
                index.set(&Referrer::Workspace(key.clone()), key, refers);
                vec![key.clone()]
            };
            start.ours(scope.of_workspaces(), &wakes)
        };
        let clients = {
            let index = index.clone();
            let wakes = move |client: Option<&Client>, key: &ObjectKey| {
                let workspace = client.map(workspace_of_client);
                index.refers(&Referrer::Client(key.clone()), workspace, client.map(index::of_client))
            };
            start.ours(scope.of_clients(), &wakes)
        };
        let signing_keys = {
            let index = index.clone();
            let wakes = move |line: Option<&SigningKey>, key: &ObjectKey| {
                let workspace = line.map(workspace_of_signing_key);
                index.refers(&Referrer::SigningKey(key.clone()), workspace, line.map(index::of_signing_key))
            };
            start.ours(scope.of_workspaces(), &wakes)
        };
        let secrets = {
            let index = index.clone();
            let wakes = move |secret: Option<&PartialObjectMeta<Secret>>, key: &ObjectKey| {
                let mut wakes = index.referrers(&Reference::Secret(key.clone()));
                wakes.extend(secret.and_then(workspace_on_label));
                wakes
            };
            let apis = start.apis(scope.of_clients());
            start.follow(apis, &everything(), changes::of_version::<PartialObjectMeta<Secret>>, &wakes)
        };
        let config_maps = {
            let index = index.clone();
            let wakes = move |map: Option<&PartialObjectMeta<ConfigMap>>, key: &ObjectKey| {
                let mut wakes = index.referrers(&Reference::ConfigMap(key.clone()));
                wakes.extend(map.and_then(workspace_on_label));
                wakes
            };
            let apis = start.apis(scope.of_clients());
            start.follow(apis, &everything(), changes::of_version::<PartialObjectMeta<ConfigMap>>, &wakes)
        };
        let pods = start.watch(&children(), changes::of_pod, labelled);
        let deployments = start.watch(&children(), changes::of_deployment, labelled);
        let services = start.watch(&children(), changes::of_version::<PartialObjectMeta<Service>>, labelled);
        let service_accounts =
            start.watch(&children(), changes::of_version::<PartialObjectMeta<ServiceAccount>>, labelled);
        let network_policies =
            start.watch(&children(), changes::of_version::<PartialObjectMeta<NetworkPolicy>>, labelled);
        let disruption_budgets =
            start.watch(&children(), changes::of_spec::<PartialObjectMeta<PodDisruptionBudget>>, labelled);
        let volume_claims =
            start.watch(&children(), changes::of_spec::<PartialObjectMeta<PersistentVolumeClaim>>, labelled);
        let endpoint_slices = start.watch(&children(), changes::of_slice, labelled);
        let autoscalers = start.watch(&children(), changes::of_autoscaler, labelled);
        let optional = OptionalStores::start(&mut start, switches, &workspaces);
        let namespaces = (*scope == Scope::Cluster).then(|| start.namespaces(workspaces.clone()));
        let stores = Stores {
            workspaces,
            clients,
            signing_keys,
            secrets,
            config_maps,
            pods,
            deployments,
            services,
            service_accounts,
            network_policies,
            disruption_budgets,
            volume_claims,
            endpoint_slices,
            autoscalers,
            optional,
            namespaces,
        };
        Self { stores, tasks: start.tasks }
    }

    /// Waits until everything has been listed once.
    pub async fn ready(&self) {
        let stores = &self.stores;
        stores.workspaces.ready().await;
        stores.clients.ready().await;
        stores.signing_keys.ready().await;
        stores.secrets.ready().await;
        stores.config_maps.ready().await;
        stores.pods.ready().await;
        stores.deployments.ready().await;
        stores.services.ready().await;
        stores.service_accounts.ready().await;
        stores.network_policies.ready().await;
        stores.disruption_budgets.ready().await;
        stores.volume_claims.ready().await;
        stores.endpoint_slices.ready().await;
        stores.autoscalers.ready().await;
        stores.optional.ready().await;
        if let Some(namespaces) = &stores.namespaces {
            namespaces.ready().await;
        }
    }

    /// Waits for a watch to end, which none does by itself.
    pub async fn ended(&mut self) {
        if self.tasks.join_next().await.is_none() {
            std::future::pending::<()>().await;
        }
    }
}

impl Starter {
    /// Namespaces, whose labels decide for Workspaces that select by them.
    fn namespaces(&mut self, workspaces: Cache<Workspace>) -> Cache<PartialObjectMeta<Namespace>> {
        let all = vec![Api::all(self.client.clone())];
        let selecting = |workspace: &Workspace| workspace.spec.allowed_clients.from == AllowedFrom::Selector;
        let wakes = move |_: Option<&_>, _: &_| {
            workspaces.filter(selecting).iter().map(|workspace| key_of(workspace.as_ref())).collect()
        };
        let labels = changes::of_labels::<PartialObjectMeta<Namespace>>;
        self.follow(all, &for_so_long(self.lasting), labels, &wakes)
    }

    /// A kind in these namespaces, or in all.
    fn apis<K>(&self, namespaces: Option<Vec<String>>) -> Vec<Api<K>>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        match namespaces {
            None => vec![Api::all(self.client.clone())],
            Some(names) => names.iter().map(|name| Api::namespaced(self.client.clone(), name)).collect(),
        }
    }

    /// Watches a kind wherever Workspaces are.
    fn watch<K>(
        &mut self,
        config: &watcher::Config,
        fingerprint: fn(&K) -> u64,
        wakes: impl Fn(Option<&K>, &ObjectKey) -> Vec<ObjectKey> + Clone + Send + Sync + 'static,
    ) -> Cache<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Clone
            + DeserializeOwned
            + Debug
            + Send
            + Sync
            + 'static,
    {
        let apis = self.apis(self.scope.of_workspaces());
        self.follow(apis, config, fingerprint, &wakes)
    }

    /// Watches one of our kinds, objects that cannot be read among them.
    fn ours<K: Salvage<Scope = NamespaceResourceScope> + Clone + Debug + Send + Sync + 'static>(
        &mut self,
        namespaces: Option<Vec<String>>,
        wakes: &(impl Fn(Option<&K>, &ObjectKey) -> Vec<ObjectKey> + Clone + Send + Sync + 'static),
    ) -> Cache<K> {
        let apis = self.apis::<Readable<K>>(namespaces);
        let config = for_so_long(self.lasting);
        let read = |Readable(object)| object;
        let (cache, followers) = self.followers(apis, read, &config, changes::of_spec::<K>, wakes);
        self.spawn(followers);
        cache
    }

    fn follow<K>(
        &mut self,
        apis: Vec<Api<K>>,
        config: &watcher::Config,
        fingerprint: fn(&K) -> u64,
        wakes: &(impl Fn(Option<&K>, &ObjectKey) -> Vec<ObjectKey> + Clone + Send + Sync + 'static),
    ) -> Cache<K>
    where
        K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + Sync + 'static,
    {
        let (cache, followers) = self.followers(apis, std::convert::identity, config, fingerprint, wakes);
        self.spawn(followers);
        cache
    }

    /// A cache, and the watches that fill it once they run.
    fn followers<R, K, W>(
        &self,
        apis: Vec<Api<R>>,
        read: fn(R) -> K,
        config: &watcher::Config,
        fingerprint: fn(&K) -> u64,
        wakes: &W,
    ) -> (Cache<K>, Vec<Follower<R, K, W>>)
    where
        K: Resource<DynamicType = ()> + Clone + 'static,
        W: Fn(Option<&K>, &ObjectKey) -> Vec<ObjectKey> + Clone,
    {
        let (mut stores, mut followers) = (Vec::new(), Vec::new());
        for api in apis {
            let (reader, writer) = store::<K>();
            stores.push(reader);
            let changes = Changes::new(fingerprint, wakes.clone());
            let (config, wakes) = (config.clone(), self.wakes.clone());
            followers.push(Follower { api, read, config, writer, changes, wakes });
        }
        (Cache(stores), followers)
    }

    fn spawn<R, K, W>(&mut self, followers: Vec<Follower<R, K, W>>)
    where
        R: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + Sync + 'static,
        K: Resource<DynamicType = ()> + Clone + Debug + Send + Sync + 'static,
        W: Fn(Option<&K>, &ObjectKey) -> Vec<ObjectKey> + Send + Sync + 'static,
    {
        for mut follower in followers {
            self.tasks.spawn(async move { follower.follow(|_| false).await });
        }
    }
}

/// One watch: from the API server to a store and to wakes.
struct Follower<R, K: Resource<DynamicType = ()> + Clone + 'static, W> {
    api: Api<R>,
    /// From what is received to what is kept.
    read: fn(R) -> K,
    config: watcher::Config,
    writer: Writer<K>,
    changes: Changes<K, W>,
    wakes: mpsc::UnboundedSender<ObjectKey>,
}

impl<R, K, W> Follower<R, K, W>
where
    R: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + Sync + 'static,
    K: Resource<DynamicType = ()> + Clone + Debug + Send + Sync + 'static,
    W: Fn(Option<&K>, &ObjectKey) -> Vec<ObjectKey>,
{
    /// Goes on through every error but one that `ends` it.
    async fn follow(&mut self, ends: impl Fn(&watcher::Error) -> bool) {
        let stream = watcher(self.api.clone(), self.config.clone())
            .backoff(ResetTimerBackoff::new(Patience::default(), Duration::from_mins(1)))
            .modify(|object| object.managed_fields_mut().clear());
        let mut stream = std::pin::pin!(stream);
        while let Some(event) = stream.next().await {
            match event {
                Ok(event) => {
                    let event = read(event, self.read);
                    self.writer.apply_watcher_event(&event);
                    for key in self.changes.of(&event) {
                        let _ = self.wakes.send(key);
                    }
                }
                Err(error) if ends(&error) => return,
                Err(error) => {
                    warn!(%error, kind = %K::kind(&()), "Watch interrupted, will be resumed");
                }
            }
        }
    }
}

fn read<R, K>(event: watcher::Event<R>, read: fn(R) -> K) -> watcher::Event<K> {
    use watcher::Event::{Apply, Delete, Init, InitApply, InitDone};
    match event {
        Init => Init,
        InitDone => InitDone,
        InitApply(object) => InitApply(read(object)),
        Apply(object) => Apply(read(object)),
        Delete(object) => Delete(read(object)),
    }
}

/// Everything of a kind, in watches that last so long.
fn for_so_long(lasting: Duration) -> watcher::Config {
    watcher::Config::default().timeout(u32::try_from(lasting.as_secs()).unwrap_or(u32::MAX))
}

/// How long an interrupted watch waits before it is resumed: doubled while it goes on, and never so long that what is healed stays
/// unseen. With kube's own, a watch that was cut a few times would rest for half a minute.
#[derive(Default)]
struct Patience(u32);

impl Iterator for Patience {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let whole = Duration::from_millis(400).saturating_mul(1 << self.0.min(4)).min(Duration::from_secs(5));
        self.0 = self.0.saturating_add(1);
        Some(whole / 2 + share_of(whole / 2))
    }
}

impl Backoff for Patience {
    fn reset(&mut self) {
        self.0 = 0;
    }
}

/// Namespace and name of an object.
pub fn key_of(object: &impl Resource) -> ObjectKey {
    let meta = object.meta();
    ObjectKey {
        namespace: meta.namespace.clone().unwrap_or_default(),
        name: meta.name.clone().unwrap_or_default(),
    }
}

/// The Workspace that a Client names.
pub fn workspace_of_client(client: &Client) -> ObjectKey {
    let reference = &client.spec.workspace_ref;
    let own = || client.metadata.namespace.clone().unwrap_or_default();
    ObjectKey { namespace: reference.namespace.clone().unwrap_or_else(own), name: reference.name.clone() }
}

/// The Workspace that a `SigningKey` names.
pub fn workspace_of_signing_key(key: &SigningKey) -> ObjectKey {
    ObjectKey {
        namespace: key.metadata.namespace.clone().unwrap_or_default(),
        name: key.spec.workspace_ref.name.clone(),
    }
}

fn workspace_on_label(object: &impl Resource) -> Option<ObjectKey> {
    let name = object.meta().labels.as_ref()?.get(label::WORKSPACE)?.clone();
    Some(ObjectKey { namespace: object.meta().namespace.clone()?, name })
}

fn labelled<K: Resource>(object: Option<&K>, _: &ObjectKey) -> Vec<ObjectKey> {
    object.and_then(workspace_on_label).into_iter().collect()
}
