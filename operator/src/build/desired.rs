//! Child objects, and the proof that they were applied.

use std::fmt;
use std::marker::PhantomData;

use fapi_config::Manifest;
use fapi_crds::SigningKey;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolumeClaim, Secret, Service, ServiceAccount};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::Value;

use crate::optional::{Certificate, ServiceMonitor, TLSRoute};

/// Objects that nobody has applied yet.
#[derive(Clone, Copy, Debug)]
pub enum Prepared {}

/// Objects that were applied: only these are reported on.
#[derive(Clone, Copy, Debug)]
pub enum Applied {}

/// The children of a Workspace. Iterates in the order in which they are to be applied.
#[derive(Clone)]
pub struct Desired<State> {
    objects: Vec<Object>,
    manifest: Manifest,
    complete: bool,
    state: PhantomData<State>,
}

/// A child object.
#[derive(Clone, PartialEq)]
#[expect(missing_docs, reason = "the names of Kubernetes")]
pub enum Object {
    Certificate(Certificate),
    ConfigMap(ConfigMap),
    Deployment(Box<Deployment>),
    HorizontalPodAutoscaler(HorizontalPodAutoscaler),
    NetworkPolicy(NetworkPolicy),
    PersistentVolumeClaim(PersistentVolumeClaim),
    PodDisruptionBudget(PodDisruptionBudget),
    Secret(Secret),
    Service(Service),
    ServiceAccount(ServiceAccount),
    ServiceMonitor(ServiceMonitor),
    SigningKey(SigningKey),
    TLSRoute(TLSRoute),
}

macro_rules! each {
    ($object:expr, $inner:ident => $body:expr) => {
        match $object {
            Object::Certificate($inner) => $body,
            Object::ConfigMap($inner) => $body,
            Object::Deployment($inner) => $body,
            Object::HorizontalPodAutoscaler($inner) => $body,
            Object::NetworkPolicy($inner) => $body,
            Object::PersistentVolumeClaim($inner) => $body,
            Object::PodDisruptionBudget($inner) => $body,
            Object::Secret($inner) => $body,
            Object::Service($inner) => $body,
            Object::ServiceAccount($inner) => $body,
            Object::ServiceMonitor($inner) => $body,
            Object::SigningKey($inner) => $body,
            Object::TLSRoute($inner) => $body,
        }
    };
}

impl Object {
    /// Its kind.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Certificate(_) => "Certificate",
            Self::ConfigMap(_) => "ConfigMap",
            Self::Deployment(_) => "Deployment",
            Self::HorizontalPodAutoscaler(_) => "HorizontalPodAutoscaler",
            Self::NetworkPolicy(_) => "NetworkPolicy",
            Self::PersistentVolumeClaim(_) => "PersistentVolumeClaim",
            Self::PodDisruptionBudget(_) => "PodDisruptionBudget",
            Self::Secret(_) => "Secret",
            Self::Service(_) => "Service",
            Self::ServiceAccount(_) => "ServiceAccount",
            Self::ServiceMonitor(_) => "ServiceMonitor",
            Self::SigningKey(_) => "SigningKey",
            Self::TLSRoute(_) => "TLSRoute",
        }
    }

    /// Its metadata.
    pub fn metadata(&self) -> &ObjectMeta {
        each!(self, object => &object.metadata)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        self.metadata().name.as_deref().unwrap_or_default()
    }

    /// What server-side apply writes: the fields that the operator owns. Of a `SigningKey` these are its algorithm and the timings
    /// that follow from the Workspace; a person may suspend it, trigger it or revoke keys, and no pass takes that back.
    pub fn patch(&self) -> Value {
        let mut value = each!(self, object => serde_json::to_value(object)).unwrap_or_default();
        if let (Self::SigningKey(_), Some(Value::Object(spec))) = (self, value.get_mut("spec")) {
            spec.retain(|field, _| ["workspaceRef", "algorithm", "rotation"].contains(&field.as_str()));
            if let Some(Value::Object(rotation)) = spec.get_mut("rotation") {
                rotation.retain(|field, _| ["interval", "prePublish"].contains(&field.as_str()));
            }
        }
        value
    }

    /// With the annotation that holds the hash of all the rest.
    #[must_use]
    pub(super) fn hashed(mut self) -> Self {
        let hash = fapi_config::canonical::to_vec(&self.patch())
            .map(|bytes| crate::names::hex(&fapi_jose::sha256(bytes)))
            .unwrap_or_default();
        let metadata = each!(&mut self, object => &mut object.metadata);
        let annotations = metadata.annotations.get_or_insert_default();
        annotations.insert(fapi_crds::names::annotation::HASH.to_owned(), hash);
        self
    }
}

/// Kind and name: contents of Secrets do not print.
impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind(), self.name())
    }
}

impl<State> Desired<State> {
    /// The objects, in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Object> {
        self.objects.iter()
    }

    /// The manifest of the configuration among them.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Whether these are all children. If not, those that are not here stay as they are: nothing is pruned.
    pub fn is_complete(&self) -> bool {
        self.complete
    }
}

impl Desired<Prepared> {
    pub(super) fn new(objects: Vec<Object>, manifest: Manifest, complete: bool) -> Self {
        let objects = objects.into_iter().map(Object::hashed).collect();
        Self { objects, manifest, complete, state: PhantomData }
    }

    /// Says that every object has been applied. For the one place that applies them.
    pub fn applied(self) -> Desired<Applied> {
        let Self { objects, manifest, complete, .. } = self;
        Desired { objects, manifest, complete, state: PhantomData }
    }
}

impl<'a, State> IntoIterator for &'a Desired<State> {
    type Item = &'a Object;
    type IntoIter = std::slice::Iter<'a, Object>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<State> fmt::Debug for Desired<State> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.objects).finish()
    }
}
