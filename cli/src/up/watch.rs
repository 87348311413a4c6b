//! Has somebody saved a file? Judged by content: editors write files in many ways, and time stamps repeat.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// A folder under watch.
pub(super) struct Watch {
    folder: PathBuf,
    seen: BTreeMap<PathBuf, [u8; 32]>,
    unreported: bool,
}

impl Watch {
    pub(super) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), seen: BTreeMap::new(), unreported: false }
    }

    /// Whether any file is new, gone or different since the last look.
    pub(super) fn changed(&mut self) -> bool {
        let now = self.look();
        let changed = now != self.seen;
        self.seen = now;
        self.unreported |= changed;
        changed
    }

    /// Whether there was a change since this was asked last: then a person waits for an answer.
    pub(super) fn take(&mut self) -> bool {
        std::mem::take(&mut self.unreported)
    }

    fn look(&self) -> BTreeMap<PathBuf, [u8; 32]> {
        let files = match fs::read_dir(&self.folder) {
            Ok(entries) => entries.filter_map(|entry| Some(entry.ok()?.path())).collect(),
            Err(_) => vec![self.folder.clone()],
        };
        let yaml =
            |path: &PathBuf| path.extension().is_some_and(|ending| ending == "yaml" || ending == "yml");
        let digest = |path: PathBuf| Some((path.clone(), fapi_jose::sha256(&fs::read(path).ok()?)));
        files.into_iter().filter(yaml).filter_map(digest).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_saved_file_is_seen_and_a_touched_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.yaml");
        fs::write(&file, "a: 1").unwrap();
        let mut watch = Watch::new(folder.path());
        assert!(watch.changed() && !watch.changed());
        fs::write(&file, "a: 1").unwrap();
        assert!(!watch.changed());
        fs::write(&file, "a: 2").unwrap();
        assert!(watch.changed() && watch.take() && !watch.take());
        fs::write(folder.path().join("notes.txt"), "x").unwrap();
        assert!(!watch.changed());
        fs::remove_file(file).unwrap();
        assert!(watch.changed());
    }
}
