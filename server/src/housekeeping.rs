//! What is done without anybody asking: the database is opened, what has ended is forgotten, and what belonged to deleted
//! clients is removed.

use std::time::Duration;

use fapi_config::{OnDelete, Tombstone};
use fapi_core::ids::Incarnation;
use fapi_store::{Config, Removal, Store, StoreError};
use tokio::time::{Instant, sleep, timeout};
use tracing::{debug, error, info, warn};

use crate::app::{App, Current};

/// How often what has ended is forgotten.
const ROUND: Duration = Duration::from_mins(1);

/// The first and the longest pause before the database is tried again.
const PAUSES: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(10)];

/// Keeps house for as long as the server runs. `answer` is how long a request may take.
pub async fn keep(app: App, database: Config, answer: Duration) {
    let mut loads = app.loads();
    // An error would mean that the app is gone.
    let _ = loads.wait_for(|count| *count > 0).await;
    let store = open(&app, &database).await;
    let mut loaded = Instant::now();
    loop {
        if let Some(current) = app.current() {
            bury(&app, &store, &current, loaded.elapsed() >= answer).await;
        }
        match store.purge(app.clock().now()).await {
            Ok(purged) => debug!(?purged, "Forgot what has ended"),
            Err(why) => warn!("Could not forget what has ended: {why}"),
        }
        // The second look at tombstones comes when no request can be under way that began before the first.
        let pause = match answer.checked_sub(loaded.elapsed()) {
            Some(left) => left.min(ROUND),
            None => ROUND,
        };
        if timeout(pause, loads.changed()).await.is_ok() {
            loaded = Instant::now();
        }
    }
}

/// Opens the database, however long it takes: it may be starting, or the pod before may still have it.
async fn open(app: &App, database: &Config) -> Store {
    let [mut pause, longest] = PAUSES;
    let mut said: Option<StoreError> = None;
    loop {
        if let Some(current) = app.current() {
            match Store::open(database, &current.registry.issuer).await {
                Ok(store) => {
                    info!("The database is open");
                    app.open_store(store.clone());
                    return store;
                }
                Err(why) => {
                    if said.as_ref() != Some(&why) {
                        error!("Cannot open the database, and keeps trying: {why}");
                    }
                    app.store_closed(why.clone());
                    said = Some(why);
                }
            }
        }
        sleep(pause).await;
        pause = (pause * 2).min(longest);
    }
}

/// Removes what belonged to the clients that the configuration says were deleted. It is done when it has been done once
/// more after every request has ended that began before: such a request may still have written something.
async fn bury(app: &App, store: &Store, current: &Current, settled: bool) {
    let tombstones = &current.document.tombstones;
    let named = |done: &Incarnation| tombstones.iter().any(|one| one.incarnation == *done);
    app.buried().retain(named);
    for tombstone in tombstones {
        if app.buried().contains(&tombstone.incarnation) {
            continue;
        }
        match remove(app, store, current, tombstone).await {
            Ok(()) if settled => {
                info!(client.id = %tombstone.client_id, "Nothing is left of the deleted client {}", tombstone.client_id);
                app.buried().insert(tombstone.incarnation.clone());
            }
            Ok(()) => {}
            Err(why) => warn!("Could not remove what belonged to {}: {why}", tombstone.client_id),
        }
    }
}

async fn remove(
    app: &App,
    store: &Store,
    current: &Current,
    tombstone: &Tombstone,
) -> Result<(), StoreError> {
    let removal = match tombstone.on_delete {
        OnDelete::KeepGrants => Removal::KeepGrants,
        OnDelete::RevokeGrants => {
            let longest = current.registry.rules.profile().lifetimes.access_token.max;
            Removal::RevokeGrants { until: app.clock().now() + longest }
        }
    };
    store.purge_client(&tombstone.client_id, &tombstone.incarnation, removal).await
}
