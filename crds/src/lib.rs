//! The three kinds of fapi.rs, their CEL rules and generated YAML.

#![expect(unreachable_pub, reason = "KubeSchema repeats each public struct inside a function")]

mod algorithm;
mod duration;
mod pattern;
mod reference;
mod text;

pub mod client;
pub mod names;
pub mod signing_key;
pub mod workspace;

pub use algorithm::*;
pub use client::{Client, ClientSpec, ClientStatus};
pub use duration::{Duration, DurationError};
pub use reference::*;
pub use signing_key::{SigningKey, SigningKeySpec, SigningKeyStatus};
pub use workspace::{Profile, Workspace, WorkspaceSpec, WorkspaceStatus};
