//! What is wrong, and where?

use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

use super::node::Place;

/// A mistake in a file, with what to write instead.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
pub struct Problem {
    /// The file, as it was named.
    pub file: PathBuf,
    /// Where in it.
    #[serde(flatten)]
    pub place: Place,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.file.display(), self.place.line, self.place.column, self.message)
    }
}
