//! How would a person type this here? Commands that are shown can be pasted, and paths in them are the short ones.

use std::env;
use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};

/// This program, as it was typed: by its name, or by the shorter way to it.
pub(crate) fn program() -> String {
    let typed = env::args_os().next().filter(|typed| !typed.is_empty());
    typed.map_or_else(|| "fapictl".to_owned(), |typed| path(&program_near(&typed, &here())))
}

/// The path from the current folder, where that is shorter.
pub(crate) fn near(path: &Path) -> PathBuf {
    nearer(path, &here())
}

/// A path as a word of a command: in quotes, where the shell would see more in it than a name.
pub(crate) fn path(path: &Path) -> String {
    word(&path.to_string_lossy())
}

/// A word of a command.
pub(crate) fn word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:@%+=,".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

fn here() -> PathBuf {
    env::current_dir().unwrap_or_default()
}

/// A word without a separator was looked up in `PATH`; a way without one would be.
fn program_near(typed: &OsStr, here: &Path) -> PathBuf {
    let typed = Path::new(typed);
    let near = nearer(typed, here);
    let looked_up = |path: &Path| path.components().count() == 1;
    if looked_up(&near) && !looked_up(typed) { Path::new(".").join(near) } else { near }
}

fn nearer(path: &Path, here: &Path) -> PathBuf {
    if !path.is_absolute() || !here.is_absolute() {
        return path.to_owned();
    }
    let shared = path.components().zip(here.components()).take_while(|(one, other)| one == other).count();
    let up = here.components().skip(shared).map(|_| Component::ParentDir);
    let relative: PathBuf = up.chain(path.components().skip(shared)).collect();
    let length = |path: &Path| path.as_os_str().len();
    if relative.as_os_str().is_empty() {
        PathBuf::from(".")
    } else if length(&relative) < length(path) {
        relative
    } else {
        path.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_shown_the_shorter_way() {
        let near = |path: &str, here: &str| nearer(Path::new(path), Path::new(here)).display().to_string();
        for (path, here, shown) in [
            ("/long/way/src/target/debug/fapictl", "/long/way/src", "target/debug/fapictl"),
            ("/long/way/src/.fapi", "/long/way/src/examples", "../.fapi"),
            ("/long/way/src", "/long/way/src", "."),
            ("/opt/fapi", "/long/way/src/examples", "/opt/fapi"),
            ("examples/.fapi", "/long/way/src", "examples/.fapi"),
            ("/opt/fapi", "", "/opt/fapi"),
        ] {
            assert_eq!(near(path, here), shown, "{path} in {here}");
        }
    }

    #[test]
    fn a_program_is_called_as_it_was_typed() {
        let called = |typed: &str| program_near(OsStr::new(typed), Path::new("/src")).display().to_string();
        for (typed, shown) in [
            ("fapictl", "fapictl"),
            ("./fapictl", "./fapictl"),
            ("target/debug/fapictl", "target/debug/fapictl"),
            ("../bin/fapictl", "../bin/fapictl"),
            ("/src/target/debug/fapictl", "target/debug/fapictl"),
            ("/bin/fapictl", "/bin/fapictl"),
            ("/src/fapictl", "./fapictl"),
        ] {
            assert_eq!(called(typed), shown, "{typed}");
        }
    }

    #[test]
    fn what_is_shown_can_be_pasted() {
        for (text, shown) in [
            ("examples/.fapi", "examples/.fapi"),
            ("My Files/x", "'My Files/x'"),
            ("it's", r"'it'\''s'"),
            ("a;b", "'a;b'"),
            ("", "''"),
        ] {
            assert_eq!(word(text), shown);
        }
    }
}
