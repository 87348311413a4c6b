//! A disk that is full, and a file that cannot be written: the store says so, goes on reading, and goes on writing by itself
//! when the fault is gone (`F-E04`).
//!
//! As root, a small file system of its own in a mount namespace of its own; otherwise a limit on the size of files, which the
//! process gets from its parent and lifts itself.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::benches::{issuer, patient};
use crate::conformance::Journey;
use crate::{Config, Store, StoreError};

/// Where the process under the fault finds its folder.
const FOLDER: &str = "FAPI_STORE_FAULTY_FOLDER";
/// Set where that folder is a file system of its own.
const MOUNTED: &str = "FAPI_STORE_MOUNTED";

/// Runs a test in a process of its own, in a folder that can fill up.
fn in_a_small_folder(name: &str) {
    let folder = tempfile::tempdir().unwrap();
    let mounted =
        Command::new("unshare").args(["--mount", "true"]).output().is_ok_and(|out| out.status.success());
    let script = if mounted {
        "mount -t tmpfs -o size=3m tmpfs \"$1\" && shift && exec \"$@\""
    } else {
        // In units of 512 bytes. Whoever ignores the signal is told that the file is too large.
        "trap '' XFSZ; ulimit -S -f 6000; shift; exec \"$@\""
    };
    let mut command = if mounted { Command::new("unshare") } else { Command::new("sh") };
    if mounted {
        command.args(["--mount", "sh"]).env(MOUNTED, "1");
    }
    let output = command
        .args(["-c", script, "sh"])
        .arg(folder.path())
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", &format!("tests::disk::{name}"), "--ignored", "--nocapture"])
        .env(FOLDER, folder.path())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn folder() -> Option<PathBuf> {
    std::env::var_os(FOLDER).map(PathBuf::from)
}

fn is_mounted() -> bool {
    std::env::var_os(MOUNTED).is_some()
}

#[test]
fn a_full_disk_is_survived() {
    in_a_small_folder("on_a_full_disk");
}

#[tokio::test]
#[ignore = "run by a_full_disk_is_survived"]
async fn on_a_full_disk() {
    let Some(folder) = folder() else { return };
    let ballast = folder.join("ballast");
    if is_mounted() {
        fs::write(&ballast, vec![1; 1_500_000]).unwrap();
    }
    let config = patient(Config::sqlite(folder.join("store.db")));
    let store = Store::open(&config, &issuer()).await.unwrap();

    let name = |n: usize| n.to_string();
    let mut stored = 0;
    // A failed write frees its log, which may make room for some more: until not even the smallest write has room.
    loop {
        assert!(stored < 9_000, "the disk did not fill up");
        match Journey::new(&name(stored)).push(&store).await {
            Ok(()) => stored += 1,
            Err(StoreError::Unavailable(_)) => match store.health().await {
                Ok(()) => {}
                Err(StoreError::Unavailable(_)) => break,
                Err(other) => panic!("{other:?}"),
            },
            Err(other) => panic!("{other:?}"),
        }
    }
    let first = Journey::new(&name(0)).pushed();
    assert_eq!(store.by_id(&first.id).await.unwrap(), Some(first), "reading goes on");

    if is_mounted() {
        fs::remove_file(&ballast).unwrap();
    } else {
        let pid = std::process::id().to_string();
        let lifted = Command::new("prlimit").args(["--pid", &pid, "--fsize=unlimited"]).status().unwrap();
        assert!(lifted.success());
    }
    store.health().await.unwrap();
    Journey::new("after").redeem(&store).await.unwrap();
    store.close().await;

    let again = Store::open(&config, &issuer()).await.unwrap();
    for n in 0..stored {
        let grant = Journey::new(&name(n)).pushed();
        assert_eq!(again.by_id(&grant.id).await.unwrap(), Some(grant), "{n} was acknowledged");
    }
    assert!(again.by_id(&Journey::new("after").pushed().id).await.unwrap().is_some());
}

#[test]
fn a_read_only_folder_is_refused_until_it_can_be_written() {
    in_a_small_folder("in_a_read_only_folder");
}

#[tokio::test]
#[ignore = "run by a_read_only_folder_is_refused_until_it_can_be_written"]
async fn in_a_read_only_folder() {
    let Some(folder) = folder() else { return };
    let config = patient(Config::sqlite(folder.join("store.db")));
    let store = Store::open(&config, &issuer()).await.unwrap();
    Journey::new("a").push(&store).await.unwrap();
    store.close().await;

    writable(&folder, false);
    let refused = Store::open(&config, &issuer()).await.unwrap_err();
    assert!(matches!(&refused, StoreError::Unavailable(_)), "{refused:?}");
    writable(&folder, true);
    let store = Store::open(&config, &issuer()).await.unwrap();
    assert!(store.by_id(&Journey::new("a").pushed().id).await.unwrap().is_some());
}

fn writable(folder: &Path, yes: bool) {
    if is_mounted() {
        let how = if yes { "remount,rw" } else { "remount,ro" };
        assert!(Command::new("mount").args(["-o", how]).arg(folder).status().unwrap().success());
        return;
    }
    let (file_mode, folder_mode) = if yes { (0o600, 0o700) } else { (0o400, 0o500) };
    for entry in fs::read_dir(folder).unwrap() {
        fs::set_permissions(entry.unwrap().path(), fs::Permissions::from_mode(file_mode)).unwrap();
    }
    fs::set_permissions(folder, fs::Permissions::from_mode(folder_mode)).unwrap();
}

/// A running store whose file becomes immutable, and changeable again. Not every file system can do that.
#[tokio::test]
async fn a_file_that_cannot_be_written_for_a_while_is_written_again_afterwards() {
    let folder = tempfile::tempdir_in("/var/tmp").unwrap();
    let config = patient(Config::sqlite(folder.path().join("store.db")));
    let store = Store::open(&config, &issuer()).await.unwrap();
    Journey::new("a").push(&store).await.unwrap();
    if !immutable(folder.path(), true) {
        use std::io::Write as _;
        writeln!(std::io::stderr(), "fapi-store: not run: /var/tmp has no immutable files").unwrap();
        return;
    }
    let refused = store.health().await;
    let refused_again = Journey::new("b").push(&store).await;
    let read = store.by_id(&Journey::new("a").pushed().id).await;
    // Before anything can fail: nobody could remove the folder.
    assert!(immutable(folder.path(), false));
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    assert!(matches!(refused_again, Err(StoreError::Unavailable(_))), "{refused_again:?}");
    assert_eq!(read.unwrap(), Some(Journey::new("a").pushed()));
    // The connection that was opened meanwhile can only read; the first write finds that out, and the next one has another.
    let _ = store.health().await;
    store.health().await.unwrap();
    Journey::new("b").redeem(&store).await.unwrap();
}

fn immutable(folder: &Path, yes: bool) -> bool {
    let flag = if yes { "+i" } else { "-i" };
    let file = |name: &str| folder.join(name);
    let files = [file("store.db"), file("store.db-wal")];
    assert!(files.iter().all(|file| File::open(file).is_ok()));
    Command::new("chattr").arg(flag).args(files).output().is_ok_and(|output| output.status.success())
}
