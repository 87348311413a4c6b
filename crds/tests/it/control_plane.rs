//! What does a real API server say? The same objects that the rules are tried with, and what it makes of a new one.

use std::env;
use std::process::Command;
use std::time::Duration;

use fapi_crds::{Kind, schema};
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::GroupVersionKind;
use kube::runtime::wait::{await_condition, conditions::is_crd_established};
use kube::{Client, Config};
use serde_json::{Value, json};

use crate::support::{client, signing_key, workspace};

/// Set for the run of the rules' tests in which the API server is asked too: the namespace to ask in.
const NAMESPACE: &str = "FAPI_CRDS_ASK_IN_NAMESPACE";

/// What the API server says of a new object, or of a change from `old`; `None` when it is not to be asked.
pub(crate) fn verdict(object: &Value, old: Option<&Value>) -> Option<Result<(), String>> {
    let namespace = env::var(NAMESPACE).ok()?;
    Some(run(async {
        let kind = Kind::named(object["kind"].as_str().unwrap()).unwrap();
        let api = api(connect().await, kind, &namespace);
        let dry = PostParams { dry_run: true, field_manager: None };
        let Some(old) = old else {
            return api
                .create(&dry, &object_in(object, &namespace))
                .await
                .map(drop)
                .map_err(|error| error.to_string());
        };
        let mut unnamed = object_in(old, &namespace);
        unnamed.metadata.name = None;
        unnamed.metadata.generate_name = Some("update-".to_owned());
        let created = api.create(&PostParams::default(), &unnamed).await.unwrap();
        let name = created.metadata.name.clone().unwrap();
        let mut changed = object_in(object, &namespace);
        changed.metadata = created.metadata;
        let answer = api.replace(&name, &dry, &changed).await.map(drop).map_err(|error| error.to_string());
        api.delete(&name, &DeleteParams::default()).await.unwrap();
        answer
    }))
}

#[test]
#[ignore = "needs a control plane"]
fn the_api_server_gives_the_verdicts_that_are_given_offline() {
    run(in_a_namespace("crds-rules", async |_, namespace| {
        let rules = Command::new(env::current_exe().unwrap())
            .arg("_rules::")
            .env(NAMESPACE, namespace)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&rules.stdout);
        assert!(rules.status.success() && !said.contains(" 0 passed"), "{said}");
    }));
}

#[test]
#[ignore = "needs a control plane"]
fn a_new_object_has_its_defaults_loses_its_nulls_and_does_not_look_finished() {
    run(in_a_namespace("crds-new", async |cluster, namespace| {
        for (kind, mut object) in Kind::ALL.into_iter().zip([workspace(), client(), signing_key()]) {
            object["spec"]["unset"] = Value::Null;
            object["spec"]["server"] = Value::Null;
            let created = api(cluster.clone(), kind, &namespace);
            let created =
                created.create(&PostParams::default(), &object_in(&object, &namespace)).await.unwrap();
            assert_eq!(created.data["status"], json!({"observedGeneration": -1}), "{kind}");
            assert!(
                created.data["spec"].as_object().unwrap().values().all(|value| !value.is_null()),
                "{kind}"
            );
        }
        let workspace = api(cluster, Kind::Workspace, &namespace).get("retail").await.unwrap();
        assert_eq!(workspace.data["spec"]["replicas"], 1);
        assert_eq!(workspace.data["spec"]["server"]["terminationGracePeriodSeconds"], 45);
        assert_eq!(workspace.data["spec"].get("protocol"), None);
    }));
}

/// Runs something in a namespace of its own, with the definitions installed.
async fn in_a_namespace(name: &str, tried: impl AsyncFnOnce(Client, String)) {
    let cluster = connect().await;
    let definitions: Api<CustomResourceDefinition> = Api::all(cluster.clone());
    for kind in Kind::ALL {
        let definition = schema::definition(kind);
        let name = definition.metadata.name.clone().unwrap();
        definitions
            .patch(&name, &PatchParams::apply("fapi-crds-tests").force(), &Patch::Apply(&definition))
            .await
            .unwrap();
        let established = await_condition(definitions.clone(), &name, is_crd_established());
        tokio::time::timeout(Duration::from_mins(1), established)
            .await
            .expect("the definition is established")
            .unwrap();
    }
    let namespaces: Api<Namespace> = Api::all(cluster.clone());
    let wanted: Namespace =
        serde_json::from_value(json!({"metadata": {"generateName": format!("{name}-")}})).unwrap();
    let namespace = namespaces.create(&PostParams::default(), &wanted).await.unwrap().metadata.name.unwrap();
    tried(cluster, namespace.clone()).await;
    namespaces.delete(&namespace, &DeleteParams::default()).await.unwrap();
}

fn api(cluster: Client, kind: Kind, namespace: &str) -> Api<DynamicObject> {
    let kind_of = GroupVersionKind::gvk(fapi_crds::names::GROUP, fapi_crds::names::VERSION, kind.as_str());
    Api::namespaced_with(cluster, namespace, &ApiResource::from_gvk_with_plural(&kind_of, kind.plural()))
}

fn object_in(object: &Value, namespace: &str) -> DynamicObject {
    let mut object: DynamicObject = serde_json::from_value(object.clone()).unwrap();
    object.metadata.namespace = Some(namespace.to_owned());
    object
}

async fn connect() -> Client {
    let path = env::var("FAPI_TEST_CONTROL_PLANE_KUBECONFIG").expect("tests/run control-plane sets it");
    let config = Kubeconfig::read_from(path).unwrap();
    Client::try_from(Config::from_custom_kubeconfig(config, &KubeConfigOptions::default()).await.unwrap())
        .unwrap()
}

fn run<T>(something: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(something)
}
