//! Is it valid? Pure: everything is passed in, and everything is answered at once, for the Workspace and for each Client.

mod found;
pub mod ledger;
mod verdict;

pub use found::{Found, FoundClient, Fresh, Missing, Previous, References, Resolved, Value, references};
pub use verdict::{
    ClientFacts, ClientVerdict, Finding, ObjectKey, Publication, SigningKeyVerdict, Verdict, WorkspaceVerdict,
};
