//! A namespace of one's own on the control plane, an operator that watches it, and words for what is done there.

use std::fmt::Debug;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use fapi_config::{Bundle, Files, Loaded};
use fapi_crds::condition::find;
use fapi_crds::{Client as FapiClient, ConditionType, SigningKey, Workspace};
use fapi_operator::client::Deadlines;
use fapi_operator::clock::Clock;
use fapi_operator::context::Settings;
use fapi_operator::leader::Leadership;
use fapi_operator::metrics::Metrics;
use fapi_operator::queue::Pace;
use fapi_operator::rotate::Floors;
use fapi_operator::run::Operator;
use fapi_operator::serve::Health;
use fapi_operator::watch::{Scope, Switches};
use futures::StreamExt as _;
use k8s_openapi::api::core::v1::{Namespace, Pod, ResourceRequirements, Secret};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::NamespaceResourceScope;
use kube::{Api, Client, Config, Resource};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};
use tokio::task::JoinHandle;

use crate::clock::Shifted;
use crate::kubelet::Kubelet;
use crate::proxy::Proxy;
use crate::rights;
use crate::wait::until;

/// As in production.
const RESYNC: Duration = Settings::RESYNC;
/// So short that a test can wait for it.
pub(crate) const WATCH: Duration = Duration::from_secs(5);
/// Longer than any answer takes on a busy machine, and short enough to be waited for.
const DEADLINES: Deadlines = Deadlines { begin: Duration::from_secs(5), rest: Duration::from_secs(5) };

pub(crate) const KUBECONFIG: &str = "FAPI_TEST_CONTROL_PLANE_KUBECONFIG";

/// Tests run side by side, but for one that changes what is the whole cluster's.
static EVERYBODY: LazyLock<Arc<RwLock<()>>> = LazyLock::new(Arc::default);

/// Whether others run beside this test.
enum Turn {
    Shared { _turn: OwnedRwLockReadGuard<()> },
    Alone { _turn: OwnedRwLockWriteGuard<()> },
}

/// A namespace, its stand-in nodes, and what operators have asked of the API server.
pub(crate) struct Cluster {
    pub(crate) client: Client,
    pub(crate) namespace: String,
    pub(crate) kubelet: Kubelet,
    /// Everybody's but that of Kubernetes.
    pub(crate) clock: Arc<Shifted>,
    config: Config,
    _turn: Turn,
}

/// An operator that runs until it is dropped.
pub(crate) struct Running {
    /// Before the API server, and what was asked of it.
    pub(crate) proxy: Proxy,
    task: JoinHandle<()>,
}

