//! What the three kinds promise, checked offline: names, generated files, CEL rules, examples.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod client_rules;
mod control_plane;
mod derived;
mod documents;
mod examples;
mod names;
mod published;
mod signing_key_rules;
mod support;
mod workspace_rules;
