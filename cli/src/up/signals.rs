//! Is it time to end? After Ctrl-C, and when whoever runs us says so.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::exit::Stop;

/// From the moment it is made, no signal to end takes the process away unprepared.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    pub(super) fn new() -> Result<Self, Stop> {
        let wait = |kind| signal(kind).map_err(|error| Stop::internal(format!("no signals: {error}")));
        Ok(Self { interrupt: wait(SignalKind::interrupt())?, terminate: wait(SignalKind::terminate())? })
    }

    /// Returns when it is time to end.
    pub(super) async fn end(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
