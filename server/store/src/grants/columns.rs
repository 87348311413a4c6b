//! A grant as a row.

use fapi_core::grant::{Grant, Stage};
use fapi_core::ids::{ClientId, GrantId, Incarnation};
use fapi_core::{Timestamp, secret::Digest};

use crate::connection::{Row, json};
use crate::error::Failure;

/// What is written of a grant. The columns beside the JSON are those that conditions look at.
pub(super) struct Columns {
    pub(super) id: GrantId,
    pub(super) client_id: ClientId,
    pub(super) incarnation: Incarnation,
    pub(super) created: Timestamp,
    pub(super) request: String,
    pub(super) stage: &'static str,
    pub(super) state: String,
    pub(super) browser: Option<String>,
    pub(super) subject: Option<String>,
    pub(super) code: Option<String>,
    pub(super) purge_after: Timestamp,
}

impl Columns {
    pub(super) fn of(grant: &Grant) -> Self {
        let text = |digest: &Digest| digest.as_str().to_owned();
        let (browser, person, code) = match &grant.stage {
            Stage::Pushed { .. } | Stage::Opened { .. } | Stage::Closed { .. } | Stage::Revoked { .. } => {
                (None, None, None)
            }
            Stage::Authenticated { browser, person, .. } => (Some(text(browser)), Some(person), None),
            Stage::Consented { browser, authorization, .. } => {
                (Some(text(browser)), Some(&authorization.person), None)
            }
            Stage::Denied { browser, .. } => (browser.as_ref().map(text), None, None),
            Stage::CodeIssued { code, authorization, .. } | Stage::Redeemed { code, authorization, .. } => {
                (None, Some(&authorization.person), Some(text(code)))
            }
        };
        Self {
            id: grant.id.clone(),
            client_id: grant.client_id.clone(),
            incarnation: grant.incarnation.clone(),
            created: grant.created,
            request: json(&grant.request),
            stage: grant.stage.name(),
            state: json(&grant.stage),
            browser,
            subject: person.map(|person| person.subject.as_str().to_owned()),
            code,
            purge_after: grant.purge_after(),
        }
    }

    pub(super) fn is_consent(&self) -> bool {
        self.stage == "consented"
    }
}

/// A grant from `id, client_id, incarnation, created, request, state`.
pub(crate) fn grant(row: &Row) -> Result<Grant, Failure> {
    Ok(Grant {
        id: GrantId::from_stored(row.text(0)?),
        client_id: ClientId::from_stored(row.text(1)?),
        incarnation: Incarnation::from_stored(row.text(2)?),
        created: Timestamp::from_unix(row.number(3)?),
        request: row.json(4, "the request of a grant")?,
        stage: row.json(5, "the stage of a grant")?,
    })
}
