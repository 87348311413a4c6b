//! How many codes a second are redeemed, each on disk before its answer:
//! `cargo test --release -p fapi-store throughput -- --ignored --nocapture`

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use fapi_core::secret::Purpose;

use super::benches::{PostgresBench, SqliteBench};
use crate::conformance::Journey;
use crate::{Redemption, Store};

/// Redeems `codes` codes with so many callers at once.
async fn redeem(store: &Store, codes: usize, callers: usize) -> f64 {
    let journeys: Arc<Vec<Journey>> =
        Arc::new((0..codes).map(|n| Journey::new(&format!("{callers}-{n}"))).collect());
    each(store, &journeys, 64, |store, journey| async move { journey.issue_code(&store).await.unwrap() })
        .await;
    let begun = Instant::now();
    each(store, &journeys, callers, |store, journey| async move {
        let (grant, code) = (journey.redeemed(), journey.digest(Purpose::Code));
        let won = store.redeem(&grant, &code, Some(&journey.refresh_token())).await.unwrap();
        assert_eq!(won, Redemption::Won);
    })
    .await;
    f64::from(u32::try_from(codes).unwrap()) / begun.elapsed().as_secs_f64()
}

async fn each<F>(store: &Store, all: &Arc<Vec<Journey>>, callers: usize, task: fn(Store, Journey) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let next = Arc::new(AtomicUsize::new(0));
    let callers: Vec<_> = (0..callers)
        .map(|_| {
            let (store, all, next) = (store.clone(), Arc::clone(all), Arc::clone(&next));
            tokio::spawn(async move {
                while let Some(journey) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                    task(store.clone(), journey.clone()).await;
                }
            })
        })
        .collect();
    for caller in callers {
        caller.await.unwrap();
    }
}

async fn measure(name: &str, store: &Store) {
    for (codes, callers) in [(500, 1), (4_000, 16), (8_000, 64), (8_000, 256)] {
        let rate = redeem(store, codes, callers).await;
        println!("{name}: {callers:3} callers: {rate:6.0} redemptions a second");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn throughput_on_sqlite() {
    let bench = SqliteBench::new();
    measure("SQLite", &bench.open().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn throughput_on_postgresql() {
    let Some(bench) = PostgresBench::new().await else { return };
    measure("PostgreSQL", &bench.open().await).await;
    bench.remove().await;
}
