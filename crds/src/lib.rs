//! What can be written in YAML, and what is shown there? The three kinds of fapi.rs, their rules, and their definitions.
//!
//! A [`Workspace`] is one authorization server, a [`Client`] one OAuth client of it, a [`SigningKey`] one line of its keys. The field
//! tables are in the doc comments, which `kubectl explain` shows; the rules that a single object can break stand beside the fields as
//! CEL, so that the API server refuses it; what needs a second look (references, the profile) is the operator's to judge.
//!
//! | module | answers |
//! |---|---|
//! | [`workspace`], [`client`], [`signing_key`] | what may be written, and what is shown |
//! | [`condition`], [`Reason`] | what is true of an object, and why |
//! | [`schema`] | the published definitions; misspelt fields; the API server's verdict without it |
//! | [`names`] | labels, annotations, finalizers |
//!
//! `cargo crdgen` writes `crds/*.yaml` and the tables of `crds/README.md`; a test compares them.

#![expect(clippy::duplicated_attributes, reason = "printer columns have types and priorities in common")]
#![expect(unreachable_pub, reason = "KubeSchema repeats each public struct inside a function")]

mod algorithm;
mod duration;
mod kind;
mod pattern;
mod reason;
mod reference;
mod text;
mod vocabulary;

pub mod client;
pub mod condition;
pub mod names;
pub mod reference_tables;
pub mod schema;
pub mod signing_key;
pub mod workspace;

pub use algorithm::*;
pub use client::{Client, ClientSpec, ClientStatus};
pub use condition::ConditionType;
pub use duration::{Duration, DurationError};
pub use kind::Kind;
pub use reason::Reason;
pub use reference::*;
pub use signing_key::{SigningKey, SigningKeySpec, SigningKeyStatus};
pub use workspace::{Profile, Workspace, WorkspaceSpec, WorkspaceStatus};
