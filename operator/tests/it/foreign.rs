//! Objects that this version cannot read, as a definition of another version lets them in.

use fapi_crds::{Client as FapiClient, ConditionType, Workspace};
use fapi_operator::readable::Readable;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use crate::cluster::{Cluster, install_crds};
use crate::wait::until;

/// Makes a definition one that takes anything.
async fn lax(cluster: &Cluster, plural: &str) {
    let api = Api::<CustomResourceDefinition>::all(cluster.client.clone());
    let name = format!("{plural}.fapi.rs");
    let found = api.get(&name).await.unwrap();
    let anything = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    let schema =
        json!({"openAPIV3Schema": {"type": "object", "properties": {"spec": anything, "status": anything}}});
    let mut crd = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": name}, "spec": serde_json::to_value(&found.spec).unwrap(),
    });
    crd["spec"]["versions"][0]["schema"] = schema;
    crd["spec"]["versions"][0]["selectableFields"] = json!([]);
    api.patch(&name, &PatchParams::apply("a-person").force(), &Patch::Apply(&crd)).await.unwrap();
}

/// Edits a spec until the API server, which learns of a definition a little later, takes it.
async fn edit<K>(cluster: &Cluster, name: &str, spec: Value)
where
    K: fapi_operator::readable::Salvage<Scope = kube::core::NamespaceResourceScope> + Clone + std::fmt::Debug,
{
    let patch = json!({"spec": spec});
    until("the edit to be taken", async || {
        let objects = cluster.api::<Readable<K>>();
        objects.patch(name, &PatchParams::default(), &Patch::Merge(&patch)).await.ok().map(|_| ())
    })
    .await;
}

async fn served(cluster: &Cluster) -> Vec<(String, bool)> {
    let published = cluster.published("retail").await.unwrap();
    assert!(published.document.tombstones.is_empty(), "nobody was deleted");
    let clients = published.clients.iter();
    let mut served: Vec<_> = clients.map(|client| (client.client_id.to_string(), client.enabled)).collect();
    served.sort();
    served
}

/// K-12: what no definition of ours would have let in is refused and named, what was published before goes on, also under an operator that never saw it
/// whole, and nobody beside it notices.
#[tokio::test]
#[ignore = "needs a control plane"]
async fn an_object_that_cannot_be_read_holds_back_itself_alone() {
    let cluster = Cluster::alone("foreign").await;
    let operator = cluster.operator().await;
    cluster.retail_with_app().await;
    let app = format!("{}.app", cluster.namespace);
    lax(&cluster, "clients").await;
    edit::<FapiClient>(&cluster, "app", json!({"auth": {"method": "telepathy"}})).await;
    let told = async || {
        let says = "spec.auth.method: this version of the operator cannot read it; what was published before";
        until("the condition to say so", async || {
            let client = cluster.api::<Readable<FapiClient>>().get("app").await.unwrap().0;
            let found =
                fapi_crds::condition::find(&client.status?.conditions, ConditionType::Accepted)?.clone();
            (found.status == "False" && found.message.starts_with(says)).then_some(())
        })
        .await;
    };
    told().await;
    assert_eq!(served(&cluster).await, [(app.clone(), true)]);
    cluster.client_with_keys("beside", "retail").await;
    cluster.condition::<FapiClient>("beside", ConditionType::Programmed, "True").await;

    operator.kill().await;
    let operator = cluster.operator().await;
    cluster.client_with_keys("later", "retail").await;
    cluster.condition::<FapiClient>("later", ConditionType::Programmed, "True").await;
    let three = ["app", "beside", "later"].map(|name| (format!("{}.{name}", cluster.namespace), true));
    assert_eq!(served(&cluster).await, three);

    // What can be read of it counts.
    edit::<FapiClient>(&cluster, "app", json!({"enabled": false})).await;
    until("it to be refused", async || served(&cluster).await.contains(&(app.clone(), false)).then_some(()))
        .await;
    edit::<FapiClient>(&cluster, "app", json!({"enabled": true, "auth": {"method": "private_key_jwt"}}))
        .await;
    install_crds(&cluster.client).await;
    cluster.condition::<FapiClient>("app", ConditionType::Programmed, "True").await;

    lax(&cluster, "workspaces").await;
    let before = cluster.revision("retail").await;
    edit::<Workspace>(&cluster, "retail", json!({"profile": "Of2030"})).await;
    until("the Workspace to say so", async || {
        let workspace = cluster.api::<Readable<Workspace>>().get("retail").await.unwrap().0;
        let stalled =
            fapi_crds::condition::find(&workspace.status?.conditions, ConditionType::Stalled)?.clone();
        (stalled.status == "True" && stalled.message.contains("spec.profile: this version")).then_some(())
    })
    .await;
    assert_eq!(cluster.revision("retail").await, before);
    edit::<Workspace>(&cluster, "retail", json!({"profile": "Fintech"})).await;
    install_crds(&cluster.client).await;
    cluster.workspace_is_ready("retail").await;
    drop(operator);
    cluster.end().await;
}
