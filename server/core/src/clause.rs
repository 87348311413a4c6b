//! Where a requirement stands: carried by every refusal, so that a log line can be checked against the text.

use std::fmt;

/// The address of a requirement, e.g. `F1A 5.2.2-13` (FAPI 1.0 Advanced, clause 5.2.2, item 13) or `RFC 7636 4.6`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Clause(pub &'static str);

impl fmt::Display for Clause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}
