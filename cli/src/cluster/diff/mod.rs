//! `fapictl diff`: what would applying these files change, and what does that mean? The API server says the first, by a dry run;
//! nothing is written.

mod meaning;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use fapi_crds::names::{API_VERSION, label};
use fapi_crds::{Client, Kind};
use fapi_operator::validate::references;
use kube::api::{ApiResource, DynamicObject, ListParams, Patch, PatchParams};
use kube::core::GroupVersionKind;
use kube::discovery::{self, Scope as Reach};
use kube::{Api, ResourceExt as _};
use serde::Serialize;
use serde_json::{Value, json};
use similar::TextDiff;

use super::refusal::Tried;
use super::{Cluster, ClusterArgs, Scope, place, timely};
use crate::command::Output;
use crate::exit::{Exit, Stop};
use crate::screen::{self, Paint};
use meaning::{Around, meaning, removal};

const EXAMPLES: &str = "Examples:
  fapictl diff -f clients/
      as kubectl diff, and what it means: who is refused, who has to be approved again
  fapictl diff -f . --prune team=payments
      also what is in the cluster with that label, and not in the files
  fapictl diff -f - -o json
      from kustomize build: {changed, objects: [{kind, namespace, name, change, meaning, diff}]}

Exit codes: 0 no difference, 1 differences, 2 wrong usage, 3 the API server is away, 4 a right is missing.";

/// `fapictl diff`
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct DiffArgs {
    /// Files with YAML, folders of them, or - for stdin
    #[arg(short = 'f', long = "filename", required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Field manager that will apply them
    #[arg(long, value_name = "NAME", default_value = "kubectl")]
    field_manager: String,
    /// Workspaces, Clients and SigningKeys with this label that are not in the files count as removed
    #[arg(long, value_name = "SELECTOR")]
    prune: Option<String>,
    #[command(flatten)]
    cluster: ClusterArgs,
}

/// One object that is not as in the files.
#[derive(Debug, Serialize)]
struct Change {
    kind: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    namespace: String,
    name: String,
    /// `created`, `changed` or `removed`.
    #[serde(rename = "change")]
    what: &'static str,
    meaning: Vec<String>,
    diff: String,
}

/// Asks, and prints.
pub(crate) async fn run(args: &DiffArgs, output: Output, paint: Paint) -> Result<Exit, Stop> {
    let objects = read(&args.files)?;
    let cluster = args.cluster.connect().await?;
    let mut kinds = BTreeMap::new();
    let mut around = Around::default();
    for object in &objects {
        around.file(object, &cluster.namespace);
    }
    let mut changes = Vec::new();
    for object in &objects {
        changes.extend(compare(&cluster, object, &mut kinds, &mut around, &args.field_manager).await?);
    }
    if let Some(selector) = &args.prune {
        changes.extend(removed(&cluster, &objects, selector).await?);
    }
    match output {
        Output::Json => {
            screen::print(&format!("{:#}", json!({"changed": !changes.is_empty(), "objects": changes})));
        }
        Output::Text => changes.iter().for_each(|change| screen::print(&render(change, paint))),
    }
    Ok(if changes.is_empty() { Exit::Success } else { Exit::Findings })
}

/// Every object of the files, in their order.
fn read(paths: &[PathBuf]) -> Result<Vec<Value>, Stop> {
    let mut objects = Vec::new();
    for path in paths {
        for (file, text) in texts(path)? {
            let unusable =
                |why: String| Stop::usage(format!("{}: {why}", file.display()), "fapictl lint FILE");
            let options = serde_saphyr::options! { with_snippet: false, legacy_octal_numbers: true };
            let documents: Vec<Value> = serde_saphyr::from_multiple_with_options(&text, options)
                .map_err(|error| unusable(error.to_string()))?;
            for document in documents.into_iter().filter(|it| !it.is_null()) {
                let has = |pointer: &str| document.pointer(pointer).is_some_and(Value::is_string);
                if !has("/apiVersion") || !has("/kind") || !has("/metadata/name") {
                    return Err(unusable("an object needs apiVersion, kind and metadata.name".to_owned()));
                }
                objects.push(document);
            }
        }
    }
    Ok(objects)
}

