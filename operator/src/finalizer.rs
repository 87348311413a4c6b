//! When may a deleted Client go? The operator adds no finalizer; where a person has put `fapi.rs/revocation`, it is removed when every
//! pod refuses the Client and has forgotten what it had.

use fapi_crds::Client;
use fapi_crds::names::finalizer::REVOCATION;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::json;
use tracing::info;

use crate::build::FIELD_MANAGER;
use crate::context::Context;
use crate::error::{Error, Trying as _};
use crate::watch::key_of;

/// Removes the finalizer from a Client that is being deleted and has it.
pub async fn remove(cx: &Context, client: &Client) -> Result<(), Error> {
    let meta = &client.metadata;
    let finalizers = meta.finalizers.as_deref().unwrap_or_default();
    if meta.deletion_timestamp.is_none() || !finalizers.iter().any(|name| name == REVOCATION) {
        return Ok(());
    }
    cx.may_write()?;
    let key = key_of(client);
    let others: Vec<&String> = finalizers.iter().filter(|name| *name != REVOCATION).collect();
    // The version goes along, so that a finalizer that somebody adds meanwhile is not lost.
    let patch = json!({"metadata": {"resourceVersion": meta.resource_version, "finalizers": others}});
    let api: Api<Client> = Api::namespaced(cx.client.clone(), &key.namespace);
    let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
    match api.patch(&key.name, &params, &Patch::Merge(&patch)).await.trying(|| format!("patch Client {key}"))
    {
        Ok(_) => info!("Every pod refuses Client {key}, it may go"),
        Err(error) if error.is_not_found() => {}
        Err(error) => return Err(error),
    }
    Ok(())
}
