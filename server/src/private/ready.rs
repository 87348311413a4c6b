//! Should requests be sent here?

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::app::App;
use crate::shutdown::{Phase, Signal};
use crate::tls::CertificateSlot;

/// For how long a database that took a write is believed to take the next: whoever asks all the time must not make it
/// write all the time.
const BELIEVED: Duration = Duration::from_secs(1);

/// Everything that has to be in order.
#[derive(Clone, Debug)]
pub struct Readiness {
    app: App,
    signal: Signal,
    certificates: Vec<(&'static str, CertificateSlot)>,
    written: Arc<Mutex<Option<Instant>>>,
}

impl Readiness {
    /// Of a server with these certificates.
    pub fn new(app: App, signal: Signal, certificates: Vec<(&'static str, CertificateSlot)>) -> Self {
        Self { app, signal, certificates, written: Arc::default() }
    }

    /// Why requests should not be sent here; empty if they should. Each is a line that names what is missing.
    pub async fn reasons(&self) -> Vec<String> {
        let mut reasons = Vec::new();
        if self.signal.phase() > Phase::Serving {
            reasons.push("shutdown: the server is ending".to_owned());
        }
        match self.app.current() {
            None => {
                let why = self.app.pending().map(|pending| format!(": {}", pending.error));
                reasons.push(format!("config: nothing is loaded{}", why.unwrap_or_default()));
            }
            Some(current) if !current.keyring.can_sign() => {
                reasons.push("keys: no signing key is active".to_owned());
            }
            Some(_) => {}
        }
        for (door, _) in self.certificates.iter().filter(|(_, slot)| !slot.is_filled()) {
            reasons.push(format!("tls: there is no certificate for the {door} door"));
        }
        if let Err(why) = self.store_answers().await {
            reasons.push(format!("store: {why}"));
        }
        reasons
    }

    async fn store_answers(&self) -> Result<(), String> {
        let mut written = self.written.lock().await;
        if written.is_some_and(|at| at.elapsed() < BELIEVED) {
            return Ok(());
        }
        *written = None;
        self.app.store_answers().await?;
        *written = Some(Instant::now());
        Ok(())
    }
}
