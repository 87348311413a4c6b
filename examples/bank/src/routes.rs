//! What is behind which path?

use std::sync::Arc;

use arc_swap::ArcSwap;
use axum::extract::{MatchedPath, Path, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Json, Router};
use fapi_core::certificate::PeerCertificate;
use fapi_server::random::Rng;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, header};
use serde_json::{Value, json};
use tracing::{info, warn};

use crate::accept::takes_json;
use crate::accounts::{Account, Ledger};
use crate::guard::{Admitted, Guard};
use crate::interaction::{InteractionId, X_FAPI_INTERACTION_ID};
use crate::refusal::{Reason, Refusal};

/// What every request is answered with. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Counter(pub(crate) Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) guard: Guard,
    pub(crate) ledger: ArcSwap<Ledger>,
    pub(crate) rng: Arc<dyn Rng>,
}

/// What the connection of a request has shown. It stands in the extensions of every request.
#[derive(Clone, Debug)]
pub(crate) struct Caller(pub(crate) Option<PeerCertificate>);

/// The API.
pub(crate) fn router(counter: Counter) -> Router {
    Router::new()
        .route("/accounts", get(accounts))
        .route("/accounts/{id}", get(account))
        .route("/accounts/{id}/balances", get(balances))
        .route("/livez", get("ok\n"))
        .fallback(async || Refusal::NotFound)
        .method_not_allowed_fallback(async || Refusal::MethodNotAllowed)
        .layer(from_fn_with_state(counter.clone(), attend))
        .with_state(counter)
}

async fn accounts(State(counter): State<Counter>, caller: Extension<Caller>, request: Parts) -> Response {
    counter
        .answer(&caller, &request, |ledger, admitted| {
            let accounts = ledger.of(&admitted.holder).iter();
            Ok(json!({ "accounts": accounts.map(Account::to_json).collect::<Vec<_>>() }))
        })
        .await
}

async fn account(
    State(counter): State<Counter>,
    caller: Extension<Caller>,
    Path(id): Path<String>,
    request: Parts,
) -> Response {
    counter.account(&id, &caller, &request, Account::to_json).await
}

async fn balances(
    State(counter): State<Counter>,
    caller: Extension<Caller>,
    Path(id): Path<String>,
    request: Parts,
) -> Response {
    counter.account(&id, &caller, &request, Account::balances).await
}

impl Counter {
    /// One account, as `content` shows it. Another's is not there.
    async fn account(
        &self,
        id: &str,
        caller: &Extension<Caller>,
        request: &Parts,
        content: impl FnOnce(&Account) -> Value,
    ) -> Response {
        self.answer(caller, request, |ledger, admitted| {
            ledger.find(&admitted.holder, id).map(content).ok_or(Refusal::NotFound)
        })
        .await
    }

    /// Every resource is answered like this: who may see it, in which form, and only then what it is.
    async fn answer(
        &self,
        Extension(caller): &Extension<Caller>,
        request: &Parts,
        content: impl FnOnce(&Ledger, &Admitted) -> Result<Value, Refusal>,
    ) -> Response {
        let admitted = match self.0.guard.admit(request, caller.0.as_ref()).await {
            Ok(admitted) => admitted,
            Err(refusal) => return refusal.into_response(),
        };
        let answer = if takes_json(&request.headers) {
            content(&self.0.ledger.load(), &admitted)
        } else {
            Err(Refusal::NotAcceptable)
        };
        let mut response = answer.map(Json).into_response();
        response.extensions_mut().insert(admitted);
        response
    }
}

/// What every answer has, and its line in the log.
async fn attend(State(counter): State<Counter>, request: Request, next: Next) -> Response {
    let interaction = InteractionId::of(request.headers(), &*counter.0.rng);
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();

    let mut response = next.run(request).await;
    dress(response.headers_mut(), &interaction);

    let route = route.as_ref().map_or("unmatched", MatchedPath::as_str);
    let status = response.status().as_u16();
    let client = response.extensions().get::<Admitted>().map(|admitted| admitted.client.as_str());
    let reason = response.extensions().get::<Reason>().map(|Reason(reason)| reason.as_str());
    let interaction_id = interaction.as_str();
    if response.status().is_server_error() {
        // Not the caller's doing: whoever runs this bank has something to mend.
        warn!(interaction_id, route, status, client, reason, "{method} {route} {status}");
    } else {
        info!(interaction_id, route, status, client, reason, "{method} {route} {status}");
    }
    response
}

fn dress(headers: &mut HeaderMap, interaction: &InteractionId) {
    // RS-05, INV-23: on refusals too.
    headers.insert(X_FAPI_INTERACTION_ID, interaction.to_header());
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // RS-06: FAPI 1.0 Part 1 6.2.1-9 wants the charset said.
    if headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/json") {
        let kind = HeaderValue::from_static("application/json; charset=utf-8");
        headers.insert(header::CONTENT_TYPE, kind);
    }
}
