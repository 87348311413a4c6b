//! The files of `examples/gitops`.

use std::fmt::Write as _;
use std::fs;

use fapi_crds::{Client, Workspace};
use serde_json::Value;

use crate::script::folder;

fn script(name: &str) -> String {
    fs::read_to_string(folder().join("argocd").join(name)).unwrap()
}

/// As a block of YAML.
fn block(text: &str, indent: usize) -> String {
    text.lines().fold(String::new(), |mut block, line| {
        let indent = if line.is_empty() { 0 } else { indent };
        writeln!(block, "{:indent$}{line}", "").unwrap();
        block
    })
}

/// The ConfigMap, from the scripts.
fn config_map() -> String {
    let mut text = "# Made from health.lua and actions/: kubectl apply --server-side --field-manager=fapi -f argocd-cm.yaml\n\
        # adds it to the settings that Argo CD has.\n\
        apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: argocd-cm\n  namespace: argocd\n  \
        labels:\n    app.kubernetes.io/name: argocd-cm\n    app.kubernetes.io/part-of: argocd\ndata:\n"
        .to_owned();
    for kind in ["Client", "SigningKey", "Workspace"] {
        writeln!(text, "  resource.customizations.health.fapi.rs_{kind}: |").unwrap();
        text += &block(&script("health.lua"), 4);
        let actions: &[&str] = match kind {
            "Client" => continue,
            "SigningKey" => &["suspend", "resume", "rotate"],
            _ => &["suspend", "resume"],
        };
        writeln!(text, "  resource.customizations.actions.fapi.rs_{kind}: |\n    discovery.lua: |").unwrap();
        text += &block(&script("actions/discovery.lua"), 6);
        text += "    definitions:\n";
        for action in actions {
            writeln!(text, "    - name: {action}\n      action.lua: |").unwrap();
            text += &block(&script(&format!("actions/{action}.lua")), 8);
        }
    }
    text
}

#[test]
fn the_settings_for_argo_cd_hold_these_scripts() {
    let path = folder().join("argocd/argocd-cm.yaml");
    let made = config_map();
    if std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
        fs::write(&path, &made).unwrap();
    }
    let message = "argocd-cm.yaml is not made from the scripts; run: INSTA_UPDATE=always cargo test -p fapi-tests --test gitops";
    assert!(fs::read_to_string(path).is_ok_and(|found| found == made), "{message}");
    let map: Value = serde_saphyr::from_str(&made).unwrap();
    for (name, setting) in map["data"].as_object().unwrap() {
        let setting = setting.as_str().unwrap();
        if name.contains(".actions.") {
            let actions: Value = serde_saphyr::from_str(setting).unwrap();
            assert_eq!(actions["discovery.lua"], script("actions/discovery.lua"));
            for action in actions["definitions"].as_array().unwrap() {
                let source = script(&format!("actions/{}.lua", action["name"].as_str().unwrap()));
                assert_eq!(action["action.lua"], source);
            }
        } else {
            assert_eq!(setting, script("health.lua"));
        }
    }
}

/// Everything that a Kustomization names is there, and is what it says.
#[test]
fn the_repository_is_whole() {
    let retail = folder().join("workspaces/retail");
    let read = |name: &str| fs::read_to_string(retail.join(name)).unwrap();
    let kustomization: Value = serde_saphyr::from_str(&read("kustomization.yaml")).unwrap();
    let resources = kustomization["resources"].as_array().unwrap();
    let names: Vec<&str> = resources.iter().map(|name| name.as_str().unwrap()).collect();
    assert_eq!(names, ["namespace.yaml", "workspace.yaml", "clients/ledger.yaml"]);
    let workspace: Workspace = serde_saphyr::from_str(&read("workspace.yaml")).unwrap();
    let client: Client = serde_saphyr::from_str(&read("clients/ledger.yaml")).unwrap();
    assert_eq!(workspace.metadata.name.as_deref(), Some(client.spec.workspace_ref.name.as_str()));
    for file in ["argocd/applications.yaml", "flux/operator.yaml", "flux/workspaces.yaml"] {
        let text = fs::read_to_string(folder().join(file)).unwrap();
        let documents: Vec<Value> = serde_saphyr::from_multiple(&text).unwrap();
        assert_eq!(documents.len(), 2, "{file}");
        for document in documents {
            let to = document.pointer("/spec/path").or_else(|| document.pointer("/spec/source/path"));
            let to = to.or_else(|| document.pointer("/spec/chart/spec/chart"));
            let Some(to) = to.and_then(Value::as_str) else { continue };
            let to = to.trim_start_matches("./");
            let here = folder();
            assert!(here.join(to).is_dir() || here.join("../..").join(to).is_dir(), "{file}: {to}");
        }
    }
}
