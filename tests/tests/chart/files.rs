//! Where things are, and files that are generated.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// The checkout.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The chart, or a file in it.
pub(crate) fn chart(file: &str) -> PathBuf {
    root().join("charts/fapi-operator").join(file)
}

/// A file as text.
#[track_caller]
pub(crate) fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A file of YAML, or JSON, which is YAML too.
#[track_caller]
pub(crate) fn yaml(path: &Path) -> Value {
    serde_saphyr::from_str(&text(path)).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A file must hold this; with `INSTA_UPDATE=always` it is written.
#[track_caller]
pub(crate) fn is_generated(path: &Path, content: &str, command: &str) {
    if std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
        fs::write(path, content).unwrap();
    }
    let present = fs::read_to_string(path).unwrap_or_default();
    assert!(
        present == content,
        "{} is not what is generated; run: INSTA_UPDATE=always {command}\n{}",
        path.display(),
        first_difference(&present, content)
    );
}

fn first_difference(present: &str, wanted: &str) -> String {
    let differing = present.lines().zip(wanted.lines()).find(|(present, wanted)| present != wanted);
    differing.map_or_else(
        || "one is longer than the other".to_owned(),
        |(present, wanted)| format!("- {present}\n+ {wanted}"),
    )
}
