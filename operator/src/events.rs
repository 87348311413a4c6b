//! What should people see happen? One event for each transition, never one for each reconcile.

use fapi_crds::Reason;
use k8s_openapi::api::core::v1::ObjectReference;
use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use kube::{Client, Resource};
use tracing::debug;

/// Writes events about objects.
#[derive(Clone)]
pub struct Events(Recorder);

impl Events {
    /// As the controller `fapi-operator`; `instance` is the name of the pod.
    pub fn new(client: Client, instance: Option<String>) -> Self {
        Self(Recorder::new(client, Reporter { controller: "fapi-operator".to_owned(), instance }))
    }

    /// Something went as it should.
    pub async fn normal(&self, object: &impl Resource<DynamicType = ()>, reason: &str, note: String) {
        self.publish(object.object_ref(&()), EventType::Normal, reason, note).await;
    }

    /// Something needs somebody.
    pub async fn warning(&self, object: &impl Resource<DynamicType = ()>, reason: Reason, note: String) {
        self.publish(object.object_ref(&()), EventType::Warning, reason.as_str(), note).await;
    }

    /// An event that cannot be written is no reason to stop.
    async fn publish(&self, reference: ObjectReference, type_: EventType, reason: &str, note: String) {
        let mut note = note;
        note.truncate(note.floor_char_boundary(1000));
        let event = Event {
            type_,
            reason: reason.to_owned(),
            note: Some(note),
            action: "Reconcile".to_owned(),
            secondary: None,
        };
        if let Err(error) = self.0.publish(&event, &reference).await {
            debug!(%error, reason, "Cannot write an event");
        }
    }
}
