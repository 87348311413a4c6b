//! Does somebody really want it? What cannot be taken back is confirmed by name; a pipeline says `--yes`.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use crate::exit::Stop;

/// Goes on when the name was typed, or `--yes` was given.
pub(crate) fn confirm(what: &str, name: &str, yes: bool) -> Result<(), Stop> {
    if yes {
        return Ok(());
    }
    if !io::stdin().is_terminal() {
        return Err(Stop::usage(
            format!("{what} has to be confirmed, and nobody is there to ask"),
            "the same command with --yes",
        ));
    }
    let mut talk = io::stderr().lock();
    let _ = write!(talk, "Type {name} to go on: ").and_then(|()| talk.flush());
    let mut typed = String::new();
    let read = io::stdin().lock().read_line(&mut typed);
    if read.is_ok() && typed.trim() == name {
        Ok(())
    } else {
        Err(Stop::usage("nothing was changed: that is another name", "the same command again, or --yes"))
    }
}
