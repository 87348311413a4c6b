//! What does a cluster say? Commands that ask its API server, which is found as kubectl finds it.
//!
//! | module | answers |
//! |---|---|
//! | [`doctor`] | What is wrong, in which object and field? |
//! | [`status`] | How is everything, and who has to do something? |
//! | [`keys`] | Which key signs, and which is next? |
//! | [`rotate`] | How is a key changed before its time? |
//! | [`revoke`] | How is a key or a client stopped at once? |
//! | [`approve`] | May this Client be as it is now? |
//! | [`diff`] | What would a change mean? |
//! | [`tree`] | What belongs to a Workspace? |
//! | [`condition`] | What does a condition mean to a person? |
//! | [`refusal`] | What did the API server refuse, and what helps? |
//! | [`ask`] | Does somebody really want it? |
//! | [`table`], [`words`] | How does it read? |

pub(crate) mod approve;
mod ask;
mod condition;
pub(crate) mod diff;
pub(crate) mod doctor;
pub(crate) mod keys;
mod refusal;
pub(crate) mod revoke;
pub(crate) mod rotate;
pub(crate) mod status;
mod table;
pub(crate) mod tree;
mod words;

use std::env;
use std::fmt::Debug;
use std::path::PathBuf;
use std::time::Duration;

use kube::api::ListParams;
use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::core::NamespaceResourceScope;
use kube::{Api, Client, Config, Resource};
use serde::de::DeserializeOwned;

use crate::exit::Stop;
use refusal::Tried;

/// The name under which fields are written.
pub(crate) const FIELD_MANAGER: &str = "fapictl";

/// How long the API server may take to answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// Which cluster, and where in it.
#[derive(clap::Args, Clone, Default, Debug)]
pub(crate) struct ClusterArgs {
    /// Kubeconfig file [default: as kubectl finds it: KUBECONFIG, ~/.kube/config, or the pod's own account]
    #[arg(long, value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig
    #[arg(long, value_name = "NAME")]
    pub(crate) context: Option<String>,
    /// Namespace [default: that of the context]
    #[arg(short, long, value_name = "NAME")]
    pub(crate) namespace: Option<String>,
}

/// A cluster that can be asked.
#[derive(Clone)]
pub(crate) struct Cluster {
    pub(crate) client: Client,
    /// Where objects are looked for that are named without a namespace.
    pub(crate) namespace: String,
}

/// Where to look.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Scope {
    Everywhere,
    Namespace(String),
}

impl ClusterArgs {
    /// Reads the kubeconfig. Nothing is asked yet.
    pub(crate) async fn connect(&self) -> Result<Cluster, Stop> {
        let options = KubeConfigOptions { context: self.context.clone(), ..KubeConfigOptions::default() };
        let read = match &self.kubeconfig {
            Some(path) => match Kubeconfig::read_from(path) {
                Ok(kubeconfig) => Config::from_custom_kubeconfig(kubeconfig, &options).await,
                Err(error) => Err(error),
            },
            None => Config::from_kubeconfig(&options).await,
        };
        let in_pod = self.kubeconfig.is_none() && self.context.is_none();
        let read = match read {
            Err(error) if in_pod && env::var_os("KUBERNETES_SERVICE_HOST").is_some() => {
                Config::incluster().map_err(|_| error)
            }
            read => read,
        };
        let mut config = read.map_err(|error| unusable(&error))?;
        config.connect_timeout = Some(Duration::from_secs(10));
        config.read_timeout = Some(PATIENCE);
        let namespace = self.namespace.clone().unwrap_or_else(|| config.default_namespace.clone());
        let client = Client::try_from(config).map_err(|error| {
            Stop::usage(format!("the kubeconfig cannot be used: {error}"), "kubectl config view --minify")
        })?;
        Ok(Cluster { client, namespace })
    }

