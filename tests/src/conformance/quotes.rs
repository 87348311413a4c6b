//! Who quotes an id? Tests in their documentation or body, and comments of the source.
//!
//! The code is read line by line. rustfmt makes that reliable: a function ends with the brace that stands as far in as its
//! first line began.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use regex::Regex;

/// Finds ids in text: those with the prefix of an id that exists.
#[derive(Debug)]
pub struct Ids(Regex);

impl Ids {
    /// Ids that look like these.
    ///
    /// # Panics
    /// When one of them is no id.
    pub fn like<'a>(known: impl IntoIterator<Item = &'a str>) -> Self {
        let prefixes: BTreeSet<String> = known
            .into_iter()
            .map(|id| {
                regex::escape(id.trim_end_matches(|c: char| c.is_ascii_digit() || c.is_ascii_lowercase()))
            })
            .collect();
        let any = prefixes.into_iter().collect::<Vec<_>>().join("|");
        Self(Regex::new(&format!(r"\b(?:{any})[0-9]{{2}}[a-c]?\b")).expect("escaped prefixes are a pattern"))
    }

    fn within(&self, line: &str) -> BTreeSet<String> {
        self.0.find_iter(line).map(|found| found.as_str().to_owned()).collect()
    }
}

/// Which file and function quotes an id.
#[derive(Debug, Default)]
pub struct Quotes {
    /// By id: the files, and in each the names of the tests that quote it.
    pub tests: BTreeMap<String, BTreeMap<String, BTreeSet<String>>>,
    /// By id: the files outside tests with a comment that quotes it.
    pub decided: BTreeMap<String, BTreeSet<String>>,
    /// Every id that stands anywhere in test code, and one file it stands in.
    pub quoted: BTreeMap<String, String>,
}

/// One function of a file, and what it quotes.
#[derive(Debug, Default)]
struct Function {
    name: String,
    is_test: bool,
    ids: BTreeSet<String>,
    body: String,
}

impl Quotes {
    /// Reads all code of the repository.
    pub fn of(repository: &Path, ids: &Ids) -> Self {
        let mut quotes = Self::default();
        quotes.folder(repository, "", ids);
        quotes
    }

    fn folder(&mut self, folder: &Path, inside: &str, ids: &Ids) {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = if inside.is_empty() { name.clone() } else { format!("{inside}/{name}") };
            let kind = entry.file_type();
            if kind.as_ref().is_ok_and(std::fs::FileType::is_dir) {
                if name != "target" && !name.starts_with('.') {
                    self.folder(&entry.path(), &path, ids);
                }
            } else if entry.path().extension().is_some_and(|end| end == "rs")
                && let Ok(text) = std::fs::read_to_string(entry.path())
            {
                self.file(&path, &text, ids);
            }
        }
    }

    fn file(&mut self, path: &str, text: &str, ids: &Ids) {
        let all_tests = path.starts_with("tests/")
            || ["/tests/", "/conformance/"].iter().any(|folder| path.contains(folder))
            || ["tests.rs", "_tests.rs"].iter().any(|end| path.ends_with(end));
        let Parts { functions, outside, comments } = Parts::of(text, ids);

        let mut quoted = outside;
        for function in functions.iter().filter(|function| all_tests || function.is_test) {
            quoted.extend(function.ids.iter().cloned());
        }
        if all_tests {
            quoted.extend(comments.iter().cloned());
        } else {
            for id in comments {
                self.decided.entry(id).or_default().insert(path.to_owned());
            }
        }
        for id in quoted {
            self.quoted.entry(id).or_insert_with(|| path.to_owned());
        }
        for test in functions.iter().filter(|function| function.is_test) {
            for id in reached(test, &functions) {
                let files = self.tests.entry(id).or_default();
                files.entry(path.to_owned()).or_default().insert(test.name.clone());
            }
        }
    }
}

/// What a test quotes, itself or through functions of its file that it names.
fn reached(test: &Function, functions: &[Function]) -> BTreeSet<String> {
    let mut ids = test.ids.clone();
    let mut open = vec![test];
    let mut seen = BTreeSet::from([test.name.as_str()]);
    while let Some(function) = open.pop() {
        for other in functions.iter().filter(|other| !other.is_test) {
            if names(&function.body, &other.name) && seen.insert(&other.name) {
                ids.extend(other.ids.iter().cloned());
                open.push(other);
            }
        }
    }
    ids
}

/// Whether a text uses this name as a whole word, as a function: followed by a parenthesis, a comma or an end.
fn names(text: &str, name: &str) -> bool {
    text.match_indices(name).any(|(start, found)| {
        let before = text.get(..start).and_then(|before| before.chars().next_back());
        let after = text.get(start + found.len()..).and_then(|after| after.chars().next());
        !before.is_some_and(|c| c.is_alphanumeric() || "_\"`".contains(c))
            && after.is_some_and(|c| "(,:)".contains(c))
    })
}

/// A file, taken apart.
#[derive(Debug, Default)]
struct Parts {
    functions: Vec<Function>,
    /// Ids in test modules, outside functions.
    outside: BTreeSet<String>,
    /// Ids in comments that belong to no test.
    comments: BTreeSet<String>,
}

