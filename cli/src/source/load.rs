//! Reads a folder: every document of every YAML file in it, as `kubectl apply -f` would.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fapi_crds::schema::{unknown_fields, violations};
use fapi_crds::{Client, Kind, SigningKey, Workspace, names};
use serde::de::DeserializeOwned;
use serde_json::Value;
use zeroize::Zeroizing;

use super::node::{Place, Placed, locate, to_json};
use super::problem::Problem;

/// The largest file that is read.
const MAX_FILE: u64 = 4 * 1024 * 1024;

/// Where objects go that do not say.
pub const DEFAULT_NAMESPACE: &str = "default";

/// Everything a folder holds.
#[derive(Clone, Default, Debug)]
pub struct Source {
    /// Workspaces.
    pub workspaces: Vec<Object<Workspace>>,
    /// Clients.
    pub clients: Vec<Object<Client>>,
    /// Signing keys.
    pub signing_keys: Vec<Object<SigningKey>>,
    /// Secrets.
    pub secrets: Vec<Object<Plain>>,
    /// `ConfigMap`s.
    pub config_maps: Vec<Object<Plain>>,
    /// Objects of other kinds, by kind: they are for a cluster.
    pub others: BTreeMap<String, usize>,
    /// What is wrong. If there is anything, the rest is not to be used.
    pub problems: Vec<Problem>,
}

/// An object and where it stands.
#[derive(Clone, Debug)]
pub struct Object<T> {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// What it says.
    pub value: T,
    /// The same as JSON, as it was written.
    pub json: Value,
    /// The file it stands in.
    pub file: PathBuf,
    /// Whether it says in which namespace it is.
    pub namespaced: bool,
    places: Rc<Placed>,
}

/// A Secret or `ConfigMap`. `Debug` shows the keys only.
#[derive(Clone)]
pub struct Plain {
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Annotations.
    pub annotations: BTreeMap<String, String>,
    /// Content by key.
    pub data: BTreeMap<String, Zeroizing<Vec<u8>>>,
    /// Keys whose content was written as text: in `data` of a `ConfigMap`, in `stringData` of a Secret.
    pub texts: BTreeSet<String>,
}

impl std::fmt::Debug for Plain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.data.keys()).finish()
    }
}

impl<T> Object<T> {
    /// A problem at this path of the object.
    pub fn problem(&self, path: &str, message: impl Into<String>) -> Problem {
        Problem { file: self.file.clone(), place: locate(&self.places, path), message: message.into() }
    }
}

/// Reads every `*.yaml` and `*.yml` of a folder (not of folders in it), or one file. Objects that do not say in which
/// namespace they are go to `namespace`.
///
/// # Errors
/// If the folder cannot be read. What is wrong inside of files is in [`Source::problems`].
pub fn load(path: &Path, namespace: &str) -> io::Result<Source> {
    load_all(&[path.to_owned()], namespace).map_err(|(_, error)| error)
}

/// The same for several, read together.
///
/// # Errors
/// The first that cannot be read.
pub fn load_all(paths: &[PathBuf], namespace: &str) -> Result<Source, (PathBuf, io::Error)> {
    let mut source = Source::default();
    let mut seen = BTreeSet::new();
    for path in paths {
        let failed = |error| (path.clone(), error);
        for file in files(path).map_err(failed)? {
            read(&file, namespace, &mut source, &mut seen).map_err(failed)?;
        }
    }
    source.problems.sort();
    Ok(source)
}

