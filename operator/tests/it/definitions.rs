//! The program itself, with the rights of its manifests, in a cluster whose definitions are older.

use std::process::Stdio;

use fapi_crds::{ConditionType, Kind, Workspace, schema};
use fapi_operator::definitions::served;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use tempfile::NamedTempFile;
use tokio::process::{Child, Command};

use crate::cluster::{Cluster, KUBECONFIG, install_crds};
use crate::rights::{grant, role, withdraw};
use crate::wait::until;

/// F-C06, K-08: it may not read definitions, and knows all the same what they lack.
#[tokio::test]
#[ignore = "needs a control plane"]
async fn an_operator_refuses_definitions_that_lack_a_field_and_starts_when_they_are_replaced() {
    let cluster = Cluster::alone("definitions").await;
    grant(&cluster, role()).await;
    let kubeconfig = kubeconfig(&cluster);
    install_outdated(&cluster).await;
    let refused = start(&cluster, &kubeconfig).wait_with_output().await.unwrap();
    let said = [refused.stdout, refused.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert_eq!(refused.status.code(), Some(1), "{said}");
    for told in [
        "workspaces.fapi.rs lacks spec.deletionProtection;",
        "helm upgrade of the chart of this version (crds.enabled), or kubectl apply --server-side -f crds/",
    ] {
        assert!(said.contains(told), "{said}");
    }

    // Started in the moment in which they are replaced, as Helm does.
    let mut started = start(&cluster, &kubeconfig);
    install_crds(&cluster.client).await;
    cluster.workspace("retail", json!({})).await;
    cluster.condition::<Workspace>("retail", ConditionType::Accepted, "True").await;
    started.kill().await.unwrap();
    withdraw(&cluster).await;
    cluster.end().await;
}

/// Definitions of a version without `spec.deletionProtection`; returns when the API server says so.
async fn install_outdated(cluster: &Cluster) {
    let mut older = serde_json::to_value(schema::definition(Kind::Workspace)).unwrap();
    let fields = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties";
    older.pointer_mut(fields).and_then(Value::as_object_mut).unwrap().remove("deletionProtection").unwrap();
    let definitions = Api::<CustomResourceDefinition>::all(cluster.client.clone());
    let params = PatchParams::apply("a-person").force();
    definitions.patch("workspaces.fapi.rs", &params, &Patch::Apply(&older)).await.unwrap();
    until("the older definition to be served", async || {
        let served = served(&cluster.client).await.unwrap();
        (!schema::compare(Kind::Workspace, served.get(&Kind::Workspace)?).is_enough()).then_some(())
    })
    .await;
}

/// Of the `ServiceAccount` that [`grant`] gives the rules to.
fn kubeconfig(cluster: &Cluster) -> NamedTempFile {
    let text = std::fs::read_to_string(std::env::var(KUBECONFIG).unwrap()).unwrap();
    let mut config: Value = serde_yaml::from_str(&text).unwrap();
    let user = &mut config["users"][0]["user"];
    user["as"] = format!("system:serviceaccount:{}:operator", cluster.namespace).into();
    user["as-groups"] = json!(["system:serviceaccounts", "system:authenticated"]);
    let file = NamedTempFile::new().unwrap();
    std::fs::write(file.path(), config.to_string()).unwrap();
    file
}

fn start(cluster: &Cluster, kubeconfig: &NamedTempFile) -> Child {
    Command::new(env!("CARGO_BIN_EXE_fapi-operator"))
        .env("KUBECONFIG", kubeconfig.path())
        .args(["--server-image=localhost/fapi-operator:test", "--metrics-listen=127.0.0.1:0"])
        .args(["--log-format=text", "--leader-election=false", "--watch-namespaces", &cluster.namespace])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}
