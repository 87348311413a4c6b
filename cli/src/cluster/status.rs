//! `fapictl status`: how is everything, and who has to do something? What needs somebody comes first, and decides the exit code.

use fapi_crds::workspace::WorkspaceStatus;
use fapi_crds::{Client, ConditionType, SigningKey, Workspace, condition};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use serde::Serialize;

use super::condition::{Matter, Weight, matters};
use super::table::{Cell, Table, Tone};
use super::words::{age, counted, until};
use super::{ClusterArgs, Scope, place, word};
use crate::command::Output;
use crate::exit::{Exit, Stop};
use crate::screen::{self, Paint};

const EXAMPLES: &str = "Examples:
  fapictl status
      the Workspaces of the context's namespace, with their Clients and keys
  fapictl status retail -n bank
      one of them, with every condition
  fapictl status -A -o json
      {ok, workspaces: [{namespace, name, ready, pods, clients, nextKey, conditions, …}], matters: [{weight, kind, …}], notes}

Exit codes: 0 nobody has to do anything, 1 somebody has to, 2 wrong usage, 3 the API server is away, 4 a right is missing.";

/// `fapictl status`
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct StatusArgs {
    /// Name of a Workspace [default: all of the namespace]
    #[arg(value_name = "WORKSPACE")]
    workspace: Option<String>,
    /// Look at all namespaces
    #[arg(short = 'A', long, conflicts_with = "workspace")]
    all_namespaces: bool,
    #[command(flatten)]
    cluster: ClusterArgs,
}

/// What is printed.
#[derive(Serialize, Debug)]
#[serde(rename_all = "camelCase")]
struct Overview {
    ok: bool,
    workspaces: Vec<Row>,
    matters: Vec<Matter>,
    notes: Vec<String>,
}

/// One Workspace.
#[derive(Serialize, Debug)]
#[serde(rename_all = "camelCase")]
struct Row {
    namespace: String,
    name: String,
    profile: String,
    issuer: String,
    /// `True`, `False` or `Unknown`.
    ready: String,
    pods: Pods,
    clients: Counts,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_key: Option<NextKey>,
    conditions: Vec<Condition>,
}

/// Pods that have loaded the published document, and all that serve.
#[derive(Serialize, Debug)]
struct Pods {
    current: i32,
    total: i32,
}

#[derive(Serialize, Debug)]
struct Counts {
    programmed: i32,
    total: i32,
    rejected: i32,
}

/// The key that moves first.
#[derive(Clone, PartialEq, Eq, Serialize, Debug)]
#[serde(rename_all = "camelCase")]
struct NextKey {
    signing_key: String,
    algorithm: String,
    /// The state that it enters.
    to: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_before: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    waiting_for: Option<String>,
}

/// Everything that was read.
struct Seen {
    workspaces: Vec<Workspace>,
    clients: Vec<Client>,
    signing_keys: Vec<SigningKey>,
}

/// Asks, and prints.
pub(crate) async fn run(args: &StatusArgs, output: Output, paint: Paint) -> Result<Exit, Stop> {
    let cluster = args.cluster.connect().await?;
    let scope = cluster.scope(args.all_namespaces);
    let mut notes = Vec::new();
    let workspaces = match &args.workspace {
        Some(name) => vec![cluster.one(name).await?],
        None => cluster.list(&scope, None).await?,
    };
    let mut seen = Seen {
        workspaces,
        clients: cluster.list_widely(&cluster.namespace, &mut notes).await?,
        signing_keys: cluster.list(&scope, None).await?,
    };
    seen.keep(&scope, args.workspace.as_deref());
    let now = crate::clock::now();
    let overview = seen.overview(notes, now);
    match output {
        Output::Json => screen::print(&format!("{:#}", serde_json::json!(overview))),
        Output::Text => screen::print(&render(&overview, &scope, args.workspace.is_some(), paint, now)),
    }
    Ok(if overview.ok { Exit::Success } else { Exit::Findings })
}

impl Seen {
    /// What belongs to these Workspaces; and, where all of a place are asked for, what is in it and belongs to none.
    fn keep(&mut self, scope: &Scope, named: Option<&str>) {
        let known: Vec<(String, String)> = self.workspaces.iter().map(place).collect();
        let belongs = |owner: &(String, String), namespace: &str| {
            known.contains(owner)
                || (named.is_none() && scope.namespace().is_none_or(|scope| scope == namespace))
        };
        self.clients.retain(|client| {
            let (namespace, _) = place(client);
            belongs(&workspace_of(client), &namespace)
        });
        self.signing_keys.retain(|key| {
            let (namespace, _) = place(key);
            belongs(&(namespace.clone(), key.spec.workspace_ref.name.clone()), &namespace)
        });
    }

