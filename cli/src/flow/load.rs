//! How does it hold up? Many flows, their totals and latencies.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

use super::report::{Ending, Report};
use crate::screen::Paint;

/// How many failures are told in detail.
const TOLD: usize = 10;

/// What many flows add up to.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Totals {
    /// Whether every flow passed.
    pub ok: bool,
    /// How many were played.
    pub flows: usize,
    /// How many did not pass.
    pub failed: usize,
    /// How many of those got no answer.
    pub unreachable: usize,
    /// How long all of it took.
    pub seconds: f64,
    /// Flows that passed, per second.
    pub per_second: f64,
    /// Milliseconds: of whole flows (`flow`) and of each step, of flows that passed.
    pub latency: BTreeMap<String, Quantiles>,
    /// The first failures.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<Failure>,
}

/// Milliseconds.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Quantiles {
    /// Half of them were faster.
    pub p50: f64,
    /// 95 of a hundred were.
    pub p95: f64,
    /// 99 of a hundred were.
    pub p99: f64,
    /// The slowest.
    pub max: f64,
}

/// One that did not pass.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Failure {
    /// Where it stopped.
    pub step: &'static str,
    /// Why.
    pub failed: Vec<String>,
}

impl Totals {
    /// Adds up.
    pub fn of(reports: &[Report], seconds: f64) -> Totals {
        let mut millis: BTreeMap<String, Vec<f64>> = BTreeMap::new();
        for report in reports.iter().filter(|report| report.ok) {
            millis.entry("flow".to_owned()).or_default().push(report.millis);
            for step in &report.steps {
                millis.entry(step.name.to_owned()).or_default().push(step.millis);
            }
        }
        let failed: Vec<&Report> = reports.iter().filter(|report| !report.ok).collect();
        let passed = reports.len() - failed.len();
        let failures = failed.iter().filter_map(|report| report.steps.last()).take(TOLD);
        #[expect(clippy::cast_precision_loss, reason = "a count of flows is far below 2^53")]
        let per_second = (passed as f64 / seconds * 100.0).round() / 100.0;
        Totals {
            ok: failed.is_empty(),
            flows: reports.len(),
            failed: failed.len(),
            unreachable: failed.iter().filter(|report| report.ending == Ending::Unreachable).count(),
            seconds: (seconds * 1000.0).round() / 1000.0,
            per_second,
            latency: millis.into_iter().map(|(name, values)| (name, Quantiles::of(values))).collect(),
            failures: failures.map(|step| Failure { step: step.name, failed: step.failed.clone() }).collect(),
        }
    }

    /// The ending of all flows together: one that got no answer does not hide one that failed.
    pub fn ending(&self) -> Ending {
        match (self.failed, self.unreachable) {
            (0, _) => Ending::Passed,
            (failed, unreachable) if failed == unreachable => Ending::Unreachable,
            _ => Ending::Failed,
        }
    }

    /// For people.
    pub fn text(&self, paint: Paint) -> String {
        let passed = self.flows - self.failed;
        let verdict =
            if self.ok { paint.good("all passed:") } else { paint.bad(format!("{} failed:", self.failed)) };
        let mut text = format!(
            "{verdict} {passed} of {} flows in {:.1} s, {} per second\n\n{:<20}{:>10}{:>10}{:>10}{:>10}\n",
            self.flows, self.seconds, self.per_second, "ms", "p50", "p95", "p99", "max"
        );
        for (name, Quantiles { p50, p95, p99, max }) in &self.latency {
            let _ = writeln!(text, "{name:<20}{p50:>10.1}{p95:>10.1}{p99:>10.1}{max:>10.1}");
        }
        for Failure { step, failed } in &self.failures {
            let _ = writeln!(text, "{} {step}: {}", paint.cross(), failed.join("; "));
        }
        text
    }
}

impl Quantiles {
    /// Nearest rank: a value that was really measured.
    fn of(mut values: Vec<f64>) -> Quantiles {
        values.sort_by(f64::total_cmp);
        let at = |percent: usize| {
            let rank = (values.len() * percent).div_ceil(100).max(1);
            values.get(rank - 1).copied().unwrap_or_default()
        };
        Quantiles { p50: at(50), p95: at(95), p99: at(99), max: at(100) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(ending: Ending, millis: f64) -> Report {
        Report {
            ok: ending == Ending::Passed,
            ending,
            issuer: String::new(),
            client_id: String::new(),
            user: String::new(),
            steps: Vec::new(),
            millis,
        }
    }

    #[test]
    fn quantiles_are_values_that_were_measured() {
        let hundred: Vec<Report> = (1..=100).rev().map(|n| report(Ending::Passed, f64::from(n))).collect();
        let totals = Totals::of(&hundred, 4.0);
        assert_eq!(totals.latency["flow"], Quantiles { p50: 50.0, p95: 95.0, p99: 99.0, max: 100.0 });
        assert!((totals.per_second - 25.0).abs() < f64::EPSILON);
        assert_eq!(totals.ending(), Ending::Passed);

        let one = Totals::of(&hundred[..1], 1.0).latency["flow"];
        assert_eq!(one, Quantiles { p50: 100.0, p95: 100.0, p99: 100.0, max: 100.0 });
    }

    #[test]
    fn a_flow_without_an_answer_does_not_hide_one_that_failed() {
        let ending = |endings: &[Ending]| {
            Totals::of(&endings.iter().map(|ending| report(*ending, 1.0)).collect::<Vec<_>>(), 1.0).ending()
        };
        assert_eq!(ending(&[Ending::Passed, Ending::Unreachable]), Ending::Unreachable);
        assert_eq!(ending(&[Ending::Failed, Ending::Unreachable]), Ending::Failed);
        assert_eq!(ending(&[Ending::Failed, Ending::Passed]), Ending::Failed);
    }
}
