//! Actors for tests: a Workspace, its Clients and their Secrets, and the way from a verdict to what is published.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use fapi_core::Timestamp;
use fapi_crds::{Client, SecretKeyRef, SigningKey, Workspace};
use fapi_jose::Alg;
use k8s_openapi::api::core::v1::ResourceRequirements;
use serde_json::{Value as Json, json};
use zeroize::Zeroizing;

use crate::build::{self, Desired, Inputs, Object, OwnPods, Prepared, Settings};
use crate::material::{self, Material, Wanted};
use crate::names::{Names, WorkspaceName};
use crate::rotate::{Floors, KeySet};
use crate::validate::{
    ClientVerdict, Found, FoundClient, Fresh, Guard, Guards, Missing, Previous, References, Resolved, Value,
    Verdict, validate,
};

/// 2026-01-01T00:00:00Z
pub(crate) const NOON: Timestamp = Timestamp::from_unix(1_767_225_600);

pub(crate) static SIGNER: LazyLock<fapi_jose::SigningKey> =
    LazyLock::new(|| fapi_jose::SigningKey::generate(Alg::Es256, 0).unwrap());

static MATERIAL: LazyLock<Material> = LazyLock::new(|| {
    let found = workspace();
    let wanted = Wanted::new(&names(), &found.spec, "auth.bank.example");
    material::complete(&BTreeMap::new(), &wanted, &material::Surroundings::quiet(NOON)).unwrap()
});

pub(crate) fn names() -> Names {
    Names { namespace: "auth".to_owned(), workspace: WorkspaceName::parse("retail").unwrap() }
}

pub(crate) fn material() -> &'static Material {
    &MATERIAL
}

pub(crate) fn workspace() -> Workspace {
    workspace_with(&json!({}))
}

/// A Workspace whose spec is overlaid with `spec`.
pub(crate) fn workspace_with(spec: &Json) -> Workspace {
    let mut object = json!({
        "apiVersion": "fapi.rs/v1alpha1",
        "kind": "Workspace",
        "metadata": {"name": "retail", "namespace": "auth", "uid": "workspace-1", "generation": 1},
        "spec": {
            "issuer": "https://auth.bank.example:8443",
            "profile": "Fintech",
            "mtls": {"port": 8444},
            "tls": {"selfSigned": {}},
            "login": {"type": "Users", "users": {"secretRef": {"name": "people", "key": "users.json"}}},
            "storage": {"type": "SQLite"},
            "scopes": [{"name": "accounts", "claims": ["name"]}],
        },
    });
    overlay(&mut object["spec"], spec);
    serde_json::from_value(object).unwrap()
}

/// A Client `namespace/name` whose spec is overlaid with `spec`.
pub(crate) fn client(namespace: &str, name: &str, spec: &Json) -> Client {
    let mut object = json!({
        "apiVersion": "fapi.rs/v1alpha1",
        "kind": "Client",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": format!("uid of {namespace}/{name}"),
            "generation": 1,
            "creationTimestamp": "2025-12-01T00:00:00Z",
        },
        "spec": {
            "workspaceRef": {"name": "retail", "namespace": "auth"},
            "auth": {"method": "private_key_jwt", "jwksRef": {"name": "app", "key": "jwks.json"}},
            "redirectUris": {"from": [{"name": "app", "key": "redirect-uris"}]},
        },
    });
    overlay(&mut object["spec"], spec);
    serde_json::from_value(object).unwrap()
}

pub(crate) fn signing_key(name: &str, algorithm: &str, spec: &Json) -> SigningKey {
    let mut object = json!({
        "apiVersion": "fapi.rs/v1alpha1",
        "kind": "SigningKey",
        "metadata": {"name": name, "namespace": "auth", "uid": format!("uid of {name}")},
        "spec": {"workspaceRef": {"name": "retail"}, "algorithm": algorithm},
    });
    overlay(&mut object["spec"], spec);
    serde_json::from_value(object).unwrap()
}

/// RFC 7396, so that tests can also take something away.
fn overlay(target: &mut Json, patch: &Json) {
    let (Json::Object(target), Json::Object(patch)) = (&mut *target, patch) else {
        *target = patch.clone();
        return;
    };
    for (name, value) in patch {
        if value.is_null() {
            target.remove(name);
        } else {
            overlay(target.entry(name.clone()).or_insert(Json::Null), value);
        }
    }
}