    fn overview(&self, notes: Vec<String>, now: i64) -> Overview {
        let mut found: Vec<Matter> = self.workspaces.iter().flat_map(|it| matters(it, now)).collect();
        found.extend(self.signing_keys.iter().flat_map(|it| matters(it, now)));
        found.extend(self.clients.iter().flat_map(|it| matters(it, now)));
        found.sort_by_key(|matter| matter.weight);
        Overview {
            ok: found.iter().all(|matter| matter.weight != Weight::Problem),
            workspaces: self.workspaces.iter().map(|it| self.row(it)).collect(),
            matters: found,
            notes,
        }
    }

    fn row(&self, workspace: &Workspace) -> Row {
        let (namespace, name) = place(workspace);
        let status = workspace.status.clone().unwrap_or_default();
        let config = status.config.as_ref();
        let clients = status.clients.unwrap_or_default();
        let of_it = |key: &&SigningKey| {
            key.spec.workspace_ref.name == name && key.metadata.namespace.as_ref() == Some(&namespace)
        };
        Row {
            next_key: next_key(self.signing_keys.iter().filter(of_it)),
            profile: word(&workspace.spec.profile),
            issuer: workspace.spec.issuer.clone(),
            ready: ready(&status),
            pods: Pods {
                current: config.map_or(0, |config| config.pods_current),
                total: config.map_or(0, |config| config.pods_total),
            },
            clients: Counts {
                programmed: clients.programmed,
                total: clients.total,
                rejected: clients.rejected,
            },
            conditions: status.conditions,
            namespace,
            name,
        }
    }
}

/// The Workspace that a Client names.
pub(super) fn workspace_of(client: &Client) -> (String, String) {
    let reference = &client.spec.workspace_ref;
    let namespace = reference.namespace.clone().or_else(|| client.metadata.namespace.clone());
    (namespace.unwrap_or_default(), reference.name.clone())
}

fn ready(status: &WorkspaceStatus) -> String {
    condition::find(&status.conditions, ConditionType::Ready)
        .map_or_else(|| "Unknown".to_owned(), |condition| condition.status.clone())
}

/// The first move of any line: one without a time is due.
fn next_key<'a>(keys: impl Iterator<Item = &'a SigningKey>) -> Option<NextKey> {
    let moves = keys.filter_map(|key| {
        let next = key.status.as_ref()?.next_transition.clone()?;
        let (_, signing_key) = place(key);
        Some(NextKey {
            signing_key,
            algorithm: word(&key.spec.algorithm),
            to: word(&next.to),
            not_before: next.not_before,
            waiting_for: next.waiting_for,
        })
    });
    moves.min_by_key(|next| next.not_before.as_ref().map(|time| time.0))
}

fn render(overview: &Overview, scope: &Scope, one: bool, paint: Paint, now: i64) -> String {
    let mut parts = Vec::new();
    let told: Vec<String> = overview.matters.iter().map(|matter| tell(matter, paint, now)).collect();
    if !told.is_empty() {
        parts.push(told.join("\n"));
    }
    if overview.workspaces.is_empty() {
        let place = scope.namespace().map_or_else(String::new, |name| format!(" in namespace {name}"));
        parts.push(format!("There is no Workspace{place}."));
    } else {
        let mut table =
            Table::new(&["WORKSPACE", "READY", "PROFILE", "PODS", "CLIENTS", "NEXT KEY", "ISSUER"]);
        for row in &overview.workspaces {
            table.row(vec![
                format!("{}/{}", row.namespace, row.name).into(),
                Cell::new(&row.ready, if row.ready == "True" { Tone::Good } else { Tone::Bad }),
                row.profile.as_str().into(),
                format!("{}/{}", row.pods.current, row.pods.total).into(),
                format!("{}/{}", row.clients.programmed, row.clients.total).into(),
                row.next_key.as_ref().map(|next| in_words(next, now)).unwrap_or_default().into(),
                row.issuer.as_str().into(),
            ]);
        }
        parts.push(table.render(paint));
    }
    if let (true, [row]) = (one, overview.workspaces.as_slice()) {
        let mut table = Table::new(&["CONDITION", "STATUS", "SINCE", "REASON", "MESSAGE"]);
        for it in &row.conditions {
            table.row(vec![
                it.type_.as_str().into(),
                it.status.as_str().into(),
                age(Some(&it.last_transition_time), now).into(),
                it.reason.as_str().into(),
                it.message.as_str().into(),
            ]);
        }
        parts.push(table.render(paint));
    }
    parts.extend(overview.notes.iter().map(|note| paint.dim(note)));
    let problems = overview.matters.iter().filter(|matter| matter.weight == Weight::Problem).count();
    parts.push(if problems == 0 {
        paint.good("nobody has to do anything")
    } else {
        paint.bad(format!("{} for somebody", counted(problems, "matter")))
    });
    parts.join("\n\n")
}

