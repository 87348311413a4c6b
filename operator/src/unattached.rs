//! Whom does nobody answer? A Client or `SigningKey` whose Workspace does not exist.

use fapi_crds::client::ClientStatus;
use fapi_crds::condition::{self, Status};
use fapi_crds::signing_key::SigningKeyStatus;
use fapi_crds::{Client, ConditionType, Reason, SigningKey};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use crate::context::Context;
use crate::error::Error;
use crate::finalizer;
use crate::status::write;
use crate::validate::ObjectKey;
use crate::watch::{workspace_of_client, workspace_of_signing_key};

/// Tells everybody who names this Workspace that it is not there.
pub async fn unattached(cx: &Context, workspace: &ObjectKey) -> Result<(), Error> {
    let now = cx.clock.now();
    let scope = &cx.settings.scope;
    let message = if scope.covers(&workspace.namespace) {
        format!("there is no Workspace {workspace}; it is waited for")
    } else {
        format!("namespace {} is not watched by this operator", workspace.namespace)
    };
    for client in cx.stores.clients.filter(|client| workspace_of_client(client) == *workspace) {
        let before = client.status.as_ref();
        let status = of_client(&client, &message, now);
        write(cx, client.as_ref(), before, &status).await?;
        // Nobody is there who could still know it.
        finalizer::remove(cx, &client).await?;
    }
    for key in cx.stores.signing_keys.filter(|key| workspace_of_signing_key(key) == *workspace) {
        let before = key.status.as_ref();
        let status = of_signing_key(&key, &message, now);
        write(cx, key.as_ref(), before, &status).await?;
    }
    Ok(())
}

fn of_client(client: &Client, message: &str, now: jiff::Timestamp) -> ClientStatus {
    let before = client.status.clone().unwrap_or_default();
    let mut status = ClientStatus { conditions: before.conditions, ..ClientStatus::default() };
    status.observed_generation = client.metadata.generation;
    waiting(
        &mut status.conditions,
        &[ConditionType::Accepted, ConditionType::Programmed],
        client.metadata.generation,
        message,
        now,
    );
    status
}

fn of_signing_key(key: &SigningKey, message: &str, now: jiff::Timestamp) -> SigningKeyStatus {
    let before = key.status.clone().unwrap_or_default();
    let mut status = SigningKeyStatus { conditions: before.conditions, ..SigningKeyStatus::default() };
    status.observed_generation = key.metadata.generation;
    waiting(&mut status.conditions, &[ConditionType::Accepted], key.metadata.generation, message, now);
    status
}

/// Resources may be applied in any order: this is waiting, not failing.
fn waiting(
    conditions: &mut Vec<Condition>,
    own: &[ConditionType],
    generation: Option<i64>,
    message: &str,
    now: jiff::Timestamp,
) {
    let reason = Reason::WorkspaceNotFound;
    let summary = [
        (ConditionType::Ready, Status::False),
        (ConditionType::Reconciling, Status::True),
        (ConditionType::Stalled, Status::False),
    ];
    for (type_, status) in own.iter().map(|type_| (*type_, Status::False)).chain(summary) {
        condition::set(conditions, type_, status, reason, message, generation, now);
    }
}
