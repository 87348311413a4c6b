//! The FAPI protocol, decided.
//!
//! This crate answers one question at a time: *given these values, what may happen?* It never acts. There is no async, no
//! clock, no randomness, no logging and no IO in it: `now`, random bytes and loaded values are arguments, decisions are
//! return values. Its `Cargo.toml` is the fence.
//!
//! | module | answers |
//! |---|---|
//! | [`profile`] | which rules does a profile set, and what may be configured on top? |
//! | [`client`] | who is calling, and may this client be registered at all? |
//! | [`certificate`] | does this certificate name this client, and is it valid? |
//! | [`dpop`] | does the caller hold a key, and which? |
//! | [`sender`] | to which key is the token bound? |
//! | [`authorize`] | is this an authorization request we accept? |
//! | [`id_token_hint`] | of whom does an ID Token speak that comes back to us? |
//! | [`grant`] | what has happened to this authorization so far? |
//! | [`interaction`] | what does the person have to do next? |
//! | [`logo`] | which picture stands beside its name? |
//! | [`logout`] | who is to be signed out, and where do they go afterwards? |
//! | [`logout_token`] | what are clients told then, and how often is it tried? |
//! | [`consent`] | what is a person asked to agree to? |
//! | [`details`] | what, exactly, may be done, and is it of a type that may be asked for? |
//! | [`token`] | may this request have tokens, and which? |
//! | [`claims`], [`response`] | what stands in a token, and how does the answer travel to the client? |
//! | [`resource`] | may this access token be used here? |
//! | [`introspection`], [`revocation`] | what may a caller learn of a token, and end? |
//! | [`network`] | which addresses may we connect to? |
//! | [`metadata`] | what do we say of ourselves? Derived, so that it cannot disagree |
//! | [`registry`] | everything a request may refer to: one immutable snapshot |
//!
//! Every refusal is a [`Rejection`](rejection::Rejection) that carries the [`Clause`](clause::Clause) it comes from.

pub mod authorize;
pub mod certificate;
pub mod claims;
pub mod clause;
pub mod client;
pub mod consent;
pub mod details;
pub mod dpop;
pub mod grant;
pub mod id_token_hint;
pub mod ids;
pub mod interaction;
pub mod introspection;
pub mod issuer;
pub mod lifetime;
pub mod link;
pub mod logo;
pub mod logout;
pub mod logout_token;
pub mod metadata;
pub mod network;
pub mod params;
pub mod profile;
pub mod redirect;
pub mod registry;
pub mod rejection;
pub mod resource;
pub mod response;
pub mod revocation;
pub mod scope;
pub mod secret;
pub mod sender;
pub mod token;

#[cfg(test)]
mod fixture;

pub use clause::Clause;
pub use lifetime::{Lifetime, Timestamp};
pub use rejection::{ErrorCode, Rejection};
