use std::path::Path;

use clap::Parser as _;

use super::*;

#[derive(clap::Parser)]
struct Line {
    #[command(flatten)]
    args: UpArgs,
}

fn args(dir: &Path) -> UpArgs {
    Line::try_parse_from(["up".into(), dir.as_os_str().to_owned()]).unwrap().args
}

fn workspace(issuer: &str) -> RunWorkspace {
    serde_json::from_value(serde_json::json!({ "name": "demo", "namespace": "default", "issuer": issuer }))
        .unwrap()
}

#[test]
fn a_state_directory_is_for_one_at_a_time() {
    let root = tempfile::tempdir().unwrap();
    let state = Folder::open(root.path().join(".fapi")).unwrap();
    let dir = root.path().join("second folder");
    fs::create_dir(&dir).unwrap();
    let mut first = Note::claim(&state, &args(&dir)).unwrap();
    first.update(vec![workspace("https://demo.localhost:8443")]).unwrap();

    let refused = Note::claim(&state, &args(&dir)).err().unwrap();
    let (pid, path) = (std::process::id(), state.path().display());
    assert_eq!(
        refused.message,
        format!(
            "another `fapictl up` uses {path} (process {pid}, which serves https://demo.localhost:8443): keys, databases and \
             run.json are for one"
        )
    );
    let other = format!("{path}-second folder");
    assert!(refused.next.ends_with(&format!("second folder' --state '{other}'")), "{}", refused.next);
    assert!(first.path().exists(), "what the first wrote is untouched");

    first.withdraw();
    assert!(Note::claim(&state, &args(&dir)).is_ok());
}

#[test]
fn what_is_written_is_what_is_served_now() {
    let root = tempfile::tempdir().unwrap();
    let state = Folder::open(root.path()).unwrap();
    fs::write(state.file(RUN_FILE), r#"{"pid":1,"workspaces":[]}"#).unwrap();
    let mut note = Note::claim(&state, &args(root.path())).unwrap();
    assert!(!note.path().exists(), "nobody is left of those who wrote it");

    note.update(vec![workspace("https://a.localhost:8443")]).unwrap();
    assert_eq!(RunFile::read(note.path()).unwrap().workspaces[0].issuer, "https://a.localhost:8443");
    note.update(vec![workspace("https://b.localhost:8443")]).unwrap();
    assert_eq!(RunFile::read(note.path()).unwrap().workspaces[0].issuer, "https://b.localhost:8443");

    fs::remove_file(note.path()).unwrap();
    note.update(vec![workspace("https://b.localhost:8443")]).unwrap();
    assert!(!note.path().exists(), "nothing has changed, so nothing is written");
}

#[test]
fn a_run_file_of_somebody_else_stays() {
    let root = tempfile::tempdir().unwrap();
    let state = Folder::open(root.path()).unwrap();
    let mut note = Note::claim(&state, &args(root.path())).unwrap();
    note.update(Vec::new()).unwrap();
    let path = note.path().to_owned();
    fs::write(&path, r#"{"pid":1,"workspaces":[]}"#).unwrap();
    note.withdraw();
    assert!(path.exists());

    let mut note = Note::claim(&state, &args(root.path())).unwrap();
    note.update(Vec::new()).unwrap();
    note.withdraw();
    assert!(!path.exists(), "its own goes");
}
