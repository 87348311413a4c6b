//! What does everything share?

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use fapi_core::registry::Registry;

use crate::clock::Clock;
use crate::keyring::Keyring;
use crate::random::Rng;
use crate::telemetry::Metrics;

/// What every request and every task of one server shares. Cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Shared>);

struct Shared {
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
    metrics: Metrics,
    current: ArcSwapOption<Current>,
}

/// One configuration, whole: what a request sees when it begins is what it sees until it ends.
#[derive(Debug)]
pub struct Current {
    /// Issuer, rules, clients, public keys.
    pub registry: Registry,
    /// Private keys.
    pub keyring: Keyring,
}

impl App {
    /// A server without a configuration: it answers nothing until [`App::install`].
    pub fn new(clock: Arc<dyn Clock>, rng: Arc<dyn Rng>, metrics: Metrics) -> Self {
        Self(Arc::new(Shared { clock, rng, metrics, current: ArcSwapOption::empty() }))
    }

    /// The clock.
    pub fn clock(&self) -> &dyn Clock {
        &*self.0.clock
    }

    /// The source of randomness.
    pub fn rng(&self) -> &dyn Rng {
        &*self.0.rng
    }

    /// What is counted.
    pub fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    /// The configuration that a request begins with now. None before the first one has been loaded; then no request
    /// gets past the handshake.
    pub fn current(&self) -> Option<Arc<Current>> {
        self.0.current.load_full()
    }

    /// Puts a configuration in the place of the one before. Requests that have begun keep theirs.
    pub fn install(&self, current: Arc<Current>) {
        self.0.current.store(Some(current));
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App").field("current", &self.0.current.load()).finish_non_exhaustive()
    }
}
