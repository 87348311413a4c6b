//! A disk that takes nothing more: programs and people are told to come back, and nothing has to be restarted afterwards
//! (`E-30`, `F-E04`).
//!
//! The full disk is a small file system of its own, in a mount namespace of its own, which a parent process makes.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::actors::{Answer, App};
use crate::requests::carried;
use crate::server::{PASSWORD, Served, TestServer, code};

const FOLDER: &str = "FAPI_SERVER_FAULTY_FOLDER";

fn left_out(why: &str) {
    writeln!(std::io::stderr(), "fapi-server: 1 not run: {why}").unwrap();
}

#[test]
fn a_full_disk_is_survived_without_a_restart() {
    let possible = Command::new("unshare").args(["--mount", "true"]).output();
    if !possible.is_ok_and(|output| output.status.success()) {
        return left_out("a full disk: no file systems may be mounted here");
    }
    let folder = tempfile::tempdir().unwrap();
    let script = "mount -t tmpfs -o size=3m tmpfs \"$1\" && shift && exec \"$@\"";
    let output = Command::new("unshare")
        .args(["--mount", "sh", "-c", script, "sh"])
        .arg(folder.path())
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "faults::on_a_full_disk", "--ignored", "--nocapture"])
        .env(FOLDER, folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let passed = output.status.success() && said.contains("1 passed");
    assert!(passed, "{said}\n{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
#[ignore = "run by a_full_disk_is_survived_without_a_restart"]
async fn on_a_full_disk() {
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else { return };
    let ballast = folder.join("ballast");
    let fill = || {
        let mut file = File::create(&ballast).unwrap();
        while file.write_all(&[1; 1024]).is_ok() {}
    };
    survives(&folder, fill, || fs::remove_file(&ballast).unwrap()).await;
}

#[tokio::test]
async fn a_database_that_cannot_be_written_for_a_while_is_survived_without_a_restart() {
    let folder = tempfile::tempdir_in("/var/tmp").unwrap();
    let probe = folder.path().join("probe");
    fs::write(&probe, "").unwrap();
    if !immutable(&[&probe], true) || !immutable(&[&probe], false) {
        return left_out("a read-only database: /var/tmp has no immutable files");
    }
    let files = [folder.path().join("store.db"), folder.path().join("store.db-wal")];
    let all: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
    survives(folder.path(), || assert!(immutable(&all, true)), || assert!(immutable(&all, false))).await;
}

fn immutable(files: &[&Path], yes: bool) -> bool {
    let flag = if yes { "+i" } else { "-i" };
    Command::new("chattr").arg(flag).args(files).output().is_ok_and(|output| output.status.success())
}

fn comes_back(answer: &Answer, id: &str) {
    assert_eq!(answer.refusal(id), "503 temporarily_unavailable", "{id}");
    assert_eq!(answer.headers["retry-after"], "1", "{id}");
}

/// The first push that is refused: what has room already may still take one.
async fn refused(app: &App<'_>) -> Answer {
    for _ in 0..500 {
        let answer = app.push(&app.request()).await;
        if answer.status != 201 {
            return answer;
        }
    }
    panic!("the fault does not show");
}

async fn survives(folder: &Path, break_it: impl FnOnce(), mend_it: impl FnOnce()) {
    let served: Served = TestServer::of_every_kind().in_folder(folder).with_unfinished(10_000).start().await;
    let app = served.app();
    let tokens = app.redeem(&code(&served).await).await;
    let code = code(&served).await;
    let path = app.pushed(&app.request()).await;
    let mut browser = served.browser();
    let login = browser.open(&app.pushed(&app.request()).await).await;

    break_it();
    comes_back(&refused(&app).await, "E-30 at /par");
    comes_back(&app.redeem(&code).await, "E-30 at /token");
    comes_back(&app.refresh(tokens.text("refresh_token")).await, "E-30 at /token");
    comes_back(
        &app.call("/introspect", &[("token", tokens.text("access_token"))]).await,
        "E-30 at /introspect",
    );
    comes_back(
        &app.call("/revoke", &[("token", tokens.text("access_token"))]).await,
        "E-30, REV-04 at /revoke",
    );
    for path in [&path, &app.by_value(&app.request())] {
        let page = served.browser().open(path).await;
        assert_eq!(carried(&app, &page, false)["error"], "temporarily_unavailable", "E-30 at /authorize");
    }
    let page = browser.sign_in(&login, "alice", PASSWORD).await;
    assert_eq!((page.status, page.error()), (503, "temporarily_unavailable"), "E-30 at /login");
    assert_eq!(page.headers["retry-after"], "1", "E-30");
    assert_eq!(app.userinfo(tokens.text("access_token")).await.status, 200, "what only reads goes on");
    assert!(!served.running.reasons().await.is_empty(), "it is not ready, and says why");

    mend_it();
    assert_eq!(app.push(&app.request()).await.status, 201, "F-E04: by itself");
    let again = app.redeem(&code).await;
    assert_eq!(again.status, 200, "F-E04: the code was not spent {}", again.json);
    assert_eq!(app.userinfo(again.text("access_token")).await.status, 200);
    let consent = browser.sign_in(&login, "alice", PASSWORD).await;
    assert!(app.jarm(browser.decide(&consent, "approve").await.left()).contains_key("code"), "F-E04");
    assert!(app.jarm(&served.browser().approve(&path).await).contains_key("code"), "F-E04");
    assert!(served.running.reasons().await.is_empty(), "F-E04: ready again");
}
