//! How is the authorization server called? Over TLS, believing in one CA, with nothing done behind our back: no redirects, no
//! proxies, no retries of what may have been received.

mod client;
mod connect;

pub(crate) use self::client::{Client, Request};
pub use self::connect::{Reroute, Routes};