impl Running {
    /// Ends it at once, wherever it is.
    pub(crate) async fn kill(self) {
        self.task.abort();
        while !self.task.is_finished() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Cluster {
    /// A namespace with stand-in nodes.
    pub(crate) async fn start(name: &str) -> Self {
        Self::begin(name, Turn::Shared { _turn: EVERYBODY.clone().read_owned().await }).await
    }

    /// The same, for a test that changes definitions, policies or the like, or that counts what happens when nothing does: no other
    /// runs meanwhile.
    pub(crate) async fn alone(name: &str) -> Self {
        Self::begin(name, Turn::Alone { _turn: EVERYBODY.clone().write_owned().await }).await
    }

    async fn begin(name: &str, turn: Turn) -> Self {
        let _ = tracing_subscriber::fmt()
            .with_test_writer()
            .with_env_filter("info,fapi_operator=debug")
            .try_init();
        let path = std::env::var(KUBECONFIG)
            .unwrap_or_else(|_| panic!("set {KUBECONFIG}, or use tests/run control-plane"));
        let kubeconfig = Kubeconfig::read_from(path).unwrap();
        let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
        let client = Client::try_from(config.clone()).unwrap();
        install_crds(&client).await;
        let mut bytes = [0; 4];
        aws_lc_rs::rand::fill(&mut bytes).unwrap();
        let namespace = format!("oprun-{name}-{:08x}", u32::from_le_bytes(bytes));
        let made: Namespace = serde_json::from_value(json!({"metadata": {"name": namespace}})).unwrap();
        Api::<Namespace>::all(client.clone()).create(&PostParams::default(), &made).await.unwrap();
        rights::grant_everybody(&client).await;
        let clock = Arc::new(Shifted::default());
        let kubelet = Kubelet::start(client.clone(), &namespace, clock.clone());
        Self { client, namespace, kubelet, clock, config, _turn: turn }
    }

    /// Somebody else's view of the API server.
    pub(crate) fn as_user(&self, user: &str) -> Client {
        let mut config = self.config.clone();
        config.auth_info.impersonate = Some(user.to_owned());
        config.auth_info.impersonate_groups = Some(vec!["system:authenticated".to_owned()]);
        Client::try_from(config).unwrap()
    }

    /// A namespace beside this one, without nodes.
    pub(crate) async fn another_namespace(&self, name: &str) -> String {
        let namespace = format!("{}-{name}", self.namespace);
        let made: Namespace = serde_json::from_value(json!({"metadata": {"name": namespace}})).unwrap();
        Api::<Namespace>::all(self.client.clone()).create(&PostParams::default(), &made).await.unwrap();
        namespace
    }

    /// Leaves another namespace to be removed.
    pub(crate) async fn remove(&self, namespace: &str) {
        let namespaces = Api::<Namespace>::all(self.client.clone());
        namespaces.delete(namespace, &DeleteParams::background()).await.unwrap();
    }

    /// A Secret for Clients of another namespace.
    pub(crate) async fn secret_in(&self, namespace: &str, name: &str, data: &[(&str, &str)]) {
        let data: serde_json::Map<String, Value> =
            data.iter().map(|(key, value)| ((*key).to_owned(), (*value).into())).collect();
        let labels = json!({"fapi.rs/client-credentials": "true"});
        let body = json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "labels": labels}, "stringData": data,
        });
        let params = PatchParams::apply("a-person").force();
        let secrets = Api::<Secret>::namespaced(self.client.clone(), namespace);
        secrets.patch(name, &params, &Patch::Apply(&body)).await.unwrap();
    }

    /// Leaves the namespace to be removed.
    pub(crate) async fn end(self) {
        let namespaces = Api::<Namespace>::all(self.client.clone());
        namespaces.delete(&self.namespace, &DeleteParams::background()).await.unwrap();
    }

    /// An operator that leads.
    pub(crate) async fn operator(&self) -> Running {
        self.operator_with(Leadership::always()).await
    }

    /// An operator that leads as long as it is told.
    pub(crate) async fn operator_with(&self, leadership: Leadership) -> Running {
        let proxy = Proxy::start(self.config_of_the_operator()).await;
        self.operator_behind(proxy, leadership, RESYNC)
    }

    /// An operator whose API server may fail, and that looks at everything again after this time.
    pub(crate) fn operator_behind(&self, proxy: Proxy, leadership: Leadership, resync: Duration) -> Running {
        self.run(proxy, leadership, Settings { scope: self.scope(), resync, ..settings() })
    }

    /// An operator that was told to use kinds of others.
    pub(crate) async fn operator_using(&self, integrations: Switches) -> Running {
        let proxy = Proxy::start(self.config_of_the_operator()).await;
        self.run(proxy, Leadership::always(), Settings { scope: self.scope(), integrations, ..settings() })
    }

    /// An operator that may do everything.
    pub(crate) async fn operator_of_an_administrator(&self) -> Running {
        let proxy = Proxy::start(self.config.clone()).await;
        self.operator_behind(proxy, Leadership::always(), RESYNC)
    }

    fn scope(&self) -> Scope {
        Scope::Namespaces { workspaces: vec![self.namespace.clone()], clients: Vec::new() }
    }

    /// An operator that leads, for the whole cluster.
    pub(crate) async fn operator_everywhere(&self) -> Running {
        let proxy = Proxy::start(self.config_of_the_operator()).await;
        self.run(proxy, Leadership::always(), settings())
    }

    /// An operator with the rights of a `ServiceAccount`, for the whole cluster.
    pub(crate) async fn operator_as(&self, namespace: &str, account: &str) -> Running {
        let mut config = self.config.clone();
        config.auth_info.impersonate = Some(format!("system:serviceaccount:{namespace}:{account}"));
        let groups = ["system:serviceaccounts", "system:authenticated"].map(str::to_owned);
        config.auth_info.impersonate_groups = Some(groups.into());
        self.run(Proxy::start(config).await, Leadership::always(), settings())
    }

    /// With the rights of the manifests and no other.
    pub(crate) fn config_of_the_operator(&self) -> Config {
        let mut config = self.config.clone();
        config.auth_info.impersonate = Some(rights::user(&self.namespace));
        let groups = [rights::GROUP, "system:authenticated"].map(str::to_owned);
        config.auth_info.impersonate_groups = Some(groups.into());
        config
    }

    fn run(&self, proxy: Proxy, leadership: Leadership, settings: Settings) -> Running {
        let metrics = Metrics::default();
        let client = fapi_operator::client::build(proxy.config(), DEADLINES, metrics.clone()).unwrap();
        let clock: Arc<dyn Clock> = self.clock.clone();
        let operator = Operator {
            client,
            clock: clock.clone(),
            settings: Settings { watch: WATCH, ..settings },
            pace: Pace { debounce: Duration::from_millis(50), concurrency: 4 },
            leadership,
            address: self.kubelet.address(),
            instance: None,
            metrics,
            health: Arc::new(Health::new(clock)),
        };
        Running { proxy, task: tokio::spawn(operator.run()) }
    }

    pub(crate) fn api<K>(&self) -> Api<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// As `kubectl apply --server-side` does.
    pub(crate) async fn apply<K>(&self, name: &str, body: Value) -> K
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug,
    {
        let mut body = body;
        body["apiVersion"] = K::api_version(&()).into();
        body["kind"] = K::kind(&()).into();
        body["metadata"]["name"] = name.into();
        let params = PatchParams::apply("a-person").force();
        self.api::<K>().patch(name, &params, &Patch::Apply(&body)).await.unwrap()
    }

    pub(crate) async fn delete<K>(&self, name: &str)
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug,
    {
        self.api::<K>().delete(name, &DeleteParams::background()).await.unwrap();
    }

    /// A Secret, labelled for Clients or not.
    pub(crate) async fn secret(&self, name: &str, data: &[(&str, &str)], labelled: bool) {
        let labels = if labelled { json!({"fapi.rs/client-credentials": "true"}) } else { json!({}) };
        let data: serde_json::Map<String, Value> =
            data.iter().map(|(key, value)| ((*key).to_owned(), (*value).into())).collect();
        self.apply::<Secret>(name, json!({"metadata": {"labels": labels}, "stringData": data})).await;
    }

    /// A Workspace with everything of its own making, and one person.
    pub(crate) async fn workspace(&self, name: &str, more: Value) {
        self.secret("people", &[("users.yaml", PEOPLE)], false).await;
        let mut spec = json!({
            "issuer": format!("https://{name}.bank.example"),
            "profile": "Fintech",
            "mtls": {"port": 9443},
            "tls": {"selfSigned": {}},
            "login": {"type": "Users", "users": {"secretRef": {"name": "people", "key": "users.yaml"}}},
            "storage": {"type": "SQLite"},
            "protocol": {"signingAlgorithms": ["ES256"]},
            "scopes": [{"name": "accounts"}],
        });
        for (key, value) in more.as_object().unwrap() {
            spec[key] = value.clone();
        }
        self.apply::<Workspace>(name, json!({"spec": spec})).await;
    }

    /// A Client with its JWKS in the Secret `<name>-jwks`, which is another's to make.
    pub(crate) async fn fapi_client(&self, name: &str, workspace: &str) {
        let spec = json!({
            "workspaceRef": {"name": workspace},
            "auth": {"method": "private_key_jwt", "jwksRef": {"name": format!("{name}-jwks"), "key": "jwks.json"}},
            "redirectUris": {"values": [format!("https://{name}.example/callback")]},
            "scopes": ["openid", "accounts"],
        });
        self.apply::<FapiClient>(name, json!({"spec": spec})).await;
    }

    /// The JWKS of a Client.
    pub(crate) async fn jwks(&self, name: &str, labelled: bool) {
        self.secret(&format!("{name}-jwks"), &[("jwks.json", &jwks())], labelled).await;
    }

    /// A Client that lacks nothing.
    pub(crate) async fn client_with_keys(&self, name: &str, workspace: &str) {
        self.jwks(name, true).await;
        self.fapi_client(name, workspace).await;
    }

    /// So many Clients with a Secret each, `client-0` and so on, a few at the same time.
    pub(crate) async fn clients(&self, workspace: &str, count: usize) {
        let keys = jwks();
        let made = futures::stream::iter(0..count).map(|number| {
            let (name, keys) = (format!("client-{number}"), keys.clone());
            async move {
                self.secret(&format!("{name}-jwks"), &[("jwks.json", &keys)], true).await;
                self.fapi_client(&name, workspace).await;
            }
        });
        made.buffer_unordered(16).collect::<Vec<()>>().await;
    }

    /// Waits until so many Clients work.
    pub(crate) async fn all_programmed(&self, count: usize) {
        until("all Clients to work", async || {
            let clients = self.api::<FapiClient>().list(&ListParams::default()).await.unwrap();
            let works = |client: &FapiClient| {
                let conditions = client.status.as_ref().map_or(&[][..], |status| &status.conditions);
                fapi_crds::condition::is_true(conditions, ConditionType::Programmed)
            };
            (clients.iter().filter(|client| works(client)).count() == count).then_some(())
        })
        .await;
    }

    /// The Workspace `retail`, once it serves.
    pub(crate) async fn retail(&self) {
        self.workspace("retail", json!({})).await;
        self.workspace_is_ready("retail").await;
    }

    /// The Workspace `retail` and its Client `app`, once both work.
    pub(crate) async fn retail_with_app(&self) {
        self.workspace("retail", json!({})).await;
        self.client_with_keys("app", "retail").await;
        self.workspace_is_ready("retail").await;
        self.condition::<FapiClient>("app", ConditionType::Programmed, "True").await;
    }

    /// Waits until a condition has a status; returns it.
    pub(crate) async fn condition<K: HasConditions>(
        &self,
        name: &str,
        type_: ConditionType,
        status: &str,
    ) -> Condition {
        self.there(&self.namespace).condition::<K>(name, type_, status).await
    }

    /// Waits until a condition has a reason; returns it.
    pub(crate) async fn reason<K: HasConditions>(
        &self,
        name: &str,
        type_: ConditionType,
        reason: &str,
    ) -> Condition {
        self.there(&self.namespace).reason::<K>(name, type_, reason).await
    }

    /// What is in a namespace.
    pub(crate) fn there(&self, namespace: &str) -> There {
        There { client: self.client.clone(), namespace: namespace.to_owned() }
    }

    pub(crate) async fn workspace_is_ready(&self, name: &str) {
        self.condition::<Workspace>(name, ConditionType::Ready, "True").await;
    }

    /// What is published, read as a server reads it.
    pub(crate) async fn published(&self, workspace: &str) -> Option<Loaded> {
        Bundle::read(&self.files(workspace).await).ok()
    }

    /// The files of the published revision.
    pub(crate) async fn files(&self, workspace: &str) -> Files {
        let mut files = Files::default();
        let labels = ListParams::default().labels(&format!("fapi.rs/workspace={workspace}"));
        for secret in self.api::<Secret>().list(&labels).await.unwrap() {
            for (name, bytes) in secret.data.unwrap_or_default() {
                files.insert(name, bytes.0);
            }
        }
        for (_, bytes) in self.api::<Secret>().get("people").await.unwrap().data.unwrap() {
            files.insert("users.json", bytes.0);
        }
        files
    }

    /// The name of the one pod of a Workspace.
    pub(crate) async fn pod(&self, workspace: &str) -> String {
        let labels = ListParams::default().labels(&format!("fapi.rs/workspace={workspace}"));
        let pods = self.api::<Pod>().list(&labels).await.unwrap().items;
        assert_eq!(pods.len(), 1);
        pods.into_iter().next().unwrap().metadata.name.unwrap()
    }

    /// Something that wakes the operator and means nothing.
    pub(crate) async fn touch(&self, workspace: &str) {
        let patch = json!({"metadata": {"annotations": {"example.com/touched": "now"}}});
        let workspaces = self.api::<Workspace>();
        workspaces.patch(workspace, &PatchParams::default(), &Patch::Merge(&patch)).await.unwrap();
    }

    pub(crate) async fn revision(&self, workspace: &str) -> Option<u64> {
        Some(self.published(workspace).await?.manifest.revision)
    }

    /// Waits until operators have nothing left to ask.
    pub(crate) async fn quiet(&self, proxy: &Proxy) {
        let mut before = proxy.len();
        until("quiet", async || {
            tokio::time::sleep(Duration::from_secs(3)).await;
            let now = proxy.len();
            let quiet = now == before;
            before = now;
            quiet.then_some(())
        })
        .await;
    }
}

