//! `fapictl tree`: what belongs to a Workspace? From its spec down to the names of Secrets, never their content.

use std::collections::BTreeMap;

use fapi_crds::names::label;
use fapi_crds::{Client, ConditionType, Kind, SigningKey, Workspace, condition};
use fapi_operator::validate::references;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolumeClaim, Pod, Secret, Service};
use kube::api::ListParams;
use kube::core::NamespaceResourceScope;
use kube::{Api, Resource};
use serde::Serialize;

use super::condition::Conditioned;
use super::status::workspace_of;
use super::{Cluster, ClusterArgs, Scope, place, timely, word};
use crate::command::Output;
use crate::exit::{Exit, Stop};
use crate::screen::{self, Paint};

const EXAMPLES: &str = "Examples:
  fapictl tree retail
      Workspace, keys, pods, Clients, and the Secrets behind them, by name
  fapictl tree retail -n bank --context production
      in another cluster
  fapictl tree retail -o json
      {kind, namespace, name, state, children: […]}

Exit codes: 0 shown, 2 wrong usage, 3 the API server is away, 4 a right is missing.";

/// `fapictl tree`
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct TreeArgs {
    /// Name of a Workspace
    #[arg(value_name = "WORKSPACE")]
    workspace: String,
    #[command(flatten)]
    cluster: ClusterArgs,
}

/// An object, and what hangs on it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
struct Node {
    kind: String,
    namespace: String,
    name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    state: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    children: Vec<Node>,
}

/// Everything that was read.
#[derive(Default)]
struct Parts {
    lines: Vec<SigningKey>,
    clients: Vec<Client>,
    deployments: Vec<Deployment>,
    pods: Vec<Pod>,
    /// Name and labels.
    secrets: Vec<(String, BTreeMap<String, String>)>,
    others: Vec<Node>,
}

/// Asks, and prints.
pub(crate) async fn run(args: &TreeArgs, output: Output, paint: Paint) -> Result<Exit, Stop> {
    let cluster = args.cluster.connect().await?;
    let workspace: Workspace = cluster.one(&args.workspace).await?;
    let mut notes = Vec::new();
    let parts = gather(&cluster, &workspace, &mut notes).await?;
    let tree = grow(&workspace, &parts);
    match output {
        Output::Json => screen::print(&format!("{:#}", serde_json::json!(tree))),
        Output::Text => screen::print(&render(&tree, paint)),
    }
    for note in &notes {
        eprintln!("{} {note}", paint.bold("note:"));
    }
    Ok(Exit::Success)
}

async fn gather(cluster: &Cluster, workspace: &Workspace, notes: &mut Vec<String>) -> Result<Parts, Stop> {
    let (namespace, name) = place(workspace);
    let scope = Scope::Namespace(namespace.clone());
    let labels = format!("{}={name}", label::WORKSPACE);
    let mut lines: Vec<SigningKey> = cluster.list(&scope, None).await?;
    lines.retain(|line| line.spec.workspace_ref.name == name);
    let mut clients: Vec<Client> = cluster.list_widely(&namespace, notes).await?;
    clients.retain(|client| workspace_of(client) == (namespace.clone(), name.clone()));
    let mut parts = Parts {
        lines,
        clients,
        deployments: seen(cluster.list_if_allowed(&scope, Some(&labels)).await?, notes),
        pods: seen(cluster.list_if_allowed(&scope, Some(&labels)).await?, notes),
        ..Parts::default()
    };
    let services: Vec<Service> = seen(cluster.list_if_allowed(&scope, Some(&labels)).await?, notes);
    let claims: Vec<PersistentVolumeClaim> =
        seen(cluster.list_if_allowed(&scope, Some(&labels)).await?, notes);
    parts.others.extend(services.iter().map(|service| leaf(service, service_state(service))));
    parts.others.extend(claims.iter().map(|claim| {
        let phase = claim.status.as_ref().and_then(|status| status.phase.clone());
        leaf(claim, phase.unwrap_or_default())
    }));
    // Their names are enough, and all that is asked for.
    match names::<Secret>(cluster, &namespace, &labels).await {
        Ok(secrets) => parts.secrets = secrets,
        Err(error) => notes.push(format!("Secrets are not shown: {}", told(&error))),
    }
    if let Ok(maps) = names::<ConfigMap>(cluster, &namespace, &labels).await {
        let node = |(name, _): (String, _)| node("ConfigMap", &namespace, &name, String::new());
        parts.others.extend(maps.into_iter().map(node));
    }
    Ok(parts)
}

