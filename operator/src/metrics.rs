//! What can be counted? Metrics in the text format of `OpenMetrics`, for `/metrics`.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::validate::ObjectKey;

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct Outcome {
    result: &'static str,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct Kind {
    kind: &'static str,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct Taken {
    step: &'static str,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct Call {
    method: String,
    status: String,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct Of {
    namespace: String,
    workspace: String,
}

/// All of them.
#[derive(Clone, Debug)]
pub struct Metrics {
    registry: Arc<Registry>,
    reconciles: Family<Outcome, Counter>,
    duration: Histogram,
    applied: Family<Kind, Counter>,
    calls: Family<Call, Counter>,
    rotated: Family<Taken, Counter>,
    leading: Gauge,
    revision: Family<Of, Gauge<i64, AtomicI64>>,
    pods: Family<Of, Gauge>,
    pods_current: Family<Of, Gauge>,
    expiry: Family<Of, Gauge<i64, AtomicI64>>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("fapi_operator");
        let reconciles = Family::default();
        registry.register("reconciles", "Reconciles by result", reconciles.clone());
        let duration = Histogram::new([0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0]);
        registry.register("reconcile_seconds", "How long a reconcile takes", duration.clone());
        let applied = Family::default();
        registry.register("applied", "Children that were written, by kind", applied.clone());
        let calls = Family::default();
        registry.register("api_requests", "Requests to the API server, by method and status", calls.clone());
        let rotated = Family::default();
        registry.register(
            "rotation_steps",
            "Steps of sealing keys and of authorities of the internal port",
            rotated.clone(),
        );
        let leading: Gauge = Gauge::default();
        registry.register("leading", "1 while this process leads", leading.clone());
        let revision = Family::default();
        registry.register("revision", "Published revision of a Workspace", revision.clone());
        let pods = Family::default();
        registry.register("serving_pods", "Serving pods of a Workspace", pods.clone());
        let pods_current = Family::default();
        registry.register(
            "current_pods",
            "Serving pods that have loaded the published revision",
            pods_current.clone(),
        );
        let expiry = Family::default();
        registry.register(
            "client_certificate_expiry_timestamp_seconds",
            "When the first certificate of a Workspace's Clients expires",
            expiry.clone(),
        );
        let registry = Arc::new(registry);
        Self {
            registry,
            reconciles,
            duration,
            applied,
            calls,
            rotated,
            leading,
            revision,
            pods,
            pods_current,
            expiry,
        }
    }
}

impl Metrics {
    pub(crate) fn reconciled(&self, result: &'static str, took: Duration) {
        self.reconciles.get_or_create(&Outcome { result }).inc();
        self.duration.observe(took.as_secs_f64());
    }

    pub(crate) fn applied(&self, kind: &'static str) {
        self.applied.get_or_create(&Kind { kind }).inc();
    }

    pub(crate) fn called(&self, method: &http::Method, status: Option<http::StatusCode>) {
        let status = status.map_or_else(|| "none".to_owned(), |status| status.as_u16().to_string());
        self.calls.get_or_create(&Call { method: method.to_string(), status }).inc();
    }

    pub(crate) fn rotated(&self, step: &'static str) {
        self.rotated.get_or_create(&Taken { step }).inc();
    }

    pub(crate) fn leads(&self, leads: bool) {
        self.leading.set(i64::from(leads));
    }

    pub(crate) fn published(&self, workspace: &ObjectKey, revision: i64, current: i32, total: i32) {
        let of = Of { namespace: workspace.namespace.clone(), workspace: workspace.name.clone() };
        self.revision.get_or_create(&of).set(revision);
        self.pods.get_or_create(&of).set(i64::from(total));
        self.pods_current.get_or_create(&of).set(i64::from(current));
    }

    /// When the first certificate of the Clients expires; `None` without any.
    pub(crate) fn expires(&self, workspace: &ObjectKey, at: Option<i64>) {
        let of = Of { namespace: workspace.namespace.clone(), workspace: workspace.name.clone() };
        match at {
            Some(at) => {
                self.expiry.get_or_create(&of).set(at);
            }
            None => {
                self.expiry.remove(&of);
            }
        }
    }

    pub(crate) fn forget(&self, workspace: &ObjectKey) {
        let of = Of { namespace: workspace.namespace.clone(), workspace: workspace.name.clone() };
        self.revision.remove(&of);
        self.pods.remove(&of);
        self.pods_current.remove(&of);
        self.expiry.remove(&of);
    }

    /// As a scraper reads them.
    pub fn text(&self) -> String {
        let mut out = String::new();
        // Writing to a string does not fail.
        let _ = text::encode(&mut out, &self.registry);
        out
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Names and labels of the samples on a page.
    fn samples(page: &str) -> BTreeSet<(String, String)> {
        page.lines()
            .filter(|line| !line.starts_with('#'))
            .map(|line| {
                let (sample, _) = line.rsplit_once(' ').unwrap();
                let (name, labels) = sample.split_once('{').unwrap_or((sample, ""));
                let labels: BTreeSet<&str> =
                    labels.split(',').filter_map(|label| Some(label.split_once("=\"")?.0)).collect();
                (name.to_owned(), labels.into_iter().collect::<Vec<_>>().join(" "))
            })
            .collect()
    }

    /// The same of the tables in `docs/metrics.md`.
    fn documented() -> BTreeSet<(String, String)> {
        include_str!("../../docs/metrics.md")
            .lines()
            .filter(|line| line.starts_with("| `fapi_operator_"))
            .map(|row| {
                let cells: Vec<String> = row.split('|').map(|cell| cell.replace('`', "")).collect();
                (cells[1].trim().to_owned(), cells[2].trim().to_owned())
            })
            .collect()
    }

    #[test]
    fn every_metric_is_documented_and_nothing_else() {
        let metrics = Metrics::default();
        let workspace = ObjectKey { namespace: "auth".to_owned(), name: "retail".to_owned() };
        metrics.reconciled("ok", Duration::from_millis(7));
        metrics.applied("Secret");
        metrics.called(&http::Method::GET, None);
        metrics.rotated("SealingKeyMade");
        metrics.leads(true);
        metrics.published(&workspace, 1, 2, 3);
        metrics.expires(&workspace, Some(4));
        assert_eq!(samples(&metrics.text()), documented(), "left: /metrics, right: docs/metrics.md");
        metrics.forget(&workspace);
        assert!(!metrics.text().contains("retail"));
    }
}
