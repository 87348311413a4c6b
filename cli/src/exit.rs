//! How does a command end? With one of the exit codes of the README and, if it failed, with the next command to type.

use std::fmt;
use std::process::ExitCode;

/// The exit codes, as `cli/README.md` documents them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exit {
    /// 0: done, and nothing to complain about.
    Success,
    /// 1: a check failed, or there are findings.
    Findings,
    /// 2: wrong usage, or input that cannot be used.
    Usage,
    /// 3: the server, or the API server, cannot be reached.
    Unreachable,
    /// 4: somebody does not allow it: a right is missing, or a policy says no.
    Refused,
    /// 5: a mistake in fapictl itself.
    Internal,
    /// 124: waited long enough.
    TimedOut,
    /// 130: interrupted with Ctrl-C.
    Interrupted,
}

impl Exit {
    /// The number that the shell sees.
    pub const fn code(self) -> u8 {
        match self {
            Exit::Success => 0,
            Exit::Findings => 1,
            Exit::Usage => 2,
            Exit::Unreachable => 3,
            Exit::Refused => 4,
            Exit::Internal => 5,
            Exit::TimedOut => 124,
            Exit::Interrupted => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}

/// Why a command cannot go on: what is wrong, and what to type next.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stop {
    /// Which exit code.
    pub exit: Exit,
    /// One or two sentences.
    pub message: String,
    /// The next command.
    pub next: String,
}

impl Stop {
    /// Wrong usage, or a file that cannot be used.
    pub fn usage(message: impl Into<String>, next: impl Into<String>) -> Stop {
        Stop { exit: Exit::Usage, message: message.into(), next: next.into() }
    }

    /// Nobody answers.
    pub fn unreachable(message: impl Into<String>, next: impl Into<String>) -> Stop {
        Stop { exit: Exit::Unreachable, message: message.into(), next: next.into() }
    }

    /// A mistake of ours.
    pub fn internal(message: impl Into<String>) -> Stop {
        Stop { exit: Exit::Internal, message: message.into(), next: "fapictl version -o json".to_owned() }
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.message)
    }
}

impl std::error::Error for Stop {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_exit_code_is_in_the_readme() {
        let readme = include_str!("../README.md");
        for exit in [
            Exit::Success,
            Exit::Findings,
            Exit::Usage,
            Exit::Unreachable,
            Exit::Refused,
            Exit::Internal,
            Exit::TimedOut,
            Exit::Interrupted,
        ] {
            assert!(readme.contains(&format!("| {} |", exit.code())), "{exit:?}");
        }
    }
}
