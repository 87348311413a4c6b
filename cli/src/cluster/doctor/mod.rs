//! `fapictl doctor`: what is wrong, in which object, in which field, and what helps?
//!
//! | module | finds |
//! |---|---|
//! | [`verdict`] | what the operator's own judgement says of the objects as they are now, whether it runs or not |
//! | [`links`] | what points nowhere, and what is there twice |
//! | [`running`] | pods, volumes and addresses that do not come up, and what the operator reports |
//! | [`pre`] | what a cluster lacks before anything is installed |
//! | [`field`] | the field that a sentence is about |
//! | [`seen`] | everything that is looked at |

mod field;
mod links;
mod pre;
mod running;
mod seen;
mod verdict;

use serde::Serialize;

use super::ClusterArgs;
use super::words::counted;
use crate::command::Output;
use crate::exit::{Exit, Stop};
use crate::screen::{self, Paint};
use seen::Seen;

const EXAMPLES: &str = "Examples:
  fapictl doctor -n bank
      everything in a namespace, and the Clients of its Workspaces elsewhere
  fapictl doctor retail -n bank
      one Workspace
  fapictl doctor --pre
      before an installation: version, definitions, rights, optional kinds
  fapictl doctor -A -o json
      {ok, checked: {workspaces, clients, signingKeys, pods}, findings: [{kind, namespace, name, field, message, next}], notes}

Secrets are read to judge what is in them, and never shown. Where they may not be read, what the operator says is repeated.

Exit codes: 0 nothing found, 1 findings, 2 wrong usage, 3 the API server is away, 4 a right is missing.";

/// `fapictl doctor`
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct DoctorArgs {
    /// Name of a Workspace [default: all of the namespace]
    #[arg(value_name = "WORKSPACE", conflicts_with = "pre")]
    workspace: Option<String>,
    /// Only what has to be there before an installation
    #[arg(long)]
    pre: bool,
    /// Look at all namespaces
    #[arg(short = 'A', long, conflicts_with = "workspace")]
    all_namespaces: bool,
    #[command(flatten)]
    cluster: ClusterArgs,
}

/// A mistake.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Finding {
    pub(super) kind: String,
    /// Absent: the object has none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) namespace: String,
    pub(super) name: String,
    /// `spec.login.users.secretRef`.
    pub(super) field: String,
    pub(super) message: String,
    /// What helps.
    pub(super) next: String,
}

/// What was found, and in what.
#[derive(Default, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Diagnosis {
    ok: bool,
    checked: Checked,
    findings: Vec<Finding>,
    notes: Vec<String>,
}

/// How much was looked at.
#[derive(Default, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Checked {
    workspaces: usize,
    clients: usize,
    signing_keys: usize,
    pods: usize,
}

/// Looks, and tells.
pub(crate) async fn run(args: &DoctorArgs, output: Output, paint: Paint) -> Result<Exit, Stop> {
    let cluster = args.cluster.connect().await?;
    if args.pre {
        return pre::run(&cluster, output, paint).await;
    }
    let scope = cluster.scope(args.all_namespaces);
    let seen = Seen::gather(&cluster, &scope, args.workspace.as_deref()).await?;
    let diagnosis = diagnose(&seen, crate::clock::now());
    match output {
        Output::Json => screen::print(&format!("{:#}", serde_json::json!(diagnosis))),
        Output::Text => screen::print(&render(&diagnosis, paint)),
    }
    Ok(if diagnosis.ok { Exit::Success } else { Exit::Findings })
}

fn diagnose(seen: &Seen, now: i64) -> Diagnosis {
    let mut findings = verdict::findings(seen, now);
    findings.extend(links::findings(seen));
    findings.extend(running::findings(seen, now, &findings));
    findings.sort();
    findings.dedup_by(|one, other| {
        (&one.kind, &one.namespace, &one.name, &one.field, &one.message)
            == (&other.kind, &other.namespace, &other.name, &other.field, &other.message)
    });
    let mut notes = seen.notes.clone();
    notes.extend(running::notes(seen, now));
    Diagnosis {
        ok: findings.is_empty(),
        checked: Checked {
            workspaces: seen.workspaces.len(),
            clients: seen.clients.len(),
            signing_keys: seen.signing_keys.len(),
            pods: seen.pods.len(),
        },
        findings,
        notes,
    }
}

fn render(diagnosis: &Diagnosis, paint: Paint) -> String {
    let mut lines = Vec::new();
    for finding in &diagnosis.findings {
        let Finding { kind, namespace, name, field, message, next } = finding;
        let place = if namespace.is_empty() { name.clone() } else { format!("{namespace}/{name}") };
        lines.push(format!("{} {} {field}", paint.cross(), paint.bold(format!("{kind} {place}"))));
        lines.push(format!("    {message}"));
        lines.push(format!("    {} {next}", paint.dim("do:")));
    }
    lines.extend(diagnosis.notes.iter().map(|note| paint.dim(format!("i {note}"))));
    let Checked { workspaces, clients, signing_keys, pods } = &diagnosis.checked;
    let looked = format!(
        "{}, {}, {} and {} looked at",
        counted(*workspaces, "Workspace"),
        counted(*clients, "Client"),
        counted(*signing_keys, "SigningKey"),
        counted(*pods, "pod")
    );
    let found = match diagnosis.findings.len() {
        0 => paint.good("nothing found:"),
        some => paint.bad(format!("{}:", counted(some, "finding"))),
    };
    lines.push(format!("{found} {looked}"));
    lines.join("\n")
}
