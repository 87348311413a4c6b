//! Whose is the state directory, and what is written down in it? One `fapictl up` at a time: two would share a CA that one of
//! them may replace, and, where their Workspaces have the same name, keys and a database.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use super::UpArgs;
use crate::dev::Folder;
use crate::exit::Stop;
use crate::run_file::{RUN_FILE, RunFile, RunWorkspace};
use crate::shell;

const LOCK: &str = "up.lock";

/// The claim on a state directory, and the run file in it. The system ends the claim with the process, however that ends.
pub(super) struct Note {
    path: PathBuf,
    written: Option<RunFile>,
    _claim: File,
}

impl Note {
    /// Claims the state directory. What somebody left there who was ended by force is no longer true, and goes.
    pub(super) fn claim(state: &Folder, args: &UpArgs) -> Result<Self, Stop> {
        let (path, lock) = (state.file(RUN_FILE), state.file(LOCK));
        let unusable = |error| {
            Stop::usage(format!("cannot lock {}: {error}", lock.display()), "fapictl up DIR --state OTHER")
        };
        let claim =
            OpenOptions::new().write(true).create(true).truncate(false).open(&lock).map_err(unusable)?;
        match claim.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(taken(state.path(), &path, args)),
            Err(TryLockError::Error(error)) => return Err(unusable(error)),
        }
        let _ = fs::remove_file(&path);
        Ok(Self { path, written: None, _claim: claim })
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes down what is served now, if that is something else than before.
    pub(super) fn update(&mut self, workspaces: Vec<RunWorkspace>) -> std::io::Result<()> {
        let file = RunFile { pid: Some(std::process::id()), workspaces };
        if self.written.as_ref() != Some(&file) {
            file.write(&self.path)?;
            self.written = Some(file);
        }
        Ok(())
    }

    /// Nothing is served any more. A file that somebody else has put there stays.
    pub(super) fn withdraw(self) {
        let ours = RunFile::read(&self.path).is_ok_and(|file| file.pid == Some(std::process::id()));
        if ours {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn taken(state: &Path, path: &Path, args: &UpArgs) -> Stop {
    let who = match RunFile::read(path) {
        Ok(RunFile { pid: Some(pid), workspaces }) => {
            let issuers: Vec<String> = workspaces.into_iter().map(|it| it.issuer).collect();
            format!("process {pid}, which serves {}", issuers.join(" and "))
        }
        _ => "it is just starting or ending".to_owned(),
    };
    let name = args.dir.canonicalize().ok();
    let name = name.as_ref().and_then(|dir| dir.file_name()).unwrap_or_default().to_string_lossy();
    let other = PathBuf::from(format!("{}-{name}", state.display()));
    Stop::usage(
        format!(
            "another `fapictl up` uses {} ({who}): keys, databases and run.json are for one",
            state.display()
        ),
        format!("fapictl up {} --state {}", shell::path(&args.dir), shell::path(&shell::near(&other))),
    )
}

#[cfg(test)]
#[path = "note_tests.rs"]
mod tests;
