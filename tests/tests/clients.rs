//! Do the libraries that people write clients with speak with this server, as they are?
//!
//! Each test serves a copy of an example with `fapictl up` on ports that are free, and plays every flow that [`FLOWS`] has for it
//! with one library. `docs/clients.md` shows the table and the code, and a test holds it to both.

use std::fmt::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{fs, thread};

use regex::Regex;
use serde_json::Value;

/// Nothing takes so long; whoever waits longer waits for nothing.
const PATIENCE: Duration = Duration::from_mins(2);

const QUICKSTART: &str = "00-quickstart";
const FINTECH: &str = "10-fintech-mtls";
const FAPI2: &str = "30-fapi2";

/// One way from nothing to tokens, and what is done with them.
struct Flow {
    example: &'static str,
    workspace: &'static str,
    client: &'static str,
    /// How the client says who it is, and with which algorithm it signs.
    authentication: &'static str,
    algorithm: &'static str,
    /// As `tests/clients/node/scenario.mjs` takes them.
    words: &'static [&'static str],
}

const fn flow(
    place: (&'static str, &'static str, &'static str),
    [authentication, algorithm]: [&'static str; 2],
    words: &'static [&'static str],
) -> Flow {
    let (example, workspace, client) = place;
    Flow { example, workspace, client, authentication, algorithm, words }
}

const FLOWS: &[Flow] = &[
    flow((QUICKSTART, "demo", "demo-app"), [ASSERTION, "PS256"], &["signed", "jarm"]),
    flow((FINTECH, "fintech", "budget"), [ASSERTION, "PS256"], &["signed", "hybrid"]),
    flow((FINTECH, "fintech", "courier"), [ASSERTION, "ES256"], &["signed", "jarm", "byValue"]),
    flow((FINTECH, "fintech", "courier"), [ASSERTION, "ES256"], &["signed", "hybrid"]),
    flow((FINTECH, "fintech", "ledger"), [SUBJECT, "PS256"], &["signed", "jarm"]),
    flow((FINTECH, "fintech", "ledger"), [SUBJECT, "PS256"], &["signed", "hybrid", "byValue"]),
    // Its JARM responses are encrypted.
    flow((FINTECH, "fintech", "wallet"), [CERTIFICATE, "PS256"], &["signed", "jarm"]),
    flow((FINTECH, "fintech", "wallet"), [CERTIFICATE, "PS256"], &["signed", "hybrid"]),
    flow((FAPI2, "fapi2", "wallet"), [ASSERTION, "PS256"], &["dpop"]),
    flow((FAPI2, "fapi2", "ledger"), [SUBJECT, "PS256"], &[]),
    flow((FAPI2, "fapi2", "courier"), [ASSERTION, "ES256"], &[]),
    flow((FAPI2, "fapi2-signed", "treasury"), [ASSERTION, "PS256"], &["signed", "jarm", "dpop"]),
    // openid-client and oauth4webapi call it `Ed25519` (RFC 9864).
    flow((FAPI2, "fapi2-signed", "mint"), [ASSERTION, "EdDSA"], &["signed", "jarm", "dpop"]),
    flow((FAPI2, "fapi2-signed", "vault"), [ASSERTION, "ES256"], &["signed", "jarm"]),
];

const ASSERTION: &str = "private_key_jwt";
const SUBJECT: &str = "tls_client_auth";
const CERTIFICATE: &str = "self_signed_tls_client_auth";

/// A library, and how its client is started.
struct Library {
    name: &'static str,
    file: &'static str,
    /// What none of its flows can have, because the library cannot do it.
    lacks: &'static [&'static str],
}

const OPENID_CLIENT: Library = Library { name: "openid-client", file: "node/openid-client.mjs", lacks: &[] };
const OAUTH4WEBAPI: Library = Library { name: "oauth4webapi", file: "node/oauth4webapi.mjs", lacks: &[] };
const AUTHLIB: Library = Library { name: "authlib", file: "python/authlib_client.py", lacks: &["dpop"] };

