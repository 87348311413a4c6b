//! What must Git not hold, and a laptop needs all the same? Keys, passwords and certificates, made once and kept in the
//! state directory.
//!
//! A Secret manifest with the annotation `fapi.rs/dev-generate` and no data says what is wanted; who refers to the Secret
//! says under which key. Private halves never get into a Secret: they stay beside it, for `fapictl flow`.
//!
//! | file | makes |
//! |---|---|
//! | `wants` | what is wanted, and where |
//! | `secrets` | the content of every such Secret |
//! | `people`, `jwks`, `certificate` | passwords, keys, certificates |
//! | `kit` | what `fapictl flow` needs to play a client |
//! | `folder` | files that nobody else may read |

pub(crate) mod authority;
mod certificate;
mod command;
mod folder;
mod jwks;
mod kit;
mod people;
mod secrets;
mod wants;

pub(crate) use self::command::{DevArgs, run, state_of};
pub(crate) use self::folder::Folder;
pub(crate) use self::jwks::signing_key;
pub(crate) use self::kit::{Kit, kits, run_users};
pub(crate) use self::secrets::{Generated, generate};
pub(crate) use self::wants::workspace_of;

/// Why something could not be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DevError {
    /// A file of the state directory.
    #[error("{path}: {error}")]
    File {
        /// Which.
        path: String,
        /// Why.
        error: std::io::Error,
    },
    /// A key or certificate.
    #[error("{0}")]
    Made(String),
}

impl From<rcgen::Error> for DevError {
    fn from(error: rcgen::Error) -> DevError {
        DevError::Made(format!("a certificate could not be made: {error}"))
    }
}

impl From<fapi_jose::KeyError> for DevError {
    fn from(error: fapi_jose::KeyError) -> DevError {
        DevError::Made(format!("a key could not be made: {error}"))
    }
}

#[cfg(test)]
mod tests;
