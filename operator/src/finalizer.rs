//! When may a deleted Client go? The operator adds no finalizer; where a person has put `fapi.rs/revocation`, it is removed when every
//! pod refuses the Client and has forgotten what it had, and at once when the Workspace or the Client's namespace goes.

use fapi_crds::Client;
use fapi_crds::names::finalizer::REVOCATION;
use k8s_openapi::api::events::v1::Event;
use kube::Api;
use kube::api::{Patch, PatchParams, PostParams};
use serde_json::json;
use tracing::info;

use crate::build::FIELD_MANAGER;
use crate::context::Context;
use crate::error::{Error, Trying as _};
use crate::watch::key_of;

/// Whether the deletion of a Client waits for us.
pub fn is_waited_for(client: &Client) -> bool {
    let finalizers = client.metadata.finalizers.as_deref().unwrap_or_default();
    client.metadata.deletion_timestamp.is_some() && finalizers.iter().any(|name| name == REVOCATION)
}

/// Whether the namespace of a Client is being deleted, which must never hang on us. Nobody may read namespaces who serves some of
/// them only; so an event is made there as a trial, and the API server says why it cannot.
pub async fn namespace_goes(cx: &Context, client: &Client) -> Result<bool, Error> {
    let namespace = key_of(client).namespace;
    let trial = json!({
        "metadata": {"generateName": "trial-", "namespace": namespace},
        "eventTime": format!("{:.6}", cx.clock.now()),
        "reportingController": FIELD_MANAGER,
        "reportingInstance": FIELD_MANAGER,
        "action": "Reconcile",
        "reason": "Trial",
        "type": "Normal",
    });
    let Ok(trial) = serde_json::from_value::<Event>(trial) else { return Ok(false) };
    let api: Api<Event> = Api::namespaced(cx.client.clone(), &namespace);
    let params = PostParams { dry_run: true, ..PostParams::default() };
    match api.create(&params, &trial).await {
        Ok(_) => Ok(false),
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(true),
        Err(kube::Error::Api(status)) => {
            let causes = status.details.as_ref().map_or(&[][..], |details| &details.causes);
            Ok(causes.iter().any(|cause| cause.reason == "NamespaceTerminating"))
        }
        Err(error) => Err(error).trying(|| format!("create an Event in {namespace} (dry run)")),
    }
}

/// Removes the finalizer from a Client that is being deleted and has it.
pub async fn remove(cx: &Context, client: &Client) -> Result<(), Error> {
    let meta = &client.metadata;
    if !is_waited_for(client) {
        return Ok(());
    }
    cx.may_write()?;
    let finalizers = meta.finalizers.as_deref().unwrap_or_default();
    let key = key_of(client);
    let others: Vec<&String> = finalizers.iter().filter(|name| *name != REVOCATION).collect();
    // The version goes along, so that a finalizer that somebody adds meanwhile is not lost.
    let patch = json!({"metadata": {"resourceVersion": meta.resource_version, "finalizers": others}});
    let api: Api<Client> = Api::namespaced(cx.client.clone(), &key.namespace);
    let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
    match api
        .patch_metadata(&key.name, &params, &Patch::Merge(&patch))
        .await
        .trying(|| format!("patch Client {key}"))
    {
        Ok(_) => info!(client = %key, "Nothing holds back Client {key} any more"),
        Err(error) if error.is_not_found() => {}
        Err(error) => return Err(error),
    }
    Ok(())
}
