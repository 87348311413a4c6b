//! Flows, one after the other in several threads, for as long as something is done to the pods under them.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::play::Player;
use crate::wait::until;

/// So many at a time.
const PARALLEL: usize = 4;

/// What came of them.
#[derive(Clone, Default, Debug)]
pub(crate) struct Tally {
    pub(crate) passed: usize,
    /// Got no answer.
    pub(crate) unanswered: Vec<String>,
    /// Got an answer that should not be.
    pub(crate) failed: Vec<String>,
}

/// The load while it runs.
pub(crate) struct Load<'a> {
    tally: &'a Mutex<Tally>,
}

impl Load<'_> {
    /// Waits until so many more have passed.
    pub(crate) fn goes_on(&self, more: usize) {
        let before = self.tally.lock().unwrap().passed;
        until("flows to pass", || (self.tally.lock().unwrap().passed >= before + more).then_some(()));
    }
}

/// Plays `client` while `during` does something, and until it has.
pub(crate) fn under_load(player: &Player<'_>, client: &str, during: impl FnOnce(&Load<'_>)) -> Tally {
    let (tally, over) = (Mutex::default(), AtomicBool::new(false));
    let plays = || {
        while !over.load(Ordering::SeqCst) {
            let journey = player.plays(client, &[]);
            let mut tally: std::sync::MutexGuard<'_, Tally> = tally.lock().unwrap();
            match journey.said.code {
                Some(0) => tally.passed += 1,
                Some(3) => tally.unanswered.extend(journey.failures()),
                _ => tally.failed.push(format!("{:?} {}", journey.failures(), journey.said.stderr)),
            }
        }
    };
    thread::scope(|threads| {
        (0..PARALLEL).for_each(|_| drop(threads.spawn(plays)));
        // Also when something is amiss: the threads are waited for.
        let ended = End(&over);
        during(&Load { tally: &tally });
        drop(ended);
    });
    tally.into_inner().unwrap()
}

/// Says that it is over, however what came before ends.
pub(crate) struct End<'a>(pub(crate) &'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}
