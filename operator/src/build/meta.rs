//! What every child carries: its owner, and labels by which people and the inventory find it (`spec/operator.md` 7.7).

use std::collections::BTreeMap;

use fapi_crds::names::{API_VERSION, label};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta, OwnerReference};

use crate::names::Names;
use crate::validate::Publication;

/// The field manager of server-side apply.
pub const FIELD_MANAGER: &str = "fapi-operator";

/// The name that selectors go by, in `app.kubernetes.io/name`.
const APPLICATION: &str = "fapi-server";

pub(super) struct Meta<'a> {
    pub(super) names: &'a Names,
    uid: &'a str,
    version: &'a str,
}

impl<'a> Meta<'a> {
    pub(super) fn new(publication: &'a Publication, version: &'a str) -> Self {
        Self { names: &publication.names, uid: &publication.workspace_uid, version }
    }

    /// Metadata of a child.
    pub(super) fn object(&self, name: String, component: &str) -> ObjectMeta {
        ObjectMeta {
            name: Some(name),
            namespace: Some(self.names.namespace.clone()),
            labels: Some(self.labels(component)),
            owner_references: Some(vec![self.owner()]),
            ..ObjectMeta::default()
        }
    }

    /// Labels of a child.
    pub(super) fn labels(&self, component: &str) -> BTreeMap<String, String> {
        let mut labels = self.pod_labels();
        labels.insert("app.kubernetes.io/component".to_owned(), component.to_owned());
        labels.insert("app.kubernetes.io/version".to_owned(), self.version.to_owned());
        labels
    }

    /// Labels of a pod: without the version, so that a new operator does not restart pods whose image is the same.
    pub(super) fn pod_labels(&self) -> BTreeMap<String, String> {
        let workspace = self.names.workspace.to_string();
        [
            ("app.kubernetes.io/name", APPLICATION.to_owned()),
            ("app.kubernetes.io/instance", workspace.clone()),
            ("app.kubernetes.io/component", "server".to_owned()),
            ("app.kubernetes.io/managed-by", FIELD_MANAGER.to_owned()),
            ("app.kubernetes.io/part-of", "fapi".to_owned()),
            (label::WORKSPACE, workspace),
            (label::WORKSPACE_UID, self.uid.to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }

    /// What selects the pods; immutable in a Deployment.
    pub(super) fn selector(&self) -> BTreeMap<String, String> {
        selector(self.names)
    }

    pub(super) fn label_selector(&self) -> LabelSelector {
        LabelSelector { match_labels: Some(self.selector()), match_expressions: None }
    }

    fn owner(&self) -> OwnerReference {
        OwnerReference {
            api_version: API_VERSION.to_owned(),
            kind: "Workspace".to_owned(),
            name: self.names.workspace.to_string(),
            uid: self.uid.to_owned(),
            controller: Some(true),
            block_owner_deletion: Some(true),
        }
    }
}

/// What selects the pods of a Workspace.
pub fn selector(names: &Names) -> BTreeMap<String, String> {
    [("app.kubernetes.io/name", APPLICATION.to_owned()), (label::WORKSPACE, names.workspace.to_string())]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
}