mod node {
    use super::{FAPI2, FINTECH, OAUTH4WEBAPI, OPENID_CLIENT, QUICKSTART, plays};

    #[test]
    #[ignore = "needs node"]
    fn openid_client_plays_the_quickstart() {
        plays(&OPENID_CLIENT, QUICKSTART);
    }

    #[test]
    #[ignore = "needs node"]
    fn openid_client_speaks_fapi_1_advanced() {
        plays(&OPENID_CLIENT, FINTECH);
    }

    #[test]
    #[ignore = "needs node"]
    fn openid_client_speaks_fapi_2() {
        plays(&OPENID_CLIENT, FAPI2);
    }

    #[test]
    #[ignore = "needs node"]
    fn oauth4webapi_plays_the_quickstart() {
        plays(&OAUTH4WEBAPI, QUICKSTART);
    }

    #[test]
    #[ignore = "needs node"]
    fn oauth4webapi_speaks_fapi_1_advanced() {
        plays(&OAUTH4WEBAPI, FINTECH);
    }

    #[test]
    #[ignore = "needs node"]
    fn oauth4webapi_speaks_fapi_2() {
        plays(&OAUTH4WEBAPI, FAPI2);
    }
}

mod python {
    use super::{AUTHLIB, FAPI2, FINTECH, QUICKSTART, plays};

    #[test]
    #[ignore = "needs python"]
    fn authlib_plays_the_quickstart() {
        plays(&AUTHLIB, QUICKSTART);
    }

    #[test]
    #[ignore = "needs python"]
    fn authlib_speaks_fapi_1_advanced() {
        plays(&AUTHLIB, FINTECH);
    }

    #[test]
    #[ignore = "needs python"]
    fn authlib_speaks_fapi_2() {
        plays(&AUTHLIB, FAPI2);
    }
}

#[test]
fn the_page_about_clients_shows_what_is_run() {
    let path = repository().join("docs/clients.md");
    let page = fs::read_to_string(&path).unwrap();
    let made = with_code(&with_table(&page));
    if std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
        fs::write(&path, &made).unwrap();
    }
    assert!(
        fs::read_to_string(&path).unwrap() == made,
        "docs/clients.md is not what is run; run: INSTA_UPDATE=always cargo test -p fapi-tests --test clients"
    );
}

// ---------------------------------------------------------------- playing

