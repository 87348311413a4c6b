//! What was proved in a step, and what was not.

use std::fmt::Display;

use serde_json::{Map, Value};

/// The claims of one step. A claim that is made twice is written down once.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Findings {
    proved: Vec<String>,
    failed: Vec<String>,
    facts: Map<String, Value>,
}

impl Findings {
    /// Writes down a claim with the clause it comes from: as proved if it holds, else as failed.
    pub fn hold(&mut self, holds: bool, claim: &str, source: &str) -> bool {
        let list = if holds { &mut self.proved } else { &mut self.failed };
        push(list, format!("{claim} ({source})"));
        holds
    }

    /// The same; if the claim does not hold, with what was found instead. Never a token, code or password.
    pub fn hold_or(&mut self, holds: bool, claim: &str, source: &str, found: impl Display) -> bool {
        if holds {
            return self.hold(true, claim, source);
        }
        push(&mut self.failed, format!("{claim} ({source}), but found: {found}"));
        false
    }

    /// The same for something that is there or is wrong: its value if it is there.
    pub fn have<T, E: Display>(&mut self, value: Result<T, E>, claim: &str, source: &str) -> Option<T> {
        match value {
            Ok(value) => {
                self.hold(true, claim, source);
                Some(value)
            }
            Err(error) => {
                self.hold_or(false, claim, source, error);
                None
            }
        }
    }

    /// Something worth knowing that is neither right nor wrong.
    pub fn fact(&mut self, name: &str, value: impl Into<Value>) {
        self.facts.insert(name.to_owned(), value.into());
    }

    /// Something went wrong that is not a claim of a specification.
    pub fn fail(&mut self, what: impl Into<String>) {
        push(&mut self.failed, what.into());
    }

    /// Whether nothing failed.
    pub fn all_hold(&self) -> bool {
        self.failed.is_empty()
    }

    /// What failed.
    pub fn failed(&self) -> &[String] {
        &self.failed
    }

    /// Takes it apart: proved, failed, facts.
    pub fn into_parts(self) -> (Vec<String>, Vec<String>, Map<String, Value>) {
        (self.proved, self.failed, self.facts)
    }
}

fn push(list: &mut Vec<String>, entry: String) {
    if !list.contains(&entry) {
        list.push(entry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_is_written_down_once_with_what_was_found_instead() {
        let mut findings = Findings::default();
        findings.hold(true, "pages are not stored", "RFC 1");
        findings.hold(true, "pages are not stored", "RFC 1");
        assert!(findings.all_hold());
        findings.hold_or(false, "the status is 201", "RFC 9126 2.2", 200);
        assert_eq!(findings.have(Err::<(), _>("nothing"), "there is a code", "RFC 6749 4.1.2"), None);
        let (proved, failed, _) = findings.into_parts();
        assert_eq!(proved, ["pages are not stored (RFC 1)"]);
        assert_eq!(
            failed,
            [
                "the status is 201 (RFC 9126 2.2), but found: 200",
                "there is a code (RFC 6749 4.1.2), but found: nothing"
            ]
        );
    }
}