pub(crate) fn jwks() -> Vec<u8> {
    json!({"keys": [SIGNER.public().to_json()]}).to_string().into_bytes()
}

pub(crate) const USERS: &str = r#"{"alice":{"sub":"s1","password":"$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21l$MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0"}}"#;

pub(crate) fn value(bytes: impl Into<Vec<u8>>) -> Resolved {
    Resolved::Value(Value { bytes: Zeroizing::new(bytes.into()), resource_version: "1".to_owned() })
}

pub(crate) fn key(name: &str, key: &str) -> SecretKeyRef {
    SecretKeyRef { name: name.to_owned(), key: key.to_owned() }
}

/// A Client with a JWKS and one redirect URI in its Secret.
pub(crate) fn found_client(client: Client) -> FoundClient {
    FoundClient {
        client,
        namespace_labels: Some(BTreeMap::new()),
        secrets: BTreeMap::from([
            (key("app", "jwks.json"), value(jwks())),
            (key("app", "redirect-uris"), value("https://app.example/cb\n")),
        ]),
        logo: None,
    }
}

/// What surrounds a Workspace before anything is published.
pub(crate) fn found(workspace: Workspace, clients: Vec<FoundClient>) -> Found {
    Found {
        workspace,
        clients,
        signing_keys: Vec::new(),
        references: References { users: Some(value(USERS)), ..References::default() },
        previous: None,
        fresh: Fresh::Everywhere,
        tombstones_done: BTreeSet::new(),
        floors: Floors::PRODUCTION,
        guards: Guards { approval: Guard::InForce, deletion: Guard::InForce },
        optional: crate::optional::Optional::ASSUMED,
        now: NOON,
    }
}

impl Found {
    pub(crate) fn client(&mut self, name: &str) -> &mut FoundClient {
        self.clients.iter_mut().find(|found| found.client.metadata.name.as_deref() == Some(name)).unwrap()
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.clients.retain(|found| found.client.metadata.name.as_deref() != Some(name));
        self
    }

    /// Publishes the verdict on this, and goes on from there.
    pub(crate) fn published(mut self) -> Self {
        let verdict = validate(&self);
        self.previous = Some(previous(&self, &verdict));
        self
    }

    pub(crate) fn later(mut self, seconds: i64) -> Self {
        self.now = Timestamp::from_unix(self.now.as_unix() + seconds);
        self
    }
}

impl Verdict {
    pub(crate) fn client(&self, name: &str) -> &ClientVerdict {
        self.clients.iter().find(|verdict| verdict.key.name == name).unwrap()
    }

    pub(crate) fn document(&self) -> &fapi_config::Document {
        &self.publication.as_ref().unwrap().document
    }

    pub(crate) fn served(&self) -> Vec<&str> {
        let publication = self.publication.as_ref().unwrap();
        let mut ids: Vec<&str> = publication.clients.iter().map(|client| client.client_id.as_str()).collect();
        ids.sort_unstable();
        ids
    }
}

pub(crate) fn missing(missing: Missing) -> Resolved {
    Resolved::Missing(missing)
}

pub(crate) fn settings() -> Settings {
    Settings {
        image: "registry.example/fapi-server:0.1.0".to_owned(),
        version: "0.1.0".to_owned(),
        resources: ResourceRequirements::default(),
        operator: OwnPods {
            namespace: "fapi-system".to_owned(),
            labels: [("app.kubernetes.io/name".to_owned(), "fapi-operator".to_owned())].into(),
        },
    }
}

pub(crate) fn desired(found: &Found, verdict: &Verdict, keys: &KeySet) -> Desired<Prepared> {
    build::build(&Inputs {
        spec: &found.workspace.spec,
        publication: verdict.publication.as_ref().unwrap(),
        keys,
        material: material(),
        previous: found.previous.as_ref().map(|previous| &previous.manifest),
        seen_revision: 0,
        optional: found.optional,
        settings: &settings(),
    })
}

/// Reads back what a verdict publishes, through the Secrets.
pub(crate) fn previous(found: &Found, verdict: &Verdict) -> Previous {
    let desired = desired(found, verdict, &KeySet::default());
    let secrets = desired.iter().filter_map(|object| match object {
        Object::Secret(secret) => {
            let data =
                secret.data.iter().flatten().map(|(name, bytes)| (name.clone(), bytes.0.clone())).collect();
            Some((object.name().to_owned(), data))
        }
        _ => None,
    });
    build::previous(&names(), &secrets.collect()).unwrap().unwrap()
}
