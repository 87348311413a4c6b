//! Who stops what the rights of Kubernetes cannot tell apart? Two admission policies of the chart (`spec/api.md`, Approval;
//! `deletionProtection`). Where one is not there, nobody stops it, and that is said.

use fapi_crds::workspace::{Approval, WorkspaceSpec};
use fapi_crds::{Client, Reason, names::annotation};

use super::verdict::Finding;

/// Whether an admission policy stops something.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Guard {
    /// It does.
    InForce,
    /// It does not.
    Missing,
    /// There is no API server that would ask: a folder on a laptop.
    NotAsked,
}

/// The guards of a Workspace.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Guards {
    /// Only holders of the verb `approve` set the annotation `fapi.rs/approved-digest`.
    pub approval: Guard,
    /// Nobody deletes a Workspace with `deletionProtection`.
    pub deletion: Guard,
}

impl Guards {
    /// On a laptop, whoever writes the folder is everybody.
    pub const LAPTOP: Self = Self { approval: Guard::NotAsked, deletion: Guard::NotAsked };
}

/// Condition `DeletionProtected`, if the spec asks for protection.
pub(super) fn deletion(spec: &WorkspaceSpec, guards: Guards) -> Option<Finding> {
    if !spec.deletion_protection {
        return None;
    }
    match guards.deletion {
        Guard::InForce => Some(Finding::yes(
            Reason::Protected,
            "the API server refuses to delete this Workspace until deletionProtection is false",
        )),
        Guard::Missing => Some(Finding::no(
            Reason::PolicyNotInstalled,
            "deletionProtection: nothing refuses to delete this Workspace: install the chart with policies.enabled, or apply the ValidatingAdmissionPolicies of examples/operator and start the operator with --admission-policies=true",
        )),
        Guard::NotAsked => None,
    }
}

/// Condition `Approved` of a Client whose registration has this digest.
pub(super) fn approval(spec: &WorkspaceSpec, guards: Guards, client: &Client, digest: &str) -> Finding {
    if spec.allowed_clients.approval == Approval::Automatic || guards.approval == Guard::NotAsked {
        return Finding::yes(Reason::Approved, "the Workspace asks nobody to approve its Clients");
    }
    if guards.approval == Guard::Missing {
        let message = format!(
            "allowedClients.approval is Manual, and nothing keeps others from setting the annotation {}: no approval counts before the chart's policies are installed (policies.enabled), and the operator itself must not hold the verb approve",
            annotation::APPROVED_DIGEST
        );
        return Finding::no(Reason::ApprovalUnavailable, message);
    }
    let approved = client.metadata.annotations.as_ref().and_then(|all| all.get(annotation::APPROVED_DIGEST));
    if approved.is_some_and(|approved| approved == digest) {
        return Finding::yes(Reason::Approved, "the registration is approved as it is");
    }
    let message = format!(
        "somebody who holds the verb approve on the Workspace sets the annotation {} to {digest}",
        annotation::APPROVED_DIGEST
    );
    Finding::no(Reason::ApprovalPending, message)
}
