//! The FAPI authorization server: what runs in the pods.
//!
//! The library is the whole server: the binary adds flags and signals, `fapictl up` runs several in one process.
//!
//! | module | answers |
//! |---|---|
//! | [`app`] | what does everything share? |
//! | [`clock`], [`random`] | what time is it, and where does randomness come from? The only places that know |
//! | [`keyring`] | with which key is this signed? |
//! | [`listen`] | who may come in, by which door, and how long may they take? |
//! | [`shutdown`] | how does it end? |
//! | [`telemetry`] | what is going on? |
//! | [`tls`] | which certificate is shown at which door, and what is a caller's certificate worth? |

pub mod app;
pub mod clock;
pub mod keyring;
pub mod listen;
pub mod random;
pub mod shutdown;
pub mod telemetry;
pub mod tls;
