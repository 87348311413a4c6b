//! What does a person, or a program, get to read about a flow?

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::{Map, Value};

use super::findings::Findings;
use super::target::Target;
use crate::exit::Exit;
use crate::screen::Paint;

/// One step.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Step {
    /// What it is called.
    pub name: &'static str,
    /// Whether everything held.
    pub ok: bool,
    /// What was proved, each with the clause that asks for it.
    pub proved: Vec<String>,
    /// What was not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<String>,
    /// What is worth knowing beside it. Never a token, code or password.
    pub facts: Map<String, Value>,
    /// How long it took.
    pub millis: f64,
}

/// How a flow ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Ending {
    /// All checks passed.
    Passed,
    /// One did not.
    Failed,
    /// There was no answer.
    Unreachable,
}

impl Ending {
    /// The exit code.
    pub const fn exit(self) -> Exit {
        match self {
            Ending::Passed => Exit::Success,
            Ending::Failed => Exit::Findings,
            Ending::Unreachable => Exit::Unreachable,
        }
    }
}

/// One flow, whole.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Whether all checks passed.
    pub ok: bool,
    /// How it ended.
    pub ending: Ending,
    /// Against whom.
    pub issuer: String,
    /// Who asked.
    pub client_id: String,
    /// Who signed in.
    pub user: String,
    /// What happened.
    pub steps: Vec<Step>,
    /// How long it took.
    pub millis: f64,
}

impl Step {
    pub(super) fn new(name: &'static str, findings: Findings, millis: f64) -> Step {
        let (proved, failed, mut facts) = findings.into_parts();
        facts.retain(|_, value| !value.is_null());
        Step { name, ok: failed.is_empty(), proved, failed, facts, millis: (millis * 10.0).round() / 10.0 }
    }

    /// For people: the name, then a line for each claim, then the facts.
    pub fn text(&self, paint: Paint) -> String {
        let mark = if self.ok { paint.tick() } else { paint.cross() };
        let name = paint.bold(format!("{:<20}", self.name));
        let mut text = format!(
            "{mark} {name}{}
",
            paint.dim(format!("{:>8.1} ms", self.millis))
        );
        for claim in &self.proved {
            let _ = writeln!(text, "    {claim}");
        }
        for claim in &self.failed {
            let _ = writeln!(text, "  {} {claim}", paint.cross());
        }
        let facts: Vec<String> = self.facts.iter().map(|(name, value)| fact(name, value)).collect();
        if !facts.is_empty() {
            let _ = writeln!(text, "    {}", paint.dim(facts.join("  ")));
        }
        text
    }
}

fn fact(name: &str, value: &Value) -> String {
    match value {
        Value::String(text) => format!("{name}={text}"),
        Value::Array(list) => {
            let parts: Vec<String> =
                list.iter().map(|one| one.as_str().map_or_else(|| one.to_string(), str::to_owned)).collect();
            format!("{name}={}", parts.join(","))
        }
        other => format!("{name}={other}"),
    }
}

/// The line before the steps.
pub fn heading(target: &Target, paint: Paint) -> String {
    format!("{}  {} as {}", paint.bold(&target.issuer), target.client_id, target.user)
}

impl Report {
    /// The line after the steps.
    pub fn closing(&self, paint: Paint) -> String {
        let proved: usize = self.steps.iter().map(|step| step.proved.len()).sum();
        let seconds = self.millis / 1000.0;
        match self.ending {
            Ending::Passed => {
                format!(
                    "{} {} steps, {proved} checks, {seconds:.2} s",
                    paint.good("all passed:"),
                    self.steps.len()
                )
            }
            Ending::Failed => {
                let place = self.steps.last().map_or("start", |step| step.name);
                format!(
                    "{} at {place}, after {proved} checks: a careful client goes no further",
                    paint.bad("failed")
                )
            }
            Ending::Unreachable => format!("{}: the checks could not be made", paint.bad("no answer")),
        }
    }
}

#[cfg(test)]
#[path = "report_tests.rs"]
mod tests;
