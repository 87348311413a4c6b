//! The operator as a whole: watches, queue, reconciles. The binary runs it once; tests run it as often as they like.

use std::sync::Arc;

use kube::Client;
use tokio::sync::mpsc;
use tokio::time::interval;

use crate::clock::Clock;
use crate::context::{Address, Context, Settings};
use crate::events::Events;
use crate::leader::Leadership;
use crate::metrics::Metrics;
use crate::queue::{self, Pace};
use crate::reconcile::reconcile;
use crate::serve::{BEAT, Health};
use crate::watch::Watches;

/// Everything that it is made of.
pub struct Operator {
    /// The API server.
    pub client: Client,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// What it was told.
    pub settings: Settings,
    /// How eagerly it works.
    pub pace: Pace,
    /// Whether it may write.
    pub leadership: Leadership,
    /// Where pods are reached.
    pub address: Address,
    /// Name of its own pod.
    pub instance: Option<String>,
    /// What it counts.
    pub metrics: Metrics,
    /// What it says of itself.
    pub health: Arc<Health>,
}

impl Operator {
    /// Watches from the beginning, and works from the moment it leads. Returns only if a watch ends, which none does by itself.
    pub async fn run(self) {
        let (wakes, woken) = mpsc::unbounded_channel();
        let Settings { scope, integrations, watch, .. } = &self.settings;
        let mut watches = Watches::start(self.client.clone(), scope, *integrations, *watch, wakes);
        watches.ready().await;
        self.health.ready();
        let mut leadership = self.leadership.clone();
        let beats = beat(&self.health);
        tokio::pin!(beats);
        tokio::select! {
            () = leadership.acquired() => {}
            () = &mut beats => return,
            () = watches.ended() => return,
        }
        self.metrics.leads(true);
        let context = Arc::new(Context::new(
            self.client.clone(),
            watches.stores.clone(),
            self.clock,
            self.settings,
            self.leadership,
            self.address,
            Events::new(self.client, self.instance),
            self.metrics,
        ));
        tokio::select! {
            () = queue::run(woken, self.pace, |key| reconcile(context.clone(), key)) => {}
            () = beats => {}
            () = watches.ended() => {}
        }
    }
}

/// The executor itself still works; a reconcile that hangs is ended by the deadlines of its calls.
async fn beat(health: &Health) {
    let mut beats = interval(BEAT);
    loop {
        beats.tick().await;
        health.beat();
    }
}
