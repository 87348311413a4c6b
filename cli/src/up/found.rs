//! From YAML to what the operator finds in a cluster: the same [`Found`], so that the same functions judge it.

use std::collections::{BTreeMap, BTreeSet};

use fapi_core::Timestamp;
use fapi_core::ids::Incarnation;
use fapi_crds::names::label;
use fapi_crds::{Client, ConfigMapKeyRef, KeySource, SecretKeyRef, SigningKey, Workspace};
use fapi_operator::optional::Optional;
use fapi_operator::rotate::Floors;
use fapi_operator::validate::{
    Found, FoundClient, FoundLogo, Fresh, Guards, Missing, Previous, References, Resolved, Value, references,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use zeroize::Zeroizing;

pub(crate) use super::state::Identity;
use crate::source::{Object, Source};

/// On a laptop the wait for relying parties is short: nobody else caches these keys.
pub(crate) const FLOORS: Floors = Floors { margin: fapi_core::Lifetime::seconds(1), ..Floors::PRODUCTION };

/// What names an object in the list of identities.
pub(crate) fn identity_of(kind: &str, namespace: &str, name: &str) -> String {
    format!("{kind}/{namespace}/{name}")
}

/// Everything about one Workspace of a folder.
pub(crate) struct Surroundings<'a> {
    pub(crate) source: &'a Source,
    pub(crate) workspace: &'a Object<Workspace>,
    pub(crate) identities: &'a BTreeMap<String, Identity>,
    pub(crate) previous: Option<Previous>,
    pub(crate) tombstones_done: BTreeSet<Incarnation>,
    /// The certificate that is shown on a laptop, whatever the spec refers to.
    pub(crate) certificate: &'a str,
    /// Key lines that have a key: what they bring along is not read any more.
    pub(crate) with_keys: BTreeSet<String>,
    pub(crate) floors: Floors,
    pub(crate) now: Timestamp,
}

