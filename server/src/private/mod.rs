//! What do the operator, the kubelet and Prometheus learn of this server?
//!
//! | port | path | says |
//! |---|---|---|
//! | 9444 | `GET /internal/v1/state` | what is loaded ([`fapi_config::state`]), to the operator only |
//! | 9090 | `GET /livez` | that the process runs: never depends on anything else (F-S05) |
//! | 9090 | `GET /readyz` | whether requests should be sent here, or else why not, a reason a line |
//! | 9090 | `GET /metrics` | numbers |

mod ready;
mod state;

use axum::Router;
use axum::routing::get;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};

pub use self::ready::Readiness;
pub use self::state::state;
use crate::app::App;
use crate::reload::InternalTls;

/// Of the text that [`crate::telemetry::Metrics::encode`] gives.
const OPEN_METRICS: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");

/// What is behind 9444.
pub fn operator(app: App, tls: InternalTls) -> Router {
    Router::new().route("/internal/v1/state", get(state::answer)).with_state((app, tls))
}

/// What is behind 9090.
pub fn kubelet(app: App, readiness: Readiness) -> Router {
    Router::new()
        .route("/livez", get(async || "ok\n"))
        .route(
            "/readyz",
            get(async move || {
                let reasons = readiness.reasons().await;
                if reasons.is_empty() {
                    return (StatusCode::OK, "ok\n".to_owned());
                }
                (StatusCode::SERVICE_UNAVAILABLE, reasons.join("\n") + "\n")
            }),
        )
        .route("/metrics", get(async move || ([(CONTENT_TYPE, OPEN_METRICS)], app.metrics().encode())))
}