/// A namespace, looked at.
pub(crate) struct There {
    client: Client,
    namespace: String,
}

impl There {
    /// Waits until a condition has a status; returns it.
    pub(crate) async fn condition<K: HasConditions>(
        &self,
        name: &str,
        type_: ConditionType,
        status: &str,
    ) -> Condition {
        self.condition_where::<K>(name, type_, |condition| condition.status == status, status).await
    }

    /// Waits until a condition has a reason; returns it.
    pub(crate) async fn reason<K: HasConditions>(
        &self,
        name: &str,
        type_: ConditionType,
        reason: &str,
    ) -> Condition {
        self.condition_where::<K>(name, type_, |condition| condition.reason == reason, reason).await
    }

    async fn condition_where<K: HasConditions>(
        &self,
        name: &str,
        type_: ConditionType,
        test: impl Fn(&Condition) -> bool,
        what: &str,
    ) -> Condition {
        let objects = Api::<K>::namespaced(self.client.clone(), &self.namespace);
        let last = Mutex::new(None);
        let found = tokio::time::timeout(
            Duration::from_secs(230),
            until(what, async || {
                let object = objects.get_opt(name).await.unwrap()?;
                let current = object.meta().generation;
                *last.lock().unwrap() = Some(object.conditions().to_vec());
                let condition = find(object.conditions(), type_)?;
                (condition.observed_generation == current && test(condition)).then(|| condition.clone())
            }),
        )
        .await;
        found.unwrap_or_else(|_| panic!("{name} has no {type_} {what}: {:#?}", last.lock().unwrap()))
    }
}