impl Surroundings<'_> {
    /// The Clients that name this Workspace.
    pub(crate) fn clients(&self) -> impl Iterator<Item = &Object<Client>> {
        self.source.clients.iter().filter(|client| {
            let reference = &client.value.spec.workspace_ref;
            reference.name == self.workspace.name
                && reference.namespace.as_deref().unwrap_or(&client.namespace) == self.workspace.namespace
        })
    }

    /// The `SigningKeys` that name it.
    pub(crate) fn signing_keys(&self) -> impl Iterator<Item = &Object<SigningKey>> {
        self.source.signing_keys.iter().filter(|key| {
            key.value.spec.workspace_ref.name == self.workspace.name
                && key.namespace == self.workspace.namespace
        })
    }

    pub(crate) fn found(&self) -> Found {
        let mut workspace = self.workspace.value.clone();
        self.born(&mut workspace.metadata, "Workspace", self.workspace);
        Found {
            workspace,
            clients: self.clients().map(|client| self.client(client)).collect(),
            signing_keys: self
                .signing_keys()
                .map(|key| {
                    let mut value = key.value.clone();
                    self.born(&mut value.metadata, "SigningKey", key);
                    value
                })
                .collect(),
            references: self.references(),
            previous: self.previous.clone(),
            fresh: Fresh::Everywhere,
            tombstones_done: self.tombstones_done.clone(),
            floors: self.floors,
            guards: Guards::LAPTOP,
            optional: Optional::ASSUMED,
            now: self.now,
        }
    }

    fn born<T>(&self, metadata: &mut ObjectMeta, kind: &str, object: &Object<T>) {
        metadata.namespace = Some(object.namespace.clone());
        metadata.generation.get_or_insert(1);
        if let Some(identity) = self.identities.get(&identity_of(kind, &object.namespace, &object.name)) {
            metadata.uid = Some(identity.uid.clone());
            metadata.creation_timestamp = jiff::Timestamp::from_second(identity.created).ok().map(Time);
        }
    }

    fn client(&self, object: &Object<Client>) -> FoundClient {
        let mut client = object.value.clone();
        self.born(&mut client.metadata, "Client", object);
        let secrets = references(&client)
            .into_iter()
            .map(|reference| {
                let resolved = self.secret(&object.namespace, &reference, true);
                (reference, resolved)
            })
            .collect();
        let name = ("kubernetes.io/metadata.name".to_owned(), object.namespace.clone());
        let logo = client.spec.logo.as_ref().map(|logo| self.logo(&object.namespace, logo));
        FoundClient { client, namespace_labels: Some(BTreeMap::from([name])), secrets, logo }
    }

    fn logo(&self, namespace: &str, reference: &ConfigMapKeyRef) -> FoundLogo {
        let mut maps = self.source.config_maps.iter();
        let found = maps.find(|it| it.namespace == namespace && it.name == reference.name);
        let Some(map) = found else { return FoundLogo::Missing(Missing::ConfigMapNotFound) };
        let bytes = map.value.data.get(&reference.key).map(|bytes| bytes.as_slice());
        FoundLogo::read(map.value.texts.contains(&reference.key), bytes)
    }

    fn secret(&self, namespace: &str, reference: &SecretKeyRef, labelled: bool) -> Resolved {
        let found =
            self.source.secrets.iter().find(|it| it.namespace == namespace && it.name == reference.name);
        let Some(secret) = found else { return Resolved::Missing(Missing::SecretNotFound) };
        let wanted = secret.value.labels.get(label::CLIENT_CREDENTIALS).map(String::as_str) == Some("true");
        if labelled && !wanted {
            return Resolved::Missing(Missing::NotLabelled);
        }
        secret
            .value
            .data
            .get(&reference.key)
            .map_or(Resolved::Missing(Missing::KeyNotFound), |bytes| value(bytes))
    }

    fn config_map(&self, name: &str, key: &str) -> Resolved {
        let namespace = &self.workspace.namespace;
        let found = self.source.config_maps.iter().find(|it| it.namespace == *namespace && it.name == name);
        let Some(map) = found else { return Resolved::Missing(Missing::ConfigMapNotFound) };
        map.value.data.get(key).map_or(Resolved::Missing(Missing::KeyNotFound), |bytes| value(bytes))
    }

    fn references(&self) -> References {
        let spec = &self.workspace.value.spec;
        let own = |reference: &SecretKeyRef| self.secret(&self.workspace.namespace, reference, false);
        let source = |source: &KeySource| match (&source.secret_ref, &source.config_map_ref) {
            (Some(reference), _) => own(reference),
            (None, Some(reference)) => self.config_map(&reference.name, &reference.key),
            (None, None) => Resolved::Missing(Missing::SecretNotFound),
        };
        let shown = |named: bool| named.then(|| value(self.certificate.as_bytes()));
        References {
            users: spec.login.users.as_ref().map(|users| own(&users.secret_ref)),
            client_ca: spec.mtls.client_ca.as_ref().map(source),
            imports: self
                .signing_keys()
                .filter(|key| !self.with_keys.contains(&key.name))
                .filter_map(|key| Some((key.name.clone(), own(&key.value.spec.import.as_ref()?.secret_ref))))
                .collect(),
            crl: spec.mtls.crl.as_ref().map(source),
            egress_ca: spec.egress.as_ref().and_then(|egress| egress.ca_ref.as_ref()).map(source),
            tls: shown(spec.tls.self_signed.is_none()),
            mtls_tls: shown(spec.mtls.tls.as_ref().is_some_and(|tls| tls.self_signed.is_none())),
            details_types: spec
                .authorization_details_types
                .iter()
                .map(|said| {
                    (said.type_.clone(), self.config_map(&said.schema_ref.name, &said.schema_ref.key))
                })
                .collect(),
            // The embedded database serves on a laptop: nobody is asked for a certificate.
            database_ca: spec.storage.postgresql.as_ref().and_then(|database| database.ca_ref.as_ref()).map(
                |reference| match source(reference) {
                    Resolved::Missing(_) => value(self.certificate.as_bytes()),
                    found @ Resolved::Value(_) => found,
                },
            ),
            // The embedded database serves on a laptop; the address is only shown to be well-formed where it is written here.
            database_url: spec.storage.postgresql.as_ref().map(
                |storage| match own(&storage.url_secret_ref) {
                    Resolved::Missing(_) => value(b"postgresql://localhost/not-used-on-a-laptop"),
                    found @ Resolved::Value(_) => found,
                },
            ),
        }
    }
}

fn value(bytes: &[u8]) -> Resolved {
    let version = fapi_jose::b64::encode(fapi_jose::sha256(bytes));
    Resolved::Value(Value { bytes: Zeroizing::new(bytes.to_vec()), resource_version: version })
}