fn plays(library: &Library, example: &str) {
    let served = Served::start(example);
    let clients = Clients::with_libraries();
    let flows = FLOWS.iter().filter(|flow| flow.example == example && library.can(flow));
    for flow in flows {
        flow.is_about(served.client(flow));
        let output = clients
            .command(library)
            .args([served.run_file().to_str().unwrap(), flow.workspace, flow.client])
            .args(flow.words)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{} as {}, {:?}: {}",
            library.name,
            flow.client,
            flow.words,
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

impl Library {
    fn can(&self, flow: &Flow) -> bool {
        self.lacks.iter().all(|word| !flow.words.contains(word))
    }
}

impl Flow {
    /// The table says of this client what is true.
    fn is_about(&self, client: &Value) {
        assert_eq!(client["method"], self.authentication, "{}", self.client);
        let keys = fs::read(client["jwksPrivateFile"].as_str().unwrap()).unwrap();
        let keys: Value = serde_json::from_slice(&keys).unwrap();
        assert_eq!(keys["keys"][0]["alg"], self.algorithm, "{}", self.client);
    }

    fn has(&self, word: &str) -> bool {
        self.words.contains(&word)
    }

    /// What the table says of it.
    fn row(&self) -> [&str; 7] {
        let profile = match self.workspace {
            "fapi2" => "FAPI2Security",
            "fapi2-signed" => "FAPI2MessageSigning",
            _ => "Fintech",
        };
        let request = match (self.has("signed"), self.has("byValue")) {
            (true, true) => "signed, by value",
            (true, false) => "signed, pushed",
            (false, _) => "pushed",
        };
        let response = match (self.has("jarm"), self.has("hybrid"), self.client) {
            (true, _, "wallet") => "JARM, encrypted",
            (true, ..) => "JARM",
            (_, true, _) => "`code id_token`",
            _ => "code",
        };
        let binding = if self.has("dpop") { "key (DPoP)" } else { "certificate" };
        [profile, self.client, self.authentication, self.algorithm, request, response, binding]
    }
}

/// `fapictl up`, and the folder it serves.
struct Served {
    child: Child,
    root: tempfile::TempDir,
    run: Value,
}

impl Served {
    /// Serves a copy of the example, with the clients in `tests/clients/more` that it has none of.
    fn start(example: &str) -> Served {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("served");
        fs::create_dir(&folder).unwrap();
        let more = repository().join("tests/clients/more").join(example).with_extension("yaml");
        let mut files: Vec<_> = fs::read_dir(repository().join("examples").join(example))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
            .collect();
        files.extend(more.is_file().then_some(more));
        let mut ports = Ports::default();
        for file in files {
            let text = ports.replaced(&fs::read_to_string(&file).unwrap());
            fs::write(folder.join(file.file_name().unwrap()), text).unwrap();
        }

        let log = fs::File::create(root.path().join("log")).unwrap();
        let programs = told("FAPI_TEST_PROGRAMS", "the folder with fapictl");
        let child = Command::new(Path::new(&programs).join("fapictl"))
            .args(["up", "served", "--state", "state", "--log-level", "info", "--color", "never"])
            .current_dir(root.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut served = Served { child, root, run: Value::Null };
        let begun = Instant::now();
        while served.run.is_null() {
            let ended = served.child.try_wait().unwrap();
            assert!(ended.is_none() && begun.elapsed() < PATIENCE, "it does not serve: {}", served.log());
            thread::sleep(Duration::from_millis(100));
            if let Ok(text) = fs::read(served.run_file()) {
                served.run = serde_json::from_slice(&text).unwrap();
            }
        }
        served
    }

    fn run_file(&self) -> PathBuf {
        self.root.path().join("state/run.json")
    }

    fn log(&self) -> String {
        fs::read_to_string(self.root.path().join("log")).unwrap_or_default()
    }

    /// What is written down about the client of a flow.
    fn client(&self, flow: &Flow) -> &Value {
        let workspaces = self.run["workspaces"].as_array().unwrap();
        let workspace = workspaces.iter().find(|each| each["name"] == flow.workspace).unwrap();
        let clients = workspace["clients"].as_array().unwrap();
        clients
            .iter()
            .find(|each| each["clientId"] == flow.client)
            .unwrap_or_else(|| panic!("{} is not served: {}", flow.client, self.log()))
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("{}", self.log());
        }
    }
}

/// Other ports than those of the example, and the same for the same.
#[derive(Default)]
struct Ports(Vec<(String, u16)>);

impl Ports {
    fn replaced(&mut self, yaml: &str) -> String {
        // Of an issuer, of an identifier, or of `mtls.port`.
        let port = Regex::new(r"(?P<before>localhost:|port: )(?P<port>[89]\d{3})\b").unwrap();
        port.replace_all(yaml, |found: &regex::Captures<'_>| {
            format!("{}{}", &found["before"], self.free(&found["port"]))
        })
        .into_owned()
    }

    fn free(&mut self, instead_of: &str) -> u16 {
        if let Some((_, free)) = self.0.iter().find(|(before, _)| before == instead_of) {
            return *free;
        }
        // Below those that the system gives to whoever connects.
        let first = 10_240 + u16::try_from(std::process::id() % 20_000).unwrap();
        let mut free = (first..).filter(|port| self.0.iter().all(|(_, taken)| taken != port));
        let free = free.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).unwrap();
        self.0.push((instead_of.to_owned(), free));
        free
    }
}