fn texts(path: &Path) -> Result<Vec<(PathBuf, String)>, Stop> {
    let unread = |path: &Path, error: &io::Error| {
        Stop::usage(format!("cannot read {}: {error}", path.display()), "fapictl diff -f FILE")
    };
    if path == Path::new("-") {
        let mut text = String::new();
        io::stdin().read_to_string(&mut text).map_err(|error| unread(path, &error))?;
        return Ok(vec![(path.to_owned(), text)]);
    }
    let mut files = Vec::new();
    if path.is_dir() {
        for entry in fs::read_dir(path).map_err(|error| unread(path, &error))? {
            let file = entry.map_err(|error| unread(path, &error))?.path();
            if file.extension().is_some_and(|ending| ending == "yaml" || ending == "yml") {
                files.push(file);
            }
        }
        files.sort();
    } else {
        files.push(path.to_owned());
    }
    let read = |file: PathBuf| {
        let text = fs::read_to_string(&file).map_err(|error| unread(&file, &error))?;
        Ok((file, text))
    };
    files.into_iter().map(read).collect()
}

async fn compare(
    cluster: &Cluster,
    object: &Value,
    kinds: &mut BTreeMap<(String, String), (ApiResource, Reach)>,
    around: &mut Around,
    manager: &str,
) -> Result<Option<Change>, Stop> {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let (api_version, kind, name) = (text("/apiVersion"), text("/kind"), text("/metadata/name"));
    let (resource, reach) = known(cluster, api_version, kind, kinds).await?;
    let namespace = match (reach, text("/metadata/namespace")) {
        (Reach::Cluster, _) => String::new(),
        (Reach::Namespaced, "") => cluster.namespace.clone(),
        (Reach::Namespaced, own) => own.to_owned(),
    };
    let api: Api<DynamicObject> = if namespace.is_empty() {
        Api::all_with(cluster.client.clone(), &resource)
    } else {
        Api::namespaced_with(cluster.client.clone(), &namespace, &resource)
    };
    let qualified = if resource.group.is_empty() {
        resource.plural.clone()
    } else {
        format!("{}.{}", resource.plural, resource.group)
    };
    let of = Some(namespace.as_str()).filter(|namespace| !namespace.is_empty());
    let tried = |verb| Tried::on(verb, qualified.clone(), of, Some(name));
    let before = timely(api.get_opt(name)).await.map_err(|error| tried("get").refused(error))?;
    let params = PatchParams::apply(manager).force().dry_run();
    let after = timely(api.patch(name, &params, &Patch::Apply(object))).await;
    let after = after.map_err(|error| {
        let stop = tried("patch").refused(error);
        Stop { message: format!("{kind} {name}: {}", stop.message), ..stop }
    })?;
    let before = before.map(|it| serde_json::to_value(it).unwrap_or_default());
    let after = serde_json::to_value(after).unwrap_or_default();
    let (old, new) = (before.as_ref().map(bare), bare(&after));
    if old.as_ref() == Some(&new) {
        return Ok(None);
    }
    look_around(cluster, kind, &namespace, &new, around).await?;
    Ok(Some(Change {
        kind: kind.to_owned(),
        what: if old.is_some() { "changed" } else { "created" },
        meaning: meaning(kind, &namespace, name, old.as_ref(), &new, around),
        diff: difference(kind, old.as_ref(), Some(&new), name),
        namespace,
        name: name.to_owned(),
    }))
}