fn in_words(next: &NextKey, now: i64) -> String {
    let when = next.not_before.as_ref().map_or_else(|| "now".to_owned(), |time| until(time, now));
    format!("{} {} {when}", next.algorithm, next.to)
}

/// One line about one object.
pub(super) fn tell(matter: &Matter, paint: Paint, now: i64) -> String {
    let mark = match matter.weight {
        Weight::Problem => paint.cross(),
        Weight::Waiting => paint.bold("…"),
        Weight::Note => paint.dim("i"),
    };
    let what = match (&matter.condition, &matter.reason) {
        (Some(condition), Some(reason)) if condition == reason => format!("{condition}: "),
        (Some(condition), Some(reason)) => format!("{condition} {reason}: "),
        _ => String::new(),
    };
    let since = matter
        .since
        .as_ref()
        .map_or_else(String::new, |since| paint.dim(format!(" (for {})", age(Some(since), now))));
    let Matter { kind, namespace, name, message, .. } = matter;
    format!("{mark} {kind} {namespace}/{name}: {what}{message}{since}")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const NOON: i64 = 1_800_000_000;

    fn time(offset: i64) -> String {
        jiff::Timestamp::from_second(NOON + offset).unwrap().to_string()
    }

    fn condition(type_: &str, status: &str, reason: &str, message: &str) -> Value {
        json!({
            "type": type_, "status": status, "reason": reason, "message": message, "lastTransitionTime": time(-200),
        })
    }

    fn seen() -> Seen {
        let workspace = json!({
            "metadata": {"name": "retail", "namespace": "bank", "generation": 1},
            "spec": {
                "issuer": "https://auth.bank.example", "profile": "Fintech", "mtls": {"port": 8444},
                "tls": {"secretName": "retail-tls"}, "storage": {"type": "SQLite"},
                "login": {"type": "Users", "users": {"secretRef": {"name": "people", "key": "users.yaml"}}},
            },
            "status": {
                "observedGeneration": 1,
                "conditions": [condition("Ready", "True", "Ready", ""), condition("Insecure", "True", "Insecure", "login Users is for trying things out")],
                "config": {"revision": 4, "hash": "x", "podsCurrent": 1, "podsTotal": 2},
                "clients": {"total": 2, "accepted": 2, "programmed": 1, "rejected": 1, "dynamic": 0},
            },
        });
        let client = json!({
            "metadata": {"name": "app", "namespace": "budget", "generation": 1},
            "spec": {"workspaceRef": {"name": "retail", "namespace": "bank"}, "auth": {"method": "private_key_jwt"}},
            "status": {"observedGeneration": 1, "conditions": [
                condition("ResolvedRefs", "False", "NotLabelled", "Secret budget/app is not read for Clients"),
            ]},
        });
        let key = |name: &str, algorithm: &str, hours: i64| {
            json!({
                "metadata": {"name": name, "namespace": "bank", "generation": 1},
                "spec": {"workspaceRef": {"name": "retail"}, "algorithm": algorithm},
                "status": {"observedGeneration": 1, "nextTransition": {"to": "Active", "notBefore": time(hours * 3600)}},
            })
        };
        let read = serde_json::from_value;
        Seen {
            workspaces: vec![read(workspace).unwrap()],
            clients: vec![serde_json::from_value(client).unwrap()],
            signing_keys: [key("late", "ES256", 48), key("soon", "PS256", 5)]
                .map(|key| serde_json::from_value(key).unwrap())
                .into(),
        }
    }

    #[test]
    fn what_needs_somebody_comes_first_and_decides() {
        let overview = seen().overview(Vec::new(), NOON);
        assert!(!overview.ok);
        let scope = Scope::Namespace("bank".to_owned());
        insta::assert_snapshot!(render(&overview, &scope, false, Paint::PLAIN, NOON), @r"
        ✖ Client budget/app: ResolvedRefs NotLabelled: Secret budget/app is not read for Clients (for 3m20s)
        i Workspace bank/retail: Insecure: login Users is for trying things out (for 3m20s)

        WORKSPACE     READY   PROFILE   PODS   CLIENTS   NEXT KEY             ISSUER
        bank/retail   True    Fintech   1/2    1/2       PS256 Active in 5h   https://auth.bank.example

        1 matter for somebody
        ");
    }

    #[test]
    fn a_client_of_another_namespace_belongs_to_its_workspace() {
        let scope = Scope::Namespace("bank".to_owned());
        let mut all = seen();
        all.keep(&scope, Some("retail"));
        assert_eq!((all.clients.len(), all.signing_keys.len()), (1, 2));
        all.workspaces.clear();
        all.keep(&scope, None);
        assert_eq!((all.clients.len(), all.signing_keys.len()), (0, 2));
        let row = json!(seen().row(&seen().workspaces[0]));
        assert_eq!(row["nextKey"]["signingKey"], "soon");
        assert_eq!(row["pods"], json!({"current": 1, "total": 2}));
    }
}
