//! Colour or not? Data goes to stdout, talk to stderr; each is coloured only where a person looks at it.

use std::env;
use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write as _};

/// `--color`
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, clap::ValueEnum)]
pub enum ColorChoice {
    /// On a terminal, unless `NO_COLOR` is set
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// Writes a line to stdout. Whoever reads may stop early (`fapictl flow | head`): that is no error of ours.
pub fn print(line: &str) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// Puts colour on text, or leaves it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Paint {
    on: bool,
}

impl Paint {
    /// No colour.
    pub const PLAIN: Paint = Paint { on: false };

    /// For what is written to stdout.
    pub fn stdout(choice: ColorChoice) -> Paint {
        Paint::choose(choice, io::stdout().is_terminal())
    }

    /// For what is written to stderr.
    pub fn stderr(choice: ColorChoice) -> Paint {
        Paint::choose(choice, io::stderr().is_terminal())
    }

    /// <https://no-color.org>: set and not empty means no colour; `--color` wins over it.
    fn choose(choice: ColorChoice, terminal: bool) -> Paint {
        let wanted = terminal && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Paint {
            on: match choice {
                ColorChoice::Always => true,
                ColorChoice::Never => false,
                ColorChoice::Auto => wanted,
            },
        }
    }

    /// Whether there is colour.
    pub fn is_on(self) -> bool {
        self.on
    }

    /// What went well.
    pub fn good(self, text: impl Display) -> String {
        self.wrap("32", text)
    }

    /// What went wrong.
    pub fn bad(self, text: impl Display) -> String {
        self.wrap("31", text)
    }

    /// The mark of what failed, everywhere.
    pub fn cross(self) -> String {
        self.bad("✖")
    }

    /// The mark of what is right, everywhere.
    pub fn tick(self) -> String {
        self.good("✔")
    }

    /// What matters less.
    pub fn dim(self, text: impl Display) -> String {
        self.wrap("2", text)
    }

    /// What matters most.
    pub fn bold(self, text: impl Display) -> String {
        self.wrap("1", text)
    }

    fn wrap(self, code: &str, text: impl Display) -> String {
        if self.on { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_is_for_terminals_unless_asked_for() {
        assert_eq!(Paint::choose(ColorChoice::Auto, false).good("x"), "x");
        assert_eq!(Paint::choose(ColorChoice::Never, true).good("x"), "x");
        assert_eq!(Paint::choose(ColorChoice::Always, false).good("x"), "\x1b[32mx\x1b[0m");
    }
}
