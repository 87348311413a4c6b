//! What is the operator told when it starts? Flags, each of which is an environment variable too.

use std::net::SocketAddr;
use std::time::Duration;

use clap::{ArgAction, Parser, ValueEnum};
use fapi_core::Lifetime;

use crate::build::OwnPods;
use crate::rotate::Floors;
use crate::watch::{Scope, Switches};

/// The controller that turns Workspace, Client and SigningKey into running servers.
#[derive(Clone, Debug, Parser)]
#[command(name = "fapi-operator", version)]
pub struct Args {
    /// Namespaces to watch, separated by commas. Absent: the whole cluster.
    #[arg(long, env = "FAPI_WATCH_NAMESPACES", value_delimiter = ',')]
    pub watch_namespaces: Vec<String>,
    /// Namespaces where only Clients are watched, of Workspaces in the namespaces above; separated by commas.
    #[arg(long, env = "FAPI_CLIENT_NAMESPACES", value_delimiter = ',', requires = "watch_namespaces")]
    pub client_namespaces: Vec<String>,
    /// Image of the server that Workspaces run.
    #[arg(long, env = "FAPI_SERVER_IMAGE")]
    pub server_image: String,
    /// Lead only while holding a Lease, so that more than one may run.
    #[arg(long, env = "FAPI_LEADER_ELECTION", default_value_t = true, action = ArgAction::Set)]
    pub leader_election: bool,
    /// Name of the Lease.
    #[arg(long, env = "FAPI_LEASE_NAME", default_value = "fapi-operator")]
    pub lease_name: String,
    /// Namespace that the operator itself runs in, for its Lease and the network policies of servers. Absent: that of its
    /// `ServiceAccount`.
    #[arg(long, env = "POD_NAMESPACE")]
    pub namespace: Option<String>,
    /// Name of the operator's own pod, for events and the Lease.
    #[arg(long, env = "POD_NAME")]
    pub pod_name: Option<String>,
    /// Labels of the operator's own pods, as NAME=VALUE separated by commas: the network policies of servers let them alone reach
    /// the internal port.
    #[arg(
        long,
        env = "FAPI_POD_LABELS",
        value_name = "NAME=VALUE",
        value_delimiter = ',',
        default_value = "app.kubernetes.io/name=fapi-operator",
        value_parser = label
    )]
    pub pod_labels: Vec<(String, String)>,
    /// The admission policies of the chart are installed. Without them, `deletionProtection` of a Workspace protects nothing,
    /// and the condition `DeletionProtected` says so.
    #[arg(long, env = "FAPI_ADMISSION_POLICIES", default_value_t = false, action = ArgAction::Set)]
    pub admission_policies: bool,
    /// Where /livez, /readyz and /metrics are served.
    #[arg(long, env = "FAPI_METRICS_LISTEN", default_value = "0.0.0.0:9090")]
    pub metrics_listen: SocketAddr,
    /// Kinds of others that Workspaces may ask for, separated by commas. Each is used where the cluster has it.
    #[arg(long, env = "FAPI_INTEGRATIONS", value_enum, value_delimiter = ',')]
    pub integrations: Vec<Integration>,
    /// How log lines are written.
    #[arg(long, env = "FAPI_LOG_FORMAT", value_enum, default_value_t = LogFormat::Json)]
    pub log_format: LogFormat,
    /// What is logged: error, warn, info, debug, or directives such as `info,fapi_operator=debug`.
    #[arg(long, env = "FAPI_LOG_LEVEL", default_value = "info")]
    pub log_level: String,
    /// Wakes within this many milliseconds are one.
    #[arg(long, env = "FAPI_DEBOUNCE_MS", default_value_t = 300, value_parser = clap::value_parser!(u64).range(0..=10_000))]
    pub debounce_ms: u64,
    /// How many Workspaces are worked on at a time.
    #[arg(long, env = "FAPI_CONCURRENCY", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub concurrency: u16,
    /// Shortest rotation interval in seconds. Below an hour, Workspaces show the condition Insecure.
    #[arg(long, env = "FAPI_MIN_ROTATION_INTERVAL", default_value_t = 3600, value_parser = clap::value_parser!(u32).range(1..))]
    pub min_rotation_interval: u32,
    /// Shortest max-age of the JWKS in seconds.
    #[arg(long, env = "FAPI_MIN_JWKS_MAX_AGE", default_value_t = 60)]
    pub min_jwks_max_age: u32,
    /// Seconds that are added to every wait for relying parties.
    #[arg(long, env = "FAPI_ROTATION_MARGIN", default_value_t = 60)]
    pub rotation_margin: u32,
    /// Seconds by which the clocks of relying parties and pods may differ from ours.
    #[arg(long, env = "FAPI_CLOCK_SKEW", default_value_t = 60)]
    pub clock_skew: u32,
}

