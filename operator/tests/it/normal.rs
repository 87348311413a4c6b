//! What is there, without what differs from run to run: names of namespaces, uids, versions, times, key material, and numbers of
//! revisions. Two runs that end the same way have the same lines.

use std::fmt::Debug;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fapi_crds::{Client as FapiClient, SigningKey, Workspace};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolumeClaim, Pod, Secret, Service, ServiceAccount};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::Resource;
use kube::api::ListParams;
use kube::core::NamespaceResourceScope;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::cluster::Cluster;

/// Every object of the namespace that the operator writes or that a person wrote for it: one line each.
pub(crate) async fn state(cluster: &Cluster) -> Vec<String> {
    let mut lines = Vec::new();
    all::<Workspace>(cluster, &mut lines).await;
    all::<FapiClient>(cluster, &mut lines).await;
    all::<SigningKey>(cluster, &mut lines).await;
    all::<Secret>(cluster, &mut lines).await;
    all::<ConfigMap>(cluster, &mut lines).await;
    all::<Service>(cluster, &mut lines).await;
    all::<ServiceAccount>(cluster, &mut lines).await;
    all::<NetworkPolicy>(cluster, &mut lines).await;
    all::<PodDisruptionBudget>(cluster, &mut lines).await;
    all::<PersistentVolumeClaim>(cluster, &mut lines).await;
    all::<Deployment>(cluster, &mut lines).await;
    let pods = cluster.api::<Pod>().list(&ListParams::default()).await.unwrap().items;
    let pods = pods.into_iter().filter(|pod| pod.metadata.deletion_timestamp.is_none());
    lines.push(format!("Pods {}", pods.count()));
    lines.sort();
    lines
}

async fn all<K>(cluster: &Cluster, lines: &mut Vec<String>)
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + DeserializeOwned
        + Serialize
        + Debug,
{
    for object in cluster.api::<K>().list(&ListParams::default()).await.unwrap() {
        let kind = K::kind(&());
        let name = object.meta().name.clone().unwrap_or_default();
        // Kubernetes' own.
        if matches!(
            (kind.as_ref(), name.as_str()),
            ("ConfigMap", "kube-root-ca.crt") | ("ServiceAccount", "default")
        ) {
            continue;
        }
        let mut value = serde_json::to_value(&object).unwrap();
        // What the controllers of Kubernetes say, at their own time.
        if !["Workspace", "Client", "SigningKey"].contains(&kind.as_ref()) {
            value.as_object_mut().unwrap().remove("status");
        }
        normalise(&mut value, &cluster.namespace);
        lines.push(format!("{kind} {} {value}", mask(&name, &cluster.namespace)));
    }
}

/// The lines that only one of two has.
pub(crate) fn difference(expected: &[String], found: &[String]) -> String {
    let only = |these: &[String], those: &[String], sign: &str| -> Vec<String> {
        these.iter().filter(|line| !those.contains(line)).map(|line| format!("{sign} {line}")).collect()
    };
    [only(expected, found, "-"), only(found, expected, "+")].concat().join("\n")
}

const DROPPED: [&str; 11] = [
    "clusterIP",
    "clusterIPs",
    "creationTimestamp",
    "fapi.rs/hash",
    "generation",
    "hash",
    "managedFields",
    "observedGeneration",
    "resourceVersion",
    "selfLink",
    "uid",
];
/// What is random, such as members of keys, or follows from the name of the namespace.
const OPAQUE: [&str; 11] = ["d", "dp", "dq", "id", "incarnation", "n", "p", "q", "shard", "x", "y"];

fn normalise(value: &mut Value, namespace: &str) {
    match value {
        Value::Object(members) => {
            members.retain(|name, value| {
                let empty = ["annotations", "labels"].contains(&name.as_str())
                    && value.as_object().is_some_and(serde_json::Map::is_empty);
                !DROPPED.contains(&name.as_str()) && !empty
            });
            for (name, value) in members.iter_mut() {
                if OPAQUE.contains(&name.as_str()) || name.to_lowercase().contains("revision") {
                    *value = "…".into();
                } else if name == "data"
                    && let Some(entries) = value.as_object_mut()
                {
                    let raw = std::mem::take(entries).into_iter();
                    entries.extend(raw.map(|(name, entry)| {
                        (mask(&name, namespace), content(entry.as_str().unwrap_or_default(), namespace))
                    }));
                } else {
                    // By names that are random.
                    if name == "keys"
                        && let Some(named) = value.as_object_mut()
                    {
                        *value = std::mem::take(named).into_iter().map(|(_, key)| key).collect();
                    }
                    normalise(value, namespace);
                }
            }
            // Names of keys are names of members in a few places.
            let named: Vec<(String, Value)> = std::mem::take(members).into_iter().collect();
            members.extend(named.into_iter().map(|(name, value)| (mask(&name, namespace), value)));
        }
        Value::Array(items) => {
            for item in items.iter_mut() {
                normalise(item, namespace);
            }
            if items.iter().all(Value::is_object) {
                items.sort_by_key(Value::to_string);
            }
        }
        Value::String(text) => *text = mask(text, namespace),
        Value::Number(number) if number.as_f64().is_some_and(|number| number > 1e9) => *value = "TIME".into(),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The content of a Secret, where it can be read; of anything else only that it is there.
fn content(encoded: &str, namespace: &str) -> Value {
    let bytes = STANDARD.decode(encoded).unwrap_or_default();
    match serde_json::from_slice::<Value>(&bytes) {
        Ok(mut value) if value.is_object() || value.is_array() => {
            normalise(&mut value, namespace);
            value
        }
        _ if bytes.is_empty() => "empty".into(),
        _ => "…".into(),
    }
}

/// A text without times, uids, digests, names of keys and numbers of revisions.
fn mask(text: &str, namespace: &str) -> String {
    if text.parse::<jiff::Timestamp>().is_ok() {
        return "TIME".to_owned();
    }
    let text = text.replace(namespace, "NAMESPACE");
    let mut masked = String::new();
    let mut word = String::new();
    for character in text.chars().chain([' ']) {
        if character.is_ascii_alphanumeric() || "-_".contains(character) {
            word.push(character);
        } else {
            let after = masked.trim_end().ends_with("revision");
            masked.push_str(&mask_word(&word, after));
            word.clear();
            masked.push(character);
        }
    }
    masked.pop();
    masked
}

fn mask_word(word: &str, after_revision: bool) -> String {
    let is_hex = |text: &str| text.chars().all(|character| character.is_ascii_hexdigit());
    let is_number = !word.is_empty() && word.chars().all(|character| character.is_ascii_digit());
    if after_revision && is_number {
        return "…".to_owned();
    }
    match word.len() {
        36 if is_hex(&word.replace('-', "")) => return "UID".to_owned(),
        43 => return "DIGEST".to_owned(),
        64 if is_hex(word) => return "DIGEST".to_owned(),
        _ => {}
    }
    let (stem, end) = match word.strip_suffix("-private") {
        Some(stem) => (stem, "-private"),
        None => (word, ""),
    };
    match stem.rsplit_once('-') {
        Some((stem, hex)) if hex.len() == 8 && is_hex(hex) => format!("{stem}-KEY{end}"),
        // Which shard a Client is in.
        Some((stem, number)) if number.len() == 2 && stem.ends_with("clients") => format!("{stem}-…"),
        _ => word.to_owned(),
    }
}
