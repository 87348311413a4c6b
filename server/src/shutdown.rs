//! How does the server end? First it says so, then it stops listening, then it finishes what it has begun.

use std::time::Duration;

use tokio::sync::watch;

/// How far along the end is. It only ever moves forward.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Phase {
    /// Ready for requests.
    Serving,
    /// `/readyz` fails, everything else goes on: callers need time to notice. Those that keep a connection are told with each
    /// answer to open another (F-S01).
    Leaving,
    /// No new connections; those that stand are asked to end (`Connection: close`, GOAWAY).
    Draining,
    /// Everything that had begun has ended or been given up; the internal ports close last.
    Ended,
}

/// How long each part of the end may take.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// How long requests are still accepted after `/readyz` has begun to fail.
    pub leaving: Duration,
    /// How long requests that have begun may take to finish.
    pub draining: Duration,
}

impl Default for Patience {
    /// With the five seconds that a pod sleeps before it is told to end, fifteen seconds for callers to notice (F-S01);
    /// all of it within the 45 that a pod has by default.
    fn default() -> Self {
        Self { leaving: Duration::from_secs(10), draining: Duration::from_secs(25) }
    }
}

/// The switch: whoever holds it decides.
#[derive(Debug)]
pub struct Switch(watch::Sender<Phase>);

/// What the switch says. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Signal(watch::Receiver<Phase>);

impl Switch {
    /// A switch that says [`Phase::Serving`], and one who listens to it.
    pub fn new() -> (Self, Signal) {
        let (sender, receiver) = watch::channel(Phase::Serving);
        (Self(sender), Signal(receiver))
    }

    /// Moves on to `phase`; never back.
    pub fn advance(&self, phase: Phase) {
        self.0.send_if_modified(|now| {
            let forward = phase > *now;
            *now = phase.max(*now);
            forward
        });
    }
}

impl Signal {
    /// What the switch says now.
    pub fn phase(&self) -> Phase {
        *self.0.borrow()
    }

    /// Returns once the switch says `phase` or a later one, or is gone.
    pub async fn reached(&mut self, phase: Phase) {
        // An error means that the switch is gone, and the server with it.
        let _ = self.0.wait_for(|now| *now >= phase).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_end_only_moves_forward() {
        let (switch, mut signal) = Switch::new();
        assert_eq!(signal.phase(), Phase::Serving);
        switch.advance(Phase::Draining);
        switch.advance(Phase::Leaving);
        signal.reached(Phase::Draining).await;
        assert_eq!(signal.phase(), Phase::Draining);
    }
}
