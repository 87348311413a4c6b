//! Which of the three kinds?

use std::fmt;

/// One of the three kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// An authorization server.
    Workspace,
    /// An OAuth client of one.
    Client,
    /// A key line of one.
    SigningKey,
}

impl Kind {
    /// All three.
    pub const ALL: [Self; 3] = [Self::Workspace, Self::Client, Self::SigningKey];

    /// The kind of that name, if it is one of ours.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// As written in `kind`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Workspace => "Workspace",
            Self::Client => "Client",
            Self::SigningKey => "SigningKey",
        }
    }

    /// As written in URLs and by `kubectl get`.
    pub const fn plural(self) -> &'static str {
        match self {
            Self::Workspace => "workspaces",
            Self::Client => "clients",
            Self::SigningKey => "signingkeys",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}