fn label(text: &str) -> Result<(String, String), String> {
    let label = text.trim().split_once('=').filter(|(name, _)| !name.is_empty());
    let (name, value) = label
        .ok_or_else(|| format!("{text:?} is not NAME=VALUE; write app.kubernetes.io/name=fapi-operator"))?;
    Ok((name.to_owned(), value.to_owned()))
}

/// Kinds of others.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Integration {
    /// `tls.issuerRef`: Certificates of cert-manager.
    CertManager,
    /// `exposure.gateway`: TLSRoutes of the Gateway API.
    GatewayApi,
    /// `server.metrics.serviceMonitor`: kinds of the Prometheus operator.
    ServiceMonitor,
}

/// How log lines are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum LogFormat {
    /// For machines.
    Json,
    /// For people.
    Text,
}

impl Args {
    /// Which namespaces are watched.
    pub fn scope(&self) -> Scope {
        let named = |names: &[String]| -> Vec<String> {
            names.iter().map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect()
        };
        let (workspaces, clients) = (named(&self.watch_namespaces), named(&self.client_namespaces));
        if workspaces.is_empty() { Scope::Cluster } else { Scope::Namespaces { workspaces, clients } }
    }

    /// Which kinds that a cluster may lack are used.
    pub fn switches(&self) -> Switches {
        let on = |integration| self.integrations.contains(&integration);
        Switches {
            certificates: on(Integration::CertManager),
            routes: on(Integration::GatewayApi),
            monitors: on(Integration::ServiceMonitor),
            ..Switches::default()
        }
    }

    /// Where the operator's own pods are.
    pub fn own_pods(&self, namespace: &str) -> OwnPods {
        OwnPods { namespace: namespace.to_owned(), labels: self.pod_labels.iter().cloned().collect() }
    }

    /// What rotation may not go below.
    pub fn floors(&self) -> Floors {
        let seconds = |seconds: u32| Lifetime::seconds(i64::from(seconds));
        Floors {
            interval: seconds(self.min_rotation_interval),
            jwks_max_age: seconds(self.min_jwks_max_age),
            margin: seconds(self.rotation_margin),
            clock_skew: seconds(self.clock_skew),
            ..Floors::PRODUCTION
        }
    }

    /// How eagerly work is done.
    pub fn pace(&self) -> crate::queue::Pace {
        crate::queue::Pace {
            debounce: Duration::from_millis(self.debounce_ms),
            concurrency: usize::from(self.concurrency),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_namespaces_the_whole_cluster_is_watched() {
        let args = |more: &[&str]| {
            let given = ["fapi-operator", "--server-image=localhost/x:dev"].iter().chain(more);
            Args::try_parse_from(given).unwrap()
        };
        assert_eq!(args(&[]).scope(), Scope::Cluster);
        assert_eq!(args(&["--watch-namespaces="]).scope(), Scope::Cluster);
        let some = |clients: &[&str]| Scope::Namespaces {
            workspaces: vec!["auth".to_owned(), "team".to_owned()],
            clients: clients.iter().map(|&name| name.to_owned()).collect(),
        };
        assert_eq!(args(&["--watch-namespaces=auth, team"]).scope(), some(&[]));
        let with_clients = args(&["--watch-namespaces=auth,team", "--client-namespaces=apps,team"]).scope();
        assert_eq!(with_clients, some(&["apps", "team"]));
        let all = ["auth", "team", "apps"].map(str::to_owned).to_vec();
        assert_eq!(with_clients.of_clients(), Some(all), "each once");
        assert!(!with_clients.covers("apps"), "no Workspace is served there");
        assert_eq!(args(&[]).floors(), Floors::PRODUCTION);
        let labels = |args: &Args| args.own_pods("fapi-system").labels.into_iter().collect::<Vec<_>>();
        let named = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(labels(&args(&[])), [named("app.kubernetes.io/name", "fapi-operator")]);
        assert_eq!(labels(&args(&["--pod-labels=a=1,b="])), [named("a", "1"), named("b", "")]);
        assert!(args(&["--rotation-margin=1"]).floors().are_lowered());
    }
}