/// The YAML files of a folder, sorted by name.
fn files(path: &Path) -> io::Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(path)? {
        let path = entry?.path();
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        let yaml = path.extension().is_some_and(|ending| ending == "yaml" || ending == "yml");
        if yaml && !hidden && path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn read(
    file: &Path,
    namespace: &str,
    source: &mut Source,
    seen: &mut BTreeSet<(String, String, String)>,
) -> io::Result<()> {
    let mut refuse = |place: Place, message: String| {
        source.problems.push(Problem { file: file.to_owned(), place, message });
    };
    if fs::metadata(file)?.len() > MAX_FILE {
        refuse(Place { line: 1, column: 1 }, "the file is longer than 4 MiB".to_owned());
        return Ok(());
    }
    let text = Zeroizing::new(fs::read(file)?);
    let Ok(text) = std::str::from_utf8(&text) else {
        refuse(Place { line: 1, column: 1 }, "the file is not UTF-8 text".to_owned());
        return Ok(());
    };
    // As go-yaml does, which kubectl reads with; a name twice in one mapping is refused.
    let options = serde_saphyr::options! { with_snippet: false, legacy_octal_numbers: true };
    let documents: Vec<Placed> = match serde_saphyr::from_multiple_with_options(text, options) {
        Ok(documents) => documents,
        Err(error) => {
            let place = error.location().map_or(Place { line: 1, column: 1 }, Place::of);
            // The location is in front already.
            let message = error.render();
            let message = message.lines().next().unwrap_or_default();
            let message = message.split(" at line ").next().unwrap_or(message);
            refuse(place, message.strip_prefix("error: ").unwrap_or(message).to_owned());
            return Ok(());
        }
    };
    for document in documents {
        let json = to_json(&document);
        if !json.is_null() {
            add(file, namespace, Rc::new(document), json, source, seen);
        }
    }
    Ok(())
}

fn add(
    file: &Path,
    namespace: &str,
    places: Rc<Placed>,
    json: Value,
    source: &mut Source,
    seen: &mut BTreeSet<(String, String, String)>,
) {
    let text = |pointer: &str| json.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let (api_version, kind) = (text("/apiVersion"), text("/kind"));
    let (own, name) = (text("/metadata/namespace"), text("/metadata/name").unwrap_or_default());
    let object = Object {
        namespace: own.clone().unwrap_or_else(|| namespace.to_owned()),
        name,
        value: (),
        json,
        file: file.to_owned(),
        namespaced: own.is_some(),
        places,
    };
    let (Some(api_version), Some(kind)) = (api_version, kind) else {
        let message = "this is no Kubernetes object: write apiVersion and kind, for example \
                       apiVersion: fapi.rs/v1alpha1 and kind: Workspace";
        source.problems.push(object.problem("", message));
        return;
    };
    let ours = api_version.split('/').next() == Some(names::GROUP);
    let plain_kind = api_version == "v1" && matches!(kind.as_str(), "Secret" | "ConfigMap");
    if !ours && !plain_kind {
        *source.others.entry(kind).or_default() += 1;
        return;
    }
    if object.name.is_empty() {
        source.problems.push(object.problem("metadata", "metadata.name is missing"));
        return;
    }
    if !seen.insert((kind.clone(), object.namespace.clone(), object.name.clone())) {
        let message = format!("there is another {kind} {}/{}", object.namespace, object.name);
        source.problems.push(object.problem("metadata.name", message));
        return;
    }
    match (ours, kind.as_str()) {
        (false, "Secret") => extend(plain(object, true), &mut source.secrets, &mut source.problems),
        (false, _) => extend(plain(object, false), &mut source.config_maps, &mut source.problems),
        (true, name) => match Kind::named(name).filter(|_| api_version == names::API_VERSION) {
            Some(Kind::Workspace) => {
                extend(typed(object, Kind::Workspace), &mut source.workspaces, &mut source.problems);
            }
            Some(Kind::Client) => {
                extend(typed(object, Kind::Client), &mut source.clients, &mut source.problems);
            }
            Some(Kind::SigningKey) => {
                extend(typed(object, Kind::SigningKey), &mut source.signing_keys, &mut source.problems);
            }
            None => {
                let message = format!(
                    "{api_version} has no {name}: write {} with one of Workspace, Client, SigningKey",
                    names::API_VERSION
                );
                source.problems.push(object.problem("kind", message));
            }
        },
    }
}

fn extend<T>(
    read: Result<Object<T>, Vec<Problem>>,
    objects: &mut Vec<Object<T>>,
    problems: &mut Vec<Problem>,
) {
    match read {
        Ok(object) => objects.push(object),
        Err(found) => problems.extend(found),
    }
}

/// One of our kinds: no unknown fields, and nothing that the API server would refuse.
fn typed<T: DeserializeOwned>(object: Object<()>, kind: Kind) -> Result<Object<T>, Vec<Problem>> {
    let unknown = unknown_fields(kind, &object.json).into_iter().map(|field| {
        let instead = match field.nearest {
            Some(nearest) => format!("did you mean {nearest}?"),
            None => format!("known here: {}", field.known.join(", ")),
        };
        object.problem(&field.path, format!("{kind} has no field {}: {instead}", field.path))
    });
    let mut problems: Vec<Problem> = unknown.collect();
    for violation in violations(kind, &object.json) {
        problems.push(object.problem(&violation.path, violation.to_string()));
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let mut json = without_nulls(&object.json);
    if let Some(Value::Object(metadata)) = json.get_mut("metadata") {
        metadata.insert("namespace".to_owned(), Value::String(object.namespace.clone()));
    }
    match serde_json::from_value(json) {
        Ok(value) => {
            let Object { namespace, name, json, file, namespaced, places, .. } = object;
            Ok(Object { namespace, name, value, json, file, namespaced, places })
        }
        Err(error) => Err(vec![object.problem("", format!("this is no {kind}: {error}"))]),
    }
}

/// What is written as null is not there, for the API server as for us.
fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let there = members.iter().filter(|(_, value)| !value.is_null());
            Value::Object(there.map(|(name, value)| (name.clone(), without_nulls(value))).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(without_nulls).collect()),
        other => other.clone(),
    }
}

