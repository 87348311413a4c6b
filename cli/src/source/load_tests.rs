use super::*;

const WORKSPACE: &str = "apiVersion: fapi.rs/v1alpha1
kind: Workspace
metadata:
  name: demo
spec:
  issuer: https://demo.localhost:8443
  profile: Fintech
  mtls:
    port: 8444
  tls:
    selfSigned: {}
  login:
    type: Users
    users:
      secretRef: {name: people, key: users.yaml}
  storage:
    type: SQLite
";

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

/// What is wrong, without the folder in front.
fn problems(files: &[(&str, &str)]) -> Vec<String> {
    let folder = folder(files);
    let source = load(folder.path(), DEFAULT_NAMESPACE).unwrap();
    let front = format!("{}/", folder.path().display());
    source.problems.iter().map(|problem| problem.to_string().replace(&front, "")).collect()
}

#[test]
fn a_folder_is_read_with_all_its_documents() {
    let secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: people, namespace: auth}\nstringData: {a: b}\ndata: {c: ZA==}\n";
    let both = format!("{WORKSPACE}---\n# nothing\n---\n{secret}");
    let deployment = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: bank}\n";
    let folder = folder(&[("a.yaml", &both), ("b.yml", deployment), (".c.yaml", "]"), ("README.md", "]")]);
    fs::create_dir(folder.path().join("d.yaml")).unwrap();
    let source = load(folder.path(), DEFAULT_NAMESPACE).unwrap();
    assert_eq!(source.problems, []);
    let workspace = &source.workspaces[0];
    assert_eq!((workspace.namespace.as_str(), workspace.name.as_str()), ("default", "demo"));
    assert_eq!(workspace.value.metadata.namespace.as_deref(), Some("default"));
    let secret = &source.secrets[0];
    assert_eq!(secret.namespace, "auth");
    assert_eq!(secret.value.data["a"].as_slice(), b"b");
    assert_eq!(secret.value.data["c"].as_slice(), b"d");
    assert_eq!(format!("{:?}", secret.value), r#"{"a", "c"}"#);
    assert_eq!(source.others["Deployment"], 1);
}

#[test]
fn a_mistake_is_named_with_its_place_and_what_was_meant() {
    for (from, to, expected) in [
        ("profile:", "profil:", "demo.yaml:7:3: Workspace has no field spec.profil: did you mean profile?"),
        (
            "port: 8444",
            "prot: 8444",
            "demo.yaml:9:5: Workspace has no field spec.mtls.prot: did you mean port?",
        ),
        (
            "port: 8444",
            "port: no",
            "demo.yaml:9:5: spec.mtls.port: must be a whole number, not true or false",
        ),
        ("port: 8444", "port: 8444\n    port: 8445", "demo.yaml:10:5: duplicate mapping key: port"),
        ("Fintech", "Fintek", "demo.yaml:7:3: spec.profile: Fintek is not one of Fintech, "),
        (":8443", "/", "demo.yaml:6:3: spec.issuer: an issuer is https://host or https://host:port"),
        ("  name: demo", "  labels: {}", "demo.yaml:3:1: metadata.name is missing"),
        ("kind: Workspace", "kind: Workspaces", "demo.yaml:2:1: fapi.rs/v1alpha1 has no Workspaces"),
        ("v1alpha1", "v1", "demo.yaml:2:1: fapi.rs/v1 has no Workspace: write fapi.rs/v1alpha1"),
        ("kind: Workspace\n", "", "demo.yaml:1:1: this is no Kubernetes object"),
        ("metadata:", "metadata: [", "demo.yaml:5:"),
    ] {
        let text = WORKSPACE.replacen(from, to, 1);
        assert_ne!(text, WORKSPACE);
        let found = problems(&[("demo.yaml", &text)]);
        assert!(found.iter().any(|problem| problem.starts_with(expected)), "{from} → {to}: {found:#?}");
    }
}

#[test]
fn the_same_object_twice_is_refused_wherever_it_stands() {
    let found = problems(&[("a.yaml", WORKSPACE), ("b.yaml", WORKSPACE)]);
    assert_eq!(found, ["b.yaml:4:3: there is another Workspace default/demo"]);
    let elsewhere = WORKSPACE.replace("name: demo", "name: demo\n  namespace: other");
    assert_eq!(problems(&[("a.yaml", WORKSPACE), ("b.yaml", &elsewhere)]), [""; 0]);
}

#[test]
fn what_is_said_about_a_secret_holds_none_of_it() {
    let secret = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: s\ndata:\n  key: hunter2!\nstringData:\n  pin: 1234\n";
    let found = problems(&[("s.yaml", secret)]);
    assert_eq!(
        found,
        [
            "s.yaml:6:3: data.key is base64 without spaces (lines of it stand after `|`, not `>`); use stringData for plain text",
            "s.yaml:8:3: stringData.pin must be text (put it in quotes)"
        ]
    );
}

#[test]
fn what_is_no_text_or_too_long_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.yaml"), [0xff, 0xfe]).unwrap();
    fs::write(folder.path().join("b.yaml"), vec![b'#'; 4 * 1024 * 1024 + 1]).unwrap();
    let source = load(folder.path(), DEFAULT_NAMESPACE).unwrap();
    let messages: Vec<&str> = source.problems.iter().map(|problem| problem.message.as_str()).collect();
    assert_eq!(messages, ["the file is not UTF-8 text", "the file is longer than 4 MiB"]);
    assert!(load(&folder.path().join("missing"), DEFAULT_NAMESPACE).is_err());
}

/// As for the API server, which drops it and sets the default.
#[test]
fn an_explicit_null_is_nothing() {
    let text = format!("{WORKSPACE}  scopes: null\n  replicas: null\n  protocol: {{responses: null}}\n");
    let folder = folder(&[("workspace.yaml", &text)]);
    let source = load(folder.path(), DEFAULT_NAMESPACE).unwrap();
    assert_eq!(source.problems, []);
    assert_eq!(source.workspaces[0].value.spec.replicas, 1);
}

/// As the API server reads it: line feeds do not matter, spaces do.
#[test]
fn base64_is_read_as_the_api_server_reads_it() {
    let map = |style: &str| {
        format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: m\nbinaryData:\n  a.png: {style}\n    aGVs\n    bG8=\n"
        )
    };
    assert_eq!(problems(&[("m.yaml", &map("|-"))]), [""; 0]);
    let refused = problems(&[("m.yaml", &map(">-"))]);
    assert!(refused.iter().any(|said| said.contains("after `|`, not `>`")), "{refused:?}");
}
