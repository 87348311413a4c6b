//! What is counted. Labels come from closed lists, so nobody outside can add a time series (H-12).

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fapi_core::Timestamp;
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

/// The seconds between which requests are told apart: those of OpenTelemetry's `http.server.request.duration`.
const SECONDS: [f64; 14] = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

/// The metrics of one server. Cheap to clone.
#[derive(Clone)]
pub struct Metrics(Arc<Families>);

struct Families {
    registry: Mutex<Registry>,
    requests: Family<Endpoint, Histogram, fn() -> Histogram>,
    refused: Family<RefusedLabels, Counter>,
    handshakes: Family<Outcome, Counter>,
    closed: Family<Reason, Counter>,
    connections: Gauge,
    panics: Counter,
    revision: Gauge,
    loads: Family<Outcome, Counter>,
    expiry: Family<Door, Gauge>,
    certificates_refused: Family<Door, Counter>,
    client_keys: Family<Outcome, Counter>,
    logout_notices: Family<Outcome, Counter>,
    next_update: Gauge,
}

/// Which requests are counted together.
#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
pub struct Endpoint {
    /// `front` or `back`.
    pub door: &'static str,
    /// The route as the router has it, never the path that was asked for.
    pub endpoint: String,
    /// The method, or `other`.
    pub method: &'static str,
    /// The status.
    pub code: u16,
}

