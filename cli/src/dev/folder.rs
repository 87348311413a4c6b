//! Files that nobody else may read: folders of mode 0700, files of mode 0600, written in one step.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::DevError;

/// A folder of ours.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// Makes it, with the folders above it.
    pub(crate) fn open(path: impl Into<PathBuf>) -> Result<Folder, DevError> {
        let path = path.into();
        DirBuilder::new().recursive(true).mode(0o700).create(&path).map_err(|error| failed(&path, error))?;
        Ok(Folder(path))
    }

    /// The same, named from the root: what is written down about its files is true wherever it is read.
    pub(crate) fn absolute(&self) -> Result<Folder, DevError> {
        self.0.canonicalize().map(Folder).map_err(|error| failed(&self.0, error))
    }

    /// A folder in it.
    pub(crate) fn enter(&self, name: &str) -> Result<Folder, DevError> {
        Folder::open(self.0.join(name))
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Where a file of it is.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The content of a file; `None` if there is none.
    pub(crate) fn read(&self, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, DevError> {
        match fs::read(self.file(name)) {
            Ok(bytes) => Ok(Some(Zeroizing::new(bytes))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed(&self.file(name), error)),
        }
    }

    /// The same as text.
    pub(crate) fn read_text(&self, name: &str) -> Result<Option<Zeroizing<String>>, DevError> {
        let Some(bytes) = self.read(name)? else { return Ok(None) };
        match std::str::from_utf8(&bytes) {
            Ok(text) => Ok(Some(Zeroizing::new(text.to_owned()))),
            Err(_) => {
                Err(failed(&self.file(name), io::Error::new(io::ErrorKind::InvalidData, "not UTF-8 text")))
            }
        }
    }

    /// Writes a file: whoever reads it sees all of it, or what was there before.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> Result<(), DevError> {
        let (path, part) = (self.file(name), self.file(&format!("{name}.part")));
        let write = || -> io::Result<()> {
            let mut file =
                OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part)?;
            file.write_all(content.as_ref())?;
            file.sync_all()?;
            fs::rename(&part, &path)
        };
        write().map_err(|error| failed(&path, error))
    }

    /// The content of a file, made if there is none.
    pub(crate) fn read_or_make(
        &self,
        name: &str,
        make: impl FnOnce() -> Result<Zeroizing<Vec<u8>>, DevError>,
    ) -> Result<Zeroizing<Vec<u8>>, DevError> {
        if let Some(there) = self.read(name)? {
            return Ok(there);
        }
        let content = make()?;
        self.write(name, &content)?;
        Ok(content)
    }
}

fn failed(path: &Path, error: io::Error) -> DevError {
    DevError::File { path: path.display().to_string(), error }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn what_is_written_is_for_its_owner_only_and_made_once() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::open(root.path().join("a/b")).unwrap();
        let make = |text: &str| Ok(Zeroizing::new(text.as_bytes().to_vec()));
        assert_eq!(folder.read_or_make("secret", || make("one")).unwrap().as_slice(), b"one");
        assert_eq!(folder.read_or_make("secret", || make("two")).unwrap().as_slice(), b"one");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&folder.0), 0o700);
        assert_eq!(mode(&folder.file("secret")), 0o600);
        assert!(!folder.file("secret.part").exists());
    }
}
