//! Does the house still stand as drawn? Who knows whom, what may come in, and what no file may hold.
//!
//! Reachability comes from `cargo tree`: unlike the resolve graph of `cargo metadata` it knows which optional
//! dependencies are really on.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

#[path = "house/secrets.rs"]
mod secrets;

/// What each of our libraries may know among ours, through any number of steps.
const ARROWS: &[(&str, &[&str])] = &[
    ("fapi-crds", &[]),
    ("fapi-jose", &[]),
    ("fapi-core", &["fapi-jose"]),
    ("fapi-config", &["fapi-core", "fapi-jose"]),
    ("fapi-schema", &["fapi-core", "fapi-jose"]),
    ("fapi-store", &["fapi-core", "fapi-jose"]),
    ("fapi-server", &["fapi-config", "fapi-core", "fapi-jose", "fapi-schema", "fapi-store"]),
    ("fapi-operator", &["fapi-config", "fapi-core", "fapi-crds", "fapi-jose", "fapi-schema"]),
];

#[test]
fn no_crate_knows_more_of_us_than_its_arrows_allow() {
    let all = members();
    for (package, may) in ARROWS {
        let may: BTreeSet<&str> = may.iter().copied().collect();
        let ours: BTreeSet<&str> = reach(package)
            .iter()
            .map(|c| c.name.as_str())
            .filter(|name| all.contains(*name) && name != package)
            .collect();
        assert!(ours.is_subset(&may), "{package} knows {ours:?}, and may know {may:?}");
    }
}

#[test]
fn the_table_of_arrows_names_every_library_that_others_may_use() {
    let free = ["fapi-bank", "fapi-fuzz", "fapi-tests", "fapictl"];
    let named: BTreeSet<String> =
        ARROWS.iter().map(|(package, _)| *package).chain(free).map(String::from).collect();
    assert_eq!(named, members());
}

#[test]
fn nobody_knows_the_tests_and_only_fapictl_embeds_the_bank() {
    for package in members() {
        let knows: BTreeSet<&str> = reach(&package).iter().map(|c| c.name.as_str()).collect();
        assert!(package == "fapi-tests" || !knows.contains("fapi-tests"), "{package} knows fapi-tests");
        let may_embed = ["fapi-bank", "fapi-tests", "fapictl"].contains(&package.as_str());
        assert!(may_embed || !knows.contains("fapi-bank"), "{package} knows fapi-bank");
    }
}

#[test]
fn core_decides_and_reaches_nothing_that_acts() {
    // rustls-pki-types and rustls-webpki are values and checks; rustls itself is a connection.
    let acts = [
        "axum",
        "getrandom",
        "hyper",
        "kube",
        "log",
        "mio",
        "rand",
        "rand_core",
        "reqwest",
        "rustls",
        "sqlx",
        "tokio",
        "tower",
        "tracing",
    ];
    for package in ["fapi-core", "fapi-jose", "fapi-config"] {
        reaches_none(package, &acts);
    }
}

#[test]
fn the_server_has_never_heard_of_kubernetes() {
    reaches_none("fapi-server", &["kube", "kube-client", "kube-core", "k8s-openapi"]);
    reaches_none("fapi-store", &["kube", "kube-client", "kube-core", "k8s-openapi", "axum", "hyper"]);
}

/// `B-06`: what somebody drew is taken apart in the operator.
#[test]
fn no_server_looks_into_a_picture() {
    reaches_none("fapi-server", &["image", "png"]);
    assert!(reach("fapi-operator").iter().any(|found| found.name == "png"));
}

#[test]
fn the_operator_has_never_heard_of_http_handlers() {
    reaches_none("fapi-operator", &["axum", "fapi-server", "fapi-store", "sqlx"]);
}

#[test]
fn what_is_banned_is_not_built() {
    let bans = bans();
    assert!(bans.iter().any(|ban| ban.name == "ring"), "no bans were read from .deny.toml");
    for ban in bans {
        for package in members() {
            let users = users_of(&ban.name, &package);
            let others: Vec<_> = users.iter().filter(|user| !ban.wrappers.contains(user)).collect();
            assert!(others.is_empty(), "{} is banned: {package} builds it through {others:?}", ban.name);
        }
    }
}

#[test]
fn every_licence_that_is_built_is_allowed() {
    let allowed = licences_allowed();
    assert!(allowed.contains("MIT"), "no licences were read from .deny.toml");
    let all = members();
    for found in all.iter().flat_map(|package| reach(package)) {
        assert!(
            satisfied(&found.licence, &allowed),
            "{} is under `{}`, which .deny.toml does not allow",
            found.name,
            found.licence
        );
    }
}