/// A Secret or `ConfigMap`. What is wrong in one is told without its content.
fn plain(object: Object<()>, secret: bool) -> Result<Object<Plain>, Vec<Problem>> {
    let mut problems = Vec::new();
    let (mut data, mut texts) = (BTreeMap::new(), BTreeSet::new());
    let (encoded, written) = if secret { ("data", "stringData") } else { ("binaryData", "data") };
    for (field, decode) in [(encoded, true), (written, false)] {
        let members = match object.json.get(field) {
            None | Some(Value::Null) => continue,
            Some(Value::Object(members)) => members,
            Some(_) => {
                problems.push(object.problem(field, format!("{field} is a map from key to text")));
                continue;
            }
        };
        for (key, value) in members {
            let bytes = match value.as_str() {
                Some(text) if decode => STANDARD.decode(text.replace(['\n', '\r'], "")).ok(),
                Some(text) => Some(text.as_bytes().to_vec()),
                None => None,
            };
            let path = format!("{field}.{key}");
            match bytes {
                Some(bytes) => {
                    if !decode {
                        texts.insert(key.clone());
                    }
                    data.insert(key.clone(), Zeroizing::new(bytes));
                }
                None if decode => problems
                    .push(object.problem(&path, format!("{path} is base64 without spaces (lines of it stand after `|`, not `>`); use {written} for plain text"))),
                None => {
                    problems.push(object.problem(&path, format!("{path} must be text (put it in quotes)")));
                }
            }
        }
    }
    let strings = |pointer: &str| -> BTreeMap<String, String> {
        let members = object.json.pointer(pointer).and_then(Value::as_object);
        let texts = members
            .into_iter()
            .flatten()
            .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())));
        texts.collect()
    };
    let (labels, annotations) = (strings("/metadata/labels"), strings("/metadata/annotations"));
    if !problems.is_empty() {
        return Err(problems);
    }
    let Object { namespace, name, file, namespaced, places, .. } = object;
    // The JSON would hold the content a second time, unwiped.
    Ok(Object {
        namespace,
        name,
        value: Plain { labels, annotations, data, texts },
        json: Value::Null,
        file,
        namespaced,
        places,
    })
}

#[cfg(test)]
#[path = "load_tests.rs"]
mod tests;
