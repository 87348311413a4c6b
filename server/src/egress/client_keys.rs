//! Which keys stand at the `jwks_uri` of each client? Fetched in the background, kept, and fetched again (`KEY-08`).
//!
//! No request waits for this but one: an assertion that cannot be verified may be signed with a key that is newer than
//! what we have, so it is looked for once, and not again for half a minute.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fapi_jose::JwkSet;
use futures::StreamExt as _;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep_until, timeout};
use tracing::{info, warn};

use super::{Egress, Fetched, NotFetched};
use crate::app::App;

/// Fetched at once.
const PARALLEL: usize = 8;

/// How long what was fetched is kept, unless its server says otherwise, and how long it is kept at most.
#[derive(Clone, Copy, Debug)]
pub struct Freshness {
    /// How long keys are used before they are fetched again, if their server says nothing.
    pub usual: Duration,
    /// The least time between two fetches, whatever anybody says.
    pub least: Duration,
    /// The longest time between two fetches, whatever their server says.
    pub most: Duration,
    /// For how long keys are used whose server cannot be reached.
    pub stale: Duration,
}

impl Default for Freshness {
    fn default() -> Self {
        Self {
            usual: Duration::from_mins(5),
            least: Duration::from_secs(30),
            most: Duration::from_mins(15),
            stale: Duration::from_hours(1),
        }
    }
}

/// Keys of clients by the URL they stand at. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ClientKeys(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    egress: Egress,
    freshness: Freshness,
    known: Mutex<BTreeMap<String, Known>>,
    /// Counts changes of keys.
    changes: watch::Sender<u64>,
    /// Counts fetches, whatever came of them.
    fetches: watch::Sender<u64>,
    /// Rung when something is due sooner than planned.
    hurry: Notify,
}

#[derive(Clone, Debug)]
struct Known {
    keys: Option<(JwkSet, Instant)>,
    tried: Option<Instant>,
    due: Instant,
}

/// Why there are no keys.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
enum NoKeys {
    #[error(transparent)]
    NotFetched(#[from] NotFetched),
    #[error("what is there is no JWKS that we accept: {0}")]
    NotKeys(String),
}

impl ClientKeys {
    /// None so far.
    pub fn new(egress: Egress, freshness: Freshness) -> Self {
        Self(Arc::new(Inner {
            egress,
            freshness,
            known: Mutex::default(),
            changes: watch::Sender::new(0),
            fetches: watch::Sender::new(0),
            hurry: Notify::new(),
        }))
    }

    /// The way out that they are fetched by.
    pub fn egress(&self) -> &Egress {
        &self.0.egress
    }

    /// The keys at a URL, if we have them.
    pub fn at(&self, url: &str) -> Option<JwkSet> {
        self.known().get(url)?.keys.as_ref().map(|(keys, _)| keys.clone())
    }

    /// Changes whenever keys do.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.0.changes.subscribe()
    }

    /// Looks whether there are newer keys at a URL, unless that was done just now. Returns whether it was looked, however it
    /// ended; never waits longer than a fetch may take.
    pub async fn look_again(&self, url: &str, patience: Duration) -> bool {
        let mut fetches = self.0.fetches.subscribe();
        let now = Instant::now();
        let tried = {
            let mut known = self.known();
            let Some(entry) = known.get_mut(url) else { return false };
            if entry.tried.is_some_and(|tried| tried + self.0.freshness.least > now) {
                return false;
            }
            entry.due = now;
            entry.tried
        };
        self.0.hurry.notify_one();
        let looked = fetches.wait_for(|_| self.known().get(url).is_none_or(|entry| entry.tried != tried));
        timeout(patience, looked).await.is_ok()
    }

    /// Fetches what the clients of the configuration name, for as long as the server runs.
    pub(crate) async fn keep(self, app: App) {
        let mut loads = app.loads();
        loop {
            loads.mark_unchanged();
            let due = self.plan(&wanted(&app));
            futures::stream::iter(due)
                .for_each_concurrent(PARALLEL, |url| self.fetch(app.clone(), url))
                .await;

            let next = self.known().values().map(|entry| entry.due).min();
            tokio::select! {
                () = sleep_until(next.unwrap_or_else(Instant::now)), if next.is_some() => {}
                changed = loads.changed() => {
                    if changed.is_err() {
                        return;
                    }
                }
                () = self.0.hurry.notified() => {}
            }
        }
    }

    /// Forgets what nobody wants any more; returns what is due.
    fn plan(&self, wanted: &BTreeSet<String>) -> Vec<String> {
        let now = Instant::now();
        let mut known = self.known();
        known.retain(|url, _| wanted.contains(url));
        for url in wanted {
            known.entry(url.clone()).or_insert(Known { keys: None, tried: None, due: now });
        }
        known.iter().filter(|(_, entry)| entry.due <= now).map(|(url, _)| url.clone()).collect()
    }

    async fn fetch(&self, app: App, url: String) {
        let fetched = self.0.egress.get(&url).await.map_err(NoKeys::from).and_then(|fetched| read(&fetched));
        app.metrics().fetched_client_keys(fetched.is_ok());
        if let Err(why) = &fetched {
            warn!(url, "Could not fetch the keys of a client: {why}");
        }
        if self.note(&url, fetched) {
            info!(url, "The keys of a client have changed");
            self.0.changes.send_modify(|count| *count += 1);
        }
        self.0.fetches.send_modify(|count| *count += 1);
    }

    /// Remembers what came of a fetch; returns whether the keys are others now.
    fn note(&self, url: &str, fetched: Result<(JwkSet, Option<Duration>), NoKeys>) -> bool {
        let now = Instant::now();
        let freshness = &self.0.freshness;
        let mut known = self.known();
        let Some(entry) = known.get_mut(url) else { return false };
        entry.tried = Some(now);
        let Ok((keys, said)) = fetched else {
            entry.due = now + freshness.least;
            return entry.keys.take_if(|(_, at)| *at + freshness.stale <= now).is_some();
        };
        let age = said.unwrap_or(freshness.usual).clamp(freshness.least, freshness.most);
        entry.due = now + age;
        let before = entry.keys.replace((keys.clone(), now));
        before.is_none_or(|(before, _)| before != keys)
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<String, Known>> {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn wanted(app: &App) -> BTreeSet<String> {
    let Some(current) = app.current() else { return BTreeSet::new() };
    let urls = current.registry.clients().filter(|client| client.enabled());
    urls.filter_map(|client| client.auth().jwks_uri.clone()).collect()
}

fn read(fetched: &Fetched) -> Result<(JwkSet, Option<Duration>), NoKeys> {
    let keys = JwkSet::parse(&fetched.bytes).map_err(|why| NoKeys::NotKeys(why.to_string()))?;
    Ok((keys, fetched.max_age))
}
