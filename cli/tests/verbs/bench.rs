//! A namespace of one's own on a real API server, and the program as a person runs it. No operator: what one would have written
//! is written by the test.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};

use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::GroupVersionKind;
use kube::{Client, Config};
use serde_json::{Value, json};

const KUBECONFIG: &str = "FAPI_TEST_CONTROL_PLANE_KUBECONFIG";

/// A namespace of one's own.
pub(crate) struct Bench {
    pub(crate) client: Client,
    pub(crate) namespace: String,
    kubeconfig: String,
}

/// What the program said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl Bench {
    pub(crate) async fn start(name: &str) -> Bench {
        let kubeconfig = std::env::var(KUBECONFIG)
            .unwrap_or_else(|_| panic!("set {KUBECONFIG}, or use tests/run control-plane"));
        let read = Kubeconfig::read_from(&kubeconfig).unwrap();
        let config = Config::from_custom_kubeconfig(read, &KubeConfigOptions::default()).await.unwrap();
        let client = Client::try_from(config).unwrap();
        definitions(&client).await;
        let namespace = namespace(&client, name).await;
        Bench { client, namespace, kubeconfig }
    }

    /// Another namespace for the same program.
    pub(crate) async fn another(&self, name: &str) -> Bench {
        Bench {
            client: self.client.clone(),
            namespace: namespace(&self.client, name).await,
            kubeconfig: self.kubeconfig.clone(),
        }
    }

    /// Leaves the namespace to be removed.
    pub(crate) async fn end(self) {
        let namespaces: Api<Namespace> = Api::all(self.client.clone());
        namespaces.delete(&self.namespace, &DeleteParams::background()).await.unwrap();
    }

    /// The API for objects like this one.
    pub(crate) fn api(&self, object: &Value) -> Api<DynamicObject> {
        let (group, version) = {
            let text = object["apiVersion"].as_str().unwrap();
            text.split_once('/').unwrap_or(("", text))
        };
        let kind = GroupVersionKind::gvk(group, version, object["kind"].as_str().unwrap());
        Api::namespaced_with(self.client.clone(), &self.namespace, &ApiResource::from_gvk(&kind))
    }

    /// As `kubectl apply --server-side` does; the status, if there is one, as the operator does.
    pub(crate) async fn apply(&self, object: &Value) -> DynamicObject {
        self.apply_as(object, "a-person").await
    }

    pub(crate) async fn apply_as(&self, object: &Value, manager: &str) -> DynamicObject {
        let api = self.api(object);
        let name = object["metadata"]["name"].as_str().unwrap();
        let mut body = object.clone();
        let status = body.as_object_mut().unwrap().remove("status");
        let params = PatchParams::apply(manager).force();
        let applied = api.patch(name, &params, &Patch::Apply(&body)).await;
        let applied = applied.unwrap_or_else(|error| panic!("{error}\n{body:#}"));
        let Some(mut status) = status else { return applied };
        if object["apiVersion"] == "fapi.rs/v1alpha1" && status.get("observedGeneration").is_none() {
            status["observedGeneration"] = applied.metadata.generation.into();
        }
        let patch = json!({"status": status});
        let written = api.patch_status(name, &PatchParams::default(), &Patch::Merge(&patch)).await;
        written.unwrap_or_else(|error| panic!("{error}\n{patch:#}"))
    }

    pub(crate) async fn get(&self, object: &Value) -> Value {
        let name = object["metadata"]["name"].as_str().unwrap();
        serde_json::to_value(self.api(object).get(name).await.unwrap()).unwrap()
    }

    /// `fapictl`, in this namespace.
    pub(crate) fn fapictl(&self, arguments: &[&str]) -> Said {
        self.fapictl_with(arguments, &self.kubeconfig)
    }

    pub(crate) fn fapictl_with(&self, arguments: &[&str], kubeconfig: &str) -> Said {
        let output = Command::new(env!("CARGO_BIN_EXE_fapictl"))
            .args(arguments)
            .args(["--kubeconfig", kubeconfig, "-n", &self.namespace])
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Said { code: output.status.code().unwrap(), out: text(&output.stdout), err: text(&output.stderr) }
    }

    /// A kubeconfig of somebody who may do nothing.
    pub(crate) fn powerless(&self) -> tempfile::NamedTempFile {
        use std::io::Write as _;
        let text = std::fs::read_to_string(&self.kubeconfig).unwrap();
        let mut config: Value = serde_yaml::from_str(&text).unwrap();
        config["users"][0]["user"]["as"] = "nobody-in-particular".into();
        let mut file = tempfile::NamedTempFile::new().unwrap();
        write!(file, "{config}").unwrap();
        file
    }
}

