//! What if an object cannot be read? A definition of another version may have let it in. It must not hide the objects beside it,
//! and must not be taken for one that was deleted (`K-12`).

use fapi_crds::{Client, SigningKey, Workspace};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};
use std::borrow::Cow;
use std::fmt::Debug;

/// Where the reason is kept, in memory only: what the API server has under this name is taken away.
const UNREADABLE: &str = "fapi.rs/unreadable";

/// An object of the kind, or as much of it as says whose it is. [`unreadable`] tells which.
#[derive(Clone, Debug)]
pub struct Readable<K>(pub K);

/// Why an object could not be read: a path, and nothing of its content.
pub fn unreadable(meta: &ObjectMeta) -> Option<&str> {
    meta.annotations.as_ref()?.get(UNREADABLE).map(String::as_str)
}

/// A kind of which a part is kept when the whole cannot be read.
pub trait Salvage: Resource<DynamicType = ()> + DeserializeOwned {
    /// A spec that names the same Workspace and says nothing that was not said.
    fn salvage(spec: &Map<String, Value>) -> Value;
}

impl Salvage for Workspace {
    fn salvage(_: &Map<String, Value>) -> Value {
        json!({
            "issuer": "https://unreadable.invalid",
            "profile": "FAPI2Security",
            "mtls": {"host": "mtls.unreadable.invalid"},
            "tls": {"selfSigned": {}},
            "login": {"type": "External"},
            "storage": {"type": "SQLite"},
        })
    }
}

impl Salvage for Client {
    fn salvage(spec: &Map<String, Value>) -> Value {
        let mut kept: Map<String, Value> = only(spec, &["workspaceRef", "clientId", "enabled", "onDelete"]);
        kept.insert("auth".to_owned(), json!({"method": "private_key_jwt"}));
        kept.into()
    }
}

impl Salvage for SigningKey {
    fn salvage(spec: &Map<String, Value>) -> Value {
        let mut kept = only(spec, &["workspaceRef"]);
        kept.insert("algorithm".to_owned(), "PS256".into());
        kept.into()
    }
}

fn only(spec: &Map<String, Value>, members: &[&str]) -> Map<String, Value> {
    let kept = spec.iter().filter(|(name, _)| members.contains(&name.as_str()));
    kept.map(|(name, value)| (name.clone(), value.clone())).collect()
}

impl<'de, K: Salvage> Deserialize<'de> for Readable<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut value = Value::deserialize(deserializer)?;
        let path = match serde_path_to_error::deserialize::<_, K>(&value) {
            Ok(object) => return Ok(Self(marked(object, None))),
            Err(error) => error.path().to_string(),
        };
        let why = format!("{path}: this version of the operator cannot read it");
        let members = value.as_object_mut().ok_or_else(|| D::Error::custom("is no object"))?;
        let status = members.remove("status");
        // The status is ours: what another version has written is written anew.
        if let Ok(object) = K::deserialize(&*members) {
            return Ok(Self(marked(object, None)));
        }
        let spec = members.get("spec").and_then(Value::as_object).map(K::salvage);
        members.insert("spec".to_owned(), spec.ok_or_else(|| D::Error::custom("spec is missing"))?);
        let without = members.clone();
        members.extend(status.map(|status| ("status".to_owned(), status)));
        // Without its Workspace nobody could be told, and nobody's it must not become: then the whole list is refused.
        let object = K::deserialize(&*members).or_else(|_| K::deserialize(&without));
        Ok(Self(marked(object.map_err(D::Error::custom)?, Some(why))))
    }
}

fn marked<K: Resource>(mut object: K, why: Option<String>) -> K {
    let annotations = &mut object.meta_mut().annotations;
    match why {
        Some(why) => {
            annotations.get_or_insert_default().insert(UNREADABLE.to_owned(), why);
        }
        None => {
            if let Some(annotations) = annotations {
                annotations.remove(UNREADABLE);
            }
        }
    }
    object
}

impl<K: Resource> Resource for Readable<K> {
    type DynamicType = K::DynamicType;
    type Scope = K::Scope;

    fn kind(dt: &K::DynamicType) -> Cow<'_, str> {
        K::kind(dt)
    }

    fn group(dt: &K::DynamicType) -> Cow<'_, str> {
        K::group(dt)
    }

    fn version(dt: &K::DynamicType) -> Cow<'_, str> {
        K::version(dt)
    }

    fn plural(dt: &K::DynamicType) -> Cow<'_, str> {
        K::plural(dt)
    }

    fn meta(&self) -> &ObjectMeta {
        self.0.meta()
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        self.0.meta_mut()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(spec: &Value) -> Value {
        json!({
            "apiVersion": "fapi.rs/v1alpha1", "kind": "Client",
            "metadata": {"name": "app", "namespace": "bank", "uid": "u", "annotations": {UNREADABLE: "forged", "note": "kept"}},
            "spec": spec,
            "status": {"conditions": "of another version"},
        })
    }

    /// K-12
    #[test]
    fn what_cannot_be_read_still_says_whose_it_is() {
        let spec = json!({
            "workspaceRef": {"name": "retail"}, "clientId": "app", "enabled": false, "onDelete": "KeepGrants",
            "auth": {"method": "telepathy", "jwksUri": "https://secret.example"},
        });
        let Readable(read) = serde_json::from_value::<Readable<Client>>(client(&spec)).unwrap();
        assert_eq!(read.spec.workspace_ref.name, "retail");
        assert_eq!((read.spec.client_id.as_deref(), read.spec.enabled), (Some("app"), false));
        assert_eq!(
            unreadable(&read.metadata),
            Some("spec.auth.method: this version of the operator cannot read it")
        );
        assert!(!format!("{read:?}").contains("telepathy"), "nothing of what was not understood");
    }

    #[test]
    fn a_status_of_another_version_makes_no_object_unreadable_and_nobody_says_so_from_outside() {
        let spec = json!({
            "workspaceRef": {"name": "retail"},
            "auth": {"method": "private_key_jwt", "jwksUri": "https://app.example/jwks"},
        });
        let Readable(read) = serde_json::from_value::<Readable<Client>>(client(&spec)).unwrap();
        assert_eq!(unreadable(&read.metadata), None);
        assert_eq!(read.metadata.annotations.unwrap()["note"], "kept");
        assert_eq!(read.status, None);
    }

    #[test]
    fn each_kind_can_be_salvaged() {
        let object = |kind: &str, spec: Value| json!({"apiVersion": "fapi.rs/v1alpha1", "kind": kind, "metadata": {"name": "it"}, "spec": spec});
        let workspace = object("Workspace", json!({"profile": "Of2030"}));
        let Readable(workspace) = serde_json::from_value::<Readable<Workspace>>(workspace).unwrap();
        assert!(unreadable(&workspace.metadata).unwrap().starts_with("spec."));
        let line =
            object("SigningKey", json!({"workspaceRef": {"name": "retail"}, "algorithm": "ML-DSA-65"}));
        let Readable(line) = serde_json::from_value::<Readable<SigningKey>>(line).unwrap();
        assert!(unreadable(&line.metadata).unwrap().starts_with("spec.algorithm"));
        let nobodys = object("SigningKey", json!({"algorithm": "ML-DSA-65"}));
        assert!(serde_json::from_value::<Readable<SigningKey>>(nobodys).is_err());
    }
}
