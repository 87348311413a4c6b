//! `fapictl dev secrets`: for a cluster, what `fapictl up` makes for a laptop.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::{DevError, Folder, Generated, Kit, generate, kits, run_users};
use crate::command::Output;
use crate::exit::{Exit, Stop};
use crate::flow::target::DEV_FILE;
use crate::run_file::{RunFile, RunResource, RunWorkspace, STATE_DIR};
use crate::screen;
use crate::source::{DEFAULT_NAMESPACE, Object, Plain, Source, load};

const EXAMPLES: &str = "Examples:
  fapictl dev secrets examples/00-quickstart
  fapictl dev secrets examples/00-quickstart | kubectl apply --server-side --field-manager=fapictl-dev -f -
      its own field manager: applying the folder again takes nothing away
  fapictl dev secrets DIR --namespace bank --state /tmp/state -o json
      the private halves stay below /tmp/state, for `fapictl flow --dev-dir /tmp/state/dev`";

/// `fapictl dev`
#[derive(clap::Args, Debug)]
pub(crate) struct DevArgs {
    #[command(subcommand)]
    command: DevCommand,
}

#[derive(clap::Subcommand, Debug)]
enum DevCommand {
    /// Print the Secrets that a folder asks to have made, with their content
    Secrets(SecretsArgs),
}

/// `fapictl dev secrets`
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
struct SecretsArgs {
    /// Folder with YAML, or one file
    dir: PathBuf,
    /// Where private halves are kept [default: `.fapi` beside DIR]
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// Namespace of objects that name none
    #[arg(short, long, value_name = "NAME", default_value = DEFAULT_NAMESPACE)]
    namespace: String,
}

/// Does what the command says.
pub(crate) fn run(args: &DevArgs, output: Output) -> Result<Exit, Stop> {
    let DevCommand::Secrets(args) = &args.command;
    let state = state_of(args.state.as_deref(), &args.dir)?;
    let mut source = load(&args.dir, &args.namespace).map_err(|error| {
        Stop::usage(
            format!("cannot read {}: {error}", args.dir.display()),
            "fapictl dev secrets examples/00-quickstart",
        )
    })?;
    let made = prepare(&mut source, &state)
        .map_err(|error| Stop::usage(error.to_string(), "fapictl dev secrets --state DIR"))?;
    if !source.problems.is_empty() {
        let list: Vec<String> = source.problems.iter().map(ToString::to_string).collect();
        return Err(Stop::usage(
            list.join("\n       "),
            format!("fapictl dev secrets {}", args.dir.display()),
        ));
    }
    screen::print(render(&source, &made, output).trim_end());
    Ok(Exit::Success)
}

/// The state directory that belongs to a folder.
pub(crate) fn state_of(said: Option<&Path>, dir: &Path) -> Result<Folder, Stop> {
    let state = if let Some(said) = said {
        said.to_owned()
    } else {
        let dir = dir.canonicalize().map_err(|error| {
            Stop::usage(
                format!("cannot read {}: {error}", dir.display()),
                "fapictl up examples/00-quickstart",
            )
        })?;
        dir.parent().unwrap_or(Path::new("/")).join(STATE_DIR)
    };
    let usable = || -> Result<Folder, DevError> {
        let folder = Folder::open(state)?.absolute()?;
        // Wherever it is: nothing in it belongs in Git.
        if folder.read(".gitignore")?.is_none() {
            folder.write(".gitignore", "*\n")?;
        }
        Ok(folder)
    };
    usable().map_err(|error| Stop::usage(error.to_string(), "fapictl up DIR --state OTHER"))
}

fn prepare(source: &mut Source, state: &Folder) -> Result<Generated, DevError> {
    let dev = state.enter("dev")?;
    let made = generate(source, &dev)?;
    if source.problems.is_empty() {
        let mut file = for_flow(source, &kits(source, &made, &dev)?, &made, &dev)?;
        file.workspaces.extend(of_other_folders(&dev, &file)?);
        dev.write(DEV_FILE, format!("{:#}\n", json!(file)))?;
    }
    Ok(made)
}

