//! Who is still to be told that somebody signed out? OpenID Connect Back-Channel Logout 1.0 (`LGO-06`).
//!
//! A notice is made in the transaction that ends the session, and is gone when its client has answered. Of all pods the one that
//! has claimed it tries; if that pod ends in the middle, another one takes over when its time is up. So a client is told at least
//! once, or nobody could reach it for a day.

use std::sync::Arc;
use std::time::Duration;

use fapi_core::client::Client;
use fapi_core::grant::Person;
use fapi_core::logout_token::{self, TRIES, TRY};
use fapi_store::{Joined, Notice, Participant, StoreError, Telling};
use futures::StreamExt as _;
use futures::stream;
use tokio::time::timeout;
use tracing::{error, info, warn};

use crate::app::App;
use crate::context::{Around, Context};
use crate::failure::Failure;
use crate::telemetry::Told;

/// How often it is looked whether something is due that another pod has left.
const LOOK: Duration = Duration::from_secs(1);

/// How many clients are told at once.
const PARALLEL: usize = 16;

impl Context {
    /// From when to when it is tried to tell clients of a session that ends now.
    pub(crate) fn telling(&self) -> Telling {
        Telling { due: self.now(), ends: self.now() + TRIES }
    }

    /// A client is about to get an ID Token of this person's session: it will be told when that ends, if it wants to be.
    ///
    /// # Errors
    /// 503 when the store cannot answer.
    pub(crate) async fn joins(&self, person: &Person, client: &Client) -> Result<(), Failure> {
        let (Some(sid), Some(_)) = (&person.sid, client.backchannel_logout_uri()) else { return Ok(()) };
        let who = Participant {
            sid: sid.clone(),
            client: client.id().clone(),
            incarnation: client.incarnation().clone(),
            subject: person.subject.clone(),
        };
        if self.store().join_session(&who, self.telling()).await? == Joined::Ended {
            self.app().notices().notify_one();
        }
        Ok(())
    }
}

/// Tells clients, for as long as the server runs.
pub(crate) async fn deliver(app: App) {
    loop {
        if wanted(&app)
            && let Err(why) = round(&app).await
        {
            warn!("Could not look for clients that are to be told of a sign-out: {why}");
        }
        // Whoever ends a session here says so; whatever else is due is found by looking.
        let _ = timeout(LOOK, app.notices().notified()).await;
    }
}

/// Whether any client wants to be told.
fn wanted(app: &App) -> bool {
    let asks = |client: &Arc<Client>| client.backchannel_logout_uri().is_some();
    app.current().is_some_and(|current| current.registry.clients().any(asks))
}

/// Everything that is due.
async fn round(app: &App) -> Result<(), StoreError> {
    let Some(store) = app.store() else { return Ok(()) };
    let claims = stream::try_unfold(store, |store| async {
        let now = app.clock().now();
        let claimed = store.claim_notice(now, now + TRY).await?;
        Ok(claimed.map(|notice| (notice, store)))
    });
    let mut failed = Ok(());
    claims
        .for_each_concurrent(PARALLEL, |claimed| {
            let notice = claimed.map_err(|why| failed = Err(why)).ok();
            async {
                if let Some(notice) = notice {
                    tell(app, &notice).await;
                }
            }
        })
        .await;
    failed
}

/// One try.
async fn tell(app: &App, notice: &Notice) {
    let Ok(cx) = Context::begin(app, &Around::default()) else { return };
    let id = &notice.to.client;
    let tried = attempt(&cx, notice).await;
    let again = logout_token::again(notice.tries, app.clock().now(), notice.ends);
    let settled = match (tried, again) {
        (Ok(()), _) => {
            info!(client.id = %id, tries = notice.tries, "Told {id} that somebody signed out");
            app.metrics().told(Told::Delivered);
            cx.store().drop_notice(notice).await
        }
        (Err(why), Some(due)) => {
            warn!(client.id = %id, tries = notice.tries, "Could not tell {id} that somebody signed out, and tries again: {why}");
            app.metrics().told(Told::Failed);
            cx.store().postpone_notice(notice, due).await
        }
        (Err(why), None) => {
            error!(client.id = %id, tries = notice.tries, "Could not tell {id} that somebody signed out, and gives up: {why}");
            app.metrics().told(Told::GivenUp);
            cx.store().drop_notice(notice).await
        }
    };
    if let Err(why) = settled {
        warn!(client.id = %id, "Could not note whether {id} knows of a sign-out; it may be told again: {why}");
    }
}

/// A token of its own for each try: one that is sent again is refused by whoever remembers its `jti`.
async fn attempt(cx: &Context, notice: &Notice) -> Result<(), String> {
    let to = &notice.to;
    let client = cx.registry().client(&to.client);
    let client = client.filter(|client| client.enabled() && *client.incarnation() == to.incarnation);
    let client = client.ok_or("the client is not served now")?;
    let uri = client.backchannel_logout_uri().ok_or("the client has no backchannelLogoutUri any more")?;
    let claims =
        logout_token::logout_token(&to.subject, &to.sid, client, cx.registry(), cx.random(), cx.now());
    let token = claims.map_err(Failure::from).and_then(|claims| cx.logout_token(&claims, client));
    let token = token.map_err(|why| format!("{why:?}"))?;
    cx.app().egress().post(uri, &[("logout_token", &token)]).await.map_err(|why| why.to_string())
}