/// A copy of `tests/clients`, with the libraries beside it.
struct Clients(tempfile::TempDir);

impl Clients {
    fn with_libraries() -> Clients {
        let root = tempfile::tempdir().unwrap();
        for folder in ["node", "python"] {
            let copy = root.path().join(folder);
            fs::create_dir(&copy).unwrap();
            for entry in fs::read_dir(repository().join("tests/clients").join(folder)).unwrap() {
                let path = entry.unwrap().path();
                if path.is_file() {
                    fs::copy(&path, copy.join(path.file_name().unwrap())).unwrap();
                }
            }
        }
        Clients(root)
    }

    fn command(&self, library: &Library) -> Command {
        let file = self.0.path().join(library.file);
        let mut command = if library.file.starts_with("node/") {
            // Node.js looks for packages beside the file.
            let modules = told(
                "FAPI_TEST_NODE_MODULES",
                "the folder node_modules with what tests/clients/node asks for",
            );
            let here = self.0.path().join("node/node_modules");
            if !here.exists() {
                std::os::unix::fs::symlink(modules, here).unwrap();
            }
            Command::new("node")
        } else {
            Command::new(told("FAPI_TEST_PYTHON", "a python with what tests/clients/python asks for"))
        };
        command.arg(file).current_dir(self.0.path()).stdin(Stdio::null());
        command
    }
}

fn told(variable: &str, what: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| panic!("{variable} is {what}; tests/run sets it"))
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

// ---------------------------------------------------------------- the page

/// The page with the table as it must be.
fn with_table(page: &str) -> String {
    let (before, rest) = page.split_once("<!-- flows -->\n").expect("the page says where its table begins");
    let (_, after) = rest.split_once("<!-- end -->").expect("the page says where its table ends");
    let libraries = [&OPENID_CLIENT, &OAUTH4WEBAPI, &AUTHLIB];
    let mut table = String::from(
        "| profile | client | authentication | signs with | request | response | tokens bound to |",
    );
    for library in libraries {
        write!(table, " {} |", library.name).unwrap();
    }
    table += "\n|---|---|---|---|---|---|---|";
    table += &":-:|".repeat(libraries.len());
    for flow in FLOWS {
        write!(table, "\n| {}", flow.row().join(" | ")).unwrap();
        for library in libraries {
            table += if library.can(flow) { " | ✔" } else { " | –" };
        }
        table += " |";
    }
    format!("{before}<!-- flows -->\n{table}\n<!-- end -->{after}")
}

/// The page with each block of code as it stands in its file: between `docs: NAME` and `docs: end`.
fn with_code(page: &str) -> String {
    let block =
        Regex::new(r"(?s)<!-- (?P<file>\S+) (?P<name>\w+) -->\n```(?P<language>\w+)\n.*?```").unwrap();
    block
        .replace_all(page, |found: &regex::Captures<'_>| {
            let (file, name) = (&found["file"], &found["name"]);
            let text = fs::read_to_string(repository().join("tests/clients").join(file)).unwrap();
            format!("<!-- {file} {name} -->\n```{}\n{}```", &found["language"], marked(&text, name))
        })
        .into_owned()
}

/// The lines between two marks, as far to the left as they go.
fn marked(text: &str, name: &str) -> String {
    let begin = [format!("// docs: {name}"), format!("# docs: {name}")];
    let lines: Vec<&str> = text
        .lines()
        .skip_while(|line| !begin.iter().any(|mark| line.trim() == mark))
        .skip(1)
        .take_while(|line| !line.trim().ends_with("docs: end"))
        .collect();
    assert!(!lines.is_empty(), "no line says `docs: {name}`");
    let margin =
        lines.iter().filter(|line| !line.is_empty()).map(|line| line.len() - line.trim_start().len()).min();
    lines
        .iter()
        .fold(String::new(), |code, line| code + line.get(margin.unwrap_or(0)..).unwrap_or_default() + "\n")
}
