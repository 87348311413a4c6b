//! What should be there? From a verdict to every child object, infallible and deterministic: equal input, equal bytes.
//!
//! [`Desired`] iterates in the order in which it is to be applied: what pods mount comes before the pods, and the manifest,
//! which names every other file of the configuration, is the last of the Secrets.

mod deployment;
mod desired;
mod exposure;
mod isolation;
mod meta;
mod optional;
mod secrets;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use fapi_config::{Bundle, Manifest, Secrets};
use fapi_crds::signing_key::Rotation;
use fapi_crds::workspace::WorkspaceSpec;
use fapi_crds::{KeyAlgorithm, LocalWorkspaceRef, SigningKey, SigningKeySpec};
use fapi_jose::Alg;
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, ResourceRequirements, ServiceAccount};

use crate::material::Material;
use crate::optional::Optional;
use crate::rotate::KeySet;
use crate::validate::Publication;
use meta::Meta;

pub use desired::{Applied, Desired, Object, Prepared};
pub use meta::{FIELD_MANAGER, selector};
pub use secrets::{LEDGER_FILE, previous};

/// Ports that the pods listen on (`spec/api.md`, Two doors).
pub mod port {
    /// The front door; both doors when they are told apart by name.
    pub const FRONT: i32 = 8443;
    /// The back door, when it is told apart by port.
    pub const BACK: i32 = 8444;
    /// For the operator: mutual TLS.
    pub const INTERNAL: i32 = 9444;
    /// Probes and metrics.
    pub const METRICS: i32 = 9090;
}

/// What the operator decides for all Workspaces.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The server's image. Whoever writes a Workspace does not choose it: it runs beside the keys.
    pub image: String,
    /// Version of the operator, for a label.
    pub version: String,
    /// CPU and memory where a Workspace says nothing.
    pub resources: ResourceRequirements,
    /// Who alone may reach the internal port.
    pub operator: OwnPods,
}

/// Where the operator's own pods are, as a `NetworkPolicy` names them.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct OwnPods {
    /// Their namespace.
    pub namespace: String,
    /// Labels that all of them have.
    pub labels: BTreeMap<String, String>,
}

/// Everything that the children are made of.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// The Workspace's spec.
    pub spec: &'a WorkspaceSpec,
    /// What may be published.
    pub publication: &'a Publication,
    /// The keys of the next revision.
    pub keys: &'a KeySet,
    /// Keys and certificates of the operator's making.
    pub material: &'a Material,
    /// What is published now.
    pub previous: Option<&'a Manifest>,
    /// The highest revision that any pod has seen; the next one is higher, even if the manifest was lost.
    pub seen_revision: u64,
    /// Which kinds that a cluster may lack can be made.
    pub optional: Optional,
    /// What the operator decides.
    pub settings: &'a Settings,
}

/// Every child object, in the order in which it is to be applied.
pub fn build(inputs: &Inputs<'_>) -> Desired<Prepared> {
    let publication = inputs.publication;
    let meta = Meta::new(publication, &inputs.settings.version);
    let rendered = bundle(inputs).render();
    let mut manifest = rendered.manifest_after(inputs.previous);
    if inputs.previous.is_none_or(|previous| previous.revision != manifest.revision)
        && manifest.revision <= inputs.seen_revision
    {
        manifest = rendered.manifest(inputs.seen_revision.saturating_add(1));
    }
    let files = rendered.with(&manifest);

    let mut objects = Vec::new();
    if publication.spec_in_force {
        objects.push(Object::ServiceAccount(service_account(&meta)));
    }
    objects.extend(secrets::configuration(&meta, publication, &files));
    objects.extend(secrets::material(&meta, inputs.material));
    if publication.spec_in_force {
        objects.extend(secrets::self_signed(&meta, inputs.material));
    }
    objects.push(secrets::bundle(&meta, &files, &publication.ledger));
    if publication.spec_in_force {
        objects.extend(secrets::authority(&meta, inputs.material));
        objects.extend(
            publication
                .own_signing_keys
                .iter()
                .map(|alg| Object::SigningKey(signing_key(&meta, inputs.spec, *alg))),
        );
        objects.extend(volume_claim(&meta, inputs.spec));
        objects.extend(isolation::network_policy(&meta, inputs));
        objects.extend(optional::certificates(&meta, inputs));
        objects.push(Object::Deployment(Box::new(deployment::deployment(&meta, inputs, &manifest.hash))));
        // After the Deployment, which hands its replicas over.
        objects.extend(optional::autoscaler(&meta, inputs.spec));
        objects.extend(exposure::services(&meta, inputs));
        objects.extend(exposure::disruption_budget(&meta, inputs.spec));
        objects.extend(optional::routes(&meta, inputs));
        objects.extend(optional::monitor(&meta, inputs));
    }
    Desired::new(objects, manifest, publication.spec_in_force)
}