fn seen<K>(listed: Result<Vec<K>, String>, notes: &mut Vec<String>) -> Vec<K> {
    listed.unwrap_or_else(|why| {
        notes.push(why);
        Vec::new()
    })
}

fn told(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => status.message.clone(),
        other => other.to_string(),
    }
}

async fn names<K>(
    cluster: &Cluster,
    namespace: &str,
    labels: &str,
) -> Result<Vec<(String, BTreeMap<String, String>)>, kube::Error>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + serde::de::DeserializeOwned
        + std::fmt::Debug,
{
    let api: Api<K> = Api::namespaced(cluster.client.clone(), namespace);
    let listed = timely(api.list_metadata(&ListParams::default().labels(labels))).await?;
    let named = listed
        .items
        .into_iter()
        .map(|it| (it.metadata.name.unwrap_or_default(), it.metadata.labels.unwrap_or_default()));
    Ok(named.collect())
}

fn grow(workspace: &Workspace, parts: &Parts) -> Node {
    let (namespace, name) = place(workspace);
    let profile = word(&workspace.spec.profile);
    let state = format!("{}, {profile}, {}", ready(workspace), workspace.spec.issuer);
    let mut root = node(Kind::Workspace.as_str(), &namespace, &name, state);
    root.children.extend(parts.lines.iter().map(|line| of_line(line, &parts.secrets)));
    root.children.extend(parts.deployments.iter().map(|deployment| of_deployment(deployment, &parts.pods)));
    root.children.extend(parts.others.iter().cloned());
    let own = |labels: &BTreeMap<String, String>| !labels.contains_key(label::SIGNING_KEY);
    let secrets = parts.secrets.iter().filter(|(_, labels)| own(labels));
    root.children.extend(secrets.map(|(name, _)| node("Secret", &namespace, name, String::new())));
    root.children.extend(parts.clients.iter().map(of_client));
    root
}

fn of_line(line: &SigningKey, secrets: &[(String, BTreeMap<String, String>)]) -> Node {
    let (namespace, name) = place(line);
    let status = line.status.as_ref();
    let phase = status.and_then(|status| status.phase).map_or_else(|| "Pending".to_owned(), |it| word(&it));
    let state = format!("{}, {phase}", word(&line.spec.algorithm));
    let mut found = node(Kind::SigningKey.as_str(), &namespace, &name, state);
    let of_it = secrets.iter().filter(|(_, labels)| labels.get(label::SIGNING_KEY) == Some(&name));
    found.children.extend(of_it.map(|(name, labels)| {
        node("Secret", &namespace, name, labels.get(label::KEY_STATE).cloned().unwrap_or_default())
    }));
    found
}

fn of_deployment(deployment: &Deployment, pods: &[Pod]) -> Node {
    let status = deployment.status.as_ref();
    let ready = status.and_then(|status| status.ready_replicas).unwrap_or(0);
    let wanted = deployment.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1);
    let mut found = leaf(deployment, format!("{ready}/{wanted} ready"));
    found.children.extend(pods.iter().map(|pod| {
        let phase = pod.status.as_ref().and_then(|status| status.phase.clone());
        leaf(pod, phase.unwrap_or_default())
    }));
    found
}

fn of_client(client: &Client) -> Node {
    let (namespace, name) = place(client);
    let id = client.status.as_ref().and_then(|status| status.client_id.clone()).unwrap_or_default();
    let mut found = node(Kind::Client.as_str(), &namespace, &name, format!("{}, {id}", ready(client)));
    let mut secrets: Vec<String> = references(client).into_iter().map(|reference| reference.name).collect();
    secrets.dedup();
    found.children.extend(secrets.iter().map(|name| node("Secret", &namespace, name, String::new())));
    found
}

fn ready<K: Conditioned>(object: &K) -> String {
    match condition::find(object.conditions(), ConditionType::Ready) {
        Some(condition) if condition.status == "True" => "Ready".to_owned(),
        Some(condition) => format!("not Ready ({})", condition.reason),
        None => "not looked at".to_owned(),
    }
}

fn service_state(service: &Service) -> String {
    service.spec.as_ref().and_then(|spec| spec.type_.clone()).unwrap_or_default()
}

