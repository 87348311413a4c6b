//! The rules that kube derives are the rules that are published, and kube's own verdicts agree.

use fapi_crds::{Client, Kind, SigningKey, Workspace, schema};
use kube::CustomResourceExt as _;
use serde_json::{Value, json};

use crate::support::{client, signing_key, with_spec, workspace};

fn rules(schema: &Value, path: &str, found: &mut Vec<String>) {
    match schema {
        Value::Object(members) => {
            for (name, member) in members {
                let path = format!("{path}/{name}");
                if name == "x-kubernetes-validations" {
                    found.push(format!("{path} {member}"));
                }
                rules(member, &path, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| rules(item, path, found)),
        _ => {}
    }
}

#[test]
fn publishing_takes_no_rule_away() {
    for (kind, derived) in [
        (Kind::Workspace, Workspace::crd()),
        (Kind::Client, Client::crd()),
        (Kind::SigningKey, SigningKey::crd()),
    ] {
        let (mut before, mut after) = (Vec::new(), Vec::new());
        rules(&serde_json::to_value(derived).unwrap(), "", &mut before);
        rules(&serde_json::to_value(schema::definition(kind)).unwrap(), "", &mut after);
        assert!(before.len() > 5, "{kind}");
        assert_eq!(before, after, "{kind}");
    }
}

#[test]
fn kube_judges_a_typed_object_alike() {
    macro_rules! judge {
        ($kind:ty, $old:expr, $broken:expr, $changed:expr) => {{
            let read = |object: Value| serde_json::from_value::<$kind>(object).unwrap();
            let old = read($old);
            assert!(old.validate_cel().is_ok());
            assert!(read(with_spec($old, $broken)).validate_cel().is_err());
            let changed = read(with_spec($old, $changed));
            assert!(changed.validate_cel().is_ok() && changed.validate_cel_update(&old).is_err());
            assert!(old.validate_cel_update(&old).is_ok());
        }};
    }
    judge!(Workspace, workspace(), json!({"replicas": 2}), json!({"profile": "FAPI2Security"}));
    judge!(Client, client(), json!({"redirectUris": null}), json!({"clientId": "app"}));
    judge!(SigningKey, signing_key(), json!({"use": "enc"}), json!({"algorithm": "ES256"}));
}
