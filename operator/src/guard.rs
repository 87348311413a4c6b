//! Does the API server keep approvals from everybody who may write Clients? It is asked, not told: a trial that it must refuse.
//!
//! A flag would be believed long after somebody deleted the policy or its binding. So the operator, which may patch Clients and
//! does not hold the verb `approve`, tries to approve one itself, as a dry run. That it is refused is the proof.

use fapi_crds::Client;
use fapi_crds::names::annotation;
use fapi_crds::workspace::Approval;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::json;
use tracing::warn;

use crate::build::FIELD_MANAGER;
use crate::context::{Context, Tried};
use crate::error::{Error, Trying as _};
use crate::validate::{Found, Guard, Guards, ObjectKey};
use crate::watch::key_of;

/// What nobody would approve.
const NOTHING: &str = "sha256:none";
/// How long a proof holds for approvals that were there when it was made, in seconds.
const HOLDS: i64 = 30;
/// How many Clients are tried until one gives an answer.
const MOST: usize = 5;

/// Which admission policies are in force for a Workspace.
pub async fn guards(cx: &Context, found: &Found) -> Result<Guards, Error> {
    let deletion = if cx.settings.admission_policies { Guard::InForce } else { Guard::Missing };
    Ok(Guards { approval: approval(cx, found).await?, deletion })
}

async fn approval(cx: &Context, found: &Found) -> Result<Guard, Error> {
    if found.workspace.spec.allowed_clients.approval == Approval::Automatic {
        return Ok(Guard::NotAsked);
    }
    let workspace = key_of(&found.workspace);
    let approvals = approvals(found);
    let known = cx.memory().tried.get(&workspace).cloned();
    let now = found.now.as_unix();
    if let Some(known) = known.filter(|known| known.approvals == approvals && now - known.at < HOLDS) {
        return Ok(known.guard);
    }
    let guard = try_to_approve(cx, found).await?;
    if guard == Guard::Missing {
        warn!(%workspace, "Nothing keeps others from approving Clients of {workspace}, so no approval counts");
    }
    cx.memory().tried.insert(workspace, Tried { guard, approvals, at: now });
    Ok(guard)
}

/// Who is approved as what. Whoever is not there yet was not proven for.
fn approvals(found: &Found) -> Vec<(ObjectKey, String)> {
    let approved = found.clients.iter().filter_map(|found| {
        let annotations = found.client.metadata.annotations.as_ref()?;
        Some((key_of(&found.client), annotations.get(annotation::APPROVED_DIGEST)?.clone()))
    });
    let mut approvals: Vec<_> = approved.collect();
    approvals.sort();
    approvals
}

async fn try_to_approve(cx: &Context, found: &Found) -> Result<Guard, Error> {
    let patch = json!({"metadata": {"annotations": {annotation::APPROVED_DIGEST: NOTHING}}});
    let params = PatchParams {
        dry_run: true,
        field_manager: Some(FIELD_MANAGER.to_owned()),
        ..PatchParams::default()
    };
    for found in found.clients.iter().take(MOST) {
        let key = key_of(&found.client);
        let api: Api<Client> = Api::namespaced(cx.client.clone(), &key.namespace);
        let answer = api.patch_metadata(&key.name, &params, &Patch::Merge(&patch)).await;
        match answer {
            Ok(_) => return Ok(Guard::Missing),
            Err(kube::Error::Api(status)) if refuses(&status.message) => return Ok(Guard::InForce),
            // It is gone, or was valid once and is no more: another one is tried.
            Err(kube::Error::Api(status)) if matches!(status.code, 404 | 422) => {}
            Err(error) => return Err(error).trying(|| format!("patch Client {key} (dry run)")),
        }
    }
    Ok(Guard::Missing)
}

/// Whether it is admission that refuses, because of the annotation: the chart's policy, or one of the cluster's own that names it.
fn refuses(message: &str) -> bool {
    let admission = message.contains("denied request") || message.contains("denied the request");
    admission && message.contains(annotation::APPROVED_DIGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_admission_that_names_the_annotation_is_a_proof() {
        let policy = "clients.fapi.rs \"app\" is forbidden: ValidatingAdmissionPolicy 'approval.clients.fapi.rs' with binding 'approval.clients.fapi.rs' denied request: fapi.rs/approved-digest: bob may not approve";
        assert!(refuses(policy));
        assert!(refuses(
            "admission webhook \"bank.example\" denied the request: fapi.rs/approved-digest is ours"
        ));
        let no_right = "clients.fapi.rs \"app\" is forbidden: User \"bob\" cannot patch resource \"clients\" in API group \"fapi.rs\"";
        assert!(!refuses(no_right));
        assert!(!refuses("admission webhook \"bank.example\" denied the request: no changes on Fridays"));
    }
}
