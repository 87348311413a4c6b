//! Should requests be sent here?

use crate::app::App;
use crate::shutdown::{Phase, Signal};
use crate::tls::CertificateSlot;

/// Everything that has to be in order.
#[derive(Clone, Debug)]
pub struct Readiness {
    app: App,
    signal: Signal,
    certificates: Vec<(&'static str, CertificateSlot)>,
}

impl Readiness {
    /// Of a server with these certificates.
    pub fn new(app: App, signal: Signal, certificates: Vec<(&'static str, CertificateSlot)>) -> Self {
        Self { app, signal, certificates }
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
        if let Err(why) = self.app.store_answers().await {
            reasons.push(format!("store: {why}"));
        }
        reasons
    }
}
