//! The programs that a person would type.

use std::env;
use std::ffi::OsStr;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

/// What a program said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Said {
    /// Its output, if it succeeded.
    #[track_caller]
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code, Some(0), "{}\n{}", self.stdout, self.stderr);
        self.stdout
    }
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// What `tests/run` tells.
#[track_caller]
pub(crate) fn told(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("set {name}, or use tests/run cluster"))
}

/// The state folder of the cluster, if it is one that `tests/run` made: its processes may be ended and looked at. Else says what is
/// left out, past what the test harness keeps to itself.
pub(crate) fn own_cluster(without: &str) -> Option<String> {
    static LEFT_OUT: AtomicUsize = AtomicUsize::new(0);
    let cluster = env::var("FAPI_TEST_CLUSTER").ok();
    if cluster.is_none() {
        let left_out = LEFT_OUT.fetch_add(1, Ordering::Relaxed) + 1;
        let _ = writeln!(std::io::stderr(), "\ncluster: {left_out} not run: {without}");
    }
    cluster
}

/// The checkout.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// `kubectl`, speaking to the cluster of the tests and to no other.
pub(crate) fn kubectl() -> Command {
    let program =
        env::var("FAPI_TEST_BIN").map_or_else(|_| "kubectl".into(), |bin| Path::new(&bin).join("kubectl"));
    let mut command = Command::new(program);
    command.arg("--kubeconfig").arg(told("FAPI_TEST_KUBECONFIG"));
    command
}

/// `fapictl`
pub(crate) fn fapictl() -> Command {
    let mut command = Command::new(Path::new(&told("FAPI_TEST_PROGRAMS")).join("fapictl"));
    command.arg("--color").arg("never");
    command
}

/// Runs a program to its end.
pub(crate) fn run<I: AsRef<OsStr>>(mut command: Command, arguments: impl IntoIterator<Item = I>) -> Said {
    command.args(arguments).stdin(Stdio::null()).output().unwrap().into()
}

/// Runs a program that reads `input`.
pub(crate) fn feed<I: AsRef<OsStr>>(
    mut command: Command,
    arguments: impl IntoIterator<Item = I>,
    input: &str,
) -> Said {
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap().into()
}

/// A figure for the report of `tests/run`.
pub(crate) fn figure(text: &str) {
    println!("{text}");
    if let Some(path) = env::var_os("FAPI_TEST_FIGURES") {
        let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
        writeln!(file, "{text}").unwrap();
    }
}