/// What was written for other folders, or for other namespaces of this one: `fapictl flow` can be played there too. A file that
/// nobody can read is written anew.
fn of_other_folders(dev: &Folder, now: &RunFile) -> Result<Vec<RunWorkspace>, DevError> {
    let before = dev.read(DEV_FILE)?.and_then(|text| serde_json::from_slice::<RunFile>(&text).ok());
    let same = |one: &RunWorkspace, other: &RunWorkspace| {
        (&one.namespace, &one.name) == (&other.namespace, &other.name)
    };
    let others = before.into_iter().flat_map(|file| file.workspaces);
    Ok(others.filter(|other| !now.workspaces.iter().any(|workspace| same(workspace, other))).collect())
}

/// What `fapictl flow --dev-dir` reads: everything but where the cluster is.
fn for_flow(source: &Source, kits: &[Kit], made: &Generated, dev: &Folder) -> Result<RunFile, DevError> {
    let mut workspaces = Vec::new();
    for workspace in &source.workspaces {
        let own = (workspace.namespace.clone(), workspace.name.clone());
        let spec = &workspace.value.spec;
        let resource = spec.resources.iter().find(|it| it.default).map(|it| RunResource {
            url: format!("{}/accounts", it.identifier.trim_end_matches('/')),
            identifier: Some(it.identifier.clone()),
            introspects: !it.introspection_clients.is_empty(),
        });
        workspaces.push(RunWorkspace {
            name: workspace.name.clone(),
            namespace: workspace.namespace.clone(),
            issuer: spec.issuer.clone(),
            ca_file: None,
            front_addr: None,
            back_addr: None,
            connect: Vec::new(),
            resource,
            clients: kits
                .iter()
                .filter(|kit| kit.flow && kit.workspace == own)
                .map(|kit| kit.run.clone())
                .collect(),
            users: run_users(workspace, made, dev)?,
        });
    }
    Ok(RunFile { pid: None, workspaces })
}

fn render(source: &Source, made: &Generated, output: Output) -> String {
    let secrets = source.secrets.iter().filter_map(|secret| {
        let keys = made.keys.get(&(secret.namespace.clone(), secret.name.clone()))?;
        Some(manifest(secret, keys.iter().map(String::as_str)))
    });
    match output {
        Output::Json => format!(
            "{:#}",
            json!({ "apiVersion": "v1", "kind": "List", "items": secrets.collect::<Vec<_>>() })
        ),
        Output::Text => secrets
            .filter_map(|secret| Some(format!("---\n{}", serde_yaml::to_string(&secret).ok()?)))
            .collect::<String>(),
    }
}

/// The Secret with its labels and what was made, and nothing else: the rest belongs to whoever applies the folder.
fn manifest<'a>(secret: &Object<Plain>, keys: impl Iterator<Item = &'a str>) -> Value {
    let mut metadata = Map::from_iter([("name".to_owned(), json!(secret.name))]);
    if secret.namespaced {
        metadata.insert("namespace".to_owned(), json!(secret.namespace));
    }
    if !secret.value.labels.is_empty() {
        metadata.insert("labels".to_owned(), json!(secret.value.labels));
    }
    let data =
        keys.filter_map(|key| Some((key.to_owned(), json!(STANDARD.encode(secret.value.data.get(key)?)))));
    json!({ "apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data.collect::<Map<_, _>>() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_made_for_one_folder_is_still_found_after_another() {
        let state = tempfile::tempdir().unwrap();
        let folder = Folder::open(state.path().to_owned()).unwrap();
        let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
        let prepared = |example: &str, namespace: &str| {
            let mut source = load(&examples.join(example), namespace).unwrap();
            prepare(&mut source, &folder).unwrap();
            let file = RunFile::read(&state.path().join("dev").join(DEV_FILE)).unwrap();
            let mut names: Vec<_> =
                file.workspaces.iter().map(|it| format!("{}/{}", it.namespace, it.name)).collect();
            names.sort();
            names
        };
        assert_eq!(prepared("00-quickstart", "one"), ["one/demo"]);
        assert_eq!(prepared("00-quickstart", "two"), ["one/demo", "two/demo"]);
        assert_eq!(prepared("10-fintech-mtls", "one"), ["one/demo", "one/fintech", "two/demo"]);
        assert_eq!(prepared("00-quickstart", "two"), ["one/demo", "one/fintech", "two/demo"], "not twice");
    }
}