impl Parts {
    fn of(text: &str, ids: &Ids) -> Self {
        let mut parts = Self::default();
        let mut in_tests = false;
        let mut above = (BTreeSet::new(), false, false);
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            let code = line.trim_start();
            if code.starts_with("//!") {
                parts.keep(ids.within(line), in_tests);
            } else if code.starts_with("//") || code.starts_with("#[") {
                above.0.append(&mut ids.within(line));
                above.1 |= code.starts_with("#[test]") || code.starts_with("#[tokio::test");
                above.2 |= code.starts_with("#[cfg(test)]");
            } else if let Some(name) = name_of(code) {
                let (found, has_attribute, _) = std::mem::take(&mut above);
                let mut function = Function { name, is_test: has_attribute, ids: found, body: String::new() };
                let indent = line.len() - code.len();
                let mut commented = function.ids.clone();
                let mut current = Some(line);
                while let Some(line) = current {
                    let found = ids.within(line);
                    if line.trim_start().starts_with("//") {
                        commented.extend(found.iter().cloned());
                    }
                    function.ids.extend(found);
                    function.is_test |= line.contains("-> Shown");
                    function.body.push_str(line);
                    function.body.push('\n');
                    let ends_here = line.get(indent..).is_some_and(|rest| rest.starts_with('}'))
                        && line.trim_start().len() + indent == line.len();
                    let is_short = function.body.lines().count() == 1 && line.ends_with(['}', ';']);
                    current = if ends_here || is_short { None } else { lines.next() };
                }
                if !function.is_test && !in_tests {
                    parts.comments.append(&mut commented);
                }
                parts.functions.push(function);
            } else if !code.is_empty() {
                let (found, _, is_for_tests) = std::mem::take(&mut above);
                in_tests |= is_for_tests && code.contains("mod ") && code.ends_with('{');
                let quoted = ids.within(line);
                parts.keep(found, in_tests);
                if in_tests || code.contains("//") {
                    parts.keep(quoted, in_tests);
                }
            }
        }
        parts
    }

    fn keep(&mut self, ids: BTreeSet<String>, in_tests: bool) {
        if in_tests { self.outside.extend(ids) } else { self.comments.extend(ids) }
    }
}

/// The name of the function that begins with this line.
fn name_of(code: &str) -> Option<String> {
    let mut words = code.split_whitespace();
    loop {
        match words.next()? {
            "async" | "const" | "pub" => {}
            word if word.starts_with("pub(") => {}
            "fn" => break,
            _ => return None,
        }
    }
    let name: String = words.next()?.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODE: &str = r#"
//! Of ZZ-01.

/// Decided by ZZ-02.
pub(crate) fn decide() -> bool {
    // As ZZ-03 wants.
    let text = "ZZ-04";
    true
}

#[cfg(test)]
mod tests {
    fn holds(what: &str) {
        assert!(true, "ZZ-05");
    }

    /// Shows ZZ-06.
    #[test]
    fn a_claim_is_true() {
        if true {
            holds("ZZ-07, ZZ-08a");
        }
    }

    #[test]
    fn another() {
        // holds is not called here
    }
}
"#;

    fn quotes(path: &str) -> Quotes {
        let mut quotes = Quotes::default();
        quotes.file(path, CODE, &Ids::like(["ZZ-01"]));
        quotes
    }

    fn keys<T>(map: &BTreeMap<String, T>) -> Vec<&str> {
        map.keys().map(String::as_str).collect()
    }

    #[test]
    fn a_test_shows_what_stands_above_and_inside_it_and_in_what_it_calls() {
        let quotes = quotes("a/src/b.rs");
        assert_eq!(keys(&quotes.tests), ["ZZ-05", "ZZ-06", "ZZ-07", "ZZ-08a"]);
        for files in quotes.tests.values() {
            assert_eq!(files["a/src/b.rs"], BTreeSet::from(["a_claim_is_true".to_owned()]));
        }
    }

    #[test]
    fn a_comment_outside_tests_says_where_something_is_decided() {
        assert_eq!(keys(&quotes("a/src/b.rs").decided), ["ZZ-01", "ZZ-02", "ZZ-03"]);
        assert!(quotes("a/tests/b.rs").decided.is_empty());
    }

    #[test]
    fn what_stands_in_test_code_is_known_wherever_it_stands() {
        assert_eq!(keys(&quotes("a/src/b.rs").quoted), ["ZZ-06", "ZZ-07", "ZZ-08a"]);
        assert!(quotes("a/tests/b.rs").quoted.contains_key("ZZ-01"));
    }

    #[test]
    fn a_name_is_a_whole_word_that_is_called_or_handed_on() {
        for yes in ["go(x)", "page.go().await", "each(go, 1)", "map(go)"] {
            assert!(names(yes, "go"), "{yes}");
        }
        for no in ["ergo(x)", "going(x)", "go x", "\"go\")"] {
            assert!(!names(no, "go"), "{no}");
        }
    }
}
