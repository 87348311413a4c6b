//! What has this server loaded? The operator asks each pod, and believes nothing until it has heard it from all of them.

use axum::extract::{Extension, State};
use axum::response::{IntoResponse as _, Response};
use axum::{Json, body::Body};
use fapi_config::state::{InternalCertificates, PodState};
use fapi_config::{KeyState, format};
use fapi_core::Timestamp;
use http::StatusCode;
use x509_parser::extensions::GeneralName;

use crate::app::App;
use crate::listen::InternalPeer;
use crate::reload::InternalTls;

/// Who the operator is, in the certificate that the internal CA has given it.
const OPERATOR: &str = "spiffe://fapi.rs/operator";

pub(super) async fn answer(
    State((app, tls)): State<(App, InternalTls)>,
    peer: Option<Extension<InternalPeer>>,
) -> Response<Body> {
    // The internal CA issues the pods' own certificates too.
    if !peer.is_some_and(|Extension(peer)| is_operator(&peer)) {
        return (StatusCode::FORBIDDEN, "the certificate is not the operator's\n").into_response();
    }
    Json(state(&app, tls.certificates())).into_response()
}

/// What this server has loaded, and what it shows at the internal port.
pub fn state(app: &App, internal: Option<InternalCertificates>) -> PodState {
    let current = app.current();
    let current = current.as_deref();
    let kids = |kids: &mut dyn Iterator<Item = &str>| kids.map(str::to_owned).collect::<Vec<_>>();
    PodState {
        instance: app.instance().to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        formats: format::READS.to_vec(),
        revision: current.map(|one| one.manifest.revision),
        hash: current.map(|one| one.manifest.hash.clone()),
        pending: app.pending().map(|pending| (*pending).clone()),
        published_kids: current
            .map(|one| one.document.keys.iter().map(|key| key.kid.clone()).collect())
            .unwrap_or_default(),
        signable_kids: current.map(|one| kids(&mut one.keyring.signable())).unwrap_or_default(),
        active_kids: current.map(active_kids).unwrap_or_default(),
        seal_keys: current.map(|one| one.seal.iter().map(|key| key.id.clone()).collect()).unwrap_or_default(),
        internal,
        clients: current
            .map(|one| u64::try_from(one.registry.clients().count()).unwrap_or(u64::MAX))
            .unwrap_or_default(),
        tombstones_done: app.tombstones_done(),
        started_at: jiff_timestamp(app.started()),
        now: jiff_timestamp(app.clock().now()),
    }
}

/// Signing keys that sign, and encryption keys that others are told to use.
fn active_kids(current: &crate::app::Current) -> Vec<String> {
    let keys = current.document.keys.iter().filter(|key| key.state == KeyState::Active);
    keys.map(|key| key.kid.clone()).collect()
}

fn jiff_timestamp(time: Timestamp) -> jiff::Timestamp {
    jiff::Timestamp::from_second(time.as_unix()).unwrap_or_default()
}

fn is_operator(peer: &InternalPeer) -> bool {
    let Ok((_, certificate)) = x509_parser::parse_x509_certificate(&peer.0) else { return false };
    let Ok(Some(names)) = certificate.subject_alternative_name() else { return false };
    names.value.general_names.iter().any(|name| matches!(name, GeneralName::URI(uri) if *uri == OPERATOR))
}
