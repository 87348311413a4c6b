//! Watches of kinds that a cluster may lack: they begin when the kind is there, and end with it.

use std::fmt::Debug;
use std::time::Duration;

use fapi_crds::Workspace;
use fapi_crds::names::label;
use fapi_crds::workspace::WorkspaceSpec;
use futures::future::select_all;
use kube::api::ListParams;
use kube::core::{NamespaceResourceScope, PartialObjectMeta};
use kube::runtime::watcher;
use kube::{Api, Resource};
use serde::de::DeserializeOwned;
use tokio::sync::watch;
use tokio::time::sleep;
use tracing::{info, warn};

use super::{Cache, Starter, changes, for_so_long, key_of, labelled};
use crate::optional::{self, Certificate, Optional, Presence, ServiceMonitor, TLSRoute};

/// Which kinds the operator was told to use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Switches {
    /// Certificates of cert-manager.
    pub certificates: bool,
    /// Routes of the Gateway API.
    pub routes: bool,
    /// `ServiceMonitors` of the Prometheus operator.
    pub monitors: bool,
    /// How long until a kind that was not there is looked for again.
    pub again: Duration,
}

impl Default for Switches {
    fn default() -> Self {
        Self { certificates: false, routes: false, monitors: false, again: Duration::from_mins(1) }
    }
}

/// Metadata of the objects of a kind, as long as the cluster has it.
#[derive(Clone, Debug)]
pub struct MaybeCache<K: Resource<DynamicType = ()> + 'static> {
    /// The objects.
    pub objects: Cache<PartialObjectMeta<K>>,
    /// `None` until it was looked for.
    presence: watch::Receiver<Option<Presence>>,
}

impl<K: Resource<DynamicType = ()> + Clone + 'static> MaybeCache<K> {
    /// Whether objects can be made.
    pub fn presence(&self) -> Presence {
        self.presence.borrow().unwrap_or(Presence::Absent)
    }

    async fn ready(&self) {
        // An error means that nobody looks any more, as where it is off.
        let found = self.presence.clone().wait_for(Option::is_some).await.map(|found| *found);
        if matches!(found, Ok(Some(Presence::Present))) {
            self.objects.ready().await;
        }
    }
}

/// One for each kind.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the kinds of others")]
pub struct OptionalStores {
    pub certificates: MaybeCache<Certificate>,
    pub routes: MaybeCache<TLSRoute>,
    pub monitors: MaybeCache<ServiceMonitor>,
}

impl OptionalStores {
    pub(super) fn start(start: &mut Starter, switches: Switches, workspaces: &Cache<Workspace>) -> Self {
        let again = switches.again;
        Self {
            certificates: start.maybe(switches.certificates, again, optional::asks_issuer, workspaces),
            routes: start.maybe(switches.routes, again, optional::asks_route, workspaces),
            monitors: start.maybe(switches.monitors, again, optional::asks_monitor, workspaces),
        }
    }

    /// The presence of each.
    pub fn presence(&self) -> Optional {
        Optional {
            certificates: self.certificates.presence(),
            routes: self.routes.presence(),
            monitors: self.monitors.presence(),
        }
    }

    pub(super) async fn ready(&self) {
        self.certificates.ready().await;
        self.routes.ready().await;
        self.monitors.ready().await;
    }
}

impl Starter {
    /// Watches a kind from the moment that it is there; whoever `asks` for it is woken then, and when it goes.
    fn maybe<K>(
        &mut self,
        on: bool,
        again: Duration,
        asks: fn(&WorkspaceSpec) -> bool,
        workspaces: &Cache<Workspace>,
    ) -> MaybeCache<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Clone
            + DeserializeOwned
            + Debug
            + Send
            + Sync
            + 'static,
    {
        let (told, presence) = watch::channel((!on).then_some(Presence::Off));
        let apis: Vec<Api<PartialObjectMeta<K>>> =
            if on { self.apis(self.scope.of_workspaces()) } else { Vec::new() };
        let config = for_so_long(self.lasting).labels(label::WORKSPACE);
        let fingerprint = changes::of_spec::<PartialObjectMeta<K>>;
        let (objects, mut followers) =
            self.followers(apis, std::convert::identity, &config, fingerprint, &labelled);
        let Some(probe) = followers.first().map(|follower| follower.api.clone()) else {
            return MaybeCache { objects, presence };
        };
        let (wakes, workspaces) = (self.wakes.clone(), workspaces.clone());
        self.tasks.spawn(async move {
            loop {
                let found = look(&probe, again).await;
                let kind = K::kind(&());
                let changed = told.send_replace(Some(found)) != Some(found);
                if changed {
                    info!(%kind, "{kind} is {}", if found == Presence::Present { "there" } else { "not installed" });
                    for workspace in workspaces.filter(|workspace| asks(&workspace.spec)) {
                        let _ = wakes.send(key_of(workspace.as_ref()));
                    }
                }
                if found == Presence::Present {
                    let watches = followers.iter_mut().map(|follower| Box::pin(follower.follow(is_gone)));
                    select_all(watches).await;
                } else {
                    sleep(again).await;
                }
            }
        });
        MaybeCache { objects, presence }
    }
}

/// Whether the cluster knows the kind. Asks until it gets an answer.
async fn look<K>(api: &Api<K>, again: Duration) -> Presence
where
    K: Clone + DeserializeOwned + Debug,
{
    loop {
        match api.list_metadata(&ListParams::default().limit(1)).await {
            Ok(_) => return Presence::Present,
            Err(kube::Error::Api(status)) if status.code == 404 => return Presence::Absent,
            Err(error) => warn!(%error, "Cannot tell whether a kind is installed, will ask again"),
        }
        sleep(again).await;
    }
}

/// The API server does not know the kind any more.
fn is_gone(error: &watcher::Error) -> bool {
    let (watcher::Error::InitialListFailed(inner) | watcher::Error::WatchStartFailed(inner)) = error else {
        return false;
    };
    matches!(inner, kube::Error::Api(status) if status.code == 404)
}
