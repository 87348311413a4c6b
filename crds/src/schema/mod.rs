//! What does the API server know about the three kinds? Their definitions as they are published, and its verdict without it.

mod compare;
mod publish;
mod shape;
mod unknown;
mod verdict;

pub use compare::{Difference, compare};
pub use publish::{CHART, definition, openapi, yaml};
pub use unknown::{UnknownField, unknown_fields};
pub use verdict::{Violation, violations, violations_of_update};
