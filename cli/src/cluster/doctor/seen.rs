//! What is looked at? Everything around some Workspaces, read once. Secrets are held as long as they are judged, and never shown.

use std::collections::BTreeMap;
use std::fmt::Debug;

use fapi_crds::names::label;
use fapi_crds::{Client, SigningKey, Workspace};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, PersistentVolumeClaim, Pod, Secret, Service};
use kube::api::ListParams;
use kube::core::NamespaceResourceScope;
use kube::{Api, Resource};
use serde::de::DeserializeOwned;

use super::super::status::workspace_of;
use super::super::{Cluster, Scope, place, timely};
use crate::exit::Stop;

/// Everything around some Workspaces.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) workspaces: Vec<Workspace>,
    /// All that may be seen, for what is there twice.
    pub(super) all_workspaces: Vec<Workspace>,
    pub(super) clients: Vec<Client>,
    pub(super) signing_keys: Vec<SigningKey>,
    /// By namespace and name. Absent: they may not be read.
    pub(super) secrets: Option<BTreeMap<(String, String), Secret>>,
    pub(super) config_maps: Option<BTreeMap<(String, String), ConfigMap>>,
    pub(super) namespaces: BTreeMap<String, Namespace>,
    pub(super) pods: Vec<Pod>,
    pub(super) deployments: Vec<Deployment>,
    pub(super) services: Vec<Service>,
    pub(super) claims: Vec<PersistentVolumeClaim>,
    /// What could not be looked at, and why.
    pub(super) notes: Vec<String>,
}

impl Seen {
    pub(super) async fn gather(cluster: &Cluster, scope: &Scope, named: Option<&str>) -> Result<Seen, Stop> {
        let mut seen = Seen {
            workspaces: match named {
                Some(name) => vec![cluster.one(name).await?],
                None => cluster.list(scope, None).await?,
            },
            signing_keys: cluster.list(scope, None).await?,
            ..Seen::default()
        };
        seen.clients = cluster.list_widely(&cluster.namespace, &mut seen.notes).await?;
        seen.all_workspaces = cluster.list_widely(&cluster.namespace, &mut seen.notes).await?;
        seen.keep(scope, named);

        let children = Some(label::WORKSPACE);
        seen.pods = seen.some(cluster, scope, children).await?;
        seen.deployments = seen.some(cluster, scope, children).await?;
        seen.services = seen.some(cluster, scope, children).await?;
        seen.claims = seen.some(cluster, scope, children).await?;
        seen.only_of(named);
        seen.config_maps = seen.referred_to(cluster, scope).await?;
        seen.namespaces = namespaces(cluster).await;
        seen.secrets = seen.referred_to(cluster, scope).await?;
        Ok(seen)
    }

    /// What belongs to these Workspaces; and, where all of a place are asked for, what is in it and belongs to none.
    fn keep(&mut self, scope: &Scope, named: Option<&str>) {
        let known: Vec<(String, String)> = self.workspaces.iter().map(place).collect();
        let inside =
            |namespace: &str| named.is_none() && scope.namespace().is_none_or(|scope| scope == namespace);
        self.clients.retain(|client| known.contains(&workspace_of(client)) || inside(&place(client).0));
        self.signing_keys.retain(|key| {
            let (namespace, _) = place(key);
            let owner = (namespace.clone(), key.spec.workspace_ref.name.clone());
            known.contains(&owner) || inside(&namespace)
        });
    }

    fn only_of(&mut self, named: Option<&str>) {
        let Some(name) = named else { return };
        let of = |labels: Option<&BTreeMap<String, String>>| {
            labels.and_then(|labels| labels.get(label::WORKSPACE)).is_some_and(|it| it == name)
        };
        self.pods.retain(|it| of(it.metadata.labels.as_ref()));
        self.deployments.retain(|it| of(it.metadata.labels.as_ref()));
        self.services.retain(|it| of(it.metadata.labels.as_ref()));
        self.claims.retain(|it| of(it.metadata.labels.as_ref()));
    }

    /// What may be seen of a kind; a missing right is a note.
    async fn some<K>(
        &mut self,
        cluster: &Cluster,
        scope: &Scope,
        labels: Option<&str>,
    ) -> Result<Vec<K>, Stop>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug,
    {
        Ok(match cluster.list_if_allowed(scope, labels).await? {
            Ok(objects) => objects,
            Err(why) => {
                self.notes.push(format!("{} are not looked at: {why}", K::plural(&())));
                Vec::new()
            }
        })
    }

    /// Those of the place, and of the namespaces of its Clients.
    async fn referred_to<K>(
        &mut self,
        cluster: &Cluster,
        scope: &Scope,
    ) -> Result<Option<BTreeMap<(String, String), K>>, Stop>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug,
    {
        let mut places = vec![scope.clone()];
        if let Scope::Namespace(own) = scope {
            let mut others: Vec<String> = self.clients.iter().map(|client| place(client).0).collect();
            others.sort();
            others.dedup();
            places.extend(others.into_iter().filter(|name| name != own).map(Scope::Namespace));
        }
        let mut objects = BTreeMap::new();
        for place_ in places {
            match cluster.list_if_allowed::<K>(&place_, None).await? {
                Ok(found) => objects.extend(found.into_iter().map(|it| (place(&it), it))),
                Err(why) => {
                    let kind = K::kind(&());
                    self.notes
                        .push(format!("{kind}s are not judged, what the operator says is repeated: {why}"));
                    return Ok(None);
                }
            }
        }
        Ok(Some(objects))
    }
}

/// Their labels decide about Clients; without them, the names must do.
async fn namespaces(cluster: &Cluster) -> BTreeMap<String, Namespace> {
    let api: Api<Namespace> = Api::all(cluster.client.clone());
    let listed = timely(api.list(&ListParams::default())).await;
    listed.map_or_else(
        |_| BTreeMap::new(),
        |found| found.into_iter().map(|it| (it.metadata.name.clone().unwrap_or_default(), it)).collect(),
    )
}
