//! The Helm chart: what can be said of its files, what Helm makes of them, and what an API server says to that.
//!
//! | module | shows |
//! |---|---|
//! | `values` | schema, defaults and the table in the chart's README say the same |
//! | `alerts` | alerts and the dashboard use metrics that exist; each alert has a runbook |
//! | `rendered` | what Helm renders, refuses and says, and that `examples/operator` is the same |
//! | `accepted` | a real API server takes all of it |
//! | `helm`, `files` | how to ask Helm, and where things are |
//!
//! `INSTA_UPDATE=always` has generated files written instead of compared.

#[cfg(test)]
mod accepted;
#[cfg(test)]
mod alerts;
#[cfg(test)]
mod files;
#[cfg(test)]
mod helm;
#[cfg(test)]
mod rendered;
#[cfg(test)]
mod values;
