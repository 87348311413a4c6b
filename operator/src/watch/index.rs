//! Who refers to it? From a Secret or `ConfigMap` back to the Workspaces that have to look at it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{PoisonError, RwLock};

use fapi_crds::workspace::WorkspaceSpec;
use fapi_crds::{Client, KeySource, SigningKey, Workspace};

use super::key_of;
use crate::names::{Names, WorkspaceName};
use crate::validate::ObjectKey;

/// Something that can be referred to.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Reference {
    /// A `ConfigMap`.
    ConfigMap(ObjectKey),
    /// A Secret.
    Secret(ObjectKey),
}

/// Something that refers.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(super) enum Referrer {
    Client(ObjectKey),
    SigningKey(ObjectKey),
    Workspace(ObjectKey),
}

/// The way back from references to Workspaces.
#[derive(Default, Debug)]
pub(super) struct Index(RwLock<Inner>);

#[derive(Default, Debug)]
struct Inner {
    /// Who refers to it, and for which Workspace.
    referrers: HashMap<Reference, BTreeMap<Referrer, ObjectKey>>,
    references: HashMap<Referrer, BTreeSet<Reference>>,
}

impl Index {
    /// Says what a Client or a key line refers to now, for the Workspace that it names; without one it is gone. Whom that wakes.
    pub(super) fn refers(
        &self,
        referrer: &Referrer,
        workspace: Option<ObjectKey>,
        references: Option<BTreeSet<Reference>>,
    ) -> Vec<ObjectKey> {
        let (Referrer::Client(own) | Referrer::SigningKey(own) | Referrer::Workspace(own)) = referrer;
        self.set(referrer, workspace.as_ref().unwrap_or(own), references.unwrap_or_default());
        workspace.into_iter().collect()
    }

    /// Says what somebody refers to now, in place of what was said before. Empty: it is gone.
    pub(super) fn set(&self, referrer: &Referrer, workspace: &ObjectKey, references: BTreeSet<Reference>) {
        let mut inner = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for before in inner.references.remove(referrer).unwrap_or_default() {
            if let Some(referrers) = inner.referrers.get_mut(&before) {
                referrers.remove(referrer);
                if referrers.is_empty() {
                    inner.referrers.remove(&before);
                }
            }
        }
        for reference in &references {
            let referrers = inner.referrers.entry(reference.clone()).or_default();
            referrers.insert(referrer.clone(), workspace.clone());
        }
        if !references.is_empty() {
            inner.references.insert(referrer.clone(), references);
        }
    }

    /// The Workspaces that have to look at it.
    pub(super) fn referrers(&self, reference: &Reference) -> Vec<ObjectKey> {
        let inner = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let found: BTreeSet<&ObjectKey> =
            inner.referrers.get(reference).into_iter().flat_map(BTreeMap::values).collect();
        found.into_iter().cloned().collect()
    }
}

/// What a Client refers to. All of it is in its own namespace.
pub(super) fn of_client(client: &Client) -> BTreeSet<Reference> {
    let namespace = key_of(client).namespace;
    let secrets = crate::validate::references(client);
    let mut found: BTreeSet<Reference> =
        secrets.into_iter().map(|reference| secret(&namespace, &reference.name)).collect();
    found.extend(client.spec.logo.as_ref().map(|logo| config_map(&namespace, &logo.name)));
    found
}

/// What a key line refers to: the key that it brings along.
pub(super) fn of_signing_key(key: &SigningKey) -> BTreeSet<Reference> {
    let import = key.spec.import.iter();
    import.map(|import| secret(&key_of(key).namespace, &import.secret_ref.name)).collect()
}