/// A closed list of label values.
macro_rules! labels {
    ($(#[$doc:meta])* $name:ident { $($(#[$each:meta])* $variant:ident = $label:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum $name {
            $($(#[$each])* $variant,)+
        }

        impl $name {
            /// As it stands in metrics and logs.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $label,)+ }
            }
        }
    };
}

labels!(
    /// Why a request was refused before a route saw it.
    Refused {
        /// The body broke off, or its framing was wrong.
        BodyMalformed = "body_malformed",
        /// Longer than any form we read (H-04).
        BodyTooLarge = "body_too_large",
        /// Did not arrive in time (H-01).
        BodyTooSlow = "body_too_slow",
        /// A compressed body (H-05).
        ContentEncoding = "content_encoding",
        /// A certificate in a header (TL-01).
        ForwardedCertificate = "forwarded_certificate",
        /// A certificate that the proxy passed on and that cannot be read (TL-03).
        ForwardedMalformed = "forwarded_malformed",
        /// A host that this door is not (TL-15).
        OtherAuthority = "other_authority",
        /// More requests at once than we take.
        Overloaded = "overloaded",
        /// Not answered in time.
        TookTooLong = "took_too_long",
    }
);

labels!(
    /// How a handshake ended.
    Handshake {
        /// With a connection.
        Completed = "completed",
        /// With an alert, ours or theirs.
        Failed = "failed",
        /// Before the first configuration was loaded.
        NotConfigured = "not_configured",
        /// Did not finish in time (TL-16).
        TooSlow = "too_slow",
        /// No name, or not one of ours.
        UnknownName = "unknown_name",
    }
);

labels!(
    /// Why we ended a connection.
    Closed {
        /// Others needed the place more.
        Crowded = "crowded",
        /// The server ended.
        Drained = "drained",
        /// Nothing began or ended on it for long.
        Idle = "idle",
        /// It had stood for as long as one may.
        Old = "old",
        /// A request's head did not arrive in time (H-01).
        SlowHeader = "slow_header",
        /// Its peer did not read what we sent.
        SlowReader = "slow_reader",
    }
);

labels!(
    /// What came of trying to tell a client that somebody signed out.
    Told {
        /// It knows.
        Delivered = "delivered",
        /// It does not, and it will be tried again.
        Failed = "failed",
        /// It does not, and never will.
        GivenUp = "given_up",
    }
);

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct RefusedLabels {
    door: &'static str,
    reason: &'static str,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct Reason {
    reason: &'static str,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct Door {
    door: &'static str,
}

impl Metrics {
    /// All families, empty.
    pub fn new() -> Self {
        let families = Families {
            registry: Mutex::new(Registry::with_prefix("fapi")),
            requests: Family::new_with_constructor(|| Histogram::new(SECONDS)),
            refused: Family::default(),
            handshakes: Family::default(),
            closed: Family::default(),
            connections: Gauge::default(),
            panics: Counter::default(),
            revision: Gauge::default(),
            loads: Family::default(),
            expiry: Family::default(),
            certificates_refused: Family::default(),
            client_keys: Family::default(),
            logout_notices: Family::default(),
            next_update: Gauge::default(),
        };
        let metrics = Self(Arc::new(families));
        metrics.register(|registry| {
            let own = &metrics.0;
            let version = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
            registry.register("build", "The version that runs", version);
            registry.register(
                "certificate_expiry_timestamp_seconds",
                "When the certificate that is shown expires",
                own.expiry.clone(),
            );
            registry.register(
                "certificates_refused",
                "Certificates that were found and not shown",
                own.certificates_refused.clone(),
            );
            registry.register(
                "client_jwks_fetch",
                "Fetches of what stands at the jwks_uri of clients",
                own.client_keys.clone(),
            );
            registry.register("config_loads", "Configurations that were found", own.loads.clone());
            registry.register("config_revision", "The revision that is served", own.revision.clone());
            registry.register("connections", "Connections that are open", own.connections.clone());
            registry.register("connections_closed", "Connections that we ended", own.closed.clone());
            registry.register(
                "crl_next_update_timestamp_seconds",
                "When the first of the revocation lists in force ends: 0 without any",
                own.next_update.clone(),
            );
            registry.register("http_refused", "Requests that no route has seen", own.refused.clone());
            registry.register(
                "http_request_duration_seconds",
                "From the request's head to the response's",
                own.requests.clone(),
            );
            registry.register(
                "logout_notices",
                "Tries to tell clients that somebody signed out",
                own.logout_notices.clone(),
            );
            registry.register(
                "panics",
                "Requests that ended in a panic: each one is a defect",
                own.panics.clone(),
            );
            registry.register("tls_handshakes", "TLS handshakes by how they ended", own.handshakes.clone());
        });
        metrics
    }

    /// Adds families of other modules. Names get the prefix `fapi_`.
    pub fn register(&self, add: impl FnOnce(&mut Registry)) {
        add(&mut self.0.registry.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// All of them, in the text format of `OpenMetrics`.
    pub fn encode(&self) -> String {
        let mut page = String::new();
        let registry = self.0.registry.lock().unwrap_or_else(PoisonError::into_inner);
        match text::encode(&mut page, &registry) {
            Ok(()) => page,
            // Half a page would look like counters that were reset.
            Err(_) => String::new(),
        }
    }

    /// A request was answered.
    pub fn request(&self, endpoint: &Endpoint, took: Duration) {
        self.0.requests.get_or_create(endpoint).observe(took.as_secs_f64());
    }

    /// A request was refused before a route saw it.
    pub fn refused(&self, door: &'static str, reason: Refused) {
        self.0.refused.get_or_create(&RefusedLabels { door, reason: reason.as_str() }).inc();
    }

    /// A handshake ended.
    pub fn handshake(&self, outcome: Handshake) {
        self.0.handshakes.get_or_create(&Outcome { outcome: outcome.as_str() }).inc();
    }

    /// We ended a connection.
    pub fn closed(&self, reason: Closed) {
        self.0.closed.get_or_create(&Reason { reason: reason.as_str() }).inc();
    }

    /// A request ended in a panic.
    pub fn panicked(&self) {
        self.0.panics.inc();
    }

    /// A configuration was loaded, with its revision, or refused.
    pub fn loaded(&self, revision: Option<u64>) {
        let outcome = if revision.is_some() { "loaded" } else { "refused" };
        self.0.loads.get_or_create(&Outcome { outcome }).inc();
        if let Some(revision) = revision {
            self.0.revision.set(i64::try_from(revision).unwrap_or(i64::MAX));
        }
    }

    /// The keys of a client were fetched, or could not be.
    pub fn fetched_client_keys(&self, successfully: bool) {
        let outcome = if successfully { "fetched" } else { "failed" };
        self.0.client_keys.get_or_create(&Outcome { outcome }).inc();
    }

    /// It was tried to tell a client that somebody signed out.
    pub fn told(&self, outcome: Told) {
        self.0.logout_notices.get_or_create(&Outcome { outcome: outcome.as_str() }).inc();
    }

    /// A certificate is shown, until that time.
    pub fn certificate(&self, door: &'static str, until: Timestamp) {
        self.0.expiry.get_or_create(&Door { door }).set(until.as_unix());
    }

    /// A certificate was refused.
    pub fn certificate_refused(&self, door: &'static str) {
        self.0.certificates_refused.get_or_create(&Door { door }).inc();
    }

    /// When the first of the revocation lists in force ends, if there are any (`TL-10`).
    pub fn revocation_lists(&self, next_update: Option<Timestamp>) {
        self.0.next_update.set(next_update.map_or(0, Timestamp::as_unix));
    }

    /// Connections that are open now.
    pub fn connections(&self) -> &Gauge {
        &self.0.connections
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
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
        include_str!("../../../docs/metrics.md")
            .lines()
            .filter(|line| line.starts_with("| `fapi_") && !line.starts_with("| `fapi_operator_"))
            .map(|row| {
                let cells: Vec<String> = row.split('|').map(|cell| cell.replace('`', "")).collect();
                (cells[1].trim().to_owned(), cells[2].trim().to_owned())
            })
            .collect()
    }

    #[test]
    fn every_metric_is_documented_and_nothing_else() {
        let metrics = Metrics::new();
        // `main` adds this one, which the log counts.
        metrics.register(|registry| {
            registry.register(
                "log_lines_dropped",
                "Log lines that nobody read in time",
                Counter::<u64>::default(),
            );
        });
        metrics.refused("back", Refused::Overloaded);
        metrics.handshake(Handshake::Completed);
        metrics.closed(Closed::Idle);
        metrics.panicked();
        metrics.loaded(Some(1));
        metrics.fetched_client_keys(true);
        metrics.told(Told::Delivered);
        metrics.certificate("front", Timestamp::from_unix(1_750_000_000));
        metrics.certificate_refused("front");
        metrics.revocation_lists(None);
        let endpoint = Endpoint { door: "back", endpoint: "/token".into(), method: "POST", code: 200 };
        metrics.request(&endpoint, Duration::from_millis(7));
        assert_eq!(samples(&metrics.encode()), documented(), "left: /metrics, right: docs/metrics.md");
    }

    #[test]
    fn a_page_has_every_family_with_its_prefix() {
        let metrics = Metrics::new();
        metrics.refused("back", Refused::OtherAuthority);
        metrics.handshake(Handshake::Completed);
        metrics.panicked();
        let endpoint = Endpoint { door: "back", endpoint: "/token".into(), method: "POST", code: 200 };
        metrics.request(&endpoint, Duration::from_millis(7));
        let page = metrics.encode();
        for line in [
            r#"fapi_http_refused_total{door="back",reason="other_authority"} 1"#,
            r#"fapi_tls_handshakes_total{outcome="completed"} 1"#,
            "fapi_panics_total 1",
            r#"fapi_http_request_duration_seconds_bucket{le="0.01",door="back",endpoint="/token",method="POST",code="200"} 1"#,
        ] {
            assert!(page.contains(line), "{line} is not in\n{page}");
        }
        assert!(page.contains("fapi_build_info{version="));
    }
}