/// Everything that a Workspace with one Client needs, by `Kind/name`, with the statuses of a quiet day.
pub(crate) fn healthy(issuer: &str) -> BTreeMap<String, Value> {
    let fapi = |kind: &str, name: &str, spec: Value, status: Value| json!({"apiVersion": "fapi.rs/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec, "status": status});
    let ready = json!({"conditions": [condition("Ready", "True", "Ready", "everything is as it should be")]});
    let labels = json!({"fapi.rs/client-credentials": "true"});
    let objects = [
        secret("people", &json!({}), &json!({"users.yaml": PEOPLE})),
        secret("app", &labels, &json!({"jwks.json": jwks().to_string()})),
        fapi(
            "Workspace",
            "retail",
            json!({
                "issuer": issuer, "profile": "Fintech", "mtls": {"port": 9443}, "tls": {"selfSigned": {}},
                "login": {"type": "Users", "users": {"secretRef": {"name": "people", "key": "users.yaml"}}},
                "storage": {"type": "SQLite"}, "protocol": {"signingAlgorithms": ["ES256"]}, "scopes": [{"name": "accounts"}],
            }),
            ready.clone(),
        ),
        fapi(
            "Client",
            "app",
            json!({
                "workspaceRef": {"name": "retail"},
                "auth": {"method": "private_key_jwt", "jwksRef": {"name": "app", "key": "jwks.json"}},
                "redirectUris": {"values": ["https://app.example/callback"]}, "scopes": ["openid", "accounts"],
            }),
            ready.clone(),
        ),
        fapi(
            "SigningKey",
            "retail-sig-es256",
            json!({"workspaceRef": {"name": "retail"}, "algorithm": "ES256"}),
            ready,
        ),
    ];
    let key = |object: &Value| {
        format!("{}/{}", object["kind"].as_str().unwrap(), object["metadata"]["name"].as_str().unwrap())
    };
    objects.into_iter().map(|object| (key(&object), object)).collect()
}

pub(crate) fn secret(name: &str, labels: &Value, data: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "labels": labels}, "stringData": data})
}

/// A condition that holds since a moment ago.
pub(crate) fn condition(type_: &str, status: &str, reason: &str, message: &str) -> Value {
    let now = fapictl::clock::now();
    let now = jiff::Timestamp::from_second(now).unwrap().to_string();
    json!({"type": type_, "status": status, "reason": reason, "message": message, "lastTransitionTime": now})
}

/// A client's public keys.
pub(crate) fn jwks() -> Value {
    let key = fapi_jose::SigningKey::generate(fapi_jose::Alg::Es256, 2048).unwrap();
    json!({"keys": [key.public()]})
}

const PEOPLE: &str = "alice:
  sub: sub-alice
  password: $argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21l$MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI
";

async fn namespace(client: &Client, name: &str) -> String {
    let wanted: Namespace =
        serde_json::from_value(json!({"metadata": {"generateName": format!("fapictl-{name}-")}})).unwrap();
    let namespaces: Api<Namespace> = Api::all(client.clone());
    namespaces.create(&PostParams::default(), &wanted).await.unwrap().metadata.name.unwrap()
}

async fn definitions(client: &Client) {
    use kube::runtime::wait::{await_condition, conditions::is_crd_established};
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    for kind in fapi_crds::Kind::ALL {
        let definition = fapi_crds::schema::definition(kind);
        let name = definition.metadata.name.clone().unwrap();
        let params = PatchParams::apply("a-person").force();
        api.patch(&name, &params, &Patch::Apply(&definition)).await.unwrap();
        await_condition(api.clone(), &name, is_crd_established()).await.unwrap();
    }
}