/// What a Workspace refers to. All of it is in its own namespace.
pub(super) fn of_workspace(workspace: &Workspace) -> BTreeSet<Reference> {
    let namespace = key_of(workspace).namespace;
    let spec: &WorkspaceSpec = &workspace.spec;
    let names = names(&key_of(workspace));
    let front = names.as_ref().and_then(|names| names.shown_in_front(&spec.tls));
    let behind = names.as_ref().zip(spec.mtls.tls.as_ref()).and_then(|(names, tls)| names.shown_behind(tls));
    let mut found = BTreeSet::new();
    found.extend(front.iter().chain(&behind).map(|name| secret(&namespace, name)));
    found.extend(spec.login.users.as_ref().map(|users| secret(&namespace, &users.secret_ref.name)));
    found.extend(
        spec.storage.postgresql.as_ref().map(|database| secret(&namespace, &database.url_secret_ref.name)),
    );
    found.extend(spec.subject_salt_ref.as_ref().map(|salt| secret(&namespace, &salt.name)));
    let database_ca = spec.storage.postgresql.as_ref().and_then(|database| database.ca_ref.as_ref());
    let egress_ca = spec.egress.as_ref().and_then(|egress| egress.ca_ref.as_ref());
    let sources = [spec.mtls.client_ca.as_ref(), spec.mtls.crl.as_ref(), database_ca, egress_ca];
    for source in sources.into_iter().flatten() {
        found.extend(of_source(&namespace, source));
    }
    let schemas = spec.authorization_details_types.iter();
    found.extend(schemas.map(|said| config_map(&namespace, &said.schema_ref.name)));
    found
}

/// The names of its children, if it can have any.
fn names(workspace: &ObjectKey) -> Option<Names> {
    let name = WorkspaceName::parse(&workspace.name).ok()?;
    Some(Names { namespace: workspace.namespace.clone(), workspace: name })
}

fn of_source(namespace: &str, source: &KeySource) -> Option<Reference> {
    let map = source.config_map_ref.as_ref().map(|map| config_map(namespace, &map.name));
    map.or_else(|| source.secret_ref.as_ref().map(|found| secret(namespace, &found.name)))
}

fn config_map(namespace: &str, name: &str) -> Reference {
    Reference::ConfigMap(ObjectKey { namespace: namespace.to_owned(), name: name.to_owned() })
}

fn secret(namespace: &str, name: &str) -> Reference {
    Reference::Secret(ObjectKey { namespace: namespace.to_owned(), name: name.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::client;

    fn key(namespace: &str, name: &str) -> ObjectKey {
        ObjectKey { namespace: namespace.to_owned(), name: name.to_owned() }
    }

    /// `K-01`: what a Client refers to is beside it, wherever its Workspace is.
    #[test]
    fn a_logo_wakes_the_workspace_of_its_client_and_only_from_the_clients_namespace() {
        let index = Index::default();
        let app = client("team", "app", &serde_json::json!({"logo": {"name": "brand", "key": "logo.png"}}));
        index.set(&Referrer::Client(key("team", "app")), &key("auth", "retail"), of_client(&app));
        assert_eq!(index.referrers(&config_map("team", "brand")), [key("auth", "retail")]);
        assert!(index.referrers(&config_map("auth", "brand")).is_empty(), "K-01");
        assert!(index.referrers(&secret("team", "brand")).is_empty());
    }

    #[test]
    fn a_secret_wakes_every_workspace_that_it_matters_to_and_no_other() {
        let index = Index::default();
        let (retail, business) = (key("auth", "retail"), key("auth", "business"));
        let app = Referrer::Client(key("team", "app"));
        let jwks = secret("team", "jwks");
        index.set(&app, &retail, [jwks.clone(), secret("team", "uris")].into());
        index.set(&Referrer::Client(key("team", "other")), &business, [jwks.clone()].into());
        assert_eq!(index.referrers(&jwks), [business.clone(), retail.clone()]);
        assert!(index.referrers(&secret("auth", "jwks")).is_empty(), "K-01: names are within namespaces");

        index.set(&app, &retail, [secret("team", "jwks-2")].into());
        assert_eq!(index.referrers(&jwks), [business]);
        assert_eq!(index.referrers(&secret("team", "jwks-2")), std::slice::from_ref(&retail));

        index.set(&app, &retail, BTreeSet::new());
        assert!(index.referrers(&secret("team", "jwks-2")).is_empty());
    }

    #[test]
    fn the_secret_of_a_key_that_is_brought_along_wakes_its_workspace_until_the_line_is_gone() {
        let (index, retail) = (Index::default(), key("auth", "retail"));
        let import = serde_json::json!({"import": {"secretRef": {"name": "vault", "key": "k"}}});
        let line = crate::fixture::signing_key("k", "ES256", &import);
        let own = Referrer::SigningKey(key("auth", "k"));
        let woken = index.refers(&own, Some(retail.clone()), Some(of_signing_key(&line)));
        assert_eq!((woken, index.referrers(&secret("auth", "vault"))), (vec![retail.clone()], vec![retail]));
        assert!(index.refers(&own, None, None).is_empty());
        assert!(index.referrers(&secret("auth", "vault")).is_empty());
    }
}
