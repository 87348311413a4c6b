//! What stopped a reconcile, and what is to be done about it?

use std::time::Duration;

use fapi_config::ConfigError;
use kube::Resource;

use crate::clock::share_of;
use crate::readable::unreadable;
use crate::watch::key_of;

/// Something outside the Workspace's spec stopped a reconcile. A wrong spec is none: it is a condition.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The API server refused, or could not be reached.
    #[error("{what}: {}", told(source))]
    Api {
        /// What was tried: verb and object.
        what: String,
        /// Its answer.
        source: Box<kube::Error>,
    },
    /// Secrets of the operator's own cannot be read: they were changed by somebody else, or written by a newer version.
    #[error("what is published cannot be read: {0}")]
    Damaged(#[from] ConfigError),
    /// The Workspace that was worked on was deleted meanwhile, or is another one of the same name by now.
    #[error("Workspace {0} was deleted or made anew meanwhile")]
    Gone(String),
    /// A Secret of the operator's own, or a key, could not be made or read.
    #[error("{0}")]
    Material(String),
    /// An object of ours is there that this version cannot read.
    #[error(
        "{0}; what was published before goes on: bring it to what `kubectl explain` shows, or upgrade the operator"
    )]
    Unreadable(String),
    /// Another process leads; nothing may be written any more.
    #[error("this process does not lead")]
    NotLeading,
}

/// What is to be done about an error.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Class {
    /// Somebody else was faster: read again, now.
    Conflict,
    /// The operator lacks a right; somebody has to grant it.
    Forbidden,
    /// It may go away by itself.
    Other,
}

impl Error {
    /// For an object that [`crate::readable`] has marked.
    pub fn unreadable<K: Resource<DynamicType = ()>>(object: &K) -> Option<Self> {
        let why = unreadable(object.meta())?;
        Some(Self::Unreadable(format!("{} {}: {why}", K::kind(&()), key_of(object))))
    }

    /// What is to be done.
    pub fn class(&self) -> Class {
        match self {
            Self::Api { source, .. } => match source.as_ref() {
                kube::Error::Api(status) if status.is_conflict() || status.is_already_exists() => {
                    Class::Conflict
                }
                kube::Error::Api(status) if status.is_forbidden() => Class::Forbidden,
                _ => Class::Other,
            },
            Self::Gone(_) => Class::Conflict,
            _ => Class::Other,
        }
    }

    /// Whether the object that was asked for is not there.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Api { source, .. }
            if matches!(source.as_ref(), kube::Error::Api(status) if status.is_not_found()))
    }
}

/// Names what was tried in the error of an API call.
pub trait Trying<T> {
    /// `what` is a verb and an object, for example `patch Secret auth/retail-keys`.
    fn trying(self, what: impl FnOnce() -> String) -> Result<T, Error>;
}

impl<T> Trying<T> for Result<T, kube::Error> {
    fn trying(self, what: impl FnOnce() -> String) -> Result<T, Error> {
        self.map_err(|source| Error::Api { what: what(), source: Box::new(source) })
    }
}

/// The API server's own words, without the debug output that `kube::Error` adds. They name objects and rights, and hold no data:
/// an answer that could not be read is not repeated.
fn told(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => status.message.clone(),
        kube::Error::SerdeError(_) => "the answer of the API server cannot be read".to_owned(),
        other => other.to_string(),
    }
}

/// How long to wait after so many failures in a row: 1 s, doubled up to 30 s, of which a random half. No longer, so that a minute
/// after whatever stood in the way has gone, it is as if it had never been.
pub fn backoff(failures: u32) -> Duration {
    let longest = Duration::from_secs(30);
    let whole = Duration::from_secs(1).saturating_mul(1 << failures.saturating_sub(1).min(5)).min(longest);
    whole / 2 + share_of(whole / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(reason: &str, code: u16) -> Error {
        let status = kube::core::Status {
            reason: reason.to_owned(),
            code,
            message: "no".to_owned(),
            ..Default::default()
        };
        Err::<(), _>(kube::Error::Api(Box::new(status))).trying(|| "patch Secret a/b".to_owned()).unwrap_err()
    }

    #[test]
    fn errors_are_told_apart_by_what_helps() {
        assert_eq!(refused("Conflict", 409).class(), Class::Conflict);
        assert_eq!(refused("AlreadyExists", 409).class(), Class::Conflict);
        assert_eq!(refused("Forbidden", 403).class(), Class::Forbidden);
        assert_eq!(refused("InternalError", 500).class(), Class::Other);
        assert_eq!(refused("Forbidden", 403).to_string(), "patch Secret a/b: no");
    }

    #[test]
    fn waiting_doubles_up_to_half_a_minute_and_is_never_quite_the_same() {
        for (failures, most) in [(1, 1), (2, 2), (4, 8), (5, 16), (6, 30), (u32::MAX, 30)] {
            let wait = backoff(failures);
            assert!(
                wait <= Duration::from_secs(most) && wait * 2 >= Duration::from_secs(most),
                "{failures}: {wait:?}"
            );
        }
    }
}
