//! What is demanded: the files of `tests/requirements/`, as they stand there.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context as _;
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// `rows.yaml`: what an authorization server must do.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rows {
    /// The modes in which a Workspace is served.
    pub served: Vec<String>,
    /// The rows, by subject.
    pub sections: Vec<Section>,
}

/// The rows of one subject.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Section {
    /// The subject.
    pub title: String,
    /// Its rows, in the order of their ids.
    pub rows: Vec<Row>,
}

/// One requirement.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// What tests and comments quote.
    pub id: String,
    /// Where it comes from.
    pub clause: String,
    /// How much it binds.
    pub level: Level,
    /// In which modes it binds.
    pub modes: Vec<String>,
    /// What must be.
    pub says: String,
}

/// How much a requirement binds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
pub enum Level {
    /// Must: a violation is a bug.
    M,
    /// Should: a deviation has a reason.
    S,
    /// Optional.
    O,
}

/// `clauses.yaml`: the texts, and what each clause comes down to.
pub type Texts = Vec<Text>;

/// One text.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Text {
    /// Its name.
    pub title: String,
    /// Its clauses.
    pub clauses: Vec<Clause>,
}

/// One clause of a text.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clause {
    /// Its address.
    pub clause: String,
    /// What it wants.
    pub says: String,
    /// The ids of the rows that say so.
    pub rows: Vec<String>,
}

/// `others.yaml`: ids beside the rows, such as attacks and faults.
pub type Others = Vec<Group>;

/// Ids of one kind, each with what it stands for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// The kind.
    pub title: String,
    /// What each id stands for.
    pub ids: BTreeMap<String, String>,
}

/// `waiting.yaml`: ids of rows that bind and have no test, each with the reason.
pub type Waiting = BTreeMap<String, String>;

impl Rows {
    /// All rows.
    pub fn all(&self) -> impl Iterator<Item = &Row> {
        self.sections.iter().flat_map(|section| &section.rows)
    }

    /// Whether a row binds in a mode that is served.
    pub fn binds(&self, row: &Row) -> bool {
        row.modes.iter().any(|mode| self.served.contains(mode))
    }
}

/// Reads one file of `tests/requirements/`.
pub fn read<T: DeserializeOwned>(repository: &Path, file: &str) -> anyhow::Result<T> {
    let path = repository.join("tests/requirements").join(file);
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    serde_saphyr::from_str(&text).with_context(|| path.display().to_string())
}