/// The configuration as one bundle: what `fapictl up` serves directly, and what the Secrets hold.
pub fn bundle(inputs: &Inputs<'_>) -> Bundle {
    let publication = inputs.publication;
    let mut document = publication.document.clone();
    document.keys.clone_from(&inputs.keys.public);
    document.revoked_keys.clone_from(&inputs.keys.revoked);
    Bundle {
        workspace: publication.names.qualified(),
        workspace_uid: publication.workspace_uid.clone(),
        document,
        clients: publication.clients.clone(),
        client_shards: publication.client_shards,
        logos: publication.logos.clone(),
        secrets: Secrets {
            keys: inputs.keys.private.clone(),
            seal: inputs.material.seal.keys(),
            subject_salt: inputs.material.subject_salt.clone(),
        },
        users: publication.users.clone(),
        client_ca: publication.client_ca.clone(),
        crl: publication.crl.clone(),
    }
}

/// An identity without rights: the pods never talk to the API server.
fn service_account(meta: &Meta<'_>) -> ServiceAccount {
    ServiceAccount {
        metadata: meta.object(meta.names.server(), "server"),
        automount_service_account_token: Some(false),
        ..ServiceAccount::default()
    }
}

/// The key line of an algorithm that nobody made one for. What a person may set in it is not the operator's, see
/// [`Object::patch`].
fn signing_key(meta: &Meta<'_>, spec: &WorkspaceSpec, alg: Alg) -> SigningKey {
    let algorithm = match alg {
        Alg::Ps256 => KeyAlgorithm::Ps256,
        Alg::Es256 => KeyAlgorithm::Es256,
        Alg::EdDsa => KeyAlgorithm::EdDsa,
    };
    let rotation = &spec.keys.rotation;
    SigningKey {
        metadata: meta.object(meta.names.signing_key(alg), "keys"),
        spec: SigningKeySpec {
            workspace_ref: LocalWorkspaceRef { name: meta.names.workspace.to_string() },
            algorithm,
            use_: fapi_crds::KeyUse::Sig,
            rsa_bits: None,
            priority: 50,
            rotation: Rotation {
                interval: rotation.interval.clone(),
                pre_publish: rotation.pre_publish.clone(),
                ..Rotation::default()
            },
            revoke: Vec::new(),
            import: None,
            suspend: false,
            history_limit: 3,
        },
        status: None,
    }
}

fn volume_claim(meta: &Meta<'_>, spec: &WorkspaceSpec) -> Option<Object> {
    use k8s_openapi::api::core::v1::{PersistentVolumeClaimSpec, VolumeResourceRequirements};
    use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

    let claim = spec.storage.sqlite.as_ref()?.volume_claim.as_ref()?;
    Some(Object::PersistentVolumeClaim(PersistentVolumeClaim {
        metadata: meta.object(meta.names.data(), "storage"),
        spec: Some(PersistentVolumeClaimSpec {
            access_modes: Some(vec!["ReadWriteOnce".to_owned()]),
            storage_class_name: claim.storage_class_name.clone(),
            resources: Some(VolumeResourceRequirements {
                requests: Some([("storage".to_owned(), Quantity(claim.size.clone()))].into()),
                ..VolumeResourceRequirements::default()
            }),
            ..PersistentVolumeClaimSpec::default()
        }),
        status: None,
    }))
}