#[test]
fn a_licence_expression_is_read_as_spdx_reads_it() {
    let allowed: BTreeSet<String> =
        ["MIT", "ISC", "Apache-2.0 WITH LLVM-exception"].into_iter().map(String::from).collect();
    for yes in [
        "MIT",
        "GPL-3.0 OR MIT",
        "GPL-3.0/MIT",
        "MIT AND ISC",
        "ISC AND (GPL-3.0 OR MIT)",
        "Apache-2.0 WITH LLVM-exception OR GPL-3.0",
        "GPL-3.0 AND GPL-2.0 OR MIT",
    ] {
        assert!(satisfied(yes, &allowed), "{yes}");
    }
    for no in [
        "",
        "GPL-3.0",
        "MIT AND GPL-3.0",
        "(MIT OR ISC) AND GPL-3.0",
        "Apache-2.0",
        "MIT OR ISC AND",
        "MIT )",
    ] {
        assert!(!satisfied(no, &allowed), "{no}");
    }
}

#[test]
fn every_version_stands_in_the_root_manifest() {
    for manifest in member_manifests() {
        let text = std::fs::read_to_string(&manifest).expect("a member's manifest");
        let mut section = String::new();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            if line.starts_with('[') {
                section = line.trim_matches(['[', ']']).to_owned();
                assert!(
                    !section.contains("dependencies."),
                    "{}: [{section}]: write `name.workspace = true` in one line",
                    manifest.display()
                );
            } else if section.ends_with("dependencies") {
                assert!(
                    line.contains("workspace = true") && !line.contains("version"),
                    "{}: `{line}`: its version belongs into the root Cargo.toml",
                    manifest.display()
                );
            }
        }
    }
}

#[test]
fn every_crate_takes_the_lints_of_the_workspace() {
    for manifest in member_manifests() {
        let text = std::fs::read_to_string(&manifest).expect("a member's manifest");
        assert!(
            text.contains("[lints]\nworkspace = true"),
            "{}: [lints] workspace = true",
            manifest.display()
        );
    }
}

#[test]
fn no_file_holds_a_private_key() {
    for (path, text) in texts() {
        assert!(!holds_private_key(&text), "{} holds a private key", path.display());
    }
}

#[test]
fn a_private_key_is_found_however_it_is_written() {
    let begin = ["-----BEGIN ", "PRIVATE KEY-----"].concat();
    let body = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7";
    assert!(holds_private_key(&format!("{begin}\n{body}\n")));
    assert!(holds_private_key(&format!("\"{begin}\\n{body}\"")));
    assert!(holds_private_key(&format!(
        "  key: |\n    {}\n    {body}\n",
        begin.replace("PRIVATE", "EC PRIVATE")
    )));
    assert!(!holds_private_key(&format!("text.starts_with(\"{begin}\")")));
    assert!(!holds_private_key(&format!("{begin}\n{body}\n").replace("PRIVATE", "PUBLIC")));
}

#[test]
fn no_file_names_a_place_on_one_machine() {
    let places = ["work", "root", "home"].map(|place| format!("/{place}/"));
    for (path, text) in texts() {
        for (at, line) in text.lines().enumerate() {
            for place in &places {
                let absolute = line.match_indices(place.as_str()).any(|(start, _)| {
                    let before = line.get(..start).and_then(|before| before.chars().last());
                    before.is_none_or(|c| !c.is_alphanumeric() && !"._-}{$)*".contains(c))
                });
                assert!(!absolute, "{}:{}: {place} exists on one machine only", path.display(), at + 1);
            }
        }
    }
}

#[test]
fn no_file_names_a_package_registry() {
    let hosts = [
        ["crates", "io"].join("."),
        ["proxy.golang", "org"].join("."),
        ["sum.golang", "org"].join("."),
        ["registry.npmjs", "org"].join("."),
        ["pypi", "org"].join("."),
        ["deb.debian", "org"].join("."),
    ];
    for (path, text) in texts() {
        let lock = path.ends_with("Cargo.lock");
        for line in text.lines().filter(|line| !(lock && line.starts_with("source = \"registry+"))) {
            for host in &hosts {
                assert!(!line.contains(host.as_str()), "{}: {line}", path.display());
            }
        }
    }
}

#[test]
fn every_source_file_is_short_enough_to_be_one_thought() {
    for (path, text) in texts() {
        let lines = text.lines().count();
        let source = path.extension().is_some_and(|extension| extension == "rs");
        assert!(!source || lines <= 800, "{} has {lines} lines: split it by thought", path.display());
    }
}

