//! What is wrong with a folder, said so that a person can repair it, and so that nothing secret is repeated.

use std::fmt;

/// A folder of configuration is refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConfigError {
    /// The file, e.g. `workspace.json`.
    pub file: String,
    /// Where in the file, if it can be said.
    pub place: Option<Place>,
    /// What is wrong, without content of files that may hold secrets or addresses of clients.
    pub message: String,
}

/// A place in a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Place {
    /// Line and column, both from 1.
    Position {
        /// Line.
        line: usize,
        /// Column.
        column: usize,
    },
    /// A member, e.g. `keys[2].jwk`.
    Path(String),
}

impl ConfigError {
    pub(crate) fn new(file: &str, message: impl Into<String>) -> Self {
        Self { file: file.to_owned(), place: None, message: message.into() }
    }

    pub(crate) fn at(file: &str, path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { file: file.to_owned(), place: Some(Place::Path(path.into())), message: message.into() }
    }

    pub(crate) fn position(file: &str, line: usize, column: usize, message: impl Into<String>) -> Self {
        Self { file: file.to_owned(), place: Some(Place::Position { line, column }), message: message.into() }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            None => write!(f, "{}: {}", self.file, self.message),
            Some(Place::Position { line, column }) => {
                write!(f, "{}:{line}:{column}: {}", self.file, self.message)
            }
            Some(Place::Path(path)) => write!(f, "{}: {path}: {}", self.file, self.message),
        }
    }
}

impl std::error::Error for ConfigError {}
