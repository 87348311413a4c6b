//! What is served from now on? Watches the mounted files, and puts what is in order in the place of what was before.
//!
//! What is not in order is refused as a whole, said once in the log and for as long as it is so at `/internal/v1/state`, and
//! what was loaded before goes on being served (F-F01, F-F02).

mod certificates;
mod source;

use std::sync::Arc;

use fapi_config::state::Pending;
use fapi_config::{Bundle, ConfigError, Files, Loaded, file};
use fapi_core::certificate::RevocationLists;
use tokio::task::spawn_blocking;
use tracing::{error, info, warn};

pub use self::certificates::{InternalTls, watch_certificate, watch_internal};
pub use self::source::{FolderSource, Source, Unreadable, WatchSource};
use crate::app::{App, Current};
use crate::keyring::UnusableKey;

/// Why a configuration is not served.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refused {
    /// The folder is not one revision, or not one that this version accepts.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// One of its keys cannot be used.
    #[error(transparent)]
    Key(#[from] UnusableKey),
    /// Tokens, grants and the database belong to an issuer for good.
    #[error("workspace.json: issuer: a server never changes its issuer, here from {from} to {to}")]
    OtherIssuer {
        /// Whose server this is.
        from: String,
        /// Whose configuration was found.
        to: String,
    },
    /// The files cannot be read.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
}

/// Loads what the source has, now and whenever it changes, and again whenever the keys of a client have. Ends never.
pub async fn watch(app: App, mut source: Box<dyn Source>) {
    let mut key_changes = app.client_keys().changes();
    let mut served: Option<Loaded> = None;
    loop {
        let files = tokio::select! {
            files = source.changed() => files,
            Ok(()) = key_changes.changed() => {
                if let Some(loaded) = &served {
                    renew(&app, loaded.clone()).await;
                }
                continue;
            }
        };
        let revision = files.as_ref().ok().and_then(claimed_revision);
        match load(&app, files).await {
            Ok((loaded, current)) => {
                let (revision, clients) = (current.manifest.revision, current.registry.clients().count());
                info!(revision, clients, "Serving revision {revision} with {clients} clients");
                app.metrics().loaded(Some(revision));
                note_revocation_lists(&app, &current);
                app.install(Arc::new(current));
                served = Some(loaded);
            }
            Err(refused) => {
                error!(
                    revision,
                    "Refused a configuration, what was loaded before goes on being served: {refused}"
                );
                app.metrics().loaded(None);
                app.refuse(Pending { revision, error: refused.to_string() });
            }
        }
    }
}

/// What is revoked is refused from now on, and everybody of a CA whose list has ended: that should be no riddle (`TL-10`).
fn note_revocation_lists(app: &App, current: &Current) {
    let lists = current.registry.revocations.as_ref();
    app.metrics().revocation_lists(lists.and_then(RevocationLists::next_update));
    let Some(lists) = lists else { return };
    if lists.facts().next().is_none() {
        warn!("mtls.crl holds no revocation list: every certificate of the client CA is refused");
    }
    for list in lists.expired(app.clock().now()) {
        let (issuer, next_update) = (&list.issuer, list.next_update.as_unix());
        warn!(
            issuer,
            next_update, "The revocation list of {issuer} has ended: certificates of that CA are refused"
        );
    }
}

async fn load(app: &App, files: Result<Files, Unreadable>) -> Result<(Loaded, Current), Refused> {
    let files = files?;
    let client_keys = app.client_keys().clone();
    let read = spawn_blocking(move || {
        let loaded = Bundle::read(&files)?;
        let current = Current::new(loaded.clone(), &client_keys)?;
        Ok::<_, Refused>((loaded, current))
    });
    // A panic while reading is a defect; it must not end the task that could read the next revision.
    let (loaded, current) = read.await.map_err(|_| Unreadable {
        path: file::WORKSPACE.into(),
        reason: "this version of the server failed at reading it".into(),
    })??;
    if let Some(before) = app.current()
        && before.registry.issuer != current.registry.issuer
    {
        return Err(Refused::OtherIssuer {
            from: before.registry.issuer.to_string(),
            to: current.registry.issuer.to_string(),
        });
    }
    Ok((loaded, current))
}

/// The same revision with other keys of clients. What was refused since stays refused.
async fn renew(app: &App, loaded: Loaded) {
    let client_keys = app.client_keys().clone();
    match spawn_blocking(move || Current::new(loaded, &client_keys)).await {
        Ok(Ok(current)) => app.renew(Arc::new(current)),
        Ok(Err(refused)) => error!("The keys of a client were not taken over: {refused}"),
        Err(_) => error!("The keys of a client were not taken over"),
    }
}

/// The revision that a manifest claims to be, however wrong the rest is: so that the operator knows what was refused.
fn claimed_revision(files: &Files) -> Option<u64> {
    let manifest: serde_json::Value = serde_json::from_slice(files.get(file::MANIFEST)?).ok()?;
    manifest.get("revision")?.as_u64()
}
