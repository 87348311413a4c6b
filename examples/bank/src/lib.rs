#![doc = include_str!("../README.md")]
//! ## In this crate
//!
//! | module | answers |
//! |---|---|
//! | `guard` | may this request see accounts, and whose? The checks, in their order |
//! | `issuer` | which keys does the issuer publish, and where is it asked? |
//! | `introspection` | is this token still in force, and whom does it speak for? |
//! | `proofs` | has this proof come before? |
//! | `accounts` | what belongs to whom? |
//! | `routes` | what is behind which path? |
//! | `refusal`, `interaction`, `accept` | what does every answer look like? |
//! | `listen` | who may come in, and how long may they take? |
//! | `outbound` | how is the authorization server called? |
//! | [`args`] | what is the binary told? |

mod accept;
mod accounts;
pub mod args;
mod bank;
mod guard;
mod interaction;
mod introspection;
mod issuer;
mod listen;
mod outbound;
mod proofs;
mod refusal;
mod routes;

pub use self::bank::{Bank, Config, Credential, Running, Unfit};
pub use self::outbound::{Reroute, Routes};