/// What an operator is told.
pub(crate) fn settings() -> Settings {
    Settings {
        scope: Scope::Cluster,
        integrations: Switches::default(),
        build: fapi_operator::build::Settings {
            image: "localhost/fapi-operator:test".to_owned(),
            version: "0.0.0-test".to_owned(),
            resources: ResourceRequirements::default(),
            operator: fapi_operator::build::OwnPods::default(),
        },
        floors: Floors::PRODUCTION,
        admission_policies: true,
        resync: Settings::RESYNC,
        watch: Settings::WATCH,
    }
}

/// One of the three kinds.
pub(crate) trait HasConditions:
    Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Serialize + Debug
{
    fn conditions(&self) -> &[Condition];
}

macro_rules! has_conditions {
    ($($kind:ty),+) => {
        $(impl HasConditions for $kind {
            fn conditions(&self) -> &[Condition] {
                self.status.as_ref().map_or(&[], |status| &status.conditions)
            }
        })+
    };
}

has_conditions!(FapiClient, SigningKey, Workspace);

/// A client's public keys.
pub(crate) fn jwks() -> String {
    let key = fapi_jose::SigningKey::generate(fapi_jose::Alg::Es256, 2048).unwrap();
    json!({"keys": [key.public()]}).to_string()
}

/// The definitions as they ship.
pub(crate) async fn install_crds(client: &Client) {
    let api = Api::<CustomResourceDefinition>::all(client.clone());
    for file in ["workspaces", "clients", "signingkeys"] {
        let path = format!("{}/../crds/{file}.yaml", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let crd: Value = serde_yaml::from_str(&text).unwrap();
        let name = crd["metadata"]["name"].as_str().unwrap().to_owned();
        api.patch(&name, &PatchParams::apply("a-person").force(), &Patch::Apply(&crd)).await.unwrap();
        until("the definitions", async || {
            let status = api.get(&name).await.unwrap().status?;
            let mut conditions = status.conditions?.into_iter();
            conditions
                .any(|condition| condition.type_ == "Established" && condition.status == "True")
                .then_some(())
        })
        .await;
    }
}

const PEOPLE: &str = "alice:
  sub: sub-alice
  password: $argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21l$MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI
";
