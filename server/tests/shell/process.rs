//! The binary: flags, a volume as the kubelet mounts it, log lines, signals.

use std::fs;
use std::io::Read as _;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use fapi_config::{Bundle, Files, KeyState};
use fapi_core::issuer::Mtls;
use fapi_jose::{Alg, SigningKey};
use tempfile::TempDir;
use tokio::time::sleep;

use crate::client::{Client, get, plain, post, text};
use crate::house::{BACK, FRONT, OPERATOR, add_key, bundle, internal_files, tls_files};
use crate::pki::Authority;

/// A folder whose files change all at once.
struct Volume {
    path: PathBuf,
    version: u32,
}

impl Volume {
    fn new(path: PathBuf) -> Self {
        fs::create_dir(&path).unwrap();
        Self { path, version: 0 }
    }

    fn write(&mut self, files: &Files) {
        self.version += 1;
        let folder = format!("..{}", self.version);
        fs::create_dir(self.path.join(&folder)).unwrap();
        for (name, bytes) in files.iter() {
            fs::write(self.path.join(&folder).join(name), bytes).unwrap();
        }
        symlink(&folder, self.path.join("..data_tmp")).unwrap();
        fs::rename(self.path.join("..data_tmp"), self.path.join("..data")).unwrap();
    }
}

/// A server in a process of its own.
struct Process {
    child: Child,
    front: SocketAddr,
    internal: SocketAddr,
    metrics: SocketAddr,
}

impl Process {
    fn start(folder: &Path) -> Self {
        let [front, back, internal, metrics] = free_addresses();
        let mut command = Command::new(env!("CARGO_BIN_EXE_fapi-server"));
        for (flag, name) in
            [("--config-dir", "config"), ("--tls-dir", "tls"), ("--internal-tls-dir", "internal")]
        {
            command.arg(flag).arg(folder.join(name));
        }
        command.arg("--sqlite").arg(folder.join("store.db"));
        let listeners = [("FRONT", front), ("BACK", back), ("INTERNAL", internal), ("METRICS", metrics)];
        for (name, address) in listeners {
            command.env(format!("FAPI_LISTEN_{name}"), address.to_string());
        }
        command.env("FAPI_LEAVE_SECONDS", "0").env("FAPI_LOG_LEVEL", "debug").stdout(Stdio::piped());
        Self { child: command.spawn().unwrap(), front, internal, metrics }
    }

    async fn until_ready(&mut self) {
        while !plain(self.metrics, "/readyz").await.is_ok_and(|answer| answer.status().is_success()) {
            assert!(self.child.try_wait().unwrap().is_none(), "it has ended");
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Ends it as the kubelet does; what it wrote, and whether it ended well.
    async fn end(mut self) -> (String, bool) {
        let signalled = Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        assert!(signalled.success());
        let mut output = self.child.stdout.take().unwrap();
        let mut child = self.child;
        tokio::task::spawn_blocking(move || {
            let mut log = String::new();
            output.read_to_string(&mut log).unwrap();
            (log, child.wait().unwrap().success())
        })
        .await
        .unwrap()
    }
}

/// Four ports that nobody listens at. Somebody else may take one before the server does; then it says so and ends.
fn free_addresses() -> [SocketAddr; 4] {
    let listeners = [(); 4].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap())
}

struct Mounted {
    folder: TempDir,
    config: Volume,
    authority: Authority,
    internal_authority: Authority,
    bundle: Bundle,
}

fn mounted() -> Mounted {
    let folder = tempfile::tempdir().unwrap();
    let volume = |name: &str| Volume::new(folder.path().join(name));
    let (mut config, mut tls, mut internal) = (volume("config"), volume("tls"), volume("internal"));
    let (authority, internal_authority) = (Authority::new("Test CA"), Authority::new("Internal CA"));
    let bundle = bundle(Mtls::Host(BACK.into()));
    config.write(&bundle.files(1));
    tls.write(&tls_files(&authority.server(&[FRONT, BACK])));
    internal.write(&internal_files(&internal_authority));
    Mounted { folder, config, authority, internal_authority, bundle }
}

#[tokio::test]
async fn a_pod_starts_follows_its_volume_and_ends_when_it_is_told_to() {
    let mut mounted = mounted();
    let mut process = Process::start(mounted.folder.path());
    process.until_ready().await;

    let browser = Client::trusting(&mounted.authority);
    let discovery = browser.get(process.front, FRONT, "/.well-known/openid-configuration").await.unwrap();
    assert_eq!(discovery.status().as_u16(), 200);
    assert!(text(&discovery).contains(r#""issuer":"https://auth.example""#), "{}", text(&discovery));

    // The kubelet has brought the next revision.
    let next = SigningKey::generate(Alg::Es256, 2048).unwrap();
    add_key(&mut mounted.bundle, &next, KeyState::Published);
    mounted.config.write(&mounted.bundle.files(2));
    while !browser.get(process.front, FRONT, "/jwks").await.is_ok_and(|jwks| text(&jwks).contains(next.kid()))
    {
        sleep(Duration::from_millis(20)).await;
    }
    let operator =
        Client::trusting(&mounted.internal_authority).showing(&mounted.internal_authority.program(OPERATOR));
    let state = operator.get(process.internal, "pod.internal", "/internal/v1/state").await.unwrap();
    assert!(text(&state).contains(r#""revision":2"#), "{}", text(&state));

    // TLS-15, H-09: what callers send does not get into the log, whatever it is.
    let mut program = browser.connect(process.front, BACK).await.unwrap();
    let form = "grant_type=authorization_code&code=canary1&client_assertion=canary2&client_id=\u{1b}[31m";
    program.send(post(BACK, "/token?code=canary3", form)).await.unwrap();
    program.send(get(BACK, "/canary4")).await.unwrap();

    let (log, ended_well) = process.end().await;
    assert!(ended_well, "{log}");
    assert!(!log.contains("canary"), "TLS-15 {log}");
    let mut routes = Vec::new();
    for line in log.lines() {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        if let Some(route) = event["route"].as_str() {
            assert_eq!(event["request_id"].as_str().unwrap().len(), 20, "{line}");
            routes.push(format!("{} {route} {}", event["method"].as_str().unwrap(), event["status"]));
        }
    }
    assert_eq!(routes.first().unwrap(), "GET /.well-known/openid-configuration 200");
    assert_eq!(routes.last().unwrap(), "GET unmatched 404");
    assert!(log.lines().last().unwrap().contains("Ended"), "{log}");
}

#[test]
fn a_process_that_cannot_start_says_which_flag_to_change() {
    let output = Command::new(env!("CARGO_BIN_EXE_fapi-server")).env_clear().output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && said.contains("--config-dir"), "{said}");
}
