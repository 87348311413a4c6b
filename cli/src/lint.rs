//! `fapictl lint`: what would the API server say, and the operator? Without either.
//!
//! Every file is read as the API server reads it (schema, CEL); then each Workspace is judged with its Clients and keys by the
//! operator's own function, profile included. What stands elsewhere cannot be judged, and that is said.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use fapi_crds::{Reason, Workspace};
use fapi_operator::rotate::Floors;
use fapi_operator::validate::{Finding, Verdict, validate};
use serde::Serialize;

use crate::command::Output;
use crate::dev::authority::Authority;
use crate::dev::{DevError, Folder, generate, kits, workspace_of};
use crate::exit::{Exit, Stop};
use crate::screen::{self, Paint};
use crate::source::{DEFAULT_NAMESPACE, Object, Problem, Source, load_all};
use crate::up::found::{Identity, Surroundings, identity_of};
use crate::up::unfit_banks;

const EXAMPLES: &str = "Examples:
  fapictl lint examples/00-quickstart
  fapictl lint workspace.yaml clients/*.yaml
      several files are judged together
  fapictl lint DIR -o json
      for a pipeline: {ok, problems: [{file, line, column, message}], notes}

Exit codes: 0 nothing found, 1 problems, 2 wrong usage.";

/// `fapictl lint`
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct LintArgs {
    /// Files with YAML, or folders of them
    #[arg(required = true, value_name = "FILE")]
    paths: Vec<PathBuf>,
    /// Namespace of objects that name none
    #[arg(short, long, value_name = "NAME", default_value = DEFAULT_NAMESPACE)]
    namespace: String,
}

/// Everything that was found.
#[derive(Serialize, Debug)]
struct Verdicts {
    ok: bool,
    problems: Vec<Problem>,
    notes: Vec<String>,
}

/// Judges, and prints.
pub(crate) fn run(args: &LintArgs, output: Output, paint: Paint) -> Result<Exit, Stop> {
    let mut source = load_all(&args.paths, &args.namespace).map_err(|(path, error)| {
        Stop::usage(format!("cannot read {}: {error}", path.display()), "fapictl lint examples/00-quickstart")
    })?;
    // Judged with the Secrets that `fapictl up` would make; they are gone afterwards.
    let scratch =
        tempfile::tempdir().map_err(|error| Stop::internal(format!("no temporary folder: {error}")))?;
    let prepared = prepare(&mut source, scratch.path()).map_err(|error| Stop::internal(error.to_string()))?;
    let verdicts = judge(&source, &prepared);
    match output {
        Output::Json => screen::print(&format!("{:#}", serde_json::json!(verdicts))),
        Output::Text => tell(&verdicts, &source, paint),
    }
    Ok(if verdicts.ok { Exit::Success } else { Exit::Findings })
}

/// What the verdict needs beside the files.
struct Prepared {
    /// A certificate for each Workspace, to stand in for those that Secrets elsewhere hold.
    certificates: Vec<String>,
    /// What is wrong with the sample banks that Workspaces ask for.
    banks: Vec<Problem>,
}

/// Makes what the files ask to have made (`fapi.rs/dev-generate`), looks where sample banks would stand (`fapi.rs/dev-bank`), and
/// makes a certificate for each Workspace.
fn prepare(source: &mut Source, scratch: &Path) -> Result<Prepared, DevError> {
    let folder = Folder::open(scratch)?;
    let generated = generate(source, &folder)?;
    let kits = if source.problems.is_empty() { kits(source, &generated, &folder)? } else { Vec::new() };
    let banks = if source.problems.is_empty() { unfit_banks(source, &kits) } else { Vec::new() };
    let hosts = |workspace: &Object<Workspace>| {
        let spec = &workspace.value.spec;
        let issuer = url::Url::parse(&spec.issuer).ok().and_then(|url| Some(url.host_str()?.to_owned()));
        issuer.into_iter().chain(spec.mtls.host.clone()).collect::<Vec<String>>()
    };
    let all: Vec<Vec<String>> = source.workspaces.iter().map(hosts).collect();
    let authority = Authority::open(&folder, &all.concat())?;
    let certificates =
        all.iter().map(|hosts| Ok(authority.issue(hosts)?.certificate)).collect::<Result<_, DevError>>()?;
    Ok(Prepared { certificates, banks })
}

fn judge(source: &Source, prepared: &Prepared) -> Verdicts {
    let mut verdicts = Verdicts { ok: false, problems: source.problems.clone(), notes: Vec::new() };
    // What cannot be read cannot be judged either.
    if verdicts.problems.is_empty() {
        let identities = identities(source);
        for (workspace, certificate) in source.workspaces.iter().zip(&prepared.certificates) {
            let surroundings = Surroundings {
                source,
                workspace,
                identities: &identities,
                previous: None,
                tombstones_done: BTreeSet::new(),
                certificate,
                with_keys: BTreeSet::new(),
                floors: Floors::PRODUCTION,
                now: fapi_core::Timestamp::from_unix(crate::clock::now()),
            };
            verdicts.add(&validate(&surroundings.found()), workspace, source);
        }
        for client in source.clients.iter().filter(|client| workspace_of(client, source).is_none()) {
            verdicts.notes.push(format!(
                "Client {}/{} is not judged by its profile: Workspace {} is not among the files",
                client.namespace, client.name, client.value.spec.workspace_ref.name
            ));
        }
    }
    verdicts.problems.extend(prepared.banks.iter().cloned());
    verdicts.problems.sort();
    verdicts.problems.dedup();
    verdicts.ok = verdicts.problems.is_empty();
    verdicts
}

impl Verdicts {
    fn add(&mut self, verdict: &Verdict, workspace: &Object<Workspace>, source: &Source) {
        let own = &verdict.workspace;
        for finding in [&own.accepted, &own.resolved_refs] {
            self.weigh("Workspace", workspace, finding);
        }
        for condition in [&own.insecure, &own.ephemeral].into_iter().filter(|finding| finding.is_true()) {
            self.notes
                .push(format!("Workspace {}/{}: {}", workspace.namespace, workspace.name, condition.message));
        }
        for client in &verdict.clients {
            let written = source
                .clients
                .iter()
                .find(|it| it.namespace == client.key.namespace && it.name == client.key.name);
            for (object, finding) in
                written.into_iter().flat_map(|it| [(it, &client.accepted), (it, &client.resolved_refs)])
            {
                self.weigh("Client", object, finding);
            }
        }
        for key in &verdict.signing_keys {
            let written = source
                .signing_keys
                .iter()
                .find(|it| it.namespace == workspace.namespace && it.name == key.name);
            if let Some(object) = written {
                self.weigh("SigningKey", object, &key.accepted);
                key.resolved_refs.iter().for_each(|finding| self.weigh("SigningKey", object, finding));
            }
        }
    }

    fn weigh<T>(&mut self, kind: &str, object: &Object<T>, finding: &Finding) {
        match finding.reason {
            _ if finding.is_true() => {}
            // Said where it is caused.
            Reason::WorkspaceNotReady => {}
            Reason::SecretNotFound | Reason::ConfigMapNotFound => {
                let (namespace, name) = (&object.namespace, &object.name);
                self.notes.push(format!("{kind} {namespace}/{name} is judged in part: {}", finding.message));
            }
            Reason::Disabled | Reason::Pending => {
                self.notes.push(format!("{kind} {}/{}: {}", object.namespace, object.name, finding.message));
            }
            reason => {
                for message in finding.message.split("; ") {
                    self.problems.push(object.problem(&field(message), format!("{reason}: {message}")));
                }
            }
        }
    }
}

/// The field that a message begins with, as a path of the object: `redirectUris.values[1]: must …`.
fn field(message: &str) -> String {
    let named = message.split_once(": ").map_or("", |(before, _)| before);
    let is_path = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '[' | ']' | '_');
    let path = if named.chars().all(is_path) { named } else { "" };
    format!("spec.{}", path.strip_prefix("spec.").unwrap_or(path)).trim_end_matches('.').to_owned()
}

fn tell(verdicts: &Verdicts, source: &Source, paint: Paint) {
    for problem in &verdicts.problems {
        screen::print(&format!("{} {problem}", paint.cross()));
    }
    for note in &verdicts.notes {
        screen::print(&paint.dim(format!("  {note}")));
    }
    let counted = format!(
        "{} Workspaces, {} Clients, {} SigningKeys",
        source.workspaces.len(),
        source.clients.len(),
        source.signing_keys.len()
    );
    let closing = match verdicts.problems.len() {
        0 => format!("{} {counted}", paint.good("no problems:")),
        1 => format!("{} {counted}", paint.bad("1 problem:")),
        several => format!("{} {counted}", paint.bad(format!("{several} problems:"))),
    };
    screen::print(&closing);
}

/// As in a cluster, every object has been born; all at once.
fn identities(source: &Source) -> BTreeMap<String, Identity> {
    let names = source.workspaces.iter().map(|it| identity_of("Workspace", &it.namespace, &it.name));
    let names = names.chain(source.clients.iter().map(|it| identity_of("Client", &it.namespace, &it.name)));
    let names =
        names.chain(source.signing_keys.iter().map(|it| identity_of("SigningKey", &it.namespace, &it.name)));
    names.map(|name| (name.clone(), Identity { uid: name, created: 0 })).collect()
}

#[cfg(test)]
#[path = "lint_tests.rs"]
mod tests;
