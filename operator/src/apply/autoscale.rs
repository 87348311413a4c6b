//! Who decides how many pods there are? The spec, or an autoscaler; and the number never jumps when that changes.
//!
//! A manager that stops sending a field that it alone owns removes it, and the default, one pod, takes its place. So before the
//! Deployment is written without its replicas for the first time, the number that is there is written by a second manager, whose
//! field the autoscaler takes over with its first change.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::json;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use super::{Parent, remember, write};
use crate::build::Object;
use crate::context::Context;
use crate::error::{Error, Trying as _};

/// Holds the replicas until an autoscaler does.
const HAND_OVER: &str = "fapi-operator-replicas";

/// Keeps the number of pods as it is, as long as there is no autoscaler that could know better.
pub(super) async fn hand_over(cx: &Context, parent: Parent<'_>, deployment: &Object) -> Result<(), Error> {
    let key = parent.key(deployment.metadata());
    if cx.stores.autoscalers.find(&key).is_some() {
        return Ok(());
    }
    let Some(live) = cx.stores.deployments.find(&key) else { return Ok(()) };
    parent.owns("Deployment", &live.metadata)?;
    let Some(replicas) = live.spec.as_ref().and_then(|spec| spec.replicas) else { return Ok(()) };
    cx.may_write()?;
    let api: Api<Deployment> = Api::namespaced(cx.client.clone(), &key.namespace);
    let body = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": key.name},
        "spec": {"replicas": replicas},
    });
    let params = PatchParams::apply(HAND_OVER).force();
    let written = api.patch(&key.name, &params, &Patch::Apply(&body)).await;
    written.trying(|| format!("patch Deployment {key}"))?;
    Ok(())
}

/// Writes the autoscaler, if it is not as it should be.
pub(super) async fn put(
    cx: &Context,
    parent: Parent<'_>,
    object: &Object,
    autoscaler: &HorizontalPodAutoscaler,
) -> Result<(), Error> {
    let key = parent.key(&autoscaler.metadata);
    let live = cx.stores.autoscalers.find(&key).map(|live| marked(&live));
    let written = write::<HorizontalPodAutoscaler>(cx, parent, object, live.as_ref()).await?;
    if let Some(written) = written {
        remember(cx, object.kind(), &key, &marked(&written));
    }
    Ok(())
}

/// Its status is written all the time, and the API server counts no generations: the spec's digest stands for one.
fn marked(autoscaler: &HorizontalPodAutoscaler) -> ObjectMeta {
    let mut hasher = DefaultHasher::new();
    serde_json::to_string(&autoscaler.spec).unwrap_or_default().hash(&mut hasher);
    let generation = Some(hasher.finish().cast_signed());
    ObjectMeta { generation, ..autoscaler.metadata.clone() }
}