    /// The options that lead to the same place, for commands that are shown.
    pub(crate) fn typed(&self, namespace: &str) -> String {
        let mut typed = String::new();
        if let Some(path) = &self.kubeconfig {
            typed = format!(" --kubeconfig {}", crate::shell::path(path));
        }
        if let Some(context) = &self.context {
            typed = format!("{typed} --context {}", crate::shell::word(context));
        }
        format!("{typed} -n {namespace}")
    }
}

fn unusable(error: &KubeconfigError) -> Stop {
    Stop::usage(
        format!("no cluster is known: {error}"),
        "kubectl config get-contexts; or name a file with --kubeconfig",
    )
}

impl Cluster {
    /// The namespace that was asked for, or all of them.
    pub(crate) fn scope(&self, all: bool) -> Scope {
        if all { Scope::Everywhere } else { Scope::Namespace(self.namespace.clone()) }
    }

    pub(crate) fn api<K>(&self, scope: &Scope) -> Api<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        match scope {
            Scope::Everywhere => Api::all(self.client.clone()),
            Scope::Namespace(namespace) => Api::namespaced(self.client.clone(), namespace),
        }
    }

    /// Everything of a kind, by namespace and name.
    pub(crate) async fn list<K>(&self, scope: &Scope, labels: Option<&str>) -> Result<Vec<K>, Stop>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug,
    {
        let tried = Tried::of::<K>("list", scope.namespace(), None);
        let params = ListParams { label_selector: labels.map(str::to_owned), ..ListParams::default() };
        let listed = timely(self.api::<K>(scope).list(&params)).await;
        let mut objects = listed.map_err(|error| tried.refused(error))?.items;
        objects.sort_by(|one, other| {
            let key = |object: &K| (object.meta().namespace.clone(), object.meta().name.clone());
            key(one).cmp(&key(other))
        });
        Ok(objects)
    }

    /// The same, or what is missing to see it.
    pub(crate) async fn list_if_allowed<K>(
        &self,
        scope: &Scope,
        labels: Option<&str>,
    ) -> Result<Result<Vec<K>, String>, Stop>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug,
    {
        match self.list(scope, labels).await {
            Ok(objects) => Ok(Ok(objects)),
            Err(stop) if stop.exit == crate::exit::Exit::Refused => Ok(Err(stop.message)),
            Err(stop) => Err(stop),
        }
    }

    /// Everything of a kind that can be seen: everywhere, or where one may not look, in one namespace, with a note.
    pub(crate) async fn list_widely<K>(
        &self,
        namespace: &str,
        notes: &mut Vec<String>,
    ) -> Result<Vec<K>, Stop>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug,
    {
        match self.list_if_allowed(&Scope::Everywhere, None).await? {
            Ok(objects) => Ok(objects),
            Err(why) => {
                notes.push(format!("{} of other namespaces are not looked at: {why}", K::plural(&())));
                self.list(&Scope::Namespace(namespace.to_owned()), None).await
            }
        }
    }

    /// One object of the namespace.
    pub(crate) async fn one<K>(&self, name: &str) -> Result<K, Stop>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug,
    {
        let tried = Tried::of::<K>("get", Some(&self.namespace), Some(name));
        let api: Api<K> = Api::namespaced(self.client.clone(), &self.namespace);
        timely(api.get(name)).await.map_err(|error| tried.refused(error))
    }
}

impl Scope {
    pub(crate) fn namespace(&self) -> Option<&str> {
        match self {
            Scope::Everywhere => None,
            Scope::Namespace(namespace) => Some(namespace),
        }
    }
}

/// An answer, or that there is none in time.
pub(crate) async fn timely<T>(
    answer: impl Future<Output = Result<T, kube::Error>>,
) -> Result<T, kube::Error> {
    tokio::time::timeout(PATIENCE, answer)
        .await
        .unwrap_or_else(|_| Err(kube::Error::Service("the API server does not answer".into())))
}

/// The words of JSON for a value that is one: `Active`, `PS256`.
pub(crate) fn word(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

/// Namespace and name.
pub(crate) fn place<K: Resource>(object: &K) -> (String, String) {
    let meta = object.meta();
    (meta.namespace.clone().unwrap_or_default(), meta.name.clone().unwrap_or_default())
}
