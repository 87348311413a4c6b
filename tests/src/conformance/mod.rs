//! Which test shows which requirement, and where is it decided?
//!
//! `tests/requirements/` holds the rows: [`Rows`] that must or should hold, the [`Texts`] they come from, clause by clause,
//! [`Others`] that tests may quote, and the rows that still [wait](Waiting). [`Quotes`] are found in the code. From both,
//! [`table`] writes `docs/conformance.md`.

mod quotes;
mod rows;
mod table;

pub use quotes::{Ids, Quotes};
pub use rows::{Clause, Group, Level, Others, Row, Rows, Section, Text, Texts, Waiting, read};
pub use table::table;