async fn known(
    cluster: &Cluster,
    api_version: &str,
    kind: &str,
    kinds: &mut BTreeMap<(String, String), (ApiResource, Reach)>,
) -> Result<(ApiResource, Reach), Stop> {
    let key = (api_version.to_owned(), kind.to_owned());
    if let Some((resource, reach)) = kinds.get(&key) {
        return Ok((resource.clone(), reach.clone()));
    }
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let tried = Tried::on("get", format!("{kind} of {api_version}"), None, None);
    let kind_of = GroupVersionKind::gvk(group, version, kind);
    let found = discovery::pinned_kind(&cluster.client, &kind_of);
    let (resource, capabilities) = timely(found).await.map_err(|error| match error {
        kube::Error::Discovery(_) => {
            Stop::usage(format!("the cluster does not know {kind} of {api_version}"), "kubectl api-resources")
        }
        other => tried.refused(other),
    })?;
    kinds.insert(key, (resource.clone(), capabilities.scope.clone()));
    Ok((resource, capabilities.scope))
}

/// What a Client's Workspace asks for, and who reads a Secret.
async fn look_around(
    cluster: &Cluster,
    kind: &str,
    namespace: &str,
    object: &Value,
    around: &mut Around,
) -> Result<(), Stop> {
    if kind == "Secret" && !around.clients.contains_key(namespace) {
        let scope = Scope::Namespace(namespace.to_owned());
        let clients = cluster.list_if_allowed::<Client>(&scope, None).await?.unwrap_or_default();
        let read_by = clients.iter().flat_map(|client| {
            let (_, name) = place(client);
            references(client).into_iter().map(move |reference| (reference.name, name.clone()))
        });
        around.clients.insert(namespace.to_owned(), read_by.collect());
    }
    if kind == "Client" {
        let name = object.pointer("/spec/workspaceRef/name").and_then(Value::as_str).unwrap_or_default();
        let of = object.pointer("/spec/workspaceRef/namespace").and_then(Value::as_str).unwrap_or(namespace);
        let key = (of.to_owned(), name.to_owned());
        let Entry::Vacant(unknown) = around.manual.entry(key) else { return Ok(()) };
        let there = Cluster { namespace: of.to_owned(), ..cluster.clone() };
        // Who may not look learns less, and is told nothing wrong.
        let found = there.one::<fapi_crds::Workspace>(name).await.ok();
        let manual = found
            .is_some_and(|it| it.spec.allowed_clients.approval == fapi_crds::workspace::Approval::Manual);
        unknown.insert(manual);
    }
    Ok(())
}

/// What has the label, is of our kinds, and is not in the files: in the namespaces that the files speak of.
async fn removed(cluster: &Cluster, objects: &[Value], selector: &str) -> Result<Vec<Change>, Stop> {
    let text = |object: &Value, pointer: &str| {
        object.pointer(pointer).and_then(Value::as_str).map(str::to_owned).unwrap_or_default()
    };
    let namespace_of = |object: &Value| {
        let own = text(object, "/metadata/namespace");
        if own.is_empty() { cluster.namespace.clone() } else { own }
    };
    let mut namespaces: Vec<String> = objects.iter().map(namespace_of).collect();
    namespaces.sort();
    namespaces.dedup();
    let mut changes = Vec::new();
    for namespace in namespaces {
        for kind in Kind::ALL {
            let gvk =
                GroupVersionKind::gvk(fapi_crds::names::GROUP, fapi_crds::names::VERSION, kind.as_str());
            let resource = ApiResource::from_gvk_with_plural(&gvk, kind.plural());
            let api: Api<DynamicObject> = Api::namespaced_with(cluster.client.clone(), &namespace, &resource);
            let resource = format!("{}.{}", kind.plural(), fapi_crds::names::GROUP);
            let tried = Tried::on("list", resource, Some(&namespace), None);
            let listed = timely(api.list(&ListParams::default().labels(selector))).await;
            for object in listed.map_err(|error| tried.refused(error))? {
                let name = object.name_any();
                // What the operator has made itself is no file's business.
                let made = object.labels().contains_key(label::WORKSPACE_UID);
                let written = objects.iter().any(|it| {
                    text(it, "/kind") == kind.as_str()
                        && text(it, "/apiVersion") == API_VERSION
                        && text(it, "/metadata/name") == name
                        && namespace_of(it) == namespace
                });
                if written || made {
                    continue;
                }
                let old = bare(&serde_json::to_value(&object).unwrap_or_default());
                changes.push(Change {
                    kind: kind.as_str().to_owned(),
                    what: "removed",
                    meaning: vec![removal(kind, &old)],
                    diff: difference(kind.as_str(), Some(&old), None, &name),
                    namespace: namespace.clone(),
                    name,
                });
            }
        }
    }
    Ok(changes)
}