#[test]
fn a_test_that_is_ignored_says_what_it_needs() {
    let attribute = ["#[", "ignore"].concat();
    // Five that tests/run looks for; a process that another test starts; and what is no test but a figure.
    let reasons = [
        "needs a control plane",
        "needs chromium",
        "needs node",
        "needs python",
        "needs the test cluster",
        "run by ",
        "a measurement",
    ]
    .map(|reason| format!("{attribute} = \"{reason}"));
    for (path, text) in texts().into_iter().filter(|(path, _)| path.extension().is_some_and(|e| e == "rs")) {
        for line in text.lines().map(str::trim).filter(|line| line.starts_with(&attribute)) {
            assert!(
                reasons.iter().any(|reason| line.starts_with(reason.as_str())),
                "{}: `{line}`: docs/testing.md knows the reasons {reasons:?}",
                path.display()
            );
        }
    }
}

#[test]
fn the_map_in_the_readme_is_the_territory() {
    let folders: BTreeSet<String> = std::fs::read_dir(repository())
        .expect("the repository is a folder")
        .map(|entry| entry.expect("an entry of it"))
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().into_string().expect("our names are text"))
        .filter(|name| !name.starts_with('.') && !["target", "node_modules"].contains(&name.as_str()))
        .collect();
    let readme =
        std::fs::read_to_string(repository().join("README.md")).expect("README.md is the front page");
    assert_eq!(folders_in(&readme), folders, "left: README.md, right: what is there");
}

/// The lines that begin with `folder/`, plain or as the first cell of a table.
fn folders_in(page: &str) -> BTreeSet<String> {
    page.lines()
        .filter_map(|line| {
            line.strip_prefix("| ").unwrap_or(line).trim_start_matches(['[', '`']).split_once('/')
        })
        .filter(|(_, rest)| rest.is_empty() || rest.starts_with([' ', '`']))
        .map(|(name, _)| name)
        .filter(|name| !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase()))
        .map(String::from)
        .collect()
}

// ---------------------------------------------------------------- what cargo knows

/// One crate of a dependency graph.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Crate {
    name: String,
    licence: String,
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ has a parent").to_owned()
}

fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .args(["--offline", "--locked"])
        .current_dir(repository())
        .output()
        .expect("cargo runs, as it built this test");
    assert!(output.status.success(), "cargo {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("cargo writes UTF-8")
}

fn metadata() -> serde_json::Value {
    serde_json::from_str(&cargo(&["metadata", "--format-version", "1", "--no-deps"]))
        .expect("cargo writes JSON")
}

/// The names of the workspace's crates.
fn members() -> BTreeSet<String> {
    metadata()
        .get("packages")
        .and_then(serde_json::Value::as_array)
        .expect("packages is a list")
        .iter()
        .map(|package| package["name"].as_str().expect("a package has a name").to_owned())
        .collect()
}

fn member_manifests() -> Vec<PathBuf> {
    metadata()
        .get("packages")
        .and_then(serde_json::Value::as_array)
        .expect("packages is a list")
        .iter()
        .map(|package| PathBuf::from(package["manifest_path"].as_str().expect("a package has a manifest")))
        .collect()
}

/// Everything that is built for `package` on this platform, with the features it really has: itself too.
fn reach(package: &str) -> &'static BTreeSet<Crate> {
    static GRAPHS: LazyLock<BTreeMap<String, BTreeSet<Crate>>> =
        LazyLock::new(|| members().into_iter().map(|package| (package.clone(), tree(&package))).collect());
    GRAPHS.get(package).expect("the package is a member")
}

fn tree(package: &str) -> BTreeSet<Crate> {
    let tree = cargo(&[
        "tree",
        "--package",
        package,
        "--edges",
        "normal,build",
        "--prefix",
        "none",
        "--format",
        "{p}|{l}",
    ]);
    let crates: BTreeSet<Crate> = tree
        .lines()
        .filter_map(|line| {
            let (name, licence) = line.split_once('|')?;
            let name = name.split(' ').next()?.to_owned();
            Some(Crate { name, licence: licence.trim_end_matches("(*)").trim().to_owned() })
        })
        .collect();
    assert!(crates.iter().any(|found| found.name == package), "cargo tree of {package} names it");
    crates
}

fn reaches_none(package: &str, forbidden: &[&str]) {
    let knows: BTreeSet<&str> = reach(package).iter().map(|c| c.name.as_str()).collect();
    let found: Vec<_> = forbidden.iter().filter(|name| knows.contains(**name)).collect();
    assert!(found.is_empty(), "{package} reaches {found:?}");
}

/// Who, in the graph of `package`, depends on the crate `name` directly.
fn users_of(name: &str, package: &str) -> BTreeSet<String> {
    if !reach(package).iter().any(|found| found.name == name) {
        return BTreeSet::new();
    }
    let tree = cargo(&[
        "tree",
        "--package",
        package,
        "--edges",
        "normal,build",
        "--invert",
        name,
        "--depth",
        "1",
        "--prefix",
        "none",
    ]);
    tree.lines().skip(1).filter_map(|line| line.split(' ').next()).map(String::from).collect()
}

