//! In which order is work done? Each key at most once at a time, many wakes in one go, failures with patience.

use std::collections::HashMap;
use std::fmt::Display;
use std::hash::Hash;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tracing::{debug, error};

use crate::error::backoff;

/// What is to follow on a piece of work.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// Once more, after this time at the latest.
    Again(Duration),
    /// Somebody else was faster: once more, now.
    Conflict,
    /// It failed: once more, the later the more often it did.
    Failed,
    /// It failed for want of a right: once more in a minute.
    Forbidden,
    /// There is nothing left to do until somebody wakes it.
    Forget,
}

/// How eager it is.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Wakes within this time are one.
    pub debounce: Duration,
    /// How many keys are worked on at a time.
    pub concurrency: usize,
}

impl Default for Pace {
    fn default() -> Self {
        Self { debounce: Duration::from_millis(300), concurrency: 8 }
    }
}

#[derive(Default)]
struct Entry {
    due: Option<Instant>,
    running: bool,
    failures: u32,
}

/// Works until all senders of `wakes` are gone. A piece of work that panics is a failed one.
pub async fn run<K, W>(mut wakes: mpsc::UnboundedReceiver<K>, pace: Pace, work: impl Fn(K) -> W)
where
    K: Clone + Eq + Hash + Display + Send + 'static,
    W: Future<Output = Outcome> + Send + 'static,
{
    let mut entries: HashMap<K, Entry> = HashMap::new();
    let mut running: JoinSet<Outcome> = JoinSet::new();
    let mut ids: HashMap<tokio::task::Id, K> = HashMap::new();
    loop {
        let now = Instant::now();
        let mut ready: Vec<(Instant, K)> = entries
            .iter()
            .filter(|(_, entry)| !entry.running)
            .filter_map(|(key, entry)| Some((entry.due.filter(|due| *due <= now)?, key.clone())))
            .collect();
        ready.sort_by_key(|(due, _)| *due);
        for (_, key) in ready.into_iter().take(pace.concurrency.saturating_sub(running.len())) {
            let entry = entries.entry(key.clone()).or_default();
            (entry.due, entry.running) = (None, true);
            let id = running.spawn(work(key.clone())).id();
            ids.insert(id, key);
        }
        let full = running.len() >= pace.concurrency;
        let waiting = entries.values().filter(|entry| !entry.running).filter_map(|entry| entry.due);
        let next = waiting.min().filter(|_| !full);
        tokio::select! {
            wake = wakes.recv() => {
                let Some(key) = wake else { return };
                let soon = Instant::now() + pace.debounce;
                let entry = entries.entry(key).or_default();
                entry.due = Some(entry.due.map_or(soon, |due| due.min(soon)));
            }
            Some(done) = running.join_next_with_id() => {
                let (id, outcome) = match done {
                    Ok((id, outcome)) => (id, outcome),
                    Err(panic) => (panic.id(), Outcome::Failed),
                };
                let Some(key) = ids.remove(&id) else { continue };
                if outcome == Outcome::Failed {
                    debug!(%key, "Failed, will be tried again");
                }
                settle(&mut entries, &key, outcome);
            }
            () = sleep_until(next.unwrap_or(now)), if next.is_some() => {}
        }
    }
}

fn settle<K: Eq + Hash + Display>(entries: &mut HashMap<K, Entry>, key: &K, outcome: Outcome) {
    let Some(entry) = entries.get_mut(key) else {
        error!(%key, "Work ended that was never begun");
        return;
    };
    entry.running = false;
    let now = Instant::now();
    let after = match outcome {
        Outcome::Again(after) => {
            entry.failures = 0;
            Some(after)
        }
        Outcome::Conflict | Outcome::Failed => {
            entry.failures = entry.failures.saturating_add(1);
            // The first conflicts are the price of optimism; a row of them means that something is wrong.
            let patience =
                if outcome == Outcome::Failed { entry.failures } else { entry.failures.saturating_sub(5) };
            Some(if patience > 0 { backoff(patience) } else { Duration::from_millis(50) })
        }
        Outcome::Forbidden => {
            entry.failures = 0;
            Some(Duration::from_mins(1))
        }
        Outcome::Forget => None,
    };
    let due = after.map(|after| now + after);
    entry.due = match (entry.due, due) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    };
    if entry.due.is_none() {
        entries.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tokio::sync::{Notify, mpsc};

    use super::*;

    const PACE: Pace = Pace { debounce: Duration::from_millis(20), concurrency: 2 };

    #[tokio::test]
    async fn many_wakes_are_one_piece_of_work_and_none_is_lost_while_it_runs() {
        let (wakes, woken) = mpsc::unbounded_channel();
        let (begun, gate) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Notify::new()));
        let (seen, pass) = (begun.clone(), gate.clone());
        let queue = tokio::spawn(run(woken, PACE, move |key: &'static str| {
            let (seen, pass) = (seen.clone(), pass.clone());
            async move {
                seen.lock().unwrap().push(key);
                pass.notified().await;
                Outcome::Forget
            }
        }));
        for _ in 0..10 {
            wakes.send("a").unwrap();
        }
        until(|| begun.lock().unwrap().len() == 1).await;
        // While it runs, never twice at a time.
        wakes.send("a").unwrap();
        wakes.send("b").unwrap();
        until(|| begun.lock().unwrap().len() == 2).await;
        assert_eq!(*begun.lock().unwrap(), ["a", "b"]);
        gate.notify_waiters();
        until(|| begun.lock().unwrap().len() == 3).await;
        assert_eq!(*begun.lock().unwrap(), ["a", "b", "a"]);
        drop(wakes);
        queue.await.unwrap();
    }

    /// F-C02
    #[tokio::test]
    async fn a_panic_stops_neither_the_others_nor_the_next_try() {
        let (wakes, woken) = mpsc::unbounded_channel();
        let tries = Arc::new(Mutex::new(Vec::new()));
        let seen = tries.clone();
        let _queue = tokio::spawn(run(woken, PACE, move |key: &'static str| {
            let seen = seen.clone();
            async move {
                seen.lock().unwrap().push(key);
                assert_ne!(key, "bad");
                Outcome::Forget
            }
        }));
        wakes.send("bad").unwrap();
        wakes.send("good").unwrap();
        until(|| tries.lock().unwrap().iter().filter(|key| **key == "bad").count() == 2).await;
        assert!(tries.lock().unwrap().contains(&"good"));
    }

    async fn until(test: impl Fn() -> bool) {
        while !test() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}
