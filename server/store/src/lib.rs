//! Grants, replay, sessions: what an authorization server has to remember, in SQLite or PostgreSQL.
//!
//! A [`Store`] is a handle that can be cloned. Its verbs are grouped by what they are about; each is atomic, is on disk before
//! it answers, and answers with what happened:
//!
//! | about | verbs of [`Store`] |
//! |---|---|
//! | grants | `push`, `by_id`, `by_request_uri`, `by_code`, `open_grant`, `authenticate`, `consent`, `deny`, `issue_code`, `close_grant`, `redeem`, `revoke` |
//! | replay | `first_use`, `spent` |
//! | sessions | `open_session`, `session`, `touch`, `replace_session`, `close_session`, `remember_consent`, `remembered` |
//! | signing out | `join_session`, `claim_notice`, `postpone_notice`, `drop_notice` |
//! | refresh tokens | `lookup`, `replace`, `revoke_for` |
//! | consents | `held`, `withdraw` |
//! | revocations | `deny_use`, `denied` |
//! | removal | `purge`, `purge_client` |
//! | itself | `open`, `health`, `close` |
//!
//! Three rules hold everywhere. "Use once" is one conditional write whose affected-row count decides. What is looked up by a
//! secret is stored as its [digest](fapi_core::secret::Digest), and each kind has a table of its own: a code is never found where
//! a refresh token is asked for. Whether something is *allowed* was decided by `fapi_core` before; the store decides who of two
//! came first.
//!
//! SQLite serves one process, with one writer that takes what many callers want into one commit. PostgreSQL serves many, with
//! statements that its distributed relatives understand too. [`conformance`] is run against both.

mod backend;
mod config;
mod connection;
mod consents;
mod error;
#[cfg(test)]
mod failpoint;
mod grants;
mod logouts;
mod purge;
mod refresh_tokens;
mod removal;
mod replay;
mod revocations;
mod sessions;
mod store;
mod write;

#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
#[cfg(test)]
mod tests;

pub use config::{Config, Database, Postgres};
pub use consents::{Held, Withdrawal};
pub use error::StoreError;
pub use grants::{Claim, Issuing, Redemption, Revocation};
pub use logouts::{Joined, Notice, Participant, Telling};
pub use purge::Purged;
pub use refresh_tokens::Replacement;
pub use removal::Removal;
pub use replay::FirstUse;
pub use revocations::Denied;
pub use sessions::Session;
pub use store::Store;
