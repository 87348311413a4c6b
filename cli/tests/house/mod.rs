//! A copy of the quickstart on ports that are free, and the program that serves it.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead as _, BufReader, Read};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use serde_json::Value;

/// Nothing takes so long; whoever waits longer waits for nothing.
const PATIENCE: Duration = Duration::from_mins(2);

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_fapictl");

/// A folder with the quickstart in `bank/`.
pub(crate) struct Folder {
    root: tempfile::TempDir,
    pub(crate) ports: [u16; 3],
}

/// `fapictl up`, and what it says.
pub(crate) struct Up {
    child: Child,
    said: Receiver<String>,
    pub(crate) lines: Vec<String>,
}

/// Ports that nobody has, and that are given to nobody else here. Below those that the system gives to whoever connects.
pub(crate) fn free_ports<const N: usize>() -> [u16; N] {
    const FIRST: u32 = 10_240;
    const MANY: u32 = 20_000;
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let begin = std::process::id().wrapping_mul(97);
    [(); N].map(|()| {
        loop {
            let step = NEXT.fetch_add(1, Ordering::Relaxed);
            let port = u16::try_from(FIRST + begin.wrapping_add(step) % MANY).unwrap();
            if TcpListener::bind(("127.0.0.1", port)).is_ok() {
                return port;
            }
        }
    })
}

impl Folder {
    pub(crate) fn new() -> Folder {
        Folder::of(
            "00-quickstart",
            &["workspace.yaml", "clients.yaml", "secrets.yaml"],
            ["8443", "8444", "8445"],
        )
    }

    /// These files of an example instead, with its ports.
    pub(crate) fn of(example: &str, files: &[&str], ports: [&str; 3]) -> Folder {
        let folder = Folder { root: tempfile::tempdir().unwrap(), ports: free_ports() };
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples").join(example);
        fs::create_dir(folder.file("bank")).unwrap();
        for name in files {
            let mut text = fs::read_to_string(example.join(name)).unwrap();
            for (before, after) in ports.iter().zip(folder.ports) {
                text = text.replace(before, &after.to_string());
            }
            fs::write(folder.file("bank").join(name), text).unwrap();
        }
        folder
    }

    pub(crate) fn path(&self) -> &Path {
        self.root.path()
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// Saves a file in which these words are others.
    pub(crate) fn edit(&self, name: &str, before: &str, after: &str) {
        let path = self.file("bank").join(name);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(before), "{before:?} is not in {text}");
        fs::write(path, text.replace(before, after)).unwrap();
    }

    /// The run file in this state directory.
    pub(crate) fn run_file(&self, state: &str) -> Value {
        serde_json::from_slice(&fs::read(self.file(state).join("run.json")).unwrap()).unwrap()
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.args(arguments).current_dir(self.path()).stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// What a flow proved.
    pub(crate) fn flow(&self, more: &[&str]) -> Value {
        let output = self.run(&[&["flow", "--output", "json"], more].concat());
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)))
    }

    /// Starts it, and returns when everything serves.
    pub(crate) fn up(&self, more: &[&str]) -> Up {
        let mut up = Up::start(self.command(&[&["up", "bank"], more].concat()));
        up.says("Ctrl-C ends it");
        up
    }
}

impl Up {
    pub(crate) fn start(mut command: Command) -> Up {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (sender, said) = channel();
        listen(child.stdout.take().unwrap(), sender.clone());
        listen(child.stderr.take().unwrap(), sender);
        Up { child, said, lines: Vec::new() }
    }

    /// Waits for a line with this text.
    pub(crate) fn says(&mut self, text: &str) -> String {
        loop {
            let Ok(line) = self.said.recv_timeout(PATIENCE) else {
                panic!("{text:?} was not said: {:#?}", self.lines);
            };
            self.lines.push(line.clone());
            if line.contains(text) {
                return line;
            }
        }
    }

    /// Waits until something is so; each line with this text is a reason to look again.
    pub(crate) fn until(&mut self, text: &str, mut so: impl FnMut() -> bool) {
        while !so() {
            self.says(text);
        }
    }

    /// Sends a signal, and waits for the end.
    pub(crate) fn end(mut self, signal: &str) -> ExitStatus {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
        self.child.wait().unwrap()
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn listen(stream: impl Read + Send + 'static, sender: Sender<String>) {
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
}

/// A command as a shell in the folder runs it.
pub(crate) fn pasted(command: impl AsRef<OsStr>, folder: &Path) -> Output {
    Command::new("sh").arg("-c").arg(command).current_dir(folder).output().unwrap()
}

/// Everything that one step of a report proved, and its facts.
pub(crate) fn step<'a>(report: &'a Value, name: &str) -> &'a Value {
    let steps = report["steps"].as_array().unwrap();
    steps.iter().find(|step| step["name"] == name).unwrap_or_else(|| panic!("no {name} in {report:#}"))
}
