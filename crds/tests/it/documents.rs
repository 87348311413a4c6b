//! Every field at once, of each kind: what is written is read, and written again the same.

use fapi_crds::schema::{unknown_fields, violations};
use fapi_crds::{Client, Kind, SigningKey, Workspace};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

const WORKSPACE: &str = include_str!("full/workspace.yaml");
const CLIENT: &str = include_str!("full/client.yaml");
const SIGNING_KEY: &str = include_str!("full/signingkey.yaml");

fn full(kind: Kind) -> Value {
    serde_saphyr::from_str(match kind {
        Kind::Workspace => WORKSPACE,
        Kind::Client => CLIENT,
        Kind::SigningKey => SIGNING_KEY,
    })
    .unwrap()
}

#[test]
fn a_full_object_is_known_and_accepted() {
    for kind in Kind::ALL {
        assert_eq!(unknown_fields(kind, &full(kind)), [], "{kind}");
        assert_eq!(violations(kind, &full(kind)), [], "{kind}");
    }
}

/// So that the full objects stay full: whoever adds a field adds it here.
#[test]
fn a_full_object_has_every_field_of_ours() {
    for kind in Kind::ALL {
        let mut missing = Vec::new();
        absent(fapi_crds::schema::openapi(kind), &full(kind), "", &mut missing);
        assert!(missing.is_empty(), "add to full/{}.yaml: {missing:#?}", kind.as_str().to_lowercase());
    }
}

fn absent(schema: &Value, value: &Value, path: &str, missing: &mut Vec<String>) {
    // Types that Kubernetes brings, and members of a union that exclude each other, need not be complete.
    let exempt = [
        "affinity",
        "resources",
        "selector",
        "tolerations[]",
        "topologySpreadConstraints[]",
        "ingressFrom[]",
        "egressTo[]",
    ];
    if exempt.iter().any(|name| {
        path.ends_with(&format!("server.{name}")) || path.ends_with(&format!("networkPolicy.{name}"))
    }) || path.ends_with("allowedClients.selector")
        // The same type as `.spec.protocol`, which is complete.
        || path == ".status.effective"
    {
        return;
    }
    let exclusive = [
        "mtls.host",
        "mtls.port",
        "secretName",
        "issuerRef",
        "selfSigned",
        "configMapRef",
        "secretRef",
        "sanDns",
        "sanUri",
        "users",
        "external",
        "upstream",
        "sqlite",
        "postgresql",
        "autoscaling",
        "maxUnavailable",
        "minAvailable",
        "jwksRef",
        "jwksUri",
        "subjectDn",
        "sanIp",
        "sanEmail",
        "certificateRef",
        "certificateRefs",
    ];
    if let Some(Value::Object(properties)) = schema.get("properties") {
        for (name, property) in properties {
            let path = format!("{path}.{name}");
            match value.get(name) {
                Some(value) => absent(property, value, &path, missing),
                None if exclusive.iter().any(|name| path.ends_with(name)) => {}
                None => missing.push(path),
            }
        }
    }
    if let (Some(items), Some(values)) = (schema.get("items"), value.as_array()) {
        for value in values {
            absent(items, value, &format!("{path}[]"), missing);
        }
    }
}

fn round_trip<K: DeserializeOwned + Serialize + PartialEq + std::fmt::Debug>(kind: Kind) {
    let value = full(kind);
    let object: K = serde_json::from_value(value.clone()).unwrap();
    assert_eq!(serde_json::to_value(&object).unwrap(), value, "{kind} through JSON");
    let text = serde_yaml::to_string(&object).unwrap();
    assert_eq!(serde_saphyr::from_str::<K>(&text).unwrap(), object, "{kind} through YAML");
}

#[test]
fn a_full_object_survives_reading_and_writing() {
    round_trip::<Workspace>(Kind::Workspace);
    round_trip::<Client>(Kind::Client);
    round_trip::<SigningKey>(Kind::SigningKey);
}

#[test]
fn a_short_object_gets_the_defaults_of_the_definition() {
    let workspace: Workspace = serde_json::from_value(crate::support::workspace()).unwrap();
    assert_eq!((workspace.spec.replicas, workspace.spec.config.client_shards), (1, 16));
    assert_eq!(workspace.spec.keys.rotation.interval.seconds(), Ok(2_592_000));
    assert!(
        workspace.spec.protocol.is_none()
            && workspace.spec.server.network_policy.enabled
            && workspace.spec.keys.auto_create
    );
    let client: Client = serde_json::from_value(crate::support::client()).unwrap();
    assert!(client.spec.enabled && client.spec.grant_types.len() == 2);
    let key: SigningKey = serde_json::from_value(crate::support::signing_key()).unwrap();
    assert_eq!((key.spec.priority, key.spec.history_limit), (50, 3));
    assert_eq!(key.spec.rotation.pre_publish.as_str(), "24h");
}
