//! Where do files come from? A mounted folder in pods; a channel where somebody else in the process makes them.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use std::{fs, io};

use fapi_config::Files;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use tokio::sync::watch;
use tokio::time::sleep;

/// How often a folder is looked at. Polling works on every kind of volume; inotify does not.
const POLL: Duration = Duration::from_secs(1);

/// The symbolic link that the kubelet replaces when any file of a volume has changed.
const LINK: &str = "..data";

/// Files that come again when they have changed.
pub trait Source: Send + 'static {
    /// Waits for files other than those of the call before. The first call gives what is there.
    ///
    /// # Errors
    /// Why there is nothing to read; the next call waits until that has changed.
    fn changed(&mut self) -> BoxFuture<'_, Result<Files, Unreadable>>;
}

/// Files that cannot be read.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{}: {reason}", path.display())]
pub struct Unreadable {
    /// What was to be read.
    pub path: PathBuf,
    /// What the system says.
    pub reason: String,
}

/// A folder, read as a whole: a mounted volume, or one that a person or a test writes.
#[derive(Debug)]
pub struct FolderSource {
    folder: PathBuf,
    seen: Option<Trace>,
}

/// By what a folder is seen to have changed.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Trace {
    /// A volume of Kubernetes: the folder that its link points to. Old and new files never lie in the same one.
    Linked(PathBuf),
    /// Any other folder: names, sizes and times of its files.
    Listed(Vec<(PathBuf, u64, Option<SystemTime>)>),
    /// Nothing that could be read.
    Unreadable(String),
}

impl FolderSource {
    /// The files of `folder`, now and whenever they change.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), seen: None }
    }

    async fn next(&mut self) -> Result<Files, Unreadable> {
        loop {
            let (folder, seen) = (self.folder.clone(), self.seen.clone());
            let looked = tokio::task::spawn_blocking(move || look(&folder, seen.as_ref())).await;
            match looked {
                Ok(Some((trace, outcome))) => {
                    self.seen = Some(trace);
                    return outcome.map_err(|reason| Unreadable { path: self.folder.clone(), reason });
                }
                Ok(None) | Err(_) => sleep(POLL).await,
            }
        }
    }
}

impl Source for FolderSource {
    fn changed(&mut self) -> BoxFuture<'_, Result<Files, Unreadable>> {
        self.next().boxed()
    }
}

/// What is in the folder, if it is not what was seen before.
fn look(folder: &Path, seen: Option<&Trace>) -> Option<(Trace, Result<Files, String>)> {
    let trace = trace(folder).unwrap_or_else(|error| Trace::Unreadable(error.to_string()));
    if Some(&trace) == seen {
        return None;
    }
    let outcome = match &trace {
        Trace::Linked(target) => read(&folder.join(target)),
        Trace::Listed(_) => read(folder),
        Trace::Unreadable(reason) => return Some((trace.clone(), Err(reason.clone()))),
    };
    // A folder that was replaced while it was read: what was read of it is seen again, and differently, at the next look.
    Some((trace, outcome.map_err(|error| error.to_string())))
}

fn trace(folder: &Path) -> io::Result<Trace> {
    match fs::read_link(folder.join(LINK)) {
        Ok(target) => return Ok(Trace::Linked(target)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let mut files = Vec::new();
    for path in regular_files(folder)? {
        let facts = fs::metadata(&path)?;
        files.push((path, facts.len(), facts.modified().ok()));
    }
    Ok(Trace::Listed(files))
}

fn read(folder: &Path) -> io::Result<Files> {
    let mut files = Files::default();
    for path in regular_files(folder)? {
        if let Some(name) = path.file_name().and_then(|name| name.to_str()) {
            files.insert(name, fs::read(&path)?);
        }
    }
    Ok(files)
}

/// Files by name, without those that begin with a dot: editors and volumes keep their own there.
fn regular_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let hidden = path.file_name().is_none_or(|name| name.to_string_lossy().starts_with('.'));
        if !hidden && path.is_file() {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// Files that somebody else in this process puts into a channel.
#[derive(Debug)]
pub struct WatchSource(watch::Receiver<Option<Files>>);

impl WatchSource {
    /// A channel and its source. Nothing is loaded until something has been sent.
    pub fn new() -> (watch::Sender<Option<Files>>, Self) {
        let (sender, mut receiver) = watch::channel(None);
        receiver.mark_changed();
        (sender, Self(receiver))
    }

    async fn next(&mut self) -> Result<Files, Unreadable> {
        loop {
            if self.0.changed().await.is_err() {
                // Nobody can send any more: what is loaded stays.
                std::future::pending::<()>().await;
            }
            if let Some(files) = self.0.borrow_and_update().clone() {
                return Ok(files);
            }
        }
    }
}

impl Source for WatchSource {
    fn changed(&mut self) -> BoxFuture<'_, Result<Files, Unreadable>> {
        self.next().boxed()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn now_in(folder: &Path, seen: Option<&Trace>) -> Option<(Trace, Files)> {
        look(folder, seen).map(|(trace, files)| (trace, files.unwrap()))
    }

    #[test]
    fn a_volume_is_read_through_its_link() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        for (version, content) in [("..1", "one"), ("..2", "two")] {
            fs::create_dir(path.join(version)).unwrap();
            fs::write(path.join(version).join("a.json"), content).unwrap();
        }
        symlink("..1", path.join(LINK)).unwrap();
        symlink("..data/a.json", path.join("a.json")).unwrap();

        let (first, files) = now_in(path, None).unwrap();
        assert_eq!(files.get("a.json"), Some(b"one".as_slice()));
        assert_eq!(now_in(path, Some(&first)), None);

        symlink("..2", path.join("..data_tmp")).unwrap();
        fs::rename(path.join("..data_tmp"), path.join(LINK)).unwrap();
        let (_, files) = now_in(path, Some(&first)).unwrap();
        assert_eq!(files.get("a.json"), Some(b"two".as_slice()));
        assert_eq!(files.len(), 1);
    }

    #[test]
    fn another_folder_is_read_when_one_of_its_files_changes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        fs::write(path.join("a.json"), "one").unwrap();
        fs::write(path.join(".a.json.swp"), "an editor's").unwrap();

        let (first, files) = now_in(path, None).unwrap();
        assert_eq!((files.len(), files.get("a.json")), (1, Some(b"one".as_slice())));
        assert_eq!(now_in(path, Some(&first)), None);

        fs::write(path.join("b.json"), "two").unwrap();
        let (second, files) = now_in(path, Some(&first)).unwrap();
        assert_eq!(files.len(), 2);
        fs::remove_file(path.join("a.json")).unwrap();
        assert_eq!(now_in(path, Some(&second)).unwrap().1.len(), 1);
    }

    #[test]
    fn a_folder_that_is_not_there_is_reported_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("missing");
        let (trace, outcome) = look(&path, None).unwrap();
        assert!(outcome.is_err());
        assert!(look(&path, Some(&trace)).is_none());
        fs::create_dir(&path).unwrap();
        assert!(look(&path, Some(&trace)).unwrap().1.is_ok());
    }

    #[tokio::test]
    async fn what_is_sent_arrives_and_nothing_does_before() {
        let (sender, mut source) = WatchSource::new();
        assert!(source.changed().now_or_never().is_none());
        let files: Files = [("a".to_owned(), b"one".to_vec())].into_iter().collect();
        sender.send_replace(Some(files.clone()));
        assert_eq!(source.changed().await.unwrap(), files);
        drop(sender);
        assert!(source.changed().now_or_never().is_none(), "what is loaded stays");
    }
}