fn node(kind: &str, namespace: &str, name: &str, state: String) -> Node {
    let (kind, namespace, name) = (kind.to_owned(), namespace.to_owned(), name.to_owned());
    Node { kind, namespace, name, state, children: Vec::new() }
}

fn leaf<K: Resource<DynamicType = ()>>(object: &K, state: String) -> Node {
    let (namespace, name) = place(object);
    node(&K::kind(&()), &namespace, &name, state)
}

fn render(tree: &Node, paint: Paint) -> String {
    let mut lines = vec![line(tree, &tree.namespace, paint)];
    branches(tree, "", paint, &mut lines);
    lines.join("\n")
}

fn branches(tree: &Node, before: &str, paint: Paint, lines: &mut Vec<String>) {
    let last = tree.children.len().saturating_sub(1);
    for (index, child) in tree.children.iter().enumerate() {
        let (branch, further) = if index == last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        lines.push(format!("{before}{branch}{}", line(child, &tree.namespace, paint)));
        branches(child, &format!("{before}{further}"), paint, lines);
    }
}

/// The namespace where it is another than that of what it hangs on.
fn line(node: &Node, above: &str, paint: Paint) -> String {
    let root = node.kind == Kind::Workspace.as_str();
    let place = if node.namespace == above && !root { "" } else { &format!("{}/", node.namespace) };
    let state = if node.state.is_empty() { String::new() } else { format!("   {}", node.state) };
    format!("{} {place}{}{}", node.kind, paint.bold(&node.name), paint.dim(state))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_workspace_shows_what_hangs_on_it_and_no_content() {
        let workspace: Workspace = serde_json::from_value(json!({
            "metadata": {"name": "retail", "namespace": "bank"},
            "spec": {
                "issuer": "https://auth.bank.example", "profile": "Fintech", "mtls": {"port": 8444},
                "tls": {"secretName": "retail-tls"}, "storage": {"type": "SQLite"},
                "login": {"type": "Users", "users": {"secretRef": {"name": "people", "key": "users.yaml"}}},
            },
        }))
        .unwrap();
        let line = json!({
            "metadata": {"name": "retail-sig-ps256", "namespace": "bank"},
            "spec": {"workspaceRef": {"name": "retail"}, "algorithm": "PS256"}, "status": {"phase": "Steady"},
        });
        let client = json!({
            "metadata": {"name": "app", "namespace": "budget"},
            "spec": {
                "workspaceRef": {"name": "retail", "namespace": "bank"},
                "auth": {"method": "private_key_jwt", "jwksRef": {"name": "app", "key": "jwks.json"}},
                "redirectUris": {"from": [{"name": "app", "key": "uris"}]},
            },
            "status": {"clientId": "budget.app", "conditions": [{
                "type": "Ready", "status": "False", "reason": "NotLabelled", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z",
            }]},
        });
        let labels = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let parts = Parts {
            lines: vec![serde_json::from_value(line).unwrap()],
            clients: vec![serde_json::from_value(client).unwrap()],
            deployments: vec![
                serde_json::from_value(json!({
                    "metadata": {"name": "retail", "namespace": "bank"}, "status": {"readyReplicas": 1},
                }))
                .unwrap(),
            ],
            pods: vec![
                serde_json::from_value(json!({
                    "metadata": {"name": "retail-x", "namespace": "bank"}, "status": {"phase": "Running"},
                }))
                .unwrap(),
            ],
            secrets: vec![
                ("retail-bundle".to_owned(), labels(&[])),
                (
                    "retail-sig-ps256-abababab".to_owned(),
                    labels(&[(label::SIGNING_KEY, "retail-sig-ps256"), (label::KEY_STATE, "Active")]),
                ),
            ],
            others: Vec::new(),
        };
        assert_eq!(
            render(&grow(&workspace, &parts), Paint::PLAIN),
            "Workspace bank/retail   not looked at, Fintech, https://auth.bank.example
├─ SigningKey retail-sig-ps256   PS256, Steady
│  └─ Secret retail-sig-ps256-abababab   Active
├─ Deployment retail   1/1 ready
│  └─ Pod retail-x   Running
├─ Secret retail-bundle
└─ Client budget/app   not Ready (NotLabelled), budget.app
   └─ Secret app"
        );
    }
}