// ---------------------------------------------------------------- what .deny.toml says

struct Ban {
    name: String,
    wrappers: Vec<String>,
}

fn deny_toml() -> String {
    std::fs::read_to_string(repository().join(".deny.toml")).expect(".deny.toml stands beside Cargo.toml")
}

fn bans() -> Vec<Ban> {
    deny_toml()
        .lines()
        .filter_map(|line| line.trim().strip_prefix("{ crate = "))
        .map(|line| {
            let name = quoted(line).into_iter().next().expect("a ban names its crate");
            let wrappers = line.split_once("wrappers = [").and_then(|(_, rest)| rest.split_once(']'));
            Ban { name, wrappers: wrappers.map(|(list, _)| quoted(list)).unwrap_or_default() }
        })
        .collect()
}

fn licences_allowed() -> BTreeSet<String> {
    let text = deny_toml();
    let (_, rest) = text.split_once("\nallow = [").expect(".deny.toml lists licences");
    let (list, _) = rest.split_once(']').expect("the list ends");
    quoted(list).into_iter().collect()
}

/// The strings between quotes.
fn quoted(text: &str) -> Vec<String> {
    text.split('"').skip(1).step_by(2).map(String::from).collect()
}

/// Whether the allowed licences satisfy an SPDX expression (or the older `A/B`, which means OR).
fn satisfied(expression: &str, allowed: &BTreeSet<String>) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let mut tokens: Vec<&str> = spaced.split_whitespace().rev().collect();
    any_of(&mut tokens, allowed) == Some(true) && tokens.is_empty()
}

fn any_of(tokens: &mut Vec<&str>, allowed: &BTreeSet<String>) -> Option<bool> {
    let mut holds = all_of(tokens, allowed)?;
    while tokens.last() == Some(&"OR") {
        tokens.pop();
        holds |= all_of(tokens, allowed)?;
    }
    Some(holds)
}

fn all_of(tokens: &mut Vec<&str>, allowed: &BTreeSet<String>) -> Option<bool> {
    let mut holds = one(tokens, allowed)?;
    while tokens.last() == Some(&"AND") {
        tokens.pop();
        holds &= one(tokens, allowed)?;
    }
    Some(holds)
}

fn one(tokens: &mut Vec<&str>, allowed: &BTreeSet<String>) -> Option<bool> {
    match tokens.pop()? {
        "(" => {
            let holds = any_of(tokens, allowed)?;
            (tokens.pop()? == ")").then_some(holds)
        }
        ")" | "AND" | "OR" | "WITH" => None,
        name if tokens.last() == Some(&"WITH") => {
            tokens.pop();
            let exception = tokens.pop()?;
            Some(allowed.contains(&format!("{name} WITH {exception}")))
        }
        name => Some(allowed.contains(name)),
    }
}

// ---------------------------------------------------------------- what the files hold

/// Every file of the repository that a person wrote or a generator left for people to read.
fn texts() -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    collect(&repository(), &mut files);
    assert!(files.iter().any(|(path, _)| path.ends_with("Cargo.toml")), "the repository has files");
    files
}

fn collect(folder: &Path, files: &mut Vec<(PathBuf, String)>) {
    for entry in std::fs::read_dir(folder).expect("a folder of the repository") {
        let entry = entry.expect("an entry of the folder");
        let name = entry.file_name();
        let kind = entry.file_type().expect("the entry has a type");
        let made = [".git", "target", ".fapi", "node_modules", "__pycache__"];
        if made.iter().any(|made| name == *made) {
            continue;
        }
        if kind.is_dir() {
            collect(&entry.path(), files);
        } else if kind.is_file() {
            // Another test may have written it for a moment only.
            let Ok(bytes) = std::fs::read(entry.path()) else { continue };
            files.push((entry.path(), String::from_utf8_lossy(&bytes).into_owned()));
        }
    }
}

/// Whether a PEM header of a private key is followed by key material, not merely named.
fn holds_private_key(text: &str) -> bool {
    let marker = ["PRIVATE KEY", "-----"].concat();
    text.match_indices(&marker).any(|(start, found)| {
        let header = text.get(..start).and_then(|before| before.lines().last()).unwrap_or_default();
        let rest = text.get(start + found.len()..).unwrap_or_default().replace("\\n", " ");
        let body = rest.trim_start_matches(|c: char| c.is_whitespace() || "\"'\\+|".contains(c));
        let material = body.chars().take_while(|c| c.is_ascii_alphanumeric() || "+/=".contains(*c)).count();
        header.contains("-----BEGIN ") && material >= 32
    })
}
