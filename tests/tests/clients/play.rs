//! Plays flows: a copy of an example on ports that are free, and the clients beside their libraries.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{fs, thread};

use regex::Regex;
use serde_json::Value;

use super::flows::{FLOWS, Flow, Library};
use super::repository;

/// Nothing takes so long; whoever waits longer waits for nothing.
const PATIENCE: Duration = Duration::from_mins(2);

/// Every flow that there is for this example and that this library can.
pub(crate) fn plays(library: &Library, example: &str) {
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