/// The object as people write it.
fn bare(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(members) = object.as_object_mut() {
        members.remove("status");
    }
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        for member in
            ["managedFields", "resourceVersion", "uid", "generation", "creationTimestamp", "selfLink"]
        {
            metadata.remove(member);
        }
    }
    object
}

fn difference(kind: &str, old: Option<&Value>, new: Option<&Value>, name: &str) -> String {
    let (mut old, mut new) = (old.cloned(), new.cloned());
    if kind == "Secret" {
        hide(old.as_mut(), new.as_mut());
    }
    let yaml = |object: &Option<Value>| {
        object.as_ref().and_then(|object| serde_yaml::to_string(object).ok()).unwrap_or_default()
    };
    let (old, new) = (yaml(&old), yaml(&new));
    let file = format!("{kind} {name}");
    TextDiff::from_lines(&old, &new).unified_diff().header(&file, &file).to_string()
}

/// What a Secret holds is not shown; that it changes is.
fn hide(old: Option<&mut Value>, new: Option<&mut Value>) {
    let (before, after) = (old.as_deref().cloned(), new.as_deref().cloned());
    for (object, other, word) in [(old, after, "before"), (new, before, "after")] {
        let Some(object) = object else { continue };
        for field in ["data", "stringData"] {
            let Some(entries) = object.get_mut(field).and_then(Value::as_object_mut) else { continue };
            for (key, value) in entries {
                let same = other.as_ref().and_then(|other| other.get(field)?.get(key)) == Some(&*value);
                *value = Value::from(if same { "***".to_owned() } else { format!("*** ({word})") });
            }
        }
    }
}

fn render(change: &Change, paint: Paint) -> String {
    let Change { kind, namespace, name, what, meaning, diff } = change;
    let place = if namespace.is_empty() { name.clone() } else { format!("{namespace}/{name}") };
    let mut lines = vec![paint.bold(format!("{kind} {place} is {what}"))];
    lines.extend(meaning.iter().map(|it| format!("  → {it}")));
    for line in diff.lines() {
        lines.push(match line.as_bytes().first() {
            Some(b'+') => paint.good(line),
            Some(b'-') => paint.bad(line),
            _ => line.to_owned(),
        });
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_shows_that_it_changes_and_not_what_it_holds() {
        let secret = |a: &str, b: &str| json!({"metadata": {"name": "x"}, "data": {"a": a, "b": b}});
        let shown =
            difference("Secret", Some(&secret("b25l", "c2FtZQ==")), Some(&secret("dHdv", "c2FtZQ==")), "x");
        assert!(shown.contains("-  a: '*** (before)'") && shown.contains("+  a: '*** (after)'"), "{shown}");
        assert!(!shown.contains("b25l") && !shown.contains("dHdv") && !shown.contains("c2FtZQ"), "{shown}");
        let other = difference("ConfigMap", None, Some(&secret("b25l", "x")), "x");
        assert!(other.contains("+  a: b25l"), "{other}");
    }

    #[test]
    fn what_the_api_server_adds_is_no_difference() {
        let object =
            json!({"metadata": {"name": "x", "uid": "1", "generation": 2}, "spec": {}, "status": {"a": 1}});
        assert_eq!(bare(&object), json!({"metadata": {"name": "x"}, "spec": {}}));
    }
}
